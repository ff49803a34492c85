"""Folders that MLX tools have packed, in the torch network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.17")

from crisp_align.aligners.qwen3.aligner import Qwen3Aligner  # noqa: E402
from crisp_align.aligners.qwen3.network import Network  # noqa: E402
from crisp_align.backends import DecodeOptions, LoadOptions  # noqa: E402
from crisp_align.errors import ModelError  # noqa: E402
from crisp_align.models import store as models  # noqa: E402
from crisp_align.models.devices import DeviceChoice  # noqa: E402
from crisp_align.models.qwen3_checkpoint import inspect, load_weights  # noqa: E402
from crisp_align.transcript import Clip  # noqa: E402
from crisp_align_backends.qwen3_asr import Qwen3Asr  # noqa: E402
from tests.aligners.test_qwen3 import noise, utterance  # noqa: E402
from tests.mlx_folders import GROUP, pack, to_mlx  # noqa: E402
from tests.tiny import qwen3_aligner, qwen3_asr  # noqa: E402

pytestmark = pytest.mark.engine

CPU = DeviceChoice("cpu", "float32")
STYLES = ("mlx-audio", "speech-swift")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("mlx")
    qwen3_aligner(root / "aligner", "original")
    qwen3_asr(root / "asr", "original")
    return {"aligner": root / "aligner", "asr": root / "asr"}


def unpacked(original: Path, folder: Path, bits: int, style: str, head: str) -> Any:
    """transformers' model of the original with the packed weights as numpy unpacks them, one by one."""
    model = load_weights(inspect(original, head), CPU)  # type: ignore[arg-type]
    for name, parameter in model.named_parameters():
        text = name.startswith("model.language_model.")
        if text and parameter.ndim == 2 and parameter.shape[1] % GROUP == 0:
            words, scales, biases = (tensor.numpy() for tensor in pack(parameter.detach(), bits))
            rows = []
            for word_row, scale_row, bias_row in zip(words, scales, biases, strict=True):
                values = [int(word) >> at & (1 << bits) - 1 for word in word_row for at in range(0, 32, bits)]
                groups = np.float32(values).reshape(-1, GROUP)
                rows.append(groups * np.float32(scale_row)[:, None] + np.float32(bias_row)[:, None])
            parameter.data = torch.from_numpy(np.stack(rows).reshape(parameter.shape))
        elif style == "speech-swift" and parameter.ndim == 2:
            parameter.data = parameter.data.half().float()
    return model


def encoded(network: Network, language: str) -> Any:
    made = utterance(language)
    return network.encode(made.clip.samples, [unit.spoken for unit in made.units])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_logits_are_those_of_transformers_with_the_unpacked_weights(
    originals: dict[str, Path], tmp_path: Path, bits: int, style: Any
) -> None:
    folder = to_mlx(originals["aligner"], tmp_path / "packed", bits, style)
    checkpoint = inspect(folder, "aligner")
    assert (checkpoint.layout, checkpoint.is_quantized) == ("mlx", True)
    ours = Network(checkpoint, load_weights(checkpoint, CPU))
    reference = unpacked(originals["aligner"], folder, bits, style, "aligner")
    theirs = Network(inspect(originals["aligner"], "aligner"), reference)
    (a,), (b,) = ours.logits([encoded(ours, "it")]), theirs.logits([encoded(theirs, "it")])
    assert (a - b).abs().max() <= 1e-5


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_are_unpacked_as_mlx_unpacks_them(originals: dict[str, Path], tmp_path: Path, bits: int) -> None:
    mx = pytest.importorskip("mlx.core", reason="mlx is not installed")
    from safetensors.torch import load_file

    folder = to_mlx(originals["aligner"], tmp_path / "packed", bits, "mlx-audio")
    stored = load_file(folder / "model.safetensors")
    ours = load_weights(inspect(folder, "aligner"), CPU)
    for name in ("embed_tokens", "layers.1.mlp.down_proj", "layers.0.self_attn.q_proj"):
        words, scales, biases = (
            mx.array(stored[f"model.{name}.{leaf}"].numpy()) for leaf in ("weight", "scales", "biases")
        )
        theirs = np.array(mx.dequantize(words, scales, biases, GROUP, bits).astype(mx.float32))
        found = ours.get_parameter(f"model.language_model.{name}.weight").numpy()
        assert np.abs(found - theirs).max() <= 2e-3 * np.abs(theirs).max(), "within float16"


@pytest.mark.parametrize("style", STYLES)
def test_a_recogniser_writes_what_transformers_writes_with_the_unpacked_weights(
    originals: dict[str, Path], tmp_path: Path, style: Any
) -> None:
    folder = to_mlx(originals["asr"], tmp_path / "packed", 4, style)
    options = LoadOptions(device="cpu", dtype="float32", threads=1)
    ours, theirs = (Qwen3Asr.load(str(source), options) for source in (folder, originals["asr"]))
    theirs._network = unpacked(originals["asr"], folder, 4, style, "asr")
    clips = [Clip(noise(48_000), 0.0, "noise"), Clip(noise(20_000), 0.0, "noise")]
    texts = ours.transcribe(clips, DecodeOptions(language="en"))
    assert texts == theirs.transcribe(clips, DecodeOptions(language="en"))
    assert all(text.text for text in texts)


@pytest.mark.parametrize("style", STYLES)
def test_it_is_found_as_an_aligner_and_kept_in_few_bits(originals: dict[str, Path], tmp_path: Path, style: Any) -> None:
    folder = to_mlx(originals["aligner"], tmp_path / "packed", 4, style)
    assert models.find_local("qwen3-aligner", str(folder)) == folder
    aligner = Qwen3Aligner.load(str(folder), LoadOptions(device="cpu"), None)
    layer = aligner.engine.network.model.model.language_model.layers[0].mlp.up_proj  # type: ignore[attr-defined]
    assert "Quantized" in str(layer)


def damage(folder: Path, change: Any) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})


Q = "model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop(f"{Q}.biases"), "packed without scales and biases"),
        (lambda w: w.update({f"{Q}.weight": w[f"{Q}.weight"][:, :-2].contiguous()}), "bits in groups of"),
        (lambda w: w.update({f"{Q}.scales": w[f"{Q}.scales"][1:].contiguous()}), "do not fit each other"),
        (lambda w: w.pop(f"{Q}.weight"), "lacks 1 tensors|has left over"),
        (lambda w: w.update({Q + ".weight": w[Q + ".weight"].view(torch.int32)}), "is of type I32"),
    ],
)
def test_what_no_packing_gives_is_one_clear_line(
    originals: dict[str, Path], tmp_path: Path, change: Any, said: str
) -> None:
    folder = to_mlx(originals["aligner"], tmp_path / "packed", 4, "mlx-audio")
    damage(folder, change)
    with pytest.raises(ModelError, match=said) as caught:
        load_weights(inspect(folder, "aligner"), CPU)
    assert len(str(caught.value).splitlines()) == 1


def test_weights_quantised_for_another_engine_are_refused(originals: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(originals["aligner"], tmp_path / "gptq")
    config = json.loads((tmp_path / "gptq" / "config.json").read_text())
    (tmp_path / "gptq" / "config.json").write_text(json.dumps(config | {"quantization_config": {"bits": 4}}))
    with pytest.raises(ModelError, match="another engine"):
        inspect(tmp_path / "gptq", "aligner")
