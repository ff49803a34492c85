"""From one format of subtitles to another: what a target has no place for, counted, and what is put right for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from crisp_align.formats import find_format
from crisp_align.formats.bridge import writes_words
from crisp_align.formats.cue_text import milliseconds
from crisp_align.formats.document import BOTTOM, PLAIN, SUBSTATION, SubtitleCue, SubtitleDocument, TextStyle
from crisp_align.formats.format import Feature, Format, WriteOptions
from crisp_align.formats.merging import fitted

__all__ = ["Loss", "loss_notice", "losses"]

_NAMES: dict[Feature, str] = {
    "bold": "bold",
    "italic": "italics",
    "underline": "underlining",
    "strikeout": "strikeout",
    "colour": "colours",
    "transparency": "transparency",
    "ruby": "ruby",
    "place": "places in the picture",
    "exact place": "exact places in the picture",
    "one speaker": "names of speakers",
    "speakers": "names of speakers",
    "word times": "times of words",
    "line breaks": "line breaks",
    "overlaps": "overlaps",
    "effects": "typefaces and effects",
    "comments": "comments",
    "styles": "looks of styles",
}
_CLEARED = 1.0  # s of silence after which a format without ends clears the screen
_WORDS: frozenset[Feature] = frozenset({"one speaker", "word times", "line breaks", "overlaps"})


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that a document has and a format has no place for."""

    what: str
    cues: int
    """How many cues have it."""


def losses(document: SubtitleDocument, name: str, options: WriteOptions | None = None) -> tuple[Loss, ...]:
    """What `write_document` leaves out of a document in the format called `name`; empty: nothing.

    Raises:
        OptionError: no such format.
    """
    options, format = options or WriteOptions(), find_format(name)
    counts: dict[str, int] = {}
    words = writes_words(document, format, options)
    holds = _WORDS if words else format.holds
    ready = fitted(document, format.name)
    same = document.format == format.name and not words
    main = _main_style(ready)
    for number, cue in enumerate(ready.cues):
        following = ready.cues[number + 1].start if number + 1 < len(ready.cues) else None
        lost = {_NAMES[feature] for feature in _features(cue, same=same) if not _is_held(feature, holds)}
        if document.format in SUBSTATION and cue.style != main and cue.lines and not same:
            lost.add(_NAMES["styles"])
        if not cue.lines and not (same and cue.origin):
            lost.add("cues that show nothing")
        for what in (*sorted(lost), *_times(cue, following, format)):
            counts[what] = counts.get(what, 0) + 1
    if "overlaps" not in holds and format.timed and (count := _overlaps(ready)):
        counts[_NAMES["overlaps"]] = count
    return tuple(Loss(what, count) for what, count in counts.items())


def loss_notice(document: SubtitleDocument, name: str, options: WriteOptions | None = None) -> str:
    """One line about what a document loses in a format, or what is put right for it; empty: nothing.

    Raises:
        OptionError: no such format.
    """
    parts: list[str] = []
    ready = fitted(document, find_format(name).name)
    if merged := len(document.cues) - len(ready.cues):
        parts.append(f"{_counted(merged)} of one text drawn frame by frame made one with another")
    if lost := losses(document, name, options):
        named = ", ".join(f"{loss.what} ({_counted(loss.cues)})" for loss in lost)
        parts.append(f"{name} has no place for {named}")
    return "; ".join(parts)


def _main_style(document: SubtitleDocument) -> str:
    """The style of most cues."""
    counts = Counter(cue.style for cue in document.cues)
    return max(counts, key=counts.__getitem__, default="")


def _counted(cues: int) -> str:
    return f"{cues} cue{'' if cues == 1 else 's'}"


def _is_held(feature: Feature, holds: frozenset[Feature]) -> bool:
    if feature == "one speaker":
        return "speakers" in holds or feature in holds
    return feature in holds


def _features(cue: SubtitleCue, *, same: bool) -> Iterator[Feature]:
    """What a cue has that not every format holds, some of it several times.

    Args:
        cue: of a document.
        same: whether it is written in the format that it was read from, where what it says beyond that stays.
    """
    yield from _styles(cue)
    if cue.position != BOTTOM:
        yield "place"
        if cue.position.x is not None or cue.position.y is not None:
            yield "exact place"
    if len(cue.lines) > 1:
        yield "line breaks"
    names = {run.speaker for line in cue.lines for run in line if run.text}
    if names != {None} and names:
        yield "one speaker" if len(names) == 1 else "speakers"
    if cue.origin is not None and not (same and cue.is_untouched):
        if cue.origin.has_effects:
            yield "effects"
        if cue.origin.has_comment and not same:
            yield "comments"


def _styles(cue: SubtitleCue) -> Iterator[Feature]:
    for line in cue.lines:
        for run in line:
            if run.start is not None:
                yield "word times"
            if run.style is not PLAIN and run.style != PLAIN:
                yield from _of_style(run.style)


def _of_style(style: TextStyle) -> Iterator[Feature]:
    if style.bold:
        yield "bold"
    if style.italic:
        yield "italic"
    if style.underline:
        yield "underline"
    if style.strike:
        yield "strikeout"
    if style.ruby:
        yield "ruby"
    if style.color:
        yield "colour"
        if len(style.color) > len("#rrggbb"):
            yield "transparency"


def _times(cue: SubtitleCue, following: float | None, format: Format) -> Iterator[str]:
    """What a format cannot say of when a cue is shown."""
    if not format.timed:
        return
    step = milliseconds(format.time_step)
    if step > 1 and (milliseconds(cue.start) % step or milliseconds(cue.end) % step):
        yield f"times finer than {format.time_step:g} s"
    if not format.has_ends and following is not None and 0 < abs(following - cue.end) < _CLEARED:
        yield "ends of cues"


def _overlaps(document: SubtitleDocument) -> int:
    ordered = sorted((cue for cue in document.cues if cue.lines), key=lambda cue: cue.start)
    return sum(right.start < left.end for left, right in pairwise(ordered))
