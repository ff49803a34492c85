"""GGUF files, version 2 and 3: metadata and tensors, checked before they are believed.

The layout is ggml's: a header, metadata as keys and typed values, the names, shapes, types and offsets of the
tensors, then their bytes. Nothing is allocated by a count or a length that the file could not hold.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crisp_align.errors import ModelError
from crisp_align.models.quants import FORMATS, UNREAD_FORMATS, BlockFormat, dequantize
from crisp_align.models.tensors import Extent, StoredTensor, check_extents, damaged_file, read_bytes

__all__ = ["GgufFile", "Value", "is_gguf", "read_gguf"]

Value: TypeAlias = "int | float | bool | str | list[Any]"

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAX_DIMENSIONS = 4
_MAX_NAME = 1024  # bytes of a key or a tensor's name
_MAX_ENTRIES = 1 << 16  # metadata keys, and tensors: many times what any model has
_MAX_VALUES = 1 << 20  # of a list: several times the largest vocabulary
_HEADER_MINIMUM = 24  # bytes: magic, version and two counts
_ENTRY_MINIMUM = 13  # bytes of the smallest key with its value
_TENSOR_MINIMUM = 32  # bytes of the smallest entry of a tensor


@dataclass(frozen=True, slots=True)
class GgufFile:
    """What a file holds; the tensors are still in it."""

    path: Path
    metadata: dict[str, Value]
    tensors: dict[str, StoredTensor] = field(repr=False)

    @property
    def architecture(self) -> str:
        """What kind of model it says it is; empty where it says nothing."""
        value = self.metadata.get("general.architecture")
        return value if isinstance(value, str) else ""


def is_gguf(path: Path) -> bool:
    """Whether a file begins as GGUF does, whatever it is called."""
    try:
        with path.open("rb") as file:
            return file.read(4) == _MAGIC
    except OSError:
        return False


def read_gguf(path: Path) -> GgufFile:
    """Read all of a file but its tensors' bytes.

    Raises:
        ModelError: it cannot be read, is no GGUF file of a version that is read, contradicts itself, or has a tensor
            of a type that is not read.
    """
    try:
        with path.open("rb") as file:
            return _read(_Reader(file, path, os.fstat(file.fileno()).st_size))
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror or error})", subject=str(path)) from error


def _read(reader: _Reader) -> GgufFile:
    if reader.size < _HEADER_MINIMUM or reader.take(4) != _MAGIC:
        raise ModelError("is no GGUF file", subject=str(reader.path), hint="download it again")
    version = reader.number("I")
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS
        kind = "for computers of the other byte order" if swapped else f"of version {version}"
        raise ModelError(f"is a GGUF file {kind}, and versions 2 and 3 are read", subject=str(reader.path))
    tensors = reader.count("tensors", _TENSOR_MINIMUM)
    entries = reader.count("metadata entries", _ENTRY_MINIMUM)
    metadata: dict[str, Value] = {}
    for _ in range(entries):
        key = reader.text("a key", _MAX_NAME)
        if key in metadata:
            raise reader.damaged(f"{key[:80]!r} stands twice in its metadata")
        metadata[key] = reader.value(key)
    return GgufFile(reader.path, metadata, _tensors(reader, tensors, metadata))


def _tensors(reader: _Reader, count: int, metadata: dict[str, Value]) -> dict[str, StoredTensor]:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20 or alignment & (alignment - 1):
        raise reader.damaged("its alignment is no power of two")
    found = [reader.tensor(alignment) for _ in range(count)]
    start = -(-reader.position // alignment) * alignment
    tensors: dict[str, StoredTensor] = {}
    extents = []
    for name, shape, kind, offset in found:
        if name in tensors:
            raise reader.damaged(f"the tensor {name[:80]!r} is in it twice")
        extent = Extent(name, start + offset, math.prod(shape) // kind.weights * kind.size)
        extents.append(extent)
        tensors[name] = StoredTensor(shape, partial(_load, reader.path, extent, kind, shape), kind.weights > 1)
    check_extents(extents, reader.path, reader.size)
    return tensors


def _load(path: Path, extent: Extent, kind: BlockFormat, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return dequantize(kind, read_bytes(path, extent)).reshape(shape)


class _Reader:
    """Takes typed values off a file, none longer than what is left of it."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self._file = file
        self.path = path
        self.size = size
        self.position = 0

    def damaged(self, what: str) -> ModelError:
        return damaged_file(self.path, what)

    def take(self, length: int) -> bytes:
        if length > self.size - self.position:
            raise self.damaged("it ends in the middle of its header")
        taken = self._file.read(length)
        if len(taken) != length:
            raise self.damaged("it ends in the middle of its header")
        self.position += length
        return taken

    def number(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def count(self, what: str, smallest: int) -> int:
        """A number of things that follow, each at least `smallest` bytes."""
        number = int(self.number("Q"))
        if number > _MAX_ENTRIES or number * smallest > self.size - self.position:
            raise self.damaged(f"it claims {number} {what}")
        return number

    def text(self, what: str, longest: int | None = None) -> str:
        length = int(self.number("Q"))
        if length > self.size - self.position or (longest is not None and length > longest):
            raise self.damaged(f"{what} claims {length} bytes")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.damaged(f"{what} is not UTF-8") from error

    def value(self, key: str) -> Value:
        kind = int(self.number("I"))
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])  # type: ignore[no-any-return]
        if kind == _STRING:
            return self.text(f"the value of {key[:80]!r}")
        if kind == _ARRAY:
            return self._array(key)
        raise self.damaged(f"{key[:80]!r} has a value of unknown type {kind}")

    def _array(self, key: str) -> list[Any]:
        kind, length = int(self.number("I")), int(self.number("Q"))
        if kind != _STRING and kind not in _SCALARS:
            raise self.damaged(f"{key[:80]!r} is a list of unknown type {kind}")
        size = 8 if kind == _STRING else struct.calcsize(f"<{_SCALARS[kind]}")
        if length > _MAX_VALUES or length * size > self.size - self.position:
            raise self.damaged(f"{key[:80]!r} claims {length} values")
        if kind == _STRING:
            return [self.text(f"a value of {key[:80]!r}") for _ in range(length)]
        return list(struct.unpack(f"<{length}{_SCALARS[kind]}", self.take(length * size)))

    def tensor(self, alignment: int) -> tuple[str, tuple[int, ...], BlockFormat, int]:
        """Name, shape as torch orders it, type, and offset among the tensors' bytes."""
        name = self.text("a tensor's name", _MAX_NAME)
        dimensions = int(self.number("I"))
        if not 1 <= dimensions <= _MAX_DIMENSIONS:
            raise self.damaged(f"{name[:80]!r} has {dimensions} dimensions")
        sizes = [int(self.number("Q")) for _ in range(dimensions)]
        number, offset = int(self.number("I")), int(self.number("Q"))
        if number not in FORMATS:
            kind = UNREAD_FORMATS.get(number, f"of type {number}")
            read = ", ".join(known.name for known in FORMATS.values())
            raise ModelError(
                f"has weights in {kind}, which is not read",
                subject=str(self.path),
                hint=f"take a file in one of {read}",
            )
        if not all(1 <= size <= 1 << 40 for size in sizes):
            raise self.damaged(f"{name[:80]!r} has the shape {sizes}")
        if sizes[0] % FORMATS[number].weights:
            raise self.damaged(f"{name[:80]!r} has rows of {sizes[0]}, no whole blocks of {FORMATS[number].name}")
        if offset % alignment:
            raise self.damaged(f"{name[:80]!r} is not aligned")
        return name, tuple(reversed(sizes)), FORMATS[number], offset
