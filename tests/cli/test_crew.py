"""How a run is counted."""

from __future__ import annotations

import pytest

from crisp_align.batch.report import Row
from crisp_align.cli.crew import Tally
from crisp_align.errors import CrispAlignError, MediaError, ModelError


class TestTally:
    def test_only_for_a_report_is_what_came_of_each_file_kept(self) -> None:
        for reports in (False, True):
            tally = Tally(reports=reports)
            tally.note(Row("a.wav", "done"))
            tally.skip("b.wav")
            tally.fail("c.wav", MediaError("is empty"), "quarantined")
            assert [row.outcome for row in tally.rows] == (["done", "skipped", "quarantined"] if reports else [])

    @pytest.mark.parametrize(
        ("errors", "code"),
        [
            ([], 0),
            ([MediaError("a")], 1),
            ([ModelError("b"), ModelError("c")], 3),
            ([ModelError("b"), MediaError("a")], 1),
        ],
    )
    def test_the_exit_code_tells_the_worst(self, errors: list[CrispAlignError], code: int) -> None:
        tally = Tally()
        for error in errors:
            tally.fail("a.wav", error)
        assert tally.exit_code == code
