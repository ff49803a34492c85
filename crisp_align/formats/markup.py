"""Styled text as tags: HTML-like ones and the overrides of SubStation, as SubRip and its relatives use them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from crisp_align.formats.cue_text import BLANKS, blank_edges
from crisp_align.formats.document import PLAIN, Flag, Line, Position, StyledRun, TextStyle, with_flag
from crisp_align.text.display import displayed

__all__ = [
    "COLORS",
    "annotate",
    "coarse_anchor",
    "color_of",
    "escape_entities",
    "parse_tagged",
    "style_steps",
    "tagged",
    "tidy_lines",
    "unescape_entities",
]

COLORS = {
    "aqua": "#00ffff", "black": "#000000", "blue": "#0000ff", "cyan": "#00ffff", "darkblue": "#00008b",
    "darkgreen": "#006400", "darkred": "#8b0000", "fuchsia": "#ff00ff", "gold": "#ffd700", "gray": "#808080",
    "green": "#008000", "grey": "#808080", "lightblue": "#add8e6", "lightgreen": "#90ee90", "lightgrey": "#d3d3d3",
    "lime": "#00ff00", "magenta": "#ff00ff", "maroon": "#800000", "navy": "#000080", "olive": "#808000",
    "orange": "#ffa500", "pink": "#ffc0cb", "purple": "#800080", "red": "#ff0000", "silver": "#c0c0c0",
    "teal": "#008080", "violet": "#ee82ee", "white": "#ffffff", "yellow": "#ffff00",
}  # fmt: skip
"""Names that files give to colours, and what they are."""

_NAMES = {
    *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "font", "span", "br", "p", "div", "c", "v", "lang"),
    *("ruby", "rt", "rb", "rp", "big", "small", "center"),
}
_FLAGS: dict[str, Flag] = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strike", "strike": "strike", "del": "strike",
}  # fmt: skip
_TOKEN = re.compile(r"<(/?)([A-Za-z]+)([\s.=/][^<>]*)?>|\{\\([^{}]*)\}|\n")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8}\d{0,2});")
_COLOR = re.compile(r"color\s*[=:]\s*[\"']?\s*(#?\w+)", re.IGNORECASE)
_HEX = re.compile(r"#?([0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?|[0-9a-fA-F]{3})")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?:,\s*(\d{1,3})\s*)?\)")
_OVERRIDE = re.compile(r"\\(?:(an?)(\d{1,2})|([bius])(\d{1,4})|1?c&H([0-9a-fA-F]{1,8})&?|(1?c)(?![a-z0-9&]))")
_LEGACY_ANCHORS = {1: 1, 2: 2, 3: 3, 5: 7, 6: 8, 7: 9, 9: 4, 10: 5, 11: 6}


def color_of(text: str) -> str:
    """A colour as "#rrggbb" or "#rrggbbaa"; empty where `text` names none."""
    text = text.strip().strip("\"'").lower()
    if text in COLORS:
        return COLORS[text]
    if match := _HEX.fullmatch(text):
        digits = match.group(1)
        digits = "".join(char * 2 for char in digits) if len(digits) == 3 else digits
        return f"#{digits.removesuffix('ff') if len(digits) == 8 else digits}"
    if match := _RGB.fullmatch(text):
        values = [min(255, int(value)) for value in match.groups() if value is not None]
        return "#" + "".join(f"{value:02x}" for value in (values[:3] if values[3:] == [255] else values))
    return ""


def unescape_entities(text: str) -> str:
    """`text` with characters for the entities of HTML in it that are complete."""
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text) if "&" in text else text


def escape_entities(text: str) -> str:
    """`text` with entities for what XML and WebVTT act upon."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass(slots=True)
class _State:
    style: TextStyle = PLAIN
    anchor: int | None = None
    stack: list[tuple[str, TextStyle]] | None = None


def parse_tagged(
    text: str, clean: Callable[[str], str] = unescape_entities, speaker: str | None = None
) -> tuple[tuple[Line, ...], int | None]:
    """Lines of runs, and the anchor that an override names (None: none does).

    Args:
        text: with tags and line breaks.
        clean: what becomes of the text between tags.
        speaker: of all of it.
    """
    if "<" not in text and "{" not in text:
        plain = (displayed(clean(line)) for line in text.split("\n"))
        return tuple((StyledRun(line, PLAIN, speaker),) for line in plain if line), None
    rows: list[list[StyledRun]] = [[]]
    state = _State(stack=[])
    inside = ""  # "rt": text is the reading of the run before; "rp": brackets for programs without ruby
    at = 0
    for match in _TOKEN.finditer(text):
        closing, name, attributes, override = match.group(1), (match.group(2) or "").lower(), match[3], match[4]
        if name and name not in _NAMES:
            continue
        if match.start() > at:
            piece = clean(text[at : match.start()])
            if inside == "rt" and rows[-1]:
                annotate(rows[-1], piece)
            elif piece and not inside:
                rows[-1].append(StyledRun(blank_edges(piece), state.style, speaker))
        at = match.end()
        if name in ("rt", "rp", "ruby"):
            inside = "" if closing or name == "ruby" else name
        elif override is not None:
            _override(state, override)
        elif not name or name == "br" or (name in ("p", "div") and rows[-1]):
            rows.append([])
        else:
            _tag(state, name, bool(closing), attributes or "")
    if piece := clean(text[at:]):
        rows[-1].append(StyledRun(blank_edges(piece), state.style, speaker))
    return tidy_lines(rows), state.anchor


