"""SubStation Alpha (.ass, .ssa) as a document: read by its own Format lines, written event for event as it was.

Read by hand: a file is believed field by field, so that a style that is malformed spoils no text, and an event that is
malformed no other event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crisp_align.errors import TranscriptError
from crisp_align.formats.ass import ass_clock, ass_header, escape, hundredths, unescape
from crisp_align.formats.cue_text import blank_edges
from crisp_align.formats.document import (
    BOTTOM,
    PLAIN,
    Flag,
    Origin,
    Position,
    StyledRun,
    SubtitleCue,
    SubtitleDocument,
    TextStyle,
    with_flag,
)
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.format import WriteOptions
from crisp_align.formats.markup import style_steps, tidy_lines
from crisp_align.formats.repairs import Repairs
from crisp_align.text.display import displayed, is_right_to_left

__all__ = ["read_ass", "write_ass_document", "write_ssa_document"]

_SECTION = re.compile(r"\s*\[([^\]]+)\]\s*")
_ROW = re.compile(r"\s*(dialogue|style|format|comment)\s*:\s?(.*)", re.IGNORECASE)
_CLOCK = re.compile(r"\s*([-−]?)(\d{1,9}):(\d{1,3}):(\d{1,3})(?:[.,:](\d{1,6}))?\s*")
_EVENT_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_PIECES = re.compile(r"(\{(?!\\?\})[^{}]*(?<!\\)\}|\\N|\\n)")
_OVERRIDE = re.compile(
    r"\\(?:(an?)(\d{1,2})|(pos|move)\(\s*(-?[\d.]{1,12})\s*,\s*(-?[\d.]{1,12})[^)]*\)?|([bius])(\d{1,4})"
    r"|1?c&?[Hh]?([0-9a-fA-F]{1,8})&?|p(\d{1,2})|[kK][fot]?(\d{1,7})|(r)(?![a-z])|(1?c)(?![a-z0-9&]))"
)
_COMMENT = re.compile(r"^\s*Comment:", re.MULTILINE)
_SYLLABLE = re.compile(r"(\\[kK][fot]?)(\d{1,7})")
_LEGACY_ANCHORS = {1: 1, 2: 2, 3: 3, 5: 7, 6: 8, 7: 9, 9: 4, 10: 5, 11: 6}
_FLAGS: dict[str, Flag] = {"b": "bold", "i": "italic", "u": "underline", "s": "strike"}
_MARGIN = 5.0
"""Percent of the picture at its edges that our own style leaves free."""


@dataclass(frozen=True, slots=True)
class _Style:
    """What a style of a file does to an event."""

    text: TextStyle = PLAIN
    anchor: int = 2


@dataclass(slots=True)
class _File:
    """What was found so far."""

    width: float = 384.0
    height: float = 288.0
    is_legacy: bool = False
    style_fields: list[str] = field(default_factory=list)
    event_fields: list[str] = field(default_factory=lambda: list(_EVENT_FIELDS))
    styles: dict[str, _Style] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Event:
    fields: Mapping[str, str]
    start: float
    end: float
    head: str
    joint: str
    tail: str


def read_ass(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Dialogue lines in the order of the file, with what their styles and overrides say; drawings are left out.

    Raises:
        TranscriptError: nothing in it is SubStation Alpha; under `strict`, an event of it is not.
    """
    repairs = Repairs(name, strict)
    file = _File()
    events, footer = _events(text, file, repairs)
    if not events and not re.search(r"^\s*\[(?:Events|Script Info)\]", text, re.IGNORECASE | re.MULTILINE):
        raise TranscriptError("not SubStation Alpha: no dialogue in it", subject=name)
    used = [event.fields.get("style", "").lstrip("*").lower() for event in events]
    main = max(set(used), key=used.count, default="")
    common = file.styles.get(main, _Style()).text
    form = "ssa" if file.is_legacy else "ass"
    cues: list[SubtitleCue] = []
    header = events[0].head.rpartition("\n")[0] + "\n" if events and "\n" in events[0].head else ""
    for number, event in enumerate(events):
        if number == 0:
            event = replace(event, head=event.head.removeprefix(header))
        cues.append(_cue(event, file, common, form))
    return SubtitleDocument(in_file_order(cues, repairs), name, form, None, header, footer, notices=repairs.notices)


