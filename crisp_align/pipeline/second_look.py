"""A second look at voice that no word covers: it is transcribed again alone, and what is likely is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from crisp_align.events import ClipResult
from crisp_align.pipeline.segments import split_segments
from crisp_align.pipeline.stages import ClipTranscript, with_coverage
from crisp_align.speech.coverage import (
    Gap,
    clip_of_gap,
    gaps,
    is_likely,
    is_strewn,
    merge,
    pieces,
    uncovered_s,
    voice_s,
)
from crisp_align.speech.seams import without_repeats, words_of_core
from crisp_align.transcript import Clip, Segment, Word

__all__ = [
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
_BETTER = 0.6  # share of the uncovered voice that a clip transcribed anew may still leave

Recognize: TypeAlias = Callable[[Sequence[Clip], str | None], list[tuple[list[Word], float | None]]]
"""Clips and their language → the words of each, in the time of the source, and their mean log-probability a token."""


def needs_second_look(clip: Clip, result: ClipResult) -> bool:
    """Whether voice in the clip has no words, or words lie over voice that they cannot hold."""
    return bool(result.uncovered) or is_strewn(clip, result.words)


def is_worth_timing(transcript: ClipTranscript) -> bool:
    """Whether the text of a second look may be taken, before it is timed."""
    text, log_prob = transcript.transcription.text, transcript.transcription.log_prob
    return bool(transcript.utterance.units) and is_likely(text, log_prob, voice_s(transcript.utterance.clip))


def look_again(clip: Clip, result: ClipResult, recognize: Recognize) -> ClipResult:
    """The result of a clip, with the words that a second look at its uncovered voice finds.

    Args:
        clip: with its voice activity.
        result: of the first look.
        recognize: transcribes and times parts of the clip.
    """
    words = before = result.words
    language = result.segments[0].language if result.segments else result.language
    notices = list(result.notices)
    if is_strewn(clip, words):
        anew = _recognized(clip, pieces(clip), language, recognize)
        if uncovered_s(clip, anew) <= _BETTER * uncovered_s(clip, words) and len(anew) >= len(words):
            notices.append(f"transcribed in parts from {clip.start:.1f} s: words lay over speech that they do not hold")
            words = anew
    tried: set[tuple[float, float]] = set()
    for _ in range(_ROUNDS):
        open_gaps = [gap for gap in gaps(clip, words) if (gap.start, gap.end) not in tried]
        if not open_gaps:
            break
        tried.update((gap.start, gap.end) for gap in open_gaps)
        for gap, found in zip(open_gaps, _looked_at(clip, open_gaps, language, recognize), strict=True):
            merged = merge(words, found, gap)
            if len(merged) > len(words) and uncovered_s(clip, merged) < uncovered_s(clip, words):
                text = "".join(word.text for word in found).strip()
                notices.append(f"second look at {gap.start:.1f} s: {text[:80]!r}")
                words = merged
    if words is before:
        return result
    aligner = result.segments[0].aligner if result.segments else None
    segments = tuple(split_segments(words, language, aligner or ""))
    return with_coverage(clip, replace(result, segments=segments, notices=tuple(notices)))


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


def _looked_at(clip: Clip, found: Sequence[Gap], language: str | None, recognize: Recognize) -> list[list[Word]]:
    """What is said in each gap; nothing where it is not likely."""
    results = recognize([clip_of_gap(clip, gap) for gap in found], language)
    return [
        words if is_likely("".join(word.text for word in words), log_prob, gap.voice) else []
        for gap, (words, log_prob) in zip(found, results, strict=True)
    ]


def _recognized(clip: Clip, parts: Sequence[Clip], language: str | None, recognize: Recognize) -> list[Word]:
    """What is said in the parts of a clip; nothing at all where one of them is not likely."""
    words: list[Word] = []
    for part, (found, log_prob) in zip(parts, recognize(parts, language), strict=True):
        if found and not is_likely("".join(word.text for word in found), log_prob, voice_s(part)):
            return []
        words.extend(found)
    return words_of_core(words, clip)
