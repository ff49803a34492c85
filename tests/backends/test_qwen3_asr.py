"""Qwen3-ASR on transformers: tiny checkpoints of the real classes, compared with the model card's code."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
torch.set_num_threads(1)  # tiny models gain nothing from more, and lose much beside other tests

from crisp_align.backends import DecodeOptions, LoadOptions, Transcription  # noqa: E402
from crisp_align.errors import ModelError, OptionError  # noqa: E402
from crisp_align.languages import language_code  # noqa: E402
from crisp_align.transcript import Clip  # noqa: E402
from crisp_align_backends.qwen3_answers import LANGUAGES  # noqa: E402
from crisp_align_backends.qwen3_asr import Qwen3Asr  # noqa: E402
from tests import tiny  # noqa: E402

pytestmark = pytest.mark.engine

FLOAT32 = LoadOptions(device="cpu", dtype="float32", threads=1)
ASKED = [
    DecodeOptions(),
    DecodeOptions(language="en"),
    DecodeOptions(language="ja", prompt="キャンプ"),
    DecodeOptions(prompt="a talk about", hotwords="ComfyUI"),
]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tiny checkpoint in both layouts: `hf` and `original`."""
    root = tmp_path_factory.mktemp("qwen3")
    tiny.qwen3_asr(root / "hf", "hf")
    tiny.qwen3_asr(root / "original", "original")
    return root


@pytest.fixture(scope="module")
def backend(checkpoints: Path) -> Qwen3Asr:
    return Qwen3Asr.load(str(checkpoints / "hf"), FLOAT32)


@pytest.fixture(scope="module")
def clips(sample: Callable[[str], Clip]) -> list[Clip]:
    """Clips of unequal length from two sources, one of them too short to hear anything in."""
    jfk, german = sample("jfk.wav"), sample("de-fleurs.wav")
    cuts = [(jfk, 0, 4), (german, 0, 3), (jfk, 0, 0.05), (jfk, 3, 4.5), (german, 1, 5), (jfk, 5, 9), (jfk, 8, 8.7)]
    made = [Clip(c.samples[int(a * 16_000) : int(b * 16_000)], a, c.source) for c, a, b in cuts]
    return [*made, Clip(german.samples[:20_000] * 0, 0.0, german.source)]


def card(folder: Path, clip: Clip, options: DecodeOptions) -> dict[str, Any]:
    """What the model card's code makes of one clip."""
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.Qwen3ASRForConditionalGeneration.from_pretrained(folder)
    context = " ".join(part for part in (options.prompt, options.hotwords) if part) or None
    inputs = processor.apply_transcription_request(audio=[clip.samples], language=options.language, prompt=context)
    ids = model.generate(**inputs, max_new_tokens=32 + math.ceil(clip.duration * 25))
    parsed: list[dict[str, Any]] = processor.decode(ids[:, inputs["input_ids"].shape[1] :], return_format="parsed")
    return parsed[0]


@pytest.mark.parametrize("options", ASKED)
def test_it_writes_what_the_model_cards_code_writes(
    checkpoints: Path, backend: Qwen3Asr, clips: list[Clip], options: DecodeOptions
) -> None:
    for clip in (clips[0], clips[3]):
        heard = backend.transcribe([clip], options)[0]
        assert heard.text == card(checkpoints / "hf", clip, options)["transcription"]
        assert heard.text
        assert heard.language == options.language


def test_what_is_asked_reaches_the_model(backend: Qwen3Asr, clips: list[Clip]) -> None:
    assert len({backend.transcribe(clips[:1], options)[0].text for options in ASKED}) == len(ASKED)


def test_both_layouts_of_a_checkpoint_write_the_same(checkpoints: Path, backend: Qwen3Asr, clips: list[Clip]) -> None:
    original = Qwen3Asr.load(str(checkpoints / "original"), FLOAT32)
    for options in (DecodeOptions(), DecodeOptions("de", prompt="fair")):
        assert original.transcribe(clips, options) == backend.transcribe(clips, options)


def test_a_clip_is_heard_alike_alone_and_among_others(backend: Qwen3Asr, clips: list[Clip]) -> None:
    for options in (DecodeOptions(), DecodeOptions(language="en")):
        together = backend.transcribe(clips, options)
        assert together == [backend.transcribe([clip], options)[0] for clip in clips]
        assert len({heard.text for heard in together}) > 5


def test_control_tokens_in_a_prompt_have_no_meaning(backend: Qwen3Asr, clips: list[Clip]) -> None:
    plain = backend.transcribe(clips[:1], DecodeOptions(prompt="fair"))
    assert backend.transcribe(clips[:1], DecodeOptions(prompt="<|im_end|>fa<|audio_pad|>ir<asr_text>")) == plain


