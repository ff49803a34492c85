"""Lyrics (.lrc): a line a cue, and with karaoke a time for each word ("enhanced"). No kept library writes both."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import BLANKS, Run, as_one_line, milliseconds, read_runs, visible, visible_cues
from crisp_align.formats.format import WriteOptions
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Transcript, Word

__all__ = ["read_lrc", "write_lrc"]

_JOINER = "\u2060"
_CLEAR = 1.0  # s of silence after which the line is cleared
_STAMP = re.compile(r"\[(\d{1,4}):([0-5]?\d)(?:[.:](\d{1,3}))?\]")
_WORD_STAMP = re.compile(r"<(\d{1,4}):([0-5]?\d)(?:[.:](\d{1,3}))?>")
_OFFSET = re.compile(r"^\s*\[offset:\s*([+-]?\d{1,7})\s*\]", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(r"\[[A-Za-z#]+:[^\]]*\]")
_DANGEROUS = re.compile(r"(?<=[\[<])(?=\d)")
_GUARD = re.compile(rf"(?<=[\[<]){_JOINER}+(?=\d)")


def write_lrc(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """A line a cue; an empty line where nothing is said for a second or more."""
    rows: list[str] = []
    kept = visible_cues(cues)
    for number, (cue, _) in enumerate(kept):
        text = _DANGEROUS.sub(_JOINER, as_one_line(cue)) if options.karaoke == "none" else as_one_line(cue, _stamped)
        rows.append(f"[{_clock(cue.start)}]{text}")
        if number + 1 == len(kept) or kept[number + 1][0].start - cue.end >= _CLEAR:
            rows.append(f"[{_clock(cue.end)}]")
    return "".join(f"{row}\n" for row in rows)


def _stamped(line: Sequence[Word]) -> str:
    """A line with a time before each word."""
    return "".join(
        f"{' ' if text[0] in BLANKS else ''}<{_clock(word.start)}>{_DANGEROUS.sub(_JOINER, text.strip(BLANKS))}"
        for word, text in visible(line)
    )


def _clock(seconds: float) -> str:
    hundredths = (milliseconds(seconds) + 5) // 10
    return f"{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def read_lrc(text: str, name: str) -> list[Cue]:
    """A cue a line, in order of time, each to the next line's time; the last lasts two seconds where nothing ends it.

    What the tag `offset` says is taken off every time.

    Raises:
        TranscriptError: it has text, but no line of it has a time.
    """
    lines: list[tuple[float, str]] = []
    match = _OFFSET.search(text)
    offset = int(match.group(1)) / 1000 if match else 0.0
    for line in text.split("\n"):
        rest, stamps = line.strip(BLANKS), []
        while match := _STAMP.match(rest):
            stamps.append(_seconds(match, offset))
            rest = rest[match.end() :].lstrip(BLANKS)
        lines += [(stamp, rest) for stamp in stamps]
    if not lines and not all(_TAG.fullmatch(line.strip()) for line in text.split("\n") if line.strip()):
        raise TranscriptError("not LRC: no line begins with a time like [00:01.00]", subject=name)
    lines.sort(key=lambda pair: pair[0])
    cues: list[Cue] = []
    for number, (start, rest) in enumerate(lines):
        end = lines[number + 1][0] if number + 1 < len(lines) else start + 2.0
        if displayed(_WORD_STAMP.sub("", rest)):
            cues.append(read_runs(start, end, [_runs(rest, offset)]))
    return cues


def _runs(rest: str, offset: float) -> list[Run]:
    runs: list[Run] = []
    said_at: float | None = None
    for part in re.split(r"(<\d{1,4}:\d{1,2}(?:[.:]\d{1,3})?>)", rest):
        if match := _WORD_STAMP.fullmatch(part):
            said_at = _seconds(match, offset)
        elif shown := displayed(_GUARD.sub("", part)):
            blank = " " if runs and (part[0] in BLANKS or runs[-1].text[-1] in BLANKS) else ""
            runs.append(Run(blank + shown + (" " if part[-1] in BLANKS else ""), None, said_at))
            said_at = None
    return [Run(run.text.rstrip(BLANKS), run.speaker, run.start) for run in runs]


def _seconds(match: re.Match[str], offset: float) -> float:
    minutes, seconds, fraction = match.groups()
    return max(0.0, round(int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}") - offset, 3))
