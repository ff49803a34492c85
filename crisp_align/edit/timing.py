"""Times moved and stretched: words that carry their own times move along."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from crisp_align.errors import OptionError
from crisp_align.formats.document import SubtitleDocument

__all__ = ["change_frame_rate", "retimed", "shift", "stretch", "through_points"]


def shift(document: SubtitleDocument, seconds: float) -> SubtitleDocument:
    """The document with every time later by `seconds`, or earlier where it is below 0.

    A cue that would begin before 0 begins there; one that would end there is left out, and a notice counts them.

    Raises:
        OptionError: `seconds` is not finite.
    """
    return stretch(document, 1.0, seconds)


def stretch(document: SubtitleDocument, factor: float, offset: float = 0.0) -> SubtitleDocument:
    """The document with every time multiplied by `factor`, then later by `offset` seconds.

    Raises:
        OptionError: the factor is not above 0, or a number is not finite.
    """
    if not (math.isfinite(factor) and math.isfinite(offset) and factor > 0):
        raise OptionError(
            f"times cannot be stretched by {factor:g} and moved by {offset:g} s", hint="e.g. 1.001 and -2"
        )
    return retimed(document, lambda time: time * factor + offset)


def through_points(
    document: SubtitleDocument, first: tuple[float, float], second: tuple[float, float]
) -> SubtitleDocument:
    """The document stretched so that two of its moments come to lie where they belong.

    Args:
        document: whose times are off.
        first: (s where something is, s where it should be).
        second: the same of a later moment; the further apart the better.

    Raises:
        OptionError: the points are one, or run backwards.
    """
    (was, becomes), (later, later_becomes) = sorted((first, second))
    if later - was < 0.001 or later_becomes <= becomes:
        raise OptionError("the two points must lie apart, and in the same order before and after")
    factor = (later_becomes - becomes) / (later - was)
    return stretch(document, factor, becomes - was * factor)


def change_frame_rate(document: SubtitleDocument, made_for: float, shown_at: float) -> SubtitleDocument:
    """The document for a video that shows the same frames at another rate, e.g. 25 for 23.976.

    Raises:
        OptionError: a rate is no frame rate.
    """
    for rate in (made_for, shown_at):
        if not 1 <= rate <= 1000:
            raise OptionError(f"{rate:g} frames a second is no frame rate", hint="give two from 1 to 1000")
    return stretch(document, made_for / shown_at)


def retimed(document: SubtitleDocument, change: Callable[[float], float]) -> SubtitleDocument:
    """The document with its times changed, rounded to milliseconds; what falls before 0 is left out and counted."""
    cues = []
    for cue in document.cues:
        moved = cue.map_times(lambda time: max(0.0, round(change(time), 3)))
        if change(cue.end) > 0 or cue.end <= cue.start:
            cues.append(moved)
    made = document.with_cues(cues)
    if lost := len(document.cues) - len(cues):
        notice = f"{lost} cue{' that' if lost == 1 else 's that'} would end before 0 s left out"
        return replace(made, notices=(*document.notices, notice))
    return made
