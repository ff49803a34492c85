"""`crisp-align convert`, and `render` where cues stay."""

from pathlib import Path

import pytest

from crisp_align.cli import main
from crisp_align.formats import read_document
from crisp_align.text.width import columns
from tests.formats.test_subtitles import textgrid

STYLED = (
    "1\n00:00:01,000 --> 00:00:03,000\n{\\an8}<i>Above</i>\n\n"
    '2\n00:00:02,000 --> 00:00:04,000\n- Where?\n- <font color="#ffff00">Here.</font>\n'
)
SIGN = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:01.00,0:00:09.00,Default,,0,0,0,,{\\fad(200,200)\\pos(20,30)}EXIT\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.srt").write_text(STYLED)
    (tmp_path / "sign.ass").write_text(SIGN)
    return tmp_path


@pytest.mark.parametrize("format", ["vtt", "ass", "ttml"])
def test_there_and_back_nothing_is_lost(folder: Path, format: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "a.srt", f"-o{format}"]) == 0
    assert main(["convert", f"a.{format}", "-osrt", "-of", "back"]) == 0
    assert (folder / "back.srt").read_text() == STYLED
    assert capfd.readouterr().err == ""


def test_one_line_counts_what_a_format_has_no_place_for(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "sign.ass", "-osrt", "-of", "-"]) == 0
    out, err = capfd.readouterr()
    assert "EXIT" in out
    expected = "srt has no place for exact places in the picture (1 cue), typefaces and effects (1 cue)"
    assert err.splitlines() == [f"sign.ass: {expected}"]


def test_without_a_format_it_asks_for_one(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "a.srt"]) == 2
    assert "add a format, e.g. -ovtt" in capfd.readouterr().err


def test_several_files_and_folders_go_into_a_folder(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "b.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n")
    (folder / "more" / "notes.md").write_text("no subtitles")
    assert main(["convert", "a.srt", "more", "-ottml", "--output-dir", "out"]) == 0
    assert {path.name for path in (folder / "out").rglob("*.*")} == {"a.ttml", "b.ttml"}
    assert main(["convert", ".", "-ossa", "-R", "--output-dir", "all"]) == 0
    assert (folder / "all" / "more" / "b.ssa").is_file()


def test_a_bad_file_stops_no_other_one(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.srt").write_text("no cue at all --> 1\n")
    assert main(["convert", "bad.srt", "a.srt", "-ovtt"]) == 1
    assert (folder / "a.vtt").is_file()
    assert not (folder / "bad.vtt").exists()
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_a_file_that_we_did_not_write_is_not_written_over(folder: Path) -> None:
    (folder / "a.vtt").write_text("mine")
    assert main(["convert", "a.srt", "-ovtt"]) == 1
    assert (folder / "a.vtt").read_text() == "mine"
    assert main(["convert", "a.srt", "-ovtt", "--overwrite"]) == 0
    assert (folder / "a.vtt").read_text().startswith("WEBVTT")


@pytest.mark.parametrize("text", ["", "WEBVTT\n\n", "1\n00:00:01,000 --> 00:00:02,000\n\n"])
@pytest.mark.parametrize("command", ["convert", "render"])
def test_what_shows_nothing_is_refused(
    folder: Path, command: str, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty.srt").write_text(text)
    assert main([command, "empty.srt", "-ottml"]) == 1
    assert ("no cue with text" if text else "is empty") in capfd.readouterr().err
    assert not (folder / "empty.ttml").exists()


def test_what_edits_leave_empty_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "a.srt", "-ovtt", "--cut", "10:00-11:00"]) == 1
    assert "no cue with text" in capfd.readouterr().err


def test_edits_are_options(folder: Path) -> None:
    assert main(["convert", "a.srt", "-ovtt", "--shift", "10", "-np"]) == 0
    assert "00:00:11.000 --> 00:00:13.000 line:0\n<i>Above</i>" in (folder / "a.vtt").read_text()


def test_the_content_decides_and_from_overrides(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "vtt.srt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Hello\n")
    assert main(["convert", "vtt.srt", "-ottml"]) == 0
    assert "Ann" in (folder / "vtt.ttml").read_text()
    assert main(["convert", "vtt.srt", "--from", "lrc", "-oass"]) == 1
    assert main(["convert", "vtt.srt", "--from", "nothing", "-oass"]) in (1, 2)
    assert "no format is called 'nothing'" in capfd.readouterr().err


