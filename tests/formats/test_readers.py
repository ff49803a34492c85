"""Formats of other programs, read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.errors import CrispAlignError, OptionError, TranscriptError
from crisp_align.formats import FORMATS, decode_document, format_of_text, parse_document, parse_format, write_document

SBV = "0:00:01.000,0:00:02.500\nHello[br]there\n\n0:00:03.000,0:00:04.000\n>> ANN: Yes.\n"
CSV = 'start,end,text,speaker\n1000,2500,"Hello, there",Ann\n3000,4000,"\'=yes",Bob\n'
SPREADSHEET = (
    "Nr;Start Time;End Time;Dialogue\n1;00:00:01,000;00:00:02,500;Hello, there\n2;00:00:03,000;00:00:04,000;Yes\n"
)
TSV = "start\tend\ttext\n1000\t2500\tHello there\n3000\t4000\tYes\n"
LABELS = "1.000000\t2.500000\tHello there\n\\\t100.0\t200.0\n3.000000\t3.000000\tYes\n5.000000\t6.000000\tNo\n"
MICRODVD = "{1}{1}25\n{25}{62}{y:i}Hello|there\n{75}{100}/Yes\n"
MPL2 = "[10][25]Hello|/there\n[30][40]Yes\n"
SAMI = (
    "<SAMI><BODY><SYNC Start=1000><P Class=ENCC>Hello<br><i>there</i>\n<SYNC Start=2500><P Class=ENCC>&nbsp;\n"
    "<SYNC Start=3000><P Class=ENCC>Yes &amp; no<P Class=FRCC>Oui\n</BODY></SAMI>"
)
CTM = (
    ";; made by hand\ntalk 1 1.00 0.50 Hello 0.9\n"
    "talk 1 1.50 0.50 there\ntalk 1 2.00 0.50 <eps>\ntalk 1 3.00 0.50 Yes\n"
)
JSON3 = {
    "wireMagic": "pb3",
    "events": [
        {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
        {"tStartMs": 1000, "dDurationMs": 4000, "segs": [{"utf8": "hello"}, {"utf8": " there", "tOffsetMs": 500}]},
        {"tStartMs": 2900, "aAppend": 1, "segs": [{"utf8": "\n"}]},
        {"tStartMs": 3000, "dDurationMs": 1000, "segs": [{"utf8": "yes"}]},
    ],
}
SRV3 = (
    '<?xml version="1.0" encoding="utf-8" ?><timedtext format="3"><body><w t="0" id="1"/>'
    '<p t="1000" d="4000" w="1"><s>hello</s><s t="500"> there</s></p><p t="3000" d="1000">yes &amp;amp; no</p>'
    "</body></timedtext>"
)
SCC = (
    "Scenarist_SCC V1.0\n\n"
    "00:00:01:00\t94ae 94ae 9420 9420 9470 9470 c8e5 ecec ef80 942f 942f\n\n00:00:03:00\t942c 942c\n"
)


def shown(text: str, name: str | None = None) -> list[tuple[float, float, str]]:
    return [(cue.start, cue.end, cue.text) for cue in parse_document(text, "x", name).cues]


@pytest.mark.parametrize(
    ("name", "text", "cues"),
    [
        ("sbv", SBV, [(1, 2.5, "Hello\nthere"), (3, 4, ">> ANN: Yes.")]),
        ("csv", CSV, [(1, 2.5, "Hello, there"), (3, 4, "=yes")]),
        ("csv", SPREADSHEET, [(1, 2.5, "Hello, there"), (3, 4, "Yes")]),
        ("tsv", TSV, [(1, 2.5, "Hello there"), (3, 4, "Yes")]),
        ("labels", LABELS, [(1, 2.5, "Hello there"), (3, 5, "Yes"), (5, 6, "No")]),
        ("microdvd", MICRODVD, [(1, 2.48, "Hello\nthere"), (3, 4, "Yes")]),
        ("microdvd", MPL2, [(1, 2.5, "Hello\nthere"), (3, 4, "Yes")]),
        ("sami", SAMI, [(1, 2.5, "Hello\nthere"), (3, 6, "Yes & no")]),
        ("ctm", CTM, [(1, 2, "Hello there"), (3, 3.5, "Yes")]),
        ("json3", json.dumps(JSON3), [(1, 3, "hello there"), (3, 4, "yes")]),
        ("srv3", SRV3, [(1, 3, "hello there"), (3, 4, "yes & no")]),
    ],
)
def test_a_format_is_known_by_its_content_and_read(name: str, text: str, cues: list[tuple[float, float, str]]) -> None:
    assert format_of_text(text).name == name
    assert shown(text) == cues


def test_captions_of_scenarist_are_read() -> None:
    assert format_of_text(SCC).name == "scc"
    assert [cue.text for cue in parse_document(SCC, "x").cues] == ["Hello"]


def test_words_of_youtube_keep_their_stamps() -> None:
    for text in (json.dumps(JSON3), SRV3):
        words = parse_format(text, "x").words
        assert [(word.text.strip(), word.start) for word in words][:2] == [("hello", 1), ("there", 1.5)]


def test_seconds_and_milliseconds_differ_by_their_heading_or_their_size() -> None:
    assert shown("start,end,text\n1.5,2.5,a\n3,4,b\n")[0][:2] == (1.5, 2.5)
    assert shown("start,end,text\n1,2,a\n3,4,b\n")[0][:2] == (1, 2)
    assert shown("start (ms),end (ms),text\n1,2,a\n3,4,b\n")[0][:2] == (0.001, 0.002)


def test_styles_of_microdvd_and_sami_are_kept_there_and_back() -> None:
    for text, name in ((MICRODVD, "microdvd"), (SAMI, "sami")):
        document = parse_document(text, "x")
        again = decode_document(write_document(name, document), "y")
        assert again.format == name
        assert [cue.lines for cue in again.cues] == [cue.lines for cue in document.cues]
        assert [cue.start for cue in again.cues] == [cue.start for cue in document.cues]


def test_a_frame_rate_that_is_not_given_is_named() -> None:
    document = parse_document("{24}{48}a\n", "x")
    assert document.cues[0].start == pytest.approx(1.001)
    assert "23.976" in document.notices[0]


def test_what_is_repaired_is_counted_and_refused_where_strict() -> None:
    for name, text in (("sbv", f"x\n{SBV}"), ("tsv", f"{TSV}no\ttime\there\n"), ("labels", f"{LABELS}what\n"),
                       ("microdvd", f"{MICRODVD}what\n"), ("sami", SAMI)):  # fmt: skip
        assert any("left out: 1" in notice for notice in parse_document(text, "x", name).notices), name
        with pytest.raises(TranscriptError):
            parse_document(text, "x", name, strict=True)


WORDS = [{"word": "Hello", "start": 1.0, "end": 1.4}, {"word": "there", "start": 1.5, "end": 2.0}]
SHAPES = {
    "openai": {"language": "english", "text": "Hello, there.", "words": WORDS,
               "segments": [{"id": 0, "start": 1.0, "end": 2.0, "text": " Hello, there."}]},
    "openai words": {"task": "transcribe", "language": "english", "text": "Hello there", "words": WORDS},
    "faster-whisper": [{"start": 1.0, "end": 2.0, "text": " Hello there", "words": WORDS}],
    "stable-ts": {"language": "en", "segments": [{"start": 1.0, "end": 2.0, "text": " Hello there", "words": WORDS}]},
    "nemo": {"text": "Hello there", "timestamp": {"word": WORDS, "segment": [
        {"segment": "Hello there", "start": 1.0, "end": 2.0}]}},
    "transformers": {"text": "Hello there", "chunks": [{"timestamp": [1.0, 1.4], "text": "Hello"},
                                                       {"timestamp": [1.5, None], "text": "there"}]},
    "vosk": {"result": [{"conf": 0.9, **word} for word in WORDS], "text": "Hello there"},
}  # fmt: skip


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_json_of_other_programs_is_read_with_the_times_of_its_words(shape: str) -> None:
    read = parse_format(json.dumps(SHAPES[shape]), "x")
    assert [word.text.strip(" ,.") for word in read.words] == ["Hello", "there"]
    assert [word.start for word in read.words] == [1.0, 1.5]


def test_words_of_openai_get_the_marks_of_the_text() -> None:
    read = parse_format(json.dumps(SHAPES["openai"]), "x")
    assert [word.text for word in read.words] == [" Hello,", " there."]
    assert read.language == "en"


def test_an_object_a_line_is_read() -> None:
    rows = "\n".join(json.dumps({"text": "Hello there", "start": n, "end": n + 1}) for n in (1, 3))
    assert [segment.start for segment in parse_format(rows, "x").segments] == [1, 3]


def test_a_format_that_is_only_read_is_not_written() -> None:
    document = parse_document(SBV, "x")
    for name in ("scc", "stl", "json3", "srv3"):
        with pytest.raises(OptionError, match="can be read but not written"):
            write_document(name, document)


SAMPLES = [SBV, CSV, SPREADSHEET, TSV, LABELS, MICRODVD, MPL2, SAMI, CTM, json.dumps(JSON3), SRV3, SCC]
SAMPLES += [json.dumps(shape) for shape in SHAPES.values()]
READABLE = sorted(name for name, format in FORMATS.items() if format.readable)


def reads_or_refuses(data: bytes, name: str | None) -> None:
    try:
        document = decode_document(data, "a.srt", name)
    except CrispAlignError as error:
        assert "\n" not in str(error)
        return
    assert all(0 <= cue.start <= cue.end for cue in document.cues)


@given(st.sampled_from(READABLE), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused_in_one_line(name: str, data: bytes) -> None:
    reads_or_refuses(data, name)


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_files_are_read_or_refused_in_one_line(sample: str, data: st.DataObject) -> None:
    raw = sample.encode()
    first = data.draw(st.integers(0, len(raw)))
    last = data.draw(st.integers(first, len(raw)))
    patch = data.draw(
        st.one_of(st.binary(max_size=6), st.sampled_from([b"-1", b"null", b"<", b"}", b"1e999", b"\x00"]))
    )
    damaged = raw[:first] + patch + raw[last:] if data.draw(st.booleans()) else raw[:first]
    reads_or_refuses(damaged, data.draw(st.sampled_from([None, format_of_text(sample).name])))


@pytest.mark.parametrize(
    "text",
    ["From Paris, I go to Rome,\nin 2020.\n", "We sold 10 20 times.\n", "In the end, start again, 3\n4 times\n"],
)
def test_plain_text_is_no_table(text: str) -> None:
    assert format_of_text(text).name == "txt"
