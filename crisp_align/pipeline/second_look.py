"""A second look at voice that no word covers: it is transcribed again alone, and what is likely is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from crisp_align.events import ClipResult
from crisp_align.pipeline.segments import split_segments
from crisp_align.pipeline.stages import ClipTranscript, with_coverage
from crisp_align.speech.coverage import (
    CLOSE_LOOK_S,
    SECOND_LOOK_S,
    clip_of_core,
    clip_of_gap,
    clip_of_strewn,
    gaps,
    going_on,
    is_fuller,
    is_likely,
    is_sparse,
    is_strewn,
    merge,
    pieces,
    strewn,
    uncovered_s,
    voice_s,
)
from crisp_align.speech.seams import without_repeats, words_of_core
from crisp_align.speech.speakers import with_speaker
from crisp_align.transcript import Clip, Segment, Word

__all__ = [
    "Align",
    "Recognize",
    "is_worth_timing",
    "joined_at_seam",
    "look_again",
    "needs_second_look",
    "uncovered_notice",
]

_ROUNDS = 3  # what a look adds may leave a smaller gap
_SEAM = 3.0  # s; what begins so much earlier is another channel, no overlap
_NAMED = 20  # stretches that a notice names
_OVERLAID = "words lay over speech that they do not hold"
_LONGEST_PIECE = 12.0  # s
_SPARSE_SHARE = 0.6  # of a clip whose words are sparse, which a part of it may hold
_BETTER = 0.6  # share of the uncovered voice that a clip transcribed anew may still leave

Recognize: TypeAlias = Callable[[Sequence[Clip], str | None], list[tuple[list[Word], float | None]]]
"""Clips and their language → the words of each, in the time of the source, and their mean log-probability a token."""
Align: TypeAlias = Callable[[Clip, str, str | None], tuple[list[Word], str] | None]
"""A clip, its text and language → its words, in the time of the source, and the aligner that was asked for; None where
that one cannot time it."""


def needs_second_look(clip: Clip, result: ClipResult) -> bool:
    """Whether voice in the clip has no words, or words lie over voice that they cannot hold."""
    return bool(result.uncovered) or is_strewn(clip, result.words) or is_sparse(clip, result.words)


def is_worth_timing(transcript: ClipTranscript) -> bool:
    """Whether the text of a second look may be taken, before it is timed."""
    text, log_prob = transcript.transcription.text, transcript.transcription.log_prob
    return bool(transcript.utterance.units) and is_likely(text, log_prob, voice_s(transcript.utterance.clip))


def look_again(clip: Clip, result: ClipResult, recognize: Recognize, align: Align) -> ClipResult:
    """The result of a clip, with the words that a second look at its uncovered voice finds.

    Args:
        clip: with its voice activity.
        result: of the first look.
        recognize: transcribes and times parts of the clip.
        align: times the text of a clip.
    """
    before = result.words
    language = result.segments[0].language if result.segments else result.language
    look = _Look(clip, language, recognize, before)
    look.at_strewn_words()
    look.in_parts()
    look.at_gaps()
    if look.words == before:
        return result
    aligner = (result.segments[0].aligner if result.segments else None) or ""
    text = None
    for _ in range(_ROUNDS if result.fallbacks or not result.segments else 0):
        # A text that lacked what is said could not be timed by the aligner that was asked for; the whole one can.
        if text == (text := "".join(word.text for word in look.words)):
            break
        timed = align(clip_of_core(clip), text, language)
        if timed is None:
            break
        look.words, aligner = timed
        result = replace(result, fallbacks=())
        look.at_gaps()
    segments = tuple(split_segments(look.words, language, aligner))
    segments = segments if clip.speaker is None else with_speaker(segments, clip.speaker)
    return with_coverage(
        clip, replace(result, segments=segments, notices=(*result.notices, *look.notices)), CLOSE_LOOK_S
    )


class _Look:
    """A second look at one clip, and the words that it leaves.

    Args:
        clip: with its voice activity.
        language: of the clip; None: the backend detects it.
        recognize: transcribes and times parts of the clip.
        words: of the first look.
    """

    def __init__(self, clip: Clip, language: str | None, recognize: Recognize, words: list[Word]) -> None:
        self._clip, self._language, self._recognize = clip, language, recognize
        self.words = words
        self.notices: list[str] = []

    def at_strewn_words(self) -> None:
        """Transcribe again what lies between the words whose times can be true, and take it for the words there."""
        for part in reversed(strewn(self._clip, self.words)):
            found = self._parts(clip_of_strewn(self._clip, part))
            after = self.words[part.last :]
            changed = [*self.words[: part.first], *going_on(_within(found, part.start, part.end), after), *after]
            if len(changed) >= len(self.words) and self._is_better(changed):
                self.notices.append(f"transcribed again from {part.start:.1f} s: {_OVERLAID}")
                self.words = changed

    def in_parts(self) -> None:
        """Transcribe the whole clip in parts, where words still lie over speech that they do not hold."""
        sparse = is_sparse(self._clip, self.words)
        if not sparse and not is_strewn(self._clip, self.words):
            return
        longest = _SPARSE_SHARE * self._clip.duration if sparse else _LONGEST_PIECE
        changed = words_of_core(self._parts(self._clip, min(longest, _LONGEST_PIECE)), self._clip)
        left = uncovered_s(self._clip, self.words)
        fewer = len(changed) >= len(self.words) and uncovered_s(self._clip, changed) <= _BETTER * left
        if fewer or (sparse and is_fuller(self._clip, changed, self.words)):
            self.notices.append(f"transcribed in parts from {self._clip.start:.1f} s: {_OVERLAID}")
            self.words = changed

    def at_gaps(self) -> None:
        """Transcribe each stretch of voice without words alone, and put what is likely between the words."""
        tried: set[tuple[float, float]] = set()
        for _ in range(_ROUNDS):
            shortest = CLOSE_LOOK_S if self.notices else SECOND_LOOK_S
            found_gaps = gaps(self._clip, self.words, shortest)
            open_gaps = [gap for gap in found_gaps if (gap.start, gap.end) not in tried]
            if not open_gaps:
                return
            tried.update((gap.start, gap.end) for gap in open_gaps)
            results = self._recognize([clip_of_gap(self._clip, gap) for gap in open_gaps], self._language)
            for gap, (found, log_prob) in zip(open_gaps, results, strict=True):
                text = "".join(word.text for word in found)
                merged = merge(self.words, found, gap) if is_likely(text, log_prob, gap.voice) else self.words
                if len(merged) > len(self.words) and self._is_better(merged):
                    self.notices.append(f"second look at {gap.start:.1f} s: {text.strip()[:80]!r}")
                    self.words = merged

    def _is_better(self, words: Sequence[Word]) -> bool:
        return uncovered_s(self._clip, words) < uncovered_s(self._clip, self.words)

    def _parts(self, clip: Clip, longest: float = _LONGEST_PIECE) -> list[Word]:
        """What is said in a stretch of sound, cut anew; nothing at all where one of its parts is not likely."""
        words: list[Word] = []
        parts = pieces(clip, longest)
        for part, (found, log_prob) in zip(parts, self._recognize(parts, self._language), strict=True):
            if found and not is_likely("".join(word.text for word in found), log_prob, voice_s(part)):
                return []
            words.extend(found)
        return words


def _within(words: Sequence[Word], start: float, end: float) -> list[Word]:
    """Words whose times lie from `start` to `end`, s, cut to them."""
    return [replace(word, start=max(word.start, start), end=min(word.end, end)) for word in words]


def joined_at_seam(segments: Sequence[Segment], result: ClipResult) -> ClipResult:
    """The result of a clip that overlaps the one before it, without the words that are there already.

    Args:
        segments: of the clips before it.
        result: of this one.
    """
    last = segments[-1].words[-1] if segments and segments[-1].words else None
    if last is None or not result.segments or result.segments[0].start < last.start - _SEAM:
        return result
    left: list[Segment] = []
    for segment in result.segments:
        words = segment.words if left else tuple(without_repeats(segment.words, last))
        if words:
            text = "".join(word.text for word in words)
            left.append(replace(segment, text=text, start=words[0].start, words=words))
    return replace(result, segments=tuple(left))


def uncovered_notice(uncovered: Sequence[tuple[float, float]]) -> list[str]:
    """One line that names the speech without words, or none."""
    if not uncovered:
        return []
    named = ", ".join(f"{_clock(start)} to {_clock(end)}" for start, end in uncovered[:_NAMED])
    more = f" and {len(uncovered) - _NAMED} more" if len(uncovered) > _NAMED else ""
    total = sum(end - start for start, end in uncovered)
    return [f"{total:.1f} s of what sounds like speech have no words: {named}{more}"]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"
