"""Which time map brings cues onto speech, from their times alone: no speech model, no words, any language.

Cues are compared with reference intervals: the voice activity of a recording, or the cues of another file. Every
window of some twenty cues is correlated with the whole reference; the windows vote for a speed and an offset, or, where
parts were cut out or put in, propose offsets of which the best path over the cues takes as few as explain them. The
starts and ends of cues then say where between the steps of the coarse grid the offset lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from crisp_align.sync.refine import Edges, refine_line
from crisp_align.sync.time_map import Piece, TimeMap, named_rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Floats32: TypeAlias = NDArray[np.float32]

__all__ = ["Interval", "Method", "TimeFit", "fit_times"]

Interval: TypeAlias = tuple[float, float]
"""(start, end), s."""
Method: TypeAlias = Literal["auto", "shift", "linear", "pieces"]

STEP = 0.05  # s of the grid on which cues take their offsets
_COARSE = 0.1  # s of the grid on which windows are correlated
_WINDOW = 24  # cues that vote together
_MAX_WINDOWS = 40
_SLOPES = 25  # steps by which a speed may differ, either way, from the one tried
_SLOPE = 2e-4  # the largest step: ±0.5 % are tried
_DRIFT = 0.7  # s by which two neighbouring speeds may drift apart over all cues
_SWITCH = 6.0  # s of cues on speech that one more piece has to gain
_PEAKS = 6  # offsets that a window proposes
_AROUND = np.arange(-6, 7)  # steps around a proposed offset that are tried, too
_LONGEST_GAP = 2.0  # s of the silence after a cue that counts
_ONSET = 0.5  # s of speech that a cue beginning with speech is worth
_ONSET_WIDTH = 0.15  # s by which it may miss
_SAME = 0.12  # s; pieces whose offsets differ by less are one
_FEW = 0.25  # of agreement, below which cues and speech may not belong together
_AGREED = 0.6  # share of the windows' own peaks that their common line keeps, from which no other speed is tried
_FASTER = 1.05  # by this factor another speed has to explain more than the speed the file has


@dataclass(frozen=True, slots=True)
class TimeFit:
    """A time map, and how far it can be believed."""

    time_map: TimeMap
    agreement: float
    """Correlation of cues and speech after the map, in [-1, 1]; 1: they are the same."""
    residual: float
    """s, median distance of a cue's start from the nearest start of speech within half a second."""

    @property
    def is_doubtful(self) -> bool:
        """Whether cues and speech agree so little that they may not belong together."""
        return self.agreement < _FEW


def fit_times(cues: Sequence[Interval], reference: Sequence[Interval], method: Method = "auto") -> TimeFit:
    """The time map that brings cues onto the reference.

    Args:
        cues: of the subtitles, at least one, in order of their starts.
        reference: speech in the recording, or the cues of a file that is in time; at least one.
        method: what may change: one offset (shift), offset and speed (linear), offsets that jump at cuts (pieces);
            auto: the simplest that explains the cues nearly as well as any.

    Raises:
        ValueError: no cues, or no reference.
    """
    if not cues or not reference:
        raise ValueError("cues and reference must not be empty")
    ours, theirs = _array(cues), _array(reference)
    origin = float(ours[0, 0])  # cues of a tape begin at ten hours, those of a cut may begin before 0
    ours = ours - origin
    sound = _Reference(theirs)
    rates = [1.0] if method == "shift" else _tried_rates()
    rate, offset, slope = _best_line(ours, sound, rates, [0.0] if method == "shift" else _slopes(ours))
    if method in ("shift", "linear"):
        pieces = [refine_line(Piece(0.0, offset, rate * (1 + slope)), ours, Edges.of(theirs), speed=method == "linear")]
    else:
        pieces = _pieces(ours, theirs, sound, Piece(0.0, offset, rate * (1 + slope)))
        pieces = pieces if len(pieces) > 1 else [refine_line(pieces[0], ours, Edges.of(theirs), speed=True)]
    moved = np.array(TimeMap(tuple(pieces)).apply_all([(s, e) for s, e in ours.tolist()]))
    time_map = TimeMap(
        tuple(
            replace(piece, start=piece.start + origin if n else 0.0, offset=piece.offset - piece.rate * origin)
            for n, piece in enumerate(pieces)
        )
    )
    return TimeFit(time_map, sound.agreement(moved), Edges.of(theirs).residual(moved[:, 0]))


