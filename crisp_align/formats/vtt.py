"""WebVTT (.vtt), read as the W3C's parser reads it and written after its recommendation."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import blank_edges, clock, highlight_spans, milliseconds, visible, visible_cues
from crisp_align.formats.document import (
    PLAIN,
    Flag,
    Line,
    Origin,
    StyledRun,
    SubtitleCue,
    SubtitleDocument,
    TextStyle,
    overlaid,
    with_flag,
)
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.format import Entry, WriteOptions
from crisp_align.formats.markup import COLORS, annotate, color_of, escape_entities, style_steps, tidy_lines
from crisp_align.formats.repairs import Repairs
from crisp_align.formats.vtt_settings import position_of, settings_of
from crisp_align.languages import NAMES
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Transcript, Word

__all__ = ["read_vtt", "vtt_entries", "write_vtt", "write_vtt_document"]

_CLOCK = r"(?:(\d{1,9}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?!\d)"
_TIMING = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(.*)")
_LOOSE_CLOCK = r"(?:(\d{1,9}):)?(\d{1,9}):(\d{1,2})[.,](\d{1,3})"
_LOOSE = re.compile(rf"\s*{_LOOSE_CLOCK}\s*-->\s*{_LOOSE_CLOCK}(.*)")
_STAMP = re.compile(rf"<{_CLOCK}>")
_JOINER = "\u2060"
# A lenient reader takes any two such times on a line for a timing; an invisible joiner keeps them apart.
_FULL_CLOCK = re.compile(r"(?<=\d:)(?=\d+[:.]\d+[.,]?\d*)")
_TWO_CLOCKS = re.compile(r"\d\d:\d\d[.,]\d\d.*?\d\d:\d\d[.,]\d\d")
_GUARD = re.compile(rf"(?<=\d:){_JOINER}+(?=\d)")
_TAG = re.compile(r"<[^<>]*>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_TOKENS = re.compile(r"(<[^<>]*>|\n)")
_RULE = re.compile(r"::cue\(\s*\.([\w\\-]+)\s*\)\s*\{([^{}]*)\}")
_FLAGS: dict[str, Flag] = {"b": "bold", "i": "italic", "u": "underline"}
_PROPERTY_TAGS = {"bold": "b", "italic": "i", "underline": "u"}
_CLASS_OF_COLOR = {"#ffffff": "white", "#00ff00": "lime", "#00ffff": "cyan", "#ff0000": "red", "#ffff00": "yellow",
                   "#ff00ff": "magenta", "#0000ff": "blue", "#000000": "black"}  # fmt: skip
"""The colours that every player knows by these classes."""


def write_vtt(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Cues without identifiers; a speaker is a voice; words may carry times or be highlighted one by one."""
    settings = f" {options.cue_settings}" if options.cue_settings else ""
    blocks = ["WEBVTT\n"]
    for cue, _ in visible_cues(cues):
        stretches = highlight_spans(cue) if options.highlight_words else [(cue.start, cue.end, None)]
        for start, end, word in stretches:
            text = _payload(cue, word, options.karaoke != "none" and not options.highlight_words)
            blocks.append(f"{clock(start)} --> {clock(end)}{settings}\n{text}\n")
    return "\n".join(blocks)


def _payload(cue: Cue, spoken: Word | None, timed: bool) -> str:
    lines = [line for cue_line in cue.lines if (line := visible(cue_line))]
    speakers = {word.speaker for line in lines for word, _ in line}
    voice = next(iter(speakers)) if len(speakers) == 1 else None
    said_at = milliseconds(cue.start)
    parts: list[str] = [f"<v {_annotation(voice)}>" if voice else ""]
    for number, line in enumerate(lines):
        parts.append("\n" if number else "")
        last: str | None = None
        for word, text in line:
            core = text.lstrip()
            if not voice and word.speaker != last:
                parts.append(("</v>" if last else "") + (f"<v {_annotation(word.speaker)}>" if word.speaker else ""))
                last = word.speaker
            parts.append(text[: len(text) - len(core)])
            if timed and said_at < milliseconds(word.start) < milliseconds(cue.end):
                said_at = milliseconds(word.start)
                parts.append(f"<{clock(word.start)}>")
            parts.append(f"<u>{escape_entities(core)}</u>" if word is spoken else escape_entities(core))
        parts.append("</v>" if last else "")
    return _guarded("".join(parts))


