"""From words with times to cues: what a viewer reads at once, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crisp_align.layout.breaking import broken
from crisp_align.layout.packing import packed
from crisp_align.layout.profiles import LanguageRules, default_profile, profile_names, profile_rules
from crisp_align.layout.rules import Lines, Rules
from crisp_align.layout.times import timed
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
    laid = [(block, own) for own, stretch in _stretches(segments, rules) for block in _blocks(stretch, own)]
    return timed([block for block, _ in laid], [own for _, own in laid])


def heard(segment: Segment, rules: Rules) -> list[Cue]:
    """Cues of a segment that was just heard; each goes out with its last word, as what comes next is not known."""
    return [replace(cue, end=min(cue.end, max(cue.start, cue.lines[-1][-1].end))) for cue in cues([segment], rules)]


def rules_for(segments: Sequence[Segment], rules: Rules) -> Rules:
    """The rules that `segments` are laid out by; `LanguageRules` stay what they are only where stretches differ."""
    own = [stretch_rules for stretch_rules, _ in _stretches(segments, rules)]
    return own[0] if len(own) == 1 else rules


def _blocks(segments: Sequence[Segment], rules: Rules) -> list[Lines]:
    if rules.max_lines and rules.max_chars != 1:
        return broken(segments, rules)
    return [block for segment in segments for block in packed(segment, rules)]


def _stretches(segments: Sequence[Segment], rules: Rules) -> list[tuple[Rules, list[Segment]]]:
    """Segments in a row whose lines are alike, with their rules; a segment without a language goes with those before.

    Languages whose lines are alike share cues, so that a word in another one does not tear a dialogue apart.
    """
    if not isinstance(rules, LanguageRules):
        return [(rules, list(segments))]
    language = _language(segments)
    stretches: list[list[Segment]] = []
    shape = None
    for segment in segments:
        language = segment.language or language
        own = rules.of(language)
        if not stretches or (own.line_limit, own.char_columns, own.max_lines) != shape:
            shape = (own.line_limit, own.char_columns, own.max_lines)
            stretches.append([])
        stretches[-1].append(segment)
    return [(rules.of(_language(stretch) or language), stretch) for stretch in stretches or [[]]]


def _language(segments: Sequence[Segment]) -> str | None:
    return Transcript(tuple(segments), 0.0, "").language
