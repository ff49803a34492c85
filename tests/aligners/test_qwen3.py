from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from crisp_align.aligners import AlignmentWithWarning, Refusal, Result, Utterance
from crisp_align.aligners.qwen3.aligner import Qwen3Aligner
from crisp_align.aligners.qwen3.prompt import audio_positions
from crisp_align.aligners.qwen3.torch_engine import TorchEngine, show_warm_up
from crisp_align.backends import LoadOptions
from crisp_align.errors import CrispAlignError, ModelError, OptionError
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip, Unit

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.17")

from crisp_align.aligners.qwen3.network import WARM_UPS, Encoded, Network  # noqa: E402
from crisp_align.models.devices import DeviceChoice  # noqa: E402
from crisp_align.models.qwen3_checkpoint import inspect, load_weights  # noqa: E402
from tests.tiny import qwen3_aligner  # noqa: E402

pytestmark = pytest.mark.engine

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

CPU = DeviceChoice("cpu", "float32")
SPOKEN = {  # lengths in samples: whole and broken chunks and windows, and less than the half second that is padded
    "en": (176_000, "And so, my fellow Americans: isn't it a well-known fact? 3.14!"),
    "de": (86_400, "Das erschien mir nicht sinnvoll; es war ganz gewiss nicht fair."),
    "fr": (56_123, "Pensez à l'itinéraire de ski."),
    "es": (128_000, "¿Qué hora es, señor?"),
    "it": (16_000, "Un po' di caffè."),
    "pt": (144_057, "É o quinto CEP do Martelly em quatro anos."),
    "ru": (33_333, "Съешь же ещё этих булок."),
    "zh": (68_700, "广州市房地产 iPhone 中介"),
    "yue": (320_159, "我哋今晚去邊度食飯呀？"),
    "ja": (104_000, "真っ昼間なのにキャンプの外れの電柱に電球がともっていた"),
    "ko": (7_000, "학교에 갔다"),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("qwen3")
    for layout in ("hf", "original"):
        qwen3_aligner(root / layout, layout)
    return {layout: root / layout for layout in ("hf", "original")}


@pytest.fixture(scope="session")
def networks(folders: dict[str, Path]) -> dict[str, Network]:
    return {layout: network(folder) for layout, folder in folders.items()}


@pytest.fixture(scope="session")
def reference(folders: dict[str, Path]) -> tuple[Any, Any]:
    """transformers' own processor and model."""
    processor = transformers.AutoProcessor.from_pretrained(folders["hf"])
    model = transformers.AutoModelForTokenClassification.from_pretrained(folders["hf"])
    return processor, model.eval()


@pytest.fixture(scope="session")
def aligner(folders: dict[str, Path]) -> Qwen3Aligner:
    return Qwen3Aligner.load(str(folders["hf"]), LoadOptions(), None)


@pytest.fixture(scope="session")
def upstream(folders: dict[str, Path]) -> Qwen3Aligner:
    return Qwen3Aligner.load(str(folders["original"]), LoadOptions(align_decode="upstream"), None)


@pytest.fixture
def copy(folders: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A checkpoint to damage."""
    return lambda layout: Path(shutil.copytree(folders[layout], tmp_path / layout))


def network(folder: Path) -> Network:
    checkpoint = inspect(folder, "aligner")
    return Network(checkpoint, load_weights(checkpoint, CPU))


def torch_engine(aligner: Qwen3Aligner) -> TorchEngine:
    assert isinstance(aligner.engine, TorchEngine)
    return aligner.engine


def noise(samples: int) -> Samples:
    return np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)


def utterance(language: str) -> Utterance:
    samples, text = SPOKEN[language]
    return Utterance(Clip(noise(samples), 0.0, "noise"), tuple(split_units(text, language)), language)


def times(results: Sequence[Result]) -> list[list[tuple[float, float]]]:
    assert not [result for result in results if isinstance(result, Refusal)]
    return [
        [(span.start, span.end) for span in (result.alignment if isinstance(result, AlignmentWithWarning) else result)]
        for result in results
        if not isinstance(result, Refusal)
    ]


def encoded(network: Network, language: str) -> Encoded:
    made = utterance(language)
    return network.encode(made.clip.samples, [unit.spoken for unit in made.units])


def their_pass(reference: tuple[Any, Any], language: str) -> tuple[Any, Any, list[list[str]]]:
    """Inputs, logits and words of transformers' own path for one clip."""
    processor, model = reference
    samples, text = SPOKEN[language]
    if language == "ja":
        pytest.importorskip("nagisa")
    if language == "ko":
        pytest.importorskip("soynlp")
    inputs, words = processor.prepare_forced_aligner_inputs(audio=noise(samples), transcript=text, language=language)
    with torch.inference_mode():
        return inputs, model(**inputs).logits, words


def edit(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    held = json.loads((folder / name).read_text())
    change(held)
    (folder / name).write_text(json.dumps(held))


# The network is transformers' own, value for value.


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_token_ids_and_spectrogram_are_transformers_own(
    networks: dict[str, Network], reference: tuple[Any, Any], language: str
) -> None:
    inputs, _, _ = their_pass(reference, language)
    ours = encoded(networks["hf"], language)
    assert ours.ids.tolist() == inputs["input_ids"][0].tolist()
    assert torch.equal(ours.mel, inputs["input_features"][0][:, : int(inputs["input_features_mask"].sum())])


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_logits_at_the_markers_are_transformers_own(
    networks: dict[str, Network], reference: tuple[Any, Any], language: str
) -> None:
    inputs, theirs, _ = their_pass(reference, language)
    (ours,) = networks["hf"].logits([encoded(networks["hf"], language)])
    markers = inputs["input_ids"][0] == reference[1].config.timestamp_token_id
    assert (ours - theirs[0][markers]).abs().max() <= 1e-5


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_decoded_as_upstream_times_are_transformers_own(
    upstream: Qwen3Aligner, reference: tuple[Any, Any], language: str
) -> None:
    inputs, logits, words = their_pass(reference, language)
    marker = reference[1].config.timestamp_token_id
    (theirs,) = reference[0].decode_forced_alignment(logits, inputs["input_ids"], words, marker)
    (ours,) = upstream.align([utterance(language)])
    assert not isinstance(ours, Refusal)
    assert [(span.start, span.end) for span in ours] == [(item["start_time"], item["end_time"]) for item in theirs]


def test_clips_of_mixed_lengths_in_one_batch_give_what_each_gives_alone(networks: dict[str, Network]) -> None:
    clips = [encoded(networks["hf"], language) for language in SPOKEN]
    for clip, together in zip(clips, networks["hf"].logits(clips), strict=True):
        (alone,) = networks["hf"].logits([clip])
        assert (together - alone).abs().max() <= 1e-5


def test_a_batch_of_equal_clips_is_transformers_own_batch(
    networks: dict[str, Network], reference: tuple[Any, Any]
) -> None:
    processor, model = reference
    audio, texts = [noise(80_000), noise(80_000)[::-1].copy()], ["And so my fellow Americans", "ask not"]
    inputs, words = processor.prepare_forced_aligner_inputs(audio=audio, transcript=texts, language="English")
    with torch.inference_mode():
        theirs = model(**inputs).logits
    ours = networks["hf"].logits([networks["hf"].encode(a, w) for a, w in zip(audio, words, strict=True)])
    for row, logits in enumerate(ours):
        markers = inputs["input_ids"][row] == model.config.timestamp_token_id
        assert (logits - theirs[row][markers]).abs().max() <= 1e-5


def test_both_layouts_give_the_same_logits(networks: dict[str, Network]) -> None:
    ours = [networks[layout].logits([encoded(networks[layout], "en")])[0] for layout in ("hf", "original")]
    assert torch.equal(*ours)


def test_eleven_seconds_are_heard_in_143_positions() -> None:
    assert audio_positions(1100) == 143
    assert [audio_positions(frames) for frames in (1, 8, 9, 100, 101)] == [1, 1, 2, 13, 14]


def test_a_marker_spelled_out_in_a_unit_is_not_a_marker(networks: dict[str, Network]) -> None:
    clip = networks["hf"].encode(noise(16_000), ["<timestamp>", "<|audio_pad|>", "<"])
    marker = clip.ids[clip.markers[0]]
    assert (clip.ids == marker).sum() == 6
    assert (clip.ids == networks["hf"].model.config.audio_token_id).sum() == 13


# The aligner's promises.


def test_spans_are_one_a_unit_in_order_inside_the_clip_with_scores(aligner: Qwen3Aligner) -> None:
    asked = [utterance(language) for language in ("it", "fr", "ko")]
    for one, spans in zip(asked, aligner.align(asked), strict=True):
        assert not isinstance(spans, Refusal)
        assert len(spans) == len(one.units)
        edges = [time for span in spans for time in (span.start, span.end)]
        assert edges == sorted(edges)
        assert edges[0] >= 0
        assert edges[-1] <= one.clip.duration
        assert all(span.score is not None and 0 <= span.score <= 1 for span in spans)


def test_results_keep_the_order_of_the_utterances_whatever_runs_together(
    folders: dict[str, Path], upstream: Qwen3Aligner
) -> None:
    batching = Qwen3Aligner.load(str(folders["original"]), LoadOptions(align_decode="upstream"), None)
    torch_engine(batching).token_budget = 1500  # tokens; as on a small GPU
    asked = [utterance(language) for language in SPOKEN]
    assert times(batching.align(asked)) == times([upstream.align([one])[0] for one in asked])


def cramped(folder: Path, clips: float = 1e9, tokens: float = 1e9) -> tuple[Qwen3Aligner, list[int]]:
    """An aligner whose decoder runs out of memory, as on a small GPU, above so many clips or tokens; its batches."""
    aligner = Qwen3Aligner.load(str(folder), LoadOptions(align_decode="upstream"), None)
    torch_engine(aligner).token_budget = 100_000  # as on a GPU that looked empty
    batches: list[int] = []

    def allocate(_: object, __: object, given: dict[str, Any]) -> None:
        batch, length, _ = given["inputs_embeds"].shape
        batches.append(batch)
        if batch > clips or length > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    torch_engine(aligner).network.model.model.language_model.register_forward_pre_hook(allocate, with_kwargs=True)
    return aligner, batches


def test_running_out_of_memory_halves_the_batch_and_goes_on(folders: dict[str, Path], upstream: Qwen3Aligner) -> None:
    aligner, batches = cramped(folders["original"], clips=2)
    asked = [utterance(language) for language in ("en", "de", "fr", "es", "it")]
    assert times(aligner.align(asked)) == times([upstream.align([one])[0] for one in asked])
    assert batches == [5, 2, 3, 1, 2]
    assert torch_engine(aligner).token_budget < 100_000, "the next batches are smaller from the start"


def test_a_clip_that_takes_too_much_memory_alone_is_cut_at_a_pause(
    folders: dict[str, Path], upstream: Qwen3Aligner
) -> None:
    aligner, _ = cramped(folders["original"], tokens=150)  # the clip of 11 s has 143 of audio alone
    large, small = aligner.align([utterance("en"), utterance("it")])
    assert isinstance(large, AlignmentWithWarning)
    assert large.notice == "ran out of memory; cut at a pause, the clip was timed in parts"
    assert len(large.alignment) == len(utterance("en").units)
    assert [small] == upstream.align([utterance("it")])


def test_a_clip_that_takes_too_much_memory_in_any_part_goes_to_the_next_aligner(folders: dict[str, Path]) -> None:
    aligner, batches = cramped(folders["original"], tokens=10)
    (result,) = aligner.align([utterance("en")])
    assert isinstance(result, Refusal)
    assert result.reason.startswith("runs out of memory on ")
    assert len(batches) < 20


def test_another_failure_of_the_engine_is_not_taken_for_a_lack_of_memory(folders: dict[str, Path]) -> None:
    aligner = Qwen3Aligner.load(str(folders["original"]), LoadOptions(), None)
    torch_engine(aligner).network.model.score.weight.data = torch_engine(aligner).network.model.score.weight.data[:, 1:]
    with pytest.raises(RuntimeError, match="shapes"):
        aligner.align([utterance("it")])


def test_refining_what_upstream_decodes_is_refused() -> None:
    with pytest.raises(OptionError, match="--refine"):
        LoadOptions(align_decode="upstream", align_refine=True)


def test_refined_times_stay_in_order_within_two_classes(folders: dict[str, Path], aligner: Qwen3Aligner) -> None:
    refining = Qwen3Aligner.load(str(folders["hf"]), LoadOptions(align_refine=True), None)
    for coarse, fine in zip(
        aligner.align([utterance("fr"), utterance("it")]),
        refining.align([utterance("fr"), utterance("it")]),
        strict=True,
    ):
        assert not isinstance(coarse, Refusal)
        assert not isinstance(fine, Refusal)
        edges = [time for span in fine for time in (span.start, span.end)]
        assert edges == sorted(edges)
        assert all(abs(a.start - b.start) <= 0.161 for a, b in zip(coarse, fine, strict=True))
        assert any(a.start != b.start for a, b in zip(coarse, fine, strict=True))


def test_int8_runs_on_a_cpu_and_stays_near_float32(folders: dict[str, Path], networks: dict[str, Network]) -> None:
    checkpoint = inspect(folders["hf"], "aligner")
    small = Network(checkpoint, load_weights(checkpoint, DeviceChoice("cpu", "int8")))
    (rough,) = small.logits([encoded(small, "it")])
    (exact,) = networks["hf"].logits([encoded(networks["hf"], "it")])
    assert torch.corrcoef(torch.stack([rough.flatten(), exact.flatten()]))[0, 1] > 0.9


# Compiled. The compiler "eager" traces and guards the graphs as "inductor" does, and generates no code for a device.


@pytest.fixture(scope="module")
def compiled(folders: dict[str, Path]) -> tuple[Network, str]:
    """A compiled network, warmed up, and what was told on stderr meanwhile."""
    checkpoint = inspect(folders["hf"], "aligner")
    made = Network(checkpoint, load_weights(checkpoint, CPU), compiler="eager")
    with redirect_stderr(io.StringIO()) as told:
        show_warm_up(made)
    return made, told.getvalue()


def test_the_warm_up_is_told_on_stderr(compiled: tuple[Network, str]) -> None:
    assert "compiling qwen3 for cpu: 2 of 2, 00:" in compiled[1]


def test_after_the_warm_up_nothing_is_compiled_again(compiled: tuple[Network, str]) -> None:
    network, counted = compiled[0], torch._dynamo.utils.counters["stats"]
    before = counted["unique_graphs"]
    assert before >= len(WARM_UPS)
    for batch in (["it"], ["en", "de"], ["yue", "fr", "ko"], ["es"], ["ru", "pt", "zh", "it", "en"]):
        network.logits([encoded(network, language) for language in batch])
    assert counted["unique_graphs"] == before


def test_compiled_the_logits_are_the_same(compiled: tuple[Network, str], networks: dict[str, Network]) -> None:
    clips = [encoded(networks["hf"], language) for language in ("en", "it", "ko")]
    for batch in (clips[:1], clips):
        for ours, plain in zip(compiled[0].logits(batch), networks["hf"].logits(batch), strict=True):
            assert (ours - plain).abs().max() <= 1e-5


# What it refuses, so that another aligner is asked.


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"language": "nl"}, "does not speak Dutch"),
        ({"translated": True}, "cannot time a translation"),
        ({"units": (Unit("a" * 2000, "a" * 2000),)}, "finds many times the text that can be said in the time"),
    ],
)
def test_what_it_cannot_time_goes_to_the_next_aligner(
    aligner: Qwen3Aligner, changes: dict[str, Any], reason: str
) -> None:
    assert aligner.align([replace(utterance("en"), **changes), utterance("it")])[0] == Refusal(reason)


