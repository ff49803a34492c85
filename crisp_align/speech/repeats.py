"""Text that repeats itself: spoken so, as a chorus, a prayer or a drill is, or a loop of the decoder.

A loop is text that the sound does not hold: it is longer than the voice could say, or its later rounds have no voice
of their own under them. How well a text compresses shows neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from crisp_align.text.width import columns
from crisp_align.transcript import Span

__all__ = ["fits_voice", "has_sound_of_its_own"]

_FASTEST = 28.0  # letters a second of voice, an ideograph counting as two; fast speech has 20
_VOICED_SHARE = 0.6  # of the words; a loop runs on into the silence or the music after the voice
_COLLAPSED_SHARE = 0.2  # of the words; a loop gives the rounds that were not spoken no time at all
_COVERED_SHARE = 0.5  # of the voice; what repeats lies under all of it
_SHORTEST = 0.04  # s; attention that gives a word less found no sound for it
_SLACK = 0.2  # s; attention times differ from voice activity by as much


def fits_voice(text: str, voice: Sequence[tuple[float, float]]) -> bool:
    """Whether `text` can be said in the time of the voice.

    Args:
        text: of a clip.
        voice: voice activity in it, (start, end) in s.
    """
    letters = columns("".join(char for char in text if char.isalnum()))
    return letters <= _FASTEST * sum(end - start for start, end in voice)


def has_sound_of_its_own(spans: Sequence[Span], voice: Sequence[tuple[float, float]]) -> bool:
    """Whether each of the words that follow each other has a stretch of voice of its own.

    Args:
        spans: where the words lie, s from the clip's start, in order.
        voice: voice activity in the clip, likewise.
    """
    total = sum(end - start for start, end in voice)
    if not spans or not total:
        return False
    widened = [(start - _SLACK, end + _SLACK) for start, end in voice]
    voiced = sum(any(first <= (s.start + s.end) / 2 <= last for first, last in widened) for s in spans)
    collapsed = sum(s.end - s.start < _SHORTEST for s in spans)
    # A word lasts until the next one begins, but for pauses, which are not voice.
    reach = [(a.start, min(b.start, a.start + 2.0)) for a, b in pairwise(spans)] + [(spans[-1].start, spans[-1].end)]
    covered = sum(
        max(0.0, min(end, last) - max(start, first)) for start, end in reach for first, last in voice if last > start
    )
    return (
        voiced >= _VOICED_SHARE * len(spans)
        and collapsed <= _COLLAPSED_SHARE * len(spans)
        and covered >= _COVERED_SHARE * total
    )
