"""The times of what is not spoken: lines of a text that nobody says, and sounds, in the free time around them."""

from __future__ import annotations

from collections.abc import Sequence

from crisp_align.transcript import MIN_WORD, Word

__all__ = ["UNSPOKEN_MARK", "place_silent_lines", "room_after", "silent_words"]

UNSPOKEN_MARK = "[unspoken]"
"""Written before a line that nobody says, where that is asked for."""

_LETTERS_PER_S = 15.0  # that are read
_SHORTEST, _LONGEST = 0.8, 4.0  # s that a line is shown where there is room
_BORROWED = 0.08  # s that the word before gives up where there is no free time at all


def place_silent_lines(texts: Sequence[str], start: float, end: float) -> list[tuple[float, float]]:
    """Times of lines that take no speech, in the free time [start, end], s; in order, not overlapping.

    Each gets time to be read, or an equal share where there is less.
    """
    wanted = [min(max(len(text.strip()) / _LETTERS_PER_S, _SHORTEST), _LONGEST) for text in texts]
    free = max(end - start, 0.0)
    if sum(wanted) > free:
        wanted = [free / len(texts)] * len(texts)
    found: list[tuple[float, float]] = []
    now = start
    for length in wanted:
        found.append((round(now, 3), round(min(now + length, max(end, start)), 3)))
        now += length
    return found


def room_after(word: Word | None, start: float) -> float:
    """s by which a word may end sooner for lines that would have no time at all; `start`: of what follows it."""
    if word is None or start - word.end >= MIN_WORD or word.end - word.start < 2 * _BORROWED:
        return 0.0
    return _BORROWED


def silent_words(text: str, start: float, end: float) -> tuple[Word, ...]:
    """The words of a line that takes no speech, sharing its time evenly; their texts join to `text`."""
    pieces: list[str] = []
    for piece in text.split(" "):
        pieces.append((" " if pieces else "") + piece)
    if len(pieces) > 1 and not pieces[0]:
        pieces[:1] = []
    shown = [piece for piece in pieces if piece.strip()] if "".join(p for p in pieces if p.strip()) == text else [text]
    edges = [round(start + (end - start) * n / len(shown), 3) for n in range(len(shown) + 1)]
    return tuple(Word(piece, a, b) for piece, a, b in zip(shown, edges, edges[1:], strict=False))
