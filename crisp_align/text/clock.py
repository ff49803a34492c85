"""Times as people and files write them: hours, minutes, seconds."""

from __future__ import annotations

__all__ = ["hms", "time_code"]


def hms(seconds: int, *, hours: bool = False) -> str:
    """Write whole seconds as 12:34 or 1:02:03; with `hours` always as 0:12:34."""
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour or hours else f"{minute}:{second:02d}"


def time_code(milliseconds: int, mark: str = ".", *, hour_digits: int = 2) -> str:
    """Write milliseconds as 01:02:03.456; hours take `hour_digits` or more, `mark` stands before the milliseconds."""
    whole, ms = divmod(milliseconds, 1000)
    return f"{hms(whole, hours=True).zfill(6 + hour_digits)}{mark}{ms:03d}"
