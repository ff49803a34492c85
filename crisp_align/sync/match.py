"""The best monotone path between a text and its transcription, whatever one has and the other has not.

A step pairs a token of the text with one of the transcription. A run of text that is not spoken, and a run of speech
that is not in the text, cost little more than one word each, however long they are; whole lines are left out more
readily than parts. Texts of a book's length are first divided at word runs that occur once in both.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Bytes: TypeAlias = NDArray[np.uint8]

__all__ = ["Pair", "match_tokens", "similarity"]

_MISMATCH = -0.8  # two tokens that have nothing in common
_ALIKE = 0.6  # similarity from which two spellings may be one word
_OPEN = -1.6  # a run of unspoken text that begins inside a line, or of speech that is not in the text
_OPEN_LINE = -0.9  # the same at the start of a line, or between two
_LEAVE = -0.8  # a run of unspoken text that ends inside a line
_EXTEND = -0.08  # every further token of such a run
_WEIGHTS = (0.3, 0.45, 0.6, 0.8, 1.0)  # of tokens of 0, 1, 2, 3, more letters
_WIDE_WEIGHT = 0.6
_MOST_CELLS = 2.5e8  # of one division
_RUN = 5  # tokens of an anchor
_PART = 1500  # tokens between two divisions, at least
_SUPPORT = 40  # tokens around an anchor in which another must lie on about the same diagonal
_NEVER = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Pair:
    """A token of the text and the token that was transcribed for it."""

    given: int
    recognized: int
    similarity: float
    """In [0, 1]; 1: the same."""


def similarity(left: str, right: str) -> float:
    """How alike two tokens are, in [0, 1]."""
    from rapidfuzz.fuzz import ratio

    return float(ratio(left, right)) / 100


def match_tokens(given: Sequence[str], recognized: Sequence[str], line_starts: Sequence[bool]) -> list[Pair]:
    """Pair the tokens of a text with those transcribed, in order.

    Args:
        given: tokens of the text.
        recognized: tokens of a transcription.
        line_starts: whether a line of the text begins at each token.

    Returns:
        Pairs, in order of both; also such of little similarity, where one word stands for another.
    """
    pairs: list[Pair] = []
    for g0, g1, h0, h1 in _divisions(given, recognized):
        if g1 > g0 and h1 > h0:
            found = _Block(given[g0:g1], recognized[h0:h1], line_starts[g0:g1]).pairs()
            pairs += [Pair(pair.given + g0, pair.recognized + h0, pair.similarity) for pair in found]
    return pairs


def _divisions(given: Sequence[str], recognized: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """(first, last) of the text and of what was transcribed, of each part that is matched alone."""
    whole = [(0, len(given), 0, len(recognized))]
    if len(given) * len(recognized) <= _MOST_CELLS:
        return whole
    cuts = [(0, 0)]
    for at, other in _anchors(given, recognized):
        if at - cuts[-1][0] >= _PART and other - cuts[-1][1] >= 1:
            cuts.append((at, other))
    cuts.append((len(given), len(recognized)))
    return [(a, b, c, d) for (a, c), (b, d) in pairwise(cuts)]


def _anchors(given: Sequence[str], recognized: Sequence[str]) -> list[tuple[int, int]]:
    """Places of word runs that occur once in both, in one order, each near another on about the same diagonal."""
    ours, theirs = _unique_runs(given), _unique_runs(recognized)
    found = sorted((at, theirs[run]) for run, at in ours.items() if run in theirs)
    chain = _longest_rising(found)
    kept = []
    for number, (at, other) in enumerate(chain):
        around = [chain[n] for n in (number - 1, number + 1) if 0 <= n < len(chain)]
        if any(abs(a - at) <= _SUPPORT and abs((a - at) - (b - other)) <= 3 for a, b in around):
            kept.append((at, other))
    return kept


def _unique_runs(tokens: Sequence[str]) -> dict[tuple[str, ...], int]:
    places: dict[tuple[str, ...], int] = {}
    for at in range(len(tokens) - _RUN + 1):
        run = tuple(tokens[at : at + _RUN])
        places[run] = -1 if run in places else at
    return {run: at for run, at in places.items() if at >= 0}


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The most pairs, given in order of the first place, whose second place rises, too."""
    tails: list[int] = []
    ends: list[int] = []
    before = [-1] * len(pairs)
    for number, (_, other) in enumerate(pairs):
        at = bisect_left(tails, other)
        before[number] = ends[at - 1] if at else -1
        tails[at : at + 1] = [other]
        ends[at : at + 1] = [number]
    chain, number = [], ends[-1] if ends else -1
    while number >= 0:
        chain.append(pairs[number])
        number = before[number]
    return chain[::-1]


_PAIRED, _UNSPOKEN, _EXTRA = 0, 1, 2
"""States: two tokens paired, text not spoken, speech not in the text."""


