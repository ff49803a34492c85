"""Blocks of ggml's formats, bit for bit as its own reference unpacks them."""

from __future__ import annotations

import numpy as np
import pytest

from crisp_align.models.quants import FORMATS, dequantize
from tests.gguf_files import BLOCKS, TYPES, encode, ggml_library

gguf = pytest.importorskip("gguf")


def blocks(kind: str, count: int) -> np.ndarray:
    """Random blocks, whose scales are finite."""
    raw = np.random.default_rng(TYPES[kind]).integers(0, 256, (count, BLOCKS[kind][1]), np.uint8)
    places = {"Q6_K": (208,), "Q4_1": (0, 2), "Q5_1": (0, 2), "Q4_K": (0, 2), "Q5_K": (0, 2)}.get(kind, (0,))
    for place in places if BLOCKS[kind][0] > 1 else ():
        raw[:, place + 1] &= 0xBB  # no exponent of all ones
    if BLOCKS[kind][0] == 1:
        values = np.random.default_rng(0).normal(0, 1, count).astype(np.float32)
        return np.frombuffer(encode(values[None], kind), np.uint8).reshape(count, -1).copy()
    return raw


@pytest.mark.parametrize("kind", TYPES)
def test_random_blocks_become_the_bits_of_the_reference(kind: str) -> None:
    raw = blocks(kind, 700)
    ours = dequantize(FORMATS[TYPES[kind]], raw.reshape(-1))
    theirs = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[kind])
    assert ours.dtype == np.float32
    assert np.array_equal(ours.view(np.uint32), theirs.reshape(-1).view(np.uint32))


@pytest.mark.parametrize("kind", TYPES)
def test_weights_come_back_near_what_they_were(kind: str) -> None:
    if kind.endswith("_K") and ggml_library() is None:
        pytest.skip("crispasr, whose ggml encodes these formats, is not installed")
    weights = np.random.default_rng(1).normal(0, 1, (8, 512)).astype(np.float32)
    raw = np.frombuffer(encode(weights, kind), np.uint8)
    back = dequantize(FORMATS[TYPES[kind]], raw).reshape(8, 512)
    assert np.abs(back - weights).max() < {"4": 0.5, "5": 0.25, "6": 0.13, "8": 0.03}.get(kind[1], 0.02)


def test_the_sizes_of_blocks_are_those_of_the_reference() -> None:
    for number, kind in FORMATS.items():
        assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(number)] == (kind.weights, kind.size)
        assert gguf.GGMLQuantizationType(number).name == kind.name
