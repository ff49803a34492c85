"""Weights that MLX tools have packed: integers of 2, 4 or 8 bits with a scale and a bias a group of columns.

The first value of a 32-bit word is in its lowest bits. Bits and group size follow from the shapes, so that what a
configuration says of them need not be believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crisp_align.errors import ModelError
from crisp_align.models.safetensors_file import RawTensor
from crisp_align.models.tensors import StoredTensor, damaged_file

__all__ = ["unpack_mlx"]

_BITS = (2, 4, 8)
_GROUPS = (32, 64, 128)
_FLOATS = ("F32", "F16", "BF16")


def unpack_mlx(tensors: Mapping[str, RawTensor], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, StoredTensor]:
    """The tensors of an MLX checkpoint as they are to be multiplied.

    Args:
        tensors: by name: plain ones, and packed ones, whose `x.weight` has `x.scales` and `x.biases`.
        shapes: of the tensors that the network has, by the same names.

    Returns:
        The same without scales and biases. Convolutions that lie as MLX has them, (out, height, width, in), become
        torch's, (out, in, height, width).

    Raises:
        ModelError: a packed tensor has no biases (another mode of packing), or shapes that no packing gives.
    """
    made: dict[str, StoredTensor] = {}
    for name, tensor in tensors.items():
        base, _, leaf = name.rpartition(".")
        if leaf in ("scales", "biases") and f"{base}.weight" in tensors:
            continue
        scales, biases = tensors.get(f"{base}.scales"), tensors.get(f"{base}.biases")
        if leaf == "weight" and tensor.kind == "U32":
            if scales is None or biases is None:
                raise _unread(tensor.path, f"{base!r} is packed without scales and biases")
            made[name] = _packed(name, tensor, scales, biases, shapes.get(name))
        elif tensor.kind in _FLOATS:
            made[name] = _plain(tensor, shapes.get(name))
        else:
            raise _unread(tensor.path, f"{name[:80]!r} is of type {tensor.kind}")
    return made


def _unread(path: Path, what: str) -> ModelError:
    return ModelError(
        f"is packed in a way that is not read: {what}",
        subject=str(path),
        hint="affine packing in 2, 4 or 8 bits is read",
    )


def _packed(
    name: str, words: RawTensor, scales: RawTensor, biases: RawTensor, expected: tuple[int, ...] | None
) -> StoredTensor:
    if len(words.shape) != 2 or len(scales.shape) != 2 or scales.shape != biases.shape or not words.shape[1]:
        raise damaged_file(words.path, f"{name[:80]!r} and its scales do not fit each other")
    rows, columns = words.shape[0], expected[1] if expected is not None and len(expected) == 2 else 0
    bits = 32 * words.shape[1] / columns if columns else 0
    group = columns / scales.shape[1] if scales.shape[1] else 0
    if scales.kind not in _FLOATS or biases.kind not in _FLOATS or scales.shape[0] != rows:
        raise damaged_file(words.path, f"{name[:80]!r} and its scales do not fit each other")
    if bits not in _BITS or group not in _GROUPS:
        raise _unread(words.path, f"{name[:80]!r} has {bits:g} bits in groups of {group:g}")
    return StoredTensor((rows, columns), partial(_unpack, words, scales, biases, int(bits)), True)


def _unpack(words: RawTensor, scales: RawTensor, biases: RawTensor, bits: int) -> NDArray[np.float32]:
    packed, scale, bias = words.load(), scales.load().astype(np.float32), biases.load().astype(np.float32)
    rows, groups = scale.shape
    out = np.empty((rows, groups, packed.shape[1] * (32 // bits) // groups), np.float32)
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    step = max((1 << 21) // max(out[0].size, 1), 1)  # rows at once: some 30 MB of intermediate values
    for first in range(0, rows, step):
        part = slice(first, first + step)
        values = (packed[part, :, None] >> shifts & np.uint32((1 << bits) - 1)).reshape(out[part].shape)
        out[part] = values.astype(np.float32) * scale[part, :, None] + bias[part, :, None]
    return out.reshape(rows, -1)


def _plain(tensor: RawTensor, expected: tuple[int, ...] | None) -> StoredTensor:
    shape = tensor.shape
    turned = len(shape) == 4 and expected is not None and shape != expected
    order = (0, 3, 1, 2)
    if turned:
        shape = tuple(shape[axis] for axis in order)

    def load() -> NDArray[np.float32]:
        values = tensor.load().astype(np.float32, copy=False)
        return np.ascontiguousarray(values.transpose(order)) if turned else values

    return StoredTensor(shape, load)