@pytest.mark.parametrize(
    ("changes", "notice"),
    [
        ({"units": (Unit("a" * 500, "a" * 500),)}, "finds more text than can be said in the time"),
        (
            {
                "clip": Clip(np.zeros(30 * 16_000, np.float32), 0.0, "talk", ((0.0, 29.0),)),
                "units": (Unit("Hi!", "Hi"),),
            },
            "finds far less text than is spoken",
        ),
    ],
)
def test_text_that_does_not_fit_its_clip_is_timed_and_flagged(
    aligner: Qwen3Aligner, changes: dict[str, Any], notice: str
) -> None:
    (result,) = aligner.align([replace(utterance("en"), **changes)])
    assert isinstance(result, AlignmentWithWarning)
    assert result.notice == notice
    assert len(result.alignment) == 1
    assert all((span.score or 0.0) <= 0.5 for span in result.alignment)


def test_a_clip_over_the_limit_is_cut_before_the_model_sees_it(folders: dict[str, Path]) -> None:
    cutting = Qwen3Aligner.load(str(folders["hf"]), LoadOptions(align_decode="upstream"), None)
    cutting.max_clip = 4.0
    seen: list[int] = []
    tower = torch_engine(cutting).network.model.model.language_model
    tower.register_forward_pre_hook(lambda _, __, given: seen.append(given["inputs_embeds"].shape[1]), with_kwargs=True)
    whole = utterance("en")  # 11 s
    (result,) = cutting.align([whole])
    assert isinstance(result, tuple)
    assert len(result) == len(whole.units)
    assert len(seen) >= 3
    assert max(seen) < 143, "no part holds the whole clip's audio"


