"""Time expressions of TTML: clock times, offsets, frames, ticks and SMPTE time codes; and what files write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from crisp_align.errors import TranscriptError

__all__ = ["Clock", "clock_of"]

_CLOCK = re.compile(r"(\d{1,6}):(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9})|[:;](\d{1,4})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_SHORT = re.compile(r"(?:(\d{1,6}):)?(\d{1,9})(?:[.,](\d{1,9}))?")  # m:ss.fff and bare seconds, as in lyrics of Apple


@dataclass(frozen=True, slots=True)
class Clock:
    """How a file counts time."""

    frame: float = 30.0
    """Frames a second."""
    tick: float = 1.0
    """Ticks a second."""
    counted: float = 0.0
    """Frames that a second of SMPTE time code counts; 0: clock times are times, not codes of frames."""
    drop: str = "nonDrop"
    """How its time code drops frames."""

    def seconds(self, text: str) -> float:
        """s that a time expression stands for.

        Raises:
            ValueError: it is none.
        """
        text = text.strip()
        if match := _CLOCK.fullmatch(text):
            hours, minutes, seconds, fraction, frame = match.groups()
            whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
            return self._counted(whole, int(frame or 0)) + float(f"0.{fraction or 0}")
        if match := _OFFSET.fullmatch(text):
            units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / self.frame, "t": 1 / self.tick}
            return float(match.group(1)) * units[match.group(2)]
        if match := _SHORT.fullmatch(text):
            minutes, seconds, fraction = match.groups()
            return int(minutes or 0) * 60 + int(seconds) + float(f"0.{fraction or 0}")
        raise ValueError(text)

    def _counted(self, seconds: int, frames: int) -> float:
        """s that a clock time of whole seconds and frames stands for."""
        if not self.counted:
            return seconds + frames / self.frame
        minutes = seconds // 60
        skipped = {
            "dropNTSC": 2 * (minutes - minutes // 10),  # codes 00 and 01 of each minute but every tenth
            "dropPAL": 4 * (minutes // 2 - minutes // 20),  # codes 00 to 03 of each second minute but every twentieth
        }
        return (seconds * self.counted + frames - skipped.get(self.drop, 0)) / self.frame


def clock_of(root: Mapping[str, str], name: str) -> Clock:
    """How a file counts time.

    Args:
        root: attributes of its root, by local name.
        name: of the file, for messages.

    Raises:
        TranscriptError: a rate is not a number above 0.
    """
    try:
        frame = float(root.get("frameRate", "30"))
        above, below = (float(n) for n in re.split("[ :]+", root.get("frameRateMultiplier", "1 1").strip()))
        tick = float(root.get("tickRate", "0")) or (frame if "frameRate" in root else 1.0)
        rate = frame * above / below
        counted = frame if root.get("timeBase") == "smpte" else 0.0
    except (ValueError, ZeroDivisionError) as error:
        raise TranscriptError("its frame or tick rate is not a number", subject=name) from error
    if not (0 < rate < 1e9 and 0 < tick < 1e12):
        raise TranscriptError("its frame or tick rate is not a number", subject=name)
    return Clock(rate, tick, counted, root.get("dropMode", "nonDrop"))