def annotate(row: list[StyledRun], reading: str) -> None:
    """Put a reading above the last run of a row."""
    last = row[-1]
    if shown := displayed(reading):
        row[-1] = replace(last, style=replace(last.style, ruby=last.style.ruby + shown))


def _tag(state: _State, name: str, closing: bool, attributes: str) -> None:
    assert state.stack is not None  # noqa: S101
    if closing:
        for number in reversed(range(len(state.stack))):
            if state.stack[number][0] == name:
                state.style = state.stack[number][1]
                del state.stack[number:]
                return
        return
    if attributes.endswith("/"):
        return
    state.stack.append((name, state.style))
    if name in _FLAGS:
        state.style = with_flag(state.style, _FLAGS[name])
    elif name == "c":
        for part in attributes.strip().split("."):
            if part in COLORS:
                state.style = replace(state.style, color=COLORS[part])
    elif (match := _COLOR.search(attributes)) and (color := color_of(match.group(1))):
        state.style = replace(state.style, color=color)


def _override(state: _State, text: str) -> None:
    for match in _OVERRIDE.finditer("\\" + text):
        kind, number, flag, value, color, reset = match.groups()
        if kind:
            anchor = int(number) if kind == "an" else _LEGACY_ANCHORS.get(int(number), 0)
            if 1 <= anchor <= 9 and state.anchor is None:
                state.anchor = anchor
        elif flag:
            state.style = with_flag(state.style, _FLAGS[flag], value != "0")
        elif color:
            digits = color.zfill(6)[-6:]
            state.style = replace(state.style, color=f"#{digits[4:6]}{digits[2:4]}{digits[0:2]}".lower())
        elif reset:
            state.style = replace(state.style, color="")


def tidy_lines(rows: Iterable[Sequence[StyledRun]]) -> tuple[Line, ...]:
    """Lines without those that show nothing, without blanks at their ends, like runs of a line as one."""
    lines: list[Line] = []
    for row in rows:
        runs: list[StyledRun] = []
        spaced = True  # a blank here adds nothing
        for run in row:
            text = run.text.lstrip(BLANKS) if spaced else run.text
            if not text and run.text:
                continue
            spaced = text.endswith(tuple(BLANKS)) or (spaced and not text)
            last = runs[-1] if runs else None
            if last and last.text and run.start is None and _is_alike(last, run):
                runs[-1] = replace(last, text=last.text + text)
                continue
            runs.append(run if text is run.text else replace(run, text=text))
        for number in reversed(range(len(runs))):
            if runs[number].text:
                runs[number] = replace(runs[number], text=runs[number].text.rstrip(BLANKS))
                if runs[number].text:
                    break
                if runs[number].start is None:
                    del runs[number]
        if any(run.text for run in runs):
            lines.append(tuple(runs))
    return tuple(lines)


def _is_alike(left: StyledRun, right: StyledRun) -> bool:
    return left.style == right.style and left.speaker == right.speaker and not right.style.ruby


Step: TypeAlias = tuple[Literal["open", "close", "text", "break"], str, StyledRun | None]
"""What to write next: an open or close tag for a property of style, a run, or a line break."""

_PROPERTIES = ("color", "bold", "italic", "underline", "strike")


def style_steps(lines: Sequence[Line]) -> Iterator[Step]:
    """The runs of lines, with the tags that open and close their styles: nested well, none opened twice in a row."""
    active: list[tuple[str, object]] = []
    for number, line in enumerate(lines):
        if number:
            wanted = _properties(line[0].style)
            while active and active != wanted[: len(active)]:
                yield "close", active.pop()[0], None
            yield "break", "", None
        for run in line:
            wanted = _properties(run.style)
            while active and active != wanted[: len(active)]:
                yield "close", active.pop()[0], None
            for name, value in wanted[len(active) :]:
                active.append((name, value))
                yield "open", name, run
            yield "text", "", run
    while active:
        yield "close", active.pop()[0], None


def _properties(style: TextStyle) -> list[tuple[str, object]]:
    if style is PLAIN:
        return []
    return [(name, value) for name in _PROPERTIES if (value := getattr(style, name))]


_TAGS = {"bold": "b", "italic": "i", "underline": "u", "strike": "s"}


def tagged(lines: Sequence[Line], escape: Callable[[str], str]) -> str:
    """Lines with the tags that SubRip players know."""
    if any(len(line) > 1 for line in lines):
        lines = tidy_lines(lines)  # two runs of one style could make a tag between them
    parts: list[str] = []
    for kind, name, run in style_steps(lines):
        if kind == "text" and run:
            parts.append(escape(run.text))
        elif kind == "break":
            parts.append("\n")
        elif kind == "close":
            parts.append("</font>" if name == "color" else f"</{_TAGS[name]}>")
        elif run:
            parts.append(f'<font color="{run.style.color[:7]}">' if name == "color" else f"<{_TAGS[name]}>")
    return "".join(parts)


def coarse_anchor(position: Position) -> int:
    """The one of nine places that comes nearest to a position, as the keys of a number pad lie."""
    column, row = (position.anchor - 1) % 3, (position.anchor - 1) // 3
    if position.x is not None and (column, position.x > 20, position.x < 80) in ((0, True, True), (2, True, True)):
        column = 1
    elif position.x is not None and column == 1:
        column = 0 if position.x < 20 else 2 if position.x > 80 else 1
    if position.y is not None:
        row = 2 if position.y < 100 / 3 else 1 if position.y < 60 else 0
    return row * 3 + column + 1
