"""The last hundredths of a second of a time map, from the starts and ends of cues and speech."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np

from crisp_align.sync.time_map import Piece, named_rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

__all__ = ["Edges", "refine_line"]

_NEAR = 0.5  # s around a cue's edge in which its edge of speech is looked for
_BIN = 0.005  # s
_KERNEL = 0.04  # s, standard deviation of the density of the differences
_SHARP = 0.06  # s around the most frequent difference in which exact edges lie
_EXACT_SHARE = 0.4  # of the edges that lie there, from which they are taken for exact
_CLEARLY = 1.5  # times more starts than ends at their most frequent difference: the starts are taken all the same
_SPEED_SPAN = 60.0  # s of cues from which their speed can be judged
_OWN_SPEED = 0.12  # s of drift over all cues that no one sees: the file's own speed is kept
_MIN_EDGES = 8  # cues that a judgement of speed takes


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Where intervals begin and end, s, each in order."""

    starts: Floats
    ends: Floats

    @classmethod
    def of(cls, intervals: Floats) -> Self:
        """The edges of intervals of shape (n, 2)."""
        return cls(np.sort(intervals[:, 0]), np.sort(intervals[:, 1]))

    def residual(self, starts: Floats) -> float:
        """s, the median distance of `starts` from the nearest start here, of those within half a second."""
        distances = np.abs(_differences(starts, self.starts))
        near = distances[distances <= _NEAR]
        return float(np.median(near)) if len(near) else float("inf")


def refine_line(piece: Piece, cues: Floats, edges: Edges, *, speed: bool) -> Piece:
    """The same line, moved by what the edges of cues and speech say.

    Cues that begin with their speech say it best; where the starts scatter (cues that were given a margin, or cover
    several sentences) and the ends do not, the ends do; where both scatter, the middle between the two.

    Args:
        piece: the line, right to half a second.
        cues: shape (n, 2), in the subtitles' own time.
        edges: of the reference.
        speed: whether the speed may change, too; it becomes that of a known pair of rates where it is near one.
    """
    span = float(cues[-1, 0] - cues[0, 0])
    if speed and span >= _SPEED_SPAN and len(cues) >= _MIN_EDGES:
        piece = _exact_speed(piece, cues, edges, span)
    for _ in range(2):
        moved = cues * piece.rate + piece.offset
        piece = replace(piece, offset=piece.offset + _correction(moved, edges))
    return piece


def _differences(ours: Floats, theirs: Floats) -> Floats:
    """The nearest of `theirs` less each of `ours`, s."""
    at = np.searchsorted(theirs, ours)
    low, high = theirs[np.maximum(at - 1, 0)], theirs[np.minimum(at, len(theirs) - 1)]
    found: Floats = np.where(ours - low <= high - ours, low - ours, high - ours)
    return found


def _near(ours: Floats, theirs: Floats) -> Floats:
    """Every difference of one of `theirs` and one of `ours` up to half a second."""
    first, last = np.searchsorted(theirs, ours - _NEAR), np.searchsorted(theirs, ours + _NEAR)
    parts = [theirs[a:b] - time for a, b, time in zip(first, last, ours, strict=True) if b > a]
    return np.concatenate(parts) if parts else np.zeros(0)


def _mode(differences: Floats, count: int) -> tuple[float, float]:
    """The most frequent difference, s, and the share of `count` edges that lie at it."""
    if not len(differences):
        return 0.0, 0.0
    size = round(2 * _NEAR / _BIN) + 1
    bins = np.bincount(np.clip(np.round((differences + _NEAR) / _BIN).astype(int), 0, size - 1), minlength=size)
    taps = np.arange(-24, 25) * _BIN
    density = np.convolve(bins, np.exp(-0.5 * (taps / _KERNEL) ** 2), mode="same")
    # Far differences are less likely, and a lone flank must not win over the middle.
    density *= np.exp(-0.5 * ((np.arange(size) * _BIN - _NEAR) / (2 * _NEAR)) ** 2)
    peak = float(density.argmax()) * _BIN - _NEAR
    inside = differences[np.abs(differences - peak) <= _SHARP]
    return float(np.median(inside)) if len(inside) else peak, min(len(inside) / count, 1.0)


def _correction(moved: Floats, edges: Edges) -> float:
    """s by which cues are to move."""
    start, exact_starts = _mode(_near(moved[:, 0], edges.starts), len(moved))
    end, exact_ends = _mode(_near(moved[:, 1], edges.ends), len(moved))
    if exact_starts >= max(_EXACT_SHARE, 0.7 * exact_ends):
        return start
    if exact_ends >= _EXACT_SHARE:
        return end
    if exact_starts >= _CLEARLY * exact_ends:
        return start
    return (start + end) / 2


def _exact_speed(piece: Piece, cues: Floats, edges: Edges, span: float) -> Piece:
    """The line with its speed fitted to the edges; a known speed where it is as good."""
    fitted = piece
    for width in (0.5, 0.25, 0.12, 0.08):
        moved = cues * fitted.rate + fitted.offset
        differences = _differences(moved[:, 0], edges.starts)
        inside = np.abs(differences - _median(differences[np.abs(differences) <= width])) <= width
        if inside.sum() < _MIN_EDGES:
            break
        slope, level = np.polyfit(cues[inside, 0], differences[inside], 1)
        fitted = replace(fitted, rate=fitted.rate + float(slope), offset=fitted.offset + float(level))
    tolerance = max(_OWN_SPEED / span, 1e-5)
    middle = float(cues[:, 0].mean())
    near = [rate for rate in (1.0, *named_rates().values()) if abs(rate - fitted.rate) <= tolerance]
    if near:
        rate = min(near, key=lambda known: abs(known - fitted.rate))
        return replace(fitted, rate=rate, offset=fitted.apply(middle) - rate * middle)
    return fitted


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else 0.0
