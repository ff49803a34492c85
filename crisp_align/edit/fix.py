"""What `check` finds, mended where the times of the cues alone can mend it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from crisp_align.formats.document import SubtitleCue, SubtitleDocument, plain_cue
from crisp_align.formats.merging import merge_equal_times
from crisp_align.languages import script_language
from crisp_align.layout.profiles import LanguageRules
from crisp_align.layout.rules import Rules, countable_words, gap, line_columns, needed_duration
from crisp_align.transcript import MIN_WORD

__all__ = ["fix"]

_GLIMPSE = 0.3  # s; a cue that the next one leaves less time is one with it, where their lines fit


def fix(document: SubtitleDocument, rules: Rules) -> SubtitleDocument:
    """The document with its cues in order, apart, and as long on the screen as the rules ask, where there is room.

    Cues of equal time and place become one of several lines; of two that overlap, the first goes out before the second
    comes in. A cue that is too brief or too fast to read stays longer while the next one leaves room, one that stays
    too long goes out, and a short gap is closed. No cue comes in at another time, but for the frame that it falls on;
    words and line breaks stay as they are.

    Args:
        document: subtitles.
        rules: `LanguageRules` become those for the language that the document declares, or for its script.
    """
    if isinstance(rules, LanguageRules):
        rules = rules.of(document.language or script_language(" ".join(cue.text for cue in document.cues)))
    cues = [
        replace(cue, start=_tick(cue.start, rules), end=_tick(cue.end, rules)) for cue in document.cues if cue.lines
    ]
    ordered = _joined(merge_equal_times(sorted(cues, key=lambda cue: cue.start)), rules)
    made = [
        replace(cue, end=_end(cue, ordered[number + 1].start if number + 1 < len(ordered) else math.inf, rules))
        for number, cue in enumerate(ordered)
    ]
    return document.with_cues([replace(cue, identifier=str(number)) for number, cue in enumerate(made, start=1)])


def _tick(seconds: float, rules: Rules) -> float:
    return round(round(max(0.0, seconds) * rules.rate) / rules.rate, 3)


def _joined(cues: Sequence[SubtitleCue], rules: Rules) -> list[SubtitleCue]:
    """Cues that come in almost at once as one, while their lines are not too many."""
    most = rules.max_lines or 2
    made: list[SubtitleCue] = []
    for cue in cues:
        before = made[-1] if made else None
        if before and before.end > cue.start and cue.start - before.start < _GLIMPSE:
            if len(before.lines) + len(cue.lines) <= most:
                lines = (*before.lines, *cue.lines)
                made[-1] = replace(before, end=max(before.end, cue.end), lines=lines, origin=None)
                continue
            cue = replace(cue, start=max(cue.start, round(before.start + 1 / rules.rate, 3)))
        made.append(cue)
    return made


def _end(cue: SubtitleCue, next_start: float, rules: Rules) -> float:
    """s, when a cue should go out."""
    shown = plain_cue(cue)
    width = sum(line_columns(line) for line in shown.lines)
    needed = needed_duration(width, countable_words(shown.lines) if rules.max_wpm else 0, rules)
    end = max(cue.end, cue.start + needed, cue.start + 1 / rules.rate)
    longest = cue.start + rules.longest / rules.rate if rules.longest else math.inf
    end = min(end, longest)
    latest = next_start - gap(rules) / rules.rate
    if latest - cue.start < MIN_WORD:
        latest = max(next_start, cue.start + 1 / rules.rate)
    between = latest - end
    if between < 0 or between < rules.close_gap - gap(rules) / rules.rate or between <= rules.fill_gaps:
        end = latest if between < 0 or latest <= longest else end
    return round(math.ceil(round(end * rules.rate, 3)) / rules.rate, 3) if end < latest else round(latest, 3)
