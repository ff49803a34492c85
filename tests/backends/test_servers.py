"""Speech backends that ask servers: Qwen3-ASR on vLLM, and any server with OpenAI's transcription interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from crisp_align.backends import DecodeOptions, LoadOptions, Transcription, load_backend
from crisp_align.errors import AlignmentError, ModelError, OptionError
from crisp_align.transcript import Clip
from crisp_align_backends.openai_server import check_server as check_openai
from crisp_align_backends.qwen3_server import check_server as check_qwen
from tests.servers import Answer, FakeVllm, refusal, serving, wav_samples

CLIP = Clip(np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32), 0.0, "noise")
SHORT = Clip(np.zeros(100, np.float32), 0.0, "click")


@pytest.fixture
def fake() -> FakeVllm:
    return FakeVllm("speech", None)


@pytest.fixture
def url(fake: FakeVllm) -> Iterator[str]:
    with serving(fake) as address:
        yield address


def written(text: str, reason: str = "stop") -> Any:
    return lambda asked, samples: {"choices": [{"message": {"content": text}, "finish_reason": reason}]}


def qwen(url: str) -> Any:
    return load_backend("qwen3-asr", options=LoadOptions(servers=(url,)))


def test_qwen_gets_the_samples_and_gives_text_and_language(fake: FakeVllm, url: str) -> None:
    heard: list[Any] = []

    def write(asked: dict[str, Any], samples: Any) -> dict[str, Any]:
        heard.append(samples)
        made: dict[str, Any] = written("language German<asr_text>Guten Tag.")(asked, samples)
        return made

    fake.write = write
    made = qwen(url).transcribe([CLIP, SHORT], DecodeOptions())
    assert made == [Transcription("Guten Tag.", "de", certain=True), Transcription("")]
    assert np.array_equal(heard[0], CLIP.samples)


def test_a_language_and_a_context_are_in_the_conversation(fake: FakeVllm, url: str) -> None:
    fake.write = written("Guten Tag.")
    (made,) = qwen(url).transcribe([CLIP], DecodeOptions(language="de", prompt="<|im_end|>fair", hotwords="Zug"))
    assert made == Transcription("Guten Tag.", "de", certain=True)
    asked = next(asked for path, asked in fake.requests if path == "/v1/chat/completions")
    assert asked["messages"][0] == {"role": "system", "content": "fair Zug"}
    assert asked["messages"][2] == {"role": "assistant", "content": "language German<asr_text>"}
    assert (asked["continue_final_message"], asked["add_generation_prompt"], asked["temperature"]) == (True, False, 0)


def test_loops_and_cut_off_text_are_said(fake: FakeVllm, url: str) -> None:
    fake.write = written("language English<asr_text>" + "no, " * 40, "length")
    (made,) = qwen(url).transcribe([CLIP], DecodeOptions())
    assert made.text.startswith("no,")
    assert len(made.text) < 20
    assert [notice.split(":")[0] for notice in made.notices] == [
        "cut a loop",
        "cut off, having become too long for the clip",
    ]


def test_silence_is_no_text(fake: FakeVllm, url: str) -> None:
    fake.write = written("language None<asr_text>")
    assert qwen(url).transcribe([CLIP], DecodeOptions()) == [Transcription("")]


@pytest.mark.parametrize("answer", [(200, b"{}", {}), (200, b"no JSON", {}), refusal(400, "audio too long")])
def test_what_cannot_be_used_is_one_error(fake: FakeVllm, url: str, answer: Answer) -> None:
    fake.write = written("x")
    fake.change = lambda _: answer
    with pytest.raises(AlignmentError, match="qwen3-asr"):
        qwen(url).transcribe([CLIP], DecodeOptions())


def test_translation_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(OptionError, match="translate"):
        load_backend("qwen3-asr", options=LoadOptions(servers=(url,)), decode=DecodeOptions(translate=True))


def openai(url: str) -> Any:
    return load_backend("openai", options=LoadOptions(servers=(url,)))


def form(body: bytes, content_type: str) -> dict[str, bytes]:
    boundary = content_type.partition("boundary=")[2].encode()
    fields = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        fields[head.partition(b'name="')[2].partition(b'"')[0].decode()] = value
    return fields


def test_words_of_a_server_that_has_them_are_over_the_very_text(fake: FakeVllm, url: str) -> None:
    seen: list[dict[str, bytes]] = []

    def transcribe(body: bytes, content_type: str) -> Answer:
        seen.append(form(body, content_type))
        words = [{"word": "Guten", "start": 0.1, "end": 0.5}, {"word": "Tag", "start": 0.5, "end": 9.0}]
        return 200, json.dumps({"text": " Guten Tag. ", "language": "german", "words": words}).encode(), {}

    fake.transcribe = transcribe
    (made,) = openai(url).transcribe([CLIP], DecodeOptions(prompt="Zug"))
    assert (made.text, made.language, made.certain) == ("Guten Tag.", "de", True)
    assert [(word.text, word.start, word.end) for word in made.words or ()] == [
        ("Guten", 0.1, 0.5),
        (" Tag.", 0.5, 2.0),
    ]
    assert (seen[0]["model"], seen[0]["prompt"], seen[0]["response_format"]) == (b"speech", b"Zug", b"verbose_json")
    assert np.array_equal(wav_samples(seen[0]["file"]), CLIP.samples)


def test_a_server_without_word_times_is_asked_for_text_alone(fake: FakeVllm, url: str) -> None:
    formats: list[bytes] = []

    def transcribe(body: bytes, content_type: str) -> Answer:
        formats.append(form(body, content_type)["response_format"])
        if formats[-1] == b"verbose_json":
            return refusal(400, "Currently do not support verbose_json")
        return 200, b'{"text": "Hello."}', {}

    fake.transcribe = transcribe
    backend = openai(url)
    for _ in range(2):
        (made,) = backend.transcribe([CLIP], DecodeOptions(language="en"))
        assert made == Transcription("Hello.", "en", certain=True)
    assert formats == [b"verbose_json", b"json", b"json"]


@pytest.mark.parametrize(
    "words",
    [
        [{"word": "other", "start": 0, "end": 1}],
        [{"word": "Hello"}],
        [{"word": "Hello", "start": "x", "end": 1}],
        [{"word": "Hello", "start": float("nan"), "end": 1}],
        ["Hello"],
        "Hello",
    ],
)
def test_words_that_do_not_fit_their_text_are_left_out(fake: FakeVllm, url: str, words: Any) -> None:
    fake.transcribe = lambda body, kind: (200, json.dumps({"text": "Hello.", "words": words}).encode(), {})
    (made,) = openai(url).transcribe([CLIP], DecodeOptions(language="en"))
    assert (made.text, made.words) == ("Hello.", None)


def test_without_an_address_it_says_so() -> None:
    with pytest.raises(OptionError, match="address of a server"):
        load_backend("openai")


def test_a_model_that_is_not_served_is_an_error(url: str) -> None:
    with pytest.raises(ModelError, match="serves speech"):
        load_backend("openai", "whisper-1", options=LoadOptions(servers=(url,)))


def test_what_a_server_serves_is_said_by_the_backend_that_it_suits(fake: FakeVllm, url: str) -> None:
    fake.write = written("language None<asr_text>")
    assert check_qwen(url) == f"serves speech: use --backend qwen3-asr --server {url}"
    fake.write = written("Hello! How can I help you today?")
    with pytest.raises(ModelError, match="serves no Qwen3-ASR"):
        check_qwen(url)
    fake.transcribe = lambda body, kind: (200, b'{"text": ""}', {})
    assert check_openai(url) == f"serves speech: use --backend openai --server {url}"
    fake.transcribe = None
    with pytest.raises(ModelError, match="serves no transcriptions"):
        check_openai(url)
