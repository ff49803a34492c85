from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.aligners import Utterance
from crisp_align.aligners.division import expected, respread, split, split_in_two
from crisp_align.text.units import split_units
from crisp_align.transcript import SAMPLE_RATE, Clip, Span, Unit, Word

RATE = 16_000


def clip(duration: float, speech: tuple[tuple[float, float], ...] | None = None, start: float = 0.0) -> Clip:
    samples = np.random.default_rng(0).normal(0, 0.1, round(duration * RATE)).astype(np.float32)
    return Clip(samples, start, "made", speech)


def said(text: str, of: Clip, words: tuple[Word, ...] | None = None) -> Utterance:
    return Utterance(of, tuple(split_units(text, "en")), "en", words)


def texts(parts: list[Utterance]) -> list[str]:
    return [part.text for part in parts]


UTTERANCES = st.builds(
    lambda count, duration, edges: Utterance(
        clip(duration, tuple(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)) if edges else None, 5.0),
        tuple(Unit(f" w{i}", f"w{i}") for i in range(count)),
        "en",
    ),
    st.integers(1, 40),
    st.floats(2, 20),
    st.lists(st.floats(0, 20), max_size=10),
)


@pytest.mark.slow
@given(UTTERANCES, st.floats(2.5, 21))
@settings(max_examples=150, deadline=None)
def test_no_unit_is_lost_and_no_part_is_too_long(whole: Utterance, longest: float) -> None:
    parts = split(whole, longest)
    assert "".join(texts(parts)) == whole.text
    assert all(part.units and part.clip.duration <= longest for part in parts)
    assert all(a.clip.end <= b.clip.start + 1e-6 for a, b in pairwise(parts))
    assert parts[0].clip.start >= whole.clip.start
    assert parts[-1].clip.end <= whole.clip.end + 1e-6


@given(UTTERANCES)
@settings(max_examples=100, deadline=None)
def test_halves_join_without_a_gap(whole: Utterance) -> None:
    first, second = split_in_two(whole, expected(whole))
    assert np.array_equal(np.concatenate([first.clip.samples, second.clip.samples]), whole.clip.samples)
    assert first.units + second.units == whole.units
    assert abs(second.clip.start - first.clip.end) < 1 / SAMPLE_RATE
    for part in (first, second):
        assert all(0 <= s < e <= part.clip.duration + 1e-9 for s, e in part.clip.speech or ())


def test_a_short_clip_stays_whole() -> None:
    whole = said("one two", clip(8.0))
    assert split(whole, 8.0) == [whole]


def test_the_cut_lies_in_a_pause_near_the_middle() -> None:
    speech = ((0.0, 1.0), (3.0, 9.0), (9.4, 10.4), (10.5, 20.0))
    first, second = split_in_two(
        said("one two three four", clip(20.0, speech)), [Span(i * 5.0, i * 5.0 + 4) for i in range(4)]
    )
    assert abs(first.clip.duration - 9.2) < 1e-3
    assert first.clip.speech is not None
    assert second.clip.speech is not None
    assert len(first.clip.speech) == 2
    assert len(second.clip.speech) == 2


def test_without_a_pause_the_cut_is_where_it_is_quietest() -> None:
    loud = clip(10.0)
    loud.samples[round(5.9 * RATE) : round(6.1 * RATE)] = 0.0
    first, _ = split_in_two(said("one two", loud), [Span(0, 4), Span(7, 9)])
    assert 5.9 <= first.clip.duration <= 6.1


def test_the_end_of_a_sentence_beats_the_exact_place() -> None:
    whole = said("One two three. Four five six", clip(60.0, ((0.0, 30.0), (31.0, 60.0))))
    late = [Span(i * 10.4, i * 10.4 + 10.4) for i in range(6)]  # by which "Four" would begin half a second late
    late[2] = Span(20.8, 31.1)
    first, second = split_in_two(whole, late)
    assert (first.text, second.text) == ("One two three.", " Four five six")


def test_words_of_the_backend_tell_what_is_said_where() -> None:
    words = (Word("one", 0.5, 1.0), Word(" two", 1.5, 2.0), Word(" three", 18.0, 19.0))
    speech = ((0.0, 9.0), (11.0, 20.0))
    first, second = split(said("one two three", clip(20.0, speech), words), 15.0)
    assert (first.text, second.text) == ("one two", " three")
    assert second.words is not None
    assert abs(second.words[0].start - 8.0) < 0.01


def test_units_that_lost_their_place_share_the_speech_between_their_neighbours() -> None:
    whole = said("a b c d", clip(10.0, ((0.0, 1.0), (4.0, 6.0))))
    spans = [Span(0.0, 1.0, 0.9), Span(9.0, 9.0, 0.4), Span(9.0, 9.0, 0.4), Span(9.0, 9.0, 0.4)]
    placed = respread(whole, spans, [(1, 4)])
    assert placed[0] == spans[0]
    assert [(round(s.start, 3), round(s.end, 3)) for s in placed[1:]] == [(4.0, 4.667), (4.667, 5.333), (5.333, 6.0)]
