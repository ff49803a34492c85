"""From the class posteriors of Qwen3-ForcedAligner to times: two markers a unit, 80 ms a class."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from crisp_align.aligners.qwen3.engine import CLASS_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Classes: TypeAlias = NDArray[np.int64]
    Rows: TypeAlias = NDArray[np.float32]

__all__ = ["agreement", "best_path", "collapsed_runs", "refine", "repair"]

MIN_COLLAPSED_UNITS = 4
"""Units that begin and end on one class are a collapse from this many on: nobody says four words in 80 ms."""

_SCORED_CLASSES = 1  # on either side of the chosen one whose probability counts as agreement: 80 ms
_REFINED_CLASSES = 2  # on either side that a refined time is the mean of
_BREAKS = 8  # markers a break, where mending each costs as much as solving the whole
_ROWS = 8  # markers whose totals are summed before they are brought back near _POSITIVE; what a cache holds
_POSITIVE = 2.0**30  # more than any path falls behind another, and leaves a sum exact to 1e-6


def best_path(scores: Rows) -> Classes:
    """The non-decreasing sequence of classes with the largest total score, exactly.

    It starts from the best class of each marker and restores order only where it is broken: the markers around a
    break are solved among themselves, without the ones outside; the stretch doubles until it is in order with its
    neighbours. A solution that keeps all the rules though only some were asked of it is the best there is. So the
    work grows with the disorder: none where the best classes are in order, O(markers · classes) at worst.

    Args:
        scores: float32, shape (markers, classes), log-probabilities or logits: a constant added to a row changes
            nothing.

    Returns:
        One class a marker; among equals the lowest.
    """
    path: Classes = scores.argmax(axis=1)
    starts = np.arange(len(path))  # of the stretches; first a marker each
    while (breaks := np.flatnonzero(path[:-1] > path[1:])).size:
        if breaks.size > len(path) // _BREAKS:
            return _best_path_whole(scores)
        stretches = _widened(breaks, starts, len(path))
        if 2 * sum(last - first for first, last in stretches) > len(path):
            return _best_path_whole(scores)
        for first, last in stretches:
            path[first:last] = _best_path_whole(scores[first:last])
            starts = starts[(starts <= first) | (starts >= last)]
    return path


def _widened(breaks: Classes, starts: Classes, count: int) -> list[tuple[int, int]]:
    """Stretches [first, last) to solve: the two on either side of each break, and as much again around them."""
    stretches: list[tuple[int, int]] = []
    bounds = np.append(starts, count)
    for seam in breaks + 1:
        at = int(np.searchsorted(starts, seam))
        first, last = int(bounds[at - 1]), int(bounds[at + 1])
        margin = (last - first + 1) // 2
        first = int(bounds[np.searchsorted(starts, max(first - margin, 0), "right") - 1])
        last = int(bounds[np.searchsorted(bounds, min(last + margin, count))])
        while stretches and first < stretches[-1][1]:
            earlier = stretches.pop()
            first, last = min(first, earlier[0]), max(last, earlier[1])
        stretches.append((first, last))
    return stretches


def _best_path_whole(scores: Rows) -> Classes:
    """Dynamic programming over markers × classes, O(markers · classes).

    Of each marker only the classes are remembered at which the best total so far rises: the best class up to any
    limit is the last of them within it. Totals are kept positive, where doubles sort as their bits do: numpy takes a
    running maximum of integers four times as fast as one of floats.
    """
    count, classes = scores.shape
    rises = np.ones((count, classes), np.bool_)
    totals = np.empty((_ROWS, classes))
    bits = totals.view(np.int64)
    best = np.full(classes, _POSITIVE)  # total of the best path so far that ends at a class or before it
    for first in range(0, count, _ROWS):
        rows = min(_ROWS, count - first)
        totals[:rows] = scores[first : first + rows]
        for row in range(rows):
            totals[row] += totals[row - 1] if row else best
            np.maximum.accumulate(bits[row], out=bits[row])
        np.not_equal(bits[:rows, 1:], bits[:rows, :-1], out=rises[first : first + rows, 1:])
        best = np.maximum(totals[rows - 1] + (_POSITIVE - totals[rows - 1, -1]), _POSITIVE / 2)
    path = np.empty(count, np.int64)
    limit = classes
    for i in range(count - 1, -1, -1):
        limit -= int(rises[i, :limit][::-1].argmax())
        path[i] = limit - 1
    return path


def repair(classes: Classes, step: float = 80.0) -> list[int]:
    """Times in ms as Qwen's own code reads them off the best classes, value for value.

    The longest non-decreasing subsequence is kept; up to two values in a row outside it copy the nearer kept
    neighbour (the left one when equally near), three or more are interpolated, and at the ends the only neighbour is
    copied. Nothing is limited to the length of the audio.

    Args:
        classes: shape (markers,), at least one.
        step: ms a class.
    """
    times: list[float] = (classes.astype(np.float64) * step).tolist()
    kept = _longest_non_decreasing(times)
    edges = [-1, *kept, len(times)]
    for left, right in itertools.pairwise(edges):
        count = right - left - 1
        for position in range(left + 1, right):
            if left < 0:
                times[position] = times[right]
            elif right == len(times):
                times[position] = times[left]
            elif count <= 2:
                times[position] = times[left] if position - left <= right - position else times[right]
            else:
                times[position] = times[left] + (times[right] - times[left]) / (count + 1) * (position - left)
    return [int(time) for time in times]


def _longest_non_decreasing(values: Sequence[float]) -> list[int]:
    """Indices of a longest non-decreasing subsequence; among several, the one that upstream's loops come upon first.

    Values at which the longest subsequence so far has one length fall strictly, so that whichever of them a value can
    follow are the last of them; upstream takes the first of those. O(n log n).
    """
    tops: list[float] = []  # of each length, the lowest value it ends at so far
    piles: list[list[float]] = []  # of each length, the values it ends at, negated: rising
    indices: list[list[int]] = []
    parents: list[int] = []
    for i, value in enumerate(values):
        at = bisect_right(tops, value)
        parents.append(indices[at - 1][bisect_left(piles[at - 1], -value)] if at else -1)
        if at == len(tops):
            tops.append(value)
            piles.append([-value])
            indices.append([i])
        else:
            tops[at] = value
            piles[at].append(-value)
            indices[at].append(i)
    chain = [indices[-1][0]]
    while parents[chain[-1]] >= 0:
        chain.append(parents[chain[-1]])
    return chain[::-1]


def collapsed_runs(classes: Classes) -> list[tuple[int, int]]:
    """Stretches [first, last) of at least `MIN_COLLAPSED_UNITS` units on one class: none where all is well.

    Args:
        classes: shape (2 · units,), non-decreasing.
    """
    edges = [0, *(np.flatnonzero(np.diff(classes)) + 1).tolist(), len(classes)]
    units = [((first + 1) // 2, last // 2) for first, last in itertools.pairwise(edges)]
    return [(first, last) for first, last in units if last - first >= MIN_COLLAPSED_UNITS]


def agreement(logits: Rows, classes: Sequence[int] | Classes) -> list[float]:
    """For each marker the probability, in [0, 1], that its time is within 80 ms of the chosen class.

    Args:
        logits: float32, shape (markers, classes).
        classes: the chosen class of each marker.
    """
    near, inside = _neighbours(logits, classes, _SCORED_CLASSES)
    top = logits.max(axis=1, keepdims=True)
    total = np.exp(logits - top, dtype=np.float64).sum(axis=1)
    masses = (np.exp(near - top, dtype=np.float64) * inside).sum(axis=1) / total
    return [min(float(mass), 1.0) for mass in masses]


def refine(logits: Rows, classes: Classes) -> list[float]:
    """Mean time, in s, of the classes up to two away from the chosen one, weighted by probability; in order.

    Args:
        logits: float32, shape (markers, classes).
        classes: the chosen class of each marker, non-decreasing.
    """
    near, inside = _neighbours(logits, classes, _REFINED_CLASSES)
    weights = np.exp(near - near.max(axis=1, keepdims=True), dtype=np.float64) * inside
    offsets = np.arange(-_REFINED_CLASSES, _REFINED_CLASSES + 1)
    means = classes + (weights * offsets).sum(axis=1) / weights.sum(axis=1)
    return [float(mean) * CLASS_S for mean in np.maximum.accumulate(means)]


def _neighbours(logits: Rows, classes: Sequence[int] | Classes, reach: int) -> tuple[Rows, NDArray[np.bool_]]:
    """Logits of the classes up to `reach` away from the chosen ones, and which of them exist."""
    columns = np.asarray(classes)[:, None] + np.arange(-reach, reach + 1)
    inside = (columns >= 0) & (columns < logits.shape[1])
    return np.take_along_axis(logits, columns.clip(0, logits.shape[1] - 1), axis=1), inside
