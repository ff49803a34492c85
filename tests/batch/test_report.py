"""A report says of each file what came of it, in three forms, whatever the file is called."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.batch.report import (
    KINDS,
    Report,
    Row,
    check_report,
    report_bytes,
    row_from_json,
    row_to_json,
    write_report,
)
from crisp_align.batch.written_files import Ledger
from crisp_align.errors import OptionError, OutputError

DONE = Row("a.wav", "done", ("a.srt", "a.vtt"), 2.0, 11.0, 22, 0.91234, ("an aligner gave way",))
FAILED = Row("b.wav", "failed", error="b.wav: holds no audio")
REPORT = Report((DONE, FAILED, Row("c.wav", "skipped", ("c.srt",))), seconds=4.0, left=7)
HOSTILE = ["new\nline.wav", "quote'\".wav", "100%.wav", "-dash.wav", "\udcff\udcfe.wav", "=1+1.wav", "<script>.wav",
           "{{rows}}", "\u202egnp.wav", "a;b,c\td.wav", "映画.mkv"]  # fmt: skip


class Table(HTMLParser):
    """The texts of the cells of a page, and the tags that are in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells and self.tags[-1] in ("td", "bdi", "br"):
            self.cells[-1] += data


class TestForms:
    def test_json_holds_everything(self) -> None:
        report = json.loads(report_bytes("json", REPORT))
        assert report["format"] == "crisp-align report 1"
        assert [report[kind] for kind in KINDS] == [1, 1, 0, 0, 1]
        assert (report["left"], report["seconds"], report["audio_seconds"], report["speed"]) == (7, 4.0, 11.0, 2.75)
        assert report["files"][0] == {
            "file": "a.wav",
            "outcome": "done",
            "outputs": ["a.srt", "a.vtt"],
            "seconds": 2.0,
            "audio_seconds": 11.0,
            "speed": 5.5,
            "words": 22,
            "score": 0.9123,
            "warnings": ["an aligner gave way"],
            "error": None,
        }
        assert report["files"][1]["error"] == "b.wav: holds no audio"

    def test_a_table_has_a_line_a_file(self) -> None:
        rows = list(csv.DictReader(io.StringIO(report_bytes("csv", REPORT).decode())))
        assert [row["file"] for row in rows] == ["a.wav", "b.wav", "c.wav"]
        assert rows[0]["outputs"] == "a.srt; a.vtt" and rows[0]["speed"] == "5.5" and rows[1]["speed"] == ""

    def test_a_page_loads_nothing_and_has_a_row_a_file(self) -> None:
        page = report_bytes("html", REPORT).decode()
        assert "default-src 'none'" in page and "http://" not in page and "https://" not in page
        table = Table(page)
        assert table.tags.count("tr") == 4
        assert {"a.wav", "done", "5.5"} <= set(table.cells)
        assert any(cell.startswith("b.wav: holds no audio") for cell in table.cells)
        assert "not begun" in page and "{{" not in page

    def test_no_files_make_a_report_too(self) -> None:
        assert json.loads(report_bytes("json", Report(())))["files"] == []
        assert report_bytes("csv", Report(())).count(b"\n") == 1
        assert Table(report_bytes("html", Report(())).decode()).tags.count("tr") == 1

    @pytest.mark.parametrize("name", HOSTILE)
    def test_hostile_names_break_no_form(self, name: str) -> None:
        report = Report((replace(DONE, source=name, outputs=(name,), warnings=(name,)), replace(FAILED, error=name)))
        assert json.loads(report_bytes("json", report))["files"][0]["file"] == name
        rows = list(csv.reader(io.StringIO(report_bytes("csv", report).decode())))
        assert {len(row) for row in rows} == {10} and len(rows) == 3
        assert not any(cell[:1] in ("=", "+", "-", "@") for row in rows for cell in row if cell)
        table = Table(report_bytes("html", report).decode())
        assert table.tags.count("tr") == 3 and table.tags.count("script") == 1

    @pytest.mark.slow
    @given(
        st.lists(st.builds(Row, st.text(max_size=5), st.sampled_from(KINDS), error=st.none() | st.text()), max_size=4)
    )
    def test_any_text_is_reported(self, rows: list[Row]) -> None:
        report = Report(tuple(rows))
        assert [file["error"] for file in json.loads(report_bytes("json", report))["files"]] == [r.error for r in rows]
        assert len(list(csv.reader(io.StringIO(report_bytes("csv", report).decode())))) == len(rows) + 1
        assert Table(report_bytes("html", report).decode()).tags.count("tr") == len(rows) + 1


class TestFile:
    def test_the_extension_says_the_form(self, tmp_path: Path) -> None:
        for name in ("r.json", "r.CSV", "r.html"):
            check_report(str(tmp_path / name))
            write_report(tmp_path / name, REPORT)
        assert json.loads((tmp_path / "r.json").read_bytes())["left"] == 7
        assert (tmp_path / "r.CSV").read_bytes().startswith(b"file,outcome")
        with pytest.raises(OptionError, match=r"\.json, \.csv or \.html"):
            check_report("report.txt")

    def test_what_is_there_and_not_ours_is_kept(self, tmp_path: Path) -> None:
        path, ledger = tmp_path / "report.csv", Ledger(tmp_path / "ledger")
        write_report(path, REPORT, ledger)
        write_report(path, Report(()), ledger)
        path.write_text("my own table")
        with pytest.raises(OutputError, match="--overwrite"):
            write_report(path, REPORT, ledger)

    def test_what_cannot_be_written_is_reported_before_any_work(self, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path / "ledger")
        (tmp_path / "folder.json").mkdir()
        (tmp_path / "mine.csv").write_text("my own table")
        for name, message in (
            ("no/r.json", "no such folder"),
            ("folder.json", "a folder"),
            ("mine.csv", "--overwrite"),
        ):
            with pytest.raises(OutputError, match=message):
                check_report(str(tmp_path / name), ledger)
        check_report(str(tmp_path / "no" / "r.json"), ledger, made=str(tmp_path / "no"))
        write_report(tmp_path / "r.json", REPORT, ledger)
        check_report(str(tmp_path / "r.json"), ledger)

    def test_a_row_goes_through_a_journal(self) -> None:
        for row in (DONE, FAILED, replace(DONE, source="\udcff\n")):
            assert row_from_json(row_to_json(row)) == row
        assert row_from_json("") is None and row_from_json('{"source": 1}') is None and row_from_json("[]") is None


def test_lines_that_nobody_says_and_speech_that_a_text_lacks_are_listed_with_their_times() -> None:
    row = Row("a.wav", "done", unspoken=((61.0, 62.0, "Heading"),), extra_speech=((3.5, 7.0, "ask not"),))
    assert row_from_json(row_to_json(row)) == row
    (entry,) = json.loads(report_bytes("json", Report((row,))))["files"]
    assert entry["unspoken"] == [{"start": 61.0, "end": 62.0, "text": "Heading"}]
    assert entry["extra_speech"] == [{"start": 3.5, "end": 7.0, "text": "ask not"}]
    page = report_bytes("html", Report((row,))).decode()
    assert "0:01:01: Heading" in page
    assert "ask not" in page
