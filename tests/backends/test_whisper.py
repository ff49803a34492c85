from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crisp_align.backends import Backend, DecodeOptions, LoadOptions
from crisp_align.errors import ModelError, OptionError
from crisp_align.media.audio import read_audio
from crisp_align.models.bundled import bundled_whisper
from crisp_align.transcript import SAMPLE_RATE, Clip
from crisp_align_backends.whisper import Whisper, _compute_type

pytestmark = pytest.mark.engine

Sample = Callable[[str], Clip]
JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."


def noise(seconds: float, level: float) -> Clip:
    samples = np.random.default_rng(0).normal(size=int(seconds * SAMPLE_RATE)) * level
    return Clip(samples.astype(np.float32), 0.0, "noise")


def test_it_is_a_backend(whisper: Whisper) -> None:
    assert isinstance(whisper, Backend)
    assert whisper.model == "base"


def test_a_batch_of_languages_gives_what_each_clip_gives_alone(whisper: Whisper, sample: Sample) -> None:
    clips = [sample(name) for name in ("jfk.wav", "de-fleurs.wav", "zh-aishell-BAC009S0724W0121.wav")]
    together = whisper.transcribe(clips, DecodeOptions())
    alone = [whisper.transcribe([clip], DecodeOptions())[0] for clip in clips]
    assert [result.text for result in together] == [result.text for result in alone]
    assert [result.language for result in together] == ["en", "de", "zh"]
    assert together[0].text == JFK


def test_a_file_that_changes_language_keeps_both(whisper: Whisper, shared_audio: Path) -> None:
    samples = read_audio(shared_audio / "multilingual.mp3")
    halves = [
        Clip(samples[: 29 * SAMPLE_RATE], 0.0, "m"),
        Clip(samples[29 * SAMPLE_RATE : 58 * SAMPLE_RATE], 29.0, "m"),
    ]
    english, german = whisper.transcribe(halves, DecodeOptions())
    assert (english.language, german.language) == ("en", "de")
    assert "free of charge" in english.text.casefold()  # whether a sentence begins there differs between processors
    assert "Software" in german.text


