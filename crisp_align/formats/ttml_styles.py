"""Styles and regions of TTML: what they do to letters, and where in the picture they put them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from crisp_align.formats.document import BOTTOM, PLAIN, Position, TextStyle
from crisp_align.formats.markup import color_of

__all__ = ["SAFE", "Styles", "attributes", "local", "text_style"]

SAFE = (10.0, 50.0, 90.0)
"""Percent of the picture at which text of the nine places begins, has its middle or ends."""

_LENGTH = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)(%|px|c|rw|rh|em)?")
_INHERITED = {"color", "fontWeight", "fontStyle", "textDecoration", "textAlign", "visibility", "direction"}


def local(name: object) -> str:
    """The name of an element or attribute without its namespace."""
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def attributes(element: Element) -> dict[str, str]:
    """The attributes of an element by their local names; empty ones are absent."""
    return {local(key): value for key, value in element.attrib.items() if value.strip()}


@dataclass(slots=True)
class Styles:
    """The styles and regions of a file."""

    styles: dict[str, dict[str, str]] = field(default_factory=dict)
    regions: dict[str, dict[str, str]] = field(default_factory=dict)
    pixels: tuple[float, float] | None = None
    """Width and height of the picture that pixels count in."""
    cells: tuple[float, float] = (32.0, 15.0)

    @staticmethod
    def of(root: Element) -> Styles:
        """Those of a document."""
        made = Styles()
        given = attributes(root)
        sizes = [_LENGTH.fullmatch(part) for part in given.get("extent", "").split()]
        if len(sizes) == 2 and all(size and size.group(2) == "px" and float(size.group(1)) > 0 for size in sizes):
            made.pixels = tuple(float(size.group(1)) for size in sizes if size)  # type: ignore[assignment]
        cells = given.get("cellResolution", "").split()
        if len(cells) == 2 and all(cell.isdecimal() and 0 < int(cell) < 10_000 for cell in cells):
            made.cells = (float(cells[0]), float(cells[1]))
        for element in root.iter():
            kind = local(element.tag)
            if kind == "style" and "id" in (own := attributes(element)):
                made.styles[own["id"]] = own
            elif kind == "region" and "id" in (own := attributes(element)):
                nested: dict[str, str] = {}
                for child in element:
                    if local(child.tag) == "style":
                        nested |= attributes(child)
                made.regions[own["id"]] = {**nested, **own}
        return made

    def resolved(self, own: Mapping[str, str]) -> dict[str, str]:
        """The attributes of an element with those of the styles that it refers to, which its own overrule."""
        found: dict[str, str] = {}
        pending = [(name, 0) for name in reversed(own.get("style", "").split())]
        order: list[str] = []
        while pending and len(order) < 100:
            name, depth = pending.pop()
            order.append(name)
            if depth < 10:
                pending += [(n, depth + 1) for n in reversed(self.styles.get(name, {}).get("style", "").split())]
        for name in reversed(order):
            found |= {key: value for key, value in self.styles.get(name, {}).items() if key not in ("style", "id")}
        return found | dict(own)

    def position(self, region: str, align: str) -> Position:
        """Where text of a region stands.

        Args:
            region: its name; empty or unknown: at the bottom.
            align: textAlign of the text; empty: that of the region.
        """
        own = self.resolved(self.regions.get(region, {}))
        side = align or own.get("textAlign", "center")
        column = {"left": 0, "start": 0, "right": 2, "end": 2}.get(side, 1)
        if region not in self.regions:
            return BOTTOM if column == 1 or not align else Position(column + 1)
        row = {"after": 0, "center": 1}.get(own.get("displayAlign", "before"), 2)
        origin, extent = self._pair(own.get("origin", "")), self._pair(own.get("extent", ""))
        left, top = origin or (0.0, 0.0)
        width, height = extent or (100.0 - left, 100.0 - top)
        x = left + width * column / 2
        y = top + height * (2 - row) / 2
        if "origin" not in own and "extent" not in own:
            return _tidy(Position(row * 3 + column + 1))
        near_x = None if abs(x - SAFE[column]) < 0.05 or (column == 1 and abs(x - 50) < 2) else round(x, 2)
        return _tidy(Position(row * 3 + column + 1, near_x, None if abs(y - SAFE[2 - row]) < 0.05 else round(y, 2)))

    def _pair(self, text: str) -> tuple[float, float] | None:
        parts = [_LENGTH.fullmatch(part) for part in text.split()]
        if len(parts) != 2:
            return None
        values: list[float] = []
        for axis, part in enumerate(parts):
            if part is None:
                return None
            number, unit = float(part.group(1)), part.group(2)
            if unit == "px" and self.pixels:
                number = number * 100 / self.pixels[axis]
            elif unit == "c":
                number = number * 100 / self.cells[axis]
            elif unit not in ("%", "rw", "rh"):
                return None
            values.append(number)
        return values[0], values[1]


def _tidy(position: Position) -> Position:
    return BOTTOM if position == BOTTOM else position


def inherited(above: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """What an element has of style, given what the element around it has."""
    return {key: value for key, value in above.items() if key in _INHERITED} | {
        key: value for key, value in own.items() if key in _INHERITED or key in ("display", "ruby")
    }


def text_style(given: Mapping[str, str], color: str) -> TextStyle:
    """How letters look.

    Args:
        given: attributes of style.
        color: what is said of their colour beyond that of the whole file; empty: nothing.
    """
    decoration = given.get("textDecoration", "").split()
    style = TextStyle(
        given.get("fontWeight", "") == "bold",
        given.get("fontStyle", "") in ("italic", "oblique", "reverseOblique"),
        "underline" in decoration,
        "lineThrough" in decoration,
        color_of(color),
    )
    return PLAIN if style == PLAIN else style