class _Block:
    """One search: rows are tokens of the text, columns those of the transcription.

    Scores of every k-th row are kept, and the rows between them worked out again on the way back, so that memory grows
    with the square root of the rows.
    """

    def __init__(self, given: Sequence[str], recognized: Sequence[str], line_starts: Sequence[bool]) -> None:
        self._given = given
        vocabulary = list(dict.fromkeys(recognized))
        numbers = {token: number for number, token in enumerate(vocabulary)}
        self._vocabulary = vocabulary
        self._columns = np.array([numbers[token] for token in recognized], np.int32)
        self._starts = line_starts
        self._rows: dict[str, tuple[Floats, Floats]] = {}
        self._ramp = np.arange(len(recognized) + 1, dtype=np.float32) * np.float32(_EXTEND)

    def pairs(self) -> list[Pair]:
        """The pairs on the best path."""
        count, every = len(self._given), max(int(len(self._given) ** 0.5), 1)
        rows = self._first()
        saved = [rows]
        for number in range(count):
            rows, _ = self._advance(number, rows)
            if (number + 1) % every == 0:
                saved.append(rows)
        column = len(self._columns)
        state = int(np.argmax([float(row[column]) for row in rows]))
        found: list[Pair] = []
        for block in range((count - 1) // every, -1, -1):
            first, last = block * every, min((block + 1) * every, count)
            rows, backs = saved[block], []
            for number in range(first, last):
                rows, back = self._advance(number, rows)
                backs.append(back)
            row = last
            while row > first:
                origin = int(backs[row - 1 - first][state][column])
                if state == _PAIRED:
                    found.append(Pair(row - 1, column - 1, self._similarity(row - 1, column - 1)))
                    row, column = row - 1, column - 1
                elif state == _UNSPOKEN:
                    row -= 1
                else:
                    column -= 1
                state = origin
        return found[::-1]

    def _first(self) -> tuple[Floats, Floats, Floats]:
        """Scores before any text: speech that comes before it costs nothing to begin."""
        nothing = np.full(len(self._columns) + 1, _NEVER, np.float32)
        paired = nothing.copy()
        paired[0] = 0.0
        extra = self._ramp.copy()
        extra[0] = _NEVER
        return paired, nothing, extra

    def _advance(
        self, number: int, rows: tuple[Floats, Floats, Floats]
    ) -> tuple[tuple[Floats, Floats, Floats], tuple[Bytes, Bytes, Bytes]]:
        """Scores after one more token of the text, in each state, and the state that each came from."""
        paired, unspoken, extra = rows
        starts = self._starts[number]
        leave = np.float32(0.0 if starts else _LEAVE)
        entry = np.float32(_OPEN_LINE if starts else _OPEN) if number else np.float32(_EXTEND)
        worth, _ = self._row(self._given[number])
        # A pair, after any state.
        left = unspoken[:-1] + leave
        best = np.maximum(paired[:-1], extra[:-1])
        new_paired = np.full_like(paired, _NEVER)
        new_paired[1:] = np.maximum(best, left) + worth[self._columns]
        from_paired = np.zeros(len(paired), np.uint8)
        from_paired[1:] = np.where(left > best, _UNSPOKEN, np.where(extra[:-1] > paired[:-1], _EXTRA, _PAIRED))
        # Text that is not spoken.
        opened = np.maximum(paired, extra) + entry
        stayed = unspoken + np.float32(_EXTEND)
        new_unspoken = np.maximum(opened, stayed)
        from_unspoken = np.where(stayed >= opened, _UNSPOKEN, np.where(extra > paired, _EXTRA, _PAIRED)).astype(
            np.uint8
        )
        # Speech that is not in the text: the best place in this row to begin it.
        source = np.maximum(new_paired, new_unspoken + leave * np.float32(0.5))
        running = np.maximum.accumulate(source - self._ramp)
        if number == len(self._given) - 1:
            begin = np.float32(_EXTEND)
        else:  # a line is rather said in one piece: of words that come twice, those next to the rest of it count
            begin = np.float32(_OPEN_LINE if self._starts[number + 1] else _OPEN)
        new_extra = np.full_like(paired, _NEVER)
        new_extra[1:] = running[:-1] + self._ramp[1:] + begin
        fresh = np.empty(len(paired), bool)
        fresh[0] = True
        fresh[1:] = source[:-1] - self._ramp[:-1] >= running[:-1]
        from_extra = np.where(
            fresh,
            np.where(
                np.append(_NEVER, new_unspoken[:-1] + leave * np.float32(0.5)) > np.append(_NEVER, new_paired[:-1]),
                _UNSPOKEN,
                _PAIRED,
            ),
            _EXTRA,
        ).astype(np.uint8)
        return (new_paired, new_unspoken, new_extra), (from_paired, from_unspoken, from_extra)

    def _row(self, token: str) -> tuple[Floats, Floats]:
        """What pairing `token` with each word of the vocabulary is worth, and how alike they are."""
        if token not in self._rows:
            from rapidfuzz.fuzz import ratio
            from rapidfuzz.process import cdist

            alike = cdist([token], self._vocabulary, scorer=ratio, dtype=np.float32)[0] / np.float32(100)
            weight = np.float32(
                _WIDE_WEIGHT if len(token) == 1 and ord(token) > 0x3000 else _WEIGHTS[min(len(token), 4)]
            )
            near = (alike - np.float32(_ALIKE)) / np.float32(1 - _ALIKE)
            worth = np.where(
                alike >= _ALIKE, weight * (near * np.float32(1.2) - np.float32(0.2)), np.float32(_MISMATCH)
            )
            self._rows[token] = (worth.astype(np.float32), alike)
        return self._rows[token]

    def _similarity(self, row: int, column: int) -> float:
        return float(self._row(self._given[row])[1][self._columns[column]])
