"""The acoustic model inside PocketSphinx's wheel: reading its files and scoring features with it.

It is phonetically tied: each of its 42 phones has one codebook of 128 diagonal Gaussians in each of three streams
(cepstra, deltas, double deltas), and each of its 5126 senones, the states of phones in context, mixes the Gaussians
of its phone's codebook with weights of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crisp_align.aligners.hmm.mfcc import Floats
from crisp_align.errors import ModelError

__all__ = ["STATES", "AcousticModel", "PhoneModel", "Position", "load_acoustic_model"]

Integers: TypeAlias = NDArray[np.int64]

STATES = 3  # emitting states of a phone
_STREAMS, _WIDTH = 3, 13  # features a stream
_VARIANCE_FLOOR = 1e-4
_WEIGHT_STEP = 0.1024  # nats: weights are stored as 8-bit negative logarithms to the base 1.0001, in steps of 1024
_BYTE_ORDER = b"\x44\x33\x22\x11"
_BLOCK = 256  # frames scored at once, so that what is between fits the cache

# A float32 read as an integer is, but for the curve between powers of two, 2**23 (log2 + 127). Densities are computed
# on that scale, so that rounding to integers takes the exponential, up to 6 % too large.
_OCTAVE = 2.0**23
_MIDDLE = 127 * _OCTAVE  # 1.0
_RANGE = 40  # octaves to each side: the product of three streams is neither zero nor infinite
_SPARSE = 16  # of so many Gaussians one gives the level of a frame


class Position(IntEnum):
    """Where in its word a phone stands."""

    INSIDE = 0
    FIRST = 1
    LAST = 2
    ONLY = 3


class PhoneModel(Protocol):
    """What the search asks of a model: phones in context, as senones, and how likely these are."""

    @property
    def silence(self) -> int:
        """Number of the phone for silence."""
        ...

    @property
    def filler(self) -> int:
        """Number of the phone for speech that nobody could transcribe."""
        ...

    @property
    def self_loop(self) -> Floats:
        """Log probability of staying in a state: shape (phones, 3)."""
        ...

    @property
    def next_logp(self) -> Floats:
        """Log probability of going on to the next state, or out of the last: shape (phones, 3)."""
        ...

    @property
    def plain_senones(self) -> Integers:
        """The senones of all phones without context."""
        ...

    def number(self, name: str) -> int:
        """Return the number of a phone."""
        ...

    def nearest(self, phone: int) -> str:
        """Return the name of a phone, or of the English one that comes nearest to it."""
        ...

    def is_optional(self, phone: int) -> bool:
        """Whether a phone may be absent."""
        ...

    def sequence(self, phone: int, left: int, right: int, position: Position) -> tuple[int, ...]:
        """Return the three senones of a phone between two others."""
        ...

    def log_likelihood(self, features: Floats, senones: Integers) -> Floats:
        """Score every frame under every senone, relative to the best one without context: shape (frames, n)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class AcousticModel:
    """Phones in context, as hidden Markov models of three states."""

    phones: dict[str, int]
    """Number of each phone: "AA" … "ZH", "SIL", and fillers with a name in plus signs."""
    names: tuple[str, ...]
    """The names, in the order of the numbers."""
    silence: int
    filler: int
    """The phone for speech that nobody could transcribe."""
    self_loop: Floats
    """Log probability of staying in a state: shape (phones, 3)."""
    next_logp: Floats
    """Log probability of going on to the next state, or out of the last: shape (phones, 3)."""
    _senones: Integers  # (sequences, 3): the senones of each distinct sequence
    _plain: Integers  # (phones,): sequence of a phone without context
    _contexts: Integers  # sorted keys of phones in context
    _in_context: Integers  # sequence of each key
    _codebook: Integers  # (senones,): the phone whose Gaussians a senone mixes
    _gaussians: Floats  # (phones, streams, 128, 28): coefficients of `_terms` in the log2 density, times `_OCTAVE`
    _sparse: Floats  # (streams, n, 27): some of them, the most pointed of all included
    _weights: NDArray[np.uint8]  # (streams, 128, senones)
    _found: dict[int, tuple[int, ...]] = field(default_factory=dict)  # what `sequence` has answered, by key

    @property
    def senone_count(self) -> int:
        """How many senones there are."""
        return len(self._codebook)

    def number(self, name: str) -> int:
        """Return the number of a phone."""
        return self.phones[name]

    def nearest(self, phone: int) -> str:
        """Return the name of a phone."""
        return self.names[phone]

    def is_optional(self, phone: int) -> bool:
        """Whether a phone may be absent: none of this model's may."""
        return False

    @property
    def plain_senones(self) -> Integers:
        """The senones of all phones without context: (3 × phones,)."""
        return self._senones[self._plain].reshape(-1)

    def sequence(self, phone: int, left: int, right: int, position: Position) -> tuple[int, ...]:
        """Return the three senones of a phone between two others, or of the nearest triphone that is known."""
        key = _context_key(position, phone, left, right)
        if key not in self._found:
            self._found[key] = self._search(phone, left, right, position)
        return self._found[key]

    def _search(self, phone: int, left: int, right: int, position: Position) -> tuple[int, ...]:
        for near_left, near_right in self._relatives(left, right, position):
            for place in (position, *(other for other in Position if other != position)):
                key = _context_key(place, phone, near_left, near_right)
                at = int(np.searchsorted(self._contexts, key))
                if at < len(self._contexts) and self._contexts[at] == key:
                    return tuple(self._senones[self._in_context[at]].tolist())
        return tuple(self._senones[self._plain[phone]].tolist())

    def _relatives(self, left: int, right: int, position: Position) -> list[tuple[int, int]]:
        """The contexts to look for: as given, then with silence at the edges of the word."""
        outer_left = self.silence if position in (Position.FIRST, Position.ONLY) else left
        outer_right = self.silence if position in (Position.LAST, Position.ONLY) else right
        return [(left, right), (outer_left, outer_right)]

    def log_likelihood(self, features: Floats, senones: Integers) -> Floats:
        """Score every frame under every senone: the log density less that under the best senone without context.

        Args:
            features: float32, shape (frames, 39), from `mfcc.features`.
            senones: int, shape (n,); those of all phones without context among them.

        Returns:
            float32, shape (frames, n).
        """
        plain = np.flatnonzero(np.isin(senones, self.plain_senones))
        codebooks = self._codebook[senones]
        steps = np.exp(-_WEIGHT_STEP * np.arange(256)).astype(np.float32)
        parts = []
        for book in np.unique(codebooks).tolist():
            members = np.flatnonzero(codebooks == book)
            parts.append(
                (self._gaussians[book], members, steps[self._weights[:, :, senones[members]]].transpose(0, 2, 1))
            )
        ratios = np.empty((len(features), len(senones)), np.float32)
        for at in range(0, len(features), _BLOCK):
            terms = self._terms(features[at : at + _BLOCK])
            mixed = np.empty((len(senones), terms.shape[2]), np.float32)
            for gaussians, members, weights in parts:
                streams = weights @ _densities(gaussians, terms)
                mixed[members] = streams[0] * streams[1] * streams[2]
            np.log(mixed, out=mixed)
            mixed -= mixed[plain].max(axis=0)
            ratios[at : at + _BLOCK] = mixed.T
        return ratios

    def _terms(self, features: Floats) -> Floats:
        """What log densities are linear in: x², x, 1 and what brings them near `_MIDDLE`; (streams, 28, frames)."""
        streams = features.T.reshape(_STREAMS, _WIDTH, -1)
        one = np.ones_like(streams[:, :1])
        terms = np.concatenate([streams * streams, streams, one, one], axis=1)
        terms[:, -1] -= (self._sparse @ terms[:, :-1]).max(axis=1) / np.float32(_MIDDLE)
        return terms


