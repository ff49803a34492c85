"""The two halves of the work on clips, each with its models: transcribing them, and aligning what was transcribed.

Both take any number of clips of any files and return one result each, in order; a failure is a result too, and costs
its own clip alone. What passes between them is plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import AlignerChain, Timed
from crisp_align.backends import Backend, DecodeOptions, Transcription
from crisp_align.errors import CrispAlignError, OptionError
from crisp_align.events import ClipResult
from crisp_align.languages import language_code
from crisp_align.models.devices import is_out_of_memory
from crisp_align.pipeline.segments import normalize_text, split_segments
from crisp_align.speech.coverage import SECOND_LOOK_S, as_long_as_said, gaps, is_sparse
from crisp_align.speech.seams import words_of_core
from crisp_align.speech.speakers import with_speaker
from crisp_align.text.units import UnitMode, split_units
from crisp_align.timing import normalize_spans
from crisp_align.transcript import Clip, Word

__all__ = ["AlignmentStage", "ClipTranscript", "Transcriber", "timed_words", "with_coverage"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ClipTranscript:
    """What was said in a clip, ready to be aligned."""

    transcription: Transcription
    utterance: Utterance
    """The same text in units, with its clip; no units: there is nothing to align."""


class Transcriber:
    """A loaded backend at work.

    Args:
        backend: loaded, the options checked against it.
        decode: what is asked of it.
        units: how its text is split.
    """

    def __init__(self, backend: Backend, decode: DecodeOptions, units: UnitMode) -> None:
        self.backend, self._decode, self._units = backend, decode, units

    def in_language(self, language: str | None) -> Transcriber:
        """Return the same backend, given the language; None: it detects it."""
        return Transcriber(self.backend, replace(self._decode, language=language or self._decode.language), self._units)

    def transcribe(self, clips: Sequence[Clip]) -> list[ClipTranscript | CrispAlignError]:
        """Transcribe each clip. Clips of one file that follow each other come in order."""
        return [
            result if isinstance(result, CrispAlignError) else ClipTranscript(result, self._utterance(clip, result))
            for clip, result in zip(clips, _together_or_alone(clips, self._batch, self._failure), strict=True)
        ]

    def _batch(self, clips: Sequence[Clip]) -> list[Transcription]:
        results = list(self.backend.transcribe(clips, self._decode))
        if len(results) != len(clips):
            raise CrispAlignError(
                f"{self.backend.name} gave {len(results)} results, not {len(clips)}", subject=clips[0].source
            )
        return [replace(result, language=_code(result.language)) for result in results]

    def _failure(self, error: Exception, clip: Clip) -> CrispAlignError:
        return _failure(error, self.backend.name, clip)

    def _utterance(self, clip: Clip, transcription: Transcription) -> Utterance:
        spoken = self._decode.language or transcription.language
        language = (self._decode.target_language or "en") if self._decode.translate else spoken
        text = normalize_text(transcription.text, language)
        return Utterance(
            clip=clip,
            units=tuple(split_units(text, language, self._units)) if text else (),
            language=language,
            words=transcription.words,
            translated=language != spoken,
            spoken_language=spoken,
        )


class AlignmentStage:
    """Loaded aligners at work."""

    def __init__(self, aligners: AlignerChain) -> None:
        self.aligners = aligners

    def align(self, transcripts: Sequence[ClipTranscript]) -> list[ClipResult | CrispAlignError]:
        """Time the words of each clip, and return all that the clip leaves behind."""
        timed = iter(self.align_utterances([t.utterance for t in transcripts if t.utterance.units]))
        results: list[ClipResult | CrispAlignError] = []
        for transcript in transcripts:
            outcome = next(timed) if transcript.utterance.units else None
            results.append(outcome if isinstance(outcome, CrispAlignError) else _result(transcript, outcome))
        return results

    def align_utterances(self, utterances: Sequence[Utterance]) -> list[Timed | CrispAlignError]:
        """Time the units of each utterance."""
        return _together_or_alone(
            utterances, self.aligners.align, lambda error, utterance: _failure(error, "alignment", utterance.clip)
        )


def _together_or_alone(
    items: Sequence[T], work: Callable[[Sequence[T]], Sequence[R]], failure: Callable[[Exception, T], CrispAlignError]
) -> list[R | CrispAlignError]:
    """Work on all items in one call, or, where that fails, on each alone, so that a failure costs one of them."""
    if not items:
        return []
    try:
        return [*work(items)]
    except Exception as error:  # engines and plug-ins raise what they like
        if len(items) == 1:
            return [failure(error, items[0])]
    # Outside the except block: the traceback keeps the failed batch's tensors alive.
    return [result for item in items for result in _together_or_alone([item], work, failure)]


def _code(language: str | None) -> str | None:
    """The code of what a backend calls a language ("en-US", "English"); what nobody knows stays as it is."""
    try:
        return language_code(language) if language else None
    except OptionError:
        return language


def _failure(error: Exception, who: str, clip: Clip) -> CrispAlignError:
    """What a clip's error is to the user; its cause stays at hand for whoever mends it."""
    if isinstance(error, CrispAlignError):
        return error
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    failure = CrispAlignError(f"{who} failed at {clip.start:.1f} s: {reason}", subject=clip.source)
    if not is_out_of_memory(error):  # whose traceback would keep what took the memory
        failure.__cause__ = error
    return failure


def _result(transcript: ClipTranscript, timed: Timed | None) -> ClipResult:
    transcription, utterance = transcript.transcription, transcript.utterance
    notices = transcription.notices
    if timed is None and transcription.text.strip():
        signs = transcription.text.strip()
        notices = (*notices, f"at {utterance.clip.start:.1f} s nothing but {signs!r} was transcribed; left out")
    if timed is not None:
        notices = (*notices, *timed.notices)
    words = [] if timed is None else words_of_core(timed_words(utterance, timed), utterance.clip)
    segments = () if timed is None else tuple(split_segments(words, utterance.language, timed.aligner))
    result = ClipResult(
        segments=segments if utterance.clip.speaker is None else with_speaker(segments, utterance.clip.speaker),
        notices=notices,
        fallbacks=() if timed is None else tuple((name, timed.aligner, why) for name, why in timed.refusals),
        language=transcription.language if transcription.certain else None,
    )
    return result if utterance.translated else with_coverage(utterance.clip, result)


def timed_words(utterance: Utterance, timed: Timed) -> list[Word]:
    """The units of an utterance as words in the time of their source."""
    spans = normalize_spans(timed.alignment, utterance.clip.start, utterance.clip.end)
    return [
        # What lies beyond four digits is rounding of the engines: it may differ from batch to batch.
        Word(u.text, s.start, s.end, None if s.score is None else round(s.score, 4))
        for u, s in zip(utterance.units, spans, strict=True)
    ]


def with_coverage(clip: Clip, result: ClipResult, shortest: float = SECOND_LOOK_S) -> ClipResult:
    """Return a clip's result with the stretches of its voice, of more than `shortest` s, that no word covers."""
    words = as_long_as_said(result.words) if is_sparse(clip, result.words) else result.words
    return replace(result, uncovered=tuple((gap.start, gap.end) for gap in gaps(clip, words, shortest)))
