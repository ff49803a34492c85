"""What a layout keeps to."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import TypeAlias

from crisp_align.errors import OptionError
from crisp_align.text.marks import DASHES
from crisp_align.text.width import columns
from crisp_align.transcript import Word

__all__ = ["Lines", "Rules", "countable_words", "gap", "is_long_pause", "line_columns", "needed_duration", "onset"]

Lines: TypeAlias = tuple[tuple[Word, ...], ...]

_DASH = re.compile(rf"[{DASHES}] ?")
_FILM = 24.0  # frames a second that frame counts mean where no rate is given


@dataclass(frozen=True, slots=True)
class Rules:
    """How words become cues. A number of 0 sets no limit.

    >>> lay_out(transcript, rules=Rules(max_chars=42, max_lines=2, max_cps=17)).cues

    Raises:
        OptionError: a number is negative, not finite, or contradicts another.
    """

    max_chars: int = 0
    """0: a cue a segment; 1: a cue a word; N: at most N characters in a cue, or in a line where `max_lines` is set."""
    split_on_word: bool = False
    """A word longer than `max_chars` stays whole, and a line only breaks where the text has a space or the script
    needs none; otherwise such a word is cut between two grapheme clusters and its time shared out. Where `max_lines`
    is set, words always stay whole."""
    split_on_punctuation: bool = False
    """Every sentence begins a cue."""
    char_columns: int = 1
    """Columns that count as one character: 2 under Chinese, Japanese and Korean rules, where half-width counts half."""
    max_lines: int = 0
    """0: cues of one line, filled in order; N: cues of up to N lines, broken where they read best."""
    max_words: int = 0
    """Words in a cue; phrases in Chinese, Japanese and Thai."""
    max_duration: float = 0.0
    """s"""
    min_duration: float = 0.0
    """s"""
    max_cps: float = 0.0
    """Characters a second, the spaces between words included."""
    max_wpm: float = 0.0
    """Words a minute."""
    max_pause: float = 1.5
    """s; a longer pause between two words begins a cue, so that no words are on the screen long before they are
    spoken. Where a cue is a whole segment it stays one."""
    min_gap: float = 0.0
    """s between two cues."""
    min_gap_frames: int = 0
    """The same in frames; without `fps`, of 1/24 s."""
    close_gap: float = 0.0
    """s; a shorter gap is closed to the minimum gap."""
    fill_gaps: float = 0.0
    """s; a cue stays until the minimum gap before the next one where they are at most so far apart."""
    linger: float = 0.0
    """s that a cue may stay after its last word, so as to reach `min_duration`, `max_cps` or `max_wpm`."""
    fps: float = 0.0
    """Frames a second; times fall on frames."""
    speaker_dash: str = "- "
    """What begins the lines of a cue in which two people speak."""

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(Rules)):
            number = getattr(self, name)
            if not isinstance(number, str) and not (math.isfinite(number) and number >= 0):
                raise OptionError(f"{name.replace('_', ' ')} cannot be {number}", hint="give 0 or more")
        if self.max_duration and self.max_duration < self.min_duration:
            raise OptionError("the longest duration of a cue is below the shortest", hint="raise --max-duration")
        if self.fps and not 1 <= self.fps <= 1000:
            raise OptionError(f"{self.fps:g} frames a second is no frame rate", hint="give --fps from 1 to 1000")
        if self.char_columns not in (1, 2):
            raise OptionError(f"a character of {self.char_columns} columns does not exist", hint="1 or 2")
        if not _DASH.fullmatch(self.speaker_dash):
            raise OptionError(f"{self.speaker_dash!r} is no dash", hint='e.g. "-" or "– ": a dash, and a space or none')

    @property
    def rate(self) -> float:
        """Ticks a second that times fall on: frames, or milliseconds."""
        return self.fps or 1000.0

    @property
    def is_cue_a_segment(self) -> bool:
        """Whether nothing is asked for but a cue for each segment, however long its pauses are."""
        return not (
            self.max_chars or self.max_lines or self.max_words or self.max_duration or self.split_on_punctuation
        )

    @property
    def longest(self) -> int:
        """Ticks that a cue may stay; 0: no limit."""
        return max(1, math.floor(self.max_duration * self.rate + 1e-6)) if self.max_duration else 0

    @property
    def line_limit(self) -> int:
        """Columns in a line; 0: no limit."""
        return self.max_chars * self.char_columns if self.max_chars > 1 else 0


def gap(rules: Rules) -> int:
    """The least gap between cues, in ticks."""
    return max(_frames(rules.min_gap_frames, rules), math.ceil(rules.min_gap * rules.rate - 1e-6))


def _frames(count: int, rules: Rules) -> int:
    return count if rules.fps else math.ceil(count / _FILM * rules.rate - 1e-6)


def is_long_pause(before: float, after: float, rules: Rules) -> bool:
    """Whether the silence from `before` to `after`, in seconds, is longer than one that a cue may hold."""
    return 0 < rules.max_pause < after - before - 1e-6


def onset(words: tuple[Word, ...]) -> float:
    """s, when the first of the words begins that is shown."""
    if words[0].text.strip():
        return words[0].start
    return next((word.start for word in words if word.text.strip()), words[0].start)


def line_columns(words: tuple[Word, ...] | list[Word]) -> int:
    """Columns of a line of words, the white space around it left out."""
    return columns("".join(word.text for word in words).strip())


def countable_words(lines: Lines) -> int:
    """Words in `lines`, but for marks that stand alone; 0 where they hold wide characters, which spaces do not part."""
    texts = ["".join(word.text for word in line) for line in lines]
    wide = any(columns(c) == 2 and c.isalnum() and not "\uac00" <= c <= "\ud7a3" for text in texts for c in text)
    return 0 if wide else sum(any(map(str.isalnum, word)) for text in texts for word in text.split())


def needed_duration(width: int, words: int, rules: Rules) -> float:
    """Seconds that a viewer needs for `width` columns that hold `words` words, and at least the minimum."""
    needed = rules.min_duration
    if rules.max_cps:
        needed = max(needed, width / rules.char_columns / rules.max_cps)
    if rules.max_wpm:
        needed = max(needed, 60.0 * words / rules.max_wpm)
    return needed
