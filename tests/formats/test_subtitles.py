from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pysubs2
import pytest
import srt
import webvtt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisp_align.check import check_text
from crisp_align.errors import OptionError, TranscriptError
from crisp_align.formats import (
    FORMATS,
    WriteOptions,
    format_of_path,
    format_of_text,
    parse_format,
    read_cues,
    read_format,
    write_atomically,
    write_format,
)
from crisp_align.formats.cue_text import visible, visible_cues
from crisp_align.formats.encodings import decoded
from crisp_align.layout import cues, profile_rules
from crisp_align.layout.rules import Rules
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Segment, Transcript, Word
from tests.layout.test_layout import JFK
from tests.transcripts import every_script, transcripts

NETFLIX = profile_rules("netflix")
WRITTEN = sorted(name for name, format in FORMATS.items() if format.writer)
CUE_FORMATS = ["srt", "vtt", "ass", "ssa", "ttml", "lrc"]  # those that lose nothing of a plain cue

HOSTILE = (
    "-->", "00:00:01,000 --> 00:00:02,000", "<script>alert(1)</script>", "</script>", "<b>", "</v>", "<00:00:01.000>",
    "{\\an8}", "{\\pos(1,1)}", "\\N", "\\h", "a\\", "{", "}", "&amp;", "&", "\"", "'", "=1+1", "@SUM(A1)", "[00:01.00]",
    "<![CDATA[", "]]>", "<!--", "WEBVTT", "NOTE", "1", ";;", "a\tb", "nul\x00", "esc\x1b[2J", "\u202eevil", "\u2067",
    "\ud800", "\ufeff", "\ufffe", "\u2028", "x" + "\u0301" * 300, "%s", "${x}", "`", "File", "Dialogue:", "a,b;c", "\r",
)  # fmt: skip


@st.composite
def hostile(draw: st.DrawFn) -> Transcript:
    words: list[Word] = []
    for number, text in enumerate(draw(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=12))):
        speaker = draw(st.sampled_from([None, "Ann", "A & <B>", "x\n-->", "a,b"]))
        words.append(Word(f" {text}", number * 0.5, number * 0.5 + 0.4, 0.5, speaker))
    text = "".join(word.text for word in words)
    segment = Segment(text, 0.0, words[-1].end, "en", tuple(words))
    return Transcript((segment,), words[-1].end, draw(st.sampled_from(["a.wav", "<x>\n.wav", "caf\udce9.wav"])))


def anything() -> st.SearchStrategy[Transcript]:
    return st.one_of(transcripts(max_segments=3), hostile())


def laid(transcript: Transcript, rules: Rules = NETFLIX) -> list[Cue]:
    return cues(transcript.segments, rules)


def times(laid_out: list[Cue]) -> list[tuple[int, int]]:
    return [(round(cue.start * 1000), round(cue.end * 1000)) for cue, _ in visible_cues(laid_out)]


@pytest.mark.slow
@given(anything())
@settings(max_examples=80, deadline=None)
def test_the_srt_package_reads_what_we_write(transcript: Transcript) -> None:
    made = laid(transcript)
    entries = list(srt.parse(write_format("srt", transcript, made).decode()))
    assert [(round(e.start.total_seconds() * 1000), round(e.end.total_seconds() * 1000)) for e in entries] == times(
        made
    )
    assert [entry.index for entry in entries] == list(range(1, len(entries) + 1))


@pytest.mark.slow
@given(anything())
@settings(max_examples=80, deadline=None)
def test_webvtt_py_reads_what_we_write(transcript: Transcript) -> None:
    made = laid(transcript)
    captions = webvtt.from_string(write_format("vtt", transcript, made).decode()).captions
    found = [(round(c.start_in_seconds * 1000), round(c.end_in_seconds * 1000)) for c in captions]
    assert len(found) == len(times(made))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ssa", "ttml"])
@given(transcript=anything())
@settings(max_examples=40, deadline=None)
def test_pysubs2_reads_what_we_write(name: str, transcript: Transcript) -> None:
    made = laid(transcript)
    if made:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            file = pysubs2.SSAFile.from_string(write_format(name, transcript, made).decode(), format_=name)
        assert len(file.events) == len(visible_cues(made))


@given(anything())
@settings(max_examples=40, deadline=None)
def test_ttconv_reads_what_we_write(transcript: Transcript) -> None:
    reader = pytest.importorskip("ttconv.imsc.reader", reason="needs ttconv")
    made = laid(transcript)
    document = reader.to_model(ElementTree.parse(io.BytesIO(write_format("ttml", transcript, made))))
    paragraphs = [p for div in document.get_body() for p in div]
    found = [(round(float(p.get_begin() or 0) * 1000), round(float(p.get_end()) * 1000)) for p in paragraphs]
    assert found == times(made)


@given(anything())
@settings(max_examples=40, deadline=None)
def test_praatio_reads_what_we_write(transcript: Transcript) -> None:
    textgrid = pytest.importorskip("praatio.textgrid", reason="needs praatio")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.TextGrid"
        path.write_bytes(write_format("textgrid", transcript, []))
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert list(grid.tierNames) == ["segments", "words"]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ssa", "ttml", "lrc"])
def test_ffmpeg_reads_every_cue_we_write(tmp_path: Path, name: str) -> None:
    if name == "ttml":
        pytest.skip("ffmpeg reads no TTML")
    path = tmp_path / f"a.{name}"
    made = laid(Transcript((JFK,), 10.0, "jfk.wav"))
    path.write_bytes(write_format(name, Transcript((JFK,), 10.0, "jfk.wav"), made))
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "srt", "-"], capture_output=True, check=True)
    assert done.stderr == b""
    assert len([entry for entry in srt.parse(done.stdout.decode()) if entry.content.strip()]) == len(made)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