def _events(text: str, file: _File, repairs: Repairs) -> tuple[list[_Event], str]:
    """The events, and what follows the last one."""
    section = ""
    events: list[_Event] = []
    pending: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if match := _SECTION.fullmatch(line):
            section = match.group(1).strip().lower()
            file.is_legacy = file.is_legacy or section == "v4 styles"
        elif match := _ROW.match(line):
            kind, body = match.group(1).lower(), match.group(2)
            if kind == "format":
                fields = [part.strip().lower() for part in body.split(",")]
                if "styles" in section:
                    file.style_fields = fields
                elif "text" in fields:
                    file.event_fields = fields
            elif kind == "style" and "styles" in section:
                _read_style(body, file)
            elif kind == "dialogue" and (event := _event(line, match.start(2), file, number, repairs, pending)):
                events.append(event)
                pending = []
                continue
        elif section == "script info":
            _read_info(line, file)
        pending.append(line)
    return events, "".join(pending)


def _read_info(line: str, file: _File) -> None:
    key, _, value = line.partition(":")
    key = key.strip().lower()
    if key in ("playresx", "playresy") and value.strip().isdecimal() and 0 < int(value.strip()[:6]) < 100_000:
        if key == "playresx":
            file.width = float(value)
        else:
            file.height = float(value)
    elif key == "scripttype" and value.strip().lower() == "v4.00":
        file.is_legacy = True


def _read_style(body: str, file: _File) -> None:
    values = dict(zip(file.style_fields, (part.strip() for part in body.split(",")), strict=False))
    bold, italic, underline, strike = (
        values.get(key, "0") not in ("0", "") for key in ("bold", "italic", "underline", "strikeout")
    )
    color = _color(values.get("primarycolour", ""))
    raw = values.get("alignment", "2")
    anchor = int(raw) if raw.isdecimal() and len(raw) < 3 else 2
    anchor = _LEGACY_ANCHORS.get(anchor, 2) if file.is_legacy else anchor if 1 <= anchor <= 9 else 2
    name = values.get("name", "").lstrip("*").lower()
    file.styles.setdefault(name, _Style(TextStyle(bold, italic, underline, strike, color), anchor))


def _color(text: str) -> str:
    text = text.strip().strip("&").lstrip("Hh")
    if re.fullmatch(r"[0-9a-fA-F]{1,8}", text) is None:
        return ""
    digits = text.zfill(6)[-6:].lower()
    return f"#{digits[4:6]}{digits[2:4]}{digits[0:2]}"


def _event(line: str, at: int, file: _File, number: int, repairs: Repairs, pending: Sequence[str]) -> _Event | None:
    body = line[at:].rstrip("\r\n")
    names = file.event_fields
    parts = body.split(",", len(names) - 1)
    values = dict(zip(names, parts, strict=False))
    start, end = _seconds(values.get("start", "")), _seconds(values.get("end", ""))
    if start is None or end is None or len(parts) < len(names):
        repairs.note("event left out that cannot be read", number, refusal=f"line {number} is not an event")
        return None
    if start < 0 or end < 0:
        repairs.note("time before 0 s set to 0 s", number)
        start, end = max(start, 0.0), max(end, 0.0)
    head, joint, tail = "".join(pending) + line, "", ""
    first, last = names.index("start"), names.index("end")
    if first < last:
        before, between = parts[:first], parts[first + 1 : last]
        head = "".join(pending) + line[:at] + "".join(f"{part}," for part in before)
        joint = "," + "".join(f"{part}," for part in between)
        tail = "".join(f",{part}" for part in parts[last + 1 :]) + line[at + len(body) :]
    return _Event(values, start, end, head, joint, tail)


def _seconds(text: str) -> float | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    sign, hours, minutes, seconds, fraction = match.groups()
    whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    value = round(whole + float(f"0.{fraction or 0}"), 3)
    return -value - 0.001 if sign else value


@dataclass(slots=True)
class _State:
    """What overrides have said so far in one event."""

    style: TextStyle
    base: TextStyle
    position: Position
    start: float | None = None
    now: int = 0
    step: int = 0
    drawing: bool = False
    anchored: bool = False


