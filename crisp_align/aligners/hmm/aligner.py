"""PocketSphinx's phones: en; cs es fr ja zh; unmeasured on labels: da de it ko nl pl pt ru sv tr uk yue.

A clip's text becomes a lattice of what it may sound like (readings of numbers and abbreviations, pronunciations,
pauses), and the best path through it gives the times of each unit. The hidden Markov models and the English dictionary
are PocketSphinx's; other languages take the nearest of its phones. The search is ours: it lets the audio choose between
readings, tolerates words that are wrong, missing or too many, cannot lose its way in a long clip, and is half again as
fast.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from crisp_align.aligners import AlignerProfile, Alignment, Refusal, Utterance
from crisp_align.aligners.edges import loudness_db, trim_silence
from crisp_align.aligners.hmm.acoustic_model import (
    STATES,
    AcousticModel,
    Integers,
    PhoneModel,
    Position,
    load_acoustic_model,
)
from crisp_align.aligners.hmm.composite import CompositeModel, slots
from crisp_align.aligners.hmm.decoys import decoys
from crisp_align.aligners.hmm.language import Word
from crisp_align.aligners.hmm.languages import LANGUAGES, Languages
from crisp_align.aligners.hmm.lattice import (
    FILLER,
    PAUSE,
    Pronunciation,
    Reading,
    best_path,
    best_score,
    build_lattice,
)
from crisp_align.aligners.hmm.mfcc import FRAME, Floats, features
from crisp_align.backends import Backend, Engine, LoadOptions
from crisp_align.errors import ModelError
from crisp_align.languages import language_name, script_language
from crisp_align.models.blas import one_blas_thread
from crisp_align.transcript import SAMPLE_RATE, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.transcript import Samples

__all__ = ["HmmAligner"]

_MOST_THREADS = 8
_SHORTEST_CLIP = 0.1  # s
_BEAM = 400.0  # nats; wider beams found no better path in any clip tried

# Calibration, on 11 clips with their own and with each other's texts, clean and in noise (10 and 5 dB). The log
# likelihood is in nats a frame over the best phone without context: 0.3 for the right text (-1.9 at 10 dB), -6.7 for
# another.
_MIDDLE = -3.0  # log likelihood of a unit that scores 1/2
_FILLER = -3.5  # log likelihood of speech that the text does not have
_SILENT_FILLER = -20.0  # the same where there is no voice
_MARGIN = 0.15  # s around voice activity in which there may be voice all the same
_DYNAMICS = 50.0  # dB below the loud parts of a clip, quieter than any room
_LEAST_SCORE = 0.3  # mean of the units
_MOST_FOREIGN = 0.5  # share of the speech that the text may lack: right texts up to 0.33, others (clean) from 0

# On 50 clips in seven languages with their own texts and up to 12 others each, clean and at 10 dB: right texts beat
# their decoys by 0.08 to 6 nats a frame (97 of 100 by more than 0.4), wrong ones at the median by -0.1. Over 5 s one
# decoy is enough: there the best wrong text beat it by 0.32, the worst right one by 0.82.
_LEAST_ADVANTAGE = 0.35
_CLEAR_ADVANTAGE = 1.5  # of a text that needs no other decoy
_ENOUGH = 500  # frames with voice that one decoy judges
_SURE_SCORE = 0.85  # from here on no decoy is asked: 2 of 1080 wrong texts, a word or two each, score that much
_DECOY_BEAM = 200.0  # nats
_FEWEST_FRAMES = 20  # among which the advantage of a text over its decoys is divided


class HmmAligner:
    """PocketSphinx's English acoustic model, aligned to the text of each clip."""

    name: ClassVar[str] = "hmm"
    profile: ClassVar[AlignerProfile] = AlignerProfile(
        rank=60,
        engines=(Engine("pocketsphinx", ("pocketsphinx",), "pip install pocketsphinx", required=True),),
        runs_concurrently=True,
    )

    def __init__(self, model: AcousticModel, languages: Languages, threads: int) -> None:
        self._model, self._languages, self._threads = model, languages, threads
        self._unpronounceable = ((model.filler,),)
        self.languages: frozenset[str] | None = LANGUAGES
        self.max_clip = 60.0

    @classmethod
    def load(cls, model: str, options: LoadOptions, backend: Backend | None) -> Self:
        """Read the acoustic model and the dictionary of English.

        Args:
            model: "auto", or a folder laid out like PocketSphinx's "en-us".
            options: `threads` counts; the rest has no meaning here.
            backend: not used.

        Raises:
            ModelError: PocketSphinx, or a file of its model, is missing or damaged.
        """
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        folder = _bundled_model() if model == "auto" else Path(model)
        languages = Languages(folder)
        return cls(load_acoustic_model(folder / "en-us"), languages, min(options.threads or usable, _MOST_THREADS))

    def align(self, utterances: Sequence[Utterance]) -> list[Alignment | Refusal]:
        """Align every utterance; return one alignment or refusal each, in order.

        A span's score is 1 / (1 + exp(-3 - g)), where g is the mean over the unit's frames of the log density of the
        state it was found in less that of the best state of any phone without context; it is 0 where the filler model
        log_likelihood better than the unit. A unit of which nothing is spoken, or that cannot be pronounced, has none.
        """
        # The matrices are small: one BLAS thread each, and the utterances side by side.
        with one_blas_thread():
            if self._threads == 1 or len(utterances) == 1:
                return [self._align(utterance) for utterance in utterances]
            with ThreadPoolExecutor(self._threads) as pool:
                return list(pool.map(self._align, utterances))

    def _align(self, utterance: Utterance) -> Alignment | Refusal:
        if utterance.translated:
            return Refusal("cannot time a translation")
        language = utterance.language or script_language(utterance.text) or "en"
        if language not in LANGUAGES:
            return Refusal(f"does not know how {language_name(language)} is pronounced")
        model: PhoneModel = self._model if language == "en" else CompositeModel(self._model)
        readings = self._languages[language].readings([unit.text for unit in utterance.units])
        units = [[tuple(_numbers(word, model) for word in reading) for reading in unit] for unit in readings]
        samples = np.nan_to_num(utterance.clip.samples)
        if problem := self._problem(model, units, len(samples)):
            return Refusal(problem)
        return self._search(model, samples, utterance.clip.speech, units)

    def _problem(self, model: PhoneModel, units: Sequence[Sequence[Reading]], samples: int) -> str | None:
        """Explain why the text cannot be aligned, as far as the text and the length of the audio show."""
        sounded = [readings[0] for readings in units if readings[0]]
        if not sounded:
            return "found nothing in the text that it can pronounce"
        if sum(set(reading) == {self._unpronounceable} for reading in sounded) > len(sounded) / 2:
            return "cannot pronounce most of the text"
        if samples < _SHORTEST_CLIP * SAMPLE_RATE:
            return "got too little audio"
        shortest = sum(min(_least_phones(model, reading) for reading in readings) for readings in units)
        if shortest * STATES * FRAME > samples / SAMPLE_RATE:
            return "found the text too long for the audio"
        return None

    def _search(
        self,
        model: PhoneModel,
        samples: Samples,
        speech: Sequence[tuple[float, float]] | None,
        units: Sequence[Sequence[Reading]],
    ) -> Alignment | Refusal:
        lattice = build_lattice(model, units)
        frames = features(samples)
        silent = _silent(samples, speech, len(frames))
        log_likelihood, columns = _log_likelihood(model, frames, lattice.senones, silent)
        path = best_path(lattice, log_likelihood, columns, _BEAM)
        if path is None:
            path = best_path(lattice, log_likelihood, columns, np.inf)
        if path is None:
            return Refusal("found the text too long for the audio")
        states = path.states
        unit_of_frame, is_text = lattice.unit_of_state[states], lattice.senones[states] != FILLER
        fit = np.where(is_text, log_likelihood[np.arange(len(states)), columns[states]], -np.inf)
        pronounceable = [set(readings[0]) != {self._unpronounceable} for readings in units]
        spans = [
            span if scored else replace(span, score=None)
            for span, scored in zip(_spans(unit_of_frame, fit, len(units)), pronounceable, strict=True)
        ]
        foreign = float(np.mean(~is_text[(unit_of_frame != PAUSE) | ~is_text]))
        scores = [span.score for span in spans if span.score is not None]
        score = sum(scores) / max(len(scores), 1)
        if (
            foreign > _MOST_FOREIGN
            or score < _LEAST_SCORE
            or (score < _SURE_SCORE and not _beats_decoys(model, frames, silent, units, unit_of_frame, path.scores))
        ):
            return Refusal("found that the text does not fit the audio")
        return trim_silence(spans, samples)


