"""The backend's own word times, carried over to the units of the text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar, Self

from crisp_align.aligners import AlignerProfile, Alignment, Refusal, Utterance
from crisp_align.backends import Backend, LoadOptions
from crisp_align.transcript import Span, Unit, Word


class NativeAligner:
    """Keeps the times a backend gave with its text. Nothing is loaded."""

    name: ClassVar[str] = "native"
    profile: ClassVar[AlignerProfile] = AlignerProfile(rank=40, keeps_backend_times=True)
    languages: frozenset[str] | None = None
    max_clip: float = float("inf")

    @classmethod
    def load(cls, model: str, options: LoadOptions, backend: Backend | None) -> Self:
        """Need no weights; see `Aligner.load`."""
        del model, options, backend
        return cls()

    def align(self, utterances: Sequence[Utterance]) -> list[Alignment | Refusal]:
        """One result an utterance; refused where the backend gave no word times."""
        return [
            Refusal("the backend gives no word times") if not u.words else by_letters(u.units, u.words)
            for u in utterances
        ]


def by_letters(units: Sequence[Unit], words: Sequence[Word]) -> Alignment:
    """Give each unit the time of the letters it shares with timed words.

    Both sides spell the same text but may split it differently (a word of several ideographs, units of one), so
    letters are counted, white space left out, and a word's time is shared evenly among its letters.
    """
    sizes = [len("".join(word.text.split())) for word in words]
    bounds = list(accumulate(sizes, initial=0))

    def moment(letter: int, *, opening: bool) -> float:
        index = bisect_right(bounds, letter) - 1 if opening else bisect_right(bounds, letter - 1) - 1
        index = min(max(index, 0), len(words) - 1)
        word, inside = words[index], letter - bounds[index]
        return word.start + (word.end - word.start) * min(inside / max(sizes[index], 1), 1.0)

    spans, letter = [], 0
    for unit in units:
        size = len("".join(unit.text.split()))
        first = min(max(bisect_right(bounds, letter) - 1, 0), len(words) - 1)
        spans.append(Span(moment(letter, opening=True), moment(letter + size, opening=False), words[first].score))
        letter += size
    return tuple(spans)