def _annotation(speaker: str) -> str:
    """A name as a voice tag may hold it."""
    return escape_entities(displayed(speaker)).replace("&lt;", "(").replace("&gt;", ")") or "?"


def _guarded(payload: str) -> str:
    """Lines of a cue in which nothing reads as a timing."""
    if payload.count(":") < 2 or not _TWO_CLOCKS.search(payload):
        return payload
    return "\n".join(
        "".join(part if part.startswith("<") else _FULL_CLOCK.sub(_JOINER, part) for part in _TOKENS.split(line))
        if _TWO_CLOCKS.search(line)
        else line
        for line in payload.split("\n")
    )


def write_vtt_document(document: SubtitleDocument, options: WriteOptions) -> str:
    """Cues as they are, with their identifiers, settings, voices, ruby and word times; untouched ones word for word."""
    same = document.format == "vtt"
    cues = [cue for cue in document.cues if cue.lines]
    header = document.header if same and document.header else "WEBVTT\n"
    classes = _Classes()
    blocks: list[str] = []
    for cue in cues:
        origin = cue.origin if same and cue.is_untouched and not cue.has_moved_words else None
        payload = origin.tail if origin else _styled(cue, classes)
        settings = options.cue_settings or (origin.joint if origin else settings_of(cue.position))
        settings = f" {settings}" if settings else ""
        name = f"{cue.identifier}\n" if same and cue.identifier and "-->" not in cue.identifier else ""
        comment = cue.origin.head if same and cue.origin else ""
        blocks.append(f"{comment}{name}{clock(cue.start)} --> {clock(cue.end)}{settings}\n{payload}\n")
    footer = [document.footer] if same and document.footer else []
    return "\n".join([header, *classes.block(), *blocks, *footer])


@dataclass(slots=True)
class _Classes:
    """The classes that a file of ours needs rules for."""

    rules: dict[str, str] = field(default_factory=dict)

    def of_color(self, color: str) -> str:
        """The class that shows a colour."""
        if color in _CLASS_OF_COLOR:
            return _CLASS_OF_COLOR[color]
        name = f"color{color[1:]}"
        self.rules[name] = f"color: {color}"
        return name

    def struck(self) -> str:
        """The class that strikes letters out."""
        self.rules["strike"] = "text-decoration: line-through"
        return "strike"

    def block(self) -> list[str]:
        """The STYLE block, if there is anything to say."""
        rows = [f"::cue(.{name}) {{ {rule} }}" for name, rule in sorted(self.rules.items())]
        return ["STYLE\n" + "\n".join(rows) + "\n"] if rows else []


def _styled(cue: SubtitleCue, classes: _Classes) -> str:
    voices = [run.speaker for line in cue.lines for run in line if run.text]
    voice = voices[0] if len(set(voices)) == 1 else None
    parts = [f"<v {_annotation(voice)}>" if voice else ""]
    said_at = milliseconds(cue.start)
    for kind, name, run in style_steps(cue.lines):
        if kind == "break":
            parts.append("\n")
        elif kind == "close":
            parts.append(f"</{_PROPERTY_TAGS.get(name, 'c')}>")
        elif kind == "open" and run:
            opened = (
                classes.of_color(run.style.color) if name == "color" else classes.struck() if name == "strike" else ""
            )
            parts.append(f"<c.{opened}>" if opened else f"<{_PROPERTY_TAGS[name]}>")
        elif run:
            if run.start is not None and said_at <= milliseconds(run.start) < milliseconds(cue.end):
                if said_at < milliseconds(run.start):
                    parts.append(f"<{clock(run.start)}>")
                said_at = milliseconds(run.start)
            text = escape_entities(run.text)
            if run.style.ruby:
                text = f"<ruby>{text}<rt>{escape_entities(run.style.ruby)}</rt></ruby>"
            own = run.speaker if not voice else None
            parts.append(f"<v {_annotation(own)}>{text}</v>" if own else text)
    return _guarded("".join(parts))


@dataclass(frozen=True, slots=True)
class _Block:
    """A cue as it stands, and where."""

    entry: Entry
    settings: str
    row: int
    """Index of its first line."""
    following: int
    """Index of the line after its last."""


def vtt_entries(text: str, name: str, repairs: Repairs | None = None) -> list[Entry]:
    """The cues of a file as they stand; notes, styles and regions are passed over.

    Raises:
        TranscriptError: no WEBVTT header, or a timing line that is none, and `repairs` are strict (None: they are).
    """
    repairs = repairs or Repairs(name, strict=True)
    return [block.entry for block in _blocks(_split(text), repairs)]


