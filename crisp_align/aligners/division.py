"""A clip divided at a pause, and with it what is said in it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from crisp_align.aligners import Utterance
from crisp_align.aligners.native import by_letters
from crisp_align.text.sentences import sentence_ends
from crisp_align.timing import distribute
from crisp_align.transcript import SAMPLE_RATE, Clip, Span, Word

__all__ = ["expected", "respread", "split", "split_in_two"]

LONG_PAUSE = 0.6  # s; a longer pause is no better place to cut
MIDDLE = 0.5  # share of the clip, around its middle, in which a pause is looked for
SHORTEST = 1.0  # s, on either side of a cut
_WINDOW = 0.1  # s that loudness is taken over where there is no pause
_NEAR = 1 / 40  # share of the clip by which a cut may miss the end of a sentence and still be meant for it


def split(utterance: Utterance, longest: float) -> list[Utterance]:
    """Parts of at most `longest` s, in order, each with the units that are said in it; parts without any are left out.

    Which unit is said where follows the backend's own word times or, without them, the voice activity.
    """
    if utterance.clip.duration <= longest:
        return [utterance]
    halves = split_in_two(utterance, expected(utterance))
    return [part for half in halves if half.units for part in split(half, longest)]


def expected(utterance: Utterance) -> Sequence[Span]:
    """Where each unit is likely said: at the backend's own time, else in its share of the voice activity."""
    if utterance.words:
        return by_letters(utterance.units, utterance.words)
    return distribute(utterance.units, utterance.clip.speech, utterance.clip.duration)


def respread(utterance: Utterance, spans: Sequence[Span], lost: Sequence[tuple[int, int]]) -> list[Span]:
    """Spans with the units of each stretch [first, last) in `lost` spread over the speech between their neighbours."""
    placed = list(spans)
    for first, last in lost:
        low = placed[first - 1].end if first else 0.0
        high = placed[last].start if last < len(placed) else utterance.clip.duration
        room = _slice(utterance.clip, low, high).speech
        fresh = distribute(utterance.units[first:last], room, max(high - low, 0.0))
        placed[first:last] = [replace(span, start=low + span.start, end=low + span.end) for span in fresh]
    return placed


def split_in_two(utterance: Utterance, guess: Sequence[Span]) -> tuple[Utterance, Utterance]:
    """Two utterances, cut at a pause about the middle; either may be left without units.

    Args:
        utterance: of at least 2 s.
        guess: where each unit is likely said, s from the clip's start. A unit is said on the side that its middle is
            on; the end of a sentence close by beats the exact place.
    """
    clip = utterance.clip
    cut = _pause(clip)
    count = _units_before(utterance, guess, cut)
    before, after = _words(utterance.words, cut)
    return (
        replace(utterance, clip=_slice(clip, 0.0, cut), units=utterance.units[:count], words=before),
        replace(utterance, clip=_slice(clip, cut, clip.duration), units=utterance.units[count:], words=after),
    )


def _words(words: Sequence[Word] | None, cut: float) -> tuple[tuple[Word, ...] | None, tuple[Word, ...] | None]:
    """The backend's words on either side of the cut."""
    if words is None:
        return None, None
    late = [(word.start + word.end) / 2 >= cut for word in words]
    after = (
        replace(word, start=word.start - cut, end=word.end - cut)
        for word, is_late in zip(words, late, strict=True)
        if is_late
    )
    return tuple(word for word, is_late in zip(words, late, strict=True) if not is_late), tuple(after)


def _pause(clip: Clip) -> float:
    """Middle of the best pause about the clip's middle, s: long and central; without one, the quietest moment."""
    reach = max(clip.duration * MIDDLE / 2, 0.0)
    low = max(clip.duration / 2 - reach, min(SHORTEST, clip.duration / 2))
    high = clip.duration - low
    pauses = [(end, start) for (_, end), (start, _) in pairwise(clip.speech or ())]
    central = [(a, b) for a, b in pauses if b > a and low <= (a + b) / 2 <= high]
    if central:
        a, b = max(central, key=lambda p: min(p[1] - p[0], LONG_PAUSE) - abs(sum(p) / 2 - clip.duration / 2) / reach)
        return (a + b) / 2
    step = int(_WINDOW * SAMPLE_RATE)
    part = clip.samples[int(low * SAMPLE_RATE) : int(high * SAMPLE_RATE)]
    count = len(part) // step
    if not count:
        return clip.duration / 2
    energy = np.square(part[: count * step], dtype=np.float64).reshape(count, step).sum(axis=1)
    return low + (int(energy.argmin()) + 0.5) * _WINDOW


def _units_before(utterance: Utterance, guess: Sequence[Span], cut: float) -> int:
    """How many units are said before the cut."""
    middles = np.maximum.accumulate([(span.start + span.end) / 2 for span in guess])
    exact = bisect_left(middles.tolist(), cut)
    near = utterance.clip.duration * _NEAR
    ends = [
        i + 1
        for i, ends in enumerate(sentence_ends([unit.text for unit in utterance.units], utterance.language))
        if ends
    ]
    close = [count for count in ends if 0 < count < len(guess) and abs(guess[count - 1].end - cut) <= near]
    return min(close, key=lambda count: abs(guess[count - 1].end - cut), default=exact)


def _slice(clip: Clip, begin: float, end: float) -> Clip:
    """The part of a clip from `begin` to `end`, s from its start."""
    first, last = round(begin * SAMPLE_RATE), round(end * SAMPLE_RATE)
    begin, end = first / SAMPLE_RATE, last / SAMPLE_RATE
    speech = None
    if clip.speech is not None:
        inside = ((max(s, begin) - begin, min(e, end) - begin) for s, e in clip.speech)
        speech = tuple((s, e) for s, e in inside if e > s)
    return Clip(clip.samples[first:last], clip.start + begin, clip.source, speech)
