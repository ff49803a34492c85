"""From the clock of a subtitle file to the clock of a recording: one line, or several with jumps between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from crisp_align.text.clock import hms

__all__ = ["Piece", "TimeMap", "frame_rates", "named_rates"]

_FRAME_RATES = {"23.976": 24000 / 1001, "24": 24.0, "25": 25.0, "29.97": 30000 / 1001, "30": 30.0}
_SAMPLE_RATES = {"44.1 kHz": 44.1, "48 kHz": 48.0}
_SAME_OFFSET = 0.0005  # s; what is smaller is not written by any format


def named_rates() -> dict[tuple[str, str], float]:
    """The ratios that a wrong frame rate or a wrong label of the sample rate causes.

    Returns:
        (what the subtitles were timed for, what the recording runs at) → seconds of the recording in a second of the
        subtitles.
    """
    found: dict[tuple[str, str], float] = {}
    for rates in (_FRAME_RATES, _SAMPLE_RATES):
        for before, fast in rates.items():
            for after, slow in rates.items():
                if before != after:
                    found[before, after] = fast / slow
    return found


def frame_rates(rate: float, tolerance: float = 1e-6) -> tuple[str, str] | None:
    """The pair of frame or sample rates whose ratio is `rate`; None if there is none.

    Args:
        rate: seconds of the recording in a second of the subtitles.
        tolerance: how far the ratio may be off.
    """
    best = min(named_rates().items(), key=lambda item: abs(item[1] - rate))
    return best[0] if abs(best[1] - rate) <= tolerance else None


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the subtitles that one line maps: new = rate · old + offset."""

    start: float
    """s in the subtitles' own time, from which the piece holds."""
    offset: float
    """s."""
    rate: float = 1.0
    """Seconds of the recording in a second of the subtitles."""

    def apply(self, time: float) -> float:
        """The time in the recording, s, of a time in the subtitles."""
        return self.rate * time + self.offset


@dataclass(frozen=True, slots=True)
class TimeMap:
    """How subtitles are re-timed: pieces in order of their starts, at least one.

    The first piece holds before its start, too.
    """

    pieces: tuple[Piece, ...]

    def piece_at(self, time: float) -> Piece:
        """The piece that holds at `time`, s in the subtitles' own time."""
        at = bisect_right([piece.start for piece in self.pieces], time + 1e-9) - 1
        return self.pieces[max(at, 0)]

    def apply(self, start: float, end: float) -> tuple[float, float]:
        """The times of a cue in the recording, s, not below 0; both ends move by the piece its start is in."""
        piece = self.piece_at(start)
        return max(piece.apply(start), 0.0), max(piece.apply(end), 0.0)

    def apply_all(self, cues: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """The times of every cue; see `apply`."""
        return [self.apply(start, end) for start, end in cues]

    @property
    def kind(self) -> str:
        """The simplest method that gives this map: shift, linear or pieces."""
        if len(self.pieces) > 1:
            return "pieces"
        return "shift" if self.pieces[0].rate == 1.0 else "linear"

    def describe(self) -> str:
        """What is done to the times, in a few words: "+2.40 s", "25 → 23.976 fps, +0.12 s", "3 pieces: …"."""
        if len(self.pieces) == 1:
            return _speed(self.pieces[0].rate) + _offset(self.pieces[0].offset)
        rate = self.pieces[0].rate
        shown = ", ".join(
            _offset(piece.offset if rate == 1.0 else piece.apply(piece.start) - piece.start)
            + ("" if number == 0 else f" from {hms(int(max(piece.start, 0)))}")
            for number, piece in enumerate(self.pieces)
        )
        return f"{_speed(rate)}{len(self.pieces)} pieces: {shown}"


def _offset(offset: float) -> str:
    return "+0.00 s" if abs(offset) < _SAME_OFFSET else f"{offset:+.2f} s"


def _speed(rate: float) -> str:
    if rate == 1.0:
        return ""
    if names := frame_rates(rate):
        before, after = names
        return f"{before} → {after}, " if "Hz" in before else f"{before} → {after} fps, "
    return f"speed × {rate:.5f}, "
