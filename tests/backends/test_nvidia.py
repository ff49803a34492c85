"""Parakeet and Canary on transformers: tiny checkpoints of the real classes, compared with the model cards' code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
torch.set_num_threads(1)  # tiny models gain nothing from more, and lose much beside other tests

from crisp_align.backends import DecodeOptions, LoadOptions, Transcription  # noqa: E402
from crisp_align.errors import ModelError, OptionError  # noqa: E402
from crisp_align.transcript import Clip, Word  # noqa: E402
from crisp_align_backends.canary import Canary  # noqa: E402
from crisp_align_backends.loops import collapse_repeats  # noqa: E402
from crisp_align_backends.parakeet import Parakeet  # noqa: E402
from tests import tiny_nvidia  # noqa: E402

pytestmark = pytest.mark.engine

FLOAT32 = LoadOptions(device="cpu", dtype="float32", threads=1)
KINDS = ("ctc", "rnnt", "tdt")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny checkpoint of each family."""
    root = tmp_path_factory.mktemp("nvidia")
    for name, build in tiny_nvidia.FAMILIES.items():
        build(root / name, 0)
    return root


@pytest.fixture(scope="module")
def clips(sample: Callable[[str], Clip]) -> list[Clip]:
    """Eight clips of unequal length from two sources, one of them too short to hear anything in."""
    jfk, german = sample("jfk.wav"), sample("de-fleurs.wav")
    cuts = [(jfk, 0, 11), (german, 0, 3), (jfk, 0, 0.05), (jfk, 3, 4.5), (german, 1, 5), (jfk, 5, 11), (jfk, 8, 8.7)]
    made = [Clip(c.samples[int(a * 16_000) : int(b * 16_000)], a, c.source) for c, a, b in cuts]
    return [*made, Clip(german.samples[:20_000] * 0, 0.0, german.source)]


def times(heard: Transcription) -> list[tuple[str, float, float]] | None:
    return None if heard.words is None else [(word.text, word.start, word.end) for word in heard.words]


def card_parakeet(folder: Path, kind: str, clip: Clip) -> tuple[str, list[dict[str, Any]]]:
    """What the model card's code makes of one clip: the text, and for transducers the tokens' times."""
    processor = transformers.AutoProcessor.from_pretrained(folder)
    auto = {"ctc": "AutoModelForCTC", "rnnt": "AutoModelForRNNT", "tdt": "AutoModelForTDT"}[kind]
    model = getattr(transformers, auto, getattr(transformers, f"ParakeetFor{kind.upper()}")).from_pretrained(folder)
    inputs = processor([clip.samples], sampling_rate=16_000)
    room = {} if kind == "ctc" else {"max_new_tokens": 5000}  # its own guess is one short where every frame is full
    output = model.generate(**inputs, return_dict_in_generate=True, **room)
    if kind == "ctc":
        return processor.decode(output.sequences, skip_special_tokens=True)[0].strip(), []
    texts, tokens = processor.decode(output.sequences, durations=output.durations, skip_special_tokens=True)
    return texts[0].strip(), tokens[0]