def _log_likelihood(
    model: PhoneModel, frames: Floats, senones: Integers, silent: NDArray[np.bool_]
) -> tuple[Floats, Integers]:
    """Score every frame under each distinct one of `senones`; also return the column of each of them.

    Where there is no voice nothing fits better than silence: the model was never trained on the digital silence
    of edited sound, which to it is unlike anything.
    """
    plain = model.plain_senones
    distinct = np.unique(np.concatenate([senones[senones != FILLER], plain]))
    scores = model.log_likelihood(frames, distinct)
    pause = model.silence
    silence = model.sequence(pause, pause, pause, Position.ONLY)
    scores[np.ix_(silent, np.isin(distinct, silence))] = 0.0
    filler = np.where(silent, np.float32(_SILENT_FILLER), np.float32(_FILLER))[:, None]
    columns = np.where(senones == FILLER, len(distinct), np.searchsorted(distinct, senones))
    return np.concatenate([scores, filler], axis=1), columns


def _beats_decoys(
    model: PhoneModel,
    frames: Floats,
    silent: NDArray[np.bool_],
    units: Sequence[Sequence[Reading]],
    unit_of_frame: Integers,
    scores: Floats,
) -> bool:
    """Whether a text is clearly likelier than its decoys, in nats a frame that may hold voice.

    Args:
        model: whose phones they are.
        frames: features, shape (frames, 39).
        silent: the frames that hold no voice.
        units: the readings of each unit.
        unit_of_frame: the unit found in each frame, or `PAUSE`.
        scores: log probability of the text's own path up to and with each frame.
    """
    judged = _middle(~silent, unit_of_frame)
    inside = np.unique(unit_of_frame[judged])
    text = [units[unit] for unit in inside[inside != PAUSE].tolist()]
    score = float(scores[judged.stop - 1] - (scores[judged.start - 1] if judged.start else 0.0))
    voiced = max(int(np.count_nonzero(~silent[judged])), _FEWEST_FRAMES)
    for decoy in decoys(model, text):
        lattice = build_lattice(model, decoy)
        log_likelihood, columns = _log_likelihood(model, frames[judged], lattice.senones, silent[judged])
        advantage = (score - best_score(lattice, log_likelihood, columns, _DECOY_BEAM)) / voiced
        if advantage < _LEAST_ADVANTAGE:
            return False
        if voiced >= _ENOUGH or _CLEAR_ADVANTAGE < advantage < np.inf:
            return True
    return True


