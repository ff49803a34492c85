"""Documents taken apart and put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from crisp_align.edit.timing import shift
from crisp_align.errors import OptionError
from crisp_align.formats.document import SubtitleCue, SubtitleDocument

__all__ = ["cut", "join", "merge", "renumber"]

_SHARED = 0.5  # of the shorter of two cues that are said to be one in two languages


def cut(
    document: SubtitleDocument, start: float = 0.0, end: float = math.inf, *, keep_times: bool = False
) -> SubtitleDocument:
    """What is shown from `start` to `end`, in seconds; cues across an edge are trimmed to it.

    Args:
        document: to cut from.
        start: s.
        end: s.
        keep_times: whether times stay as they are; else they count from `start`.

    Raises:
        OptionError: the stretch is empty or begins before 0.
    """
    if not 0 <= start < end:
        raise OptionError(f"nothing lies between {start:g} and {end:g} s", hint="give a start below the end")
    inside = [cue for cue in document.cues if cue.start < end and cue.end > start]
    trimmed = [cue.map_times(lambda time: min(max(time, start), end)) for cue in inside]
    made = document.with_cues(trimmed)
    return made if keep_times or not start else shift(made, -start)


def join(documents: Sequence[SubtitleDocument], offsets: Sequence[float] | None = None) -> SubtitleDocument:
    """Documents one after the other, as one; styles are those of the first.

    Args:
        documents: of the parts of a film, at least one.
        offsets: s where each part begins; None: each begins where the one before it ends.

    Raises:
        OptionError: there is no document, or not one offset for each.
    """
    if not documents:
        raise OptionError("there is nothing to join", hint="give two files or more")
    if offsets is not None and len(offsets) != len(documents):
        raise OptionError(f"{len(documents)} parts need as many offsets", hint="the first one is mostly 0")
    cues: list[SubtitleCue] = []
    notices: list[str] = []
    begin = 0.0
    for number, document in enumerate(documents):
        moved = shift(document, offsets[number] if offsets is not None else begin)
        first = documents[0]
        same = document.format == first.format and document.header == first.header
        cues += moved.cues if same else (replace(cue, origin=None) for cue in moved.cues)
        notices += moved.notices
        begin = max([begin, *(cue.end for cue in moved.cues)])
    return replace(renumber(documents[0].with_cues(cues)), notices=tuple(dict.fromkeys(notices)))


def renumber(document: SubtitleDocument) -> SubtitleDocument:
    """The document with its cues numbered from 1."""
    return document.with_cues([replace(cue, identifier=str(n)) for n, cue in enumerate(document.cues, start=1)])


def merge(above: SubtitleDocument, below: SubtitleDocument) -> SubtitleDocument:
    """Two languages in one document: where their cues share most of their time, one stands above the other.

    A cue whose words take two cues in the other language comes in both. What only one of the languages has stays as it
    is. The result has the styles of `above`.
    """
    upper, lower = sorted(above.cues, key=_time), sorted(below.cues, key=_time)
    pairs = _pairs(upper, lower)
    of_upper: dict[int, list[int]] = {}
    of_lower: dict[int, list[int]] = {}
    for first, second in pairs:
        of_upper.setdefault(first, []).append(second)
        of_lower.setdefault(second, []).append(first)
    made = [replace(cue, origin=None) for n, cue in enumerate(upper) if n not in of_upper]
    made += [replace(cue, origin=None) for n, cue in enumerate(lower) if n not in of_lower]
    for first, second in pairs:
        one, other = upper[first], lower[second]
        start, end = min(one.start, other.start), max(one.end, other.end)
        if len(of_upper[first]) > 1:  # the lower cues say when
            start, end = other.start, other.end
        elif len(of_lower[second]) > 1:
            start, end = one.start, one.end
        made.append(replace(one, start=start, end=end, lines=(*one.lines, *other.lines), origin=None))
    notices = tuple(dict.fromkeys((*above.notices, *below.notices)))
    return replace(renumber(above.with_cues(_apart(sorted(made, key=_time)))), notices=notices, language=None)


def _time(cue: SubtitleCue) -> tuple[float, float]:
    return cue.start, cue.end


def _pairs(upper: Sequence[SubtitleCue], lower: Sequence[SubtitleCue]) -> list[tuple[int, int]]:
    """Numbers of the cues that say the same: they share most of the time of the shorter one."""
    pairs: list[tuple[int, int]] = []
    begin = 0
    for first, one in enumerate(upper):
        while begin < len(lower) and lower[begin].end <= one.start:
            begin += 1
        for second in range(begin, len(lower)):
            other = lower[second]
            if other.start >= one.end:
                break
            shared = min(one.end, other.end) - max(one.start, other.start)
            if shared >= _SHARED * min(one.end - one.start, other.end - other.start) > 0:
                pairs.append((first, second))
    return pairs


def _apart(cues: Sequence[SubtitleCue]) -> list[SubtitleCue]:
    """Cues in order of time, none of which runs into the next unless both begin at once."""
    made: list[SubtitleCue] = []
    for number, cue in enumerate(cues):
        following = next((later.start for later in cues[number + 1 :] if later.start > cue.start), math.inf)
        made.append(replace(cue, end=min(cue.end, following)))
    return made
