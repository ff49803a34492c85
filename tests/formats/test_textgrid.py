r"""What is read from TextGrids of other programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.errors import OptionError, TranscriptError
from crisp_align.formats import decode_document, parse_format
from crisp_align.formats.praat_escapes import escape, unescape
from tests.formats.test_subtitles import textgrid

SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
3
<exists>
1
"IntervalTier"
"words"
0
3
2
0
1
"hello"
1
3
"world"
"""


def test_an_interval_with_blanks_is_a_segment_whose_words_share_its_time() -> None:
    read = parse_format(textgrid({"Mary": [(0, 2, "so when I came"), (2, 5, "nobody spoke")]}), "x")
    assert [(s.text.strip(), s.start, s.end) for s in read.segments] == [
        ("so when I came", 0, 2), ("nobody spoke", 2, 5)]  # fmt: skip
    assert [word.text.strip() for word in read.words] == ["so", "when", "I", "came", "nobody", "spoke"]


@pytest.mark.parametrize("label", ["<eps>", "sil", "SIL", "sp", "<p:>", "#", "pau", "{SL}"])
def test_labels_of_silence_are_silence(label: str) -> None:
    read = parse_format(textgrid({"words": [(0, 1, "hello"), (1, 2, label), (2, 3, "world")]}), "x")
    assert [(word.text.strip(), word.start) for word in read.words] == [("hello", 0), ("world", 2)]


def test_tiers_of_phones_are_left_out_and_others_are_those_of_speakers() -> None:
    tiers = {"Ann": [(0, 1, "good day")], "Bob": [(1, 2, "and to you")], "phones": [(0, 1, "g")]}
    read = parse_format(textgrid(tiers), "x")
    assert [(s.text.strip(), s.words[0].speaker) for s in read.segments] == [("good day", "Ann"), ("and to you", "Bob")]


def test_a_tier_can_be_named() -> None:
    text = textgrid({"words": [(0, 1, "hello")], "gloss": [(0, 1, "a greeting")]})
    assert parse_format(text, "x", tier="Gloss").text.strip() == "a greeting"
    with pytest.raises(TranscriptError, match="no tier 'other' of intervals"):
        parse_format(text, "x", tier="other")
    with pytest.raises(OptionError, match="have no tiers"):
        parse_format("WEBVTT\n", "x", tier="words")


def test_the_short_form_is_read_in_utf16_too() -> None:
    assert [cue.text for cue in decode_document(SHORT.encode("utf-16"), "a.TextGrid").cues] == ["hello world"]


def test_escapes_of_praat_are_characters() -> None:
    assert unescape(r"caf\e' f\u\"r Stra\sse \al") == 'café f\\u\\"r Straße \\al'
    assert unescape('f\\u"r') == "für"
    read = parse_format(textgrid({"words": [(0, 1, r"d\e'j\a`")]}), "x")
    assert read.text.strip() == "déjà"


@given(st.text(alphabet="\\ae'`\"sboé "))
def test_labels_that_are_written_are_read_as_they_were(label: str) -> None:
    assert unescape(escape(label)) == label
