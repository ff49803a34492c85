"""Tables of cues, read: CSV and TSV of whisper, whisper.cpp and spreadsheets, and Audacity's labels."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from crisp_align.errors import TranscriptError
from crisp_align.formats.document import Line, StyledRun, SubtitleCue, SubtitleDocument
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.markup import parse_tagged
from crisp_align.formats.repairs import Repairs

__all__ = ["read_csv", "read_labels", "read_tsv"]

_COLUMNS = {
    "start": ("start", "begin", "in", "from", "timein", "tcin", "starttime", "begintime", "onset", "t0"),
    "end": ("end", "stop", "out", "to", "timeout", "tcout", "endtime", "stoptime", "offset", "t1"),
    "duration": ("duration", "dur", "length"),
    "text": ("text", "transcript", "transcription", "subtitle", "subtitles", "caption", "dialogue", "sentence",
             "content", "utterance", "line", "label", "word"),
    "speaker": ("speaker", "name", "character", "actor", "who", "role"),
}  # fmt: skip
_UNIT = re.compile(r"(ms|msec|milliseconds?|s|secs?|seconds?)$")
_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,4}):(\d{1,2})(?:[.,;:](\d{1,9}))?")
_NUMBER = re.compile(r"\d{1,12}(?:[.,]\d{1,12})?")
_LAST = 3.0
"""s that a cue lasts whose end nobody says, where nothing follows it."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column holds what, and in which unit plain numbers are."""

    columns: Mapping[str, int]
    scale: float