def _array(intervals: Sequence[Interval]) -> Floats:
    """Intervals in order of their starts; shape (n, 2)."""
    found = np.array([(start, max(end, start + 1e-3)) for start, end in intervals], np.float64).reshape(-1, 2)
    return found[np.argsort(found[:, 0], kind="stable")]


class _Reference:
    """Reference intervals on a grid, ready to be compared with cues at any offset."""

    def __init__(self, intervals: Floats) -> None:
        self.intervals = intervals
        self.length = float(intervals[:, 1].max())
        self.speech = _grid(intervals, int(self.length / STEP) + 2)
        self.mean = float(self.speech.mean())
        self.speech_sum = np.concatenate([[0.0], np.cumsum(self.speech - self.mean)]) * STEP
        onsets = np.zeros(len(self.speech))
        width = round(_ONSET_WIDTH / STEP)
        for distance in range(-width, width + 1):
            at = np.clip(np.round(intervals[:, 0] / STEP).astype(np.int64) + distance, 0, len(onsets) - 1)
            np.maximum.at(onsets, at, 1 - abs(distance) / (width + 1))
        self.onsets = (onsets - onsets.mean()) * _ONSET

    def correlations(self, cues: Floats, windows: Sequence[slice]) -> tuple[Floats32, int]:
        """How well each window of cues agrees with the reference at every offset, on the coarse grid.

        Returns:
            float32, shape (windows, offsets), each row with the standard deviation 1; and the number of steps that the
            first offset lies below 0.
        """
        speech = _grid(self.intervals, int(self.length / _COARSE) + 2, _COARSE)
        speech -= speech.mean()
        span = int(cues[:, 1].max() / _COARSE) + 2
        size = 1 << (span + len(speech)).bit_length()
        spectrum = np.fft.rfft(speech, size)
        found = np.empty((len(windows), span + len(speech)), np.float32)
        for row, window in enumerate(windows):
            part = _grid(cues[window], span, _COARSE)
            inside = slice(int(cues[window][0, 0] / _COARSE), int(cues[window][:, 1].max() / _COARSE) + 1)
            part[inside] -= part[inside].mean()
            both = np.fft.irfft(spectrum * np.conj(np.fft.rfft(part, size)), size)
            found[row] = np.concatenate([both[-span:], both[: len(speech)]])
        scale = found.std(axis=1, keepdims=True)
        return found / np.maximum(scale, 1e-9), span

    def overlap(self, starts: Floats, ends: Floats) -> Floats:
        """s of speech, less what chance gives, between times; times outside the reference count as silence."""
        low = self.speech_sum[np.clip(np.round(starts / STEP).astype(np.int64), 0, len(self.speech))]
        high = self.speech_sum[np.clip(np.round(ends / STEP).astype(np.int64), 0, len(self.speech))]
        found: Floats = high - low
        return found

    def onset(self, starts: Floats) -> Floats:
        """What it is worth that cues begin at these times."""
        found: Floats = self.onsets[np.clip(np.round(starts / STEP).astype(np.int64), 0, len(self.onsets) - 1)]
        return found

    def agreement(self, cues: Floats) -> float:
        """Correlation of cues and reference in [-1, 1], over the stretch that the cues cover."""
        count = max(len(self.speech), int(cues[:, 1].max() / STEP) + 2)
        ours = _grid(cues, count)
        theirs = np.concatenate([self.speech, np.zeros(count - len(self.speech))])
        inside = slice(int(max(cues[0, 0], 0) / STEP), int(cues[:, 1].max() / STEP) + 1)
        ours, theirs = ours[inside], theirs[inside]
        if ours.std() < 1e-9 or theirs.std() < 1e-9:
            return float(np.mean(ours * theirs) > 0)
        return float(np.corrcoef(ours, theirs)[0, 1])


