"""The two halves of the work on clips, each with its models: hearing what is said, and timing it.

Both take any number of clips of any files and give one answer each, in order; a failure is an answer too, and costs
its own clip alone. What lies between them is plain data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import AlignerChain, Timed
from crisp_align.backends import Backend, DecodeOptions, Transcription
from crisp_align.errors import CrispAlignError, OptionError
from crisp_align.events import ClipResult
from crisp_align.languages import language_code
from crisp_align.models.devices import is_out_of_memory
from crisp_align.pipeline.segments import cut, one_line
from crisp_align.text.units import UnitMode, split_units
from crisp_align.timing import settle
from crisp_align.transcript import Clip, Word

__all__ = ["Heard", "Hearing", "Timing", "timed_words"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in a clip, ready to be timed."""

    transcription: Transcription
    utterance: Utterance
    """The same text in units, with the clip it was heard in; no units: there is nothing to time."""


class Hearing:
    """A loaded backend at work.

    Args:
        backend: loaded, the options checked against it.
        decode: what is asked of it.
        units: how its text is split.
    """

    def __init__(self, backend: Backend, decode: DecodeOptions, units: UnitMode) -> None:
        self.backend, self._decode, self._units = backend, decode, units

    def hear(self, clips: Sequence[Clip]) -> list[Heard | CrispAlignError]:
        """What is said in each clip. Clips of one file that follow each other come in order."""
        return [
            result if isinstance(result, CrispAlignError) else Heard(result, self._utterance(clip, result))
            for clip, result in zip(clips, self._transcribe(clips), strict=True)
        ]

    def _transcribe(self, clips: Sequence[Clip]) -> list[Transcription | CrispAlignError]:
        """Transcribe a batch; where it fails, each clip alone."""
        if not clips:
            return []
        try:
            found = list(self.backend.transcribe(clips, self._decode))
            if len(found) != len(clips):
                raise CrispAlignError(
                    f"{self.backend.name} gave {len(found)} results, not {len(clips)}", subject=clips[0].source
                )
            return [replace(each, language=_code(each.language)) for each in found]
        except Exception as error:  # engines and plug-ins raise what they like
            if len(clips) == 1:
                return [_failure(error, self.backend.name, clips[0])]
        # Outside the except block: the traceback keeps the failed batch's tensors alive.
        return [result for clip in clips for result in self._transcribe([clip])]

    def _utterance(self, clip: Clip, heard: Transcription) -> Utterance:
        spoken = self._decode.language or heard.language
        language = (self._decode.target_language or "en") if self._decode.translate else spoken
        text = one_line(heard.text, language)
        return Utterance(
            clip=clip,
            units=tuple(split_units(text, language, self._units)) if text else (),
            language=language,
            words=heard.words,
            translated=language != spoken,
            spoken_language=spoken,
        )


class Timing:
    """Loaded aligners at work."""

    def __init__(self, aligners: AlignerChain) -> None:
        self.aligners = aligners

    def time(self, heard: Sequence[Heard]) -> list[ClipResult | CrispAlignError]:
        """All that each clip leaves behind."""
        timed = iter(self.align([each.utterance for each in heard if each.utterance.units]))
        results: list[ClipResult | CrispAlignError] = []
        for each in heard:
            outcome = next(timed) if each.utterance.units else None
            results.append(outcome if isinstance(outcome, CrispAlignError) else _result(each, outcome))
        return results

    def align(self, utterances: Sequence[Utterance]) -> list[Timed | CrispAlignError]:
        """Align a batch; where that fails, each utterance alone."""
        if not utterances:
            return []
        try:
            return [*self.aligners.align(utterances)]
        except Exception as error:  # engines and plug-ins raise what they like
            if len(utterances) == 1:
                return [_failure(error, "alignment", utterances[0].clip)]
        return [result for utterance in utterances for result in self.align([utterance])]


def _code(language: str | None) -> str | None:
    """The code of what a backend calls a language ("en-US", "English"); what nobody knows stays as it is."""
    try:
        return language_code(language) if language else None
    except OptionError:
        return language


def _failure(error: Exception, who: str, clip: Clip) -> CrispAlignError:
    """What to tell of a clip's error; its cause stays at hand for whoever mends it."""
    if isinstance(error, CrispAlignError):
        return error
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    failure = CrispAlignError(f"{who} failed at {clip.start:.1f} s: {said}", subject=clip.source)
    if not is_out_of_memory(error):  # whose traceback would keep what took the memory
        failure.__cause__ = error
    return failure


def _result(heard: Heard, timed: Timed | None) -> ClipResult:
    transcription, utterance = heard.transcription, heard.utterance
    notices = transcription.notices
    if timed is None and transcription.text.strip():
        nothing = transcription.text.strip()
        notices = (*notices, f"at {utterance.clip.start:.1f} s nothing but {nothing!r} was heard; left out")
    if timed is not None:
        notices = (*notices, *timed.notices)
    return ClipResult(
        segments=() if timed is None else tuple(cut(timed_words(utterance, timed), utterance.language, timed.aligner)),
        notices=notices,
        stand_ins=() if timed is None else tuple((name, timed.aligner, why) for name, why in timed.refusals),
        language=transcription.language if transcription.certain else None,
    )


def timed_words(utterance: Utterance, timed: Timed) -> list[Word]:
    """The units of an utterance as words in the time of their source."""
    spans = settle(timed.alignment, utterance.clip.start, utterance.clip.end)
    return [
        # What lies beyond four digits is rounding of the engines: it may differ from batch to batch.
        Word(u.text, s.start, s.end, None if s.score is None else round(s.score, 4))
        for u, s in zip(utterance.units, spans, strict=True)
    ]
