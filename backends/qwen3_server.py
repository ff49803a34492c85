"""Qwen3-ASR on vLLM servers, through their chat interface, whose prompt is the makers' own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from crisp_align.backends import BackendProfile, DecodeOptions, LoadOptions, Transcription
from crisp_align.errors import ModelError
from crisp_align.languages import language_name
from crisp_align.models.server import RequestError, ServerPool, base64_wav, served_model
from crisp_align.transcript import SAMPLE_RATE, Clip

from .loops import collapse_repeats
from .qwen3_answers import LANGUAGES, MARK, PROFILE, context_of, most_tokens, read_answer
from .serving import transcribe_on

__all__ = ["VllmAsr", "check_server", "serve_command"]


class VllmAsr:
    """Servers that all serve the same Qwen3-ASR."""

    name: ClassVar[str] = "qwen3-asr"
    translates: ClassVar[bool] = False
    native_words: ClassVar[bool] = False
    profile: ClassVar[BackendProfile] = PROFILE
    max_clip: float = PROFILE.max_clip
    languages: frozenset[str] | None = LANGUAGES

    def __init__(self, pool: ServerPool, model: str) -> None:
        self.model = model
        self.batch_size = pool.capacity
        self._pool = pool

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        """Look at what the servers serve; see `Backend.load`.

        Args:
            model: the name under which they serve it, or "auto": the only one there is.
            options: addresses.

        Raises:
            ModelError: a server gives no answer, or serves another model.
            OptionError: no address, or one that is none.
        """
        pool = ServerPool(options.servers)
        return cls(pool, served_model(pool, model))

    def check(self, options: DecodeOptions) -> None:
        """Refuse what the model cannot do; see `Backend.check`."""
        self.profile.capabilities.of(self.model, LANGUAGES).check(options)

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        """Transcribe clips, several at once; see `Backend.transcribe`.

        Raises:
            AlignmentError: a server gives no answer that can be used.
        """
        return transcribe_on(self._pool, clips, options, self._one, self.name)

    def probe(self) -> str:
        """Ask for the text of a second of silence; return the name under which the model is served.

        Raises:
            ModelError: a server gives no answer to that, or none of Qwen3-ASR's form.
        """
        clip = Clip(np.zeros(SAMPLE_RATE, np.float32), 0.0, "silence")
        for url in self._pool.urls:
            try:
                raw, _ = _answer(
                    self._pool.post(
                        "/v1/chat/completions", self._request(clip, "", 16, DecodeOptions()), url=url
                    ).json()
                )
            except RequestError as error:
                raise ModelError(f"serves no Qwen3-ASR: {error}", subject=url) from error
            if not raw.startswith("language "):
                raise ModelError(f"serves no Qwen3-ASR: it answers {raw[:40]!r} to silence", subject=url)
        return self.model

    def _one(self, clip: Clip, options: DecodeOptions) -> Transcription:
        request = self._request(clip, context_of(options), most_tokens(clip.duration), options)
        raw, ended = _answer(self._pool.post("/v1/chat/completions", request).json())
        head, mark, said = raw.partition(MARK)
        named = head.removeprefix("language ").strip() if mark else ""
        text = collapse_repeats(said if mark else raw).strip()
        return read_answer(raw, text, named if named not in ("", "None") else None, ended, options)

    def _request(self, clip: Clip, context: str, limit: int, options: DecodeOptions) -> dict[str, Any]:
        audio = {"type": "input_audio", "input_audio": {"data": base64_wav(clip.samples), "format": "wav"}}
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": context},
            {"role": "user", "content": [audio]},
        ]
        request: dict[str, Any] = {
            "model": self.model,
            "messages": messages,
            "temperature": 0,
            "max_completion_tokens": limit,
        }
        if options.language:
            messages.append({"role": "assistant", "content": f"language {language_name(options.language)}{MARK}"})
            request |= {"continue_final_message": True, "add_generation_prompt": False}
        return request


def _answer(held: Any) -> tuple[str, bool]:
    try:
        choice = held["choices"][0]
        text, reason = choice["message"]["content"], choice["finish_reason"]
    except (KeyError, IndexError, TypeError) as error:
        raise RequestError("gets no text from the server") from error
    if not isinstance(text, str):
        raise RequestError("gets no text from the server")
    return text, reason != "length"


def serve_command() -> str:
    """The command that starts a server for the backend."""
    return "vllm serve Qwen/Qwen3-ASR-0.6B --host 127.0.0.1 --port 8912"


def check_server(url: str) -> str:
    """Say what a server of Qwen3-ASR serves.

    Raises:
        ModelError: it gives no answer, or serves another kind of model.
    """
    return f"serves {VllmAsr.load('auto', LoadOptions(servers=(url,))).probe()}: use --backend qwen3-asr --server {url}"