def test_strict_refuses_what_would_be_repaired(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.srt").write_text("1\n00:00:01.000 -> 00:00:02,000\nHello\n")
    for command in ("convert", "render"):
        assert main([command, "bad.srt", "-ovtt", "-of", command, "--strict"]) == 1
        assert "line 2 is not a SubRip timing" in capfd.readouterr().err
        assert main([command, "bad.srt", "-ovtt", "-of", command]) == 0
        assert "repaired: malformed time line: 1" in capfd.readouterr().err


def test_an_option_of_layout_lays_out_anew(folder: Path) -> None:
    assert main(["convert", "a.srt", "-ovtt", "-ml", "1", "-np"]) == 0
    assert (folder / "a.vtt").read_text().count("-->") > 2


def test_render_keeps_subtitles_and_lays_them_out_when_asked(folder: Path) -> None:
    assert main(["render", "a.srt", "-osrt", "-of", "kept", "-np"]) == 0
    assert (folder / "kept.srt").read_text() == STYLED
    assert main(["render", "a.srt", "-osrt", "-of", "kept2", "--keep", "-np"]) == 0
    assert (folder / "kept2.srt").read_text() == STYLED
    assert main(["render", "a.srt", "-osrt", "-of", "anew", "--profile", "netflix", "-np"]) == 0
    assert (folder / "anew.srt").read_text() != STYLED
    assert main(["render", "a.srt", "-osrt", "--keep", "-ml", "4"]) == 2


def test_render_makes_one_cue_of_cues_of_equal_time(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = "1\n00:00:01,000 --> 00:00:03,000\nHello\n\n2\n00:00:01,000 --> 00:00:03,000\nBonjour\n"
    (folder / "two.srt").write_text(text)
    assert main(["render", "two.srt", "-ovtt", "-of", "-"]) == 0
    out, err = capfd.readouterr()
    assert out == "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nHello\nBonjour\n"
    assert "1 cue of equal time" in err
    assert main(["convert", "two.srt", "-ovtt", "-of", "-"]) == 0
    assert capfd.readouterr().out.count("-->") == 2


def test_words_are_highlighted_in_cues_that_stay(folder: Path) -> None:
    assert main(["convert", "a.srt", "-ovtt", "--highlight-words", "-np"]) == 0
    assert "- <u>Where?</u>" in (folder / "a.vtt").read_text() or "<u>- Where?</u>" in (folder / "a.vtt").read_text()


def test_a_transcript_keeps_its_segments(folder: Path) -> None:
    assert main(["render", "a.srt", "-oj", "-np"]) == 0
    assert main(["convert", "a.json", "-ovtt", "-np"]) == 0
    assert (folder / "a.vtt").read_text().count("-->") == 2


def test_what_is_drawn_frame_by_frame_is_one_cue(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    events = "".join(
        f"Dialogue: 0,0:00:01.{n:02d},0:00:01.{n + 4:02d},Default,,0,0,0,,{{\\pos({n},30)}}SHOP\n"
        for n in range(0, 80, 4)
    )
    (folder / "frames.ass").write_text(SIGN.rpartition("Dialogue")[0] + events)
    assert main(["convert", "frames.ass", "-osrt", "-of", "-"]) == 0
    out, err = capfd.readouterr()
    assert out.count("SHOP") == 1
    assert "00:00:01,000 --> 00:00:01,800" in out
    assert "19 cues of one text drawn frame by frame made one" in err
    assert main(["convert", "frames.ass", "-oass", "-of", "same"]) == 0
    assert (folder / "same.ass").read_bytes() == (folder / "frames.ass").read_bytes()


def test_a_tier_of_a_textgrid_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(textgrid({"words": [(0, 1, "hello")], "gloss": [(0, 1, "a greeting")]}), encoding="utf-8")
    assert main(["convert", str(path), "--tier", "gloss", "-osrt", "-np"]) == 0
    assert "a greeting" in (tmp_path / "a.srt").read_text(encoding="utf-8")
    assert main(["convert", str(path), "--tier", "other", "-ovtt", "-np"]) == 1
    assert "its tiers: words, gloss" in capsys.readouterr().err


def test_render_breaks_thai_that_no_screen_holds_and_leaves_other_cues(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    long = "ประเทศไทยเป็นประเทศที่ตั้งอยู่ในทวีปเอเชียตะวันออกเฉียงใต้และมีพรมแดนติดต่อกับประเทศพม่าลาวกัมพูชาและมาเลเซีย"
    (folder / "th.srt").write_text(
        f"1\n00:00:01,000 --> 00:00:20,000\n{long}\n\n2\n00:00:21,000 --> 00:00:23,000\nขอบคุณครับ\n"
    )
    assert main(["render", "th.srt", "-osrt", "-of", "out"]) == 0
    cues = read_document(folder / "out.srt").cues
    assert max(columns(line) for cue in cues for line in cue.text.split("\n")) <= 42
    assert "".join(cue.text for cue in cues[:-1]).replace("\n", "") == long
    assert (cues[-1].start, cues[-1].text) == (21.0, "ขอบคุณครับ")
    assert "1 cue of lines too long for a screen" in capfd.readouterr().err


def test_render_says_what_breaks_thai_better_where_it_is_not_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (folder / "th.srt").write_text(f"1\n00:00:01,000 --> 00:00:20,000\n{'สวัสดีครับ' * 10}\n")
    assert main(["render", "th.srt", "-osrt", "-of", "out"]) == 0
    assert "no dictionary for Thai" in capfd.readouterr().err
