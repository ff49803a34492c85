"""How a run is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp_align.batch.events import Busy, Refused, Skipped, Written
from crisp_align.batch.report import Row
from crisp_align.batch.summary import RunSummary
from crisp_align.errors import CrispAlignError, MediaError, ModelError
from crisp_align.events import Failed


def test_only_for_a_report_are_rows_kept() -> None:
    for keep_rows in (False, True):
        summary = RunSummary(keep_rows=keep_rows)
        summary.take(Written(Row("a.wav", "done")))
        summary.take(Skipped("b.wav", "its outputs are there"))
        summary.take(Failed("c.wav", MediaError("is empty"), quarantined=True))
        assert [row.outcome for row in summary.rows] == (["done", "skipped", "quarantined"] if keep_rows else [])


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([], 0),
        ([MediaError("a")], 1),
        ([ModelError("b"), ModelError("c")], 3),
        ([ModelError("b"), MediaError("a")], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst_error(errors: list[CrispAlignError], code: int) -> None:
    summary = RunSummary(keep_rows=False)
    for error in errors:
        summary.take(Refused("a.wav", error))
    assert summary.exit_code == code


def test_what_another_run_has_is_busy_until_something_comes_of_it() -> None:
    summary = RunSummary(files=3)
    summary.take(Busy("a.wav"))
    summary.take(Busy("b.wav"))
    summary.take(Skipped("a.wav", "it is done already", Row("/long/a.wav", "done", words=7)))
    assert [(row.source, row.outcome, row.words) for row in summary.rows] == [
        ("a.wav", "skipped", 7),
        ("b.wav", "busy", None),
    ]
    assert summary.report().left == 1


def test_the_report_is_written_in_the_form_of_its_extension(tmp_path: Path) -> None:
    summary = RunSummary()
    summary.take(Written(Row("a.wav", "done", words=7)))
    summary.write(tmp_path / "report.csv")
    assert "a.wav,done" in (tmp_path / "report.csv").read_text()
