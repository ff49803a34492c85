from __future__ import annotations

import pytest

from crisp_align.formats.cue_text import BLANKS, words_of_line
from crisp_align.text.display import displayed
from crisp_align.text.width import clip_width, columns, graphemes


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("漢字", 4),
        ("ｶﾅ", 2),
        ("한국", 4),
        ("e\u0301", 1),
        ("क्षि", 1),
        ("👨‍👩‍👧", 2),
        ("🇩🇪", 2),
        ("☎️", 2),
        ("น้ำ", 1),
        ("\u200b\x00", 0),
        ("", 0),
    ],
)
def test_width_counts_columns_of_grapheme_clusters(text: str, width: int) -> None:
    assert columns(text) == width


def test_clusters_are_never_cut() -> None:
    text = "👨‍👩‍👧e\u0301漢क्षि🇩🇪"
    assert graphemes(text) == ["👨‍👩‍👧", "e\u0301", "漢", "क्षि", "🇩🇪"]
    assert clip_width(text, 2) == ["👨‍👩‍👧", "e\u0301", "漢", "क्षि", "🇩🇪"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" two\t words\r\n", "two words"),
        ("nul\x00 esc\x1b[31m del\x7f c1\x9b", "nul esc[31m del c1"),
        ("lone \ud800", "lone \ufffd"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("open \u202babc", "open abc"),
        ("kept \u2067שלום\u2069", "kept \u2067שלום\u2069"),
        ("x" + "\u0301" * 500, "x" + "\u0301" * 8),
        ("a\u2028b", "a b"),
        ("नमस्ते", "नमस्ते"),
    ],
)
def test_displayed_text_holds_nothing_that_acts(text: str, shown: str) -> None:
    assert displayed(text) == shown


def test_what_displayed_trims_is_what_counts_as_blank() -> None:
    spaces = {char for char in map(chr, range(0x110000)) if char.isspace()}
    assert {char for char in spaces if displayed(f"a{char}b") == "a b"} == set(BLANKS)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("And so, it's", ["And", " so,", " it's"]),
        ("「はい」と3.5km", ["「は", "い」", "と", "3.5km"]),
        ("你好，GPT-4！", ["你", "好，", "GPT-4！"]),
        ("그는 말했다.", ["그는", " 말했다."]),
        ("… —", ["… —"]),
        ("« Tu fais ? » dit-il", ["« Tu", " fais ? »", " dit-il"]),
        ("- You? - No – I", ["- You?", " - No –", " I"]),
        ("Toi ? » – Non", ["Toi ? »", " – Non"]),
        ("♪ La la ♪", ["♪ La", " la ♪"]),
        ("", []),
    ],
)
def test_a_line_is_cut_into_words_without_loss(line: str, words: list[str]) -> None:
    assert words_of_line(line) == words