def by_word(tokens: list[dict[str, Any]]) -> list[tuple[str, float, float]]:
    """The card's tokens, those of a word together; punctuation counts only where a word is nothing else."""
    groups: list[list[dict[str, Any]]] = []
    for token in tokens:
        if token["token"].startswith(" ") or not groups:
            groups.append([])
        groups[-1].append(token)
    made = []
    for group in groups:
        said = [token for token in group if any(map(str.isalnum, token["token"]))] or group
        made.append(("".join(token["token"] for token in group), said[0]["start"], said[-1]["end"]))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_parakeet_writes_what_the_model_cards_code_writes(checkpoints: Path, clips: list[Clip], kind: str) -> None:
    folder = checkpoints / f"parakeet-{kind}"
    for clip, heard in zip(
        clips[:2], Parakeet.load(str(folder), FLOAT32).transcribe(clips[:2], DecodeOptions()), strict=True
    ):
        text, tokens = card_parakeet(folder, kind, clip)
        assert heard.text == text
        assert text
        if tokens:
            assert times(heard) == by_word(tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_heard_alike_alone_and_among_others(checkpoints: Path, clips: list[Clip], kind: str) -> None:
    backend = Parakeet.load(str(checkpoints / f"parakeet-{kind}"), FLOAT32)
    together = backend.transcribe(clips, DecodeOptions())
    alone = [backend.transcribe([clip], DecodeOptions())[0] for clip in clips]
    assert [heard.text for heard in together] == [heard.text for heard in alone]
    assert [times(heard) for heard in together] == [times(heard) for heard in alone]
    assert len({heard.text for heard in together}) > 4


@pytest.mark.parametrize("kind", KINDS)
def test_native_words_spell_the_text_and_carry_a_confidence(checkpoints: Path, clips: list[Clip], kind: str) -> None:
    texts = Parakeet.load(str(checkpoints / f"parakeet-{kind}"), FLOAT32).transcribe(clips, DecodeOptions())
    for heard in texts:
        if not heard.text:
            continue
        assert heard.words is not None
        assert "".join(word.text for word in heard.words) == heard.text
        assert all(word.score is not None and 0 < word.score <= 1 for word in heard.words)
        assert all(a.start <= b.start for a, b in zip(heard.words, heard.words[1:], strict=False))


def test_nothing_is_heard_in_a_clip_of_a_few_milliseconds(checkpoints: Path, clips: list[Clip]) -> None:
    backend = Parakeet.load(str(checkpoints / "parakeet-tdt"), FLOAT32)
    assert backend.transcribe([clips[2]], DecodeOptions(language="de")) == [Transcription("", "de", certain=True)]
    assert backend.transcribe([], DecodeOptions()) == []


WORDS = [
    ("And", 0.32, 0.64), ("so", 0.64, 0.96), ("my", 1.20, 1.52), ("fellow", 1.52, 1.92), ("Americans", 1.92, 2.88),
    ("ask", 3.36, 3.92), ("not", 4.16, 4.64), ("what", 5.44, 5.84), ("your", 5.92, 6.16), ("country", 6.16, 6.64),
]  # fmt: skip


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory, sample: Callable[[str], Clip]) -> Path:
    """A Parakeet TDT that knows the beginning of a speech by heart."""
    folder = tmp_path_factory.mktemp("learnt") / "tdt"
    tiny_nvidia.overfitted_tdt(folder, sample("jfk.wav").samples[: 7 * 16_000], WORDS)
    return folder


def test_words_come_out_where_they_are_said(learnt: Path, sample: Callable[[str], Clip]) -> None:
    clip = sample("jfk.wav")
    heard = Parakeet.load(str(learnt), FLOAT32).transcribe(
        [Clip(clip.samples[: 7 * 16_000], 0.0, clip.source)], DecodeOptions(language="en")
    )[0]
    assert heard.text == " ".join(word for word, _, _ in WORDS)
    assert heard.words is not None
    assert [(w.text.strip(), round(w.start, 2), round(w.end, 2)) for w in heard.words] == WORDS


def test_parakeets_text_tells_the_language(learnt: Path, sample: Callable[[str], Clip]) -> None:
    backend = Parakeet.load(str(learnt), FLOAT32)
    said = Clip(sample("jfk.wav").samples[: 7 * 16_000], 0.0, "jfk.wav")
    heard = backend.transcribe([said], DecodeOptions())[0]
    assert (heard.language, heard.certain) == ("en", True)


@pytest.mark.parametrize(
    ("model", "english"),
    [
        ("parakeet-tdt-0.6b-v3", False),
        ("parakeet-tdt-0.6b-v3.nemo", False),
        ("nvidia/parakeet-tdt-0.6b-v3.nemo", False),
        ("parakeet-tdt-0.6b-v2.nemo", True),
        ("parakeet-tdt-0.6b-v2", True),
        ("nvidia/parakeet-ctc-1.1b", True),
        ("nvidia/parakeet-ctc-1.1b.nemo", True),
    ],
)
def test_a_published_model_is_known_by_name_for_english_only_or_not(
    checkpoints: Path, model: str, english: bool
) -> None:
    engine = Parakeet.load(str(checkpoints / "parakeet-tdt"), FLOAT32)._engine
    assert (Parakeet(engine, model).languages == frozenset({"en"})) == english


def test_a_text_too_short_to_tell_follows_its_source(checkpoints: Path, clips: list[Clip]) -> None:
    backend = Parakeet.load(str(checkpoints / "parakeet-tdt"), FLOAT32)
    texts = ("Das erschien mir nicht sinnvoll.", "OK.", "Pensez à cet itinéraire de ski.", "OK.")
    heard = [
        backend._in_its_language(Clip(clips[0].samples, 20.0 * i, "film"), Transcription(text), None)
        for i, text in enumerate(texts)
    ]
    assert [(one.language, one.certain) for one in heard] == [
        ("de", True),
        ("de", False),
        ("fr", True),
        ("fr", False),
    ]
    first = backend._in_its_language(clips[0], Transcription("OK."), None)
    assert (first.language, first.certain) == (None, False)


