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
from tests.command import JFK, run  # noqa: E402
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


def test_crispasr_reads_our_f16_file_and_gives_the_same_times_under_8_s(aligner: Path) -> None:
    import crispasr

    from crisp_align.aligners import Utterance
    from crisp_align.aligners.qwen3.aligner import Qwen3Aligner
    from crisp_align.text.units import split_units

    text = "And so my fellow Americans ask not what your country"
    samples = read_audio(JFK)[: int(7.8 * 16_000)]
    theirs = crispasr.align_words(str(aligner), text, samples, n_threads=1)
    (ours,) = Qwen3Aligner.load(
        str(aligner), LoadOptions(device="cpu", dtype="float32", align_decode="upstream"), None
    ).align([Utterance(Clip(samples, 0.0, "jfk.wav"), tuple(split_units(text, "en")), "en")])
    assert isinstance(ours, tuple)
    assert [word.text.strip() for word in theirs] == text.split()
    assert [(round(w.start, 2), round(w.end, 2)) for w in theirs] == [
        (round(s.start, 2), round(s.end, 2)) for s in ours
    ]


@pytest.mark.parametrize(("runtime", "said"), [("mlx", "ggml or torch"), ("ggml", None)])
def test_a_wrong_pairing_is_refused_before_anything_loads(
    aligner: Path, tmp_path: Path, runtime: str, said: str | None
) -> None:
    model = aligner if said else TRAINED
    (tmp_path / "noise.wav").write_bytes(bytes(range(256)))
    done = run(str(tmp_path / "noise.wav"), "-am", str(model), "--align-runtime", runtime, "-osrt")
    assert done.returncode == 2, done.stderr
    assert (said or "torch or mlx") in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


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
