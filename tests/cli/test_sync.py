from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import JFK, run

pytestmark = pytest.mark.engine

MISTIMED = """1
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
STYLED = """[Script Info]
; a comment
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour
Style: Odd,Arial,20,&H00FFFFFF

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Odd,,0,0,0,,note
Dialogue: 0,0:00:01.32,0:00:03.14,Odd,JFK,0,0,0,,{\\i1}And so,{\\i0} my fellow\\NAmericans,
Dialogue: 3,0:00:04.31,0:00:05.31,Odd,,0,0,10,,{\\an8\\pos(1,2)}ask not
Dialogue: 0,0:00:06.41,0:00:08.55,Odd,,0,0,0,,what your country can do for you;
"""


def starts(path: Path) -> list[float]:
    def seconds(clock: str) -> float:
        hours, minutes, rest = clock.replace(",", ".").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)

    return [seconds(line.split(" --> ")[0]) for line in path.read_text("utf-8").splitlines() if " --> " in line]


@pytest.fixture
def subtitles(tmp_path: Path) -> Path:
    path = tmp_path / "mistimed.srt"
    path.write_text(MISTIMED, "utf-8")
    return path


def test_cues_stay_cues_and_come_in_with_their_words(subtitles: Path) -> None:
    done = run("sync", str(JFK), str(subtitles), "--sync", "words", "-l", "en")
    assert done.returncode == 0
    written = subtitles.with_name("mistimed.synced.srt")
    assert starts(written) == pytest.approx([0.32, 3.3, 8.2], abs=0.15)
    texts = [line for line in written.read_text("utf-8").splitlines() if " --> " not in line]
    assert texts == [line for line in MISTIMED.splitlines() if " --> " not in line]
    assert subtitles.read_text("utf-8") == MISTIMED


def test_a_styled_file_changes_in_nothing_but_its_times(tmp_path: Path) -> None:
    old = tmp_path / "styled.ass"
    old.write_text(STYLED, "utf-8")
    assert run("sync", str(JFK), str(old), "--sync", "shift").returncode == 0
    before = STYLED.splitlines()
    after = (tmp_path / "styled.synced.ass").read_text("utf-8").splitlines()
    assert len(after) == len(before)
    for left, right in zip(before, after, strict=True):
        if left.startswith("Dialogue"):
            assert left.split(",")[0] == right.split(",")[0]
            assert left.split(",")[3:] == right.split(",")[3:]
            assert left.split(",")[1:3] != right.split(",")[1:3]
        else:
            assert left == right


def test_other_subtitles_take_the_place_of_a_recording(subtitles: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.srt"
    later.write_text(MISTIMED.replace("00:00:0", "00:01:0").replace("00:00:11", "00:01:11"), "utf-8")
    out = tmp_path / "out.vtt"
    assert run("sync", str(later), "--reference", str(subtitles), "--sync", "shift", "-o", str(out)).returncode == 0
    assert starts(out) == pytest.approx([1.5, 4.8, 9.0], abs=0.05)


def test_a_file_of_somebody_else_is_not_written_over_unless_asked(subtitles: Path) -> None:
    done = run("sync", str(JFK), str(subtitles), "--sync", "shift", "-o", str(subtitles))
    assert done.returncode == 1
    assert "--overwrite" in done.stderr
    assert subtitles.read_text("utf-8") == MISTIMED
    assert run("sync", str(JFK), str(subtitles), "--sync", "shift", "-o", str(subtitles), "--overwrite").returncode == 0
    assert subtitles.read_text("utf-8") != MISTIMED


def test_many_files_find_their_subtitles_by_pattern_and_one_failure_stops_no_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").write_bytes(JFK.read_bytes())
    (tmp_path / "a.fr.srt").write_text(MISTIMED, "utf-8")
    done = run("sync", str(tmp_path), "--subtitles", "{stem}*.srt", "--sync", "shift")
    assert done.returncode == 1
    assert (tmp_path / "a.fr.synced.srt").is_file()
    assert "no subtitles fit" in done.stderr


def test_the_folder_for_new_files_is_made(subtitles: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "timed"
    done = run("sync", str(subtitles), "--reference", str(subtitles), "--sync", "shift", "--output-dir", str(folder))
    assert done.returncode == 0, done.stderr
    assert starts(folder / subtitles.name) == starts(subtitles)


def test_what_makes_no_pair_is_wrong_usage(subtitles: Path) -> None:
    assert run("sync", str(subtitles)).returncode == 2
    assert run("sync", str(JFK), "--subtitles", "all.srt").returncode == 2


def test_subtitles_are_the_text_of_align_and_their_cues_stay_cues(subtitles: Path) -> None:
    out, words = subtitles.with_name("new.srt"), subtitles.with_name("new.json")
    done = run("align", str(JFK), "--text-file", str(subtitles), "-l", "en", "-o", str(out), "-o", str(words))
    assert done.returncode == 0, done.stderr
    assert starts(out) == pytest.approx([0.32, 3.3, 8.2], abs=0.15)
    texts = [line for line in out.read_text("utf-8").splitlines() if " --> " not in line]
    assert texts == [line for line in MISTIMED.splitlines() if " --> " not in line]
    assert '"[JFK]' not in words.read_text("utf-8")
    assert "[JFK] ask" in words.read_text("utf-8")


def test_options_of_layout_lay_the_words_of_subtitles_out_anew(subtitles: Path) -> None:
    out = subtitles.with_name("new.srt")
    done = run("align", str(JFK), "--text-file", str(subtitles), "-l", "en", "-ml", "1", "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert len(starts(out)) > 15