def test_an_unsure_clip_follows_the_last_sure_one_of_its_source(whisper: Whisper, sample: Sample) -> None:
    german = replace(sample("de-fleurs.wav"), source="film")
    fragment = german.samples[SAMPLE_RATE : SAMPLE_RATE * 3 // 2]
    after, elsewhere = Clip(fragment, 6.0, "film"), Clip(fragment, 6.0, "another film")
    results = whisper.transcribe([german, after, elsewhere], DecodeOptions())
    assert [(result.language, result.certain) for result in results] == [("de", True), ("de", False), ("en", False)]


def test_an_unsure_clip_follows_what_is_known_of_a_source_gone_on_with(whisper: Whisper, sample: Sample) -> None:
    fragment = sample("de-fleurs.wav").samples[SAMPLE_RATE : SAMPLE_RATE * 3 // 2]
    clip = Clip(fragment, 6.0, "a film gone on with", earlier_language="de")
    found = whisper.transcribe([clip], DecodeOptions())[0]
    assert (found.language, found.certain) == ("de", False)


def test_a_language_that_was_given_or_is_the_only_one_is_certain(whisper: Whisper, sample: Sample) -> None:
    fragment = Clip(sample("de-fleurs.wav").samples[SAMPLE_RATE : SAMPLE_RATE * 3 // 2], 0.0, "given")
    assert whisper.transcribe([fragment], DecodeOptions(language="fr"))[0].certain
    assert Whisper.load("tiny.en", LoadOptions()).transcribe([fragment], DecodeOptions())[0].certain


def test_a_source_heard_again_starts_afresh(whisper: Whisper, sample: Sample) -> None:
    german = replace(sample("de-fleurs.wav"), source="series", start=10.0)
    fragment = Clip(german.samples[SAMPLE_RATE : SAMPLE_RATE * 3 // 2], 0.0, "series")
    languages = [result.language for result in whisper.transcribe([german, fragment], DecodeOptions())]
    assert languages == ["de", "en"]


def test_translation_comes_out_in_english(whisper: Whisper, sample: Sample) -> None:
    text = whisper.transcribe([sample("de-fleurs.wav")], DecodeOptions(language="de", translate=True))[0].text
    assert "fair" in text
    assert "nicht" not in text


def test_a_prompt_steers_the_spelling(whisper: Whisper, shared_audio: Path) -> None:
    clip = Clip(read_audio(shared_audio / "hotwords.mp3"), 0.0, "hotwords.mp3")
    plain = whisper.transcribe([clip], DecodeOptions(language="en"))[0].text
    helped = whisper.transcribe([clip], DecodeOptions(language="en", hotwords="ComfyUI"))[0].text
    assert "ComfyUI" not in plain
    assert "ComfyUI" in helped


def test_hallucinations_over_silence_and_noise_are_dropped_and_said(whisper: Whisper) -> None:
    results = whisper.transcribe([noise(10.0, 0.0), noise(20.0, 0.1)], DecodeOptions())
    assert [result.text for result in results] == ["", ""]
    assert all("dropped" in result.notices[0] for result in results)


def test_an_unknown_language_or_target_is_refused_before_any_audio(whisper: Whisper) -> None:
    with pytest.raises(OptionError, match="Filipino"):
        whisper.check(DecodeOptions(language="fil"))
    with pytest.raises(OptionError, match="into French"):
        whisper.check(DecodeOptions(translate=True, target_language="fr"))


def test_an_english_model_is_asked_for_english_only() -> None:
    tiny = Whisper.load("tiny.en", LoadOptions())
    assert tiny.languages == {"en"}
    with pytest.raises(OptionError, match="cannot translate"):
        tiny.check(DecodeOptions(translate=True))
    with pytest.raises(OptionError, match="German"):
        tiny.check(DecodeOptions(language="de"))


@pytest.mark.parametrize(
    "model", ["turbo", "large-v3-turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo", "distil-large-v3", "base.en"]
)
def test_a_model_that_was_not_trained_to_translate_is_not_asked_to(whisper: Whisper, model: str) -> None:
    asked = Whisper(whisper._engine, model, "cpu")
    with pytest.raises(OptionError, match=r"translate; name one that does: -m base"):
        asked.check(DecodeOptions(translate=True))


def test_a_distilled_model_knows_english_only(whisper: Whisper, sample: Sample) -> None:
    distilled = Whisper(whisper._engine, "Systran/faster-distil-whisper-large-v3", "cpu")
    assert distilled.languages == {"en"}
    with pytest.raises(OptionError, match="German"):
        distilled.check(DecodeOptions(language="de"))
    assert distilled.transcribe([sample("de-fleurs.wav")], DecodeOptions())[0].language == "en"


def test_temperature_lets_the_search_wander_and_runs_repeat(sample: Sample) -> None:
    clip = sample("de-fleurs.wav")  # for a model of English alone

    def heard(temperature: float) -> list[str]:
        options = DecodeOptions(temperature=temperature, log_prob_threshold=-100, compression_ratio_threshold=100)
        model = Whisper.load("tiny.en", LoadOptions(threads=1))
        return [model.transcribe([clip], options)[0].text for _ in range(2)]

    cold, warm = heard(0.0), heard(1.0)
    assert cold[0] == cold[1]
    assert len({cold[0], *warm}) == 3
    assert heard(1.0) == warm


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        ({"float32", "float16", "int8", "int8_float32", "int8_float16"}, "float16"),
        ({"float32", "int8", "int8_float32"}, "int8_float32"),
        ({"float32"}, "float32"),
    ],
)
def test_a_gpu_without_float16_computes_in_what_it_has(
    monkeypatch: pytest.MonkeyPatch, kinds: set[str], chosen: str
) -> None:
    monkeypatch.setattr("ctranslate2.get_supported_compute_types", lambda device, index: kinds)
    assert _compute_type("cuda", 0, "auto") == chosen


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(OptionError, match="mps"):
        Whisper.load("base", LoadOptions(device="mps"))
    with pytest.raises(OptionError, match="CUDA device cuda:99"):
        Whisper.load("base", LoadOptions(device="cuda:99"))


def test_a_type_or_runtime_that_it_has_not_is_named() -> None:
    with pytest.raises(OptionError, match="dtype 'float8' on cpu; use .*int8"):
        Whisper.load("base", LoadOptions(device="cpu", dtype="float8"))
    with pytest.raises(OptionError, match="runtime 'nemo'"):
        Whisper.load("base", LoadOptions(runtime="nemo"))


def test_damaged_weights_are_refused_by_name(tmp_path: Path) -> None:
    from crisp_align.models.store import ensure

    whole = ensure("whisper", "base")
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).write_bytes((whole / name).read_bytes())
    (tmp_path / "model.bin").write_bytes((whole / "model.bin").read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match=str(tmp_path)):
        Whisper.load(str(tmp_path), LoadOptions())


def test_a_model_too_large_for_its_device_is_not_told_for_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA failed with error out of memory")

    monkeypatch.setattr("faster_whisper.WhisperModel", load)
    with pytest.raises(ModelError, match="does not fit .* name a smaller model"):
        Whisper.load("tiny.en", LoadOptions())


def test_a_model_in_a_folder_is_known_for_what_it_is(whisper: Whisper, sample: Sample) -> None:
    folder = bundled_whisper()
    assert folder is not None
    clip = sample("jfk.wav")
    texts = [[" And", " so", " my", " fellow", " Americans"]]
    named = whisper.token_times([clip], texts, "en")
    assert Whisper.load(str(folder), LoadOptions(device="cpu")).token_times([clip], texts, "en") == named


def test_what_was_heard_can_be_timed_while_the_next_is_heard(whisper: Whisper, sample: Sample) -> None:
    first, second = sample("jfk.wav"), sample("fr-fleurs.wav")
    texts = [[" And", " so"]]
    whisper.transcribe([first], DecodeOptions(language="en"))
    alone = whisper.token_times([first], texts, "en")
    whisper.transcribe([second], DecodeOptions(language="fr"))
    assert first.samples is whisper._encoded[0][0][0], "its encoding is kept"
    assert whisper.token_times([first], texts, "en") == alone
