from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.errors import MissingDependencyError, ModelError, OptionError
from crisp_align.media.audio import read_audio
from crisp_align.speech.clips import VadOptions, voice_activity
from crisp_align.speech.voice import FRAME, SpeechRegions, VoiceDetector, _session
from crisp_align.transcript import SAMPLE_RATE
from tests.reels import JFK

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

LIBRISPEECH = JFK.with_name("en-librispeech-1995-1837-0001.wav")


@pytest.fixture(scope="module")
def jfk() -> Samples:
    return read_audio(JFK)


def probabilities(samples: Samples, cuts: list[int]) -> np.ndarray:
    detector = VoiceDetector()
    parts = [detector.feed(block) for block in np.split(samples, cuts)]
    return np.concatenate([*parts, detector.flush()])


# The model


@pytest.mark.parametrize("name", ["jfk.wav", "de-fleurs.wav", "ja-commonvoice-24511055.mp3"])
def test_probabilities_are_those_of_faster_whisper_for_the_whole_file(name: str) -> None:
    from faster_whisper.vad import get_vad_model

    samples = read_audio(JFK.with_name(name))
    padded = np.pad(samples, (0, -len(samples) % FRAME))
    theirs = np.asarray(get_vad_model()(padded.copy())).reshape(-1)
    ours = probabilities(samples, list(range(10_000, len(samples), 10_000)))
    assert len(ours) == len(theirs)
    # Theirs takes the end of the last frame for silence, which it is only when it was padded by so much.
    assert np.abs(ours - theirs)[:-1].max() < 1e-5


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 60_000), max_size=12))
def test_block_borders_leave_no_trace(jfk: Samples, cuts: list[int]) -> None:
    part = jfk[:60_000]
    assert np.abs(probabilities(part, sorted(cuts)) - probabilities(part, [])).max() < 1e-5


def test_the_model_is_found_without_importing_faster_whisper() -> None:
    import subprocess
    import sys

    code = (
        "import sys, numpy; from crisp_align.speech.voice import VoiceDetector\n"
        "VoiceDetector().feed(numpy.zeros(1600, numpy.float32))\n"
        "print([name for name in ('faster_whisper', 'ctranslate2', 'av', 'torch') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_missing_model_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(__import__("sys").modules, "faster_whisper", raising=False)
    _session.cache_clear()
    try:
        with pytest.raises(MissingDependencyError, match="voice activity model is missing"):
            VoiceDetector()
    finally:
        _session.cache_clear()


def test_a_damaged_model_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "faster_whisper"
    (package / "assets").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "assets" / "silero_vad_v6.onnx").write_bytes(b"no model")
    monkeypatch.delitem(__import__("sys").modules, "faster_whisper", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    _session.cache_clear()
    try:
        with pytest.raises(ModelError, match="voice activity model does not load"):
            VoiceDetector()
    finally:
        _session.cache_clear()


# Voice activity


def test_the_pauses_of_a_known_recording_are_found(jfk: Samples) -> None:
    activity = voice_activity(jfk)
    assert activity[0][0] == pytest.approx(0.32, abs=0.05)  # "And"
    assert activity[-1][1] == pytest.approx(10.46, abs=0.15)  # the end of "country"
    pauses = [(end, start) for (_, end), (start, _) in pairwise(activity)]
    assert any(end < 2.6 and start > 3.1 for end, start in pauses)  # before "ask not"
    assert any(end < 8.0 and start > 7.9 for end, start in pauses)  # before "ask what", its second half


def test_edges_are_tight_and_lie_on_the_frames_of_the_model(jfk: Samples) -> None:
    activity = voice_activity(jfk)
    assert all(round(edge * SAMPLE_RATE) % FRAME == 0 for region in activity for edge in region)
    loud = [np.abs(jfk[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]).max() for start, end in activity]
    assert min(loud) > 0.1


def test_silence_and_noise_are_no_speech() -> None:
    assert voice_activity(np.zeros(5 * SAMPLE_RATE, np.float32)) == ()
    noise = np.random.default_rng(0).normal(0, 0.05, 5 * SAMPLE_RATE).astype(np.float32)
    assert voice_activity(noise) == ()


@pytest.mark.parametrize("count", [0, 1, 63, 511, 512, 513])
def test_the_shortest_sounds_are_taken(count: int) -> None:
    assert voice_activity(np.zeros(count, np.float32)) == ()


def test_speech_that_the_recording_cuts_off_reaches_to_its_very_end(jfk: Samples) -> None:
    middle = jfk[int(5.6 * SAMPLE_RATE) : int(7.0 * SAMPLE_RATE)]
    ((start, end),) = voice_activity(middle)
    assert start <= 0.1
    assert end == len(middle) / SAMPLE_RATE


def test_a_higher_threshold_finds_less_and_a_lower_one_more(jfk: Samples) -> None:
    totals = [
        sum(end - start for start, end in voice_activity(jfk, VadOptions(threshold=threshold)))
        for threshold in (0.1, 0.5, 0.97)
    ]
    assert totals[0] > totals[1] > totals[2]


def test_without_voice_activity_all_of_it_is_speech(jfk: Samples) -> None:
    assert voice_activity(jfk, VadOptions(enabled=False)) == ((0.0, 11.0),)


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"threshold": float("nan")},
        {"neg_threshold": 0.6},
        {"neg_threshold": -0.1},
        {"min_speech": -1.0},
        {"min_silence": float("inf")},
        {"pad": float("nan")},
        {"max_pause": -0.1},
    ],
)
def test_thresholds_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="makes no sense"):
        VadOptions(**options)  # type: ignore[arg-type]


# From probabilities to regions


def regions(track: list[float], options: VadOptions, total: int | None = None) -> list[tuple[int, int]]:
    """In frames."""
    judge = SpeechRegions(options)
    found = [judge.advance(probability) for probability in track]
    found.append(judge.finish(len(track) * FRAME if total is None else total))
    return [(start // FRAME, end // FRAME) for start, end in filter(None, found)]


def test_speech_goes_on_between_the_thresholds_and_ends_below_both() -> None:
    options = VadOptions(threshold=0.5, neg_threshold=0.3, min_silence=0.0, min_speech=0.0)
    assert regions([0.4, 0.6, 0.4, 0.4, 0.2, 0.4, 0.6], options) == [(1, 4), (6, 7)]


def test_a_pause_that_is_too_short_joins_and_speech_that_is_too_short_is_dropped() -> None:
    options = VadOptions(min_silence=0.1, min_speech=0.1)
    assert regions([1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0], options) == [(0, 8)]


@settings(deadline=None)
@given(
    track=st.lists(st.floats(0, 1), max_size=200),
    threshold=st.floats(0.05, 0.95),
    min_speech=st.floats(0, 0.5),
    min_silence=st.floats(0, 0.5),
)
def test_regions_are_ordered_disjoint_long_enough_and_hold_every_sure_stretch(
    track: list[float], threshold: float, min_speech: float, min_silence: float
) -> None:
    options = VadOptions(threshold=threshold, min_speech=min_speech, min_silence=min_silence)
    found = regions(track, options)
    edges = [edge for region in found for edge in region]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(track) for start, end in found)
    frame = FRAME / SAMPLE_RATE
    assert all((end - start) * frame >= min_speech for start, end in found)
    assert all((start - end) * frame >= min_silence for (_, end), (start, _) in pairwise(found))
    for number, probability in enumerate(track):
        inside = any(start <= number < end for start, end in found)
        if probability >= threshold and min_speech <= frame:
            assert inside
        if inside and not any(track[earlier] >= threshold for earlier in range(number + 1)):
            raise AssertionError("speech before anything was said")
