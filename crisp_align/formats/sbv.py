"""YouTube's SubViewer (.sbv), read: a line of two clocks, lines of text, an empty line."""

from __future__ import annotations

import re

from crisp_align.errors import TranscriptError
from crisp_align.formats.document import BOTTOM, Position, SubtitleCue, SubtitleDocument
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.markup import parse_tagged
from crisp_align.formats.repairs import Repairs

__all__ = ["read_sbv"]

_CLOCK = r"(\d{1,6}):(\d{1,2}):(\d{1,2})(?:[.,](\d{1,6}))?"
_TIMING = re.compile(rf"\s*{_CLOCK}\s*[,;]\s*{_CLOCK}\s*")


def read_sbv(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Cues in the order of the file; `[br]` breaks a line, as an end of line does.

    Raises:
        TranscriptError: it has text, but no line of two times; under `strict`, text outside of any cue.
    """
    repairs = Repairs(name, strict)
    cues: list[SubtitleCue] = []
    timing: tuple[float, float] | None = None
    shown: list[str] = []

    def finish() -> None:
        if timing is not None:
            lines, anchor = parse_tagged("\n".join(shown).replace("[br]", "\n"))
            cues.append(SubtitleCue(*timing, lines, Position(anchor) if anchor else BOTTOM))

    for number, line in enumerate(text.split("\n"), start=1):
        if match := _TIMING.fullmatch(line):
            finish()
            timing, shown = (_seconds(*match.groups()[:4]), _seconds(*match.groups()[4:])), []
        elif line.strip() and timing is not None:
            shown.append(line)
        elif line.strip():
            repairs.note("text outside of any cue left out", number)
    finish()
    if not cues and text.strip():
        raise TranscriptError("not SubViewer: no line of two times like 0:00:01.000,0:00:02.000", subject=name)
    return SubtitleDocument(in_file_order(cues, repairs), name, "sbv", notices=repairs.notices)


def _seconds(hours: str, minutes: str, seconds: str, fraction: str | None) -> float:
    return round(int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}"), 3)
