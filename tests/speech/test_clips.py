from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.media.audio import read_audio
from crisp_align.speech.clips import VadOptions, clips, voice_activity
from crisp_align.speech.energy import widened_onset
from crisp_align.speech.voice import DEFAULTS
from crisp_align.transcript import SAMPLE_RATE, Clip
from tests.reels import JFK, seconds

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

LANGUAGES = ("en-librispeech-1995-1837-0001.wav", "de-fleurs.wav", "zh-aishell-BAC009S0724W0121.wav", "fr-fleurs.wav")
SLACK = 0.001  # s


@pytest.fixture(scope="module")
def jfk() -> Samples:
    return read_audio(JFK)


@pytest.fixture(scope="module")
def speeches() -> list[Samples]:
    return [read_audio(JFK), *(read_audio(JFK.with_name(name)) for name in LANGUAGES)]


def silence(length: float) -> Samples:
    return np.zeros(int(length * SAMPLE_RATE), np.float32)


def blocks(samples: Samples, size: int = 10 * SAMPLE_RATE) -> Iterator[Samples]:
    return (samples[first : first + size] for first in range(0, len(samples), size))


def cut(samples: Samples, max_clip: float = 30.0, options: VadOptions = DEFAULTS) -> list[Clip]:
    return list(clips(blocks(samples), "x", max_clip=max_clip, options=options))


def spoken(found: list[Clip]) -> list[tuple[float, float]]:
    """Voice activity of all clips, s from the start of the source."""
    return [(clip.start + start, clip.start + end) for clip in found for start, end in clip.speech or ()]


def core(clip: Clip) -> tuple[float, float]:
    """The part whose words are the clip's, s from the start of the source."""
    first, last = clip.core or (0.0, clip.duration)
    return clip.start + first, clip.start + last


def core_samples(clip: Clip) -> Samples:
    first, last = clip.core or (0.0, clip.duration)
    return clip.samples[round(first * SAMPLE_RATE) : round(last * SAMPLE_RATE)]


def assert_sound(found: list[Clip], samples: Samples, max_clip: float, offset: float = 0.0) -> None:
    """Clips are slices of the source, none too long; their cores are ordered and do not overlap."""
    assert all(core(first)[1] <= core(second)[0] + 1e-9 for first, second in pairwise(found))
    for clip in found:
        assert 0 < clip.duration <= max_clip
        begin = round((clip.start - offset) * SAMPLE_RATE)
        assert np.array_equal(clip.samples, samples[begin : begin + len(clip.samples)])
        for start, end in clip.speech or ():
            assert -1e-9 <= start < end <= clip.duration + 1e-9


# What clips hold


def test_one_sentence_is_one_clip_with_its_pauses_and_its_times(jfk: Samples) -> None:
    (clip,) = cut(jfk)
    assert_sound([clip], jfk, 30.0)
    assert clip.source == "x"
    assert spoken([clip]) == pytest.approx(np.array(voice_activity(jfk)), abs=1e-9)


def test_clip_times_count_from_the_start_of_the_source(jfk: Samples) -> None:
    (plain,) = cut(jfk)
    (later,) = clips([jfk], "x", start=100.0)
    assert later.start == pytest.approx(100.0 + plain.start)
    assert later.speech == plain.speech


def test_speech_at_the_very_start_and_end_is_kept_whole(jfk: Samples) -> None:
    middle = jfk[int(0.4 * SAMPLE_RATE) : int(10.2 * SAMPLE_RATE)]
    (clip,) = cut(middle)
    assert clip.start == 0.0
    assert clip.end == seconds(middle)


def test_silence_around_speech_is_in_no_clip_but_for_a_margin(jfk: Samples) -> None:
    (clip,) = cut(np.concatenate([silence(20), jfk, silence(20)]))
    assert clip.start == pytest.approx(20.3 - 0.4, abs=0.15)
    assert clip.end == pytest.approx(30.46 + 0.4, abs=0.2)


def test_no_speech_gives_no_clip() -> None:
    assert cut(silence(65)) == []
    assert cut(silence(0)) == []


def test_a_long_pause_ends_a_clip_and_a_short_one_does_not(speeches: list[Samples]) -> None:
    first, second = speeches[2], speeches[3]
    assert len(cut(np.concatenate([first, silence(1.0), second]))) == 1
    found = cut(np.concatenate([first, silence(6.0), second]))
    assert len(found) == 2
    assert found[1].start - found[0].end > 3.0
    assert len(cut(np.concatenate([first, silence(6.0), second]), options=VadOptions(max_pause=20.0))) == 1


