"""Marks for the deaf and hard of hearing (sounds, names of speakers, songs), and taking them out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from crisp_align.formats.document import Line, StyledRun, SubtitleCue, SubtitleDocument
from crisp_align.text.marks import DASHES, NOTES

__all__ = ["strip_sdh"]

_BRACKETED = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|［[^［］]*］|（[^（）]*）|【[^【】]*】")
_NAME = re.compile(rf"^(\s*[{DASHES}]?\s*)((?:[^\W\d_a-zß-öø-ÿ][^:：a-zß-öø-ÿ]{{1,30}}?)\s*[:：])(?=\s|$)")
_SONG = re.compile(rf"^[{DASHES}\s]*[{NOTES}].*$|^[{DASHES}\s]*#\s.*\s#\s*$")
_DASH = re.compile(rf"^\s*[{DASHES}]\s*")
_BARE = re.compile(rf"^[{DASHES}\s:：.,;!?…♪♫#*]*$")


def strip_sdh(document: SubtitleDocument, *, songs: bool = True) -> SubtitleDocument:
    """The document without sounds in brackets, names of speakers in capitals before a colon, and lines of songs.

    Cues that then show nothing are left out. A dash stays only where two lines still begin with one.

    Args:
        document: whose cues may hold brackets that run over several lines.
        songs: whether lines between notes go, too.
    """
    cues: list[SubtitleCue] = []
    for cue in document.cues:
        lines = _stripped(cue.lines, songs=songs)
        if lines == cue.lines:
            cues.append(cue)
        elif lines:
            cues.append(replace(cue, lines=lines, origin=None))
    return document.with_cues(cues)


def _stripped(lines: tuple[Line, ...], *, songs: bool) -> tuple[Line, ...]:
    texts = ["".join(run.text for run in line) for line in lines]
    whole = "\n".join(texts)
    gone = [match.span() for match in _BRACKETED.finditer(whole)]
    offset = 0
    for text in texts:
        if songs and _SONG.match(text):
            gone.append((offset, offset + len(text)))
        elif (name := _NAME.match(_blanked(text, gone, offset))) and name[2].isupper():
            gone.append((offset + name.start(2), offset + name.end(2)))
        offset += len(text) + 1
    if not gone:
        return lines
    left = [line for line in _cut_lines(lines, gone) if line is not None]
    dashed = [line for line in left if _DASH.match("".join(run.text for run in line))]
    had = sum(bool(_DASH.match(text)) for text in texts)
    if len(dashed) == 1 and had > 1:
        left = [_without_dash(line) if line is dashed[0] else line for line in left]
    return tuple(left)


def _blanked(text: str, gone: list[tuple[int, int]], offset: int) -> str:
    """`text`, which begins at `offset`, with blanks for what is gone."""
    chars = list(text)
    for begin, end in gone:
        for place in range(max(0, begin - offset), min(len(chars), end - offset)):
            chars[place] = " "
    return "".join(chars)


def _cut_lines(lines: tuple[Line, ...], gone: list[tuple[int, int]]) -> Iterator[Line | None]:
    """Each line without what is gone; None where nothing is left to be said."""
    offset = 0
    for line in lines:
        runs = []
        for run in line:
            chars = [
                char
                for place, char in enumerate(run.text, start=offset)
                if not any(begin <= place < end for begin, end in gone)
            ]
            offset += len(run.text)
            runs.append(replace(run, text=re.sub(r"\s{2,}", " ", "".join(chars))))
        offset += 1
        yield _trimmed(tuple(runs))


def _trimmed(line: Line) -> Line | None:
    runs = [run for run in line if run.text]
    if _BARE.match("".join(run.text for run in runs)):
        return None
    runs[0] = replace(runs[0], text=runs[0].text.lstrip())
    runs[-1] = replace(runs[-1], text=runs[-1].text.rstrip())
    made: list[StyledRun] = []
    for run in runs:
        blank = bool(made) and made[-1].text[-1:].isspace() and run.text[:1].isspace()
        if text := run.text.lstrip() if blank or not made else run.text:
            made.append(replace(run, text=text))
    return tuple(made)


def _without_dash(line: Line) -> Line:
    first = replace(line[0], text=_DASH.sub("", line[0].text))
    return (first, *line[1:]) if first.text else line[1:]
