"""The block formats that ggml keeps weights in, as numbers again: the same bits as its own reference gives.

A block of 32 or 256 weights shares its scales. Formats with "_K" have 8 or 16 sub-blocks in a block of 256, whose
scales are themselves integers of 6 or 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORMATS", "UNREAD_FORMATS", "BlockFormat", "dequantize"]

Bytes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

_BLOCKS_AT_ONCE = 1 << 15  # so that intermediate values stay within some 50 MB


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """How one type of tensor lies in a file."""

    name: str
    weights: int
    """In a block."""
    size: int
    """Bytes of a block."""
    decode: Callable[[Bytes], Floats]
    """Blocks, shape (n, size), to weights, shape (n, weights)."""


def dequantize(kind: BlockFormat, raw: Bytes) -> Floats:
    """The weights of whole blocks.

    Args:
        kind: their format.
        raw: shape (n · kind.size,).

    Returns:
        float32, shape (n · kind.weights,).
    """
    blocks = raw.reshape(-1, kind.size)
    out = np.empty((len(blocks), kind.weights), np.float32)
    step = _BLOCKS_AT_ONCE * 32 // min(kind.weights * 4, 128)
    for first in range(0, len(blocks), step):
        out[first : first + step] = kind.decode(blocks[first : first + step])
    return out.reshape(-1)


def _half(block: Bytes, at: int) -> Floats:
    """The float16 at a byte offset of each block, shape (n, 1)."""
    return np.ascontiguousarray(block[:, at : at + 2]).view(np.float16).astype(np.float32)


def _nibbles(packed: Bytes, run: int) -> Bytes:
    """4-bit values: of each `run` bytes first all low halves, then all high ones. Shape (n, 2 · bytes)."""
    rows = packed.reshape(len(packed), -1, run)
    return np.stack((rows & 15, rows >> 4), axis=2).reshape(len(packed), -1)


def _f32(block: Bytes) -> Floats:
    return block.view(np.float32)


def _f16(block: Bytes) -> Floats:
    return block.view(np.float16).astype(np.float32)


def _bf16(block: Bytes) -> Floats:
    return (block.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _q4_0(block: Bytes) -> Floats:
    return _half(block, 0) * (_nibbles(block[:, 2:], 16).astype(np.float32) - 8)


def _q4_1(block: Bytes) -> Floats:
    return _half(block, 0) * _nibbles(block[:, 4:], 16).astype(np.float32) + _half(block, 2)


def _five_bits(high: Bytes, low: Bytes) -> Floats:
    """Fifth bits, one of 32 for each weight, over four bits each."""
    fifth = np.unpackbits(high, axis=1, bitorder="little")
    return (_nibbles(low, 16) | fifth << 4).astype(np.float32)


def _q5_0(block: Bytes) -> Floats:
    return _half(block, 0) * (_five_bits(block[:, 2:6], block[:, 6:]) - 16)


def _q5_1(block: Bytes) -> Floats:
    return _half(block, 0) * _five_bits(block[:, 4:8], block[:, 8:]) + _half(block, 2)


def _q8_0(block: Bytes) -> Floats:
    return np.ascontiguousarray(block[:, 2:]).view(np.int8).astype(np.float32) * _half(block, 0)


def _scales_and_minima(block: Bytes) -> tuple[Floats, Floats]:
    """Scale and minimum of the 8 sub-blocks of Q4_K and Q5_K, shapes (n, 8, 1), from 12 bytes of 6-bit integers."""
    low, mid, rest = block[:, 4:8], block[:, 8:12], block[:, 12:16]
    scales = np.concatenate((low & 63, rest & 15 | low >> 6 << 4), axis=1).astype(np.float32)
    minima = np.concatenate((mid & 63, rest >> 4 | mid >> 6 << 4), axis=1).astype(np.float32)
    return (_half(block, 0) * scales)[..., None], (_half(block, 2) * minima)[..., None]


def _q4_k(block: Bytes) -> Floats:
    scales, minima = _scales_and_minima(block)
    values = _nibbles(block[:, 16:], 32).reshape(-1, 8, 32).astype(np.float32)
    return (scales * values - minima).reshape(-1, 256)


def _q5_k(block: Bytes) -> Floats:
    scales, minima = _scales_and_minima(block)
    shifts = np.arange(8, dtype=np.uint8)[:, None]
    fifth = block[:, None, 16:48] >> shifts & 1  # bit s of byte l: weight l of sub-block s
    values = _nibbles(block[:, 48:], 32).reshape(-1, 8, 32) | fifth << 4
    return (scales * values.astype(np.float32) - minima).reshape(-1, 256)


def _q6_k(block: Bytes) -> Floats:
    scales = np.ascontiguousarray(block[:, 192:208]).view(np.int8).astype(np.float32)
    low = _nibbles(block[:, :128], 64).reshape(-1, 2, 4, 32)  # halves of 128 weights, in quarters
    shifts = np.array([0, 2, 4, 6], np.uint8)[:, None]
    high = block[:, 128:192].reshape(-1, 2, 1, 32) >> shifts & 3
    values = ((low | high << 4).astype(np.float32) - 32).reshape(-1, 16, 16)
    return ((_half(block, 208) * scales)[..., None] * values).reshape(-1, 256)


FORMATS: dict[int, BlockFormat] = {
    0: BlockFormat("F32", 1, 4, _f32),
    1: BlockFormat("F16", 1, 2, _f16),
    2: BlockFormat("Q4_0", 32, 18, _q4_0),
    3: BlockFormat("Q4_1", 32, 20, _q4_1),
    6: BlockFormat("Q5_0", 32, 22, _q5_0),
    7: BlockFormat("Q5_1", 32, 24, _q5_1),
    8: BlockFormat("Q8_0", 32, 34, _q8_0),
    12: BlockFormat("Q4_K", 256, 144, _q4_k),
    13: BlockFormat("Q5_K", 256, 176, _q5_k),
    14: BlockFormat("Q6_K", 256, 210, _q6_k),
    30: BlockFormat("BF16", 1, 2, _bf16),
}
"""By their number in a GGUF file."""

UNREAD_FORMATS: dict[int, str] = {
    9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
}  # fmt: skip
"""Names of the types that are not read."""