def test_the_pause_where_the_language_changes_is_where_it_is_cut(shared_audio: Path) -> None:
    samples = read_audio(shared_audio / "multilingual.mp3")
    found = cut(samples)
    assert_sound(found, samples, 30.0)
    assert len(found) == 2
    assert 28.5 < found[0].end < 30.0
    assert 29.5 < found[1].start < 31.1


def test_a_long_pause_is_preferred_to_a_later_short_one(jfk: Samples) -> None:
    phrase = jfk[int(5.44 * SAMPLE_RATE) : int(7.6 * SAMPLE_RATE)]
    pauses = [0.25] * 5 + [0.8] + [0.25] * 5
    samples = np.concatenate([part for pause in pauses for part in (phrase, silence(pause))])
    found = cut(samples, max_clip=20.0)
    assert_sound(found, samples, 20.0)
    assert found[0].end == pytest.approx(6 * seconds(phrase) + 5 * 0.25 + 0.4, abs=0.1)


def test_clips_of_long_speech_are_well_filled(speeches: list[Samples]) -> None:
    samples = np.concatenate([part for _ in range(4) for part in speeches])
    found = cut(samples)
    assert_sound(found, samples, 30.0)
    assert np.mean([clip.duration for clip in found[:-1]]) > 20.0


def test_speech_without_a_pause_is_cut_where_it_is_quietest(jfk: Samples) -> None:
    voiced = np.concatenate([jfk[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)] for a, b in voice_activity(jfk)])
    loud = np.tile(voiced, 8)
    soft = int(8.2 * SAMPLE_RATE)
    loud[soft : soft + 2400] = 0.0
    options = VadOptions(min_silence=5.0)  # so that nothing counts as a pause
    found = cut(loud, max_clip=10.0, options=options)
    assert_sound(found, loud, 10.0)
    assert core(found[0])[1] == pytest.approx((soft + 1200) / SAMPLE_RATE, abs=0.03)
    assert all(core(first)[1] == pytest.approx(core(second)[0]) for first, second in pairwise(found))
    assert found[-1].end == seconds(loud)


def test_without_voice_activity_clips_cover_everything(speeches: list[Samples]) -> None:
    samples = np.concatenate([silence(3), *speeches, silence(40)])
    found = cut(samples, options=VadOptions(enabled=False))
    assert_sound(found, samples, 30.0)
    assert all(clip.speech is None for clip in found)
    assert np.array_equal(np.concatenate([core_samples(clip) for clip in found]), samples)
    assert all(clip.duration >= 1.0 for clip in found)


def test_without_voice_activity_words_are_not_cut_where_there_is_a_pause(speeches: list[Samples]) -> None:
    samples = np.concatenate([part for part in speeches for part in (part, silence(0.5))])
    found = cut(samples, max_clip=10.0, options=VadOptions(enabled=False))
    ends = [round(core(clip)[1] * SAMPLE_RATE) for clip in found[:-1]]
    assert all(np.abs(samples[end - 400 : end + 400]).max() < 0.05 for end in ends)


def test_a_limit_under_a_second_is_refused(jfk: Samples) -> None:
    with pytest.raises(ValueError, match="max_clip"):
        next(clips([jfk], "x", max_clip=0.5))


# Onsets that voice activity finds late


@pytest.mark.parametrize("pause", [2.0, 3.0, 5.0, 15.0])
@pytest.mark.parametrize("noise", [0.0, 0.002, 0.01])
def test_a_first_word_after_a_pause_is_in_the_speech_of_its_clip(jfk: Samples, pause: float, noise: float) -> None:
    at = int(2.85 * SAMPLE_RATE)
    samples = np.concatenate([jfk[:at], silence(pause), jfk[at:]])
    samples += np.random.default_rng(0).normal(0, 1, len(samples)).astype(np.float32) * noise
    ask = pause + 3.30  # s, where it begins, hand-labelled to 50 ms
    assert any(start <= ask + 0.05 and end > ask + 0.1 for start, end in spoken(cut(samples)))


