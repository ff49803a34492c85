"""Sounds that English lacks, as composites of the English phones that come nearest to them.

The acoustic model knows the phones of English. A sound of another language is a composite phone: in every frame, each
of its three states is as likely as the likeliest state of its alternatives, less what the alternative costs, so that
a front rounded vowel may pass from the one English vowel to the other. Some composites are optional. The table of
sounds is `phones.txt`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import numpy as np

from crisp_align.aligners.hmm.acoustic_model import AcousticModel, Integers, Position
from crisp_align.aligners.hmm.mfcc import Floats

__all__ = ["CompositeModel", "slots"]

_Alternatives: TypeAlias = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class _Slot:
    """One composite phone."""

    alternatives: _Alternatives
    """English phones, each with its cost in nats a frame; the first gives its neighbours their context."""
    optional: bool = False


@cache
def _table() -> dict[str, tuple[_Slot, ...]]:
    """The slots of every sound in `phones.txt`."""
    table: dict[str, tuple[_Slot, ...]] = {}
    for line in files("crisp_align.aligners.hmm").joinpath("phones.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            sound, spelled = line.split(None, 1)
            table[sound] = tuple(_slot(part.split()) for part in spelled.split("+"))
    return table


def _slot(fields: Iterable[str]) -> _Slot:
    parts = [part.partition(":") for part in fields if part != "?"]
    return _Slot(tuple((name, float(cost or 0)) for name, _, cost in parts), "?" in fields)


@cache
def slots(sound: str) -> tuple[str, ...]:
    """The names of the composite phones of a sound, as `CompositeModel.number` takes them.

    Args:
        sound: one of `phones.txt`; several of one slot each with slashes between them are one composite of all their
            alternatives; "?" at the end makes it optional. A name in capitals is an English phone.

    Raises:
        KeyError: there is no such sound.
    """
    name, optional = sound.removesuffix("?"), sound.endswith("?")
    if name.isupper() or name.startswith("+"):
        return (sound,)
    if "/" not in name:
        return tuple(
            f"{name}#{index}{'?' if slot.optional or optional else ''}" for index, slot in enumerate(_table()[name])
        )
    if any(len(_table()[part]) != 1 for part in name.split("/")):
        raise KeyError(sound)
    return (sound,)


@cache
def _named(name: str) -> _Slot:
    """The composite phone of a name that `slots` gave."""
    optional, plain = name.endswith("?"), name.removesuffix("?")
    if "#" in plain:
        sound, _, index = plain.partition("#")
        return _Slot(_table()[sound][int(index)].alternatives, optional)
    if plain.isupper() or plain.startswith("+"):
        return _Slot(((plain, 0.0),), optional)
    merged: dict[str, float] = {}
    for part in plain.split("/"):
        for phone, cost in _table()[part][0].alternatives:
            merged[phone] = min(cost, merged.get(phone, cost))
    return _Slot(tuple(sorted(merged.items(), key=lambda item: item[1])), optional)


@dataclass(slots=True, eq=False)
class CompositeModel:
    """An acoustic model with composite phones in it, for one utterance.

    It has what `build_lattice` asks of a model. Phones from `len(base.phones)` on, and senones from the number of the
    base's senones on, are composites.
    """

    base: AcousticModel
    _numbers: dict[str, int] = field(default_factory=dict)
    _slots: list[_Slot] = field(default_factory=list)
    _alternatives: list[tuple[tuple[int, float], ...]] = field(default_factory=list)  # numbers of phones, with costs
    _senones: dict[tuple[tuple[int, float], ...], int] = field(default_factory=dict)
    _found: dict[tuple[int, int, int, int], tuple[int, ...]] = field(default_factory=dict)

    @property
    def silence(self) -> int:
        """Number of the phone for silence."""
        return self.base.silence

    @property
    def filler(self) -> int:
        """Number of the phone for any speech."""
        return self.base.filler

    @property
    def plain_senones(self) -> Integers:
        """The senones of all English phones without context."""
        return self.base.plain_senones

    @property
    def self_loop(self) -> Floats:
        """Log probability of staying in a state: (phones, 3); a composite's are its first alternative's."""
        return self.base.self_loop[self._first()]

    @property
    def next_logp(self) -> Floats:
        """Log probability of going on to the next state: shape (phones, 3)."""
        return self.base.next_logp[self._first()]

    def _first(self) -> list[int]:
        return [*range(len(self.base.phones)), *(alternatives[0][0] for alternatives in self._alternatives)]

    def number(self, name: str) -> int:
        """Return the number of a phone whose name `slots` gave, or of an English one."""
        if name in self.base.phones:
            return self.base.phones[name]
        if name not in self._numbers:
            slot = _named(name)
            self._numbers[name] = len(self.base.phones) + len(self._slots)
            self._slots.append(slot)
            self._alternatives.append(tuple((self.base.phones[phone], cost) for phone, cost in slot.alternatives))
        return self._numbers[name]

    def nearest(self, phone: int) -> str:
        """Return the name of an English phone, or of the first alternative of a composite one."""
        return self.base.names[self._context(phone)]

    def is_optional(self, phone: int) -> bool:
        """Whether a phone may be absent."""
        return phone >= len(self.base.phones) and self._slots[phone - len(self.base.phones)].optional

    def sequence(self, phone: int, left: int, right: int, position: Position) -> tuple[int, ...]:
        """Return the three senones of a phone between two others; those of a composite are composites."""
        key = (phone, left, right, position)
        if key not in self._found:
            self._found[key] = self._compose(phone, self._context(left), self._context(right), position)
        return self._found[key]

    def _context(self, phone: int) -> int:
        count = len(self.base.phones)
        return phone if phone < count else self._alternatives[phone - count][0][0]

    def _compose(self, phone: int, left: int, right: int, position: Position) -> tuple[int, ...]:
        count = len(self.base.phones)
        if phone < count:
            return self.base.sequence(phone, left, right, position)
        alternatives = self._alternatives[phone - count]
        sequences = [self.base.sequence(number, left, right, position) for number, _ in alternatives]
        costs = [cost for _, cost in alternatives]
        return tuple(self._senone(tuple(zip(senones, costs, strict=True))) for senones in zip(*sequences, strict=True))

    def _senone(self, mixture: tuple[tuple[int, float], ...]) -> int:
        if len(mixture) == 1 and not mixture[0][1]:
            return mixture[0][0]
        return self._senones.setdefault(mixture, self.base.senone_count + len(self._senones))

    def log_likelihood(self, features: Floats, senones: Integers) -> Floats:
        """Score every frame under every senone, as `AcousticModel.log_likelihood` does.

        Args:
            features: float32, shape (frames, 39).
            senones: int, shape (n,), sorted; those of all English phones without context among them.

        Returns:
            float32, shape (frames, n).
        """
        count = self.base.senone_count
        plain = senones[senones < count]
        mixtures = list(self._senones)  # in the order of their numbers
        needed = np.unique(np.concatenate([plain, [senone for mixture in mixtures for senone, _ in mixture]]))
        needed = needed.astype(np.int64)
        scores = self.base.log_likelihood(features, needed).T
        columns = np.empty((len(senones), len(features)), np.float32)
        columns[senones < count] = scores[np.searchsorted(needed, plain)]
        for column, number in enumerate(senones[len(plain) :].tolist(), len(plain)):
            mixture = mixtures[number - count]
            at = np.searchsorted(needed, [senone for senone, _ in mixture])
            costs = np.array([[cost] for _, cost in mixture], np.float32)
            np.max(scores[at] - costs, axis=0, out=columns[column])
        return columns.T
