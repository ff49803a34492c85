"""The ways to speak a text, as one chain of hidden Markov states with branches, and the best path through it.

A text is a sequence of units; a unit has readings ("1961": "nineteen sixty one" or "one nine six one"), a reading has
words, a word has pronunciations, a pronunciation has phones. Every phone becomes three states, in the context of its
neighbours, also across words; between words there may be a pause. The audio chooses among all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from crisp_align.aligners.hmm.acoustic_model import STATES, Integers, PhoneModel, Position
from crisp_align.aligners.hmm.mfcc import Floats

__all__ = ["FILLER", "PAUSE", "Lattice", "Path", "Pronunciation", "Reading", "best_path", "best_score", "build_lattice"]

Pronunciation: TypeAlias = tuple[int, ...]
"""Numbers of phones; never empty."""
Reading: TypeAlias = tuple[tuple[Pronunciation, ...], ...]
"""The pronunciations of each word; an empty reading is silent: the unit may be left out."""

PAUSE = -1
"""Owner of the states that belong to no unit."""
FILLER = -1
"""Senone of the garbage (filler) model, which fits any speech: what is spoken, but not what the text says."""

# Log probabilities, from clean and noisy (10 dB) speech whose texts lacked, added or replaced a word.
_PAUSE = float(np.log(0.1))  # of a pause between two words
_INSERTION = -60.0  # insertion penalty: of speech that the text leaves out
_DELETION = -100.0  # deletion penalty: of other speech than the unit that the text has
_PRUNE = 8  # frames between two prunings


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """States in an order in which time only goes forward."""

    senones: Integers
    """(states,)"""
    unit_of_state: Integers
    """(states,): the unit a state belongs to, or `PAUSE`."""
    self_loop: Floats
    """(states,): log probability of the step from a state to itself."""
    next_logp: Floats
    """(states,): of the step from the state before it in this order; -inf at branch states."""
    branch_states: Integers
    """(branches,), rising: states entered from elsewhere."""
    predecessors: Integers
    """(branches, n): the states from which each branch state is entered, plus one; 0 where there are fewer than n."""
    transition_logp: Floats
    """(branches, n): log probability of each such step; -inf where there is none."""
    initial: Floats
    """(states,): log probability of starting there."""
    final: Floats
    """(states,): of ending there."""
    max_successor: Integers
    """(states,): the furthest state that one step leads to from this state or any before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The most likely way through a lattice."""

    states: Integers
    """The state of each frame: (frames,)."""
    scores: Floats
    """The log probability of the path up to and with each frame: float64, (frames,)."""
    score: float
    """The log probability of the whole path."""


_Arrival: TypeAlias = tuple[int, float]  # a state left (-1: the beginning), and the log probability of leaving it
_OpenArcs: TypeAlias = dict[tuple[int, int], list[_Arrival]]  # what (last phone, next phone) can follow on


@dataclass(slots=True)
class _Builder:
    model: PhoneModel
    leave: list[float]  # log probability of leaving each phone
    senones: list[int] = field(default_factory=list)
    unit_of_state: list[int] = field(default_factory=list)
    phones: list[int] = field(default_factory=list)  # of each group of three states
    branch_states: dict[int, list[_Arrival]] = field(default_factory=dict)

    def phone(self, number: int, senones: Sequence[int], unit: int, arrivals: Sequence[_Arrival]) -> list[_Arrival]:
        """Add a phone that follows on `arrivals`; return what may follow on it."""
        first = len(self.senones)
        if not self.phones or arrivals != [(first - 1, self._leave(self.phones[-1]))]:
            self.branch_states[first] = list(arrivals)
        self.senones += senones
        self.unit_of_state += [unit] * STATES
        self.phones.append(number)
        return [(first + STATES - 1, self._leave(number))]

    def _leave(self, phone: int) -> float:
        return self.leave[phone]

    def senones_of(self, phone: int, left: int, right: int, position: Position) -> tuple[int, ...]:
        """Return the senones of a phone between two others."""
        return (FILLER,) * STATES if phone == self.model.filler else self.model.sequence(phone, left, right, position)

    def word(self, word: Iterable[Pronunciation], unit: int, open_arcs: _OpenArcs, following: set[int]) -> _OpenArcs:
        """Add a word; return where it leads, for each of the phones that can follow."""
        reached: _OpenArcs = {}
        for phones in word:
            lefts = [(left, arrivals) for (left, right), arrivals in open_arcs.items() if right == phones[0]]
            if len(phones) == 1:
                self._single(phones[0], unit, lefts, following, reached)
            else:
                self._several(phones, unit, lefts, following, reached)
        return reached

    def _single(
        self,
        phone: int,
        unit: int,
        lefts: Sequence[tuple[int, list[_Arrival]]],
        following: set[int],
        reached: _OpenArcs,
    ) -> None:
        merged: dict[tuple[int, ...], tuple[dict[int, list[_Arrival]], list[int]]] = {}
        for left, arrivals in lefts:
            for right in sorted(following):
                senones = self.senones_of(phone, left, right, Position.ONLY)
                predecessors, rights = merged.setdefault(senones, ({}, []))
                predecessors[left] = arrivals
                if right not in rights:
                    rights.append(right)
        for senones, (predecessors, rights) in merged.items():
            arrivals = [arrival for group in predecessors.values() for arrival in group]
            left_behind = self.phone(phone, senones, unit, arrivals)
            for right in rights:
                reached.setdefault((phone, right), []).extend(left_behind)

    def _several(
        self,
        phones: Pronunciation,
        unit: int,
        lefts: Sequence[tuple[int, list[_Arrival]]],
        following: set[int],
        reached: _OpenArcs,
    ) -> None:
        model = self.model
        heads: dict[tuple[int, ...], list[_Arrival]] = {}
        for left, arrivals in lefts:
            senones = model.sequence(phones[0], left, phones[1], Position.FIRST)
            heads.setdefault(senones, []).extend(arrivals)
        at = [step for senones, group in heads.items() for step in self.phone(phones[0], senones, unit, group)]
        for left, phone, right in zip(phones, phones[1:-1], phones[2:], strict=False):
            before = at if model.is_optional(phone) else []
            at = self.phone(phone, model.sequence(phone, left, right, Position.INSIDE), unit, at) + before
        tails: dict[tuple[int, ...], list[int]] = {}
        for right in sorted(following):
            tails.setdefault(model.sequence(phones[-1], phones[-2], right, Position.LAST), []).append(right)
        for senones, rights in tails.items():
            left_behind = self.phone(phones[-1], senones, unit, at)
            for right in rights:
                reached.setdefault((phones[-1], right), []).extend(left_behind)
        if model.is_optional(phones[-1]):
            for right in following:
                reached.setdefault((phones[-2], right), []).extend(at)

    def pause(self, open_arcs: _OpenArcs, following: set[int]) -> _OpenArcs:
        """Add a pause that may follow on `open_arcs`, which stays reachable."""
        silence = self.model.silence
        arrivals = [arrival for (_, right), group in open_arcs.items() if right == silence for arrival in group]
        after: list[_Arrival] = []
        for phone, log in ((silence, _PAUSE), (self.model.filler, _INSERTION)):
            senones = self.senones_of(phone, silence, silence, Position.ONLY)
            after += self.phone(phone, senones, PAUSE, [(state, weight + log) for state, weight in arrivals])
        joined = {key: list(group) for key, group in open_arcs.items() if key[1] != silence or silence in following}
        for phone in following:
            joined.setdefault((silence, phone), []).extend(after)
        return joined

    def reading(self, reading: Reading, unit: int, open_arcs: _OpenArcs, following: set[int]) -> _OpenArcs:
        """Add the words of a reading, with pauses between them."""
        for index, word in enumerate(reading):
            if index:
                open_arcs = self.pause(open_arcs, {phones[0] for phones in word})
            ahead = {phones[0] for phones in reading[index + 1]} if index + 1 < len(reading) else following
            open_arcs = self.word(word, unit, open_arcs, ahead | {self.model.silence})
        return open_arcs

    def lattice(self, final: Sequence[_Arrival]) -> Lattice:
        """Return everything added so far, as arrays."""
        count, model = len(self.senones), self.model
        phones = np.array(self.phones)
        self_loop = model.self_loop[phones].reshape(-1)
        next_logp = np.concatenate([[-np.inf], model.next_logp[phones].reshape(-1)[:-1]]).astype(np.float32)
        branch_states = np.array(sorted(self.branch_states), np.int64)
        next_logp[branch_states] = -np.inf
        width = max(len(group) for group in self.branch_states.values())
        predecessors = np.zeros((len(branch_states), width), np.int64)
        transition_logp = np.full((len(branch_states), width), -np.inf, np.float32)
        starts = np.full(count, -np.inf, np.float32)
        max_successor = np.minimum(np.arange(count) + 1, count - 1)
        for row, branch in enumerate(branch_states.tolist()):
            inner = [(state, log) for state, log in self.branch_states[branch] if state >= 0]
            starts[branch] = max((log for state, log in self.branch_states[branch] if state < 0), default=-np.inf)
            for column, (state, log) in enumerate(inner):
                predecessors[row, column], transition_logp[row, column] = state + 1, log
                max_successor[state] = max(max_successor[state], branch)
        ends = np.full(count, -np.inf, np.float32)
        for state, log in final:
            ends[state] = log
        return Lattice(
            senones=np.array(self.senones, np.int64),
            unit_of_state=np.array(self.unit_of_state, np.int64),
            self_loop=self_loop.astype(np.float32),
            next_logp=next_logp,
            branch_states=branch_states,
            predecessors=predecessors,
            transition_logp=transition_logp,
            initial=starts,
            final=ends,
            max_successor=np.maximum.accumulate(max_successor),
        )


def build_lattice(model: PhoneModel, units: Sequence[Sequence[Reading]]) -> Lattice:
    """Build the lattice of a text.

    Args:
        model: whose phones and states they are.
        units: the readings of each unit, at least one a unit.
    """
    builder = _Builder(model, model.next_logp[:, STATES - 1].tolist())
    deleted: Reading = (((model.filler,),),)
    heads = _heads(units, model)
    open_arcs: _OpenArcs = {(model.silence, phone): [(-1, 0.0)] for phone in sorted(heads[0] | {model.silence})}
    open_arcs = builder.pause(open_arcs, heads[0])
    for unit, readings in enumerate(units):
        merged: _OpenArcs = {}
        skipping = {key: [(state, log + _DELETION) for state, log in group] for key, group in open_arcs.items()}
        for reading, start in [*((reading, open_arcs) for reading in readings), (deleted, skipping)]:
            for key, group in builder.reading(reading, unit, start, heads[unit + 1]).items():
                merged.setdefault(key, []).extend(group)
        open_arcs = builder.pause(merged, heads[unit + 1])
    return builder.lattice(
        [arrival for (_, right), group in open_arcs.items() if right == model.silence for arrival in group]
    )


def _heads(units: Sequence[Sequence[Reading]], model: PhoneModel) -> list[set[int]]:
    """The phones that can come first from each unit on; after the last, silence."""
    heads = [{model.silence}]
    for readings in reversed(units):
        own = {model.filler} | {phones[0] for reading in readings if reading for phones in reading[0]}
        heads.append(own if all(readings) else own | heads[-1])
    return heads[::-1]


def best_path(lattice: Lattice, scores: Floats, columns: Integers, beam: float) -> Path | None:
    """Find the most likely path (Viterbi), or None where the beam or the audio is too short to reach the end.

    Args:
        lattice: what can be spoken.
        scores: log densities, float32, shape (frames, senones).
        columns: (states,): each state's column of `scores`.
        beam: nats below the best state of a frame at which a state is pruned.
    """
    chunks = _forward(lattice, scores, columns, beam)
    state, score = _best_end(lattice, chunks)
    return None if score == -np.inf else Path(*_traced(lattice, chunks, state), score)


def best_score(lattice: Lattice, scores: Floats, columns: Integers, beam: float) -> float:
    """The log probability of the path that `best_path` finds; -inf where it finds none."""
    return _best_end(lattice, _forward(lattice, scores, columns, beam))[1]


def _best_end(lattice: Lattice, chunks: Sequence[_Chunk]) -> tuple[int, float]:
    """The state in which the best path ends, and its log probability; -inf where none reaches the end."""
    if not chunks:
        return 0, -np.inf
    low, last = chunks[-1].low, chunks[-1].best[-1, 1:]
    final = last + lattice.final[low : low + len(last)]
    at = int(final.argmax())
    return low + at, float(final[at]) + sum(chunk.level for chunk in chunks)


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """The search through the frames between two prunings."""

    low: int
    """The lowest state in the search."""
    level: float
    """What all scores are less than those of the chunk before."""
    best: Floats
    """(frames + 1, 1 + states): the score of the best path to each state from `low` on, from the frame before the
    chunk on; -inf in front, which stands for all other states."""


def _forward(lattice: Lattice, scores: Floats, columns: Integers, beam: float) -> list[_Chunk]:
    """The best paths to all states in all frames; none where the beam or the audio does not reach the end."""
    first_branch, max_successor = _first_branches(lattice), lattice.max_successor.tolist()
    begins, predecessors, transition_logp = _flat_transitions(lattice)
    chunks: list[_Chunk] = []
    best, low = lattice.initial + scores[0][columns], 0
    for frame in range(1, max(len(scores), 2), _PRUNE):
        frames = scores[frame : frame + _PRUNE]
        level = float(best.max())
        first, best = _pruned(best, beam)
        low += first
        high = low + len(best)
        if high == low:
            return []
        for _ in frames:
            high = max_successor[high - 1] + 1
        chunk = _Chunk(low, level, np.full((len(frames) + 1, high - low + 1), -np.inf, np.float32))
        chunks.append(chunk)
        chunk.best[0, 1 : len(best) + 1] = best
        branch_states = lattice.branch_states[first_branch[low] : first_branch[high]] - low
        begin, end = begins[first_branch[low]], begins[first_branch[high]]
        groups = begins[first_branch[low] : first_branch[high]] - begin
        origins, costs = predecessors[begin:end] - low, transition_logp[begin:end]
        next_logp, self_loop = lattice.next_logp[low:high], lattice.self_loop[low:high]
        for before, after, score in zip(
            chunk.best, chunk.best[1:, 1:], frames.take(columns[low:high], axis=1), strict=False
        ):
            move = before[:-1] + next_logp
            if len(branch_states):
                arrivals = before.take(origins, mode="clip")  # states under `low` are all the one in front
                arrivals += costs
                move[branch_states] = np.maximum.reduceat(arrivals, groups)
            np.add(before[1:], self_loop, out=after)
            np.maximum(after, move, out=after)
            after += score
        best = chunk.best[-1, 1:]
    return chunks


def _flat_transitions(lattice: Lattice) -> tuple[Integers, Integers, Floats]:
    """Where each branch state's transitions begin, and the end; all predecessors, plus one; all log probabilities."""
    there = lattice.predecessors > 0
    there[:, 0] = True
    begins = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    return begins, lattice.predecessors[there], lattice.transition_logp[there]


