"""SubRip (.srt). Our layouts are composed by the `srt` package; documents are written as they are.

Read by hand, line by line: that package's one regular expression takes minutes over a few kilobytes that are not
SubRip, and files are not trusted. What is wrong in a way whose meaning is plain is repaired and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import clock, highlight_spans, milliseconds, visible, visible_cues
from crisp_align.formats.document import BOTTOM, Position, SubtitleCue, SubtitleDocument
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.format import Entry, WriteOptions
from crisp_align.formats.markup import coarse_anchor, parse_tagged, tagged, unescape_entities
from crisp_align.formats.repairs import Repairs
from crisp_align.transcript import Cue, Transcript, Word

__all__ = ["escape", "read_srt", "srt_entries", "unescape", "write_srt", "write_srt_document"]

# SRT has no escapes. A word joiner, invisible and of no width, keeps text from being read as an arrow, a tag or an
# entity; the reader takes it out again.
_CLOCK = r"(?:(\d{1,6}):)?(\d{1,3}):(\d{1,3})(?:[,.:](\d{1,9}))?"
_TIMING = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s|$)")
# Any two clocks that an arrow or a dash joins: with a sign, with spaces, with marks of other scripts.
_LOOSE_CLOCK = r"([-–−]?)\s?(?:(\d{1,6})\s?[:：]\s?)?(\d{1,3})\s?[:：]\s?(\d{1,3})(?:\s?[,.:;，．。٫]\s?(\d{1,9}))?"
_JOIN = r"\s*(?:[-–—−‐‑‒―=~<\s]{0,8}[>＞›»→⟶⇒➔➜]{1,3}|[-–—−‐‑‒―~]{1,6})\s*"
_LOOSE = re.compile(rf"\s*{_LOOSE_CLOCK}{_JOIN}{_LOOSE_CLOCK}(?:[\s,;.]|$)")
_OPEN_ENDED = re.compile(rf"\s*{_LOOSE_CLOCK}\s*[-–—−=]+[>＞]\s*$")
_BROKEN = re.compile(r"\s*\W{0,2}\d+\s*[:：].*(?:--\s?>|[→⟶])|.*(?:--\s?>|[→⟶]).*\d\s*[:：]\s*\d\d")
_COORDINATES = re.compile(r"\s*(?:[XxYy][12]\s*:\s*\d+\s*)+|\s*(?:\w+:[\w%.,-]+\s*)+")
_NUMBER = re.compile(r"\s*\d{1,12}\s*")
_INDEX = re.compile(r"\s*[#№]?\s?(\d{1,12})\s?[.):]?\s*")
_MARK = "\ufeff"
_JOINER = "\u2060"
_DANGEROUS = re.compile(
    r"(?<=--)(?=>)|(?<=<)(?=[A-Za-z/!?])|(?<=\{)(?=[\\/A-Za-z])|(?<=\d:)(?=\d+:\d+[.,]\d)|(?<=&)(?=#?\w{1,12};)"
)
_GUARD = re.compile(rf"(?<=--){_JOINER}+(?=>)|(?<=[<{{&]){_JOINER}+|(?<=\d:){_JOINER}+(?=\d)")
_GUESSED_LENGTH = 3.0
"""s that a cue lasts at most whose end nobody knows."""


def write_srt(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Numbered cues; with `highlight_words` each cue once a word, the word being spoken underlined."""
    import srt

    blocks: list[tuple[float, float, str]] = []
    for cue, lines in visible_cues(cues):
        if options.highlight_words:
            blocks += [(start, end, _underlined(cue, word)) for start, end, word in highlight_spans(cue)]
        else:
            blocks.append((cue.start, cue.end, "\n".join(escape(line) for line in lines)))
    entries = [
        srt.Subtitle(
            index=number,
            start=timedelta(milliseconds=milliseconds(start)),
            end=timedelta(milliseconds=milliseconds(end)),
            content=text,
        )
        for number, (start, end, text) in enumerate(blocks, start=1)
    ]
    return str(srt.compose(entries, reindex=False, strict=True))


def _underlined(cue: Cue, spoken: Word | None) -> str:
    lines = [[(word, text) for word, text in visible(line)] for line in cue.lines]
    return "\n".join(
        "".join(_marked(text) if word is spoken else escape(text) for word, text in line) for line in lines if line
    )


