"""MicroDVD (.sub), whose times are frames, and MPL2, whose times are tenths of a second; read and written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import cue_lines
from crisp_align.formats.document import (
    PLAIN,
    Line,
    StyledRun,
    SubtitleCue,
    SubtitleDocument,
    TextStyle,
    overlaid,
    with_flag,
)
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.format import WriteOptions
from crisp_align.formats.markup import parse_tagged
from crisp_align.formats.repairs import Repairs
from crisp_align.transcript import Cue, Transcript

__all__ = ["read_microdvd", "write_microdvd", "write_microdvd_document"]

_ROW = re.compile(r"\s*([{\[])(\d{1,9})[}\]]\s*[{\[](\d{0,9})[}\]](.*)")
_CODE = re.compile(r"\{([a-zA-Z]):([^{}]*)\}")
_RATE = re.compile(r"\s*(\d{2,3}(?:[.,]\d{1,6})?)\s*")
_USUAL = 24000 / 1001
_WRITTEN = 25.0
_LAST = 3.0
"""s that a cue lasts whose end nobody says, where nothing follows it."""


def read_microdvd(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Cues in the order of the file; `|` breaks lines, `{y:i}` and a slash in front slant them.

    A first cue that holds a number alone is the frame rate; without one it is 23.976, and a notice says so.

    Raises:
        TranscriptError: it has text, but no line of two times; under `strict`, one line is none.
    """
    repairs = Repairs(name, strict)
    rows: list[tuple[str, int, int | None, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if match := _ROW.fullmatch(line):
            bracket, start, end, shown = match.groups()
            rows.append((bracket, int(start), int(end) if end else None, shown))
        elif line.strip():
            repairs.note("line without times left out", number)
    if not rows and text.strip():
        raise TranscriptError("not MicroDVD: no line begins with two times like {25}{75}", subject=name)
    is_frames = any(bracket == "{" for bracket, *_ in rows)
    rate = 10.0
    notices: tuple[str, ...] = ()
    if is_frames:
        given = _RATE.fullmatch(rows[0][3]) if rows[0][1] <= 1 else None
        rate = float(given.group(1).replace(",", ".")) if given else 0.0
        rows = rows[1:] if given else rows
        if not 5 <= rate <= 300:
            rate = _USUAL
            notices = ("its frame rate is not given: 23.976 frames a second are taken",)
    cues = [
        SubtitleCue(round(start / rate, 3), -1.0 if end is None else round(end / rate, 3), _lines(shown))
        for _, start, end, shown in rows
    ]
    for number, cue in enumerate(cues):
        if cue.end < 0:
            following = cues[number + 1].start if number + 1 < len(cues) else cue.start + _LAST
            cues[number] = replace(cue, end=max(cue.start, min(following, cue.start + _LAST)))
    ordered = in_file_order(cues, repairs)
    return SubtitleDocument(ordered, name, "microdvd", notices=(*notices, *repairs.notices))


def _lines(shown: str) -> tuple[Line, ...]:
    lines: list[Line] = []
    whole = PLAIN
    for row in shown.split("|"):
        style = whole
        for kind, value in _CODE.findall(row):
            style = _styled(style, kind, value)
            if kind.isupper():
                whole = _styled(whole, kind, value)
        bare = _CODE.sub("", row)
        if bare.lstrip().startswith("/"):
            bare, style = bare.lstrip()[1:], with_flag(style, "italic")
        parsed, _ = parse_tagged(bare)
        lines += [tuple(replace(run, style=overlaid(style, run.style)) for run in line) for line in parsed]
    return tuple(lines)


def _styled(style: TextStyle, kind: str, value: str) -> TextStyle:
    if kind in "yY":
        for letter, flag in (("b", "bold"), ("i", "italic"), ("u", "underline"), ("s", "strike")):
            if letter in value.lower():
                style = with_flag(style, flag)  # type: ignore[arg-type]
    elif kind in "cC" and (
        match := re.fullmatch(r"\$?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", value.strip())
    ):
        style = replace(style, color=f"#{match[3]}{match[2]}{match[1]}".lower())
    return style


def write_microdvd(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Cues in frames, 25 a second, as the first line says."""
    return _written(
        [(cue.start, cue.end, [_plain(line) for line in lines]) for cue in cues if (lines := cue_lines(cue))]
    )


def write_microdvd_document(document: SubtitleDocument, options: WriteOptions) -> str:
    """Cues as they are; a style that a whole line has stays."""
    blocks = [(cue.start, cue.end, [_coded(line) for line in cue.lines]) for cue in document.cues if cue.lines]
    return _written(blocks)


def _written(blocks: Sequence[tuple[float, float, Sequence[str]]]) -> str:
    rows = [f"{{1}}{{1}}{_WRITTEN:g}\n"]
    for start, end, lines in blocks:
        first = round(start * _WRITTEN)
        rows.append(f"{{{first}}}{{{max(first + 1, round(end * _WRITTEN))}}}{'|'.join(lines)}\n")
    return "".join(rows)


def _coded(line: Sequence[StyledRun]) -> str:
    codes = ""
    styles = [run.style for run in line]
    flags = "".join(f"{letter}," for letter, flag in (("b", "bold"), ("i", "italic"), ("u", "underline"))
                    if all(getattr(style, flag) for style in styles))  # fmt: skip
    if flags:
        codes += f"{{y:{flags.rstrip(',')}}}"
    colors = {style.color[:7] for style in styles}
    if len(colors) == 1 and (color := colors.pop()):
        codes += f"{{c:${color[5:7]}{color[3:5]}{color[1:3]}}}"
    return codes + _plain("".join(run.text for run in line))


def _plain(text: str) -> str:
    """`text` with nothing in it that MicroDVD acts upon."""
    text = text.replace("|", "\u2502")
    text = re.sub(r"\{(?=[a-zA-Z]:)", "{\u2060", text)
    return f"\u2060{text}" if text.startswith("/") else text
