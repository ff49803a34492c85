"""Files of weights that lie: each is one clear line, and takes no more memory than the file has bytes."""

from __future__ import annotations

import json
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crisp_align.errors import ModelError
from crisp_align.models.gguf import read_gguf
from crisp_align.models.safetensors_file import read_header, read_headers
from tests.gguf_files import Tensor, gguf_bytes, text, typed

METADATA = {
    "general.architecture": "qwen3asr",
    "general.alignment": 32,
    "tokenizer.ggml.tokens": ["a", "b", "<timestamp>"],
    "qwen3asr.llm.rope_theta": 1e6,
}
TENSORS = [Tensor("one.weight", (2, 32), 0, bytes(256)), Tensor("two.weight", (2, 32), 8, bytes(68))]
WHOLE = gguf_bytes(METADATA, TENSORS)
HEADER = struct.pack("<4sIQQ", b"GGUF", 3, 0, 0)


def head(tensors: int, entries: int, rest: bytes = b"", magic: bytes = b"GGUF", version: int = 3) -> bytes:
    return struct.pack("<4sIQQ", magic, version, tensors, entries) + rest


def entry(key: str | bytes, raw: bytes) -> bytes:
    return head(0, 1, text(key) + raw + bytes(16))


def info(
    name: str | bytes = "x",
    shape: tuple[int, ...] = (32,),
    kind: int = 0,
    offset: int = 0,
    dimensions: int | None = None,
) -> bytes:
    count = len(shape) if dimensions is None else dimensions
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", count, *shape, kind, offset)


def tensors(*infos: bytes, data: int = 256) -> bytes:
    start = head(len(infos), 0, b"".join(infos))
    return start + bytes(-len(start) % 32 + data)


def broken_gguf() -> Iterator[tuple[str, bytes]]:
    for length in (0, 1, 3, 4, 7, 8, 15, 16, 23):
        yield f"cut in the header at {length}", WHOLE[:length]
    for length in range(24, WHOLE.index(b"two.weight") + 30, 17):
        yield f"cut in the metadata at {length}", WHOLE[:length]
    yield "cut in the first tensor", WHOLE[: len(WHOLE) - 96 - 100]
    yield "cut by one byte of a tensor", WHOLE[: len(WHOLE) - 96 + 67]
    yield "other magic", b"GGML" + WHOLE[4:]
    yield "zip", b"PK\x03\x04" + bytes(100)
    yield "version 0", head(0, 0, version=0)
    yield "version 1", head(0, 0, version=1)
    yield "version 99", head(0, 0, version=99)
    yield "big endian", head(0, 0, version=0x03000000)
    yield "huge tensor count", head(2**63, 0, bytes(64))
    yield "large tensor count", head(60_000, 0, bytes(64))
    yield "huge entry count", head(0, 2**64 - 1, bytes(64))
    yield "large entry count", head(0, 60_000, bytes(64))
    yield "huge key", head(0, 1, struct.pack("<Q", 2**63) + bytes(32))
    yield "long key", head(0, 1, text("k" * 2000) + typed(1))
    yield "key not UTF-8", entry(b"\xff\xfe", typed(1))
    yield "value not UTF-8", entry("k", struct.pack("<I", 8) + text(b"\xc3\x28"))
    yield "huge string", entry("k", struct.pack("<IQ", 8, 2**62))
    yield "unknown value type", entry("k", struct.pack("<I", 77))
    yield "unknown list type", entry("k", struct.pack("<IIQ", 9, 55, 1))
    yield "list of lists", entry("k", struct.pack("<IIQ", 9, 9, 1))
    yield "huge list", entry("k", struct.pack("<IIQ", 9, 4, 2**61))
    yield "huge list of strings", entry("k", struct.pack("<IIQ", 9, 8, 2**40))
    yield "many values", entry("k", struct.pack("<IIQ", 9, 0, 1 << 21) + bytes(1 << 21))
    yield "string in a list not UTF-8", entry("k", struct.pack("<IIQ", 9, 8, 1) + text(b"\x80"))
    yield "string in a list too long", entry("k", struct.pack("<IIQ", 9, 8, 1) + struct.pack("<Q", 500))
    yield "key twice", head(0, 2, (text("k") + typed(1)) * 2)
    yield "alignment 0", gguf_bytes({"general.alignment": 0}, TENSORS)
    yield "alignment 3", gguf_bytes({"general.alignment": 3}, TENSORS)
    yield "alignment huge", gguf_bytes({"general.alignment": 1 << 30}, TENSORS)
    yield "alignment a string", gguf_bytes({"general.alignment": "32"}, TENSORS)
    yield "no dimensions", tensors(info(shape=()))
    yield "five dimensions", tensors(info(shape=(32, 1, 1, 1, 1)))
    yield "billions of dimensions", tensors(info(dimensions=2**32 - 1))
    yield "a size of 0", tensors(info(shape=(32, 0)))
    yield "a huge size", tensors(info(shape=(2**63,)))
    yield "sizes whose product wraps around", tensors(info(shape=(2**40, 2**40, 2**40, 2**40)))
    yield "more than there is", tensors(info(shape=(1 << 20,)))
    yield "no whole blocks", tensors(info(shape=(33,), kind=8))
    yield "no whole large blocks", tensors(info(shape=(32,), kind=12))
    for kind in (4, 5, 9, 10, 11, 15, 16, 19, 24, 28, 34, 39, 40, 99, 2**32 - 1):
        yield f"type {kind}", tensors(info(kind=kind))
    yield "offset not aligned", tensors(info(offset=5))
    yield "offset beyond the end", tensors(info(offset=32 * 1000))
    yield "offset that wraps around", tensors(info(offset=2**64 - 32))
    yield "overlapping tensors", tensors(info("a"), info("b", offset=64))
    yield "the same place twice", tensors(info("a"), info("b"))
    yield "name twice", tensors(info("a"), info("a", offset=128))
    yield "name not UTF-8", tensors(info(b"\xf0\x28\x8c\x28"))
    yield "name too long", tensors(info("n" * 2000))


