"""The forced aligner in MLX: beside mlx-audio's own forward pass, and beside the torch network on the same folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.17")
mx = pytest.importorskip("mlx.core", reason="mlx is not installed")
pytest.importorskip("mlx_audio", reason="mlx-audio is not installed")

from crisp_align.aligners.qwen3.aligner import Qwen3Aligner  # noqa: E402
from crisp_align.aligners.qwen3.engine import SpokenClip  # noqa: E402
from crisp_align.aligners.qwen3.mel import log_mel  # noqa: E402
from crisp_align.backends import LoadOptions  # noqa: E402
from crisp_align.errors import CrispAlignError, ModelError, OptionError  # noqa: E402
from crisp_align.models.qwen3_checkpoint import inspect  # noqa: E402
from tests.aligners.test_qwen3 import SPOKEN, noise, times, utterance  # noqa: E402
from tests.aligners.test_qwen3_run import CHECKPOINT, SAMPLES, TEXT, assert_within_a_class  # noqa: E402
from tests.command import run  # noqa: E402
from tests.mlx_folders import to_mlx  # noqa: E402
from tests.tiny import qwen3_aligner  # noqa: E402

pytestmark = pytest.mark.engine

WORDS = ("And", "so", "my", "fellow", "itinéraire", "世")
CLIPS = [SpokenClip(noise(count), WORDS) for count in (176_000, 7_000, 150_399)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("mlx-engine")
    qwen3_aligner(root / "hf", "hf")
    qwen3_aligner(root / "original", "original")
    made = {"hf": root / "hf", "original": root / "original"}
    for style in ("mlx-audio", "speech-swift"):
        for bits in (4, 8):
            made[f"{style}-{bits}"] = to_mlx(root / "original", root / f"{style}-{bits}", bits, style)
    return made


def load(folder: Path, runtime: str, **options: Any) -> Qwen3Aligner:
    given = {"device": "cpu", "dtype": "float32", "threads": 1} | options
    return Qwen3Aligner.load(str(folder), LoadOptions(runtime=runtime, **given), None)


@pytest.mark.parametrize("layout", ["original", "mlx-audio-4", "mlx-audio-8"])
def test_logits_are_those_of_mlx_audio(folders: dict[str, Path], layout: str) -> None:
    from mlx_audio.stt.utils import load_model

    theirs = load_model(folders[layout])
    theirs.set_dtype(mx.float32)
    ours = load(folders[layout], "mlx").engine
    prompts = ours._prompts  # type: ignore[attr-defined]
    clips = [CLIPS[0], CLIPS[2]]  # under a second it pads as neither the makers nor transformers do
    for i, logits in ours.marker_logits(clips):
        mel = mx.array(log_mel(clips[i].samples))[None]
        prompt = prompts.build(clips[i].words, theirs.audio_tower(mel).shape[0])
        expected = np.array(theirs(mx.array(prompt.ids)[None], input_features=mel))[0, prompt.markers]
        assert isinstance(logits, np.ndarray)
        assert logits.shape == expected.shape == (12, 5000)
        assert np.abs(logits - expected).max() <= 1e-4


@pytest.mark.parametrize("layout", ["hf", "original", "mlx-audio-4", "mlx-audio-8", "speech-swift-4", "speech-swift-8"])
def test_logits_are_those_of_the_torch_network_on_the_same_folder(folders: dict[str, Path], layout: str) -> None:
    ours, theirs = (dict(load(folders[layout], runtime).engine.marker_logits(CLIPS)) for runtime in ("mlx", "torch"))
    for i in range(len(CLIPS)):
        assert np.abs(ours[i] - theirs[i]).max() <= 2e-4  # type: ignore[operator]


def test_times_are_those_of_the_torch_network_in_every_language(folders: dict[str, Path]) -> None:
    spoken = [utterance(language) for language in SPOKEN]
    ours, theirs = (
        load(folders["original"], runtime, align_decode="upstream").align(spoken) for runtime in ("mlx", "torch")
    )
    assert times(ours) == times(theirs)


@pytest.mark.parametrize("bits", [2, 4, 6, 8])
def test_packed_weights_are_those_that_mlx_unpacks(folders: dict[str, Path], tmp_path: Path, bits: int) -> None:
    folder = packed_by_mlx(folders["original"], tmp_path / "packed", bits)
    model = load(folder, "mlx").engine.model  # type: ignore[attr-defined]
    stored = mx.load(str(folder / "model.safetensors"))
    for name in ("model.embed_tokens", "model.layers.1.mlp.down_proj", "model.layers.0.self_attn.q_proj"):
        plain = mx.dequantize(*(stored[f"{name}.{leaf}"] for leaf in ("weight", "scales", "biases")), 64, bits)
        layer = model
        for part in name.split("."):
            layer = layer[int(part)] if part.isdecimal() else getattr(layer, part)
        found = mx.dequantize(layer.weight, layer.scales, layer.biases, layer.group_size, layer.bits)
        assert np.abs(np.array(found - plain)).max() <= 1e-6


def packed_by_mlx(original: Path, folder: Path, bits: int) -> Path:
    """The makers' folder packed by MLX itself, in mlx-audio's layout."""
    folder.mkdir()
    for file in original.iterdir():
        if file.suffix != ".safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    weights: dict[str, Any] = {}
    for name, value in mx.load(str(original / "model.safetensors")).items():
        made = name.removeprefix("thinker.")
        base = made.removesuffix(".weight")
        if value.ndim == 2 and not base.startswith(("audio_tower", "lm_head")) and value.shape[1] % 64 == 0:
            weights[made], weights[f"{base}.scales"], weights[f"{base}.biases"] = mx.quantize(value, 64, bits)
        else:
            weights[made] = value.transpose(0, 2, 3, 1) if value.ndim == 4 else value
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    config = json.loads((folder / "config.json").read_text())
    how = {"group_size": 64, "bits": bits, "mode": "affine"}
    (folder / "config.json").write_text(json.dumps(config | {"quantization": how}))
    return folder


def damaged(folders: dict[str, Path], folder: Path, change: Any) -> Path:
    from safetensors.torch import load_file, save_file

    folder.mkdir()
    for file in folders["speech-swift-4"].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    return folder


Q = "thinker.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.pop(f"{Q}.biases"),
        lambda w: w.pop(f"{Q}.scales"),
        lambda w: w.pop(f"{Q}.weight"),
        lambda w: w.pop("thinker.model.norm.weight"),
        lambda w: w.update({f"{Q}.weight": w[f"{Q}.weight"][:, :-3].contiguous()}),
        lambda w: w.update({f"{Q}.more": w[f"{Q}.scales"].clone()}),
        lambda w: w.update({"thinker.audio_tower.ln_post.weight": torch.zeros(3)}),
    ],
)
def test_what_mlx_audio_would_load_as_garbage_is_one_clear_line(
    folders: dict[str, Path], tmp_path: Path, change: Any
) -> None:
    with pytest.raises(ModelError) as caught:
        load(damaged(folders, tmp_path / "broken", change), "mlx")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [("text_config", "num_hidden_layers", 10**9), ("audio_config", "d_model", 10**9), ("text_config", "ffn", None),
     ("text_config", "intermediate_size", 10**12), ("audio_config", "encoder_layers", "two"),
     ("text_config", "num_attention_heads", 0), ("audio_config", "encoder_attention_heads", 0)],
)  # fmt: skip
def test_a_configuration_that_lies_takes_no_memory(
    folders: dict[str, Path], tmp_path: Path, part: str, key: str, value: Any
) -> None:
    folder = damaged(folders, tmp_path / "lying", lambda weights: None)
    config = json.loads((folder / "config.json").read_text())
    thinker = config.get("thinker_config", config)
    if value is None:
        del thinker[part]
    else:
        thinker[part][key] = value
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError) as caught:
        load(folder, "mlx")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("options", [{"dtype": "int8"}, {"device": "cuda"}])
def test_a_type_or_a_device_that_mlx_has_not_is_refused(folders: dict[str, Path], options: dict[str, str]) -> None:
    with pytest.raises(OptionError):
        load(folders["original"], "mlx", **options)


def test_a_gguf_file_is_refused_with_the_runtimes_that_read_it(folders: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    from crisp_align.models.devices import DeviceChoice
    from crisp_align.models.qwen3_checkpoint import load_weights
    from tests.gguf_files import to_gguf

    model = load_weights(inspect(folders["hf"], "aligner"), DeviceChoice("cpu", "float32"))
    file = to_gguf(model, transformers.AutoTokenizer.from_pretrained(folders["hf"]), tmp_path / "aligner.gguf")
    with pytest.raises(
        CrispAlignError, match="is a GGUF file, which mlx does not read; use --align-runtime ggml or torch"
    ):
        load(file, "mlx")


def test_the_command_times_every_word_within_a_class_of_its_label(tmp_path: Path) -> None:
    done = run(
        "align", str(SAMPLES / "jfk.wav"), "--text", TEXT, "-l", "en", "-am", str(CHECKPOINT), "-osrt", "-ml", "1",
        "-of", str(tmp_path / "out"), "--runtime", "mlx",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_within_a_class((tmp_path / "out.srt").read_text())
