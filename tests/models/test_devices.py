"""Where models run, in which type, and in how much memory."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from crisp_align.backends import LoadOptions  # noqa: E402
from crisp_align.errors import ModelError  # noqa: E402
from crisp_align.models import devices  # noqa: E402
from crisp_align.models.devices import choose_device, free_memory  # noqa: E402
from crisp_align.models.qwen3_checkpoint import inspect, load_weights  # noqa: E402
from crisp_align_backends.transformers_loading import load_model  # noqa: E402
from tests import tiny, tiny_nvidia  # noqa: E402

pytestmark = pytest.mark.engine


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
    assert choose_device(LoadOptions(device=device)).dtype == dtype


@pytest.mark.usefixtures("gpus")
def test_amd_says_itself_whether_it_multiplies_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert choose_device(LoadOptions(device="cuda:0")).dtype == "float32"


def test_no_more_is_free_than_the_system_calls_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=123_000))
    assert free_memory("cpu") == 123_000


def test_a_container_leaves_its_limit_less_what_it_uses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (
        ("memory.max", "5000"),
        ("memory.current", "4000"),
        ("memory.stat", "anon 1000\ninactive_file 300"),
    ):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(devices, "_CGROUP", tmp_path)
    assert free_memory("cpu") == 1300


@pytest.mark.parametrize("kind", ["qwen3", "parakeet"])
def test_a_model_too_large_for_its_device_is_reported_in_one_line_and_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    moved: list[weakref.ref[Any]] = []

    def to(model: Any, *_: object, **__: object) -> None:
        moved.append(weakref.ref(model))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    placement = choose_device(LoadOptions(device="cpu", dtype="float32"))
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
