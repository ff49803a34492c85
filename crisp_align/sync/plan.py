"""What of a reference text is said in which clip, and what is said that the text lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

from crisp_align.sync.match import Pair, match_tokens, similarity
from crisp_align.sync.tokens import tokens_of
from crisp_align.transcript import Unit

__all__ = ["ClipPlan", "Item", "TextPlan", "plan_text"]

_SURE = 0.6  # similarity from which a token counts as transcribed
_SPOKEN = 0.6  # share of a line's letters that were transcribed, from which it counts as heard
_PARTLY = 0.34  # the same, from which it counts as partly heard
_MISHEARD = 0.55  # similarity of all letters of a line and of what was transcribed in its place: another spelling of it
_FEWEST_EXTRA = 2  # units in a row that the text lacks: one is a word misheard

Status: TypeAlias = Literal["heard", "partly", "unspoken"]


@dataclass(frozen=True, slots=True)
class Item:
    """A unit that is said in a clip."""

    unit: Unit
    given: int | None
    """Its number in the reference text; None: the text lacks it."""


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """All that is said in a clip, in order: units of the text, and those that it lacks."""

    number: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class TextPlan:
    """How a text and the transcription of its recording belong together."""

    lines: tuple[Status, ...]
    """Of each line of the text that has units; the others are "unspoken"."""
    clips: tuple[ClipPlan, ...]
    """Those in which something is said, in order."""
    share: float
    """Of the letters of the text that were transcribed as given, in [0, 1]."""
    paired: tuple[int, ...]
    """Numbers of the transcribed units that are in the text, counted over all clips."""
    places: tuple[tuple[int, int], ...]
    """Of each line, the first and the last clip that it can be in."""


def plan_text(
    units: Sequence[Unit],
    lines: Sequence[tuple[int, int]],
    clips: Sequence[Sequence[Unit]],
    language: str | None,
) -> TextPlan:
    """Find which lines of a text are said, and where.

    Args:
        units: of the text.
        lines: [first, last) unit of each line, in order; together all units.
        clips: the units that a backend transcribed in each clip.
        language: code of the language of both.
    """
    recognized_units = [unit for clip in clips for unit in clip]
    clip_of = [number for number, clip in enumerate(clips) for _ in clip]
    given, recognized = tokens_of(units, language), tokens_of(recognized_units, language)
    starts = {first for first, _ in lines}
    line_starts = [unit in starts and (n == 0 or given.units[n - 1] != unit) for n, unit in enumerate(given.units)]
    pairs = match_tokens(given.texts, recognized.texts, line_starts)
    shares = _shares(units, lines, given.texts, given.units, pairs)
    partners = _partners(given.units, recognized.units, pairs)
    statuses = [
        _status(line, share, units, partners, recognized_units) for line, share in zip(lines, shares, strict=True)
    ]
    spoken = {
        unit
        for (first, last), status in zip(lines, statuses, strict=True)
        if status != "unspoken"
        for unit in range(first, last)
    }
    partners = {unit: found for unit, found in partners.items() if unit in spoken}
    items = _items(units, lines, statuses, partners, recognized_units, clip_of)
    letters = sum(len(unit.spoken) for unit in units)
    weight = sum(
        share * sum(len(unit.spoken) for unit in units[a:b]) for (a, b), share in zip(lines, shares, strict=True)
    )
    return TextPlan(
        tuple(statuses),
        tuple(ClipPlan(number, tuple(found)) for number, found in enumerate(items) if found),
        weight / letters if letters else 0.0,
        tuple(sorted({recognized for found in partners.values() for recognized in found})),
        _places(lines, statuses, partners, clip_of, len(clips)),
    )


def _shares(
    units: Sequence[Unit],
    lines: Sequence[tuple[int, int]],
    tokens: Sequence[str],
    owners: Sequence[int],
    pairs: Sequence[Pair],
) -> list[float]:
    """Of each line, the share of its letters that were transcribed."""
    total, sure = [0.0] * len(units), [0.0] * len(units)
    for token, owner in zip(tokens, owners, strict=True):
        total[owner] += len(token)
    for pair in pairs:
        if pair.similarity >= _SURE:
            sure[owners[pair.given]] += len(tokens[pair.given]) * pair.similarity
    return [sum(sure[a:b]) / max(sum(total[a:b]), 1e-9) for a, b in lines]


def _partners(given: Sequence[int], recognized: Sequence[int], pairs: Sequence[Pair]) -> dict[int, list[int]]:
    """Unit of the text → the transcribed units that stand for it."""
    found: dict[int, list[int]] = {}
    for pair in pairs:
        partners = found.setdefault(given[pair.given], [])
        if recognized[pair.recognized] not in partners:
            partners.append(recognized[pair.recognized])
    return found


def _status(
    line: tuple[int, int],
    share: float,
    units: Sequence[Unit],
    partners: dict[int, list[int]],
    recognized: Sequence[Unit],
) -> Status:
    if share >= _SPOKEN:
        return "heard"
    if share >= _PARTLY:
        return "partly"
    there = [number for unit in range(*line) for number in partners.get(unit, ())]
    if there:
        text = "".join(unit.spoken for unit in units[line[0] : line[1]]).casefold()
        said = "".join(recognized[number].spoken for number in range(min(there), max(there) + 1)).casefold()
        if similarity(text, said) >= _MISHEARD:
            return "partly"
    return "unspoken"


def _items(
    units: Sequence[Unit],
    lines: Sequence[tuple[int, int]],
    statuses: Sequence[Status],
    partners: dict[int, list[int]],
    recognized: Sequence[Unit],
    clip_of: Sequence[int],
) -> list[list[Item]]:
    """What is said in each clip."""
    placed: list[tuple[float, int, Item]] = []
    last = -1.0
    for (first, end), status in zip(lines, statuses, strict=True):
        if status == "unspoken":
            continue
        known = [partners[unit][0] for unit in range(first, end) if unit in partners]
        before = float(known[0]) if known else last
        for unit in range(first, end):
            # A unit that was not transcribed goes with the one before it in its line, or with the one after it.
            here = max(float(partners[unit][0]) if unit in partners else before, last)
            placed.append((here, 0, Item(units[unit], unit)))
            before = last = here
    taken = {number for found in partners.values() for number in found}
    free = [number for number in range(len(recognized)) if number not in taken]
    for _, group in groupby(enumerate(free), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        if len(run) >= _FEWEST_EXTRA:
            placed += [(float(number), 1, Item(recognized[number], None)) for number in run]
    placed.sort(key=lambda entry: entry[:2])
    found: list[list[Item]] = [[] for _ in range(max(clip_of, default=0) + 1)]
    for here, _, item in placed:
        found[clip_of[int(max(here, 0))]].append(item)
    return found


def _places(
    lines: Sequence[tuple[int, int]],
    statuses: Sequence[Status],
    partners: dict[int, list[int]],
    clip_of: Sequence[int],
    count: int,
) -> tuple[tuple[int, int], ...]:
    """The first and last clip that each line can be in: those of the lines around it, where it is not spoken."""
    known = [
        [clip_of[number] for unit in range(a, b) for number in partners.get(unit, ())] if status != "unspoken" else []
        for (a, b), status in zip(lines, statuses, strict=True)
    ]
    before, after = 0, max(count - 1, 0)
    lows: list[int] = []
    for found in known:
        lows.append(min(found) if found else before)
        before = max(found) if found else before
    highs: list[int] = []
    for found in reversed(known):
        highs.append(max(found) if found else after)
        after = min(found) if found else after
    return tuple(zip(lows, reversed(highs), strict=True))
