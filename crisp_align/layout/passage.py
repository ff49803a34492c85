"""What the layout of several lines weighs: words that stay together, in a row, and the cost of each place between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from crisp_align.layout.packing import atoms, words_of
from crisp_align.text.breaks import CLAUSE, FORBIDDEN, SENTENCE, break_costs, kinsoku_start, speaker_dashes, word_starts
from crisp_align.text.sentences import sentence_ends
from crisp_align.text.width import columns
from crisp_align.transcript import Segment, Word

__all__ = ["Passage", "passage_of"]

PAUSE = 15.0  # a second
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Passage:
    """Atoms (runs of words that stay together) in a row, and what the costs are made of."""

    atoms: tuple[tuple[Word, ...], ...]
    left: tuple[int, ...]
    """Column at which each atom begins to show; columns count from the first atom on, as if on one line."""
    right: tuple[int, ...]
    """Column at which the atom before number n ceases to show; entry 0 is 0."""
    start: tuple[float, ...]
    """s, on the tick that a cue would come in."""
    end: tuple[float, ...]
    """s, on a tick."""
    words: tuple[int, ...]
    """Words in the first n atoms; in Chinese, Japanese and Thai, phrases."""
    pauses: tuple[float, ...]
    """What the pauses before the first n + 1 atoms cost inside a cue, summed."""
    speakers: tuple[int, ...]
    """Changes of speaker up to each atom."""
    sentences: tuple[int, ...]
    """Sentences that end with one of the first n atoms."""
    speaker_dashes: tuple[int, ...]
    """Dashes up to each atom with which another speaker begins."""
    cue_break: tuple[float, ...]
    """Cost of a new cue before each atom, and at the end."""
    line_break: tuple[float, ...]
    """Cost of a new line before each atom."""
    next_start: float = _NEVER
    """s, when what follows the passage comes in."""

    def columns(self, first: int, last: int) -> int:
        """Columns of a line from atom `first` up to but not including `last`."""
        return self.right[last] - self.left[first]


def passage_of(segments: Sequence[Segment], rate: float = 1000.0) -> Passage:
    """The atoms of `segments`, with what it costs to break between them.

    `rate`: ticks a second that times fall on, as in `Rules`.
    """
    pieces: list[tuple[Word, ...]] = []
    texts: list[str] = []
    closes: list[bool] = []
    breaks: list[float] = []
    counts: list[bool] = []
    for segment in segments:
        own = list(atoms(words_of(segment)))
        if not own:
            continue
        own_texts = ["".join(word.text for word in atom) for atom in own]
        costs = break_costs(own_texts, segment.language)
        if pieces:
            closes[-1] = sentence_ends([texts[-1], own_texts[0]], segment.language)[0]
            costs[0] = SENTENCE if closes[-1] else CLAUSE
            if kinsoku_start(texts[-1], own_texts[0]):
                costs[0] = FORBIDDEN
        pieces += own
        texts += own_texts
        closes += sentence_ends(own_texts, segment.language)
        breaks += costs
        counts += word_starts(own_texts, segment.language)
    return _passage(pieces, texts, closes, breaks, counts, rate)


def _passage(
    pieces: Sequence[tuple[Word, ...]],
    texts: Sequence[str],
    closes: Sequence[bool],
    breaks: Sequence[float],
    counts: Sequence[bool],
    rate: float,
) -> Passage:
    starts = tuple(atom[0].start for atom in pieces)
    ends = tuple(max(word.end for word in atom) for atom in pieces)
    pauses = [0.0, *(max(0.0, start - end) for start, end in zip(starts[1:], ends, strict=False))][: len(pieces)]
    changes = [False, *(a[-1].speaker != b[0].speaker for a, b in pairwise(pieces))][: len(pieces)]
    weighed = [
        cost - min(20.0, 40.0 * pause) - (60.0 if change else 0.0)
        for cost, pause, change in zip(breaks, pauses, changes, strict=True)
    ]
    widths = [columns(text) for text in texts]
    edges = [0, *accumulate(widths)]
    return Passage(
        atoms=tuple(pieces),
        left=tuple(edge + _blank(text, text.lstrip()) for edge, text in zip(edges, texts, strict=False)),
        right=(0, *(edge - _blank(text, text.rstrip()) for edge, text in zip(edges[1:], texts, strict=True))),
        start=tuple(round(max(0.0, start) * rate) / rate for start in starts),
        end=tuple(round(end * rate) / rate for end in ends),
        words=(0, *accumulate(int(counted) for counted in counts)),
        pauses=tuple(accumulate(min(60.0, PAUSE * max(0.0, pause - 0.5)) for pause in pauses)),
        speakers=tuple(accumulate(int(change) for change in changes)),
        sentences=(0, *accumulate(int(close) for close in closes)),
        speaker_dashes=tuple(accumulate(int(turn) for turn in speaker_dashes(texts, closes))),
        cue_break=(*weighed, 0.0),
        line_break=tuple(cost if cost >= FORBIDDEN / 2 else cost / 2 if cost > 0 else cost / 4 for cost in weighed),
    )


def _blank(text: str, stripped: str) -> int:
    """Columns of the white space that `stripped` lacks."""
    if len(text) - len(stripped) <= 1 and "\u3000" not in text:
        return int(text[:1] == " " or text[-1:] == " ") if len(text) > len(stripped) else 0
    return columns(text) - columns(stripped)
