"""Names of speakers in front of what they say, in formats that have no other place for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from crisp_align.formats.cue_text import turns
from crisp_align.formats.document import Line, StyledRun, SubtitleCue
from crisp_align.text.display import displayed
from crisp_align.text.marks import DASHES
from crisp_align.transcript import Cue, Segment, Word

__all__ = ["name_cues", "name_segments", "name_subtitles"]

_DASH = re.compile(rf"\s*[{DASHES}]\s*(?=\S)")


def _label(speaker: str, pattern: str) -> str:
    """The name as `pattern` writes it, e.g. "[NAME]", and a blank."""
    return f"{pattern.replace('NAME', displayed(speaker))} "


def _named(text: str, speaker: str, pattern: str, *, begins_line: bool) -> str:
    """A text with a name in front, which replaces the dash of a new speaker at the start of a line."""
    core = text.lstrip()
    blank = text[: len(text) - len(core)]
    said = _DASH.sub("", core, count=1) if begins_line and _DASH.match(core) else core
    return f"{blank}{_label(speaker, pattern)}{said}"


def name_cues(cues: Sequence[Cue], pattern: str) -> list[Cue]:
    """Cues with the name of a speaker at the start of each and wherever another goes on; it replaces a dash there."""
    return [replace(cue, lines=tuple(_named_lines(cue.lines, pattern))) for cue in cues]


def _named_lines(lines: Sequence[Sequence[Word]], pattern: str) -> list[tuple[Word, ...]]:
    named: list[tuple[Word, ...]] = []
    before: str | None = None
    for line in lines:
        row: list[Word] = []
        for word in line:
            if word.speaker and word.speaker != before and displayed(word.text):
                word = replace(word, text=_named(word.text, word.speaker, pattern, begins_line=not row))
            before = word.speaker or before
            row.append(word)
        named.append(tuple(row))
    return named


def name_segments(segments: Sequence[Segment], pattern: str) -> list[str]:
    """The text of each segment as lines, one for each turn of a speaker, with the name in front."""
    lines: list[str] = []
    for segment in segments:
        lines += [f"{_label(speaker, pattern)}{shown}" if speaker else shown for speaker, shown in turns(segment)]
    return lines


def name_subtitles(cues: Sequence[SubtitleCue], pattern: str) -> tuple[SubtitleCue, ...]:
    """As `name_cues`, for the cues of a document."""
    named: list[SubtitleCue] = []
    for cue in cues:
        before: str | None = None
        lines: list[Line] = []
        for line in cue.lines:
            row: list[StyledRun] = []
            for run in line:
                if run.speaker and run.speaker != before and run.text:
                    run = replace(run, text=_named(run.text, run.speaker, pattern, begins_line=not row))
                before = run.speaker or before
                row.append(run)
            lines.append(tuple(row))
        named.append(replace(cue, lines=tuple(lines)))
    return tuple(named)