def card_canary(folder: Path, clip: Clip, source: str, target: str, punctuation: bool, most: int) -> str:
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(folder)
    inputs = processor.apply_transcription_request(
        [clip.samples], source_language=source, target_language=target, punctuation=punctuation
    )
    prompt = inputs["decoder_input_ids"].shape[1]
    ids = model.generate(**inputs, max_new_tokens=most)
    return processor.batch_decode(ids[:, prompt:], skip_special_tokens=True)[0].strip()


@pytest.mark.parametrize(
    "options",
    [
        DecodeOptions(language="en"),
        DecodeOptions(language="de", punctuation=False),
        DecodeOptions(language="de", translate=True),
        DecodeOptions(language="en", translate=True, target_language="fr"),
    ],
)
def test_canary_writes_what_the_model_cards_code_writes(
    checkpoints: Path, clips: list[Clip], options: DecodeOptions
) -> None:
    backend = Canary.load(str(checkpoints / "canary"), FLOAT32)
    source = options.language or ""
    target = (options.target_language or "en") if options.translate else source
    for i in (0, 3):
        heard = backend.transcribe(clips[: i + 1], options)[i]
        most = 32 + -(-len(clips[i].samples) * 12 // 16_000)
        text = card_canary(checkpoints / "canary", clips[i], source, target, options.punctuation, most)
        assert heard.text == collapse_repeats(text)
        assert heard.text
        assert heard.language == options.language


def test_canary_hears_a_clip_alike_alone_and_among_others(checkpoints: Path, clips: list[Clip]) -> None:
    backend = Canary.load(str(checkpoints / "canary"), FLOAT32)
    options = DecodeOptions(language="en")
    together = backend.transcribe(clips, options)
    assert together == [backend.transcribe([clip], options)[0] for clip in clips]
    assert len({heard.text for heard in together}) > 4


def test_what_is_asked_of_canary_reaches_it(checkpoints: Path, clips: list[Clip]) -> None:
    backend = Canary.load(str(checkpoints / "canary"), FLOAT32)
    asked = [
        DecodeOptions("en"),
        DecodeOptions("de"),
        DecodeOptions("de", translate=True),
        DecodeOptions("de", punctuation=False),
    ]
    assert len({backend.transcribe(clips[3:4], options)[0].text for options in asked}) == 4


def test_canary_says_where_a_text_was_cut_off(checkpoints: Path, clips: list[Clip]) -> None:
    heard = Canary.load(str(checkpoints / "canary"), FLOAT32).transcribe(clips[:1], DecodeOptions(language="en"))[0]
    assert any("too long" in notice for notice in heard.notices)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (DecodeOptions(translate=True), "does not translate"),
        (DecodeOptions(prompt="ComfyUI"), "--prompt"),
        (DecodeOptions(hotwords="ComfyUI"), "--hotwords"),
        (DecodeOptions(language="ja"), "Japanese"),
        (DecodeOptions(temperature=0.5), "--temperature"),
        (DecodeOptions(beam_size=9), "--beam-size"),
        (DecodeOptions(no_speech_threshold=0.9), "--no-speech-thold"),
        (DecodeOptions(log_prob_threshold=-2.0), "--logprob-thold"),
        (DecodeOptions(compression_ratio_threshold=3.0), "--compression-ratio-threshold"),
        (DecodeOptions(punctuation=False), "punctuation"),
    ],
)
def test_parakeet_refuses_what_it_cannot_honour(checkpoints: Path, options: DecodeOptions, said: str) -> None:
    backend = Parakeet.load(str(checkpoints / "parakeet-tdt"), FLOAT32)
    with pytest.raises(OptionError, match=said):
        backend.check(options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (DecodeOptions(), "cannot detect"),
        (DecodeOptions(language="ja"), "Japanese"),
        (DecodeOptions(language="de", translate=True, target_language="zh"), "Chinese"),
        (DecodeOptions(language="de", translate=True, target_language="fr"), "from or into English"),
        (DecodeOptions(language="en", translate=True), "from English into English"),
        (DecodeOptions(language="de", prompt="x"), "--prompt"),
    ],
)
def test_canary_refuses_what_it_cannot_honour(checkpoints: Path, options: DecodeOptions, said: str) -> None:
    backend = Canary.load(str(checkpoints / "canary"), FLOAT32)
    with pytest.raises(OptionError, match=said):
        backend.check(options)


def test_a_canary_of_few_languages_translates_between_those(checkpoints: Path) -> None:
    backend = Canary.load(str(checkpoints / "canary"), FLOAT32)
    backend.languages = frozenset({"de", "en", "es", "fr"})
    backend.check(DecodeOptions(language="en", translate=True, target_language="fr"))
    with pytest.raises(OptionError, match="into Polish; it translates into de, en, es, fr"):
        backend.check(DecodeOptions(language="en", translate=True, target_language="pl"))


