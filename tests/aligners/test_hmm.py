from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pocketsphinx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid

from crisp_align.aligners import Alignment, Refusal, Utterance
from crisp_align.aligners.edges import trim_silence
from crisp_align.aligners.hmm.acoustic_model import AcousticModel, Position, load_acoustic_model
from crisp_align.aligners.hmm.aligner import HmmAligner
from crisp_align.aligners.hmm.lattice import Lattice, best_path, best_score, build_lattice
from crisp_align.aligners.hmm.mfcc import features
from crisp_align.backends import LoadOptions
from crisp_align.errors import ModelError
from crisp_align.media.audio import read_audio
from crisp_align.speech.clips import voice_activity
from crisp_align.text.units import split_units
from crisp_align.transcript import SAMPLE_RATE, Clip, Span, Unit

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

DATA = Path(__file__).parents[1] / "data"
MODEL = Path(pocketsphinx.get_model_path()) / "en-us"
JFK = " And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your country."
LIBRI = (
    " It was the first great sorrow of his life. It was not so much the loss of the cotton itself, but the fantasy,"
    " the hopes, the dreams built around it."
)
DE = " Das erschien mir nicht sinnvoll; es war ganz gewiss nicht fair."

Sample = Callable[[str], Clip]


@pytest.fixture(scope="session")
def hmm() -> HmmAligner:
    return HmmAligner.load("auto", LoadOptions(threads=1), None)


@pytest.fixture(scope="session")
def acoustic() -> AcousticModel:
    return load_acoustic_model(MODEL / "en-us")


@pytest.fixture(scope="session")
def jfk(hmm: HmmAligner, sample: Sample) -> Alignment:
    return aligned(hmm, sample("jfk.wav"), JFK)


def utterance(clip: Clip, text: str, language: str | None = "en") -> Utterance:
    return Utterance(clip, tuple(Unit(f" {word}", word) for word in text.split()), language)


def aligned(hmm: HmmAligner, clip: Clip, text: str) -> Alignment:
    result = hmm.align([utterance(clip, text)])[0]
    assert not isinstance(result, Refusal), result.reason
    assert len(result) == len(text.split())
    return result


def refusal(hmm: HmmAligner, clip: Clip, text: str, language: str | None = "en") -> str:
    result = hmm.align([utterance(clip, text, language)])[0]
    assert isinstance(result, Refusal)
    return result.reason


def furthest(first: Sequence[Span], second: Sequence[Span]) -> float:
    pairs = zip(first, second, strict=True)
    return max(max(abs(one.start - other.start), abs(one.end - other.end)) for one, other in pairs)


def without(spans: Sequence[Span], index: int) -> list[Span]:
    return [*spans[:index], *spans[index + 1 :]]


def test_hand_labelled_boundaries_are_found_within_25_ms_on_average(hmm: HmmAligner) -> None:
    errors: list[float] = []
    for path in sorted(DATA.glob("en-praatio-*.TextGrid")):
        entries = textgrid.openTextgrid(str(path), includeEmptyIntervals=False).getTier("word").entries
        clip = Clip(read_audio(path.with_suffix(".wav")), 0.0, path.name)
        for span, label in zip(aligned(hmm, clip, " ".join(entry.label for entry in entries)), entries, strict=True):
            errors += [abs(span.start - label.start), abs(span.end - label.end)]
    assert len(errors) == 16
    assert np.mean(errors) <= 0.025
    assert np.mean(np.array(errors) <= 0.050) >= 0.9


def test_words_after_pauses_and_the_last_word_are_where_they_are_spoken(jfk: Alignment) -> None:
    assert jfk[5].start == pytest.approx(3.25, abs=0.10)  # ask
    assert jfk[7].start == pytest.approx(5.37, abs=0.10)  # what
    assert jfk[-1].end == pytest.approx(10.46, abs=0.15)  # country.


