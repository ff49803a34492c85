"""Times of cues that contradict each other, put right by the order of the file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from crisp_align.formats.document import SubtitleCue
from crisp_align.formats.repairs import Repairs

__all__ = ["in_file_order"]


def in_file_order(cues: Sequence[SubtitleCue], repairs: Repairs) -> tuple[SubtitleCue, ...]:
    """Cues of which none goes out before it comes in.

    Around one that does, the times of it and of its neighbours are held against the order of the file: as many as can
    be true at once are believed, and the others are spread between those.
    """
    backwards = [number for number, cue in enumerate(cues) if cue.end < cue.start]
    if not backwards:
        return tuple(cues)
    repairs.note(
        "cue that ended before it began put between its neighbours",
        count=len(backwards),
        refusal=f"cue {backwards[0] + 1} ends before it begins",
    )
    mended = list(cues)
    for first, last in _neighbourhoods(backwards, len(cues)):
        bounds: list[float] = []
        owners: list[tuple[int, int]] = []  # index of a bound for each start and end
        for cue in cues[first : last + 1]:
            if not bounds or bounds[-1] != cue.start:
                bounds.append(cue.start)
            bounds.append(cue.end)
            owners.append((len(bounds) - 2, len(bounds) - 1))
        times = _rising(bounds)
        for number, (start, end) in enumerate(owners, start=first):
            mended[number] = replace(cues[number], start=times[start], end=times[end], origin=None)
    return tuple(mended)


def _neighbourhoods(numbers: Sequence[int], count: int) -> list[tuple[int, int]]:
    """First and last of each group of cues to put right: those that run backwards, and one at either side."""
    groups: list[tuple[int, int]] = []
    for number in numbers:
        first, last = max(0, number - 1), min(count - 1, number + 1)
        if groups and first <= groups[-1][1]:
            groups[-1] = (groups[-1][0], last)
        else:
            groups.append((first, last))
    return groups


def _rising(values: Sequence[float]) -> list[float]:
    """`values` made to rise: the longest run of them that does stays, the others lie evenly between those."""
    tails: list[float] = []
    chosen: list[int] = []  # index of the value that ends the best run of each length
    before: list[int | None] = []
    for index, value in enumerate(values):
        at = bisect_right(tails, value)
        before.append(chosen[at - 1] if at else None)
        tails[at : at + 1] = [value]
        chosen[at : at + 1] = [index]
    kept: set[int] = set()
    index_of: int | None = chosen[-1] if chosen else None
    while index_of is not None:
        kept.add(index_of)
        index_of = before[index_of]
    return _filled(values, sorted(kept))


def _filled(values: Sequence[float], kept: Sequence[int]) -> list[float]:
    rising = list(values)
    for left, right in pairwise(kept):
        for index in range(left + 1, right):
            part = (index - left) / (right - left)
            rising[index] = round(values[left] + (values[right] - values[left]) * part, 3)
    for index in range(kept[0]):
        rising[index] = values[kept[0]]
    for index in range(kept[-1] + 1, len(values)):
        rising[index] = values[kept[-1]]
    return rising
