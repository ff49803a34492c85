"""Channels that were transcribed apart, one speaker each, merged into one transcript in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from crisp_align.transcript import MIN_WORD, Segment, Word

__all__ = ["merged_by_time", "with_speaker"]


def with_speaker(segments: Sequence[Segment], speaker: str) -> tuple[Segment, ...]:
    """Segments whose words all have a speaker."""
    return tuple(
        replace(segment, words=tuple(replace(word, speaker=speaker) for word in segment.words)) for segment in segments
    )


def merged_by_time(segments: Sequence[Segment], duration: float) -> tuple[Segment, ...]:
    """Segments of several speakers in order of time; one that another speaker interrupts continues after that.

    No word overlaps the next: where both speak at once, the earlier word ends where the later one begins.

    Args:
        segments: those of each speaker in order.
        duration: s, of the source.
    """
    tagged = sorted(
        ((word, number) for number, segment in enumerate(segments) for word in segment.words),
        key=lambda item: (item[0].start, item[1]),
    )
    words = _apart([word for word, _ in tagged], duration)
    numbered = zip(words, (number for _, number in tagged), strict=True)
    merged = []
    for number, group in groupby(numbered, key=lambda item: item[1]):
        part = tuple(word for word, _ in group)
        text = "".join(word.text for word in part)
        merged.append(replace(segments[number], text=text, start=part[0].start, end=part[-1].end, words=part))
    return tuple(merged)


def _apart(words: Sequence[Word], duration: float) -> list[Word]:
    """Words in order of their starts, none overlapping, none shorter than 20 ms."""
    placed: list[Word] = []
    latest = duration  # where the word before may end at the latest
    for word in reversed(words):
        end = min(word.end, latest)
        start = max(min(word.start, end - MIN_WORD), 0.0)
        placed.append(replace(word, start=round(start, 3), end=round(end, 3)))
        latest = start
    return placed[::-1]