def _first_branches(lattice: Lattice) -> list[int]:
    """For each state, and for the end, the first branch from there on."""
    first: list[int] = np.searchsorted(lattice.branch_states, np.arange(len(lattice.senones) + 1)).tolist()
    return first


def _pruned(best: Floats, beam: float) -> tuple[int, Floats]:
    """The first state inside the beam, and the scores from there to the last one; empty if none is alive."""
    highest = best.max()
    if highest == -np.inf:
        return 0, best[:0]
    best = best - highest
    alive = best > -beam
    first, end = int(alive.argmax()), len(alive) - int(alive[::-1].argmax())
    return first, best[first:end]


def _traced(lattice: Lattice, chunks: Sequence[_Chunk], state: int) -> tuple[Integers, Floats]:
    """The states of the path that ends in `state`, and its log probability up to each."""
    branch_states = {branch: row for row, branch in enumerate(lattice.branch_states.tolist())}
    level = sum(chunk.level for chunk in chunks)
    states, scores = [state], [level + float(chunks[-1].best[-1, state - chunks[-1].low + 1])]
    for chunk in reversed(chunks):
        for before in chunk.best[-2::-1]:
            at = state - chunk.low
            if state in branch_states:
                row = branch_states[state]
                arrivals = (
                    before.take(lattice.predecessors[row] - chunk.low, mode="clip") + lattice.transition_logp[row]
                )
                source = int(lattice.predecessors[row, arrivals.argmax()]) - 1
                move = arrivals.max()
            else:
                source, move = state - 1, before[at] + lattice.next_logp[state]
            if move > before[at + 1] + lattice.self_loop[state]:
                state = source
            states.append(state)
            scores.append(level + float(before[state - chunk.low + 1]))
        level -= chunk.level
    return np.array(states[::-1]), np.array(scores[::-1])