def _middle(voiced: NDArray[np.bool_], unit_of_frame: Integers) -> slice:
    """The frames of the units in the middle, around `_ENOUGH` frames with voice; all where there are not many more."""
    so_far = np.cumsum(voiced)
    beyond = int(so_far[-1]) - _ENOUGH
    if beyond < _ENOUGH / 2:
        return slice(0, len(voiced))
    first = int(np.searchsorted(so_far, beyond // 2))
    last = int(np.searchsorted(so_far, beyond // 2 + _ENOUGH))
    edges = np.flatnonzero(np.diff(unit_of_frame, prepend=PAUSE - 1, append=PAUSE - 1))
    return slice(int(edges[edges <= first][-1]), int(edges[edges > last][0]))


def _silent(samples: Samples, speech: Sequence[tuple[float, float]] | None, frames: int) -> NDArray[np.bool_]:
    """Mark the frames clearly outside voice activity, where there is any, and those that are nearly digital silence."""
    loudness = loudness_db(samples)[: frames * 2].reshape(frames, 2).max(axis=1)
    voiceless = np.full(frames, bool(speech))
    for start, end in speech or ():
        voiceless[max(round((start - _MARGIN) / FRAME), 0) : round((end + _MARGIN) / FRAME)] = False
    silent: NDArray[np.bool_] = voiceless | (loudness < np.percentile(loudness, 95) - _DYNAMICS)
    return silent


def _numbers(word: Word, model: PhoneModel) -> tuple[Pronunciation, ...]:
    """The numbers of the phones in each pronunciation of a word, where the first sound is there or not."""
    numbered: dict[Pronunciation, None] = {}
    for phones in word:
        numbers = tuple(model.number(name) for sound in phones for name in slots(sound))
        while len(numbers) > 1 and model.is_optional(numbers[0]):
            numbered[numbers] = None
            numbers = numbers[1:]
        numbered[numbers] = None
    return tuple(numbered)


def _least_phones(model: PhoneModel, reading: Reading) -> int:
    """The number of phones that the shortest way to speak a reading has."""
    return sum(min(sum(not model.is_optional(phone) for phone in phones) for phones in word) for word in reading)


def _spans(unit_of_frame: Integers, fit: Floats, count: int) -> list[Span]:
    """Return one span a unit; a unit without frames sits where its left neighbour ends."""
    spans: list[Span] = []
    edge = float(np.argmax(unit_of_frame != PAUSE)) * FRAME
    for unit in range(count):
        frames = np.flatnonzero(unit_of_frame == unit)
        if len(frames):
            spans.append(Span(float(frames[0]) * FRAME, float(frames[-1] + 1) * FRAME, _score(fit[frames])))
            edge = spans[-1].end
        else:
            spans.append(Span(edge, edge))
    return spans


def _score(fit: Floats) -> float:
    """Turn the log likelihoods of a unit's frames into a confidence; those in the filler model are -inf."""
    of_text = fit[np.isfinite(fit)]
    return 1 / (1 + math.exp(min(_MIDDLE - float(of_text.mean()), 50.0))) if len(of_text) else 0.0


def _bundled_model() -> Path:
    try:
        import pocketsphinx
    except ImportError as error:
        raise ModelError(f"PocketSphinx does not import ({error})", hint="pip install pocketsphinx") from error
    return Path(pocketsphinx.get_model_path()) / "en-us"