def test_words_are_in_order_and_inside_the_clip(jfk: Alignment) -> None:
    edges = [edge for span in jfk for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= 11.0
    assert all(span.start < span.end for span in jfk)


def test_it_agrees_with_pocketsphinx_own_aligner(jfk: Alignment, sample: Sample) -> None:
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    decoder.set_align_text("".join(char for char in JFK.lower() if char.isalpha() or char == " ").strip())
    decoder.start_utt()
    decoder.process_raw((sample("jfk.wav").samples * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    words = [word for word in decoder.seg() if not word.word.startswith("<")]
    apart = [abs(span.start - word.start_frame / 100) for span, word in zip(jfk, words, strict=True)]
    assert np.median(apart) <= 0.02
    assert max(apart) <= 0.06


@pytest.mark.slow
def test_the_same_clip_gives_the_same_spans_alone_in_a_batch_and_in_threads(hmm: HmmAligner, sample: Sample) -> None:
    batch = [
        utterance(sample("jfk.wav"), JFK),
        utterance(sample("de-fleurs.wav"), DE, "fi"),
        utterance(sample("de-fleurs.wav"), DE, "de"),
        utterance(sample("en-librispeech-1995-1837-0001.wav"), LIBRI),
    ]
    alone = [hmm.align([one])[0] for one in batch]
    assert hmm.align(batch) == alone
    assert HmmAligner.load("auto", LoadOptions(threads=3), None).align(batch * 2) == alone * 2
    assert [isinstance(result, Refusal) for result in alone] == [False, True, False, False]


def test_an_empty_batch_has_no_results(hmm: HmmAligner) -> None:
    assert hmm.align([]) == []


def test_the_right_text_scores_high_and_a_wrong_word_in_it_low(hmm: HmmAligner, sample: Sample, jfk: Alignment) -> None:
    wrong = aligned(hmm, sample("jfk.wav"), JFK.replace("Americans", "elephants"))
    assert np.median([span.score for span in jfk if span.score is not None]) > 0.8
    assert wrong[4].score is not None
    assert wrong[4].score < 0.3
    assert furthest(without(wrong, 4), without(jfk, 4)) < 0.15


def test_a_word_that_is_not_in_the_audio_leaves_the_others_in_place(
    hmm: HmmAligner, sample: Sample, jfk: Alignment
) -> None:
    more = aligned(hmm, sample("jfk.wav"), JFK.replace("can do for you;", "can probably do for you;"))
    assert more[11].score == 0
    assert furthest(without(more, 11), jfk) < 0.1


def test_words_that_the_text_leaves_out_do_not_stretch_their_neighbours(hmm: HmmAligner, sample: Sample) -> None:
    clip = sample("en-librispeech-1995-1837-0001.wav")
    first, left_out, rest = (
        " It was the first great sorrow of his life. It was not so much the loss",
        " of the cotton itself,",
        (" but the fantasy, the hopes, the dreams built around it."),
    )
    whole, fewer = aligned(hmm, clip, first + left_out + rest), aligned(hmm, clip, first + rest)
    assert furthest(fewer, (*whole[:16], *whole[20:])) < 0.1


def test_digital_silence_and_another_speaker_move_no_word(hmm: HmmAligner, sample: Sample, jfk: Alignment) -> None:
    other = sample("en-librispeech-1995-1837-0001.wav").samples
    samples = np.concatenate([sample("jfk.wav").samples, np.zeros(16000, np.float32), other])
    clip = Clip(samples, 0.0, "both", voice_activity(samples))
    both = aligned(hmm, clip, f"{JFK} It was the first great sorrow of his life.")
    assert furthest(both[:22], jfk) < 0.1
    assert both[22].start == pytest.approx(12.1, abs=0.1)


def test_digital_silence_moves_no_word_without_voice_activity(hmm: HmmAligner, sample: Sample, jfk: Alignment) -> None:
    zeros = np.zeros(24000, np.float32)
    samples = np.concatenate([zeros, sample("jfk.wav").samples, zeros])
    later = [Span(span.start + 1.5, span.end + 1.5) for span in jfk]
    assert furthest(aligned(hmm, Clip(samples, 0.0, "edited"), JFK), later) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("for you;", "4 you;"),
        ("you can", "U can"),
        ("fellow", "felloe"),
        ("country can", "country—can"),
        ("Americans,", "AMERICANS,"),
        ("Americans,", "Américans,"),
        ("so,", "so…"),
        ("so,", "“so”"),
    ],
)
def test_other_ways_to_write_a_word_time_it_alike(
    written: str, shown: str, hmm: HmmAligner, sample: Sample, jfk: Alignment
) -> None:
    text = JFK.replace(written, shown)
    result = aligned(hmm, sample("jfk.wav"), text)
    same = [
        (span, jfk[index])
        for index, (span, word, before) in enumerate(zip(result, text.split(), JFK.split(), strict=False))
        if word == before or len(text.split()) == len(JFK.split())
    ]
    assert len(same) >= 8
    assert furthest([span for span, _ in same], [span for _, span in same]) < 0.06


def test_a_unit_in_another_script_is_aligned_and_has_no_score(hmm: HmmAligner, sample: Sample, jfk: Alignment) -> None:
    result = aligned(hmm, sample("jfk.wav"), JFK.replace("Americans,", "美国人,"))
    assert result[4].score is None
    assert furthest(without(result, 4), without(jfk, 4)) < 0.1
    assert result[4].start == pytest.approx(jfk[4].start, abs=0.15)


def test_a_unit_that_is_not_said_sits_where_its_neighbour_ends(hmm: HmmAligner, sample: Sample, jfk: Alignment) -> None:
    result = aligned(hmm, sample("jfk.wav"), JFK.replace("Americans,", "Americans, 🎉"))
    assert result[5].score is None
    assert jfk[4].end <= result[5].start == result[5].end <= result[6].start
    assert without(result, 5) == list(jfk)


def test_the_units_of_the_pipeline_fit(hmm: HmmAligner, sample: Sample) -> None:
    clip = sample("en-librispeech-1995-1837-0001.wav")
    units = tuple(split_units(LIBRI, "en"))
    result = hmm.align([Utterance(clip, units, None)])[0]
    assert not isinstance(result, Refusal)
    assert len(result) == len(units)
    assert result[-1].end < clip.duration - 0.05


def test_it_refuses_what_it_cannot_do(hmm: HmmAligner, sample: Sample) -> None:
    clip = sample("jfk.wav")
    assert refusal(hmm, sample("de-fleurs.wav"), DE, "fi") == "does not know how Finnish is pronounced"
    assert "translation" in _reason(hmm.align([Utterance(clip, (Unit(" So", "So"),), "en", translated=True)])[0])
    assert "nothing in the text" in refusal(hmm, clip, "— 🎉 …")
    assert "cannot pronounce most" in refusal(hmm, clip, "美国 人民 and так далее")


def test_it_refuses_the_text_of_other_audio(hmm: HmmAligner, sample: Sample) -> None:
    assert "does not fit" in refusal(hmm, sample("jfk.wav"), LIBRI)
    assert "does not fit" in refusal(hmm, sample("en-librispeech-1995-1837-0001.wav"), JFK)
    assert "does not fit" in refusal(hmm, sample("zh-aishell-BAC009S0724W0121.wav"), "A German sentence it is not.")


def test_it_refuses_text_that_nobody_could_say_so_fast(hmm: HmmAligner, sample: Sample) -> None:
    short = Clip(sample("jfk.wav").samples[: SAMPLE_RATE * 2], 0.0, "short")
    assert "too long" in refusal(hmm, short, JFK * 2)


@pytest.mark.parametrize("samples", [0, 1, 100, 1599])
def test_it_refuses_next_to_no_audio(samples: int, hmm: HmmAligner) -> None:
    assert "audio" in refusal(hmm, Clip(np.zeros(samples, np.float32), 0.0, "short"), "a")


@pytest.mark.parametrize("value", [0.0, 1.0, -1e30, math.nan, math.inf])
def test_audio_that_holds_no_speech_is_refused(value: float, hmm: HmmAligner) -> None:
    flat = Clip(np.full(SAMPLE_RATE * 2, value, np.float32), 0.0, "flat")
    assert refusal(hmm, flat, "Hello there, my friend.")


def test_loudness_does_not_matter(hmm: HmmAligner, sample: Sample, jfk: Alignment) -> None:
    quiet = Clip((sample("jfk.wav").samples * 0.05).astype(np.float32), 0.0, "quiet")
    assert furthest(aligned(hmm, quiet, JFK), jfk) < 0.06


def test_a_minute_of_speech_is_aligned_to_its_end(hmm: HmmAligner, sample: Sample, jfk: Alignment) -> None:
    clip = sample("jfk.wav")
    long = Clip(np.tile(clip.samples, 5), 0.0, "long")
    result = aligned(hmm, long, JFK * 5)
    for turn in range(5):
        expected = [Span(span.start + turn * clip.duration, span.end + turn * clip.duration) for span in jfk]
        assert furthest(result[turn * 22 : turn * 22 + 22], expected) < 0.15


def test_a_model_folder_can_be_named(sample: Sample, jfk: Alignment) -> None:
    assert aligned(HmmAligner.load(str(MODEL), LoadOptions(threads=1), None), sample("jfk.wav"), JFK) == jfk


def test_the_error_names_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.*pip install"):
        HmmAligner.load(str(tmp_path / "nowhere"), LoadOptions(), None)


@pytest.mark.parametrize("name", ["mdef", "means", "variances", "transition_matrices", "sendump"])
@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "other"])
def test_a_damaged_model_file_is_an_error_not_a_crash(name: str, damage: str, tmp_path: Path) -> None:
    for file in ("mdef", "means", "variances", "transition_matrices", "sendump"):
        if file != name:
            (tmp_path / file).symlink_to(MODEL / "en-us" / file)
    whole = (MODEL / "en-us" / name).read_bytes()
    content = {"empty": b"", "cut": whole[: len(whole) // 2], "other": b"\x01" * 5000}
    if damage != "absent":
        (tmp_path / name).write_bytes(content[damage])
    with pytest.raises(ModelError, match="does not load"):
        load_acoustic_model(tmp_path)


@pytest.mark.parametrize("length", [1600, 1601, 16000, 16159])
def test_there_is_a_feature_vector_every_10_ms(length: int) -> None:
    rows = features(np.sin(np.arange(length, dtype=np.float32)))
    assert rows.shape == (length // 160, 39)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()


def test_features_are_those_that_pocketsphinx_computes(sample: Sample, tmp_path: Path) -> None:
    samples = sample("en-librispeech-1995-1837-0001.wav").samples
    centred = np.pad(samples, (125, 0), mode="reflect")  # where our windows begin
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL", mfclogdir=str(tmp_path))
    decoder.set_align_text("it")
    decoder.start_utt()
    decoder.process_raw((centred * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    theirs = np.frombuffer(next(tmp_path.iterdir()).read_bytes(), ">f4", offset=4).reshape(-1, 13)
    ours = features(samples)[: len(theirs), :13]
    difference = ours - (theirs - theirs.mean(axis=0))[: len(ours)]
    assert len(ours) > 800
    assert np.abs(difference - difference.mean(axis=0)).mean() < 0.1


def test_a_triphone_sounds_different_from_its_phone_alone(acoustic: AcousticModel) -> None:
    t, r, iy, silence = (acoustic.phones[name] for name in ("T", "R", "IY", "SIL"))
    assert acoustic.sequence(t, silence, r, Position.FIRST) != acoustic.sequence(t, iy, silence, Position.LAST)
    assert acoustic.sequence(silence, silence, silence, Position.ONLY) == tuple(range(silence * 3, silence * 3 + 3))


def best_by_hand(lattice: Lattice, scores: Samples) -> float:
    """The best score over all paths, state by state in plain Python."""
    count = len(lattice.senones)
    best = [float(lattice.initial[state] + scores[0, state]) for state in range(count)]
    for frame in scores[1:]:
        arrivals = [best[state] + float(lattice.self_loop[state]) for state in range(count)]
        for state in range(1, count):
            arrivals[state] = max(arrivals[state], best[state - 1] + float(lattice.next_logp[state]))
        for branch, predecessors, logps in zip(
            lattice.branch_states, lattice.predecessors, lattice.transition_logp, strict=True
        ):
            for source, logp in zip(predecessors.tolist(), logps.tolist(), strict=True):
                if source:
                    arrivals[branch] = max(arrivals[branch], best[source - 1] + logp)
        best = [arrival + float(score) for arrival, score in zip(arrivals, frame, strict=True)]
    return max(score + float(end) for score, end in zip(best, lattice.final, strict=True))


def score_of(lattice: Lattice, path: Sequence[int], scores: Samples) -> float:
    """The log probability of a path, without that of ending where it ends."""
    total = float(lattice.initial[path[0]] + scores[0, path[0]])
    for frame, (one, other) in enumerate(itertools.pairwise(path), 1):
        steps = [float(lattice.self_loop[one])] if one == other else []
        if other == one + 1:
            steps.append(float(lattice.next_logp[other]))
        for row in np.flatnonzero(lattice.branch_states == other):
            steps += lattice.transition_logp[row][lattice.predecessors[row] == one + 1].tolist()
        total += max(steps) + float(scores[frame, other])
    return total


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(12, 30), beam=st.sampled_from([200.0, np.inf]))
def test_no_path_is_better_than_the_best_path(seed: int, frames: int, beam: float, acoustic: AcousticModel) -> None:
    number = acoustic.phones
    one = ((number["AH"],), (number["EY"],))
    two = ((number["T"], number["UW"]),)
    lattice = build_lattice(acoustic, [[(one,)], [(two,), (one, one)], [(two,), ()]])
    scores = np.random.default_rng(seed).normal(0, 5, (frames, len(lattice.senones))).astype(np.float32)
    path = best_path(lattice, scores, np.arange(len(lattice.senones)), beam)
    assert path is not None
    best = best_by_hand(lattice, scores)
    states = path.states.tolist()
    assert path.score == pytest.approx(best, abs=1e-2)
    assert path.scores[-1] + lattice.final[states[-1]] == pytest.approx(best, abs=1e-2)
    for end in range(1, len(states) + 1):
        assert path.scores[end - 1] == pytest.approx(score_of(lattice, states[:end], scores[:end]), abs=1e-2)
    assert best_score(lattice, scores, np.arange(len(lattice.senones)), beam) == path.score
    said = lattice.unit_of_state[path.states]
    assert [owner for owner in said if owner >= 0] == sorted(owner for owner in said if owner >= 0)
    assert {0, 1} <= set(said.tolist())


def test_audio_shorter_than_the_shortest_path_has_no_path(acoustic: AcousticModel) -> None:
    lattice = build_lattice(acoustic, [[(((acoustic.phones["AH"],),),)]] * 5)
    columns = np.arange(len(lattice.senones))
    assert best_path(lattice, np.zeros((14, len(columns)), np.float32), columns, np.inf) is None
    assert best_score(lattice, np.zeros((14, len(columns)), np.float32), columns, np.inf) == -np.inf
    assert best_path(lattice, np.zeros((15, len(columns)), np.float32), columns, np.inf) is not None


def tone(*parts: tuple[float, float]) -> Samples:
    """Noise of each (length in s, loudness) in turn."""
    noise = np.random.default_rng(0).uniform(-1, 1, SAMPLE_RATE).astype(np.float32)
    return np.concatenate([noise[: round(length * SAMPLE_RATE)] * np.float32(level) for length, level in parts])


def test_quiet_at_the_edges_of_a_pause_is_trimmed() -> None:
    samples = tone((0.5, 0.0001), (0.3, 0.5), (0.5, 0.0001), (0.3, 0.5))
    first, second = trim_silence([Span(0.48, 0.85), Span(1.29, 1.6)], samples)
    assert first.start == pytest.approx(0.5, abs=0.006)
    assert first.end == pytest.approx(0.8, abs=0.006)
    assert second == Span(pytest.approx(1.3, abs=0.006), 1.6)


def test_noise_words_that_touch_and_words_without_length_are_not_trimmed() -> None:
    noisy = tone((0.5, 0.1), (0.3, 0.5), (0.5, 0.1))
    assert trim_silence([Span(0.48, 0.85)], noisy) == (Span(0.48, 0.85),)
    samples = tone((0.3, 0.5), (0.1, 0.0001), (0.3, 0.5))
    touching = (Span(0.0, 0.35), Span(0.35, 0.35), Span(0.35, 0.7))
    assert trim_silence(touching, samples) == touching


@given(st.lists(st.floats(0, 1.2), min_size=2, max_size=12), st.integers(0, SAMPLE_RATE))
def test_trimming_only_ever_shortens(edges: list[float], length: int) -> None:
    spans = [Span(start, end, 0.5) for start, end in itertools.pairwise(sorted(edges))][::2]
    after = trim_silence(spans, tone((0.3, 0.0001), (0.3, 0.5), (0.4, 0.0001))[:length])
    assert len(after) == len(spans)
    for old, new in zip(spans, after, strict=True):
        assert old.start <= new.start <= new.end <= old.end
        assert new.score == old.score


def _reason(result: Alignment | Refusal) -> str:
    assert isinstance(result, Refusal)
    return result.reason
