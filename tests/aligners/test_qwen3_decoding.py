from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.aligners.qwen3.decoding import MIN_COLLAPSED_UNITS as MIN_UNITS
from crisp_align.aligners.qwen3.decoding import best_path, collapsed_runs, repair

SEEDS = st.integers(0, 2**32 - 1)


def total(scores: np.ndarray, path: np.ndarray) -> float:
    return float(scores[np.arange(len(path)), path].sum())


@given(SEEDS, st.integers(1, 6), st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_no_path_in_order_scores_more_than_the_best_path(seed: int, markers: int, classes: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(markers, classes)).astype(np.float32)
    path = best_path(scores)
    assert (np.diff(path) >= 0).all()
    paths = itertools.combinations_with_replacement(range(classes), markers)
    assert total(scores, path) == pytest.approx(max(total(scores, np.array(other)) for other in paths), abs=1e-5)


@given(SEEDS, st.integers(2, 120), st.integers(2, 60), st.integers(0, 10))
@settings(max_examples=200, deadline=None)
def test_restoring_order_where_it_breaks_equals_solving_the_whole(
    seed: int, markers: int, classes: int, certainty: int
) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(markers, classes)).astype(np.float32)
    scores[np.arange(markers), np.sort(generator.integers(0, classes, markers))] += certainty
    reach = np.maximum.accumulate(scores[0])
    for row in scores[1:]:
        reach = np.maximum.accumulate(reach + row)
    assert total(scores, best_path(scores)) == pytest.approx(float(reach[-1]), abs=1e-3)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=50), SEEDS)
@settings(max_examples=200, deadline=None)
def test_best_classes_already_in_order_are_the_path(classes: list[int], seed: int) -> None:
    classes.sort()
    scores = np.random.default_rng(seed).uniform(-1, 0, size=(len(classes), 100)).astype(np.float32)
    scores[np.arange(len(classes)), classes] = 1.0
    assert best_path(scores).tolist() == classes


@given(st.lists(st.integers(0, 60), min_size=1, max_size=60))
@settings(max_examples=1_000, deadline=None)
def test_the_repair_is_upstreams_value_for_value(classes: list[int]) -> None:
    upstream = pytest.importorskip("transformers.models.qwen3_asr.processing_qwen3_asr")._fix_timestamps
    assert repair(np.array(classes)) == upstream(np.array(classes, np.float32) * 80)


def test_a_plateau_outvotes_good_values_in_the_repair_and_not_in_the_path() -> None:
    classes = np.array([0, 10, 10, 10, 1, 2, 3, 12, 13])
    assert repair(classes)[1:4] == [800, 800, 800]
    scores = np.full((9, 20), -9.0, np.float32)
    scores[np.arange(9), classes] = 0.0
    scores[1:4, 1] = -0.5  # the second best of the plateau
    assert best_path(scores).tolist() == [0, 1, 1, 1, 1, 2, 3, 12, 13]


def test_words_piled_on_one_class_are_found_from_four_on() -> None:
    assert collapsed_runs(np.arange(2 * MIN_UNITS)) == []
    assert collapsed_runs(np.array([0, 1, 2, 5, 5, 5, 5, 5, 5])) == []
    assert collapsed_runs(np.array([0, 1, *[5] * (2 * MIN_UNITS)])) == [(1, 1 + MIN_UNITS)]
    assert collapsed_runs(np.array([0, *[5] * (2 * MIN_UNITS), 9])) == [], (
        "the first only ends there and the last only begins"
    )
    assert collapsed_runs(np.array([*[0] * 8, 1, 2, *[7] * 10])) == [(0, 4), (5, 10)]


@pytest.mark.slow
@given(st.lists(st.integers(0, 3), min_size=8, max_size=60).filter(lambda c: len(c) % 2 == 0))
@settings(max_examples=300, deadline=None)
def test_what_is_piled_begins_and_ends_on_one_class(classes: list[int]) -> None:
    classes.sort()
    for first, last in collapsed_runs(np.array(classes)):
        assert last - first >= MIN_UNITS
        assert len(set(classes[2 * first : 2 * last])) == 1


@given(st.lists(st.integers(0, 400), min_size=300, max_size=600))
@settings(max_examples=30, deadline=None)
def test_the_repair_of_long_disorder_is_upstreams_value_for_value(classes: list[int]) -> None:
    upstream = pytest.importorskip("transformers.models.qwen3_asr.processing_qwen3_asr")._fix_timestamps
    assert repair(np.array(classes)) == upstream(np.array(classes, np.float32) * 80)


def test_large_and_impossible_scores_are_summed_without_loss() -> None:
    generator = np.random.default_rng(5)
    scores = generator.normal(size=(400, 300)).astype(np.float32)
    plain = best_path(scores)
    assert best_path(scores + 1_000).tolist() == plain.tolist()
    scores[:, 7::9] = -np.inf
    path = best_path(scores)
    assert (np.diff(path) >= 0).all()
    assert np.isfinite(total(scores, path))