def _grid(intervals: Floats, count: int, step: float = STEP) -> Floats:
    """1 where an interval is, else 0; shape (count,), a value a step."""
    edges = np.zeros(count + 1)
    at = np.clip(np.round(intervals / step).astype(np.int64), 0, count)
    np.add.at(edges, at[:, 0], 1.0)
    np.add.at(edges, at[:, 1], -1.0)
    return np.minimum(np.cumsum(edges)[:count], 1.0)


def _slopes(cues: Floats) -> list[float]:
    """Speeds to try around each, 0 first, so that it wins where others are no better."""
    step = min(_SLOPE, _DRIFT / max(float(cues[-1, 0] - cues[0, 0]), 1.0))
    return sorted((np.arange(-_SLOPES, _SLOPES + 1) * step).tolist(), key=abs)


def _tried_rates() -> list[float]:
    """Speeds to try, none within 0.4 % of another; the file's own first."""
    found = [1.0]
    for rate in sorted(named_rates().values(), key=lambda rate: abs(rate - 1)):
        if all(abs(rate / other - 1) > 0.004 for other in found):
            found.append(rate)
    return found


def _windows(count: int) -> list[slice]:
    """Windows over `count` cues, each of about `_WINDOW` and not more than `_MAX_WINDOWS` of them."""
    number = min(max(count // _WINDOW, 1), _MAX_WINDOWS)
    bounds = np.linspace(0, count, number + 1).round().astype(int).tolist()
    return [slice(low, high) for low, high in pairwise(bounds) if high > low]


def _best_line(
    cues: Floats, sound: _Reference, rates: Sequence[float], slopes: Sequence[float]
) -> tuple[float, float, float]:
    """(rate, offset, slope) that most of the windows agree to."""
    windows = _windows(len(cues))
    best = (-np.inf, 1.0, 0.0, 0.0)
    for rate in rates:
        scaled = cues * rate
        found, below = sound.correlations(scaled, windows)
        most = float(found.max(axis=1).sum())
        peak, at, slope = _vote(found, np.array([scaled[window].mean() for window in windows]), slopes)
        agreed = peak >= _AGREED * most and len(windows) > 1
        peak *= _FASTER if rate == 1.0 else 1.0
        if peak > best[0]:
            best = (peak, rate, (at - below) * _COARSE, slope)
        if agreed:
            break
    return best[1], best[2], best[3]


def _vote(found: Floats32, centres: Floats, slopes: Sequence[float]) -> tuple[float, int, float]:
    """The (height, offset step, slope) at which the sum over windows is highest; offsets are those at time 0."""
    best = (0.0, 0, 0.0)
    for slope in slopes:
        shifts = np.round(slope * centres / _COARSE).astype(int)
        low, high = max(0, -shifts.min()), found.shape[1] - max(0, shifts.max())
        if high - low < 1:
            continue
        total = np.zeros(high - low, np.float32)
        for row, shift in zip(found, shifts.tolist(), strict=True):
            total += row[low + shift : high + shift]
        at = int(total.argmax())
        if total[at] > best[0] * (1.0 + 1e-6):
            best = (float(total[at]), at + int(low), slope)
    return best


def _pieces(cues: Floats, intervals: Floats, sound: _Reference, line: Piece) -> list[Piece]:
    """The fewest lines of one speed that explain the cues; `line`: the best single one."""
    edges = Edges.of(intervals)
    single = refine_line(line, cues, edges, speed=True)
    candidates = [(single.rate, single), (1.0, Piece(0.0, 0.0, 1.0))]
    candidates += [(rate, Piece(0.0, 0.0, rate)) for rate in _tried_rates()[1:]]
    best: tuple[float, list[Piece]] | None = None
    for number, (rate, known) in enumerate(candidates):
        if number > 1 and best is not None and best[0] > 0.6 * _most(cues):
            break  # the cues are explained; other speeds need not be tried
        scaled = cues * rate
        offsets = _proposed(scaled, sound, known.offset if number == 0 else None)
        score, path = _best_path(scaled, sound, offsets)
        if best is None or score > best[0] + _SWITCH:
            best = (score, _refined(path, cues, rate, edges))
    assert best is not None  # noqa: S101 (there is always a candidate)
    return best[1]


def _most(cues: Floats) -> float:
    """s that cues on speech throughout would score, roughly."""
    return float((cues[:, 1] - cues[:, 0]).sum()) * 0.5


def _proposed(cues: Floats, sound: _Reference, known: float | None) -> Floats:
    """Offsets worth trying, s, in order."""
    steps: set[int] = set() if known is None else set((round(known / STEP) + _AROUND).tolist())
    for size in (1, 2):
        windows = _windows(max(len(cues) // size, 1))
        windows = [slice(w.start * size, min(w.stop * size, len(cues))) for w in windows] if size > 1 else windows
        found, below = sound.correlations(cues, windows)
        for row in found:
            for _ in range(_PEAKS):
                at = int(row.argmax())
                steps.update((round(_COARSE / STEP) * (at - below) + _AROUND).tolist())
                row[max(at - 5, 0) : at + 6] = -np.inf
    return np.array(sorted(steps), np.float64) * STEP


def _best_path(cues: Floats, sound: _Reference, offsets: Floats) -> tuple[float, Floats]:
    """The offsets that the cues take on the best path, and what it scores, s.

    A cue scores by the speech it covers, the silence after it and the speech that begins with it; a change of offset
    costs `_SWITCH` and never moves a cue before the one it follows.
    """
    count = len(cues)
    gaps = np.minimum(np.append(cues[1:, 0] - cues[:-1, 1], 0.0), _LONGEST_GAP)
    back = np.empty((count, len(offsets)), np.int32)
    score = np.zeros(len(offsets))
    same = np.arange(len(offsets))
    for number in range(count):
        start, end = cues[number]
        own = sound.overlap(start + offsets, end + offsets) + sound.onset(start + offsets)
        if number == 0:
            back[0] = same
            score = own
            continue
        gap = gaps[number - 1]
        silence = -sound.overlap(start - gap + offsets, start + offsets) if gap > STEP else np.zeros(len(offsets))
        # The best earlier offset that keeps this cue behind the one before.
        reach = np.searchsorted(offsets, offsets + (start - cues[number - 1, 0]), side="right") - 1
        running = np.maximum.accumulate(score)
        where = np.maximum.accumulate(np.where(score >= running, same, 0))
        jump = running[reach] - _SWITCH
        stay = score + silence
        back[number] = np.where(jump > stay, where[reach], same)
        score = np.maximum(jump, stay) + own
    at = int(score.argmax())
    total = float(score[at])
    chosen = np.empty(count, np.int64)
    for number in range(count - 1, -1, -1):
        chosen[number] = at
        at = int(back[number, at])
    return total, offsets[chosen]


def _refined(path: Floats, cues: Floats, rate: float, edges: Edges) -> list[Piece]:
    """Pieces from the coarse offsets of the cues, exact, and joined where they hardly differ."""
    bounds = [0, *(int(i) + 1 for i in np.flatnonzero(np.diff(path))), len(path)]
    pieces: list[tuple[Piece, int, int]] = []
    for low, high in pairwise(bounds):
        piece = Piece(float(cues[low, 0]), float(path[low]), rate)
        if pieces and abs(piece.offset - pieces[-1][0].offset) < _SAME:
            pieces[-1] = (pieces[-1][0], pieces[-1][1], high)
        else:
            pieces.append((piece, low, high))
    exact = [refine_line(piece, cues[low:high], edges, speed=False) for piece, low, high in pieces]
    joined: list[Piece] = [exact[0]]
    for piece in exact[1:]:
        if abs(piece.offset - joined[-1].offset) >= _SAME:
            joined.append(piece)
    first = replace(joined[0], start=0.0)
    if len(joined) == 1:
        return [refine_line(first, cues, edges, speed=False)]
    return [first, *joined[1:]]
