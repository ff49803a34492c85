"""GGUF files of Qwen3-ForcedAligner and Qwen3-ASR in the torch network: the same numbers as transformers has."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.17")
gguf = pytest.importorskip("gguf")

from crisp_align.aligners.qwen3.aligner import Qwen3Aligner  # noqa: E402
from crisp_align.aligners.qwen3.network import Network  # noqa: E402
from crisp_align.backends import DecodeOptions, LoadOptions  # noqa: E402
from crisp_align.errors import ModelError  # noqa: E402
from crisp_align.models.devices import DeviceChoice  # noqa: E402
from crisp_align.models.gguf import read_gguf  # noqa: E402
from crisp_align.models.qwen3_checkpoint import inspect, load_weights  # noqa: E402
from crisp_align.transcript import Clip  # noqa: E402
from crisp_align_backends.qwen3_asr import Qwen3Asr  # noqa: E402
from tests.aligners.test_qwen3 import SPOKEN, noise, their_pass, times, utterance  # noqa: E402
from tests.command import run  # noqa: E402
from tests.gguf_files import Tensor, ggml_library, gguf_bytes, metadata_of, to_gguf  # noqa: E402
from tests.tiny import Size, qwen3_aligner, qwen3_asr  # noqa: E402

pytestmark = pytest.mark.engine

CPU = DeviceChoice("cpu", "float32")
FLOAT32 = LoadOptions(device="cpu", dtype="float32", threads=1)
BLOCKS_OF_256 = Size(audio_width=256, audio_ffn=256, width=256, ffn=256, head_dim=64)
KINDS = ("F16", "BF16", "Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1", "Q4_K", "Q5_K", "Q6_K")
JFK = Path(__file__).parents[1] / "data" / "qwen3-aligner-jfk"
SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("unpacked")
    qwen3_aligner(root / "aligner")
    qwen3_aligner(root / "wide", size=BLOCKS_OF_256, spread=3.0)
    qwen3_asr(root / "asr", size=BLOCKS_OF_256)
    return {name: root / name for name in ("aligner", "wide", "asr")}


def loaded(folder: Path, head: str) -> tuple[Any, Any]:
    """transformers' own processor and model."""
    kind = "AutoModelForTokenClassification" if head == "aligner" else "Qwen3ASRForConditionalGeneration"
    processor = transformers.AutoProcessor.from_pretrained(folder)
    return processor, getattr(transformers, kind).from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def aligner_reference(folders: dict[str, Path]) -> tuple[Any, Any]:
    return loaded(folders["aligner"], "aligner")


@pytest.fixture(scope="module")
def wide_reference(folders: dict[str, Path]) -> tuple[Any, Any]:
    """With rows of 256, which the K formats need."""
    return loaded(folders["wide"], "aligner")


@pytest.fixture(scope="module")
def asr_reference(folders: dict[str, Path]) -> tuple[Any, Any]:
    return loaded(folders["asr"], "asr")


def network(path: Path) -> Network:
    checkpoint = inspect(path, "aligner")
    return Network(checkpoint, load_weights(checkpoint, CPU))


def marker_logits(network: Network, language: str) -> Any:
    made = utterance(language)
    return network.logits([network.encode(made.clip.samples, [unit.spoken for unit in made.units])])[0]


