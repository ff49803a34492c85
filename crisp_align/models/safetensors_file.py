"""safetensors files: names, types, shapes and places of the tensors, checked before they are believed.

The layout is Hugging Face's: the length of a JSON header in 8 bytes, the header, then the tensors without gaps.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisp_align.errors import ModelError
from crisp_align.models.tensors import Extent, check_extents, damaged_file, read_bytes

__all__ = ["RawTensor", "read_header", "read_headers"]

_TYPES: dict[str, tuple[str, int]] = {
    "F64": ("<f8", 8), "F32": ("<f4", 4), "F16": ("<f2", 2), "BF16": ("<u2", 2), "I64": ("<i8", 8), "I32": ("<i4", 4),
    "I16": ("<i2", 2), "I8": ("i1", 1), "U64": ("<u8", 8), "U32": ("<u4", 4), "U16": ("<u2", 2), "U8": ("u1", 1),
    "BOOL": ("?", 1),
}  # fmt: skip
_MAX_HEADER = 100_000_000  # bytes, as the format's own reader has it
_MAX_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class RawTensor:
    """A tensor of a file, as the file has it."""

    path: Path
    kind: str
    """F32, BF16, U32, …"""
    shape: tuple[int, ...]
    extent: Extent

    def load(self) -> NDArray[Any]:
        """Read it; bfloat16 becomes float32.

        Raises:
            ModelError: the file cannot be read.
        """
        raw = read_bytes(self.path, self.extent).view(_TYPES[self.kind][0]).reshape(self.shape)
        return (raw.astype(np.uint32) << 16).view(np.float32) if self.kind == "BF16" else raw


def read_headers(folder: Path) -> dict[str, RawTensor]:
    """The tensors of model.safetensors, or of the shards that its index names.

    Raises:
        ModelError: a file is missing, cannot be read or contradicts itself, or two shards have the same tensor.
    """
    single = folder / "model.safetensors"
    files = [single] if single.is_file() else [folder / name for name in _shards(folder)]
    tensors: dict[str, RawTensor] = {}
    for file in files:
        for name, tensor in read_header(file).items():
            if name in tensors:
                raise damaged_file(file, f"{name[:80]!r} is in another file as well")
            tensors[name] = tensor
    return tensors


def _shards(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    try:
        names = {str(shard) for shard in json.loads(index.read_bytes())["weight_map"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"its index cannot be read ({error})", subject=str(index)) from error
    if any(name != Path(name).name or not name.endswith(".safetensors") for name in names):
        raise damaged_file(index, "it names a file outside its folder")
    return sorted(names)


def read_header(path: Path) -> dict[str, RawTensor]:
    """The tensors of one file.

    Raises:
        ModelError: it cannot be read or contradicts itself.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, _MAX_HEADER):
                raise damaged_file(path, f"its header claims {length} bytes")
            raw = file.read(length)
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror or error})", subject=str(path)) from error
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise damaged_file(path, "its header is no JSON") from error
    if not isinstance(header, dict):
        raise damaged_file(path, "its header is no JSON object")
    tensors = {
        name: _tensor(path, name, entry, 8 + length, size) for name, entry in header.items() if name != "__metadata__"
    }
    check_extents([tensor.extent for tensor in tensors.values()], path, size)
    return tensors


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _tensor(path: Path, name: str, entry: object, start: int, size: int) -> RawTensor:
    fields = entry if isinstance(entry, dict) else {}
    kind, shape, offsets = fields.get("dtype"), _sizes(fields.get("shape")), _sizes(fields.get("data_offsets"))
    if shape is None or offsets is None or len(offsets) != 2 or len(shape) > _MAX_DIMENSIONS:
        raise damaged_file(path, f"{name[:80]!r} has no shape or no place")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise damaged_file(path, f"{name[:80]!r} has the unknown type {str(kind)[:20]!r}")
    length = math.prod(shape) * _TYPES[kind][1]
    if offsets[1] - offsets[0] != length or start + offsets[1] > size:
        raise damaged_file(path, f"{name[:80]!r} has not the bytes that its shape asks for")
    return RawTensor(path, kind, tuple(shape), Extent(name, start + offsets[0], length))


def _sizes(value: object) -> list[int] | None:
    """A list of whole numbers that a file could mean; None: it is none."""
    if isinstance(value, list) and all(type(number) is int and 0 <= number <= 1 << 40 for number in value):
        return value
    return None
