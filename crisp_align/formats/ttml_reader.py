"""TTML in all its forms (DFXP, IMSC, EBU-TT, SMPTE-TT, Apple's lyrics), by local names: any namespace, and none.

Paragraphs, spans and line breaks are read, in any of the clock, frame, tick and offset forms of time, with what styles
and regions say of letters and places. The times of spans become those of words.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import blank_edges
from crisp_align.formats.document import PLAIN, StyledRun, SubtitleCue, SubtitleDocument, TextStyle
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.markup import annotate, color_of, tidy_lines
from crisp_align.formats.repairs import Repairs
from crisp_align.formats.ttml_styles import Styles, attributes, inherited, local, text_style
from crisp_align.formats.ttml_times import Clock, clock_of
from crisp_align.languages import NAMES
from crisp_align.text.display import displayed

__all__ = ["read_ttml"]

_DECLARATION = re.compile(r"(<\?xml[^>]*?)\s+encoding\s*=\s*[\"'][^\"']*[\"']")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)(?:([A-Za-z]\w{1,30});)?")
_TAGS = {"i": ("fontStyle", "italic"), "em": ("fontStyle", "italic"), "b": ("fontWeight", "bold"),
         "strong": ("fontWeight", "bold"), "u": ("textDecoration", "underline")}  # fmt: skip
_SILENT = {"metadata", "set", "title", "desc", "copyright", "agent", "name", "image"}
_GUESSED_LENGTH = 3.0
"""s that a paragraph lasts whose end nobody says, where nothing follows it."""

_Interval: TypeAlias = tuple[float, float | None]
"""From when to when something is shown, s; None: nobody says."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of text, or a line break, and when its span says that it is shown."""

    text: str
    said: _Interval | None
    style: TextStyle = PLAIN
    speaker: str | None = None
    is_reading: bool = False
    """Whether it stands above the piece before, as ruby."""


@dataclass(slots=True)
class _Reading:
    """One pass through a file."""

    clock: Clock
    styles: Styles
    agents: dict[str, str]
    repairs: Repairs
    absolute: bool = False
    """Whether times of nested elements count from the start of the file, not from their parent's."""
    outside_parent: int = 0
    """How many elements begin after their parent ended."""
    open_ended: set[int] = field(default_factory=set)
    """Indices of cues whose ends nobody says."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What an element has from those around it."""

    within: _Interval
    style: Mapping[str, str]
    color: str = ""
    """What a paragraph or span says of colour, beyond the body."""
    base: str = ""
    """Colour of the body."""
    region: str = ""
    speaker: str | None = None
    anchored: float = 0.0
    """Where the times of children count from."""


