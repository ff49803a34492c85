"""What the layout of several lines weighs: words that stay together, in a row, and the cost of each place between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from crisp_align.layout.packing import atoms, is_turn, spoken_end, words_of, written_language
from crisp_align.layout.rules import Rules, is_long_pause, onset
from crisp_align.text.breaks import CLAUSE, FORBIDDEN, SENTENCE, break_costs, kinsoku_start, word_starts
from crisp_align.text.dialogue import SOUND_MARKS, line_starts
from crisp_align.text.sentences import sentence_ends
from crisp_align.text.width import columns
from crisp_align.transcript import MIN_WORD, Segment, Word

__all__ = ["Passage", "passage_of"]

PAUSE = 15.0  # a second
RUN_AHEAD = 100_000.0
APART = SENTENCE - 20  # a new cue at a sound or a song
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
    runs: tuple[int, ...]
    """For each atom the first one since the last pause that is too long for a cue."""
    speakers: tuple[int, ...]
    """Changes of speaker up to each atom, from and to an unknown one included."""
    turns: tuple[int, ...]
    """Those from one known speaker to another."""
    sentences: tuple[int, ...]
    """Sentences that end with one of the first n atoms."""
    line_starts: tuple[int, ...]
    """Atoms up to each that begin a line whatever room is left: another speaker, a sound, a song, words of two that
    speak at once."""
    cue_break: tuple[float, ...]
    """Cost of a new cue before each atom, and at the end."""
    line_break: tuple[float, ...]
    """Cost of a new line before each atom."""
    next_start: float = _NEVER
    """s, when what follows the passage comes in."""

    def columns(self, first: int, last: int) -> int:
        """Columns of a line from atom `first` up to but not including `last`."""
        return self.right[last] - self.left[first]


def passage_of(segments: Sequence[Segment], rules: Rules) -> Passage:
    """The atoms of `segments`, with what it costs to break between them."""
    pieces: list[tuple[Word, ...]] = []
    texts: list[str] = []
    closes: list[bool] = []
    breaks: list[float] = []
    counts: list[bool] = []
    begins: list[bool] = [False]
    spoken = 0.0  # s, where the words before a segment end
    for segment in segments:
        segment_atoms = list(atoms(words_of(segment, rules), rules))
        if not segment_atoms:
            continue
        language = written_language(segment)
        segment_texts = ["".join(word.text for word in atom) for atom in segment_atoms]
        costs = break_costs(segment_texts, language)
        segment_closes = sentence_ends(segment_texts, language)
        starts = line_starts(segment_texts, segment_closes)
        if pieces:
            closes[-1] = sentence_ends([texts[-1], segment_texts[0]], language)[0]
            costs[0] = SENTENCE if closes[-1] or starts[0] else CLAUSE
            if kinsoku_start(texts[-1], segment_texts[0]):
                costs[0] = FORBIDDEN
            starts[0] |= begins[-1] or segment_atoms[0][0].start < spoken - MIN_WORD
            if begins[-1]:
                costs[0] = SENTENCE
        if any(starts):
            costs = [_apart(number, cost, segment_texts, starts) for number, cost in enumerate(costs)]
        pieces += segment_atoms
        texts += segment_texts
        closes += segment_closes
        breaks += costs
        counts += word_starts(segment_texts, language)
        begins[-1:] = starts
        spoken = max(spoken, *(word.end for word in segment_atoms[-1]))
    return _passage(pieces, texts, closes, breaks, counts, begins, rules)


def _passage(
    pieces: Sequence[tuple[Word, ...]],
    texts: Sequence[str],
    closes: Sequence[bool],
    breaks: Sequence[float],
    counts: Sequence[bool],
    begins: Sequence[bool],
    rules: Rules,
) -> Passage:
    rate = rules.rate
    starts = tuple(onset(atom) for atom in pieces)
    ends = tuple(max(word.end for word in atom) for atom in pieces)
    pauses = [0.0, *(max(0.0, start - end) for start, end in zip(starts[1:], ends, strict=False))][: len(pieces)]
    onsets = zip(pieces, starts[1:], strict=False)
    long = [False, *(is_long_pause(spoken_end(atom), start, rules) for atom, start in onsets)][: len(pieces)]
    changes = [False, *(a[-1].speaker != b[0].speaker for a, b in pairwise(pieces))][: len(pieces)]
    turns = [False, *(is_turn(a[-1], b[0]) for a, b in pairwise(pieces))][: len(pieces)]
    weighed = [
        cost - min(20.0, 40.0 * pause) - (60.0 if change else 0.0)
        for cost, pause, change in zip(breaks, pauses, changes, strict=True)
    ]
    widths = [columns(text) for text in texts]
    edges = [0, *accumulate(widths)]
    costs_of_pauses = [
        RUN_AHEAD if is_long else min(60.0, PAUSE * max(0.0, pause - 0.5))
        for is_long, pause in zip(long, pauses, strict=True)
    ]
    return Passage(
        atoms=tuple(pieces),
        left=tuple(edge + _blank(text, text.lstrip()) for edge, text in zip(edges, texts, strict=False)),
        right=(0, *(edge - _blank(text, text.rstrip()) for edge, text in zip(edges[1:], texts, strict=True))),
        start=tuple(round(max(0.0, start) * rate) / rate for start in starts),
        end=tuple(round(end * rate) / rate for end in ends),
        words=(0, *accumulate(int(counted) for counted in counts)),
        pauses=tuple(accumulate(costs_of_pauses)),
        runs=tuple(accumulate((number if is_long else 0 for number, is_long in enumerate(long)), max)),
        speakers=tuple(accumulate(int(change) for change in changes)),
        turns=tuple(accumulate(int(turn) for turn in turns)),
        sentences=(0, *accumulate(int(close) for close in closes)),
        line_starts=tuple(accumulate(int(begin or turn) for begin, turn in zip(begins, turns, strict=False))),
        cue_break=(*weighed, 0.0),
        line_break=tuple(cost if cost >= FORBIDDEN / 2 else cost / 2 if cost > 0 else cost / 4 for cost in weighed),
    )


def _apart(number: int, cost: float, texts: Sequence[str], starts: Sequence[bool]) -> float:
    """What a break costs before a text: less where a sound or a song begins or ends there."""
    if not starts[number]:
        return cost
    begins = texts[number].lstrip()[:1] in SOUND_MARKS
    follows = number > 0 and texts[number - 1].rstrip()[-1:] in SOUND_MARKS
    return APART if begins != follows else min(cost, SENTENCE)


def _blank(text: str, stripped: str) -> int:
    """Columns of the white space that `stripped` lacks."""
    if len(text) - len(stripped) <= 1 and "\u3000" not in text:
        return int(text[:1] == " " or text[-1:] == " ") if len(text) > len(stripped) else 0
    return columns(text) - columns(stripped)