def stored(header: object, data: int = 64) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(data)


def place(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]} | changes}


def broken_safetensors() -> Iterator[tuple[str, bytes]]:
    whole = stored(place())
    for length in (0, 4, 8, 9, 30, len(whole) - 1):
        yield f"cut at {length}", whole[:length]
    yield "huge header", struct.pack("<Q", 2**63) + bytes(64)
    yield "header of 0", struct.pack("<Q", 0) + bytes(64)
    yield "header longer than the file", struct.pack("<Q", 65) + bytes(64)
    yield "no JSON", stored(b"{" + bytes(20))
    yield "not UTF-8", stored(b'{"\xff": 1}')
    yield "a list", stored([1, 2])
    yield "deep", stored(b"[" * 50_000)
    yield "a name twice", stored(json.dumps(place()).encode()[:-1] + b", " + json.dumps(place()).encode()[1:])
    yield "no entry", stored({"a": 5})
    yield "no type", stored({"a": {"shape": [16], "data_offsets": [0, 64]}})
    yield "unknown type", stored(place(dtype="F4"))
    yield "type a list", stored(place(dtype=["F32"]))
    yield "no shape", stored({"a": {"dtype": "F32", "data_offsets": [0, 64]}})
    yield "shape negative", stored(place(shape=[-16]))
    yield "shape real", stored(place(shape=[16.0]))
    yield "shape true", stored(place(shape=[True], data_offsets=[0, 4]))
    yield "shape huge", stored(place(shape=[2**40, 2**40]))
    yield "shape of many", stored(place(shape=[1] * 40))
    yield "shape of other size", stored(place(shape=[15]))
    yield "offsets of one", stored(place(data_offsets=[0]))
    yield "offsets backwards", stored(place(data_offsets=[64, 0]))
    yield "offsets beyond", stored(place(data_offsets=[64, 128]))
    yield "offsets huge", stored(place(data_offsets=[2**62, 2**62 + 64]))
    yield "overlapping", stored(place() | {"b": {"dtype": "F32", "shape": [8], "data_offsets": [32, 64]}})


GGUF, SAFETENSORS = dict(broken_gguf()), dict(broken_safetensors())


def test_there_are_at_least_sixty() -> None:
    assert len(GGUF) + len(SAFETENSORS) >= 100


def assert_one_line(path: Path, read: Any) -> None:
    read_gguf_once_warm(path.parent)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError) as caught:
            read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600
    assert peak < path.stat().st_size + 200_000


def read_gguf_once_warm(folder: Path) -> None:
    """Imports and caches are no memory of the file's."""
    (folder / "whole.gguf").write_bytes(WHOLE)
    read_gguf(folder / "whole.gguf")


@pytest.mark.parametrize("case", GGUF)
def test_a_broken_gguf_file_is_one_clear_line(tmp_path: Path, case: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(GGUF[case])
    assert_one_line(path, read_gguf)


@pytest.mark.parametrize("case", SAFETENSORS)
def test_a_broken_safetensors_file_is_one_clear_line(tmp_path: Path, case: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(SAFETENSORS[case])
    assert_one_line(path, read_header)


@pytest.mark.parametrize("index", [b"", b"[]", b'{"weight_map": 5}', b'{"weight_map": {"a": "../x.safetensors"}}'])
def test_an_index_that_lies_is_one_clear_line(tmp_path: Path, index: bytes) -> None:
    (tmp_path / "model.safetensors.index.json").write_bytes(index)
    with pytest.raises(ModelError) as caught:
        read_headers(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(WHOLE)
    file = read_gguf(tmp_path / "whole")
    assert file.architecture == "qwen3asr"
    assert file.metadata["tokenizer.ggml.tokens"] == ["a", "b", "<timestamp>"]
    assert {name: tensor.shape for name, tensor in file.tensors.items()} == {
        "one.weight": (2, 32),
        "two.weight": (2, 32),
    }
    assert file.tensors["two.weight"].load().tolist() == [[0.0] * 32] * 2


def test_a_file_that_became_shorter_after_it_was_looked_at_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(WHOLE)
    file = read_gguf(path)
    path.write_bytes(WHOLE[:-120])
    with pytest.raises(ModelError, match="lies beyond its end"):
        file.tensors["two.weight"].load()
