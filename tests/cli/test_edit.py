from __future__ import annotations

from pathlib import Path

import pytest

from crisp_align.cli import main

SRT = "1\n00:00:01,000 --> 00:00:02,000\n<i>One</i>\n\n2\n00:00:04,000 --> 00:00:05,000\n[sighs]\n"


@pytest.fixture
def subtitles(tmp_path: Path) -> Path:
    path = tmp_path / "a.srt"
    path.write_text(SRT, encoding="utf-8")
    return path


def test_subtitles_are_shifted_and_keep_their_styles(subtitles: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", str(subtitles), "--shift", "1.5"]) == 0
    shifted = SRT.replace("01,000", "02,500").replace(",000 ", ",500 ").replace("00:04", "00:05")
    assert "00:00:02,500 --> 00:00:03,500\n<i>One</i>" in capfd.readouterr().out, shifted


def test_several_operations_are_done_in_order(subtitles: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.vtt"
    assert main(["edit", str(subtitles), "--strip-sdh", "--point", "0:01=0:11", "-o", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert "00:11.000 --> 00:00:12.000" in text.replace("00:00:11", "00:11") and "sighs" not in text


def test_files_are_joined_and_merged(subtitles: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", str(subtitles), str(subtitles), "--join", "--offsets", "0,1:00"]) == 0
    assert "4\n00:01:04,000 --> 00:01:05,000" in capfd.readouterr().out
    assert main(["edit", str(subtitles), "--merge", str(subtitles)]) == 0
    assert "<i>One\nOne</i>" in capfd.readouterr().out


def test_a_file_of_the_user_is_never_written_over(subtitles: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", str(subtitles), "--shift", "1", "-o", str(subtitles)]) == 1
    assert "already there" in capfd.readouterr().err
    assert subtitles.read_text(encoding="utf-8") == SRT


def test_a_folder_that_cannot_be_made_is_one_clear_line(subtitles: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", str(subtitles), "--shift", "1", "--output-dir", str(subtitles)]) == 1
    assert capfd.readouterr().err.strip().endswith("a.srt: the folder cannot be made (File exists)")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--point", "abc"],
        ["--cut", "5"],
        ["--cut", "5-5"],
        ["--frame-rate", "25"],
        ["--frame-rate", "0:25"],
        ["--offsets", "x", "--join"],
    ],
)
def test_what_makes_no_sense_is_one_clear_line(
    subtitles: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["edit", str(subtitles), *arguments]) == 2
    assert len(capfd.readouterr().err.strip().splitlines()) <= 2