def test_a_region_is_not_widened_over_breath_and_clicks(jfk: Samples) -> None:
    generator = np.random.default_rng(0)
    pause = silence(4.0)
    breath = int(3.4 * SAMPLE_RATE)
    pause[breath : breath + 6400] = generator.normal(0, 0.003, 6400)
    pause[int(2.9 * SAMPLE_RATE) : int(2.9 * SAMPLE_RATE) + 200] = 0.5
    voice = jfk[int(5.4 * SAMPLE_RATE) :]
    assert widened_onset(pause, voice[: SAMPLE_RATE // 2]) == 0


@given(level=st.floats(0.0, 0.3), seed=st.integers(0, 50))
def test_steady_sound_of_any_level_before_a_region_widens_nothing(level: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    pause = (generator.normal(0, 1, 3 * SAMPLE_RATE) * level).astype(np.float32)
    voice = (generator.normal(0, 1, SAMPLE_RATE // 2) * 0.3).astype(np.float32)
    assert widened_onset(pause, voice) == 0


# What holds for all sound


@st.composite
def tracks(draw: st.DrawFn) -> list[tuple[int, float]]:
    """Which recording, and how much silence after it."""
    part = st.tuples(st.integers(0, 4), st.sampled_from([0.0, 0.2, 0.5, 1.0, 2.5, 4.0]))
    return draw(st.lists(part, min_size=1, max_size=6))


@settings(max_examples=15, deadline=None)
@given(
    track=tracks(),
    max_clip=st.sampled_from([1.0, 2.0, 5.0, 10.0, 30.0]),
    pad=st.sampled_from([0.0, 0.1, 0.4, 3.0]),
    max_pause=st.sampled_from([0.0, 0.3, 3.0]),
    min_speech=st.sampled_from([0.0, 0.1, 1.5]),
    size=st.integers(500, 400_000),
)
def test_clips_hold_all_speech_once_in_order_whatever_the_options_and_blocks(
    speeches: list[Samples],
    track: list[tuple[int, float]],
    max_clip: float,
    pad: float,
    max_pause: float,
    min_speech: float,
    size: int,
) -> None:
    samples = np.concatenate([part for number, gap in track for part in (speeches[number], silence(gap))])
    options = VadOptions(pad=pad, max_pause=max_pause, min_speech=min_speech)
    found = list(clips(blocks(samples, size), "x", max_clip=max_clip, options=options))
    assert_sound(found, samples, max_clip)
    # Every region lies in the speech of the clips: from an onset that is at most 1.6 s earlier, to its end.
    speech = spoken(found)
    earlier = 0.0
    for start, end in voice_activity(samples, options):
        covering = [(first, last) for first, last in speech if last > start + SLACK and first < end - SLACK]
        assert start - 1.6 - SLACK <= covering[0][0] <= start + SLACK
        assert covering[0][0] >= earlier - SLACK
        assert all(second[0] <= first[1] + SLACK for first, second in pairwise(covering))
        assert max(last for _, last in covering) == pytest.approx(end, abs=SLACK)
        earlier = end
    whole = list(clips([samples], "x", max_clip=max_clip, options=options))
    assert [(clip.start, clip.end, clip.speech) for clip in whole] == [
        (clip.start, clip.end, clip.speech) for clip in found
    ]


@settings(max_examples=25, deadline=None)
@given(length=st.integers(0, 200_000), max_clip=st.sampled_from([1.0, 2.5, 4.0]), size=st.integers(100, 90_000))
def test_without_voice_activity_nothing_is_lost_or_doubled(length: int, max_clip: float, size: int) -> None:
    samples = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    options = VadOptions(enabled=False)
    found = list(clips(blocks(samples, size), "x", max_clip=max_clip, options=options))
    assert_sound(found, samples, max_clip)
    assert np.array_equal(np.concatenate([silence(0), *(core_samples(clip) for clip in found)]), samples)
    assert [clip.start for clip in found] == [
        clip.start for clip in clips([samples], "x", max_clip=max_clip, options=options)
    ]


def test_memory_is_that_of_a_clip_and_a_block_however_long_the_sound(speeches: list[Samples]) -> None:
    def endless(minutes: int) -> Iterator[Samples]:
        part = np.concatenate([speeches[0], silence(1.0), speeches[1], silence(5.0)])
        for _ in range(int(minutes * 60 / seconds(part))):
            yield part

    def peak(minutes: int) -> int:
        tracemalloc.start()
        for _ in clips(endless(minutes), "x"):
            pass
        return tracemalloc.get_traced_memory()[1]

    cut(speeches[0])
    short = peak(2)
    tracemalloc.stop()
    assert peak(8) < short * 1.1 + 500_000
    tracemalloc.stop()


def test_a_clip_is_given_as_soon_as_its_end_is_known(speeches: list[Samples]) -> None:
    taken = 0

    def counted() -> Iterator[Samples]:
        nonlocal taken
        for block in blocks(np.concatenate([speeches[0], silence(600)]), SAMPLE_RATE):
            taken += 1
            yield block

    next(clips(counted(), "x"))
    assert taken <= 11 + 4