@pytest.fixture(scope="module")
def exact(aligner_reference: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    processor, model = aligner_reference
    return to_gguf(model, processor.tokenizer, tmp_path_factory.mktemp("exact") / "aligner.gguf")


@pytest.fixture(scope="module")
def exact_network(exact: Path) -> Network:
    return network(exact)


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_in_float32_logits_at_the_markers_are_transformers_own(
    exact_network: Network, aligner_reference: tuple[Any, Any], language: str
) -> None:
    inputs, theirs, _ = their_pass(aligner_reference, language)
    made = utterance(language)
    ours = exact_network.encode(made.clip.samples, [unit.spoken for unit in made.units])
    assert ours.ids.tolist() == inputs["input_ids"][0].tolist()
    markers = inputs["input_ids"][0] == aligner_reference[1].config.timestamp_token_id
    assert (exact_network.logits([ours])[0] - theirs[0][markers]).abs().max() <= 1e-5


def test_in_float32_times_are_those_of_the_folder(exact: Path, folders: dict[str, Path]) -> None:
    asked = [utterance(language) for language in SPOKEN]
    options = LoadOptions(align_decode="upstream", dtype="float32", device="cpu")
    ours, theirs = (Qwen3Aligner.load(str(path), options, None).align(asked) for path in (exact, folders["aligner"]))
    assert times(ours) == times(theirs)


def unpacked_by_gguf(model: Any, path: Path) -> Any:
    """The model with the weights of a file as the library gguf unpacks them."""
    reader = gguf.GGUFReader(path)
    state = {}
    for tensor in reader.tensors:
        native = _native(tensor.name, model)
        if native is not None:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            state[native] = torch.from_numpy(np.array(values, np.float32)).reshape(model.state_dict()[native].shape)
    changed = type(model)(model.config).eval()
    if hasattr(model, "generation_config"):
        changed.generation_config = model.generation_config
    changed.load_state_dict(state, strict=True)
    return changed


def _native(name: str, model: Any) -> str | None:
    from tests.gguf_files import gguf_name

    return next((native for native in model.state_dict() if gguf_name(native) == name), None)


def skip_without_encoder(kind: str) -> None:
    if kind.endswith("_K") and ggml_library() is None:
        pytest.skip("crispasr, whose ggml encodes these formats, is not installed")


@pytest.mark.parametrize("kind", KINDS)
def test_of_fewer_bits_logits_are_those_of_transformers_with_the_unpacked_weights(
    wide_reference: tuple[Any, Any], tmp_path: Path, kind: str
) -> None:
    skip_without_encoder(kind)
    processor, model = wide_reference
    path = to_gguf(model, processor.tokenizer, tmp_path / "aligner.gguf", kind)
    reference = (processor, unpacked_by_gguf(model, path))
    inputs, theirs, _ = their_pass(reference, "fr")
    markers = inputs["input_ids"][0] == model.config.timestamp_token_id
    assert (marker_logits(network(path), "fr") - theirs[0][markers]).abs().max() <= 1e-5
    assert inspect(path, "aligner").is_quantized == (kind not in ("F16", "BF16"))


@pytest.mark.parametrize("kind", ["F32", "Q8_0", "Q4_K"])
def test_a_recogniser_writes_what_transformers_writes_with_the_unpacked_weights(
    asr_reference: tuple[Any, Any], folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    skip_without_encoder(kind)
    processor, model = asr_reference
    path = to_gguf(model, processor.tokenizer, tmp_path / "asr.gguf", kind)
    shutil.copytree(folders["asr"], tmp_path / "folder")
    unpacked_by_gguf(model, path).save_pretrained(tmp_path / "folder")
    clips = [Clip(noise(48_000), 0.0, "noise"), Clip(noise(20_000), 0.0, "noise")]
    ours, theirs = (Qwen3Asr.load(str(source), FLOAT32) for source in (path, tmp_path / "folder"))
    for options in (DecodeOptions(), DecodeOptions(language="de", prompt="fair")):
        texts = ours.transcribe(clips, options)
        assert texts == theirs.transcribe(clips, options)
        assert all(text.text for text in texts)


def test_a_recogniser_without_a_head_of_its_own_shares_the_embedding(
    asr_reference: tuple[Any, Any], tmp_path: Path
) -> None:
    processor, model = asr_reference
    tied = type(model)(model.config).eval()
    tied.load_state_dict(model.state_dict())
    tied.config.tie_word_embeddings = True
    path = to_gguf(tied, processor.tokenizer, tmp_path / "asr.gguf")
    ours = load_weights(inspect(path, "asr"), CPU)
    assert ours.lm_head.weight.data_ptr() == ours.get_input_embeddings().weight.data_ptr()


@pytest.mark.parametrize("dtype", ["auto", "float32"])
@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_K"])
def test_the_command_times_every_word_within_a_class_of_its_label(tmp_path: Path, kind: str, dtype: str) -> None:
    """Rows of 64 and 128 are no whole blocks of 256: as in CrispASR's files such matrices become Q4_0."""
    from tests.aligners.test_qwen3_run import TEXT, assert_within_a_class

    model = load_weights(inspect(JFK, "aligner"), CPU)
    tokenizer = transformers.AutoTokenizer.from_pretrained(JFK)
    path = to_gguf(model, tokenizer, tmp_path / "weights of mine", kind)
    out, jfk = str(tmp_path / "out"), str(SAMPLES / "jfk.wav")
    asked = ["--text", TEXT, "-l", "en", "-am", str(path), "--dtype", dtype, "-osrt", "-ml", "1", "-of", out]
    done = run("align", jfk, *asked)
    assert done.returncode == 0, done.stderr
    assert_within_a_class((tmp_path / "out.srt").read_text())


# What is refused, in one line, before any audio is read.


def metadata(reference: tuple[Any, Any], **changes: Any) -> dict[str, Any]:
    made = metadata_of(reference[1].config, reference[0].tokenizer)
    return {key: value for key, value in (made | changes).items() if value is not None}


def test_a_recogniser_is_no_aligner(asr_reference: tuple[Any, Any], tmp_path: Path) -> None:
    path = to_gguf(asr_reference[1], asr_reference[0].tokenizer, tmp_path / "asr.gguf")
    with pytest.raises(ModelError, match="holds a Qwen3 speech recogniser, and a Qwen3 forced aligner is needed"):
        inspect(path, "aligner")


@pytest.mark.parametrize("architecture", ["whisper", "llama", "parakeet", ""])
def test_another_kind_of_model_is_named_with_what_reads_it(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(gguf_bytes({"general.architecture": architecture}, []))
    with pytest.raises(ModelError, match="--backend ggml") as caught:
        inspect(path, "aligner")
    assert architecture in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("qwen3asr.llm.n_layers", 2**31),
        ("qwen3asr.llm.n_layers", 0),
        ("qwen3asr.audio.n_layers", None),
        ("qwen3asr.audio.d_model", 250),
        ("qwen3asr.audio.d_model", "48"),
        ("qwen3asr.llm.head_dim", 2**23),
        ("qwen3asr.llm.rope_theta", 0.0),
        ("qwen3asr.llm.rms_norm_eps", float("nan")),
        ("qwen3asr.n_mels", 64),
        ("tokenizer.ggml.tokens", ["a"]),
        ("tokenizer.ggml.tokens", None),
        ("tokenizer.ggml.merges", ["a b c"]),
        ("tokenizer.ggml.merges", ["never there"]),
        ("tokenizer.ggml.model", "llama"),
    ],
)
def test_metadata_that_makes_no_model_is_one_clear_line(
    aligner_reference: tuple[Any, Any], tmp_path: Path, key: str, value: Any
) -> None:
    processor, model = aligner_reference
    path = to_gguf(model, processor.tokenizer, tmp_path / "aligner.gguf")
    data = read_gguf(path)
    tensors = [
        Tensor(name, tensor.shape, 0, tensor.load().astype("<f4").tobytes()) for name, tensor in data.tensors.items()
    ]
    path.write_bytes(gguf_bytes(metadata(aligner_reference, **{key: value}), tensors))
    with pytest.raises(ModelError) as caught:
        Network(checkpoint := inspect(path, "aligner"), load_weights(checkpoint, CPU))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("change", ["lacks", "has left over", "misfits"])
def test_a_tensor_too_few_too_many_or_of_another_shape_is_named(
    aligner_reference: tuple[Any, Any], exact: Path, tmp_path: Path, change: str
) -> None:
    tensors = {
        name: Tensor(name, tensor.shape, 0, tensor.load().astype("<f4").tobytes())
        for name, tensor in read_gguf(exact).tensors.items()
    }
    norm = tensors.pop("output_norm.weight")
    if change == "has left over":
        tensors |= {"output_norm.weight": norm, "extra": Tensor("extra", norm.shape, 0, norm.data)}
    elif change == "misfits":
        tensors["output_norm.weight"] = Tensor("output_norm.weight", (2, 32), 0, norm.data)
    path = tmp_path / "aligner.gguf"
    path.write_bytes(gguf_bytes(metadata(aligner_reference), tensors.values()))
    with pytest.raises(ModelError, match=f"{change} 1 tensors"):
        load_weights(inspect(path, "aligner"), CPU)


def test_special_tokens_without_their_text_are_known_by_their_ids(
    aligner_reference: tuple[Any, Any], tmp_path: Path
) -> None:
    from crisp_align.models.qwen3_gguf import gguf_tokenizer

    tokens = [f"[PAD{number}]" for number in range(151_936)]
    tokens[:3] = ["a", "b", "ab"]
    made = {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": ["a b"]}
    path = tmp_path / "old.gguf"
    path.write_bytes(gguf_bytes(metadata(aligner_reference, **made), []))
    tokenizer = gguf_tokenizer(read_gguf(path))
    assert tokenizer.token_to_id("<timestamp>") == 151_705
    assert tokenizer.token_to_id("<|audio_pad|>") == 151_676
    assert tokenizer.encode("abab", add_special_tokens=False).ids == [2, 2]


def test_nothing_of_a_file_is_printed(exact: Path, capfd: pytest.CaptureFixture[str]) -> None:
    network(exact)
    assert capfd.readouterr() == ("", "")