@pytest.mark.parametrize("name", ["srt", "vtt"])
@given(transcript=every_script())
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
def test_ffmpeg_reads_every_script_we_write(name: str, transcript: Transcript) -> None:
    made = laid(transcript)
    command = ["ffmpeg", "-v", "error", "-f", "webvtt" if name == "vtt" else name, "-i", "-", "-f", "srt", "-"]
    done = subprocess.run(command, input=write_format(name, transcript, made), capture_output=True, check=True)
    assert done.stderr == b""
    entries = srt.parse(done.stdout.decode())
    found = [(round(e.start.total_seconds() * 1000), round(e.end.total_seconds() * 1000)) for e in entries]
    assert found == times(made)


def libass() -> bool:
    if shutil.which("ffmpeg") is None:
        return False
    return b" ass " in subprocess.run(["ffmpeg", "-v", "error", "-filters"], capture_output=True).stdout


@pytest.mark.skipif(not libass(), reason="needs ffmpeg with libass")
@pytest.mark.parametrize("options", [WriteOptions(), WriteOptions(karaoke="fill"), WriteOptions(highlight_words=True)])
def test_libass_draws_what_we_write(tmp_path: Path, options: WriteOptions) -> None:
    transcript = Transcript((JFK,), 10.0, "jfk.wav")
    (tmp_path / "a.ass").write_bytes(write_format("ass", transcript, laid(transcript), options))
    picture = ["-f", "lavfi", "-i", "color=black:s=640x360:d=2"]
    drawn = subprocess.run(
        ["ffmpeg", "-v", "error", *picture, "-vf", "ass=a.ass", "-frames:v", "1", "-ss", "1", "-f", "rawvideo",
         "-pix_fmt", "gray", "-"], cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert max(drawn.stdout) > 200


@pytest.mark.skipif(not libass(), reason="needs ffmpeg with libass")
@given(transcript=every_script(), options=st.sampled_from([WriteOptions(), WriteOptions(karaoke="fill")]))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
def test_libass_draws_every_script_we_write(transcript: Transcript, options: WriteOptions) -> None:
    made = [cue for cue, _ in visible_cues(laid(transcript))]
    moments = [(cue.start + cue.end) / 2 for cue in made[:: max(1, len(made) // 12)]]
    clock = "+".join(f"eq(N,{number})*{moment:.3f}" for number, moment in enumerate(moments))
    width, height = 480, 270
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.ass").write_bytes(write_format("ass", transcript, made, options))
        drawn = subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"color=black:s={width}x{height}", "-vf",
             f"setpts='({clock})/TB',ass=a.ass", "-frames:v", str(len(moments)), "-fps_mode", "passthrough",
             "-f", "rawvideo", "-pix_fmt", "gray", "-"], cwd=folder, capture_output=True, check=True,
        )  # fmt: skip
    assert drawn.stderr == b""
    size = width * height
    assert [max(drawn.stdout[n * size : (n + 1) * size]) > 100 for n in range(len(moments))] == [True] * len(moments)


PLAIN = WriteOptions()


def again(name: str, data: bytes, options: WriteOptions = PLAIN) -> bytes:
    """`data` read and written again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{FORMATS[name].extension}"
        path.write_bytes(data)
        if FORMATS[name].cue_reader:
            return write_format(name, read_format(path, name), read_cues(path, name), options)
        return write_format(name, read_format(path, name), [], options)


@pytest.mark.slow
@pytest.mark.parametrize("name", CUE_FORMATS)
@given(transcript=anything())
@settings(max_examples=60, deadline=None)
def test_cues_written_read_and_written_again_are_the_same(name: str, transcript: Transcript) -> None:
    made = laid(transcript)
    if not visible_cues(made):
        return
    first = write_format(name, transcript, made)
    assert again(name, first).decode() == first.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vtt", WriteOptions(karaoke="word")),
        ("ass", WriteOptions(karaoke="word")),
        ("ass", WriteOptions(karaoke="fill")),
        ("lrc", WriteOptions(karaoke="word")),
    ],
)
@given(transcript=transcripts(language="en"))
@settings(max_examples=40, deadline=None)
def test_word_times_survive_being_read(name: str, options: WriteOptions, transcript: Transcript) -> None:
    made = laid(transcript, Rules(max_chars=30))
    if made:
        first = write_format(name, transcript, made, options)
        assert again(name, first, options).decode() == first.decode()


SPACES = (
    "そうだ　京都　行こう", "　字下げ", "　", "so \u00a0", "\u00a0so\u00a0", "5\u202f%",
    "Tu viens\u00a0? «\u00a0Oui\u00a0»\u202f!", )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, PLAIN) for name in CUE_FORMATS), *((n, WriteOptions(karaoke="word")) for n in ("vtt", "ass"))],
)
@pytest.mark.parametrize("text", SPACES)
def test_spaces_that_belong_to_the_text_stay(name: str, options: WriteOptions, text: str) -> None:
    reader = FORMATS[name].cue_reader
    assert reader
    cue = Cue(0.0, 2.0, ((Word(text, 0.0, 1.0), Word(" so", 1.0, 2.0)),))
    read = reader(write_format(name, Transcript((), 2.0, "x"), [cue], options).decode(), "x")
    assert [lines for _, lines in visible_cues(read)] == [[displayed(f"{text} so")]]


def test_a_no_break_space_parts_no_words() -> None:
    cue = FORMATS["vtt"].cue_reader("WEBVTT\n\n00:01.000 --> 00:02.000\nTu viens&nbsp;?\n", "x")[0]  # type: ignore[misc]
    assert [word.text for word in cue.lines[0]] == ["Tu", " viens\u00a0?"]


@pytest.mark.parametrize("text", SPACES)
def test_a_line_read_shows_what_it_showed(text: str) -> None:
    [cue] = FORMATS["srt"].cue_reader(f"1\n00:00:01,000 --> 00:00:02,000\n{text} so\n", "x")  # type: ignore[misc]
    assert ["".join(shown for _, shown in visible(line)) for line in cue.lines] == [displayed(f"{text} so")]


def textgrid(tiers: dict[str, list[tuple[float, float, str]]]) -> str:
    rows = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", "xmax = 5", "tiers? <exists>"]
    rows += [f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), start=1):
        rows += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        rows += ["        xmin = 0", "        xmax = 5", f"        intervals: size = {len(intervals)}"]
        for index, (start, end, text) in enumerate(intervals, start=1):
            rows += [f"        intervals [{index}]:", f"            xmin = {start}", f"            xmax = {end}"]
            rows += [f'            text = "{text}"']
    return "\n".join(rows) + "\n"


def test_every_speaker_of_a_textgrid_is_read() -> None:
    text = textgrid({
        "Ann - words": [(0, 1, "hello"), (1, 5, "")], "Ann - phones": [(0, 1, "h")],
        "Bob - words": [(0, 0.5, ""), (0.5, 1.5, "hi"), (1.5, 3, "Ann"), (3, 5, "")],
    })  # fmt: skip
    read = parse_format(text, "x", "textgrid")
    assert [segment.text for segment in read.segments] == [" hello", " hi Ann"]
    assert [(word.text, word.speaker) for word in read.words] == [(" hello", "Ann"), (" hi", "Bob"), (" Ann", "Bob")]


def test_words_of_a_textgrid_across_or_outside_its_segments_are_kept() -> None:
    words: list[tuple[float, float, str]] = [
        (0, 1, "well"),
        (1, 2.1, "so"),
        (2.1, 3, "my"),
        (3, 3.4, "friend"),
        (3.4, 5, "bye"),
    ]
    text = textgrid({"segments": [(0, 2, "Well so"), (2, 3.4, "my friend")], "words": words})
    read = parse_format(text, "x", "textgrid")
    assert [(segment.text, segment.start, segment.end) for segment in read.segments] == [
        (" well so", 0.0, 2.1), (" my friend", 2.0, 3.4), (" bye", 3.4, 5.0)]  # fmt: skip


def test_every_word_is_in_the_textgrid() -> None:
    words = (
        Word(" Oh", 0, 0.4),
        Word(" no,", 0.4, 0.4),
        Word(" I", 0.4, 0.4),
        Word(" see.", 0.4, 2),
        Word(" So", 2, 2),
    )
    over = Segment(" yes", 1.0, 1.5, "en", (Word(" yes", 1.0, 1.5),))
    transcript = Transcript((Segment(" Oh no, I see. So", 0, 2, "en", words), over), 2.0, "x")
    read = parse_format(write_format("textgrid", transcript, []).decode(), "x", "textgrid")
    assert [(word.text, word.start, word.end) for word in read.words] == [
        (" Oh", 0.0, 0.4), (" no,", 0.4, 0.401), (" I", 0.401, 0.402), (" see.", 0.402, 1.0), (" yes", 1.0, 1.5),
        (" So", 1.999, 2.0)]  # fmt: skip


def test_a_textgrid_of_silence_is_read() -> None:
    text = write_format("textgrid", Transcript((), 2.0, "x"), []).decode()
    assert parse_format(text, "x", "textgrid").segments == ()


@pytest.mark.slow
@given(transcripts())
@settings(max_examples=60, deadline=None)
def test_a_textgrid_written_read_and_written_again_is_the_same(transcript: Transcript) -> None:
    if transcript.segments:
        first = write_format("textgrid", transcript, [])
        assert again("textgrid", first).decode() == first.decode()


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITTEN)
@given(transcript=anything())
@settings(max_examples=25, deadline=None)
def test_every_format_writes_utf8_lines_without_controls(name: str, transcript: Transcript) -> None:
    text = write_format(name, transcript, laid(transcript)).decode("utf-8")
    assert not any(ord(char) < 32 and char not in "\n\t" for char in text)
    assert text == "" or text.endswith("\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CUE_FORMATS, "textgrid", "json", "json-full"])
@given(transcript=every_script())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
def test_a_format_is_known_by_how_it_begins(name: str, transcript: Transcript) -> None:
    text = write_format(name, transcript, laid(transcript)).decode()
    reads = FORMATS[name].document_reader or FORMATS[name].transcript_reader
    assert reads in (format_of_text(text).document_reader, format_of_text(text).transcript_reader)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_format_writes_an_empty_transcript(name: str) -> None:
    write_format(name, Transcript((), 0.0, "a.wav"), []).decode("utf-8")


@pytest.mark.parametrize("name", CUE_FORMATS)
def test_a_file_without_cues_is_read_as_such(name: str) -> None:
    silent = Transcript((), 0.0, "a.wav")
    text = write_format(name, silent, []).decode()
    assert format_of_text(text).readable
    assert parse_format(text, "a.wav", name) == silent
    assert check_text(text, NETFLIX, "a.wav", name) == []


@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ttml"])
def test_cues_in_any_order_are_a_transcript_in_order_of_time(name: str) -> None:
    cards = [Cue(start, start + 1.0, ((Word(text, start, start + 1.0),),)) for start, text in ((5.0, "b"), (1.0, "a"))]
    text = write_format(name, Transcript((), 6.0, "x"), cards).decode()
    read = parse_format(text, "x", name)
    assert [(segment.start, segment.text) for segment in read.segments] == [(1.0, " a"), (5.0, " b")]
    assert {violation.rule for violation in check_text(text, Rules(), "x", name)} == {"order"}


@pytest.mark.parametrize("text", ["", "\n", "\ufeff\n \n"])
def test_an_empty_text_is_subrip_without_cues(text: str) -> None:
    assert format_of_text(text).name == "srt"
    assert parse_format(decoded(text.encode(), "x"), "x").segments == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lrc", "[ar:Ann]\nla la"),
        ("ass", "la la"),
        ("ttml", '<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p>la la</p></div></body></tt>'),
    ],
)
def test_text_without_any_time_is_refused(name: str, text: str) -> None:
    with pytest.raises(TranscriptError):
        parse_format(text, "x", name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ttml", "sbv", "csv"])
@given(transcript=transcripts())
@settings(max_examples=25, deadline=None)
def test_every_shown_word_is_in_the_file(name: str, transcript: Transcript) -> None:
    text = write_format(name, transcript, laid(transcript)).decode()
    at = 0
    for word in transcript.words:
        core = word.text.strip()
        at = text.find(core, at)
        assert at >= 0
        at += len(core)


def spoken_by(*speakers: str | None) -> Transcript:
    words = tuple(Word(f" word{n}", float(n), n + 0.9, speaker=who) for n, who in enumerate(speakers))
    return Transcript(
        (Segment("".join(w.text for w in words), 0.0, float(len(words)), "en", words),), float(len(words)), "talk.wav"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ttml", "lrc"])
def test_a_long_word_of_figures_and_colons_is_written(name: str) -> None:
    word = Word(" " + "1:" * 200_000, 0.0, 5.0)
    transcript = Transcript((Segment(word.text, 0.0, 5.0, "en", (word,)),), 5.0, "a.wav")
    assert write_format(name, transcript, laid(transcript)).count(b"1:") >= 200_000


def test_vtt_names_the_voice() -> None:
    transcript = spoken_by("Ann", "Ann")
    text = write_format("vtt", transcript, laid(transcript)).decode()
    assert "<v Ann>word0 word1" in text


def test_vtt_has_cue_settings_and_word_times() -> None:
    transcript = spoken_by(None, None)
    options = WriteOptions(cue_settings="line:85% align:center", karaoke="word")
    text = write_format("vtt", transcript, laid(transcript), options).decode()
    assert "00:00:00.000 --> 00:00:01.900 line:85% align:center\nword0 <00:00:01.000>word1\n" in text


def test_srt_underlines_the_word_that_is_spoken() -> None:
    transcript = spoken_by(None, None)
    text = write_format("srt", transcript, laid(transcript), WriteOptions(highlight_words=True)).decode()
    assert [(e.start.total_seconds(), e.content) for e in srt.parse(text)] == [
        (0.0, "<u>word0</u> word1"),
        (0.9, "word0 word1"),
        (1.0, "word0 <u>word1</u>"),
    ]


@given(transcripts())
@settings(max_examples=40, deadline=None)
def test_highlighted_cues_neither_overlap_nor_leave_a_gap(transcript: Transcript) -> None:
    made = laid(transcript, Rules())
    text = write_format("srt", transcript, made, WriteOptions(highlight_words=True)).decode()
    entries = list(srt.parse(text))
    edges = [(round(e.start.total_seconds() * 1000), round(e.end.total_seconds() * 1000)) for e in entries]
    assert all(start < end for start, end in edges)
    assert sum(end - start for start, end in edges) == sum(end - start for start, end in times(made))


def test_ass_has_karaoke_in_hundredths() -> None:
    transcript = spoken_by(None, None)
    text = write_format("ass", transcript, laid(transcript), WriteOptions(karaoke="word")).decode()
    assert r"{\k90}word0 {\k10}{\k90}word1" in text
    assert not text.endswith("}\n")


def test_lyrics_without_spaces_get_none_between_their_words() -> None:
    words = (Word("東京", 1.0, 1.5), Word("へ", 1.5, 1.8), Word("行く", 1.8, 2.5))
    transcript = Transcript((Segment("東京へ行く", 1.0, 2.5, "ja", words),), 3.0, "x")
    text = write_format("lrc", transcript, laid(transcript), WriteOptions(karaoke="word")).decode()
    assert "[00:01.00]<00:01.00>東京<00:01.50>へ<00:01.80>行く\n" in text


@pytest.mark.parametrize("name", ["lrc", "csv", "tsv", "labels"])
def test_lines_that_become_one_are_parted_as_their_script_parts_words(name: str) -> None:
    lines = (" 日に", "東京で", "iPhone 15", " Proを", "한국", "말")
    cue = Cue(1.0, 2.5, tuple((Word(line, 1.0, 2.5),) for line in lines))
    text = write_format(name, Transcript((JFK,), 3.0, "x"), [cue]).decode()
    assert "日に東京でiPhone 15 Proを한국 말" in text
    text = write_format("lrc", Transcript((JFK,), 3.0, "x"), [cue], WriteOptions(karaoke="word")).decode()
    assert "日に東京でiPhone 15 Proを한국 말" in re.sub("<[^>]*>", "", text)


@pytest.mark.parametrize("name", ["ass", "ssa"])
@pytest.mark.parametrize("hour", [0, 9, 10, 30])
def test_hours_of_ass_have_the_digits_they_need(name: str, hour: int) -> None:
    start = hour * 3600 + 59.99
    cue = Cue(start, start + 1, ((Word("late", start, start + 1),),))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = write_format(name, Transcript((), start + 1, "x"), [cue]).decode()
    assert f"{hour}:00:59.99,{hour}:01:00.99," in text
    assert [(read.start, read.end) for read in FORMATS[name].cue_reader(text, "x")] == [(start, start + 1)]  # type: ignore[misc]


@pytest.mark.parametrize("options", [PLAIN, WriteOptions(highlight_words=True), WriteOptions(karaoke="word")])
def test_a_backslash_before_a_tag_of_ours_escapes_nothing(options: WriteOptions) -> None:
    lines = ((Word("dir", 0.0, 0.5), Word(" C:\\", 0.5, 1.0)), (Word("a\\", 1.0, 1.5), Word(" now", 1.5, 2.0)))
    text = write_format("ass", Transcript((), 2.0, "x"), [Cue(0.0, 2.0, lines)], options).decode()
    assert "\\{" not in text and "\\\\N" not in text
    read = FORMATS["ass"].cue_reader(text, "x")  # type: ignore[misc]
    assert {cue.text for cue in read} == {"dir C:\\\na\\ now"}


def drawn_columns(text: str, folder: Path) -> list[int]:
    """Columns of a picture of 640 × 360 in which a script shows something."""
    (folder / "a.ass").write_text(text, encoding="utf-8")
    drawn = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=black:s=640x360", "-vf", "ass=a.ass", "-frames:v", "1",
         "-f", "rawvideo", "-pix_fmt", "gray", "-"], cwd=folder, capture_output=True, check=True,
    )  # fmt: skip
    return [column for column in range(640) if max(drawn.stdout[column::640]) > 100]


@pytest.mark.skipif(not libass(), reason="needs ffmpeg with libass")
def test_a_line_wider_than_the_picture_is_broken_by_the_player(tmp_path: Path) -> None:
    words = tuple(Word(" sentence", 0.0, 5.0) for _ in range(40))
    text = write_format("ass", Transcript((), 5.0, "x"), [Cue(0.0, 5.0, (words,))]).decode()
    columns = drawn_columns(text, tmp_path)
    assert 20 < columns[0] < columns[-1] < 620


@pytest.mark.parametrize(("offset", "times"), [("+2000", [8.0, 9.5, 10.0]), ("-500", [10.5, 12.0, 12.5])])
def test_the_offset_of_lyrics_is_kept(offset: str, times: list[float]) -> None:
    text = f"[offset:{offset}]\n[00:10.00]<00:10.00>a <00:11.50>b\n[00:12.00]c\n"
    assert [word.start for word in parse_format(text, "x", "lrc").words] == times


def test_lyrics_begin_at_0_at_the_earliest() -> None:
    assert parse_format("[offset:+2000]\n[00:01.00]a\n[00:03.00]b\n", "x", "lrc").segments[0].start == 0.0


def test_ttml_names_the_agent() -> None:
    transcript = spoken_by("A & B")
    text = write_format("ttml", transcript, laid(transcript)).decode()
    assert '<ttm:name type="full">A &amp; B</ttm:name>' in text
    assert 'ttm:agent="speaker1"' in text


@pytest.mark.parametrize(("text", "leftward"), [("שלום, Ann.", True), ("«مساءً».", True), ("Ann, שלום.", False)])
def test_the_direction_of_a_cue_is_written(text: str, leftward: bool) -> None:
    made = [Cue(0.0, 1.0, ((Word(text, 0.0, 1.0),),)), Cue(1.0, 2.0, ((Word("Next.", 1.0, 2.0),),))]
    file = pysubs2.SSAFile.from_string(write_format("ass", spoken_by("A"), made).decode())
    assert file.styles["Default"].encoding == (-1 if leftward else 1)
    assert write_format("ttml", spoken_by("A"), made).decode().count(' tts:direction="rtl">') == leftward


def test_csv_shows_a_formula_and_does_not_compute_it() -> None:
    words = (Word(" =1+1", 0.0, 1.0),)
    transcript = Transcript((Segment(" =1+1", 0.0, 1.0, "en", words),), 1.0, "a.wav")
    assert write_format("csv", transcript, laid(transcript, Rules())) == b'start,end,text\n0,1000,"\'=1+1"\n'


def test_rttm_joins_the_words_of_a_turn() -> None:
    text = write_format("rttm", spoken_by("Ann", "Ann", "Bo b"), []).decode()
    assert text == (
        "SPEAKER talk 1 0.000 1.900 <NA> <NA> Ann <NA> <NA>\nSPEAKER talk 1 2.000 0.900 <NA> <NA> Bo_b <NA> <NA>\n"
    )


def test_ctm_has_a_word_a_line() -> None:
    assert write_format("ctm", spoken_by(None), []).decode() == "talk 1 0.000 0.900 word0\n"


def test_a_mark_of_byte_order_is_written_on_request() -> None:
    transcript = spoken_by(None)
    assert write_format("srt", transcript, laid(transcript), WriteOptions(bom=True)).startswith(b"\xef\xbb\xbf1\n")
    for name in ("json", "json-full"):
        assert write_format(name, transcript, laid(transcript), WriteOptions(bom=True)).startswith(b"{")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Größe – 你好"),
        ("utf-8-sig", "Größe – 你好"),
        ("utf-16", "Größe – 你好"),
        ("gb18030", "我今天去北京，你呢？我们一起吃饭吧。"),
        ("shift_jis", "真っ昼間なのにキャンプの外れの電柱に"),
        ("euc_kr", "그는 말했다. 학교에 갔습니다."),
        ("cp1251", "Он сказал, что это не так. Почему?"),
        ("cp1252", "Das erschien mir nicht sinnvoll; für wen auch?"),
        ("cp1253", "Το σπίτι είναι μεγάλο, αλλά όχι."),
        ("cp1256", "قال الرئيس، إن هذا صحيح."),
    ],
)
def test_subtitles_in_older_encodings_are_read(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(f"1\r\n00:00:01,000 --> 00:00:03,000\r\n{text}\r\n".encode(encoding))
    assert read_format(path).text == text


def test_utf8_with_a_character_cut_off_stays_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes("1\n00:00:01,000 --> 00:00:03,000\nえー、こんばんは。高".encode()[:-1])
    read = read_format(path)
    assert read.text == "えー、こんばんは。\ufffd"
    assert "one place holds characters that could not be read" in read.notices[0]


def cpp(*tokens: dict[str, object], text: str) -> dict[str, object]:
    return {"transcription": [{"offsets": {"from": 0, "to": 4000}, "text": text, "tokens": list(tokens)}]}


def token(text: str, *offsets: int) -> dict[str, object]:
    return {"text": text, "p": 0.5} | ({"offsets": dict(zip(("from", "to"), offsets, strict=True))} if offsets else {})


def test_characters_that_whisper_cpp_cuts_in_two_are_whole(tmp_path: Path) -> None:
    first, second = "高".encode()[:2], "高".encode()[2:]
    value = cpp(token("岸"), token("A", 1000, 1500), token("B", 1500, 2000), token("野", 2000, 3000), text="岸高野")
    data = json.dumps(value, ensure_ascii=False).encode().replace(b'"A"', b'"%s"' % first)
    (tmp_path / "a.json").write_bytes(data.replace(b'"B"', b'"%s"' % second))
    read = read_format(tmp_path / "a.json")
    assert read.words == (Word("岸", 0.0, 1.0, 0.5), Word("高", 1.0, 2.0, 0.5), Word("野", 2.0, 3.0, 0.5))
    assert read.notices == ()


def test_what_stays_cut_in_json_of_whisper_cpp_is_reported(tmp_path: Path) -> None:
    data = json.dumps(cpp(text=" Ça a été X"), ensure_ascii=False).encode().replace(b"X", b"\xc3")
    (tmp_path / "a.json").write_bytes(data)
    read = read_format(tmp_path / "a.json")
    assert write_format("txt", read, []).decode() == "Ça a été \ufffd\n"
    assert len(read.notices) == 1


@pytest.mark.parametrize("times", [(), (3000, 2500), (-10, 3000)])
def test_tokens_of_whisper_cpp_without_a_time_lie_between_their_neighbours(times: tuple[int, ...]) -> None:
    value = cpp(token(" I", 0, 500), token(" am", *times), token(" here", 1500, 4000), text=" I am here")
    words = parse_format(json.dumps(value), "x", "json").words
    assert [(word.text, word.start, word.end) for word in words] == [
        (" I", 0.0, 0.5), (" am", 0.5, 1.5), (" here", 1.5, 4.0)]  # fmt: skip


def test_where_no_token_has_a_time_words_share_the_segment() -> None:
    words = parse_format(json.dumps(cpp(token(" ab"), token(" cd"), text=" ab cd")), "x", "json").words
    assert words == (Word(" ab", 0.0, 2.0), Word(" cd", 2.0, 4.0))


def test_numbers_that_are_none_are_refused_only_where_they_are_read() -> None:
    words = [{"word": " a", "start": 0, "end": 1, "score": float("nan")}]
    segment = {"start": 0, "end": 1, "text": " a", "avg_logprob": float("nan"), "words": words}
    assert parse_format(json.dumps({"segments": [segment]}), "x", "json").words == (Word(" a", 0.0, 1.0),)
    with pytest.raises(TranscriptError, match=r"segments\[0\].start: is not a finite number"):
        parse_format(json.dumps({"segments": [segment | {"start": float("nan")}]}), "x", "json")


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes("1\n00:00:01,000 --> 00:00:03,000\nşğı\n".encode("cp1254"))
    assert read_format(path, encoding="cp1254").text == "şğı"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ttml", "lrc", "textgrid", "json"])
@pytest.mark.parametrize(
    "data",
    [b"\x00" * 50, b"\xff\xfe\x00\xd8", bytes(range(256)) * 4, b"<" * 1000, b"1\n" * 1000, b"WEBVTT\n\n-->\nx",
     b"1\n99999999999999999999:00:00,000 --> 1:00:00,000\nx", b"[Events]\nDialogue: ,,,", b"<tt>", b"[00:99.99",
     b'"ooTextFile"\n' + b"9" * 5000, b'<!DOCTYPE x [<!ENTITY a "b">]><tt/>', b"[Script Info]\n[Events]\nFormat: x\n"],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_is_refused_with_its_name(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / f"bad{FORMATS[name].extension}"
    path.write_bytes(data)
    try:
        read_format(path)
    except TranscriptError as error:
        assert str(error).startswith(f"{path}: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("srt", "1\n" * 30_000),
        ("srt", "1\n00:00:01,000 --> 00:00:02,000\n" + "<b " * 30_000),
        ("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "<v " * 30_000),
        ("ass", "[Events]\nFormat: Start, End, Text\nDialogue: 0:00:00.00,0:00:01.00," + "{\\k1" * 30_000),
        ("lrc", "[00:01.00]" * 10_000),
        ("ttml", '<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="0s" end="1s">' + "<span>" * 20_000 + "x"
         + "</span>" * 20_000 + "</p></div></body></tt>"),
        ("textgrid", 'File type = "ooTextFile"\n' + "intervals [" * 10_000),
        ("json", "[" * 100_000),
    ],
)  # fmt: skip
def test_a_file_made_to_be_slow_ends(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / f"slow{FORMATS[name].extension}"
    path.write_text(text, encoding="utf-8")
    try:
        assert len(read_format(path).segments) <= 10_000
    except TranscriptError as error:
        assert str(error).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nx\n\n2\n00:00:0x --> 1\ny\n", "line"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 99\nx\n", "line 3"),
        ("a.vtt", "x\n", "line 1"),
        ("a.ttml", '<tt xmlns="http://www.w3.org/ns/ttml">\n<body', "line 2"),
        ("a.ttml", '<tt xmlns="http://www.w3.org/ns/ttml"><body><p begin="x" end="2s">x</p></body></tt>', "'x'"),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(tmp_path: Path, name: str, text: str, place: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(TranscriptError, match=place):
        read_format(tmp_path / name, strict=True)


def test_ttml_of_others_is_read_with_frames_offsets_and_nesting(tmp_path: Path) -> None:
    (tmp_path / "a.ttml").write_text(
        '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25">'
        '<body><div begin="10s"><p begin="00:00:01:05" end="2.5s"><span>So</span> be<br/>it</p>'
        '<p begin="3000ms" dur="1s"> end </p></div></body></tt>',
        encoding="utf-8",
    )
    read = read_cues(tmp_path / "a.ttml")
    assert [(cue.start, cue.end, cue.text) for cue in read] == [(11.2, 12.5, "So be\nit"), (13.0, 14.0, "end")]


@pytest.mark.parametrize(
    ("parameters", "code", "time"),
    [
        ('ttp:frameRateMultiplier="1000 1001"', "01:00:00:15", 3600.5005),
        ('ttp:frameRateMultiplier="1000 1001" ttp:timeBase="smpte"', "01:00:00:00", 3603.6),
        ('ttp:frameRateMultiplier="1000:1001" ttp:timeBase="smpte"', "00:00:01:00", 1.001),
        ('ttp:frameRateMultiplier="1000 1001" ttp:timeBase="smpte" ttp:dropMode="dropNTSC"', "01:00:00:00", 3599.9964),
        ('ttp:frameRateMultiplier="1000 1001" ttp:timeBase="smpte" ttp:dropMode="dropNTSC"', "00:09:00:02", 540.0067),
        ('ttp:timeBase="smpte"', "01:00:00:15", 3600.5),
    ],
)
def test_a_time_code_of_ttml_counts_frames(parameters: str, code: str, time: float, tmp_path: Path) -> None:
    (tmp_path / "a.ttml").write_text(
        f'<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="30"'
        f' {parameters}><body><div><p begin="{code}" end="02:00:00:00">a</p></div></body></tt>',
        encoding="utf-8",
    )
    assert read_cues(tmp_path / "a.ttml")[0].start == pytest.approx(time, abs=0.001)


TTML = '<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="0s" end="1s">a</p>{}</div></body></tt>'


@pytest.mark.parametrize(
    ("paragraph", "times", "words"),
    [
        ('<p><span begin="3s" end="4s">be it</span></p>', (3.0, 4.0), [("be", 3.0, 3.5), (" it", 3.5, 4.0)]),
        ('<p begin="5s" end="9s"><span begin="0s" end="1s">be</span> <span begin="2s" end="4s">it</span></p>',
         (5.0, 9.0), [("be", 5.0, 6.0), (" it", 7.0, 9.0)]),
        ('<p begin="5s" end="9s">so <span begin="1s" end="2s">be it</span></p>',
         (5.0, 9.0), [("so", 5.0, 6.0), (" be", 6.0, 6.5), (" it", 6.5, 7.0)]),
        ('<p begin="5s"><span end="2s">so</span><br/><span end="2s">be</span></p>',
         (5.0, 7.0), [("so", 5.0, 6.0), ("be", 6.0, 7.0)]),
        ('<p begin="5s" end="7s"><span>s</span>o</p>', (5.0, 7.0), [("so", 5.0, 7.0)]),
    ],
)  # fmt: skip
def test_spans_of_ttml_give_words_their_times(
    paragraph: str, times: tuple[float, float], words: list[tuple[str, float, float]]
) -> None:
    reader = FORMATS["ttml"].cue_reader
    assert reader
    _, cue = reader(TTML.format(paragraph), "x")
    assert (cue.start, cue.end) == times
    assert [(word.text, word.start, word.end) for line in cue.lines for word in line] == words


def test_an_extension_means_its_format() -> None:
    names = [format_of_path(path).name for path in ("a.SRT", "b.TextGrid", "c.labels.txt", "d.txt", "e.json")]
    assert names == ["srt", "textgrid", "labels", "txt", "json"]
    with pytest.raises(OptionError, match="extension"):
        format_of_path("a.xyz")


# Parsers written from the documented shapes.
def whisper_cpp_parser(value: dict[str, object]) -> list[tuple[int, int, str]]:
    assert isinstance(value["result"], dict) and isinstance(value["result"]["language"], str)
    entries = value["transcription"]
    assert isinstance(entries, list)
    for entry in entries:
        hours, minutes, rest = entry["timestamps"]["from"].split(":")
        seconds, ms = rest.split(",")
        assert ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms) == entry["offsets"]["from"]
        for token in entry.get("tokens", []):
            assert isinstance(token["p"], float) and isinstance(token["id"], int)
    return [(entry["offsets"]["from"], entry["offsets"]["to"], entry["text"]) for entry in entries]


def openai_parser(value: dict[str, object]) -> list[tuple[int, int, str]]:
    segments = value["segments"]
    assert isinstance(segments, list)
    assert "".join(segment["text"] for segment in segments) == value["text"]
    for segment in segments:
        assert "".join(word["word"] for word in segment["words"]) == segment["text"]
        for key in ("temperature", "avg_logprob", "compression_ratio", "no_speech_prob"):
            assert isinstance(segment[key], float)
    return [(round(s["start"] * 1000), round(s["end"] * 1000), s["text"]) for s in segments]


def whisperx_parser(value: dict[str, object]) -> list[tuple[int, int, str]]:
    segments, words = value["segments"], value["word_segments"]
    assert isinstance(segments, list) and isinstance(words, list)
    assert words == [word for segment in segments for word in segment["words"]]
    assert all(word["word"] == word["word"].strip() and word["start"] <= word["end"] for word in words)
    return [(round(s["start"] * 1000), round(s["end"] * 1000), s["text"]) for s in segments]


STYLES: list[tuple[str, Callable[[dict[str, object]], list[tuple[int, int, str]]]]] = [
    ("whisper.cpp", whisper_cpp_parser),
    ("openai", openai_parser),
    ("whisperx", whisperx_parser),
]


@pytest.mark.slow
@pytest.mark.parametrize(("style", "parser"), STYLES)
@pytest.mark.parametrize("name", ["json", "json-full"])
@given(transcript=transcripts())
@settings(max_examples=20, deadline=None)
def test_json_of_other_styles_loads_in_a_parser_of_its_shape_and_reads_back(
    style: str, parser: Callable[[dict[str, object]], list[tuple[int, int, str]]], name: str, transcript: Transcript
) -> None:
    options = WriteOptions(json_style=style)  # type: ignore[arg-type]
    data = write_format(name, transcript, laid(transcript, Rules()), options)
    expected = [(round(s.start * 1000), round(s.end * 1000), s.text) for s in transcript.segments if s.text.strip()]
    entries = parser(json.loads(data))
    assert [entry[2] for entry in entries if entry[2].strip()] == [text for _, _, text in expected]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        write_atomically(path, data)
        read = read_format(path)
    assert read.text.split() == "".join(text for _, _, text in expected).split()


def test_a_segment_of_whisperx_without_words_keeps_its_speaker() -> None:
    segment = {"start": 0.0, "end": 2.0, "text": " so be", "speaker": "SPEAKER_00"}
    read = parse_format(json.dumps({"segments": [segment]}), "x", "json")
    assert read.words == (Word(" so", 0.0, 1.0, None, "SPEAKER_00"), Word(" be", 1.0, 2.0, None, "SPEAKER_00"))


def test_words_whisperx_could_not_time_lie_between_their_neighbours(tmp_path: Path) -> None:
    value = {
        "segments": [
            {"start": 0.0, "end": 3.0, "text": " So 42 it", "words": [
                {"word": "So", "start": 0.0, "end": 1.0, "score": 0.9}, {"word": "42"},
                {"word": "it", "start": 2.0, "end": 3.0}]}
        ]
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(value), encoding="utf-8")
    words = read_format(tmp_path / "a.json").words
    assert words == (Word(" So", 0.0, 1.0, 0.9), Word(" 42", 1.0, 2.0), Word(" it", 2.0, 3.0))
