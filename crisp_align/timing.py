"""From whatever times a model gave to clean ones: the one place where the rules of time are enforced.

Whatever goes in, the words that come out lie inside their window, in order, without overlap, at least `MIN_WORD`
long, on whole milliseconds.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from crisp_align.transcript import MIN_WORD, Span, Unit

__all__ = ["distribute", "normalize_spans"]

_MIN_MS = round(MIN_WORD * 1000)  # ms


def normalize_spans(spans: Sequence[Span], start: float, end: float) -> list[Span]:
    """Clean the spans of one clip and move them to the time of its source.

    Times that are not finite or run against the order of the rest are replaced by interpolation between their
    neighbours; overlaps are halved; words that are too short take what they need from the pause after them, the
    pause before them, or their neighbours, in that order.

    Args:
        spans: one a unit, s from `start`; any values at all.
        start: s, where the window (the clip) begins in the source.
        end: s, where it ends.

    Returns:
        As many spans, s in the source, whole milliseconds: start ≤ first, last ≤ end, none overlapping, none shorter
        than 20 ms, unless the window itself holds less than 20 ms a unit, which is then shared out evenly; a window of
        less than a millisecond a unit leaves some without length. Scores lie in [0, 1] or are None.
    """
    if not spans:
        return []
    low = math.ceil(round(start * 1000, 3))
    high = max(math.floor(round(end * 1000, 3)), low)
    starts, ends = _ordered(spans, start * 1000, low, high)
    shortest = min(_MIN_MS, (high - low) // len(spans))
    if shortest < _MIN_MS:
        edges = [low + (high - low) * i // len(spans) for i in range(len(spans) + 1)]
        starts, ends = edges[:-1], edges[1:]
    else:
        _separate(starts, ends)
        _lengthen(starts, ends, low, high, shortest)
    return [Span(s / 1000, e / 1000, _score(span.score)) for s, e, span in zip(starts, ends, spans, strict=True)]


def distribute(units: Sequence[Unit], speech: Sequence[tuple[float, float]] | None, duration: float) -> list[Span]:
    """Share out the speech of a clip among units by the length of what is spoken: the last resort, score 0.

    Args:
        units: what to place.
        speech: voice activity, (start, end) in s from the clip's start; None or empty: the whole clip.
        duration: s, length of the clip.
    """
    regions = [region for region in speech or () if region[1] > region[0]] or [(0.0, duration)]
    total = sum(e - s for s, e in regions)
    weights = [max(len(unit.spoken), 1) for unit in units]
    scale = total / sum(weights) if weights else 0.0
    spans, done = [], 0.0
    for weight in weights:
        first = _on_timeline(done, regions, opening=True)
        done += weight * scale
        spans.append(Span(first, max(first, _on_timeline(done, regions, opening=False)), 0.0))
    return spans


def _on_timeline(position: float, regions: Sequence[tuple[float, float]], *, opening: bool) -> float:
    """Time at which `position` seconds of speech have passed; at a seam, the later side for an opening edge."""
    for s, e in regions:
        length = e - s
        if position < length or (not opening and position <= length + 1e-9):
            return s + min(position, length)
        position -= length
    return regions[-1][1]


def _ordered(spans: Sequence[Span], offset: float, low: int, high: int) -> tuple[list[int], list[int]]:
    """Whole milliseconds inside [low, high], starts and ends non-decreasing, outliers interpolated."""
    kept = _longest_non_decreasing(spans)
    starts, ends = [0] * len(spans), [0] * len(spans)
    edge, done = float(low), 0  # where the next unit may begin; how many are placed
    for index, following in zip([*kept, len(spans)], [*kept[1:], len(spans), 0], strict=True):
        last = index == len(spans)
        begin = float(high) if last else min(max(offset + spans[index].start * 1000, edge), high)
        for k in range(index - done):
            starts[done + k] = round(edge + (begin - edge) * k / (index - done))
            ends[done + k] = round(edge + (begin - edge) * (k + 1) / (index - done))
        if last:
            break
        finish = min(max(offset + spans[index].end * 1000, begin), high)
        starts[index], ends[index] = round(begin), round(finish)
        # An overlap with a trusted neighbour is halved later; units still to be interpolated go after this one.
        edge, done = (begin if following == index + 1 else finish), index + 1
    return starts, ends


def _score(score: float | None) -> float | None:
    """A plain number in [0, 1], whatever kind of number an engine gave; None where it gave no finite one."""
    return min(max(float(score), 0.0), 1.0) if score is not None and math.isfinite(score) else None


def _longest_non_decreasing(spans: Sequence[Span]) -> list[int]:
    """Indices of the longest subsequence of finite spans whose starts never fall, in O(n log n)."""
    tails: list[float] = []
    tail_index: list[int] = []
    previous = [-1] * len(spans)
    for i, span in enumerate(spans):
        if not (math.isfinite(span.start) and math.isfinite(span.end)):
            continue
        at = bisect_right(tails, span.start)
        previous[i] = tail_index[at - 1] if at else -1
        tails[at : at + 1] = [span.start]
        tail_index[at : at + 1] = [i]
    chain, i = [], tail_index[-1] if tail_index else -1
    while i >= 0:
        chain.append(i)
        i = previous[i]
    return chain[::-1]


def _separate(starts: list[int], ends: list[int]) -> None:
    """Halve overlaps in place; afterwards ends[i] ≤ starts[i + 1]."""
    for i in range(len(starts) - 1):
        ends[i] = max(ends[i], starts[i])
        if ends[i] > starts[i + 1]:
            middle = (max(starts[i], starts[i + 1]) + min(ends[i], max(ends[i + 1], starts[i + 1]))) // 2
            ends[i] = starts[i + 1] = max(middle, starts[i])
    ends[-1] = max(ends[-1], starts[-1])


def _lengthen(starts: list[int], ends: list[int], low: int, high: int, shortest: int) -> None:
    """Give every span at least `shortest` ms, in place, moving neighbours only where no pause is left to take."""
    floor = low
    for i in range(len(starts)):
        starts[i] = max(starts[i], floor)
        ends[i] = max(ends[i], starts[i])
        if ends[i] - starts[i] < shortest:
            ceiling = max(starts[i + 1] if i + 1 < len(starts) else high, ends[i])
            ends[i] = min(starts[i] + shortest, ceiling)
            starts[i] = max(floor, ends[i] - shortest)
            ends[i] = max(ends[i], starts[i] + shortest)
        floor = ends[i]
    ceiling = high
    for i in reversed(range(len(starts))):
        ends[i] = min(ends[i], ceiling)
        starts[i] = min(starts[i], ends[i] - shortest)
        ceiling = starts[i]
