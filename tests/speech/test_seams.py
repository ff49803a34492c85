from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.speech.seams import without_repeats, words_of_core
from crisp_align.transcript import SAMPLE_RATE, Clip, Word


def clip(start: float, length: float, core: tuple[float, float] | None) -> Clip:
    return Clip(np.zeros(round(length * SAMPLE_RATE), np.float32), start, "x", core=core)


def speech(*lengths: float) -> list[Word]:
    edges = np.concatenate([[0.0], np.cumsum(lengths)])
    return [Word(f" w{i}", float(a), float(b)) for i, (a, b) in enumerate(pairwise(edges))]


def test_a_clip_that_overlaps_no_other_keeps_all_its_words() -> None:
    words = speech(1.0, 1.0)
    assert words_of_core(words, clip(0.0, 2.0, None)) == words


def test_a_word_cut_off_at_the_end_of_the_overlap_is_left_to_the_next_clip() -> None:
    words = speech(1.0, 1.0, 1.0)
    assert [word.text for word in words_of_core(words, clip(0.0, 3.0, (0.0, 2.2)))] == [" w0", " w1"]


def test_a_word_timed_a_little_differently_by_both_clips_comes_once() -> None:
    assert without_repeats([Word(" on", 2.05, 2.35), Word(" it", 2.4, 2.6)], Word(" on", 2.0, 2.3)) == [
        Word(" it", 2.4, 2.6)
    ]


def test_the_same_word_said_again_right_after_the_seam_stays() -> None:
    words = [Word(" no", 2.3, 2.6)]
    assert without_repeats(words, Word(" no", 2.0, 2.3)) == words


@given(
    lengths=st.lists(st.floats(0.15, 0.9), min_size=8, max_size=40),
    cut=st.floats(0.2, 0.8),
    errors=st.lists(st.floats(-0.04, 0.04), min_size=80, max_size=80),
)
def test_every_word_at_a_seam_comes_once_whatever_small_errors_its_times_have(
    lengths: list[float], cut: float, errors: list[float]
) -> None:
    truth = speech(*lengths)
    total, at = truth[-1].end, truth[-1].end * cut

    def timed(begin: float, end: float, core: tuple[float, float], shift: int) -> list[Word]:
        inside = [
            Word(w.text, w.start + errors[(shift + i) % 80], w.end + errors[(shift + i + 1) % 80])
            for i, w in enumerate(truth)
            if w.start >= begin - 1e-9 and w.end <= end + 1e-9
        ]
        return words_of_core(inside, clip(begin, end - begin, core))

    first = timed(0.0, min(at + 1.0, total), (0.0, at), 0)
    second = timed(max(at - 1.0, 0.0), total, (at - max(at - 1.0, 0.0), total - max(at - 1.0, 0.0)), 41)
    joined = [*first, *without_repeats(second, first[-1] if first else None)]
    assert [word.text for word in joined] == [word.text for word in truth]