def test_words_that_pile_up_are_parted_by_a_cut_and_it_is_said(folders: dict[str, Path]) -> None:
    failing = Qwen3Aligner.load(str(folders["hf"]), LoadOptions(), None)
    whole = utterance("en")
    limit = len(whole.units) * 2
    torch_engine(failing).network.model.score.register_forward_hook(
        lambda _, __, logits: torch.zeros_like(logits) if len(logits) >= limit else None
    )  # as a model that puts all words of a long clip on one moment
    (result,) = failing.align([whole])
    assert isinstance(result, AlignmentWithWarning)
    assert len(result.alignment) == len(whole.units)
    assert f"put {len(whole.units)} of {len(whole.units)} words on one moment" in result.notice
    starts = [span.start for span in result.alignment]
    assert starts == sorted(starts)
    assert starts[-1] > whole.clip.duration / 4


def test_words_piled_on_one_moment_are_not_taken_for_the_truth(aligner: Qwen3Aligner) -> None:
    units = tuple(split_units("one two three four five six seven eight nine ten eleven twelve", "en"))
    crowd = Utterance(Clip(noise(9_600), 0.0, "short"), units, "en")  # 8 classes for 24 markers
    (result,) = aligner.align([crowd])
    assert isinstance(result, Refusal)


def test_an_unknown_language_is_tried(aligner: Qwen3Aligner) -> None:
    assert not isinstance(aligner.align([replace(utterance("it"), language=None)])[0], Refusal)