def _split(text: str) -> list[str]:
    return text.replace("\0", "\ufffd").split("\n")


def _blocks(lines: Sequence[str], repairs: Repairs) -> list[_Block]:
    if not re.match(r"WEBVTT(?:[ \t]|$)", lines[0]):
        if not any("-->" in line for line in lines):
            raise TranscriptError("not WebVTT: line 1 is not WEBVTT", subject=repairs.name)
        repairs.note("missing WEBVTT in line 1", 1, refusal="not WebVTT: line 1 is not WEBVTT")
    loose = not any(_TIMING.fullmatch(line) for line in lines if "-->" in line)
    blocks: list[_Block] = []
    row, first = 0, 0  # the line looked at, and the first of its block
    while row < len(lines):
        if not lines[row].strip():
            row, first = row + 1, row + 1
            continue
        if "-->" not in lines[row]:
            row += 1
            continue
        times = _timing(lines[row], row, repairs, loose)
        last = row + 1
        while last < len(lines) and lines[last] and "-->" not in lines[last]:
            last += 1
        if times:
            named = first == row - 1 and first > 0
            start, end, settings = times
            entry = Entry(lines[first] if named else "", start, end, "\n".join(lines[row + 1 : last]))
            blocks.append(_Block(entry, settings, first if named else row, last))
        row = first = last
    return blocks


def _timing(line: str, row: int, repairs: Repairs, loose: bool) -> tuple[float, float, str] | None:
    refusal, hint = f"line {row + 1} is not a WebVTT timing", "00:00:01.000 --> 00:00:02.000"
    match = _TIMING.fullmatch(line)
    if not match:
        match = _LOOSE.fullmatch(line) if loose else None
        if not match:
            repairs.note("cue left out whose time line cannot be read", row + 1, refusal=refusal, hint=hint)
            return None
        repairs.note("malformed time line", row + 1, refusal=refusal, hint=hint)
    groups = match.groups()
    return _seconds(groups[:4]), _seconds(groups[4:8]), groups[8].strip()


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    if hours is None and len(minutes or "") > 2:  # as vtt.js reads it: hours and minutes
        hours, minutes, seconds = minutes, seconds, "0"
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return round(whole + float(f"0.{fraction or 0}"), 3)


