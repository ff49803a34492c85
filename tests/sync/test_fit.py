from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.sync.fit import Method, fit_times
from crisp_align.sync.time_map import Piece, TimeMap, frame_rates
from tests.sync.films import Times, moved, speech, subtitled

SPOKEN = speech(1500)
CUES = subtitled(SPOKEN)
FILM_TO_PAL = 24000 / 1001 / 25


def errors(old: Times, true: Times, method: Method, spoken: Times = SPOKEN) -> tuple[np.ndarray, TimeMap]:
    found = fit_times(old, spoken, method).time_map
    new = np.array(found.apply_all(old))
    return np.abs(new[:, 0] - np.array(true)[:, 0]), found


@pytest.mark.parametrize("offset", [60.0, -60.0, 2.4, 0.0, 36000.0])
def test_one_offset_is_found_to_a_twentieth_of_a_second(offset: float) -> None:
    wrong, found = errors(moved(CUES, offset=offset), CUES, "auto")
    assert wrong.max() < 0.05
    assert found.kind == "shift"


@pytest.mark.parametrize(
    ("rate", "said"), [(FILM_TO_PAL, "25 → 23.976 fps"), (1 / FILM_TO_PAL, "23.976 → 25 fps"), (24 / 25, "25 → 24 fps")]
)
def test_subtitles_of_another_frame_rate_are_recognised(rate: float, said: str) -> None:
    wrong, found = errors(moved(CUES, rate, 3.0), CUES, "auto")
    assert wrong.max() < 0.05
    assert found.describe().startswith(said)


def test_a_slow_drift_is_found_and_named_by_its_speed() -> None:
    wrong, found = errors(moved(CUES, 1.0008, 1.0), CUES, "auto")
    assert wrong.max() < 0.1
    assert "speed × 0.9992" in found.describe()


def test_a_wrong_label_of_the_sample_rate_is_named() -> None:
    wrong, found = errors(moved(CUES, 44.1 / 48), CUES, "linear")
    assert wrong.max() < 0.1
    assert found.describe().startswith("48 kHz → 44.1 kHz")


def test_cuts_are_found_where_they_are_and_every_cue_after_them_is_right() -> None:
    old, true = [], []
    for start, end in CUES:
        offset = 5.0 - 30 * (start > 400) - 61.7 * (start > 800) + 12.3 * (start > 1200)
        if not (400 < start < 430 or 800 < start < 862):
            old.append((start + offset, end + offset))
            true.append((start, end))
    wrong, found = errors(old, true, "auto")
    assert wrong.max() < 0.1
    assert len(found.pieces) == 4


def test_shift_moves_all_cues_alike_whatever_the_speed() -> None:
    found = fit_times(moved(CUES, 1.0003, 1.0), SPOKEN, "shift").time_map
    assert [piece.rate for piece in found.pieces] == [1.0]


def test_the_offset_of_a_margin_that_scatters_lies_between_starts_and_ends() -> None:
    order = random.Random(5)
    scattered = [(s - order.uniform(0.05, 0.45), e + order.uniform(0.05, 0.45)) for s, e in SPOKEN]
    wrong, _ = errors(moved(scattered, offset=7), scattered, "shift")
    assert wrong.max() < 0.15


def test_cues_that_have_nothing_to_do_with_the_speech_are_doubtful() -> None:
    assert fit_times(subtitled(speech(900, seed=7)), SPOKEN, "shift").is_doubtful
    assert not fit_times(moved(CUES, offset=9), SPOKEN, "shift").is_doubtful


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 20)), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_cues_are_brought_to_finite_times_in_order(lengths: list[tuple[float, float]]) -> None:
    cues = sorted((start, start + length) for start, length in lengths)
    new = fit_times(cues, speech(120), "auto").time_map.apply_all(cues)
    assert all(np.isfinite(time) and time >= 0 for pair in new for time in pair)


def test_a_map_says_what_it_does() -> None:
    assert TimeMap((Piece(0, 2.4),)).describe() == "+2.40 s"
    assert TimeMap((Piece(0, -0.12, 25 / (24000 / 1001)),)).describe() == "25 → 23.976 fps, -0.12 s"
    assert TimeMap((Piece(0, 1.0), Piece(65, 31.0))).describe() == "2 pieces: +1.00 s, +31.00 s from 1:05"
    assert frame_rates(1.02) is None


def test_a_cut_lies_between_the_cues_around_it() -> None:
    old = [(start - 45 * (start > 645), end - 45 * (start > 645)) for start, end in CUES if not 600 < start < 645]
    (_, second) = fit_times(old, SPOKEN, "pieces").time_map.pieces
    assert abs(second.start - 600) < 8
    assert abs(second.offset - 45) < 0.05