# What it says about checkpoints it cannot use, before any audio is read.


def load_error(folder: Path, kind: type[CrispAlignError] = ModelError, options: LoadOptions | None = None) -> str:
    with pytest.raises(kind) as caught:
        Qwen3Aligner.load(str(folder), options or LoadOptions(), None)
    return str(caught.value)


def test_a_recogniser_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("original")

    def as_recogniser(config: dict[str, Any]) -> None:
        del config["thinker_config"]["classify_num"]
        config.update(model_type="qwen3_asr")
        config["thinker_config"].update(model_type="qwen3_asr")

    edit(folder, "config.json", as_recogniser)
    with pytest.raises(ModelError, match="holds a Qwen3 speech recogniser"):
        inspect(folder, "aligner")


def test_another_kind_of_model_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("hf")
    edit(folder, "config.json", lambda config: config.update(model_type="wav2vec2"))
    assert "'wav2vec2'" in load_error(folder)


def test_a_tokenizer_without_the_marker_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("original")
    edit(folder, "tokenizer_config.json", lambda held: held["added_tokens_decoder"].popitem())
    assert "no <timestamp>" in load_error(folder)


def test_another_models_tokenizer_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("hf")
    edit(folder, "config.json", lambda config: config.update(timestamp_token_id=7))
    assert "belongs to another model" in load_error(folder)


