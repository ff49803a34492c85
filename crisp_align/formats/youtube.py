"""What YouTube's players fetch: timed text as XML (srv1 to srv3) and as JSON (json3), with the times of words; read."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import blank_edges
from crisp_align.formats.document import StyledRun, SubtitleCue, SubtitleDocument
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.json_node import Node, parsed
from crisp_align.formats.markup import tidy_lines
from crisp_align.formats.repairs import Repairs

__all__ = ["read_json3", "read_srv"]

_LAST = 3.0
"""s that a cue lasts whose end nobody says, where nothing follows it."""


def read_json3(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Events with text as cues, their segments with their times; each ends at the latest when the next begins.

    Raises:
        TranscriptError: it is not JSON of that shape, or no event of it can be read; under `strict`, one cannot.
    """
    repairs = Repairs(name, strict)
    cues: list[SubtitleCue] = []
    events = parsed(text, name).items("events")
    for event in events:
        if not isinstance(event.value, dict) or not event.has("segs"):
            continue
        try:
            cue = _event(event)
        except TranscriptError as error:
            repairs.note("event that cannot be read left out", refusal=str(error))
            continue
        if cue is not None:
            cues.append(cue)
    if not cues and repairs.counts:
        raise TranscriptError("no event in it can be read", subject=name)
    return SubtitleDocument(in_file_order(_parted(cues), repairs), name, "json3", notices=repairs.notices)


def _event(event: Node) -> SubtitleCue | None:
    start = event.number("tStartMs") / 1000
    length = event.number("dDurationMs") / 1000 if event.has("dDurationMs") else -1.0
    if not 0 <= start < 1e8 or length > 1e8:
        raise event.error("is not a time in a recording")
    segments = event.items("segs")
    timed = any(segment.has("tOffsetMs") for segment in segments)
    rows: list[list[StyledRun]] = [[]]
    for segment in segments:
        offset = segment.number("tOffsetMs") / 1000 if segment.has("tOffsetMs") else 0.0
        for number, part in enumerate((segment.optional_string("utf8") or "").split("\n")):
            if number:
                rows.append([])
            if part:
                rows[-1].append(
                    StyledRun(blank_edges(part), start=round(start + max(0.0, offset), 3) if timed else None)
                )
    lines = tidy_lines(rows)
    return SubtitleCue(round(start, 3), round(start + length, 3) if length >= 0 else -1.0, lines) if lines else None


def read_srv(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Paragraphs of `timedtext` or texts of `transcript` as cues, spans of words with their times.

    Raises:
        TranscriptError: it is not XML of that shape; under `strict`, an element of it has no time.
    """
    repairs = Repairs(name, strict)
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise TranscriptError("not timed text: it declares a document type", subject=name)
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml.*?\?>", "", text, flags=re.DOTALL))  # noqa: S314 (no DTD)
    except ElementTree.ParseError as error:
        raise TranscriptError(f"line {error.position[0]}: not XML", subject=name) from error
    cues: list[SubtitleCue] = []
    elements = [element for element in root.iter() if element.tag in ("p", "text")]
    for element in elements:
        scale = 0.001 if element.tag == "p" or "t" in element.attrib else 1.0
        start = _number(element.get("t", element.get("start")), scale)
        length = _number(element.get("d", element.get("dur")), scale)
        if start is None:
            repairs.note("text without a time left out")
            continue
        lines = _lines(element, start, scale)
        if lines:
            cues.append(SubtitleCue(start, -1.0 if length is None else round(start + length, 3), lines))
    if not cues and elements and repairs.counts:
        raise TranscriptError("no text in it has a time", subject=name)
    return SubtitleDocument(in_file_order(_parted(cues), repairs), name, "srv3", notices=repairs.notices)


def _lines(element: ElementTree.Element, start: float, scale: float) -> tuple[tuple[StyledRun, ...], ...]:
    spans = list(element.iter("s"))
    timed = any("t" in span.attrib for span in spans)
    rows: list[list[StyledRun]] = [[]]
    pieces = [(element.text or "", None if not timed or not element.text else start)]
    for child in element:
        inside = "\n" if child.tag == "br" else "".join(child.itertext())
        moment = round(start + (_number(child.get("t", "0"), scale) or 0.0), 3) if timed else None
        pieces += [(inside, moment), (child.tail or "", None)]
    for text, moment in pieces:
        for number, part in enumerate(html.unescape(text).split("\n")):
            if number:
                rows.append([])
            if part:
                rows[-1].append(StyledRun(blank_edges(part), start=moment if part.strip() else None))
    return tidy_lines(rows)


def _number(text: str | None, scale: float) -> float | None:
    if text is None or not re.fullmatch(r"\s*\d{1,11}(?:\.\d{1,9})?\s*", text):
        return None
    return round(float(text) * scale, 3)


def _parted(cues: Sequence[SubtitleCue]) -> list[SubtitleCue]:
    """Cues in order of time, each over when the next begins, as rolling captions stay on the screen beyond that."""
    ordered = sorted(cues, key=lambda cue: cue.start)
    timed = any(run.start is not None for cue in ordered for line in cue.lines for run in line)
    for number, cue in enumerate(ordered):
        following = next((later.start for later in ordered[number + 1 :] if later.start > cue.start), None)
        end = cue.end
        if end < 0:
            end = cue.start + _LAST if following is None else following
        elif timed and following is not None:
            end = min(end, following)
        ordered[number] = replace(cue, end=round(max(cue.start, end), 3))
    return ordered