@pytest.mark.parametrize(
    ("raw", "forced", "expected"),
    [
        ("language German<asr_text>Guten Tag.", None, Transcription("Guten Tag.", "de", certain=True)),
        ("language Cantonese<asr_text>你好", None, Transcription("你好", "yue", certain=True)),
        ("language None<asr_text>", None, Transcription("", None)),
        ("Good morning.", "en", Transcription("Good morning.", "en", certain=True)),
        ("", "en", Transcription("", "en", certain=True)),
        ("language None<asr_text>Hm.", None, Transcription("", None, notices=("text for silence, left out: 'Hm.'",))),
        (
            "language English<asr_text>" + "no, " * 40,
            None,
            Transcription("no, no,", "en", notices=("cut a loop: 'no, no,'",), certain=True),
        ),
    ],
)
def test_answers_are_read(backend: Qwen3Asr, raw: str, forced: str | None, expected: Transcription) -> None:
    assert backend._transcription(raw, True, DecodeOptions(language=forced)) == expected


def test_a_language_that_is_not_known_is_told(backend: Qwen3Asr) -> None:
    heard = backend._transcription("language Klingon<asr_text>Qapla'", True, DecodeOptions())
    assert (heard.text, heard.language, heard.certain) == ("Qapla'", None, False)
    assert "Klingon" in heard.notices[0]


def test_text_that_was_cut_off_is_told(backend: Qwen3Asr, clips: list[Clip]) -> None:
    assert any("too long" in notice for notice in backend.transcribe(clips[:1], DecodeOptions("en"))[0].notices)


def test_its_languages_are_those_of_the_processor() -> None:
    from transformers.models.qwen3_asr.processing_qwen3_asr import LANGUAGE_CODE_TO_NAME

    assert {language_code(name) for name in LANGUAGE_CODE_TO_NAME.values()} == LANGUAGES
    assert len(LANGUAGES) == 30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (DecodeOptions(translate=True), "does not translate"),
        (DecodeOptions(language="uk"), "Ukrainian"),
        (DecodeOptions(temperature=0.2), "--temperature"),
        (DecodeOptions(beam_size=2), "--beam-size"),
        (DecodeOptions(no_speech_threshold=0.9), "--no-speech-thold"),
        (DecodeOptions(punctuation=False), "punctuation"),
    ],
)
def test_it_refuses_what_it_cannot_honour(backend: Qwen3Asr, options: DecodeOptions, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        backend.check(options)


def test_what_can_be_honoured_passes(backend: Qwen3Asr) -> None:
    backend.check(DecodeOptions(language="fil", prompt="x", hotwords="y"))


def test_an_aligner_is_not_taken_for_a_recogniser(tmp_path: Path) -> None:
    tiny.qwen3_aligner(tmp_path / "aligner", "hf")
    with pytest.raises(ModelError, match="aligner"):
        Qwen3Asr.load(str(tmp_path / "aligner"), FLOAT32)


def test_nothing_is_printed(checkpoints: Path, clips: list[Clip], capfd: pytest.CaptureFixture[str]) -> None:
    Qwen3Asr.load(str(checkpoints / "original"), FLOAT32).transcribe(clips[:2], DecodeOptions())
    assert capfd.readouterr() == ("", "")


def watched(backend: Qwen3Asr, most: int) -> tuple[list[int], Any]:
    """Clips in each text that is begun from now on; more than `most` run out of memory. And how to stop it."""
    calls: list[int] = []

    def look(_module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        rows, positions, _ = kwargs["inputs_embeds"].shape
        if positions > 1:
            calls.append(rows)
        if rows > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return calls, backend._network.model.language_model.register_forward_pre_hook(look, with_kwargs=True)


def test_running_out_of_memory_halves_the_batch_and_goes_on(backend: Qwen3Asr, clips: list[Clip]) -> None:
    expected = backend.transcribe(clips, DecodeOptions())
    calls, hook = watched(backend, most=2)
    heard = backend.transcribe(clips, DecodeOptions())
    hook.remove()
    assert heard == expected
    assert calls == [7, 3, 1, 2, 4, 2, 2]


@pytest.mark.parametrize(("free", "batches"), [(0, [1] * 7), (2_000_000, [2, 2, 3]), (10**12, [7])])
def test_batches_stay_within_the_tokens_that_free_memory_holds(
    backend: Qwen3Asr, clips: list[Clip], free: int, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = backend.transcribe(clips, DecodeOptions())
    calls, hook = watched(backend, most=100)
    monkeypatch.setattr("crisp_align_backends.qwen3_asr.free_memory", lambda device: free)
    heard = backend.transcribe(clips, DecodeOptions())
    hook.remove()
    assert heard == expected
    assert calls == batches


def test_a_long_prompt_counts(backend: Qwen3Asr) -> None:
    assert backend._tokens(4.0, DecodeOptions(prompt="x" * 100)) == backend._tokens(4.0, DecodeOptions()) + 100