@pytest.mark.parametrize("layout", ["hf", "original"])
def test_a_checkpoint_that_lacks_a_tensor_is_refused(copy: Callable[[str], Path], layout: str) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy(layout)
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if name.endswith("layers.1.mlp.up_proj.weight")))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 1 tensors, such as model.language_model.layers.1.mlp.up_proj.weight" in load_error(folder)


def test_damaged_weights_are_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("hf")
    (folder / "model.safetensors").write_bytes(b"not safetensors at all")
    assert "does not load" in load_error(folder)


def test_pickled_weights_are_not_read(copy: Callable[[str], Path]) -> None:
    folder = copy("hf")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        inspect(folder, "aligner")


def test_a_config_without_dimensions_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("original")
    edit(folder, "config.json", lambda config: config["thinker_config"].pop("text_config"))
    assert "describes no model" in load_error(folder)


def test_a_device_that_is_not_there_is_refused(folders: dict[str, Path]) -> None:
    assert "no device 'cuda:99'" in load_error(folders["hf"], OptionError, LoadOptions(device="cuda:99"))


def test_a_type_that_is_not_known_is_refused(folders: dict[str, Path]) -> None:
    assert "'int3'" in load_error(folders["hf"], OptionError, LoadOptions(dtype="int3"))


def test_the_module_is_imported_without_torch() -> None:
    modules = "crisp_align.aligners.qwen3.aligner, crisp_align.models.qwen3_checkpoint"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
