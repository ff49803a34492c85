"""Where models run, in which type, and in how much memory."""

from __future__ import annotations

import ctypes
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from crisp_align.backends import LoadOptions  # noqa: E402
from crisp_align.errors import ModelError  # noqa: E402
from crisp_align.models import devices  # noqa: E402
from crisp_align.models.devices import free_memory, place  # noqa: E402
from crisp_align.models.qwen3_checkpoint import inspect, load_weights  # noqa: E402
from crisp_align_backends.transformers_loading import load_model  # noqa: E402
from tests import tiny, tiny_nvidia  # noqa: E402

VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               31205.
Pages active:                            411230.
Pages inactive:                          398311.
Pages speculative:                        12484.
Pages throttled:                              0.
"Translation faults":                 812345678.
"""


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Ampere and a Turing, for which torch emulates bfloat16."""
    capabilities = {"cuda": (8, 6), "cuda:0": (8, 6), "cuda:1": (7, 5)}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_capability", capabilities.__getitem__)


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize(("device", "dtype"), [("auto", "bfloat16"), ("cuda:0", "bfloat16"), ("cuda:1", "float32")])
def test_bfloat16_is_chosen_where_that_very_gpu_multiplies_it(device: str, dtype: str) -> None:
    assert place(LoadOptions(device=device)).dtype == dtype


@pytest.mark.usefixtures("gpus")
def test_amd_says_itself_whether_it_multiplies_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert place(LoadOptions(device="cuda:0")).dtype == "float32"


def test_the_memory_of_a_mac_is_read_from_what_it_prints() -> None:
    assert devices._available_pages(VM_STAT) == 16384 * (31205 + 398311 + 12484)


def test_windows_is_asked_with_the_structure_it_expects() -> None:
    assert ctypes.sizeof(devices._MemoryStatus) == 64
    assert devices._MemoryStatus.available.offset == 16


def test_where_nothing_is_reported_half_of_what_is_built_in_counts_as_free(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(devices, "Path", lambda path: tmp_path / path.lstrip("/"))
    monkeypatch.setattr(devices, "_CGROUP", tmp_path)
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 8_000_000, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert free_memory("cpu") == 16_384_000_000


@pytest.mark.parametrize("kind", ["qwen3", "parakeet"])
def test_a_model_too_large_for_its_device_is_reported_in_one_line_and_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    moved: list[weakref.ref[Any]] = []

    def to(model: Any, *_: object, **__: object) -> None:
        moved.append(weakref.ref(model))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    placement = place(LoadOptions(device="cpu", dtype="float32"))
    if kind == "qwen3":
        tiny.qwen3_aligner(tmp_path / kind)
        checkpoint = inspect(tmp_path / kind, "aligner")
    else:
        tiny_nvidia.parakeet("ctc")(tmp_path / kind, 0)
    monkeypatch.setattr(torch.nn.Module, "to", to)
    with pytest.raises(ModelError, match="does not fit .*; name a smaller model or another --device") as caught:
        if kind == "qwen3":
            load_weights(checkpoint, placement)
        else:
            load_model(tmp_path / kind, "ParakeetForCTC", placement, "nvidia")
    gc.collect()
    assert caught.value.exit_code == 3
    assert moved[-1]() is None
