"""The backend `ggml`: real files in the real engine, through the package crispasr."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.17")
pytest.importorskip("crispasr", reason="crispasr is not installed")
pytest.importorskip("gguf")

from crisp_align.backends import DecodeOptions, LoadOptions, backend_class  # noqa: E402
from crisp_align.errors import CrispAlignError  # noqa: E402
from crisp_align.media.audio import read_audio  # noqa: E402
from crisp_align.models.devices import DeviceChoice  # noqa: E402
from crisp_align.models.qwen3_checkpoint import inspect, load_weights  # noqa: E402
from crisp_align.transcript import Clip  # noqa: E402
from crisp_align_backends.ggml import Ggml  # noqa: E402
from crisp_align_backends.qwen3_asr import Qwen3Asr  # noqa: E402
from tests.command import JFK  # noqa: E402
from tests.gguf_files import to_gguf  # noqa: E402
from tests.tiny import Size, qwen3_asr  # noqa: E402

TRAINED = Path(__file__).parents[1] / "data" / "qwen3-aligner-jfk"
SIZE = Size(audio_width=64, audio_ffn=128, width=64, head_dim=32, ffn=128)
OPTIONS = LoadOptions(device="cpu", dtype="float32", threads=1)


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ggml-asr")
    qwen3_asr(folder / "asr", size=SIZE)
    model = load_weights(inspect(folder / "asr", "asr"), DeviceChoice("cpu", "float32"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "asr")
    return to_gguf(model, tokenizer, folder / "voxtral-tiny.gguf", "F16", real_ids=True)


@pytest.fixture(scope="module")
def aligner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = load_weights(inspect(TRAINED, "aligner"), DeviceChoice("cpu", "float32"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(TRAINED)
    file = tmp_path_factory.mktemp("ggml-aligner") / "qwen3-forced-aligner-f16.gguf"
    return to_gguf(model, tokenizer, file, "F16", real_ids=True)


def test_it_writes_what_transformers_writes_from_the_same_file(recogniser: Path) -> None:
    clip = Clip(read_audio(JFK)[:80_000], 0.0, "jfk.wav")
    (ours,) = Ggml.load(str(recogniser), OPTIONS).transcribe([clip], DecodeOptions())
    (theirs,) = Qwen3Asr.load(str(recogniser), OPTIONS).transcribe([clip], DecodeOptions())
    assert ours.text
    assert ours.words is None, "it has no word times"
    # Random weights write bytes that are no text, which the two show otherwise, and loops, which one of them cuts.
    found, expected = (re.sub("[^a-zA-Z]", "", made.text) for made in (ours, theirs))
    assert len(expected) > 20
    assert found.startswith(expected)


def test_a_clip_of_a_few_samples_is_no_text(recogniser: Path) -> None:
    (made,) = Ggml.load(str(recogniser), OPTIONS).transcribe(
        [Clip(read_audio(JFK)[:100], 0.0, "jfk.wav")], DecodeOptions()
    )
    assert made.text == ""


@pytest.mark.parametrize(
    ("name", "model", "expected"),
    [
        ("voxtral", "voxtral-mini-3b-2507-q8_0.gguf", "ggml"), ("granite", "auto", "ggml"), ("cohere", "auto", "ggml"),
        ("parakeet", "parakeet-tdt-0.6b-v3-q4_k.gguf", "ggml"), ("parakeet", "auto", "parakeet"),
        ("canary", "cstr/canary-1b-v2-GGUF:q4_k", "ggml"), ("canary", "canary-1b-v2", "canary"),
        ("qwen3-asr", "qwen3-asr.gguf", "qwen3-asr"), ("whisper", "base", "whisper"),
    ],
)  # fmt: skip
def test_the_names_of_crispasrs_models_and_their_gguf_files_mean_it(name: str, model: str, expected: str) -> None:
    assert backend_class(name, model).name == expected


def test_auto_takes_ggml_where_torch_has_not_the_memory(aligner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crisp_align.aligners.qwen3 import aligner as module

    def engine_name(**options: Any) -> str:
        assert module.Qwen3Aligner.profile.engine_for is not None
        return module.Qwen3Aligner.profile.engine_for(str(aligner), LoadOptions(**options))

    assert engine_name(device="cpu") == "torch"
    monkeypatch.setattr(module, "free_memory", lambda device: 100_000_000)
    assert engine_name(device="cpu") == "ggml"
    assert engine_name(device="cpu", dtype="float32") == "torch", "a type was asked for"
    with pytest.raises(CrispAlignError):
        engine_name(runtime="mlx")
