"""Any server with OpenAI's transcription interface: vLLM, whisper.cpp, speaches, LocalAI, OpenAI's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from crisp_align.backends import BackendProfile, DecodeOptions, Engine, LoadOptions, Transcription
from crisp_align.backends.capabilities import Capabilities
from crisp_align.errors import ModelError, OptionError
from crisp_align.languages import language_code
from crisp_align.models.server import RequestError, ServerPool, float_wav, multipart, served_model
from crisp_align.transcript import SAMPLE_RATE, Clip, Word

from .serving import transcribe_on

__all__ = ["OpenAiServer", "check_server"]

_PATH = "/v1/audio/transcriptions"
_MAX_CLIP = 30.0  # s, what every server takes


class OpenAiServer:
    """Servers that all serve the same model."""

    name: ClassVar[str] = "openai"
    translates: ClassVar[bool] = False
    native_words: ClassVar[bool] = True
    profile: ClassVar[BackendProfile] = BackendProfile(
        rank=-10,  # never by itself: it needs an address
        capabilities=Capabilities("the server", prompts=True),
        engines=(
            Engine(
                "server",
                (),
                "pip install vllm, in an environment of its own",
                asks_servers=True,
                check_server="crisp_align_backends.openai_server:check_server",
            ),
        ),
        max_clip=_MAX_CLIP,
    )
    max_clip: float = _MAX_CLIP
    languages: frozenset[str] | None = None

    def __init__(self, pool: ServerPool, model: str) -> None:
        self.model = model
        self.batch_size = pool.capacity
        self._pool = pool
        self._verbose = True  # until a server refuses it

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
        """Refuse what the interface has no field for; see `Backend.check`."""
        self.profile.capabilities.of(self.model, None).check(options)

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        """Transcribe clips, several at once; see `Backend.transcribe`.

        Raises:
            AlignmentError: a server gives no answer that can be used.
        """
        return transcribe_on(self._pool, clips, options, self._one, "the backend")

    def probe(self) -> str:
        """Ask for the text of a second of silence; return the name under which the model is served.

        Raises:
            ModelError: a server gives no answer to that.
        """
        try:
            self._one(Clip(np.zeros(SAMPLE_RATE, np.float32), 0.0, "silence"), DecodeOptions())
        except RequestError as error:
            raise ModelError(f"serves no transcriptions: {error}", subject=self._pool.urls[0]) from error
        return self.model

    def _one(self, clip: Clip, options: DecodeOptions) -> Transcription:
        if self._verbose:
            try:
                return _transcription(self._ask(clip, options, verbose=True), clip, options)
            except RequestError as error:
                if error.status is None or not 400 <= error.status < 500:
                    raise
            self._verbose = False  # such as vLLM, which has no word times
        return _transcription(self._ask(clip, options, verbose=False), clip, options)

    def _ask(self, clip: Clip, options: DecodeOptions, *, verbose: bool) -> dict[str, Any]:
        context = " ".join(part.strip() for part in (options.prompt, options.hotwords) if part)
        fields = [("model", self.model), ("temperature", "0")]
        fields += [("language", options.language)] if options.language else []
        fields += [("prompt", context)] if context else []
        if verbose:
            fields += [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")]
        else:
            fields += [("response_format", "json")]
        body, content_type = multipart(fields, "clip.wav", float_wav(clip.samples))
        held = self._pool.post_form(_PATH, body, content_type).json()
        if not isinstance(held, dict) or not isinstance(held.get("text"), str):
            raise RequestError("gets no text from the server")
        return held


def _transcription(held: dict[str, Any], clip: Clip, options: DecodeOptions) -> Transcription:
    text: str = held["text"].strip()
    language = options.language
    if language is None and isinstance(held.get("language"), str):
        try:
            language = language_code(held["language"])
        except OptionError:
            language = None
    words = _words(text, held.get("words"), clip.duration)
    return Transcription(text, language, words, certain=language is not None)


def _words(text: str, listed: object, duration: float) -> tuple[Word, ...] | None:
    """The server's word times over the very text; None where it gives none, or they do not fit the text."""
    if not isinstance(listed, list) or not listed:
        return None
    made: list[tuple[int, float, float]] = []
    at = 0
    for entry in listed:
        try:
            word, start, end = str(entry["word"]).strip(), float(entry["start"]), float(entry["end"])
        except (TypeError, KeyError, ValueError):
            return None
        found = text.find(word, at)
        if not word or found < 0 or not all(map(math.isfinite, (start, end))):
            return None
        made.append((at if made else 0, min(max(start, 0.0), duration), min(max(end, 0.0), duration)))
        at = found + len(word)
    bounds = [first for first, _, _ in made[1:]] + [len(text)]
    return tuple(
        Word(text[first:last], start, max(start, end)) for (first, start, end), last in zip(made, bounds, strict=True)
    )


def check_server(url: str) -> str:
    """Say what a server with OpenAI's transcription interface serves.

    Raises:
        ModelError: it gives no answer, or no transcription.
    """
    return (
        f"serves {OpenAiServer.load('auto', LoadOptions(servers=(url,))).probe()}: use --backend openai --server {url}"
    )
