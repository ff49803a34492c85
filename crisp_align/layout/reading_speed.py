"""Cues that pass faster than they can be read."""

from __future__ import annotations

from dataclasses import dataclass

from crisp_align.layout.rules import Rules, countable_words, gap, line_columns, needed_duration
from crisp_align.transcript import Cue

__all__ = ["ReadingSpeed", "too_fast"]

_MILLISECOND = 0.0011  # times are written in whole ones
_FASTEST = 40.0  # columns a second that anybody speaks; 25 are very fast


@dataclass(frozen=True, slots=True)
class ReadingSpeed:
    """A cue that goes faster than the rules allow."""

    cue: int
    """Counted from 1."""
    start: float
    """s, where the cue comes in."""
    measured: float
    """Characters a second or words a minute, as `unit` says."""
    allowed: float
    unit: str
    reason: str
    """Why no layout could help, in words; empty where the cue could stay longer."""

    @property
    def message(self) -> str:
        """What was measured, and what is allowed."""
        return f"{self.measured:.1f} {self.unit}, {self.allowed:g} allowed"

    @property
    def unavoidable(self) -> bool:
        """Whether the speech itself is that fast: no layout could give the cue more time."""
        return bool(self.reason)


def too_fast(
    number: int,
    cue: Cue,
    following: Cue | None,
    rules: Rules,
    tolerance: float = _MILLISECOND,
    *,
    measured: bool = True,
) -> list[ReadingSpeed]:
    """The limits of reading speed that a cue breaks: of characters a second, of words a minute, or of both.

    It is unavoidable where the cue cannot stay longer: the next one follows, it has lasted or lingered its most.

    Args:
        number: of the cue, counted from 1.
        cue: that is judged.
        following: the cue after it, if any.
        rules: what to keep to.
        tolerance: s that a time may be off by.
        measured: whether the times of the words were measured. Where they were not, nobody knows whether the cue
            already lingers; it is held to have lingered its most where somebody could have spoken so fast.
    """
    duration = cue.end - cue.start
    if duration <= 0 or not (rules.max_cps or rules.max_wpm):
        return []
    width = sum(line_columns(line) for line in cue.lines)
    count = countable_words(cue.lines) if rules.max_wpm else 0
    if needed_duration(width, count, rules) <= max(duration + tolerance, rules.min_duration):
        return []
    reason = _reason(cue, width, following, rules, tolerance, measured=measured)
    speeds = [
        (width / rules.char_columns / duration, rules.max_cps, "characters a second"),
        (60 * count / duration, rules.max_wpm, "words a minute"),
    ]
    return [
        ReadingSpeed(number, cue.start, speed, limit, unit, reason)
        for speed, limit, unit in speeds
        if 0 < limit < speed
    ]


def _reason(cue: Cue, width: int, following: Cue | None, rules: Rules, tolerance: float, *, measured: bool) -> str:
    """Why the cue cannot stay longer; empty where it can."""
    duration = cue.end - cue.start
    slack = tolerance + (1 / rules.fps if rules.fps else 0.0)  # rounded to frames, a cue lingers less
    last = next((word for line in reversed(cue.lines) for word in reversed(line) if word.text.strip()), None)
    lingered = measured and last is not None and cue.end >= last.end + rules.linger - slack
    lasted = 0 < rules.max_duration <= duration + slack
    room = following.start - gap(rules) / rules.rate - cue.start if following else float("inf")
    if duration >= room - tolerance or lingered or lasted:
        return "the speech is that fast"
    if not measured and width <= _FASTEST * (duration - rules.linger + slack):
        return "the speech may be that fast"
    return ""
