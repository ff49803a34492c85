from __future__ import annotations

import json
from pathlib import Path

import pytest

from crisp_align.cli import main
from tests.command import run

GOOD = "1\n00:00:01,000 --> 00:00:03,000\nAnd so, my fellow\nAmericans,\n"
BAD = "1\n00:00:01,000 --> 00:00:03,000\na line that is much longer than the forty-two characters\n"
FAST = (
    "1\n00:00:01,000 --> 00:00:02,000\nfar too many words\nto be read in one second\n\n"
    "2\n00:00:02,084 --> 00:00:05,000\nAh\n"
)


def ran(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return code, out, err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("good.srt", GOOD), ("bad.srt", BAD), ("fast.srt", FAST)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_good_subtitles_pass(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert ran(capfd, "check", folder / "good.srt") == (0, "1 file: 0 errors, 0 warnings\n", "")


def test_a_broken_rule_is_named_with_its_place_and_fails(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capfd, "check", folder / "bad.srt", "--profile", "netflix-en")
    assert code == 1
    assert "bad.srt: cue 1 at 00:00:01.000: error: line-length: a line of 56 characters, 42 allowed\n" in out
    assert out.endswith("\n1 file: 1 error, 1 warning\n")


def test_speech_too_fast_for_any_layout_is_a_warning(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capfd, "check", folder / "fast.srt")
    assert (code, "warning: reading-speed" in out) == (0, True)


@pytest.mark.slow
def test_subtitles_may_come_through_a_pipe() -> None:
    done = run("check", "-", stdin=BAD.encode())
    assert done.returncode == 1
    assert done.stdout.startswith("-: cue 1 at 00:00:01.000: error: line-length")
    assert run("check", "-", stdin=b"WEBVTT\n\n00:01.000 --> 00:03.000\nAnd so\n").returncode == 0
    assert "hold no cues to check" in run("check", "-", stdin=b"And so").stderr


def test_the_rules_follow_the_language_that_the_file_names(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "ja.srt").write_text(
        "1\n00:00:00,000 --> 00:00:07,000\n真っ昼間なのにキャンプの外れの電柱に\n", encoding="utf-8"
    )
    assert "a line of 18 characters, 13 allowed" in ran(capfd, "check", folder / "ja.srt")[1]
    assert ran(capfd, "check", folder / "ja.srt", "-l", "en")[0] == 0


def test_a_single_rule_can_be_changed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert ran(capfd, "check", folder / "bad.srt", "-ml", "60", "--max-cps", "40")[0] == 0


def test_the_report_can_be_json(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ran(capfd, "check", folder / "bad.srt", folder / "good.srt", "--report", "json")
    report = json.loads(out)
    assert [len(entry["violations"]) for entry in report][1] == 0
    assert report[0]["violations"][0]["measured"] == 56


def test_the_report_can_be_annotations(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ran(capfd, "check", folder / "bad.srt", "--report", "github")
    assert out.startswith("::error file=") and ",title=line-length::cue 1 at 00%3A" not in out


def test_a_missing_file_is_named_and_the_others_are_judged(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capfd, "check", folder / "none.srt", folder / "good.srt")
    assert (code, out) == (1, "1 file: 0 errors, 0 warnings\n")
    assert "none.srt: cannot be read" in err


def test_what_render_writes_under_a_profile_passes_it(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert ran(capfd, "render", folder / "bad.srt", "--profile", "netflix", "-ovtt", "-oass", "-ottml", "-np")[0] == 0
    files = [folder / f"bad.{name}" for name in ("vtt", "ass", "ttml")]
    code, out, _ = ran(capfd, "check", *files, "--profile", "netflix")
    assert "line-length" not in out
    assert "lines" not in out.replace("a line", "")
    assert code in (0, 1)
    assert {line.split(": ")[3] for line in out.splitlines()[:-1]} <= {"reading-speed"}


def test_a_profile_follows_the_language_of_the_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = "真っ昼間なのにキャンプの外れの電柱に電球がともっていた。"
    (tmp_path / "a.srt").write_text(f"1\n00:00:00,000 --> 00:00:09,000\n{text}\n", encoding="utf-8")
    ran(capfd, "render", tmp_path / "a.srt", "--profile", "auto", "-ovtt", "-np")
    assert ran(capfd, "check", tmp_path / "a.vtt", "--profile", "netflix-ja")[1].count("line-length") == 0


def test_render_refuses_to_make_times_up(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("Hello there.\nHow are you?\n", encoding="utf-8")
    for arguments in (["-osrt"], ["-otxt", "-ovtt", "-of", tmp_path / "b"], []):
        code, out, err = ran(capfd, "render", tmp_path / "a.txt", *arguments)
        assert (code, out) == (1, "")
        assert f"time it with: crisp-align align MEDIA --text-file {tmp_path / 'a.txt'}\n" in err
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert ran(capfd, "render", tmp_path / "a.txt", "-oj", "-otxt", "-of", tmp_path / "b")[0] == 0
    assert (tmp_path / "b.txt").read_text(encoding="utf-8") == "Hello there.\nHow are you?\n"


def test_render_reports_characters_it_cannot_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.srt").write_bytes("1\n00:00:00,000 --> 00:00:09,000\nそうだ、京都行こう。京".encode()[:-1])
    code, _, err = ran(capfd, "render", tmp_path / "a.srt", "-ovtt")
    assert (code, "a.srt: one place holds characters that could not be read" in err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "nexflix"], "no profile is called"),
        (["--profile", "none.toml"], "cannot be read as a profile"),
        (["--max-duration", "1", "--min-duration", "2"], "below the shortest"),
    ],
)
def test_rules_that_make_no_sense_are_refused(
    folder: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, _, err = ran(capfd, "check", folder / "good.srt", *arguments)
    assert code in (1, 2)
    assert message in err
