from __future__ import annotations

from itertools import combinations, pairwise, zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.layout import Rules, cues, heard, profile_names, profile_rules
from crisp_align.layout.breaking import Breaks, best_breaks, passage_of, total_cost
from crisp_align.layout.rules import line_columns
from crisp_align.text.breaks import BAD, CLAUSE, FORBIDDEN, SENTENCE, break_costs
from crisp_align.transcript import Segment, Transcript, Word
from tests.test_layout import JFK, shown, spoken
from tests.transcripts import transcripts

NETFLIX = profile_rules("netflix-en")
SUBTITLES = [name for name in profile_names() if name != "sentence"]


def test_lines_break_before_a_preposition_not_where_they_are_full() -> None:
    text = "It was not so much the loss of the cotton itself, but the fantasy."
    assert shown(cues([spoken(text, step=0.3)], NETFLIX)) == [
        "It was not so much the loss\nof the cotton itself, but the fantasy."
    ]


def test_text_that_fits_one_line_stays_on_one() -> None:
    assert shown(cues([spoken("Ask what you can do for your country.")], NETFLIX)) == [
        "Ask what you can do for your country."
    ]


def test_no_line_is_left_to_a_short_word() -> None:
    words = [" ask", " not", " what", " your", " country", " can", " do", " for", " you,"]
    starts = [3.285, 4.0, 4.31, 5.6, 5.85, 6.37, 6.67, 6.87, 7.09, 7.53]  # a pause after the first word
    timed = tuple(Word(text, starts[i], min(starts[i + 1], starts[i] + 0.4)) for i, text in enumerate(words))
    laid = cues([Segment("".join(words), 3.285, 7.53, "en", timed)], profile_rules("bbc"))
    assert shown(laid) == ["ask not what\nyour country can do for you,"]


def test_a_list_spoken_fast_is_not_a_cue_a_word() -> None:
    text = "the right to copy, modify, merge, publish, distribute, sublicense, and sell."
    assert all(len(cue.text.split()) > 2 for cue in cues([spoken(text, step=0.35)], profile_rules("bbc")))


def test_japanese_breaks_between_phrases() -> None:
    segment = spoken("真っ昼間なのにキャンプの外れの電柱に電球がともっていた。", language="ja", step=0.3)
    assert shown(cues([segment], profile_rules("netflix-ja"))) == [
        "真っ昼間なのに",
        "キャンプの外れの電柱に\n電球がともっていた。",
    ]


@pytest.mark.parametrize(
    ("language", "texts", "cost"),
    [
        ("en", [" the", " house"], BAD),
        ("en", [" of", " Rome"], BAD),
        ("en", [" saw", " Abraham", " Lincoln"], BAD),
        ("en", [" Mr.", " Smith"], BAD),
        ("en", [" 42", " km"], BAD),
        ("fr", [" une", " maison"], BAD),
        ("de", [" und", " das"], BAD - 5),
        ("en", [" itself,", " but"], CLAUSE),
        ("en", [" life.", " It"], SENTENCE),
        ("en", [" well", "-known"], FORBIDDEN),
        ("ja", ["電球", "。"], FORBIDDEN),
        ("ja", ["「", "はい"], FORBIDDEN),
        ("ja", ["き", "ゃ"], FORBIDDEN),
        ("zh", ["人", "々"], FORBIDDEN),
    ],
)
def test_a_break_costs_what_it_costs_a_reader(language: str, texts: list[str], cost: float) -> None:
    assert break_costs(texts, language)[-1] == cost


def test_breaking_inside_quotes_costs_more_than_outside() -> None:
    inside = break_costs([" (so", " be", " it)", " then"], None)
    assert inside[1] > inside[3]


def test_an_unclosed_bracket_binds_no_further_than_its_sentence() -> None:
    assert break_costs([" (so.", " We", " went"], "en")[2] == break_costs([" so.", " We", " went"], "en")[2]


def every_layout(count: int, lines: int) -> list[list[Breaks]]:
    layouts: list[list[Breaks]] = []
    for cuts in range(count):
        for chosen in combinations(range(1, count), cuts):
            layouts.append([])
            rows: list[list[Breaks]] = [[]]
            for a, b in pairwise([0, *chosen, count]):
                ways: list[Breaks] = [(a, b)]
                ways += [(a, *inner, b) for n in range(1, lines) for inner in combinations(range(a + 1, b), n)]
                rows = [[*row, way] for row in rows for way in ways]
            layouts[-1:] = rows
    return layouts


