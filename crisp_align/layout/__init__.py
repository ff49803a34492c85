"""From words with times to cues: what a viewer reads at once, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crisp_align.layout.breaking import broken
from crisp_align.layout.packing import packed
from crisp_align.layout.profiles import LanguageRules, default_profile, profile_names, profile_rules
from crisp_align.layout.rules import Rules
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
            language that most of the text is in.
    """
    rules = rules_for(segments, rules)
    if rules.max_lines and rules.max_chars != 1:
        return timed(broken(segments, rules), rules)
    return timed([block for segment in segments for block in packed(segment, rules)], rules)


def heard(segment: Segment, rules: Rules) -> list[Cue]:
    """Cues of a segment that was just heard; each goes out with its last word, as what comes next is not known."""
    return [replace(cue, end=min(cue.end, max(cue.start, cue.lines[-1][-1].end))) for cue in cues([segment], rules)]


def rules_for(segments: Sequence[Segment], rules: Rules) -> Rules:
    """The rules that `segments` are laid out by: `LanguageRules` become those for the language of most of the text."""
    return rules.of(Transcript(tuple(segments), 0.0, "").language) if isinstance(rules, LanguageRules) else rules
