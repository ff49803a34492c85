"""Tensors in a file that is not trusted: where each lies, and reading one at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crisp_align.errors import ModelError

__all__ = ["Extent", "StoredTensor", "check_extents", "damaged_file", "read_bytes"]


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor that is still in its file."""

    shape: tuple[int, ...]
    """As torch orders its dimensions."""
    load: Callable[[], NDArray[np.float32]]
    """Read it, of that shape; the file is not kept open."""
    quantized: bool = False
    """Whether the file has it in blocks of few bits."""

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Extent:
    """The bytes of a tensor in its file."""

    name: str
    start: int
    length: int


def check_extents(extents: Iterable[Extent], path: Path, size: int) -> None:
    """Refuse tensors that lie over one another or beyond the end of the file.

    Args:
        extents: of all tensors.
        path: the file, for messages.
        size: its bytes.

    Raises:
        ModelError: naming a tensor.
    """
    ordered = sorted(extents, key=lambda extent: extent.start)
    for extent in ordered:
        if extent.start < 0 or extent.length < 0 or extent.start + extent.length > size:
            raise damaged_file(path, f"{extent.name[:80]!r} lies beyond its end")
    for one, following in pairwise(ordered):
        if one.start + one.length > following.start:
            raise damaged_file(path, f"{one.name[:80]!r} and {following.name[:80]!r} lie over one another")


def read_bytes(path: Path, extent: Extent) -> NDArray[np.uint8]:
    """The bytes of a tensor.

    Raises:
        ModelError: the file became shorter, or cannot be read.
    """
    try:
        raw = np.fromfile(path, np.uint8, extent.length, offset=extent.start)
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror or error})", subject=str(path)) from error
    if len(raw) != extent.length:
        raise damaged_file(path, f"{extent.name[:80]!r} lies beyond its end")
    return raw


def damaged_file(path: Path, what: str) -> ModelError:
    """The error for a file that contradicts itself."""
    return ModelError(f"does not load, being damaged or cut short: {what}", subject=str(path), hint="download it again")