@given(transcripts(max_segments=2), st.sampled_from([1, 2, 3]))
@settings(max_examples=40, deadline=None)
def test_no_other_layout_costs_less(transcript: Transcript, lines: int) -> None:
    words = [Segment(s.text, s.start, s.end, s.language, s.words[:4]) for s in transcript.segments]
    rules = Rules(max_chars=8, max_lines=lines, min_duration=0.5, max_cps=12, linger=0.3, min_gap=0.08)
    passage = passage_of(words)
    count = len(passage.atoms)
    ours = total_cost(passage, best_breaks(passage, rules), rules)
    narrow = [
        layout
        for layout in every_layout(count, lines)
        # Text that fits one line stays on one, and atoms too wide for the lines are not put together, by rule.
        if all(row[-1] - row[0] == 1 or passage.columns(row[0], row[-1]) <= lines * 9 for row in layout)
        and all(row[-1] - row[1] < 2 or passage.columns(row[1], row[-1]) < (lines - 1) * 9 for row in layout)
        and all(len(row) == 2 or passage.columns(row[0], row[-1]) > 8 for row in layout)
        and all(len(row) <= 3 or passage.columns(row[1], row[-1]) > 8 for row in layout)
    ]
    assert ours == pytest.approx(min(total_cost(passage, layout, rules) for layout in narrow)) if count else ours == 0


@pytest.mark.parametrize("profile", SUBTITLES)
@given(transcript=transcripts())
@settings(max_examples=60, deadline=None)
def test_every_word_is_shown_once_within_the_profiles_limits(profile: str, transcript: Transcript) -> None:
    rules = profile_rules(profile)
    laid = cues(transcript.segments, rules)
    assert "".join(word.text for cue in laid for line in cue.lines for word in line) == transcript_text(transcript)
    for cue, following in zip_longest(laid, laid[1:]):
        assert len(cue.lines) <= rules.max_lines
        for line in cue.lines:
            visible = [word for word in line if word.text.strip()]
            assert line_columns(line) <= rules.line_limit or len(visible) == 1
        assert cue.end > cue.start
        assert not following or cue.end <= following.start
        assert not rules.max_duration or cue.end - cue.start <= rules.max_duration + 0.0005
        assert cue.start == pytest.approx(cue.lines[0][0].start, abs=0.001)


def transcript_text(transcript: Transcript) -> str:
    return "".join(segment.text for segment in transcript.segments if segment.text.strip())


@given(transcripts(language="en"))
@settings(max_examples=60, deadline=None)
def test_a_cue_lingers_at_most_so_long_but_for_its_minimum_or_a_short_gap(transcript: Transcript) -> None:
    rules = Rules(max_chars=42, max_lines=2, max_cps=17, linger=0.5, min_duration=0.8)
    for cue in cues(transcript.segments, rules):
        assert cue.end <= max(cue.lines[-1][-1].end + 0.5, cue.start + 0.8) + 0.0005


def test_the_same_transcript_is_laid_out_the_same() -> None:
    assert cues([JFK], NETFLIX) == cues([JFK], NETFLIX)


def test_a_change_of_speaker_begins_a_cue() -> None:
    words = (Word(" Yes", 0, 1, speaker="A"), Word(" please", 1, 2, speaker="A"), Word(" Well", 2, 3, speaker="B"))
    assert shown(cues([Segment(" Yes please Well", 0, 3, "en", words)], NETFLIX)) == ["Yes please", "Well"]


def test_social_captions_hold_three_words_at_most() -> None:
    assert shown(cues([JFK], profile_rules("social")))[:3] == ["And so,", "my fellow", "Americans,"]


def test_what_was_just_heard_goes_out_with_its_last_word() -> None:
    laid, live = cues([JFK], NETFLIX), heard(JFK, NETFLIX)
    assert [(cue.start, cue.lines) for cue in live] == [(cue.start, cue.lines) for cue in laid]
    assert [cue.end for cue in live] == [cue.lines[-1][-1].end for cue in laid]


def test_thousands_of_invisible_words_do_not_widen_the_window() -> None:
    words = tuple(Word("\u200b", i / 50, (i + 1) / 50) for i in range(3000))
    segment = Segment("\u200b" * 3000, 0, 60, "en", words)
    assert sum(len(line) for cue in cues([segment], Rules(max_chars=42, max_lines=2)) for line in cue.lines) == 3000