def _cue(event: _Event, file: _File, common: TextStyle, form: str) -> SubtitleCue:
    style = file.styles.get(event.fields.get("style", "").lstrip("*").lower(), _Style())
    base = replace(style.text, bold=style.text.bold and not common.bold)
    base = replace(base, color="" if style.text.color == common.color else base.color)
    base = PLAIN if base == PLAIN else base
    speaker = displayed(event.fields.get("name", event.fields.get("actor", ""))) or None
    state = _State(base, base, BOTTOM if style.anchor == 2 else Position(style.anchor), now=round(event.start * 1000))
    rows = _rows(event.fields.get("text", ""), state, speaker, file)
    lines = tidy_lines(rows)
    origin = None
    if event.joint:
        origin = Origin(
            form, event.head, event.joint, event.tail, event.fields["start"], event.fields["end"],
            event.start, event.end, lines, state.position,
            has_effects=_has_effects(event), has_comment=bool(_COMMENT.search(event.head)),
        )  # fmt: skip
    return SubtitleCue(
        event.start, event.end, lines, state.position, style=event.fields.get("style", ""), origin=origin
    )


def _has_effects(event: _Event) -> bool:
    """Whether an event does more than a `StyledRun` and a `Position` can say."""
    if event.fields.get("effect", "").strip():
        return True
    text = event.fields.get("text", "")
    if "{" not in text:
        return False
    overrides = "".join(part for part in _PIECES.split(text) if part.startswith("{"))
    return "\\" in _OVERRIDE.sub("", overrides) or r"\move" in overrides


def _rows(text: str, state: _State, speaker: str | None, file: _File) -> list[list[StyledRun]]:
    rows: list[list[StyledRun]] = [[]]
    for part in _PIECES.split(text.replace(r"\h", " ")):
        if part in (r"\N", r"\n"):
            rows.append([])
        elif part.startswith("{") and part.endswith("}"):
            for pause in _override(state, part, file):
                rows[-1].append(StyledRun("", PLAIN, None, pause))
        elif part and not state.drawing:
            shown = blank_edges(unescape(part)) if unescape(part) else ""
            if shown:
                core = shown.strip()
                rows[-1].append(StyledRun(shown, state.style, speaker, state.start if core else None))
                state.start = None if core else state.start
    if state.start is not None:
        rows[-1].append(StyledRun("", PLAIN, None, state.start))
    return rows


def _override(state: _State, text: str, file: _File) -> Iterator[float]:
    """Apply overrides; yields the start of each syllable that shows nothing."""
    for match in _OVERRIDE.finditer(text):
        kind, anchor, place, x, y, flag, value, color, drawing, length, reset, plain = match.groups()
        if kind and not state.anchored:
            number = int(anchor) if kind == "an" else _LEGACY_ANCHORS.get(int(anchor), 0)
            if 1 <= number <= 9:
                state.anchored = True
                state.position = replace(state.position, anchor=number)
        elif place and state.position.x is None:
            state.position = _placed(state.position, x, y, file)
        elif flag:
            state.style = with_flag(state.style, _FLAGS[flag], value != "0")
        elif color:
            state.style = replace(state.style, color=_color(color))
        elif plain:
            state.style = replace(state.style, color=state.base.color)
        elif reset:
            state.style = state.base
        elif drawing:
            state.drawing = int(drawing) > 0
        elif length:
            if state.start is not None:
                yield state.start
            state.now += state.step
            state.start, state.step = state.now / 1000, int(length) * 10


def _placed(position: Position, x: str, y: str, file: _File) -> Position:
    try:
        across, down = float(x) / file.width * 100, float(y) / file.height * 100
    except ValueError:
        return position
    return replace(position, x=round(across, 2), y=round(down, 2))


def write_ass_document(document: SubtitleDocument, options: WriteOptions) -> str:
    """Events with their styles; those of a file in the same format word for word, but for their times."""
    return _write(document, options, "ass")


def write_ssa_document(document: SubtitleDocument, options: WriteOptions) -> str:
    """As `write_ass_document`, in the older form."""
    return _write(document, options, "ssa")


def _write(document: SubtitleDocument, options: WriteOptions, form: str) -> str:
    same = document.format == form and "[" in document.header
    cues = [cue for cue in document.cues if cue.lines or (same and cue.origin)]
    if same:
        fields = _fields_of(document.header)
        rows = [_kept_event(cue) or _event_row(cue, fields, options) + "\n" for cue in cues]
        return document.header + "".join(rows) + document.footer
    right_to_left = any(is_right_to_left(line) for cue in cues for line in cue.text.split("\n"))
    header = ass_header(options, form, right_to_left=right_to_left)
    fields = _fields_of(header)
    plain = [replace(cue, style="") for cue in cues]
    return header + "".join(_event_row(cue, fields, options) + "\n" for cue in plain)


