"""The settings of a WebVTT cue and the place in the picture that they mean, both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crisp_align.formats.document import BOTTOM, Position

__all__ = ["position_of", "settings_of"]

_LINE = re.compile(r"(-?\d{1,4}(?:\.\d{1,6})?)(%?)(?:,(start|center|end))?")
_PLACE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)%(?:,([a-z-]+))?")
_LINES_OF_PICTURE = 15  # of text, in the grid that line numbers count in
_ROWS = {"start": 2, "center": 1, "end": 0}
_COLUMNS = {"start": 0, "left": 0, "line-left": 0, "end": 2, "right": 2, "line-right": 2}


def position_of(settings: str, regions: Mapping[str, tuple[float, float]] | None = None) -> Position:
    """Where cue settings put a cue.

    Args:
        settings: as they stand behind a timing.
        regions: names of regions → their anchors, in percent of the picture.
    """
    if not settings:
        return BOTTOM
    given = dict(part.split(":", 1) for part in settings.split() if ":" in part)
    if given.get("region", "") in (regions or {}):
        down = (regions or {})[given["region"]][1]
        return _tidy(2 if down < 100 / 3 else 0, 1, None, None)
    row, y = _row(given.get("line", ""))
    align = given.get("align", "")
    place = _PLACE.fullmatch(given.get("position", ""))
    side = (place.group(2) if place else None) or align
    column = _COLUMNS.get(side, 1)
    x = float(place.group(1)) if place else None
    return _tidy(row, column, x, y)


def _row(line: str) -> tuple[int, float | None]:
    match = _LINE.fullmatch(line)
    if not match:
        return 0, None
    number, percent, side = float(match.group(1)), match.group(2), match.group(3)
    if percent:
        return _ROWS[side or "start"], number
    if number < 0:
        return 0, None if number >= -3 else max(0.0, 100 + number * 100 / _LINES_OF_PICTURE)
    return 2, None if number < 1 else min(100.0, round(number * 100 / _LINES_OF_PICTURE, 2))


def _tidy(row: int, column: int, x: float | None, y: float | None) -> Position:
    """A position that says nothing that its anchor says already."""
    if x is not None and abs(x - (0.0, 50.0, 100.0)[column]) < 0.005:
        x = None
    if y is not None and row == 1 and abs(y - 50.0) < 0.005:
        y = None
    made = Position(row * 3 + column + 1, x, y)
    return BOTTOM if made == BOTTOM else made


def settings_of(position: Position) -> str:
    """The settings that put a cue there; empty for the place that it has without any."""
    if position == BOTTOM:
        return ""
    column, row = (position.anchor - 1) % 3, (position.anchor - 1) // 3
    parts: list[str] = []
    if position.y is not None:
        parts.append(f"line:{position.y:.6g}%" + ("", ",center", ",end")[2 - row])
    elif row:
        parts.append("line:0" if row == 2 else "line:50%,center")
    if column != 1:
        side = "left" if column == 0 else "right"
        x = position.x if position.x is not None else (0.0, 50.0, 100.0)[column]
        parts += [f"position:{x:.6g}%,line-{side}", f"align:{side}"]
    elif position.x is not None:
        parts.append(f"position:{position.x:.6g}%")
    return " ".join(parts)
