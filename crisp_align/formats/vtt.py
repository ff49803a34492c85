"""WebVTT (.vtt), after the W3C's recommendation."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import clock, read_cue, shown
from crisp_align.formats.format import Entry, WriteOptions
from crisp_align.transcript import Cue, Transcript

__all__ = ["read_vtt", "vtt_entries", "write_vtt"]

_CLOCK = r"(?:(\d+):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING = re.compile(rf"\s*{_CLOCK}\s+-->\s+{_CLOCK}(?:\s+(.*))?")
_TAG = re.compile(r"<[^<>]*>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")


def write_vtt(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Cues without identifiers."""
    blocks = ["WEBVTT\n"]
    for cue, lines in shown(cues):
        text = "\n".join(escaped(line) for line in lines)
        blocks.append(f"{clock(cue.start)} --> {clock(cue.end)}\n{text}\n")
    return "\n".join(blocks)


def escaped(text: str) -> str:
    """`text` with the characters that WebVTT acts upon as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
    voice = _VOICE.search(entry.text)
    speaker = html.unescape(voice.group(1)).strip() if voice else None
    lines = [html.unescape(line) for line in _TAG.sub("", entry.text).split("\n")]
    return read_cue(entry.start, entry.end, lines, speaker)


def _timing(line: str, number: int, name: str) -> tuple[float, float]:
    match = _TIMING.fullmatch(line)
    if not match or any(part and len(part) > 9 for part in match.groups()[:8]):
        raise TranscriptError(
            f"line {number} is not a WebVTT timing", subject=name, hint="00:00:01.000 --> 00:00:02.000"
        )
    parts = [int(part or 0) for part in match.groups()[:8]]
    first, second = (h * 3600 + m * 60 + s + ms / 1000 for h, m, s, ms in (parts[:4], parts[4:]))
    return first, second
