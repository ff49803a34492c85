from __future__ import annotations

import pytest

from crisp_align.pipeline.segments import normalize_text, split_segments
from crisp_align.text.sentences import sentence_ends
from crisp_align.transcript import Word


def said(*texts: str, gap: float = 0.0) -> list[Word]:
    return [Word(text, i * (1 + gap), i * (1 + gap) + 1) for i, text in enumerate(texts)]


def test_a_segment_is_a_sentence() -> None:
    made = split_segments(said(" Hello", " there.", " How", " are", " you?"), "en", "hmm")
    assert [segment.text for segment in made] == [" Hello there.", " How are you?"]
    assert [(segment.start, segment.end) for segment in made] == [(0, 2), (2, 5)]
    assert {segment.aligner for segment in made} == {"hmm"}


def test_a_long_pause_ends_a_segment_inside_a_sentence() -> None:
    assert len(split_segments(said(" one", " two", gap=2.0), "en", "hmm")) == 2
    assert len(split_segments(said(" one", " two", gap=0.5), "en", "hmm")) == 1


def test_given_ends_are_kept_whatever_the_punctuation() -> None:
    made = split_segments(said(" One.", " Two.", " three", gap=3.0), "en", "hmm", [False, True, True])
    assert [segment.text for segment in made] == [" One. Two.", " three"]


@pytest.mark.parametrize(
    ("texts", "ends"),
    [
        ((" Dr.", " Smith", " left."), [False, False, True]),
        ((" J.", " F.", " Kennedy"), [False, False, True]),
        ((" etc.", " and", " so"), [False, False, True]),
        ((" It", " is.", " Now"), [False, True, True]),
        ((" He", " said", ' "no."', " Then"), [False, False, True, True]),
        (("你好。", "再见"), [True, True]),
        (("本当？」", "はい"), [True, True]),
        ((" what?", " no"), [True, True]),
        ((" So...", " maybe"), [False, True]),
        ((" ठीक", " है।", " चलो"), [False, True, True]),
        ((" 3.", " August"), [True, True]),
        ((" weiter.“", " Und", " „Nein.“", " »Ja.«", " Dr.", " »Ach.«"), [True, False, True, True, False, True]),
        ((' "Why?"', " he", " asked.", ' "Why?"', " He"), [False, False, True, True, True]),
        ((" « Rien ! »", " Puis"), [True, True]),
    ],
)
def test_sentences_end_where_a_reader_says_so(texts: tuple[str, ...], ends: list[bool]) -> None:
    assert sentence_ends(texts) == ends


@pytest.mark.parametrize(("language", "closes"), [("de", False), ("fi", False), ("en", True), (None, True)])
def test_an_ordinal_ends_no_sentence_where_it_is_written_with_a_full_stop(language: str | None, closes: bool) -> None:
    texts = (" am", " 3.", " Oktober", " 1990.", " Ja.")
    assert sentence_ends(texts, language) == [False, closes, False, True, True]


def test_text_becomes_one_line_that_begins_with_a_space_where_the_language_has_spaces() -> None:
    assert normalize_text("  two\nlines\x00here\u2028end ", "en") == " two lines here end"
    assert normalize_text(" 你好\n", "zh") == "你好"
    assert normalize_text(" \n ", "en") == ""
    assert normalize_text("שלום\u200f!", "he") == " שלום\u200f!"
    assert normalize_text("a\ud800b", "en") == " a b"