def test_options_that_can_be_honoured_pass(checkpoints: Path) -> None:
    Parakeet.load(str(checkpoints / "parakeet-ctc"), FLOAT32).check(DecodeOptions(language="de"))
    Canary.load(str(checkpoints / "canary"), FLOAT32).check(DecodeOptions("de", translate=True, punctuation=False))


@pytest.mark.parametrize(("backend", "family"), [(Parakeet, "canary"), (Canary, "parakeet-tdt")])
def test_a_checkpoint_of_another_family_is_refused(checkpoints: Path, backend: Any, family: str) -> None:
    with pytest.raises(ModelError, match="needed here|not a"):
        backend.load(str(checkpoints / family), FLOAT32)


def test_a_checkpoint_with_tensors_missing_is_refused(checkpoints: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in (checkpoints / "parakeet-ctc").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("ctc_head.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 tensors, such as ctc_head\.weight"):
        Parakeet.load(str(tmp_path), FLOAT32)


def test_nothing_is_printed_by_loading_and_transcribing(
    checkpoints: Path, clips: list[Clip], capfd: pytest.CaptureFixture[str]
) -> None:
    Canary.load(str(checkpoints / "canary"), FLOAT32).transcribe(clips[:2], DecodeOptions(language="en"))
    Parakeet.load(str(checkpoints / "parakeet-ctc"), FLOAT32).transcribe(clips[:2], DecodeOptions())
    assert capfd.readouterr() == ("", "")


def test_a_wrong_runtime_is_refused(checkpoints: Path) -> None:
    with pytest.raises(OptionError, match="no runtime 'vllm'"):
        Parakeet.load(str(checkpoints / "parakeet-ctc"), LoadOptions(runtime="vllm"))
    with pytest.raises(OptionError, match=r"holds no \.nemo archive"):
        Parakeet.load(str(checkpoints / "parakeet-ctc"), LoadOptions(runtime="nemo"))
    with pytest.raises(OptionError, match="runs on NeMo"):
        Parakeet.load("model.nemo", LoadOptions(runtime="transformers"))


def test_words_are_plain_values(checkpoints: Path, clips: list[Clip]) -> None:
    heard = Parakeet.load(str(checkpoints / "parakeet-tdt"), FLOAT32).transcribe(clips[:1], DecodeOptions())[0]
    assert heard.words
    assert all(isinstance(word, Word) and type(word.start) is float for word in heard.words)


def told(backend: Parakeet | Canary, clips: list[Clip]) -> list[Any]:
    return [(heard.text, times(heard)) for heard in backend.transcribe(clips, DecodeOptions("en"))]


def watched(backend: Parakeet | Canary, most: int) -> tuple[list[int], Any]:
    """Clips in each call of the encoder from now on; more than `most` of them run out of memory. And how to stop it."""
    calls: list[int] = []
    model = backend._engine._model
    encoder = model.encoder if isinstance(backend, Parakeet) else model.model.encoder

    def look(_module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        calls.append(len(args[0] if args else kwargs["input_features"]))
        if calls[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return calls, encoder.register_forward_pre_hook(look, with_kwargs=True)


@pytest.mark.parametrize(("kind", "name"), [(Parakeet, "parakeet-tdt"), (Parakeet, "parakeet-ctc"), (Canary, "canary")])
def test_running_out_of_memory_halves_the_batch_and_goes_on(
    checkpoints: Path, clips: list[Clip], kind: type[Parakeet | Canary], name: str
) -> None:
    backend = kind.load(str(checkpoints / name), FLOAT32)
    expected = told(backend, clips)
    calls, hook = watched(backend, most=2)
    assert told(backend, clips) == expected
    hook.remove()
    assert calls == [7, 3, 1, 2, 4, 2, 2]


@pytest.mark.parametrize(("kind", "name"), [(Parakeet, "parakeet-tdt"), (Canary, "canary")])
def test_batches_follow_free_memory(
    checkpoints: Path, clips: list[Clip], kind: type[Parakeet | Canary], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = kind.load(str(checkpoints / name), FLOAT32)
    expected = told(backend, clips)
    calls, hook = watched(backend, most=100)
    monkeypatch.setattr(f"crisp_align_backends.{name.partition('-')[0]}_transformers.free_memory", lambda device: 0)
    assert told(backend, clips) == expected
    hook.remove()
    assert sum(calls) == 7
    assert len(calls) > 1
