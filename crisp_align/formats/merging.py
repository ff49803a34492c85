"""Cues that are one: captions that roll up line by line, signs that are drawn frame by frame, lines of one time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from crisp_align.formats.document import BOTTOM, SUBSTATION, Line, SubtitleCue, SubtitleDocument
from crisp_align.formats.markup import coarse_anchor

__all__ = ["fitted", "merge_equal_times", "merge_frames", "stacked", "unroll"]

_FRAMES = 4
"""Pieces of a text that follow each other by frames; fewer may be cues that somebody made so."""
_TOUCHING = 0.06
"""s between two cues that follow each other at once, as YouTube's do."""
_FRAME = 0.26
"""s that a piece of something drawn frame by frame lasts at most."""


def unroll(document: SubtitleDocument) -> SubtitleDocument:
    """The document with each line of rolling captions once, from when it comes in; others are left as they are.

    Captions roll where most cues that follow another at once begin with the lines that it ended with, as those of
    YouTube do, or with all of its text and more.
    """
    cues = document.cues
    repeats = [_repeated(left, right) for left, right in pairwise(cues)]
    grows = [_grows(left, right) for left, right in pairwise(cues)]
    # A cue that is only said again is no evidence: people repeat themselves.
    fresh = sum(0 < repeat < len(cue.lines) or more for repeat, more, cue in zip(repeats, grows, cues[1:], strict=True))
    rolling = sum(repeat > 0 or more for repeat, more in zip(repeats, grows, strict=True))
    if fresh < 2 or 2 * rolling < len(cues) - 1:
        return document
    made: list[SubtitleCue] = []
    for number, cue in enumerate(cues):
        repeated = repeats[number - 1] if number else 0
        if repeated and made and repeated == len(cue.lines):
            made[-1] = replace(made[-1], end=max(made[-1].end, cue.end))
        elif not repeated and number and grows[number - 1] and made:
            made[-1] = _grown(made[-1], cues[number - 1], cue)
        elif lines := cue.lines[repeated:]:
            made.append(replace(cue, lines=lines, position=BOTTOM, origin=None))
    notice = f"rolling captions: {len(cues)} cues that repeat their lines made {len(made)} that do not"
    return replace(document, cues=tuple(made), notices=(*document.notices, notice), header=_plain_header(document))


def _plain_header(document: SubtitleDocument) -> str:
    return document.header if document.format in SUBSTATION else ""


def _words(lines: Sequence[Line]) -> list[str]:
    return ["".join(run.text for run in line) for line in lines]


def _repeated(left: SubtitleCue, right: SubtitleCue) -> int:
    """How many lines at the top of `right` stood at the bottom of `left` just before."""
    if not left.lines or not right.lines or not -_TOUCHING <= right.start - left.end <= _TOUCHING:
        return 0
    above, below = _words(left.lines), _words(right.lines)
    for count in range(min(len(above), len(below)), 0, -1):
        if above[-count:] == below[:count]:
            return count
    return 0


def _grows(left: SubtitleCue, right: SubtitleCue) -> bool:
    """Whether `right` shows all that `left` did just before, and more."""
    if not left.lines or abs(right.start - left.end) > _TOUCHING:
        return False
    return len(right.text) > len(left.text) and right.text.startswith(left.text)


def _grown(made: SubtitleCue, left: SubtitleCue, right: SubtitleCue) -> SubtitleCue:
    """`made` with what `right` adds to `left`, said from when `right` comes in."""
    old = sum(len(run.text) for line in left.lines for run in line)
    kept, seen = list(made.lines), 0
    for number, line in enumerate(right.lines):
        for run in line:
            fresh = run.text[max(0, old - seen) :]
            seen += len(run.text)
            if fresh:
                added = replace(run, text=fresh, start=run.start if run.start is not None else right.start)
                if number < len(kept):
                    kept[number] = (*kept[number], added)
                else:
                    kept.append((added,))
    return replace(made, end=right.end, lines=tuple(kept), origin=None)


def merge_frames(cues: Sequence[SubtitleCue]) -> tuple[SubtitleCue, ...]:
    """Cues with those as one that follow each other at once with the same text, some of them for a frame or a few.

    So are several layers of one text at one time. A line that is said twice stays two cues.
    """
    made: list[SubtitleCue] = []
    last: dict[tuple[object, ...], tuple[int, float]] = {}  # text → where its cue is, and how long its last piece was
    for cue in cues:
        key = (cue.text, cue.lines[0][0].speaker if cue.lines else None)
        found = last.get(key)
        if found is not None and cue.lines:
            number, length = found
            before = made[number]
            same = abs(cue.start - before.start) < 0.0005 and abs(cue.end - before.end) < 0.0005
            short = min(length, cue.end - cue.start) <= _FRAME
            if same or (short and -_TOUCHING <= cue.start - before.end <= _TOUCHING):
                made[number] = replace(before, end=max(before.end, cue.end), origin=None)
                last[key] = (number, cue.end - cue.start)
                continue
        last[key] = (len(made), cue.end - cue.start)
        made.append(cue)
    return tuple(made)


def merge_equal_times(
    cues: Sequence[SubtitleCue], place: Callable[[SubtitleCue], object] | None = None
) -> tuple[SubtitleCue, ...]:
    """Cues with those of equal time and place as one cue of several lines, from top to bottom.

    Args:
        cues: of one file.
        place: what has to be equal of where cues stand; None: the one of nine places.
    """
    where = place or (lambda cue: coarse_anchor(cue.position))
    made: list[SubtitleCue] = []
    home: dict[tuple[object, ...], int] = {}
    for cue in cues:
        key = (round(cue.start, 3), round(cue.end, 3), where(cue))
        number = home.get(key)
        if number is None or not cue.lines or cue.end <= cue.start:
            home[key] = len(made)
            made.append(cue)
            continue
        first = made[number]
        heights = first.position.y, cue.position.y
        above = heights[0] is not None and heights[1] is not None and heights[1] < heights[0]
        lines = (*cue.lines, *first.lines) if above else (*first.lines, *cue.lines)
        position = cue.position if above else first.position
        made[number] = replace(first, lines=lines, position=position, origin=None)
    return tuple(made)


def fitted(document: SubtitleDocument, name: str) -> SubtitleDocument:
    """The document as the format called `name` can show it: what SubStation draws frame by frame is one cue in others.

    Two cues of one text that merely follow each other stay two.
    """
    if document.format == name or document.format not in SUBSTATION or name in SUBSTATION:
        return document
    cues = merge_frames(document.cues)
    if len(cues) == len(document.cues):
        return document
    drawn = any(
        cue.position.x is not None or (cue.origin is not None and cue.origin.has_effects) for cue in document.cues
    )
    moments = len({cue.start for cue in document.cues}) - len({cue.start for cue in cues})
    return replace(document, cues=cues) if drawn or moments >= _FRAMES else document


def stacked(document: SubtitleDocument) -> SubtitleDocument:
    """The document with cues of equal time and place as one cue of several lines, and a notice that counts them."""
    cues = merge_equal_times(document.cues)
    if not (merged := len(document.cues) - len(cues)):
        return document
    notice = f"{merged} cue{'' if merged == 1 else 's'} of equal time made one of several lines with another"
    return replace(document, cues=cues, notices=(*document.notices, notice))
