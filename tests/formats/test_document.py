"""Subtitles as they were read: what is kept, what is repaired, and what is written again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.errors import TranscriptError
from crisp_align.formats import decode_document, parse_document, write_document
from crisp_align.formats.document import (
    BOTTOM,
    PLAIN,
    Position,
    StyledRun,
    SubtitleCue,
    SubtitleDocument,
    TextStyle,
)

SRT = "1\n00:00:01,000 --> 00:00:02,500\n{}\n"
TTML = '<tt xmlns="{}" xml:lang="en"><body>{}</body></tt>'
NAMESPACE = "http://www.w3.org/ns/ttml"
ASS = (
    "[Script Info]\nScriptType: v4.00+\nPlayResX: 640\nPlayResY: 360\n\n[V4+ Styles]\n"
    "Format: Name, Fontname, Fontsize, Italic, Alignment\nStyle: Default,Arial,20,0,2\nStyle: Sign,Arial,20,-1,8\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,a note\n"
    r"Dialogue: 0,0:00:01.00,0:00:03.00,Default,Ann,0,0,0,,{\fad(200,200)\blur2}Where is {\i1}it{\i0}?" + "\n"
    r"Dialogue: 1,0:00:02.00,0:00:09.00,Sign,,0,0,0,,{\pos(320,90)}EXIT" + "\n"
    r"Dialogue: 0,0:00:04.00,0:00:05.00,Default,,0,0,0,,{\k50}so {\k50}be" + "\n"
)


def shown(text: str, name: str | None = None) -> list[tuple[float, float, str]]:
    return [(cue.start, cue.end, cue.text) for cue in parse_document(text, "x", name).cues]


def again(text: str, name: str, target: str) -> str:
    return write_document(target, parse_document(text, "x", name)).decode()


# What is repaired


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("1\n-00:00:01,000 --> 00:00:02,000\na\n", [(0.0, 2.0, "a")]),
        (SRT.format("a") + "\n\ufeff2\n00:00:05,000 --> 00:00:07,000\nb\n", [(1.0, 2.5, "a"), (5.0, 7.0, "b")]),
        ("By someone\nhttp://x\n\n" + SRT.format("a"), [(1.0, 2.5, "a")]),
        ("1\n\n00:00:01,000 --> 00:00:02,000\na\n\n2\n\n00:00:03,000 --> 00:00:04,000\nb\n",
         [(1.0, 2.0, "a"), (3.0, 4.0, "b")]),
        ("1.\n00:00:01,000 --> 00:00:02,000\na\n\n#2\n00:00:03,000 --> 00:00:04,000\nb\n",
         [(1.0, 2.0, "a"), (3.0, 4.0, "b")]),
        ("1\n00:00:01,000 ---> 00:00:02,000\na\n", [(1.0, 2.0, "a")]),
        ("1\n00:00:01,000 → 00:00:02,000\na\n", [(1.0, 2.0, "a")]),
        ("1\n00:00:01,000 – 00:00:02,000\na\n", [(1.0, 2.0, "a")]),
        ("1\n00: 00: 01, 000 -> 00: 00: 02, 000\na\n", [(1.0, 2.0, "a")]),
        (SRT.format("a") + "\n2\n\n3\n00:00:05,000 --> 00:00:07,000\nb\n", [(1.0, 2.5, "a"), (5.0, 7.0, "b")]),
        (SRT.format("a") + "\n2\n00:00:0x,000 --> 1\nlost\n\n3\n00:00:05,000 --> 00:00:07,000\nb\n",
         [(1.0, 2.5, "a"), (5.0, 7.0, "b")]),
    ],
)  # fmt: skip
def test_what_is_plainly_meant_is_read_and_counted_and_refused_where_strict(
    text: str, cues: list[tuple[float, float, str]]
) -> None:
    document = parse_document(text, "x", "srt")
    assert [(cue.start, cue.end, cue.text) for cue in document.cues] == cues
    assert len(document.notices) == 1
    assert document.notices[0].startswith("repaired: ")
    with pytest.raises(TranscriptError):
        parse_document(text, "x", "srt", strict=True)


def test_a_sentence_that_names_two_times_stays_a_sentence() -> None:
    assert shown(SRT.format("Open 10:30 - 12:45 on weekdays")) == [(1.0, 2.5, "Open 10:30 - 12:45 on weekdays")]


def test_times_that_contradict_each_other_follow_the_order_of_the_file() -> None:
    times = ["00:46:54,400 --> 00:48:43,290", "00:48:43,290 --> 00:46:59,520",
             "00:46:59,520 --> 00:46:52,840", "00:46:52,840 --> 00:47:06,080"]  # fmt: skip
    document = parse_document("\n".join(f"{n}\n{t}\nline {n}\n" for n, t in enumerate(times)), "x", "srt")
    bounds = [time for cue in document.cues for time in (cue.start, cue.end)]
    assert bounds == sorted(bounds)
    assert (bounds[0], bounds[3], bounds[-1]) == (2814.4, 2819.52, 2826.08)
    assert [cue.text for cue in document.cues] == [f"line {n}" for n in range(4)]


def test_one_bad_cue_of_webvtt_costs_no_other() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\na\n\n00:99.000 --> 01:02.000\nbad\n\n00:05.000 --> 00:06.000\nb\n"
    document = parse_document(text, "x")
    assert [cue.text for cue in document.cues] == ["a", "b"]
    assert "cue left out whose time line cannot be read: 1" in document.notices[0]


def test_webvtt_with_commas_in_all_its_times_is_read() -> None:
    assert shown("WEBVTT\n\n00:00:01,000 --> 00:00:02,500\na\n") == [(1.0, 2.5, "a")]


# Content decides the format


def test_the_content_of_a_file_decides_its_format() -> None:
    data = b"WEBVTT\n\n00:00:01.000 --> 00:00:03.000\na\n"
    assert decode_document(data, "a.srt").format == "vtt"
    assert decode_document(TTML.format(NAMESPACE, '<div><p begin="1s" end="2s">a</p></div>').encode(), "a.dfxp").cues


# Markup


def test_line_breaks_tags_and_entities_of_subrip_are_what_they_mean() -> None:
    [cue] = parse_document(
        SRT.format("<FONT COLOR=red>a</FONT><br/>b<BR>c &amp; caf&eacute;&nbsp;d <em>e</em>"), "x"
    ).cues
    assert cue.text == "a\nb\nc & café\u00a0d e"
    assert cue.lines[0][0].style == TextStyle(color="#ff0000")
    assert cue.lines[2][-1] == StyledRun("e", TextStyle(italic=True))


def test_an_entity_that_is_meant_letter_by_letter_survives() -> None:
    document = SubtitleDocument((SubtitleCue(0.0, 1.0, ((StyledRun("write &amp; or <b>"),),)),))
    assert shown(write_document("srt", document).decode()) == [(0.0, 1.0, "write &amp; or <b>")]


def test_ruby_is_kept_where_the_target_has_it_and_leaves_its_base_elsewhere() -> None:
    text = "WEBVTT\n\n00:00.100 --> 00:06.032\n<ruby>静<rt>しず</rt>岡<rt>おか</rt></ruby>へ行く\n"
    assert "静岡へ行く" in again(text, "vtt", "srt")
    assert "しず" not in again(text, "vtt", "srt")
    styles = [run.style.ruby for run in parse_document(again(text, "vtt", "ttml"), "x", "ttml").cues[0].lines[0]]
    assert styles == ["しず", "おか", ""]


def test_a_time_of_day_is_plain_in_webvtt() -> None:
    text = "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nRead John 3:16,17, run in 2:04.35.\n"
    assert "Read John 3:16,17, run in 2:04.35." in again(text, "vtt", "vtt")


# Rolling captions


def test_rolling_captions_have_each_line_once_with_its_word_times() -> None:
    text = (
        "WEBVTT\n\n00:00.160 --> 00:03.429 align:start position:0%\n \nToday<00:00:00.960><c> we</c>\n\n"
        "00:03.429 --> 00:03.439 align:start position:0%\nToday we\n \n\n"
        "00:03.439 --> 00:05.749 align:start position:0%\nToday we\nbake<00:00:04.000><c> rye</c>\n\n"
        "00:05.749 --> 00:05.759 align:start position:0%\nbake rye\n \n\n"
        "00:05.759 --> 00:08.000 align:start position:0%\nbake rye\nbread<00:00:06.000><c> now</c>\n"
    )
    document = parse_document(text, "x")
    assert [(cue.start, cue.text) for cue in document.cues] == [
        (0.16, "Today we"), (3.439, "bake rye"), (5.759, "bread now")]  # fmt: skip
    assert document.cues[1].lines[0][-1] == StyledRun(" rye", PLAIN, None, 4.0)


def test_somebody_who_says_the_same_again_is_not_rolling() -> None:
    text = "\n".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n + 1},000\nNo!\n" for n in range(1, 5))
    assert len(parse_document(text, "x").cues) == 4


# SubStation Alpha


def test_events_are_read_by_the_format_line_and_no_style_spoils_them() -> None:
    text = (
        "[Script Info]\n\n[V4+ Styles]\nFormat: Name, Fontsize\nStyle: D,x,y,z\n\n[Events]\n"
        "Format: Start, End, Text\nDialogue: 0:00:01.00,0:00:03.00,Captain, we are\\Nthere.\n"
    )
    assert shown(text, "ass") == [(1.0, 3.0, "Captain, we are\nthere.")]


def test_only_the_drawing_of_an_event_goes() -> None:
    text = ASS + r"Dialogue: 0,0:00:06.00,0:00:07.00,Default,,0,0,0,,{\p1}m 0 0 l 9 0{\p0}Chapter One" + "\n"
    assert shown(text)[-1] == (6.0, 7.0, "Chapter One")


def test_a_styled_file_is_the_same_bytes_but_for_its_times() -> None:
    for newline in ("\n", "\r\n"):
        data = b"\xef\xbb\xbf" + ASS.replace("\n", newline).encode()
        document = decode_document(data, "a.ass")
        assert write_document("ass", document) == data
        moved = write_document("ass", document.map_times(lambda seconds: seconds + 10.0))
        lines = [line for line in data.decode().split(newline) if line.startswith("Dialogue")]
        later = [re.sub(r"0:00:0(\d)", r"0:00:1\1", line) for line in lines]
        assert [line for line in moved.decode().split(newline) if line.startswith("Dialogue")] == later


def test_over_a_hundred_hours_read_back() -> None:
    text = "1\n100:00:01,000 --> 100:00:02,500\na\n"
    assert shown(again(text, "srt", "ass"), "ass") == [(360001.0, 360002.5, "a")]


# TTML


@pytest.mark.parametrize(
    "namespace", [NAMESPACE, "http://www.w3.org/2006/10/ttaf1", "http://www.w3.org/2006/04/ttaf1", ""]
)
def test_ttml_of_any_namespace_is_read(namespace: str) -> None:
    assert shown(TTML.format(namespace, '<div><p begin="4s" dur="2s">a<br/>b</p></div>'), "ttml") == [
        (4.0, 6.0, "a\nb")
    ]


@pytest.mark.parametrize(
    ("body", "cues"),
    [
        ('<div><p begin="1s" end="2s">a</p><p begin="" end=""/></div>', [(1.0, 2.0, "a")]),
        ('<div timeContainer="seq"><p dur="2s">a</p><p dur="3s">b</p></div>', [(0.0, 2.0, "a"), (2.0, 5.0, "b")]),
        ('<div><p begin="1s">a</p><p begin="4s">b</p><p begin="7s" end="9s">c</p></div>',
         [(1.0, 4.0, "a"), (4.0, 7.0, "b"), (7.0, 9.0, "c")]),
        ('<div begin="19.764" end="1:02.3"><p begin="1:00.594" end="1:02.2">a</p></div>', [(60.594, 62.2, "a")]),
    ],
)  # fmt: skip
def test_times_of_ttml_as_it_is_found(body: str, cues: list[tuple[float, float, str]]) -> None:
    assert shown(TTML.format(NAMESPACE, body), "ttml") == cues


def test_a_file_of_pictures_is_refused() -> None:
    body = '<div begin="1s" end="3s" smpte:backgroundImage="#i" xmlns:smpte="http://www.smpte-ra.org/x"/>'
    with pytest.raises(TranscriptError, match="holds pictures, no text"):
        parse_document(TTML.format(NAMESPACE, body), "x", "ttml")


# Lyrics


def test_lines_of_one_time_are_one_cue_of_lyrics() -> None:
    text = "[00:01.00]Hello\n[00:01.00]你好\n[00:05.00]Bye\n[00:05.00]再见\n"
    assert shown(text) == [(1.0, 5.0, "Hello\n你好"), (5.0, 7.0, "Bye\n再见")]


def test_stamps_inside_a_line_of_lyrics_are_times_of_words() -> None:
    [cue] = parse_document("[00:05.00]But[00:05.50] I[00:05.90] walk[00:06.20]\n", "x", "lrc").cues
    assert [(run.text, run.start) for run in cue.lines[0]] == [("But", None), (" I", 5.5), (" walk", 5.9), ("", 6.2)]


# From SubRip and back

PLAINTEXT = st.text(st.sampled_from("ab cé漢.,!?-&<>{}\\:1'\"♪"), min_size=1, max_size=12).map(
    lambda text: " ".join(text.split())
)
STYLES = st.builds(
    TextStyle,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "", "#ffff00", "#12ab3c"]),
)


@st.composite
def documents(draw: st.DrawFn) -> SubtitleDocument:
    cues: list[SubtitleCue] = []
    now = 0
    for _ in range(draw(st.integers(1, 5))):
        now += draw(st.integers(0, 500))
        lines = tuple(
            tuple(
                StyledRun(f"w{text}", style)
                for text, style in draw(st.lists(st.tuples(PLAINTEXT, STYLES), min_size=1, max_size=3))
            )
            for _ in range(draw(st.integers(1, 3)))
        )
        position = draw(st.one_of(st.just(BOTTOM), st.builds(Position, st.integers(1, 9))))
        cues.append(SubtitleCue(now / 100, (now + draw(st.integers(1, 500))) / 100, lines, position))
    return SubtitleDocument(tuple(cues))


@pytest.mark.parametrize("name", ["vtt", "ass", "ssa", "ttml"])
@given(document=documents())
@settings(max_examples=60, deadline=None)
def test_from_subrip_and_back_nothing_is_lost(name: str, document: SubtitleDocument) -> None:
    first = write_document("srt", document)
    between = write_document(name, parse_document(first.decode(), "x", "srt"))
    assert write_document("srt", parse_document(between.decode(), "x", name)).decode() == first.decode()
