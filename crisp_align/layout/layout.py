"""A layout: the cues of a transcript, and the rules that each of them keeps to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from crisp_align.layout.breaking import optimal_lines
from crisp_align.layout.packing import fill_lines
from crisp_align.layout.profiles import LanguageRules
from crisp_align.layout.reading_speed import ReadingSpeed, too_fast
from crisp_align.layout.rules import Lines, Rules
from crisp_align.layout.times import assign_times
from crisp_align.text.units import dictionary_notice
from crisp_align.text.width import columns
from crisp_align.transcript import Cue, Segment, Transcript

__all__ = ["Layout", "cues", "lay_out", "live_cues"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Cues in order, and the rules that each was laid out by.

    Where the lines of a recording's languages differ, each stretch of cues has the rules for its own language.
    """

    cues: tuple[Cue, ...]
    rules: tuple[Rules, ...]
    """One for each cue."""

    @property
    def notice(self) -> str | None:
        """What to install so that the lines break between words; None: nothing is missing."""
        return next((missing for cue in self.cues if (missing := dictionary_notice(cue.text))), None)

    def reading_speeds(self) -> tuple[ReadingSpeed, ...]:
        """Every cue that goes faster than its rules allow anybody to read, in order."""
        found: list[ReadingSpeed] = []
        for number, (cue, rules) in enumerate(zip(self.cues, self.rules, strict=True)):
            following = self.cues[number + 1] if number + 1 < len(self.cues) else None
            found += too_fast(number + 1, cue, following, rules)
        return tuple(found)


def lay_out(segments: Sequence[Segment], rules: Rules) -> Layout:
    """Lay out `segments` as cues.

    Every word appears once, in order. Cues are in order and never overlap; their times are whole milliseconds (or
    frames), and none is empty. A blank word stays with the word before it.

    Args:
        segments: all of a transcript.
        rules: what to keep to. Without `max_lines`, or with `max_chars` 1, cues are one line each and filled in
            order; with it they are broken where they read best, across segments. `LanguageRules` become those for the
            language that most of the text is in; where the lines of languages differ, in each stretch of segments.
    """
    laid: list[tuple[Lines, Rules]] = []
    for stretch_rules, stretch in reversed(_stretches(segments, rules)):
        for part in reversed(_parts(stretch)):
            next_start = laid[0][0][0][0].start if laid else math.inf
            laid[:0] = [(block, stretch_rules) for block in _blocks(part, stretch_rules, next_start)]
    rules_of_cues = tuple(cue_rules for _, cue_rules in laid)
    return Layout(tuple(assign_times([block for block, _ in laid], rules_of_cues)), rules_of_cues)


def cues(segments: Sequence[Segment], rules: Rules) -> list[Cue]:
    """The cues of `segments`, as `lay_out` makes them."""
    return list(lay_out(segments, rules).cues)


def live_cues(segment: Segment, rules: Rules) -> list[Cue]:
    """Cues of a segment as it is transcribed; each goes out with its last word, as what comes next is not known."""
    return [replace(cue, end=min(cue.end, max(cue.start, cue.lines[-1][-1].end))) for cue in cues([segment], rules)]


def _blocks(segments: Sequence[Segment], rules: Rules, next_start: float) -> list[Lines]:
    if rules.max_lines and rules.max_chars != 1:
        return optimal_lines(segments, rules, next_start)
    return [block for segment in segments for block in fill_lines(segment, rules)]


def _parts(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments that may share cues: speech in a row, and each line alone that takes no speech."""
    parts: list[list[Segment]] = [[]]
    for segment in segments:
        silent = segment.match in ("unspoken", "sound")
        if parts[-1] and (silent or parts[-1][-1].match in ("unspoken", "sound")):
            parts.append([])
        parts[-1].append(segment)
    return parts


def _stretches(segments: Sequence[Segment], rules: Rules) -> list[tuple[Rules, list[Segment]]]:
    """Segments in a row whose lines are alike, with their rules.

    Languages whose lines are alike share cues, so that a word in another one does not tear a dialogue apart. What shows
    no language, or is of wide script by name only ("OK."), goes with what is before.
    """
    if not isinstance(rules, LanguageRules):
        return [(rules, list(segments))]
    language = _language(segments)
    stretches: list[list[Segment]] = []
    shape = None
    for segment in segments:
        segment_rules = rules.of(segment.language or language)
        if segment_rules.char_columns == 1 or any(columns(char) == 2 and char.isalpha() for char in segment.text):
            language = segment.language or language
        segment_rules = rules.of(language)
        segment_shape = (segment_rules.line_limit, segment_rules.char_columns, segment_rules.max_lines)
        if not stretches or segment_shape != shape:
            shape = segment_shape
            stretches.append([])
        stretches[-1].append(segment)
    return [(rules.of(_language(stretch) or language), stretch) for stretch in stretches or [[]]]


def _language(segments: Sequence[Segment]) -> str | None:
    return Transcript(tuple(segments), 0.0, "").language