def _marked(text: str) -> str:
    core = text.lstrip()
    return f"{text[: len(text) - len(core)]}<u>{escape(core)}</u>"


def write_srt_document(document: SubtitleDocument, options: WriteOptions) -> str:
    """Cues as they are, numbered anew; those that show nothing are left out."""
    blocks: list[str] = []
    for cue in document.cues:
        if not cue.lines:
            continue
        anchor = coarse_anchor(cue.position)
        text = (f"{{\\an{anchor}}}" if anchor != BOTTOM.anchor else "") + tagged(cue.lines, escape)
        blocks.append(f"{len(blocks) + 1}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{text}\n")
    return "\n".join(blocks)


def escape(line: str) -> str:
    """`line` with nothing in it that reads as an arrow, a tag, an entity or two times."""
    line = _DANGEROUS.sub(_JOINER, line)
    if line.count(":") >= 2 and _LOOSE.match(line):
        return re.sub(r"(?<=\d:)(?=\d)", _JOINER, line)
    return line


def unescape(line: str) -> str:
    """`line` as it was before `escape`."""
    return _GUARD.sub("", line) if _JOINER in line else line


@dataclass(frozen=True, slots=True)
class _Timing:
    row: int
    """Index of its line."""
    start: float
    end: float
    rest: str = ""
    """Text behind the times."""
    negative: bool = False
    loose: bool = False
    """Whether it is written in a way that SubRip does not know."""


def srt_entries(text: str, name: str, repairs: Repairs | None = None) -> list[Entry]:
    """The cues of a file as they stand, tags and all; an empty line inside a cue is left out.

    Args:
        text: of the file.
        name: of the file, for messages.
        repairs: counts what is wrong; None: it is refused.

    Raises:
        TranscriptError: a part of the file is not SubRip, and `repairs` are strict; or nothing in it is.
    """
    repairs = repairs or Repairs(name, strict=True)
    lines = text.split("\n")
    marks = sum(_MARK in line for line in lines)
    if marks:
        repairs.note("byte-order mark inside the file left out", count=marks)
        lines = [line.replace(_MARK, "") for line in lines]
    timings, broken = _timings(lines, repairs)
    if not timings and any(line.strip() for line in lines):
        raise TranscriptError(
            f"line {broken[0] + 1} is not a SubRip timing" if broken else "not SubRip: no line of it is a time line",
            subject=name,
            hint="00:00:01,000 --> 00:00:02,000",
        )
    return _entries(lines, timings, broken, repairs)


def _timings(lines: Sequence[str], repairs: Repairs) -> tuple[list[_Timing], list[int]]:
    """The time lines, and the indices of lines that should be one and cannot be read."""
    timings: list[_Timing] = []
    broken: list[int] = []
    for row, line in enumerate(lines):
        if "-->" not in line and line.count(":") + line.count("：") < 2:
            continue
        if match := _TIMING.match(line):
            groups = match.groups()
            timings.append(_Timing(row, _seconds(groups[:4]), _seconds(groups[4:8]), line[match.end() :]))
        elif timing := _loose_timing(line, row):
            hint = "00:00:01,000 --> 00:00:02,000"
            refusal = f"line {row + 1} is not a SubRip timing"
            what = "time before 0 s set to 0 s" if timing.negative else "malformed time line"
            repairs.note(what, row + 1, refusal=refusal, hint=hint)
            timings.append(timing)
        elif _BROKEN.match(line):
            hint = "00:00:01,000 --> 00:00:02,000"
            refusal = f"line {row + 1} is not a SubRip timing"
            repairs.note("cue left out whose time line cannot be read", row + 1, refusal=refusal, hint=hint)
            broken.append(row)
    return timings, broken


def _loose_timing(line: str, row: int) -> _Timing | None:
    if match := _LOOSE.match(line):
        groups = match.groups()
        is_arrow = any(char in line for char in ">＞›»→⟶⇒➔➜")
        rest = line[match.end() :]
        if not is_arrow and rest.strip():
            return None  # a sentence may name two times
        start, end = _seconds(groups[1:5]), _seconds(groups[6:10])
        signs = groups[0], groups[5]
        negative = any(signs)
        return _Timing(row, 0.0 if signs[0] else start, 0.0 if signs[1] else end, rest, negative, loose=True)
    if match := _OPEN_ENDED.match(line):
        start = _seconds(match.groups()[1:5])
        return _Timing(row, start, -1.0, loose=True)
    return None


