"""The forced aligner in ggml, through the package crispasr, beside the torch network on the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.17")
pytest.importorskip("crispasr", reason="crispasr is not installed")
pytest.importorskip("gguf")

from crisp_align.aligners.qwen3.aligner import Qwen3Aligner  # noqa: E402
from crisp_align.aligners.qwen3.engine import SpokenClip  # noqa: E402
from crisp_align.aligners.qwen3.mel import log_mel  # noqa: E402
from crisp_align.backends import LoadOptions  # noqa: E402
from crisp_align.errors import OptionError  # noqa: E402
from crisp_align.media.audio import read_audio  # noqa: E402
from crisp_align.models.devices import DeviceChoice  # noqa: E402
from crisp_align.models.qwen3_checkpoint import inspect, load_weights  # noqa: E402
from tests.aligners.test_qwen3 import noise  # noqa: E402
from tests.gguf_files import to_gguf  # noqa: E402

pytestmark = pytest.mark.engine

JFK = Path(__file__).parents[1] / "data" / "qwen3-aligner-jfk"
SAMPLES = Path(__file__).parents[2] / "samples"
WORDS = ("And", "so", "my", "fellow", "Americans", "ask", "not", "what", "your", "country", "can", "do")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = load_weights(inspect(JFK, "aligner"), DeviceChoice("cpu", "float32"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(JFK)
    return to_gguf(model, tokenizer, tmp_path_factory.mktemp("ggml") / "aligner.gguf", "F16")


def engine(file: Path, runtime: str) -> Any:
    return Qwen3Aligner.load(
        str(file), LoadOptions(device="cpu", dtype="auto", runtime=runtime, threads=1), None
    ).engine


def test_logits_and_best_classes_are_those_of_the_torch_network(file: Path) -> None:
    samples = read_audio(SAMPLES / "jfk.wav")
    clips = [SpokenClip(samples[: int(seconds * 16_000)], WORDS) for seconds in (11, 5, 7.33)]
    ggml, plain = (dict(engine(file, runtime).marker_logits(clips)) for runtime in ("ggml", "torch"))
    for i in range(len(clips)):
        assert ggml[i].shape == plain[i].shape == (2 * len(WORDS), 5000)
        assert np.abs(ggml[i] - plain[i]).max() <= 5e-2 * max(plain[i].std(), 1)
        assert (ggml[i].argmax(axis=1) == plain[i].argmax(axis=1)).mean() >= 0.96


def test_spectrograms_are_those_of_the_torch_network(file: Path) -> None:
    network = engine(file, "torch").network
    for count in (176_000, 7_000, 56_123):
        ours, theirs = log_mel(noise(count)), network.encode(noise(count), ["a"]).mel.numpy()
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1e-4


def test_a_folder_is_refused() -> None:
    with pytest.raises(OptionError, match="is a folder, which ggml does not read; use --align-runtime torch or mlx"):
        engine(JFK, "ggml")
