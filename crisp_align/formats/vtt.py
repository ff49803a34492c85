"""WebVTT (.vtt), after the W3C's recommendation."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import (
    Run,
    blank_edges,
    clock,
    highlight_spans,
    milliseconds,
    read_runs,
    visible,
    visible_cues,
)
from crisp_align.formats.format import Entry, WriteOptions
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Transcript, Word

__all__ = ["read_vtt", "vtt_entries", "write_vtt"]

_CLOCK = r"(?:(\d+):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING = re.compile(rf"\s*{_CLOCK}\s+-->\s+{_CLOCK}(?:\s+(.*))?")
_STAMP = re.compile(rf"<{_CLOCK}>")
_CLOCK_LIKE = re.compile(r"(?<![\d:])[\d:]++(?<=\d)(?=[.,]\d)")
_TAG = re.compile(r"<[^<>]*>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")


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
            parts.append(f"<u>{escape(core)}</u>" if word is spoken else escape(core))
        parts.append("</v>" if last else "")
    return "".join(parts)


def _annotation(speaker: str) -> str:
    """A name as a voice tag may hold it."""
    return escape(displayed(speaker)).replace("&lt;", "(").replace("&gt;", ")") or "?"


def escape(text: str) -> str:
    """`text` with the characters that WebVTT acts upon as entities."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A lenient reader takes any two times on a line for a timing.
    return _CLOCK_LIKE.sub(lambda match: re.sub(r"(?<=\d):", "&#58;", match.group()), text)


def vtt_entries(text: str, name: str) -> list[Entry]:
    """The cues of a file as they stand; notes, styles and regions are passed over.

    Raises:
        TranscriptError: no WEBVTT header, or a timing line that is none.
    """
    lines = text.replace("\0", "\ufffd").split("\n")
    if not re.match(r"WEBVTT(?:[ \t]|$)", lines[0]):
        raise TranscriptError("not WebVTT: line 1 is not WEBVTT", subject=name)
    entries: list[Entry] = []
    number = 1
    while number < len(lines):
        if "-->" not in lines[number]:
            number += 1
            continue
        start, end = _timing(lines[number], number + 1, name)
        last = number + 1
        while last < len(lines) and lines[last] and "-->" not in lines[last]:
            last += 1
        entries.append(Entry(lines[number - 1], start, end, "\n".join(lines[number + 1 : last])))
        number = last
    return entries


def read_vtt(text: str, name: str) -> list[Cue]:
    """Cues in the order of the file, tags left out, the voice as speaker; notes, styles and regions are passed over.

    Raises:
        TranscriptError: no WEBVTT header, or a timing line that is none.
    """
    return [_cue(entry) for entry in vtt_entries(text, name)]


def _cue(entry: Entry) -> Cue:
    lines: list[list[Run]] = []
    speaker: str | None = None
    said_at: float | None = None
    for line in entry.text.split("\n"):
        runs: list[Run] = []
        for part in re.split(r"(<[^<>]*>)", line):
            if match := _VOICE.fullmatch(part):
                speaker = displayed(html.unescape(match.group(1))) or None
            elif part.startswith("</v"):
                speaker = None
            elif match := _STAMP.fullmatch(part):
                said_at = _seconds(match.groups())
            elif part and not _TAG.fullmatch(part):
                runs.append(Run(blank_edges(html.unescape(part)), speaker, said_at))
                said_at = None
        lines.append(runs)
    return read_runs(entry.start, entry.end, lines)


def _timing(line: str, number: int, name: str) -> tuple[float, float]:
    match = _TIMING.fullmatch(line)
    if not match or any(part and len(part) > 9 for part in match.groups()[:8]):
        raise TranscriptError(
            f"line {number} is not a WebVTT timing", subject=name, hint="00:00:01.000 --> 00:00:02.000"
        )
    return _seconds(match.groups()[:4]), _seconds(match.groups()[4:8])


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, ms = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + ms / 1000