def _entries(lines: Sequence[str], timings: Sequence[_Timing], broken: Sequence[int], repairs: Repairs) -> list[Entry]:
    stops = sorted([timing.row for timing in timings] + list(broken))
    by_row = {timing.row: timing for timing in timings}
    heads: dict[int, tuple[int, str]] = {}
    previous = 0
    for stop in stops:
        heads[stop] = _head(lines, stop, previous, repairs)
        previous = stop
    first = heads[stops[0]][0] if stops else len(lines)
    before = [row for row, line in enumerate(lines[:first]) if line.strip()]
    if before:
        repairs.note(
            "text outside of any cue left out",
            before[0] + 1,
            count=len(before),
            refusal=f"not SubRip from line {before[0] + 1} on",
        )
    entries: list[Entry] = []
    last_number = 0
    for position, stop in enumerate(stops):
        following = heads[stops[position + 1]][0] if position + 1 < len(stops) else len(lines)
        timing = by_row.get(stop)
        if timing is None:
            continue
        identifier = heads[stop][1]
        number = int(identifier) if identifier.isdecimal() else last_number + 1
        shown = _shown(lines, stop + 1, following, number, repairs)
        if timing.rest.strip() and not _COORDINATES.fullmatch(timing.rest):
            repairs.note("text on a time line moved below it", stop + 1)
            shown.insert(0, timing.rest.strip())
        last_number = number
        entries.append(Entry(identifier, timing.start, timing.end, "\n".join(shown)))
    return _with_ends(entries, repairs)


def _head(lines: Sequence[str], stop: int, previous: int, repairs: Repairs) -> tuple[int, str]:
    """The line that a cue begins in, its number or its time line, and the number; empty: it has none."""
    if stop and _NUMBER.fullmatch(lines[stop - 1]):
        return stop - 1, lines[stop - 1].strip()
    row = stop - 1
    while row > previous and not lines[row].strip():
        row -= 1
    match = _INDEX.fullmatch(lines[row]) if row > previous or (row == 0 and previous == 0 and stop) else None
    if match is None:
        return stop, ""
    lonely = row == 0 or not lines[row - 1].strip()
    if row < stop - 1 and not (lonely and _NUMBER.fullmatch(lines[row])):
        return stop, ""
    repairs.note(
        "malformed number of a cue", row + 1, refusal=f"not SubRip from line {row + 1} on" if row == 0 else None
    )
    return row, match.group(1)


def _shown(lines: Sequence[str], first: int, following: int, number: int, repairs: Repairs) -> list[str]:
    """The lines of a cue that show something; a number that stands alone and is the next one due is none of them."""
    shown: list[str] = []
    for row in range(first, following):
        line = lines[row]
        if not line.strip():
            continue
        alone = row > first and not lines[row - 1].strip() and (row + 1 >= len(lines) or not lines[row + 1].strip())
        if alone and _NUMBER.fullmatch(line) and int(line) == number + 1:
            repairs.note("number without a cue left out", row + 1)
            number += 1
            continue
        shown.append(line)
    return shown


def _with_ends(entries: list[Entry], repairs: Repairs) -> list[Entry]:
    """Entries whose ends are known: those left open last until the next, for a few seconds at most."""
    for number, entry in enumerate(entries):
        if entry.end < 0:
            following = entries[number + 1].start if number + 1 < len(entries) else entry.start + _GUESSED_LENGTH
            entries[number] = replace(entry, end=max(entry.start, min(following, entry.start + _GUESSED_LENGTH)))
    return entries


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return round(whole + int(fraction) / 10 ** len(fraction), 3) if fraction else float(whole)


def read_srt(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Cues in the order of the file, times as they stand.

    Raises:
        TranscriptError: nothing in it is SubRip; under `strict`, a part of it is not.
    """
    repairs = Repairs(name, strict)
    entries = srt_entries(text, name, repairs)
    cues = tuple(_cue(entry) for entry in entries)
    return SubtitleDocument(in_file_order(cues, repairs), name, "srt", notices=repairs.notices)


def _cue(entry: Entry) -> SubtitleCue:
    lines, anchor = parse_tagged(entry.text, _clean)
    return SubtitleCue(entry.start, entry.end, lines, Position(anchor) if anchor else BOTTOM, entry.identifier)


def _clean(text: str) -> str:
    return unescape(unescape_entities(text))
