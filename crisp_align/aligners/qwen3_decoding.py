"""From the class posteriors of Qwen3-ForcedAligner to times: two markers a unit, 80 ms a class."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Classes: TypeAlias = NDArray[np.int64]
    Rows: TypeAlias = NDArray[np.float32]

__all__ = ["best_path", "crowded", "repair"]

CROWD = 4
"""Units that begin and end on one class are a collapse from this many on: nobody says four words in 80 ms."""


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
    """Dynamic programming over markers × classes, O(markers · classes)."""
    total = scores - scores.max(axis=1, keepdims=True)  # small numbers add up without rounding
    reach = np.empty_like(total[0])
    for i in range(1, len(total)):
        np.maximum.accumulate(total[i - 1], out=reach)
        total[i] += reach
    path = np.empty(len(total), np.int64)
    limit = total.shape[1]
    for i in range(len(total) - 1, -1, -1):
        path[i] = total[i, :limit].argmax()
        limit = path[i] + 1
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
    raw = classes.astype(np.float64) * step
    kept = _longest_rise(raw)
    times: list[float] = raw.tolist()
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


def _longest_rise(values: NDArray[np.float64]) -> list[int]:
    """Indices of a longest non-decreasing subsequence; among several, the one that upstream's loops come upon first."""
    length = np.ones(len(values), np.int64)
    parent = np.full(len(values), -1)
    for i in range(1, len(values)):
        before = np.where(values[:i] <= values[i], length[:i], 0)
        best = int(before.argmax())
        if before[best]:
            length[i] = before[best] + 1
            parent[i] = best
    chain = [int(length.argmax())]
    while parent[chain[-1]] >= 0:
        chain.append(int(parent[chain[-1]]))
    return chain[::-1]


def crowded(classes: Classes) -> int:
    """How many units lie in runs of `CROWD` or more that begin and end on one class: 0 where nothing has collapsed.

    Args:
        classes: shape (2 · units,), non-decreasing.
    """
    edges = np.flatnonzero(np.diff(classes)) + 1
    runs = np.diff(np.concatenate(([0], edges, [len(classes)])))
    units = runs // 2
    return int(units[units >= CROWD].sum())
