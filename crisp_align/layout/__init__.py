"""From words with times to cues: what a viewer reads at once, and when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from crisp_align.layout.breaking import broken
from crisp_align.layout.packing import packed
from crisp_align.layout.profiles import LanguageRules, default_profile, profile_names, profile_rules
from crisp_align.layout.rules import Lines, Rules
from crisp_align.layout.times import timed
from crisp_align.text.width import columns
from crisp_align.transcript import Cue, Segment, Transcript

__all__ = ["LanguageRules", "Rules", "cues", "default_profile", "heard", "profile_names", "profile_rules", "rules_for"]


def cues(segments: Sequence[Segment], rules: Rules) -> list[Cue]:
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
    for own, stretch in reversed(_stretches(segments, rules)):
        until = laid[0][0][0][0].start if laid else math.inf
        laid[:0] = [(block, own) for block in _blocks(stretch, own, until)]
    return timed([block for block, _ in laid], [own for _, own in laid])


def heard(segment: Segment, rules: Rules) -> list[Cue]:
    """Cues of a segment that was just heard; each goes out with its last word, as what comes next is not known."""
    return [replace(cue, end=min(cue.end, max(cue.start, cue.lines[-1][-1].end))) for cue in cues([segment], rules)]


def rules_for(segments: Sequence[Segment], rules: Rules) -> Rules:
    """The rules that `segments` are laid out by; `LanguageRules` stay what they are only where stretches differ."""
    own = [stretch_rules for stretch_rules, _ in _stretches(segments, rules)]
    return own[0] if len(own) == 1 else rules


def _blocks(segments: Sequence[Segment], rules: Rules, until: float) -> list[Lines]:
    if rules.max_lines and rules.max_chars != 1:
        return broken(segments, rules, until)
    return [block for segment in segments for block in packed(segment, rules)]


def _stretches(segments: Sequence[Segment], rules: Rules) -> list[tuple[Rules, list[Segment]]]:
    """Segments in a row whose lines are alike, with their rules.

    Languages whose lines are alike share cues, so that a word in another one does not tear a dialogue apart. What tells
    no language, or is of wide script by name only ("OK."), goes with what is before.
    """
    if not isinstance(rules, LanguageRules):
        return [(rules, list(segments))]
    language = _language(segments)
    stretches: list[list[Segment]] = []
    shape = None
    for segment in segments:
        own = rules.of(segment.language or language)
        if own.char_columns == 1 or any(columns(char) == 2 and char.isalpha() for char in segment.text):
            language = segment.language or language
        own = rules.of(language)
        if not stretches or (own.line_limit, own.char_columns, own.max_lines) != shape:
            shape = (own.line_limit, own.char_columns, own.max_lines)
            stretches.append([])
        stretches[-1].append(segment)
    return [(rules.of(_language(stretch) or language), stretch) for stretch in stretches or [[]]]


def _language(segments: Sequence[Segment]) -> str | None:
    return Transcript(tuple(segments), 0.0, "").language
