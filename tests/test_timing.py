from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.timing import distribute, normalize_spans
from crisp_align.transcript import MIN_WORD, Span, Unit

any_time = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-5, 35)
any_spans = st.lists(st.builds(Span, any_time, any_time, st.none() | st.floats(0, 1)), max_size=60)
good_times = st.lists(st.floats(0, 29.9), min_size=2, max_size=40).map(sorted)


@given(any_spans, st.floats(0, 40_000), st.floats(0.001, 40))
@settings(max_examples=600)
def test_normalized_spans_are_inside_ordered_disjoint_and_long_enough(
    spans: list[Span], start: float, length: float
) -> None:
    normalized = normalize_spans(spans, start, start + length)
    assert len(normalized) == len(spans)
    assert [span.score for span in normalized] == [span.score for span in spans]  # which were good
    edges = [edge for span in normalized for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(round(edge * 1000) / 1000 == edge for edge in edges)
    whole = math.floor(round((start + length) * 1000, 3)) - math.ceil(round(start * 1000, 3))
    if whole > 0 and edges:
        assert start - 0.001 <= edges[0]
        assert edges[-1] <= start + length + 0.001
    if normalized and whole >= round(MIN_WORD * 1000) * len(normalized):
        assert min(round((span.end - span.start) * 1000) for span in normalized) >= round(MIN_WORD * 1000)


@given(good_times)
def test_clean_spans_come_back_as_they_were(times: list[float]) -> None:
    edges = [round(t, 3) + 0.03 * i for i, t in enumerate(times)]
    spans = [Span(round(a, 3), round(b - 0.005, 3)) for a, b in pairwise(edges) if b - a >= 0.026]
    assert normalize_spans(spans, 0.0, 60.0) == spans


def test_an_outlier_is_placed_between_its_neighbours() -> None:
    spans = [Span(1.0, 1.2), Span(9.0, 9.1), Span(1.6, 1.8), Span(2.0, 2.2)]
    normalized = normalize_spans(spans, 0.0, 10.0)
    assert normalized[1] == Span(1.2, 1.6)
    assert [normalized[0], *normalized[2:]] == [spans[0], *spans[2:]]


@pytest.mark.parametrize(
    ("given_score", "normalized_score"),
    [(math.nan, None), (math.inf, None), (-0.5, 0.0), (7, 1.0), (np.float32(0.5), 0.5), (None, None)],
)
def test_a_score_is_a_plain_number_from_0_to_1_or_none(
    given_score: float | None, normalized_score: float | None
) -> None:
    score = normalize_spans([Span(0.0, 1.0, given_score)], 0.0, 2.0)[0].score
    assert score == normalized_score
    assert score is None or type(score) is float


def test_an_overlap_is_halved() -> None:
    first, second = normalize_spans([Span(0.0, 1.2), Span(1.0, 2.0)], 5.0, 10.0)
    assert (first.end, second.start) == (6.1, 6.1)


def test_a_short_word_takes_the_pause_after_it_before_it_moves_anyone() -> None:
    normalized = normalize_spans([Span(0.5, 0.5), Span(1.0, 1.5)], 0.0, 2.0)
    assert normalized == [Span(0.5, 0.52), Span(1.0, 1.5)]


def test_a_short_word_without_a_pause_after_it_takes_the_pause_before() -> None:
    normalized = normalize_spans([Span(0.5, 0.5), Span(0.5, 1.5)], 0.0, 2.0)
    assert normalized == [Span(0.48, 0.5), Span(0.5, 1.5)]


def test_more_words_than_the_window_can_hold_share_it_evenly() -> None:
    normalized = normalize_spans([Span(0.0, 0.0)] * 10, 0.0, 0.1)
    assert [round(span.end - span.start, 3) for span in normalized] == [0.01] * 10


units = st.lists(st.text("abcdefg", min_size=1, max_size=12), min_size=1, max_size=30).map(
    lambda texts: [Unit(" " + text, text) for text in texts]
)


@given(units, st.lists(st.floats(0, 20), max_size=8).map(sorted))
def test_spread_words_stay_inside_the_speech_and_in_order(pieces: list[Unit], edges: list[float]) -> None:
    speech = tuple(zip(edges[::2], edges[1::2], strict=False))
    spans = distribute(pieces, speech, 20.0)
    assert len(spans) == len(pieces)
    times = [t for span in spans for t in (span.start, span.end)]
    assert times == sorted(times)
    voiced = [region for region in speech if region[1] > region[0]]
    first, last = (voiced[0][0], voiced[-1][1]) if voiced else (0.0, 20.0)
    assert times[0] >= first - 1e-6
    assert times[-1] <= last + 1e-6
    assert abs(times[-1] - last) < 1e-6


def test_spread_gives_longer_words_longer_times() -> None:
    short, long = distribute([Unit("a", "a"), Unit(" abc", "abc")], None, 4.0)
    assert (short.end, long.start, long.end) == (1.0, 1.0, 4.0)
