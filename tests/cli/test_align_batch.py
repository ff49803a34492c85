from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import JFK, run

TEXT = (
    "And so, my fellow Americans,\nask not what your country can do for you;\nask what you can do for your country.\n"
)
SRT = """1
00:00:01,500 --> 00:00:03,000
And so, my fellow Americans,

2
00:00:04,800 --> 00:00:08,900
ask not what your country
can do for you;

3
00:00:09,000 --> 00:00:11,000
[JFK] ask what you can do
for your country.
"""
LACKING = "And so, my fellow Americans,\nask what you can do for your country.\n"


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.wav").write_bytes(JFK.read_bytes())
    (tmp_path / "a.txt").write_text(LACKING, "utf-8")
    (tmp_path / "b.txt").write_text(SRT, "utf-8")
    return tmp_path


def test_each_recording_finds_its_text_by_a_pattern_and_a_second_run_has_nothing_left_to_do(talks: Path) -> None:
    options = (str(talks), "--texts", "{stem}.txt", "-l", "en", "-osrt", "--workers", "1")
    kept = ("--journal", str(talks / "journal"), "--report", str(talks / "report.json"))
    done = run("align", *options, *kept)
    assert done.returncode == 1
    assert "no text fits {stem}.txt" in done.stderr
    assert "ask what you can do\nfor your country." in (talks / "b.srt").read_text("utf-8")
    rows = {Path(row["file"]).name: row for row in json.loads((talks / "report.json").read_text("utf-8"))["files"]}
    assert [rows[name]["outcome"] for name in ("a.wav", "b.wav", "c.wav")] == ["done", "done", "failed"]
    (extra,) = rows["a.wav"]["extra_speech"]
    assert 3 < extra["start"] < 4
    assert 7 < extra["end"] < 8
    before = (talks / "a.srt").stat().st_mtime_ns
    assert "2 skipped" in run("align", *options, *kept[:2]).stderr
    assert (talks / "a.srt").stat().st_mtime_ns == before


def test_a_text_that_has_changed_is_timed_again(talks: Path) -> None:
    (talks / "b.wav").unlink()
    (talks / "c.wav").unlink()
    options = (str(talks), "--texts", "{stem}.txt", "-l", "en", "-osrt", "--journal", str(talks / "journal"))
    assert run("align", *options, "--workers", "1").returncode == 0
    (talks / "a.txt").write_text(TEXT, "utf-8")
    assert run("align", *options, "--workers", "1").returncode == 0
    assert "can do for you;" in (talks / "a.srt").read_text("utf-8")


def test_what_pairs_no_texts_is_wrong_usage(talks: Path) -> None:
    assert run("align", str(talks), "--texts", "all.txt").returncode == 2
    assert run("align", str(talks), "--text", "And so").returncode == 2
    assert run("align", str(talks), "--texts", "{stem}.txt", "--text", "And so").returncode == 2
