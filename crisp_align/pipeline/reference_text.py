"""A text that the user gives, to be timed as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from crisp_align.languages import is_spaced
from crisp_align.pipeline.segments import one_line
from crisp_align.text.units import UnitMode, split_units
from crisp_align.transcript import Segment, Unit

__all__ = ["GivenText", "fit"]

POOR_SHARE = 0.5  # of the units heard as given, below which the text is some other
POOR_SCORE = 0.3  # mean score below which an aligner doubted most of what it timed
PASSAGE = 6  # words in a row that are judged together: a sentence put in or changed, not a word misheard
STRETCHED = (1.5, 0.05)  # s a word lasts at least, and the score it stays under, where it covers speech left out


@dataclass(frozen=True, slots=True)
class GivenText:
    """The units of a given text, and where its lines end."""

    units: tuple[Unit, ...]
    line_ends: tuple[bool, ...]
    """Whether a line ends after each unit."""

    @classmethod
    def read(cls, text: str, language: str | None, mode: UnitMode = "word") -> Self:
        """Split a text line by line; a line that holds nothing to say is kept with the line before (or after)."""
        units: list[Unit] = []
        ends: list[bool] = []
        lead = ""
        for line in text.splitlines():
            shown = one_line(line, language)
            pieces = split_units(shown, language, mode) if shown else []
            if not pieces and units:
                units[-1] = Unit(units[-1].text + shown, units[-1].spoken)
            elif not pieces:
                lead += shown
            else:
                space = " " if lead and is_spaced(language) and not pieces[0].text.startswith(" ") else ""
                pieces[0] = Unit(lead + space + pieces[0].text, pieces[0].spoken)
                lead = ""
                units.extend(pieces)
                ends.extend([False] * (len(pieces) - 1) + [True])
        return cls(tuple(units), tuple(ends))


def fit(segments: Sequence[Segment], share: float) -> list[str]:
    """What to say where a given text and its audio do not belong together.

    Args:
        segments: the timed lines.
        share: of the text that a backend heard as given, [0, 1]; 1.0 where none listened.
    """
    notices = []
    words = [word for segment in segments for word in segment.words if word.score is not None]
    scores = [word.score or 0.0 for word in words]
    mean = sum(scores) / len(scores) if scores else 1.0
    if share < POOR_SHARE:
        notices.append(f"the text may not be what is said: {share:.0%} of it was heard as given")
    count = min(PASSAGE, len(words))
    passages = [sum(scores[at : at + count]) / count for at in range(len(words) - count + 1)] if words else []
    worst = min(passages, default=1.0)
    if worst < POOR_SCORE:
        at = passages.index(worst)
        text = "".join(word.text for word in words[at : at + count]).strip()
        notices.append(
            f"the text may not be what is said: mean score {mean:.2f}; worst at {words[at].start:.1f} s, "
            f"{text[:60]!r} with {worst:.2f}"
        )
    length, score = STRETCHED
    stretched = [word for word in words if word.end - word.start >= length and (word.score or 0.0) < score]
    if stretched:
        word = max(stretched, key=lambda word: word.end - word.start)
        notices.append(
            f"more may be said than the text holds: at {word.start:.1f} s {word.text.strip()!r} lasts "
            f"{word.end - word.start:.1f} s with score {word.score or 0.0:.2f}"
        )
    return notices