def read_ttml(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Paragraphs that show something, in the order of the file.

    Raises:
        TranscriptError: it is not XML or not TTML, declares entities, or holds pictures only; under `strict`, a time in
            it is none.
    """
    repairs = Repairs(name, strict)
    root = _root(text, repairs)
    given = attributes(root)
    agents: dict[str, str] = {}
    for element in root.iter():
        if local(element.tag) == "agent" and "id" in (own := attributes(element)):
            agents[own["id"]] = displayed("".join(element.itertext()))
    clock, styles = clock_of(given, name), Styles.of(root)
    body = next((child for child in root if local(child.tag) == "body"), None)
    reading = _Reading(clock, styles, agents, repairs, absolute="timing" in given)
    cues = _cues_of(body, reading) if body is not None else []
    if reading.outside_parent:
        other = _Reading(clock, styles, agents, Repairs(name), absolute=True)
        again = _cues_of(body, other) if body is not None else []
        if not other.outside_parent:
            cues, reading = again, other
    if not cues:
        _refuse_wordless(root, name)
    language = given.get("lang", "").partition("-")[0].lower()
    return SubtitleDocument(
        in_file_order(cues, repairs), name, "ttml", language if language in NAMES else None, notices=repairs.notices
    )


def _refuse_wordless(root: Element, name: str) -> None:
    """Stop where a file shows something and none of it can be read.

    Raises:
        TranscriptError: it does.
    """
    for element in root.iter():
        kind = local(element.tag)
        if kind == "p" and displayed("".join(element.itertext())):
            raise TranscriptError("no paragraph in it has a time", subject=name)
    for element in root.iter():
        if local(element.tag) == "image" or "backgroundImage" in attributes(element):
            raise TranscriptError(
                "holds pictures, no text",
                subject=name,
                hint="only a program that reads pictures (OCR) finds words in it",
            )


def _root(text: str, repairs: Repairs) -> Element:
    name = repairs.name
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text):
        raise TranscriptError("not TTML: declares a document type, which none needs", subject=name)
    text = _DECLARATION.sub(r"\1", text.lstrip(), count=1)
    try:
        root = _parsed(text)
    except ElementTree.ParseError as error:
        mended = _ENTITY.sub(_entity, _FORBIDDEN.sub("", text))
        try:
            root = _parsed(mended)
        except ElementTree.ParseError:
            raise TranscriptError(f"line {error.position[0]}: not XML", subject=name) from error
        repairs.note("characters that XML forbids", error.position[0], refusal=f"line {error.position[0]}: not XML")
    except (ValueError, RecursionError, LookupError) as error:
        raise TranscriptError("not XML", subject=name) from error
    if local(root.tag) != "tt":
        raise TranscriptError("not TTML: its root is not tt", subject=name)
    return root


def _parsed(text: str) -> Element:
    return ElementTree.fromstring(text.encode("utf-8", "replace"))  # noqa: S314 (no entities are declared: see above)


def _entity(match: re.Match[str]) -> str:
    """A character that HTML has a name for; else an ampersand."""
    shown = html.unescape(match.group()) if match.group(1) else match.group()
    return shown if shown != match.group() else f"&amp;{match.group()[1:]}"


def _cues_of(body: Element, reading: _Reading) -> list[SubtitleCue]:
    """Cues in the order of the file, those without an end lasting until the next."""
    try:
        cues = list(_walk(body, reading))
    except RecursionError as error:
        raise TranscriptError("not TTML: nested too deeply", subject=reading.repairs.name) from error
    for number in sorted(reading.open_ended):
        cue = cues[number]
        later = (other.start for other in cues[number + 1 :] if other.start > cue.start)
        end = min(next(later, cue.start + _GUESSED_LENGTH), cue.end if cue.end > cue.start else float("inf"))
        cues[number] = replace(cue, end=end)
    return cues


def _walk(body: Element, reading: _Reading) -> Iterator[SubtitleCue]:
    pending: list[tuple[Element, _Context]] = [(body, _Context((0.0, None), {}))]
    count = 0
    while pending:
        element, around = pending.pop()
        context, given = _entered(element, around, reading)
        if context is None:
            continue
        kind = local(element.tag)
        if kind == "p":
            made = _paragraph(element, context, given, reading)
            if made:
                if made[1]:
                    reading.open_ended.add(count)
                count += 1
                yield made[0]
        elif kind not in _SILENT:
            pending += reversed(list(_children(element, context, given, reading)))


def _children(
    element: Element, context: _Context, given: Mapping[str, str], reading: _Reading
) -> Iterator[tuple[Element, _Context]]:
    """The children of an element, each with what surrounds it; in a sequence one begins where the other ended."""
    if given.get("timeContainer") != "seq":
        yield from ((child, context) for child in element)
        return
    now = context.within[0]
    for child in element:
        around = replace(context, anchored=now)
        _, until = _interval(attributes(child), around, reading)
        yield child, around
        now = until if until is not None else now


def _entered(element: Element, around: _Context, reading: _Reading) -> tuple[_Context | None, dict[str, str]]:
    """The context inside an element, and its attributes; None: it is never shown."""
    own = attributes(element)
    given = reading.styles.resolved(own)
    kind = local(element.tag)
    if kind in _TAGS:
        key, value = _TAGS[kind]
        given[key] = value
    style = inherited(around.style, given)
    if given.get("display") == "none" or style.get("visibility") == "hidden":
        return None, given
    within = _interval(own, around, reading)
    region = own.get("region", around.region)
    if region != around.region:
        within = _seen_in_region(region, within, reading)
    inline = kind == "p" or kind not in ("body", "div")
    base, color = around.base, around.color
    if "color" in given:
        if not inline:
            base = given["color"]
        elif "color" in own and kind == "span":
            color = given["color"]
        else:
            same = color_of(given["color"]) in (color_of(base), "#ffffff")
            color = "" if same else given["color"]
    speaker = around.speaker
    if "agent" in own:
        speaker = reading.agents.get(own["agent"].split()[0]) or None
    return _Context(within, style, color, base, region, speaker, anchored=within[0]), given


def _seen_in_region(region: str, within: _Interval, reading: _Reading) -> _Interval:
    given = reading.styles.regions.get(region, {})
    if not {"begin", "end", "dur"} & given.keys():
        return within
    begin, end = _interval(given, _Context((0.0, None), {}), reading)
    ends = [time for time in (end, within[1]) if time is not None]
    return max(begin, within[0]), min(ends) if ends else None


def _interval(own: Mapping[str, str], around: _Context, reading: _Reading) -> _Interval:
    """When an element is shown that lies in one shown `around.within`."""
    offset = 0.0 if reading.absolute else around.anchored
    begin = _time(own.get("begin"), reading)
    end, length = _time(own.get("end"), reading), _time(own.get("dur"), reading)
    start = around.anchored if begin is None else offset + begin
    parent_end = around.within[1]
    if begin is not None and parent_end is not None and start >= parent_end:
        reading.outside_parent += 1
    ends = [time for time in (parent_end, None if end is None else offset + end) if time is not None]
    if length is not None:
        ends.append(start + length)
    return start, min(ends) if ends else None


def _time(text: str | None, reading: _Reading) -> float | None:
    if text is None or text.strip() == "indefinite":
        return None
    try:
        return reading.clock.seconds(text)
    except ValueError:
        reading.repairs.note("time left out that is none", refusal=f"{text[:40]!r} is not a TTML time")
        return None


def _paragraph(
    element: Element, context: _Context, given: Mapping[str, str], reading: _Reading
) -> tuple[SubtitleCue, bool] | None:
    """A cue from when anything is shown to when nothing is, and whether its end is open; None: it shows nothing."""
    pieces = list(_pieces(element, context, None, reading))
    seen = [piece.said for piece in pieces if displayed(piece.text) and not piece.is_reading]
    begin, until = context.within
    timed = [said for said in seen if said]
    if not seen:
        return None
    is_open = "begin" in given and not {"end", "dur"} & given.keys()
    if timed and len(timed) == len(seen):
        begin = min(first for first, _ in timed)
        ends = [last for _, last in timed if last is not None]
        if len(ends) == len(timed):
            until, is_open = max(ends), False
    elif not any(_is_timed(reading, context)):
        return None
    if until is None:
        is_open = True
    begin = round(begin, 3)
    until = round(until, 3) if until is not None else begin
    align = reading.styles.resolved(attributes(element)).get("textAlign", "")
    position = reading.styles.position(context.region, align or context.style.get("textAlign", ""))
    lines = tidy_lines(_rows(pieces, begin, until))
    return SubtitleCue(begin, until, lines, position, style=context.region), is_open


def _is_timed(reading: _Reading, context: _Context) -> Iterator[bool]:
    """Whether anything says when a paragraph is shown."""
    yield context.within[1] is not None
    yield context.within[0] > 0


def _rows(pieces: Sequence[_Piece], begin: float, until: float) -> list[list[StyledRun]]:
    rows: list[list[StyledRun]] = [[]]
    now: float = begin
    over: float | None = None
    for piece in pieces:
        if piece.text == "\n":
            rows.append([])
            continue
        if piece.is_reading:
            if rows[-1]:
                annotate(rows[-1], piece.text)
            continue
        start: float | None = None
        if piece.said and displayed(piece.text):
            if round(piece.said[0], 3) > now:
                start = round(piece.said[0], 3)
                if over is not None and now < over < start:  # a pause
                    rows[-1].append(StyledRun("", PLAIN, None, over))
                now = start
            over = piece.said[1]
        if piece.text:
            rows[-1].append(StyledRun(blank_edges(piece.text), piece.style, piece.speaker, start))
    if over is not None and now < over < until:
        rows[-1].append(StyledRun("", PLAIN, None, round(over, 3)))
    return rows


def _pieces(element: Element, context: _Context, said: _Interval | None, reading: _Reading) -> Iterator[_Piece]:
    style = text_style(context.style, context.color)
    ruby = context.style.get("ruby", "")
    if ruby != "delimiter":
        yield _Piece(_folded(element.text), said, style, context.speaker, ruby == "text")
    for child in element:
        kind = local(child.tag)
        if kind == "br":
            yield _Piece("\n", None)
        elif kind not in _SILENT and kind:
            inner, own = _entered(child, context, reading)
            if inner is not None:
                timed = any(own.get(key) for key in ("begin", "end", "dur"))
                inner = inner if timed else replace(inner, anchored=context.anchored)
                yield from _pieces(child, inner, inner.within if timed else said, reading)
        yield _Piece(_folded(child.tail), said, style, context.speaker)


def _folded(text: str | None) -> str:
    return re.sub("[ \t\r\n]+", " ", text or "")