def _densities(gaussians: Floats, terms: Floats) -> Floats:
    """Densities of the Gaussians of a codebook, relative to each frame's level: (streams, Gaussians, frames)."""
    logs = gaussians @ terms
    np.clip(logs, _MIDDLE - _RANGE * _OCTAVE, _MIDDLE + _RANGE * _OCTAVE, out=logs)
    return logs.astype(np.int32).view(np.float32)


def _context_key(position: int, phone: int, left: int, right: int) -> int:
    return ((position << 8 | phone) << 8 | left) << 8 | right


def load_acoustic_model(folder: Path) -> AcousticModel:
    """Read the model files in `folder`.

    Raises:
        ModelError: a file is missing, damaged or of another kind.
    """
    try:
        means, variances = (_parameters(folder / name, 3) for name in ("means", "variances"))
        transitions = _parameters(folder / "transition_matrices", 2)
        weights = _mixture_weights(folder / "sendump")
        definition = _Definition.read(folder / "mdef")
        return _assembled(definition, means, variances, transitions, weights)
    except (OSError, ValueError, IndexError) as error:
        raise ModelError(
            f"PocketSphinx's acoustic model does not load ({error})",
            subject=str(folder),
            hint="reinstall it: pip install --force-reinstall pocketsphinx",
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class _Definition:
    """What the binary `mdef` file holds."""

    names: list[str]
    silence: int
    entries: NDArray[np.void]
    """One a phone, with and without context: ssid, tmat, and (position, phone, left, right) for those in context."""
    sequences: Integers

    @classmethod
    def read(cls, path: Path) -> _Definition:
        """Raises OSError, ValueError or IndexError."""
        raw = path.read_bytes()
        if raw[:4] != b"BMDF":
            raise ValueError(f"{path.name} is not a binary model definition")
        at = 12 + int.from_bytes(raw[8:12], "little")
        header = np.frombuffer(raw, "<i4", 10, at).tolist()
        phones, entries, states, sequences, tree, silence = (header[i] for i in (0, 1, 2, 6, 8, 9))
        if states != STATES:
            raise ValueError(f"{path.name} has {states} states a phone, not {STATES}")
        at += 40
        names = [name.decode("ascii") for name in raw[at:].split(b"\0", phones)[:phones]]
        at += sum(len(name) + 1 for name in names)
        at += -at % 4 + 8 * tree  # the tree finds triphones; sorted keys do that here
        layout = np.dtype([("ssid", "<i4"), ("tmat", "<i4"), ("context", "u1", 4)])
        table = np.frombuffer(raw, layout, entries, at)
        at += layout.itemsize * entries + 4
        senones = np.frombuffer(raw, "<u2", sequences * STATES, at).reshape(-1, STATES).astype(np.int64)
        return cls(names, silence, table, senones)


def _parameters(path: Path, sizes: int) -> Floats:
    """A Sphinx-3 parameter file: text header, byte-order mark, `sizes` dimensions, (vector lengths,) count, floats."""
    raw = path.read_bytes()
    at = raw.index(b"endhdr\n") + 7
    if raw[at : at + 4] != _BYTE_ORDER:
        raise ValueError(f"{path.name} is not little-endian")
    gaussian = path.name in ("means", "variances")
    shape = np.frombuffer(raw, "<i4", sizes + (_STREAMS if gaussian else 1), at + 4).tolist()
    at += 4 + 4 * len(shape) + 4
    values = np.frombuffer(raw, "<f4", int(np.prod(shape[: sizes + 1])), at)
    return values.reshape(shape[: sizes + 1]).astype(np.float32)


def _mixture_weights(path: Path) -> NDArray[np.uint8]:
    """Negative log weights in steps of `_WEIGHT_STEP`: uint8, shape (streams, Gaussians, senones)."""
    raw, at = path.read_bytes(), 0
    while length := int.from_bytes(raw[at : at + 4], "little"):
        at += 4 + length
        if at >= len(raw):
            raise ValueError(f"{path.name} has no end of header")
    rows, columns = np.frombuffer(raw, "<i4", 2, at + 4).tolist()
    return np.frombuffer(raw, np.uint8, _STREAMS * rows * columns, at + 12).reshape(_STREAMS, rows, columns)


def _assembled(
    definition: _Definition, means: Floats, variances: Floats, transitions: Floats, weights: NDArray[np.uint8]
) -> AcousticModel:
    """The model from its parts; means and variances: (phones, streams, Gaussians, 13)."""
    count = len(definition.names)
    plain, contexts = definition.entries[:count], definition.entries[count:]
    position, phone, left, right = contexts["context"].astype(np.int64).T
    keys = _context_keys(position, phone, left, right)
    order = np.argsort(keys)
    codebook = np.repeat(np.arange(count), STATES)
    codebook = np.concatenate([codebook, np.zeros(weights.shape[2] - len(codebook), np.int64)])
    codebook[definition.sequences[contexts["ssid"]]] = phone[:, None]
    with np.errstate(divide="ignore"):
        chain = np.log(transitions / transitions.sum(axis=2, keepdims=True))[plain["tmat"]]
    states = np.arange(STATES)
    variances = np.maximum(variances, _VARIANCE_FLOOR)
    gaussians = _quadratics(means, variances)
    return AcousticModel(
        phones={name: number for number, name in enumerate(definition.names)},
        names=tuple(definition.names),
        silence=definition.silence,
        filler=definition.names.index("+SPN+"),
        self_loop=chain[:, states, states],
        next_logp=chain[:, states, states + 1],
        _senones=definition.sequences,
        _plain=plain["ssid"].astype(np.int64),
        _contexts=keys[order],
        _in_context=contexts["ssid"][order].astype(np.int64),
        _codebook=codebook,
        _gaussians=gaussians,
        _sparse=_sparse(gaussians, variances),
        _weights=weights,
    )


def _context_keys(position: Integers, phone: Integers, left: Integers, right: Integers) -> Integers:
    return ((position << 8 | phone) << 8 | left) << 8 | right


def _quadratics(means: Floats, variances: Floats) -> Floats:
    """Coefficients of `_terms` in each Gaussian's log2 density, times `_OCTAVE`: (phones, streams, Gaussians, 28)."""
    constant = -0.5 * (np.log(2 * np.pi * variances) + means**2 / variances).sum(axis=-1, keepdims=True)
    terms = np.concatenate([-0.5 / variances, means / variances, constant], axis=-1) * (_OCTAVE / np.log(2))
    return np.concatenate([terms, np.full_like(constant, _MIDDLE)], axis=-1).astype(np.float32)


def _sparse(quadratics: Floats, variances: Floats) -> Floats:
    """Every sixteenth Gaussian of each stream, in the order of their height: (streams, n, 27)."""
    height = -np.log(variances).sum(axis=-1).swapaxes(0, 1).reshape(_STREAMS, -1)
    chosen = np.argsort(-height, axis=1)[:, ::_SPARSE]
    everyone = quadratics[..., :-1].swapaxes(0, 1).reshape(_STREAMS, -1, quadratics.shape[-1] - 1)
    return np.take_along_axis(everyone, chosen[..., None], axis=1)