def _kept_event(cue: SubtitleCue) -> str | None:
    origin = cue.origin
    if origin is None or not cue.is_untouched:
        return None
    start = origin.start_text if cue.start == origin.start else ass_clock(cue.start)
    end = origin.end_text if cue.end == origin.end else ass_clock(cue.end)
    return f"{origin.head}{start}{origin.joint}{end}{_stretched(cue, origin)}"


def _stretched(cue: SubtitleCue, origin: Origin) -> str:
    """The text of an event whose syllables take up as much of it as they did."""
    before, now = origin.end - origin.start, cue.end - cue.start
    if not cue.has_moved_words or before <= 0 or abs(now - before) < 0.0005:
        return origin.tail
    return _SYLLABLE.sub(lambda match: f"{match.group(1)}{round(int(match.group(2)) * now / before)}", origin.tail)


def _fields_of(header: str) -> list[str]:
    found = re.findall(r"^\s*Format\s*:(.*)$", header, re.IGNORECASE | re.MULTILINE)
    named = [[part.strip().lower() for part in row.split(",")] for row in found]
    return next((row for row in reversed(named) if "text" in row), list(_EVENT_FIELDS))


def _event_row(cue: SubtitleCue, fields: Sequence[str], options: WriteOptions) -> str:
    values = {
        "layer": "0",
        "marked": "Marked=0",
        "marginl": "0",
        "marginr": "0",
        "marginv": "0",
        "effect": "",
        "start": ass_clock(cue.start),
        "end": ass_clock(max(cue.end, cue.start + 0.01)),
        "style": cue.style or "Default",
        "name": cue.speakers[0].replace(",", ";") if len(cue.speakers) == 1 else "",
        "text": _text(cue, options),
    }
    return "Dialogue: " + ",".join(values.get(name, "") for name in fields)


def _text(cue: SubtitleCue, options: WriteOptions) -> str:
    parts = [_placing(cue.position, options)]
    lengths = _syllables(cue, r"\kf" if options.karaoke == "fill" else r"\k")
    at = 0
    for kind, name, run in style_steps(cue.lines):
        if kind == "break":
            parts.append(r"\N")
        elif kind == "text" and run:
            parts += [lengths[at], escape(run.text)]
            at += 1
        else:
            parts.append(_tag(name, run.style.color if run and kind == "open" else "", opened=kind == "open"))
    return "".join(parts)


def _tag(name: str, color: str, *, opened: bool) -> str:
    if name == "color":
        return f"{{\\c&H{color[5:7]}{color[3:5]}{color[1:3]}&}}".upper().replace("\\C", "\\c") if opened else r"{\c}"
    letter = next(letter for letter, long in _FLAGS.items() if long == name)
    return f"{{\\{letter}{int(opened)}}}"


def _placing(position: Position, options: WriteOptions) -> str:
    if position == BOTTOM:
        return ""
    anchor = f"\\an{position.anchor}" if position.anchor != 2 else ""
    if position.x is None and position.y is None:
        return f"{{{anchor}}}"
    column, row = (position.anchor - 1) % 3, (position.anchor - 1) // 3
    x = position.x if position.x is not None else (_MARGIN, 50.0, 100 - _MARGIN)[column]
    y = position.y if position.y is not None else (100 - _MARGIN, 50.0, _MARGIN)[row]
    return f"{{{anchor}\\pos({options.width * x / 100:.6g},{options.height * y / 100:.6g})}}"


def _syllables(cue: SubtitleCue, tag: str) -> list[str]:
    """The karaoke tag before each run; empty strings where no run has a time."""
    runs = [run for line in cue.lines for run in line]
    if all(run.start is None for run in runs):
        return [""] * len(runs)
    now, end = hundredths(cue.start), hundredths(cue.end)
    starts = [None if run.start is None else min(max(hundredths(run.start), now), end) for run in runs]
    known = [time for time in starts if time is not None]
    tags: list[str] = []
    for number, time in enumerate(starts):
        if time is None:
            tags.append("" if number else f"{{{tag}{(known[0] - now) // 10}}}")
            continue
        pause = f"{{{tag}{(time - now) // 10}}}" if number == 0 and time > now else ""
        following = next((later for later in starts[number + 1 :] if later is not None), end)
        tags.append(f"{pause}{{{tag}{max(0, following - time) // 10}}}")
    return tags
