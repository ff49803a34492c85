"""A text that the user gives, to be timed as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from crisp_align.languages import is_spaced
from crisp_align.pipeline.segments import normalize_text
from crisp_align.text.display import quoted
from crisp_align.text.labels import is_sound_line, unspoken_spans
from crisp_align.text.units import UnitMode, split_units
from crisp_align.transcript import Segment, Unit

__all__ = ["ReferenceLine", "ReferenceText", "mismatch_notices"]

POOR_SHARE = 0.5  # of the units transcribed as given, below which the text is some other
POOR_SCORE = 0.3  # mean score below which an aligner doubted most of what it timed
PASSAGE = 6  # words in a row that are judged together: a sentence put in or changed, not a word misheard
STRETCHED = (1.5, 0.05)  # s a word lasts at least, and the score it stays under, where it covers speech left out


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A line of a reference text."""

    text: str
    """As a segment shows it."""
    first: int
    last: int
    """Its units are [first, last); none: it names a sound, and takes no speech."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing in it is said."""
        return self.first == self.last


@dataclass(frozen=True, slots=True)
class ReferenceText:
    """The units of a reference text, and its lines."""

    units: tuple[Unit, ...]
    lines: tuple[ReferenceLine, ...]
    """In order; every unit is in one of them."""
    audible: tuple[Unit, ...]
    """The same units without the labels that are not said, as an aligner is given them."""

    @property
    def line_ends(self) -> tuple[bool, ...]:
        """Whether a line ends after each unit."""
        ends = [False] * len(self.units)
        for line in self.lines:
            if not line.is_sound:
                ends[line.last - 1] = True
        return tuple(ends)

    @classmethod
    def read(cls, text: str | Sequence[str], language: str | None, mode: UnitMode = "word") -> Self:
        """Split a text line by line.

        A line that names sounds only (`[door slams]`) is a line without units; one that holds no letters at all is kept
        with the line before (or after). Labels inside a line (`NAME:`, `[sighs]`) belong to the words next to them.

        Args:
            text: to be split at its line breaks; or its lines, which stay one each, however they are broken: cues.
            language: of the text, where it is known.
            mode: what a unit is.
        """
        units: list[Unit] = []
        audible: list[Unit] = []
        lines: list[ReferenceLine] = []
        lead = ""
        given = text.splitlines() if isinstance(text, str) else text
        for line in given:
            shown = normalize_text(line, language)
            if is_sound_line(shown):
                lines.append(ReferenceLine(lead + shown, len(units), len(units)))
                lead = ""
                continue
            pieces, said = _units_of_rows(line.split("\n"), language, mode) if shown else ([], [])
            if not pieces and not isinstance(text, str):
                lines.append(ReferenceLine(shown, len(units), len(units)))
            elif not pieces and lines:
                lines[-1] = _extended(lines[-1], shown, units)
            elif not pieces:
                lead += shown
            else:
                space = " " if lead and is_spaced(language) and not pieces[0].text.startswith(" ") else ""
                pieces[0] = Unit(lead + space + pieces[0].text, pieces[0].spoken)
                lines.append(ReferenceLine(lead + space + shown, len(units), len(units) + len(pieces)))
                lead = ""
                units.extend(pieces)
                audible.extend(said)
        return cls(tuple(units), tuple(lines), tuple(audible))


def _units_of_rows(rows: Sequence[str], language: str | None, mode: UnitMode) -> tuple[list[Unit], list[Unit]]:
    """The units of the rows of one line, each of which may begin with a label; see `_units`."""
    units: list[Unit] = []
    audible: list[Unit] = []
    waiting = ""
    for row in rows:
        shown = normalize_text(f"{waiting} {row}" if waiting else row, language)
        pieces, said = _units(shown, language, mode) if shown else ([], [])
        waiting = "" if pieces else shown.strip()
        units += pieces
        audible += said
    if waiting and units:
        units[-1] = Unit(f"{units[-1].text} {waiting}", units[-1].spoken)
    return units, audible


def _extended(line: ReferenceLine, shown: str, units: list[Unit]) -> ReferenceLine:
    if not line.is_sound:
        units[-1] = Unit(units[-1].text + shown, units[-1].spoken)
    return ReferenceLine(line.text + shown, line.first, line.last)


def _units(line: str, language: str | None, mode: UnitMode) -> tuple[list[Unit], list[Unit]]:
    """The units of a line with its labels, and without them.

    A label belongs to the unit after it, or before it at the end of the line.
    """
    units: list[Unit] = []
    audible: list[Unit] = []
    waiting, at = "", 0
    for start, end in [*unspoken_spans(line), (len(line), len(line))]:
        piece = line[at:start]
        made = split_units(piece, language, mode) if piece else []
        if made:
            units += [Unit(waiting + made[0].text, made[0].spoken), *made[1:]]
            audible += made
            waiting = ""
        else:
            waiting += piece
        waiting += line[start:end]
        at = end
    if waiting and units:
        units[-1] = Unit(units[-1].text + waiting, units[-1].spoken)
    return units, audible


def mismatch_notices(segments: Sequence[Segment], share: float) -> list[str]:
    """What to say where a given text and its audio do not belong together.

    Args:
        segments: the timed lines.
        share: of the text that a backend transcribed as given, [0, 1]; 1.0 where none transcribed.
    """
    notices = []
    words = [word for segment in segments for word in segment.words if word.score is not None]
    scores = [word.score or 0.0 for word in words]
    mean = sum(scores) / len(scores) if scores else 1.0
    if share < POOR_SHARE:
        notices.append(f"the text may not be what is said: {share:.0%} of it was transcribed as given")
    count = min(PASSAGE, len(words))
    passages = [sum(scores[at : at + count]) / count for at in range(len(words) - count + 1)] if words else []
    worst = min(passages, default=1.0)
    if worst < POOR_SCORE:
        at = passages.index(worst)
        text = "".join(word.text for word in words[at : at + count]).strip()
        notices.append(
            f"the text may not be what is said: mean score {mean:.2f}; worst at {words[at].start:.1f} s, "
            f"{quoted(text)} with {worst:.2f}"
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
