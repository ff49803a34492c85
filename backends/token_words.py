"""From timed SentencePiece tokens to timed words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from crisp_align.transcript import Word

__all__ = ["WORD_MARK", "Token", "words_of"]

WORD_MARK = "\u2581"
"""SentencePiece's lower block: begins a piece that begins a word."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the model emitted it."""

    id: int
    piece: str
    """As in the vocabulary, with its `WORD_MARK`."""
    start: float
    """s from the clip's start."""
    end: float
    score: float | None = None
    """Probability that the model gave it."""

    @property
    def is_punctuation(self) -> bool:
        """Nothing in it is said: its time is that of its neighbours."""
        return not any(char.isalnum() for char in self.piece) and not self.is_byte

    @property
    def is_byte(self) -> bool:
        """A byte of a character that the vocabulary lacks, written <0xE4>."""
        return len(self.piece) == 6 and self.piece.startswith("<0x")


def words_of(tokens: Sequence[Token], text: str, spell: Callable[[list[int]], str]) -> tuple[Word, ...] | None:
    """Words of a text with the times of their tokens.

    A word begins at its first token that is not punctuation and ends with its last; its score is the mean of theirs.

    Args:
        tokens: in order, without blanks and control tokens.
        text: what they spell, without outer white space.
        spell: decodes some token ids.

    Returns:
        Words whose texts concatenate to `text`; None where the tokens do not spell it word by word.
    """
    groups = [group for group in _groups(tokens) if spell([token.id for token in group]).strip()]
    chunks = re.findall(r"\s*\S+", text)
    spelled = [spell([token.id for token in group]).strip() for group in groups]
    if spelled != [chunk.strip() for chunk in chunks] or "".join(chunks) != text:
        return None
    return tuple(_word(chunk, group) for chunk, group in zip(chunks, groups, strict=True))


def _groups(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    group: list[Token] = []
    for token in tokens:
        if token.piece.startswith(WORD_MARK) and group:
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def _word(text: str, tokens: Sequence[Token]) -> Word:
    said = [token for token in tokens if not token.is_punctuation] or tokens
    scores = [token.score for token in said if token.score is not None]
    return Word(
        text,
        said[0].start,
        max(token.end for token in said),
        sum(scores) / len(scores) if scores else None,
    )