def read_vtt(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Cues in the order of the file, times as they stand; header, notes, styles and regions are kept as text.

    Raises:
        TranscriptError: nothing in it is WebVTT; under `strict`, a part of it is not.
    """
    repairs = Repairs(name, strict)
    lines = _split(text)
    blocks = _blocks(lines, repairs)
    if not blocks and any("-->" in line for line in lines):
        row = next(number for number, line in enumerate(lines) if "-->" in line)
        raise TranscriptError(
            f"line {row + 1} is not a WebVTT timing", subject=name, hint="00:00:01.000 --> 00:00:02.000"
        )
    first = blocks[0].row if blocks else len(lines)
    header = "\n".join(lines[:first]).rstrip("\n") + "\n"
    styles = _css_classes(header)
    regions = _regions(header)
    cues: list[SubtitleCue] = []
    for number, block in enumerate(blocks):
        between = lines[blocks[number - 1].following : block.row] if number else []
        cues.append(_cue(block, _comment(between), styles, regions))
    footer = _comment(lines[blocks[-1].following :]) if blocks else ""
    return SubtitleDocument(
        in_file_order(cues, repairs), name, "vtt", _language(header), header, footer, notices=repairs.notices
    )


def _comment(lines: Sequence[str]) -> str:
    """Notes between two cues, ready to stand before the second; empty where there is nothing else than blank lines."""
    text = "\n".join(lines).strip("\n")
    return f"{text}\n\n" if text.startswith("NOTE") and "-->" not in text else ""


def _language(header: str) -> str | None:
    match = re.search(r"^Language:\s*([A-Za-z]{2,3})\b", header, re.MULTILINE)
    return match.group(1).lower() if match and match.group(1).lower() in NAMES else None


def _css_classes(header: str) -> dict[str, TextStyle]:
    """What the classes of a STYLE block do to letters, as far as a `TextStyle` holds it."""
    styles: dict[str, TextStyle] = {}
    for name, body in _RULE.findall(header) if "::cue(" in header else ():
        pairs = (part.partition(":") for part in body.lower().split(";"))
        rules = {key.strip(): value.strip() for key, _, value in pairs}
        styles[name] = TextStyle(
            bold=rules.get("font-weight", "") in ("bold", "700", "800", "900"),
            italic=rules.get("font-style", "") in ("italic", "oblique"),
            underline="underline" in rules.get("text-decoration", ""),
            strike="line-through" in rules.get("text-decoration", ""),
            color=color_of(rules.get("color", "")),
        )
    return styles


def _regions(header: str) -> dict[str, tuple[float, float]]:
    """Names of regions → where in the picture their anchor lies, in percent."""
    regions: dict[str, tuple[float, float]] = {}
    for block in re.findall(r"^REGION\s*\n((?:.+\n?)*)", header, re.MULTILINE):
        name = re.search(r"\bid:(\S+)", block)
        anchor = re.search(r"\bviewportanchor:([\d.]{1,8})%,([\d.]{1,8})%", block)
        if name and anchor and anchor.group(1).count(".") <= 1 and anchor.group(2).count(".") <= 1:
            regions[name.group(1)] = (float(anchor.group(1)), float(anchor.group(2)))
    return regions


def _cue(
    block: _Block, comment: str, styles: dict[str, TextStyle], regions: dict[str, tuple[float, float]]
) -> SubtitleCue:
    entry = block.entry
    lines = _lines(entry.text, styles)
    position = position_of(block.settings, regions)
    origin: Origin | None = None
    if comment or block.settings or "<" in entry.text:
        safe = entry.text.replace("\n", "").isprintable() and "\n\n" not in entry.text
        if safe and block.settings.isprintable():
            origin = Origin(
                "vtt", comment, block.settings, entry.text, "", "", entry.start, entry.end, lines, position,
                has_effects="vertical:" in block.settings, has_comment=bool(comment),
            )  # fmt: skip
    return SubtitleCue(entry.start, entry.end, lines, position, entry.identifier, origin=origin)


@dataclass(slots=True)
class _State:
    style: TextStyle = PLAIN
    speaker: str | None = None
    start: float | None = None
    inside_rt: bool = False
    stack: list[tuple[str, TextStyle, str | None]] = field(default_factory=list)


def _lines(text: str, styles: dict[str, TextStyle]) -> tuple[Line, ...]:
    if "<" not in text:
        shown = (displayed(_plain(line)) for line in text.split("\n"))
        return tuple((StyledRun(line),) for line in shown if line)
    rows: list[list[StyledRun]] = [[]]
    state = _State()
    for part in _TOKENS.split(text):
        if part == "\n":
            rows.append([])
        elif match := _STAMP.fullmatch(part):
            state.start = _seconds(match.groups())
        elif _TAG.fullmatch(part):
            _tag(state, part, styles)
        elif part:
            plain = _plain(part)
            if state.inside_rt and rows[-1]:
                annotate(rows[-1], plain)
            elif plain:
                text = blank_edges(plain)
                rows[-1].append(StyledRun(text, state.style, state.speaker, state.start if text.strip() else None))
                state.start = None if text.strip() else state.start
    if state.start is not None and rows[-1]:
        rows[-1].append(StyledRun("", state.style, state.speaker, state.start))
    return tidy_lines(rows)


def _plain(text: str) -> str:
    text = html.unescape(text) if "&" in text else text
    return _GUARD.sub("", text) if _JOINER in text else text


def _tag(state: _State, tag: str, styles: dict[str, TextStyle]) -> None:
    body = tag[1:-1].strip()
    if body.startswith("/"):
        _close(state, body[1:].strip())
        return
    head = body.split(maxsplit=1)[0] if body else ""
    name, *classes = head.split(".")
    if name == "rt":
        state.inside_rt = True
    if name not in ("b", "i", "u", "c", "v", "ruby", "rt", "lang"):
        return
    state.stack.append((name, state.style, state.speaker))
    if name in _FLAGS:
        state.style = with_flag(state.style, _FLAGS[name])
    if name == "v" and (match := _VOICE.fullmatch(tag)):
        state.speaker = displayed(html.unescape(match.group(1))) or None
    for label in classes:
        if label in styles:
            state.style = overlaid(state.style, styles[label])
        elif label in COLORS:
            state.style = replace(state.style, color=COLORS[label])


def _close(state: _State, name: str) -> None:
    if name == "rt":
        state.inside_rt = False
    for number in reversed(range(len(state.stack))):
        if state.stack[number][0] == name:
            _, state.style, state.speaker = state.stack[number]
            del state.stack[number:]
            return