def read_csv(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """A cue a row; the first row may name the columns, else they are start, end, text.

    Times are clocks, seconds or milliseconds: what the heading says, else milliseconds where all are whole and most
    last 100 or more.

    Raises:
        TranscriptError: no row of it has two times and a text; under `strict`, one row has not.
    """
    return _read(text, name, strict, "csv", _delimiter(text))


def read_tsv(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """As `read_csv`, with tabs between the columns."""
    return _read(text, name, strict, "tsv", "\t")


def _delimiter(text: str) -> str:
    head = text[:4000]
    return max(",;\t|", key=head.count)


def _read(text: str, name: str, strict: bool, format: str, delimiter: str) -> SubtitleDocument:
    repairs = Repairs(name, strict)
    try:
        lines = io.StringIO(text.replace("\0", ""))
        if format == "csv":
            table = csv.reader(lines, delimiter=delimiter)
        else:
            table = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        rows = [(table.line_num, row) for row in table if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise TranscriptError(f"not a table: {error}", subject=name) from error
    columns = _heading(rows[0][1]) if rows else None
    body = rows[1:] if columns else rows
    layout = _layout(columns or {"start": 0, "end": 1, "text": 2}, rows[0][1] if columns else [], body)
    cues: list[SubtitleCue] = []
    for number, row in body:
        cue = _cue(row, layout)
        if cue is None:
            repairs.note("row without times left out", number)
        else:
            cues.append(cue)
    if not cues and rows:
        hint = "it needs columns of start, end and text"
        raise TranscriptError(f"not {format.upper()} of subtitles: no row has times", subject=name, hint=hint)
    ended = _with_ends(cues)
    return SubtitleDocument(in_file_order(ended, repairs), name, format, notices=repairs.notices)


def _heading(row: Sequence[str]) -> dict[str, int] | None:
    """Which column is what, by the words of the first row; None: it is no heading."""
    found: dict[str, int] = {}
    for number, cell in enumerate(row):
        key = re.sub(r"[^a-z0-9]+", " ", cell.strip().lower()).strip()
        bare = _UNIT.sub("", key).strip().replace(" ", "") or key
        for kind, names in _COLUMNS.items():
            if kind not in found and (bare in names or key.replace(" ", "") in names):
                found[kind] = number
                break
    return found if "start" in found and "text" in found else None


def _layout(columns: Mapping[str, int], heading: Sequence[str], body: Sequence[tuple[int, Sequence[str]]]) -> _Layout:
    title = heading[columns["start"]].strip().lower() if heading else ""
    unit = re.search(r"[^a-z](ms|msec|milliseconds?|s|secs?|seconds?)\W*$", title)
    if unit:
        return _Layout(columns, 0.001 if unit.group(1).startswith("m") else 1.0)
    starts = [row[columns["start"]].strip() for _, row in body if columns["start"] < len(row)]
    numbers = [cell for cell in starts if _NUMBER.fullmatch(cell)]
    whole = [int(cell) for cell in numbers if cell.isdecimal()]
    steps = sorted(after - before for before, after in pairwise(whole))
    lengths = _lengths(columns, body)
    typical = sorted(lengths)[len(lengths) // 2] if lengths else (steps[len(steps) // 2] if steps else 0)
    return _Layout(columns, 0.001 if len(whole) == len(numbers) and typical >= 100 else 1.0)


def _lengths(columns: Mapping[str, int], body: Sequence[tuple[int, Sequence[str]]]) -> list[int]:
    lengths: list[int] = []
    for _, row in body:
        start, end = (_cell(row, columns, key) for key in ("start", "end"))
        if start.isdecimal() and end.isdecimal():
            lengths.append(int(end) - int(start))
    return lengths


def _cell(row: Sequence[str], columns: Mapping[str, int], key: str) -> str:
    at = columns.get(key, len(row))
    return row[at].strip() if at < len(row) else ""


def _cue(row: Sequence[str], layout: _Layout) -> SubtitleCue | None:
    """The cue of a row; its end is -1 where nobody says it; None: it has no start."""
    start = _time(_cell(row, layout.columns, "start"), layout.scale)
    if start is None:
        return None
    end = _time(_cell(row, layout.columns, "end"), layout.scale)
    length = _time(_cell(row, layout.columns, "duration"), layout.scale)
    if end is None:
        end = -1.0 if length is None else round(start + length, 3)
    text = _formula_freed(_cell(row, layout.columns, "text"))
    speaker = _formula_freed(_cell(row, layout.columns, "speaker")) or None
    lines, _ = parse_tagged(text.replace("\\n", "\n").replace("\\N", "\n"), speaker=speaker)
    return SubtitleCue(start, end, lines)


def _formula_freed(text: str) -> str:
    """`text` without the apostrophe that keeps a spreadsheet from computing it."""
    return text[1:] if re.match(r"'[=+@＝＋－＠-]", text) else text


def _time(cell: str, scale: float) -> float | None:
    if match := _CLOCK.fullmatch(cell):
        hours, minutes, seconds, fraction = match.groups()
        return round(int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}"), 3)
    if _NUMBER.fullmatch(cell):
        return round(float(cell.replace(",", ".")) * scale, 3)
    return None


def _with_ends(cues: Sequence[SubtitleCue]) -> list[SubtitleCue]:
    """Cues without an end last until the next, or for a few seconds."""
    ended: list[SubtitleCue] = []
    for number, cue in enumerate(cues):
        if cue.end < 0:
            following = cues[number + 1].start if number + 1 < len(cues) else cue.start + _LAST
            cue = replace(cue, end=max(cue.start, following))
        ended.append(cue)
    return ended


_LABEL = re.compile(r"\s*(\d{1,9}(?:[.,]\d{1,12})?)\t(\d{1,9}(?:[.,]\d{1,12})?)(?:\t(.*))?")


def read_labels(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """A cue a label; a label of a point lasts until the next; lines of frequencies are passed over.

    Raises:
        TranscriptError: it has text, but no line of two times; under `strict`, one line is none.
    """
    repairs = Repairs(name, strict)
    cues: list[SubtitleCue] = []
    for number, line in enumerate(text.split("\n"), start=1):
        match = _LABEL.fullmatch(line)
        if match:
            start, end = (round(float(part.replace(",", ".")), 3) for part in match.groups()[:2])
            lines: tuple[Line, ...] = ((StyledRun(shown),),) if (shown := " ".join((match[3] or "").split())) else ()
            cues.append(SubtitleCue(start, -1.0 if end == start else end, lines))
        elif line.strip() and not line.startswith("\\"):
            repairs.note("line without times left out", number)
    if not cues and text.strip():
        raise TranscriptError("not labels: no line begins with two times and tabs", subject=name)
    return SubtitleDocument(in_file_order(_with_ends(cues), repairs), name, "labels", notices=repairs.notices)
