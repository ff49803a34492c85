"""Clips that overlap, because speech was cut without a pause: each word at the seam comes once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile

from crisp_align.transcript import Clip, Word

__all__ = ["without_repeats", "words_of_core"]

_SLACK = (
    0.12  # s beyond the core; two timings of one word differ by as much, and neither clip may leave it to the other
)
_SHARED = 0.4  # share of the longer of two words that the other one shares; they are the same word


def words_of_core(words: Sequence[Word], clip: Clip) -> list[Word]:
    """The words of a clip whose middle lies in its core, or up to 0.12 s outside; all, where it overlaps no other.

    Args:
        words: in order, in the time of their source.
        clip: the clip that they were timed in.
    """
    if clip.core is None:
        return list(words)
    first = clip.start + clip.core[0] - (_SLACK if clip.core[0] > 0 else 0.0)
    last = clip.start + clip.core[1] + (_SLACK if clip.core[1] < clip.duration else 0.0)
    return [word for word in words if first <= (word.start + word.end) / 2 <= last]


def without_repeats(words: Sequence[Word], last: Word | None) -> list[Word]:
    """Words without those at their beginning that lie before `last`, the word before them, or are the same one."""
    if last is None:
        return list(words)
    kept = list(dropwhile(lambda word: _is_repeat(word, last), words))
    if kept and kept[0].start < last.end:  # the two timings of the seam overlap a little
        kept[0] = Word(kept[0].text, min(last.end, kept[0].end - 0.02), kept[0].end, kept[0].score, kept[0].speaker)
    return kept


def _is_repeat(word: Word, last: Word) -> bool:
    shared = min(word.end, last.end) - max(word.start, last.start)
    return word.start + word.end <= last.start + last.end or shared > _SHARED * max(
        word.end - word.start, last.end - last.start
    )
