"""The ways a text can be said, as one chain of hidden Markov states with branches, and the best path through it.

A text is a sequence of units; a unit has readings ("1961": "nineteen sixty one" or "one nine six one"), a reading has
words, a word has pronunciations, a pronunciation has phones. Every phone becomes three states, in the context of its
neighbours, also across words; between words there may be a pause. The audio chooses among all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from crisp_align.aligners.hmm.acoustic_model import STATES, AcousticModel, Integers, Position
from crisp_align.aligners.hmm.mfcc import Floats

__all__ = ["ANYTHING", "PAUSE", "Lattice", "Pronunciation", "Reading", "best_path", "build_lattice"]

Pronunciation: TypeAlias = tuple[int, ...]
"""Numbers of phones; never empty."""
Reading: TypeAlias = tuple[tuple[Pronunciation, ...], ...]
"""The pronunciations of each word; an empty reading is silent: the unit may be left out."""

PAUSE = -1
"""Owner of the states that belong to no unit."""
ANYTHING = -1
"""Senone of the states that any speech fits: said, but not what the text says."""

# Log probabilities, from clean and noisy (10 dB) speech whose texts lacked, added or replaced a word.
_PAUSE = float(np.log(0.1))  # of a pause between two words
_EXTRA = -60.0  # of speech that the text leaves out
_UNHEARD = -100.0  # of something else being said than the text has
_PRUNE = 8  # frames between two prunings


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """States in an order in which time only goes forward."""

    senones: Integers
    """(states,)"""
    owners: Integers
    """(states,): the unit a state belongs to, or `PAUSE`."""
    stay: Floats
    """(states,): log probability of the step from a state to itself."""
    advance: Floats
    """(states,): of the step from the state before it in this order; -inf at joins."""
    joins: Integers
    """(joins,), rising: states entered from elsewhere."""
    sources: Integers
    """(joins, n): the states each join is entered from, plus one; 0 where there are fewer than n."""
    entries: Floats
    """(joins, n): log probability of each such step; -inf where there is none."""
    opening: Floats
    """(states,): log probability of starting there."""
    closing: Floats
    """(states,): of ending there."""
    reach: Integers
    """(states,): the furthest state that one step leads to from this state or any before it."""


_Arrival: TypeAlias = tuple[int, float]  # a state left (-1: the beginning), and the log probability of leaving it
_Frontier: TypeAlias = dict[tuple[int, int], list[_Arrival]]  # what (last phone said, next phone) can follow on


@dataclass(slots=True)
class _Builder:
    model: AcousticModel
    senones: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    phones: list[int] = field(default_factory=list)  # of each group of three states
    joins: dict[int, list[_Arrival]] = field(default_factory=dict)

    def phone(self, number: int, senones: Sequence[int], owner: int, arrivals: Sequence[_Arrival]) -> list[_Arrival]:
        """Add a phone that follows on `arrivals`; what follows on it."""
        first = len(self.senones)
        if not self.phones or arrivals != [(first - 1, self._leave(self.phones[-1]))]:
            self.joins[first] = list(arrivals)
        self.senones += senones
        self.owners += [owner] * STATES
        self.phones.append(number)
        return [(first + STATES - 1, self._leave(number))]

    def _leave(self, phone: int) -> float:
        return float(self.model.leave[phone, STATES - 1])

    def senones_of(self, phone: int, left: int, right: int, position: Position) -> tuple[int, ...]:
        """What a phone between two others sounds like."""
        return (ANYTHING,) * STATES if phone == self.model.babble else self.model.sequence(phone, left, right, position)

    def word(self, word: Iterable[Pronunciation], owner: int, frontier: _Frontier, following: set[int]) -> _Frontier:
        """Add a word; where it leads, for each of the phones that can follow."""
        reached: _Frontier = {}
        for phones in word:
            lefts = [(left, arrivals) for (left, right), arrivals in frontier.items() if right == phones[0]]
            if len(phones) == 1:
                self._single(phones[0], owner, lefts, following, reached)
            else:
                self._several(phones, owner, lefts, following, reached)
        return reached

    def _single(
        self,
        phone: int,
        owner: int,
        lefts: Sequence[tuple[int, list[_Arrival]]],
        following: set[int],
        reached: _Frontier,
    ) -> None:
        merged: dict[tuple[int, ...], tuple[dict[int, list[_Arrival]], list[int]]] = {}
        for left, arrivals in lefts:
            for right in sorted(following):
                senones = self.senones_of(phone, left, right, Position.ONLY)
                sources, rights = merged.setdefault(senones, ({}, []))
                sources[left] = arrivals
                if right not in rights:
                    rights.append(right)
        for senones, (sources, rights) in merged.items():
            arrivals = [arrival for group in sources.values() for arrival in group]
            left_behind = self.phone(phone, senones, owner, arrivals)
            for right in rights:
                reached.setdefault((phone, right), []).extend(left_behind)

    def _several(
        self,
        phones: Pronunciation,
        owner: int,
        lefts: Sequence[tuple[int, list[_Arrival]]],
        following: set[int],
        reached: _Frontier,
    ) -> None:
        model = self.model
        heads: dict[tuple[int, ...], list[_Arrival]] = {}
        for left, arrivals in lefts:
            senones = model.sequence(phones[0], left, phones[1], Position.FIRST)
            heads.setdefault(senones, []).extend(arrivals)
        at = [step for senones, group in heads.items() for step in self.phone(phones[0], senones, owner, group)]
        for left, phone, right in zip(phones, phones[1:-1], phones[2:], strict=False):
            at = self.phone(phone, model.sequence(phone, left, right, Position.INSIDE), owner, at)
        tails: dict[tuple[int, ...], list[int]] = {}
        for right in sorted(following):
            tails.setdefault(model.sequence(phones[-1], phones[-2], right, Position.LAST), []).append(right)
        for senones, rights in tails.items():
            left_behind = self.phone(phones[-1], senones, owner, at)
            for right in rights:
                reached.setdefault((phones[-1], right), []).extend(left_behind)

    def pause(self, frontier: _Frontier, following: set[int]) -> _Frontier:
        """Add a pause that may follow on `frontier`, which stays reachable."""
        silence = self.model.silence
        arrivals = [arrival for (_, right), group in frontier.items() if right == silence for arrival in group]
        after: list[_Arrival] = []
        for phone, log in ((silence, _PAUSE), (self.model.babble, _EXTRA)):
            senones = self.senones_of(phone, silence, silence, Position.ONLY)
            after += self.phone(phone, senones, PAUSE, [(state, weight + log) for state, weight in arrivals])
        joined = {key: list(group) for key, group in frontier.items() if key[1] != silence or silence in following}
        for phone in following:
            joined.setdefault((silence, phone), []).extend(after)
        return joined

    def reading(self, reading: Reading, owner: int, frontier: _Frontier, following: set[int]) -> _Frontier:
        """Add the words of a reading, with pauses between them."""
        for index, word in enumerate(reading):
            if index:
                frontier = self.pause(frontier, {phones[0] for phones in word})
            ahead = {phones[0] for phones in reading[index + 1]} if index + 1 < len(reading) else following
            frontier = self.word(word, owner, frontier, ahead | {self.model.silence})
        return frontier

    def lattice(self, closing: Sequence[_Arrival]) -> Lattice:
        """Everything added so far, as arrays."""
        count, model = len(self.senones), self.model
        phones = np.array(self.phones)
        stay = model.stay[phones].reshape(-1)
        advance = np.concatenate([[-np.inf], model.leave[phones].reshape(-1)[:-1]]).astype(np.float32)
        joins = np.array(sorted(self.joins), np.int64)
        advance[joins] = -np.inf
        width = max(len(group) for group in self.joins.values())
        sources = np.zeros((len(joins), width), np.int64)
        entries = np.full((len(joins), width), -np.inf, np.float32)
        starts = np.full(count, -np.inf, np.float32)
        reach = np.minimum(np.arange(count) + 1, count - 1)
        for row, join in enumerate(joins.tolist()):
            inner = [(state, log) for state, log in self.joins[join] if state >= 0]
            starts[join] = max((log for state, log in self.joins[join] if state < 0), default=-np.inf)
            for column, (state, log) in enumerate(inner):
                sources[row, column], entries[row, column] = state + 1, log
                reach[state] = max(reach[state], join)
        ends = np.full(count, -np.inf, np.float32)
        for state, log in closing:
            ends[state] = log
        return Lattice(
            senones=np.array(self.senones, np.int64),
            owners=np.array(self.owners, np.int64),
            stay=stay.astype(np.float32),
            advance=advance,
            joins=joins,
            sources=sources,
            entries=entries,
            opening=starts,
            closing=ends,
            reach=np.maximum.accumulate(reach),
        )


def build_lattice(model: AcousticModel, units: Sequence[Sequence[Reading]]) -> Lattice:
    """The lattice of a text.

    Args:
        model: whose phones and states they are.
        units: the readings of each unit, at least one a unit.
    """
    builder = _Builder(model)
    unheard: Reading = (((model.babble,),),)
    heads = _heads(units, model)
    frontier: _Frontier = {(model.silence, phone): [(-1, 0.0)] for phone in sorted(heads[0] | {model.silence})}
    frontier = builder.pause(frontier, heads[0])
    for owner, readings in enumerate(units):
        merged: _Frontier = {}
        skipping = {key: [(state, log + _UNHEARD) for state, log in group] for key, group in frontier.items()}
        for reading, start in [*((reading, frontier) for reading in readings), (unheard, skipping)]:
            for key, group in builder.reading(reading, owner, start, heads[owner + 1]).items():
                merged.setdefault(key, []).extend(group)
        frontier = builder.pause(merged, heads[owner + 1])
    return builder.lattice(
        [arrival for (_, right), group in frontier.items() if right == model.silence for arrival in group]
    )


def _heads(units: Sequence[Sequence[Reading]], model: AcousticModel) -> list[set[int]]:
    """The phones that can come first from each unit on; after the last, silence."""
    heads = [{model.silence}]
    for readings in reversed(units):
        own = {model.babble} | {phones[0] for reading in readings if reading for phones in reading[0]}
        heads.append(own if all(readings) else own | heads[-1])
    return heads[::-1]


def best_path(lattice: Lattice, scores: Floats, columns: Integers, beam: float) -> Integers | None:
    """The most likely path (Viterbi), or None where the beam or the audio is too short to reach the end.

    Args:
        lattice: what can be said.
        scores: log densities, float32, shape (frames, senones).
        columns: (states,): each state's column of `scores`.
        beam: nats below the best state of a frame at which a state is given up.

    Returns:
        The state of each frame: (frames,).
    """
    stretches = _forward(lattice, scores, columns, beam)
    if not stretches:
        return None
    low, last = stretches[-1].low, stretches[-1].best[-1, 1:]
    final = last + lattice.closing[low : low + len(last)]
    if final.max() == -np.inf:
        return None
    return _traced(lattice, stretches, low + int(final.argmax()))


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """The frames between two prunings."""

    low: int
    """The lowest state looked at."""
    best: Floats
    """(frames + 1, 1 + states): the score of the best path to each state from `low` on, from the frame before the
    stretch on; -inf in front, which stands for all other states."""


def _forward(lattice: Lattice, scores: Floats, columns: Integers, beam: float) -> list[_Stretch]:
    """The best paths to all states in all frames; none where the beam or the audio does not reach the end."""
    first_join, reach = _first_joins(lattice), lattice.reach.tolist()
    begins, sources, entries = _flat_entries(lattice)
    stretches: list[_Stretch] = []
    best, low = lattice.opening + scores[0][columns], 0
    for frame in range(1, max(len(scores), 2), _PRUNE):
        heard = scores[frame : frame + _PRUNE]
        first, best = _pruned(best, beam)
        low += first
        high = low + len(best)
        if high == low:
            return []
        for _ in heard:
            high = reach[high - 1] + 1
        stretch = _Stretch(low, np.full((len(heard) + 1, high - low + 1), -np.inf, np.float32))
        stretches.append(stretch)
        stretch.best[0, 1 : len(best) + 1] = best
        joins = lattice.joins[first_join[low] : first_join[high]] - low
        begin, end = begins[first_join[low]], begins[first_join[high]]
        groups = begins[first_join[low] : first_join[high]] - begin
        origins, costs = sources[begin:end] - low, entries[begin:end]
        advance, stay = lattice.advance[low:high], lattice.stay[low:high]
        for before, after, score in zip(
            stretch.best, stretch.best[1:, 1:], heard.take(columns[low:high], axis=1), strict=False
        ):
            move = before[:-1] + advance
            if len(joins):
                arrivals = before.take(origins, mode="clip")  # states under `low` are all the one in front
                arrivals += costs
                move[joins] = np.maximum.reduceat(arrivals, groups)
            np.add(before[1:], stay, out=after)
            np.maximum(after, move, out=after)
            after += score
        best = stretch.best[-1, 1:]
    return stretches


def _flat_entries(lattice: Lattice) -> tuple[Integers, Integers, Floats]:
    """Where each join's entries begin, and the end; the sources of all entries, plus one; their log probabilities."""
    there = lattice.sources > 0
    there[:, 0] = True
    begins = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    return begins, lattice.sources[there], lattice.entries[there]


def _first_joins(lattice: Lattice) -> list[int]:
    """For each state, and for the end, the first join from there on."""
    first: list[int] = np.searchsorted(lattice.joins, np.arange(len(lattice.senones) + 1)).tolist()
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


def _traced(lattice: Lattice, stretches: Sequence[_Stretch], state: int) -> Integers:
    """The states of the path that ends in `state`."""
    joins = {join: row for row, join in enumerate(lattice.joins.tolist())}
    states = [state]
    for stretch in reversed(stretches):
        for before in stretch.best[-2::-1]:
            at = state - stretch.low
            if state in joins:
                row = joins[state]
                arrivals = before.take(lattice.sources[row] - stretch.low, mode="clip") + lattice.entries[row]
                source = int(lattice.sources[row, arrivals.argmax()]) - 1
                move = arrivals.max()
            else:
                source, move = state - 1, before[at] + lattice.advance[state]
            if move > before[at + 1] + lattice.stay[state]:
                state = source
            states.append(state)
    return np.array(states[::-1])
