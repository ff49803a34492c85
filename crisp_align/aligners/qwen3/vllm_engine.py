"""Qwen3-ForcedAligner on vLLM servers: audio and words go there, logits come back, decoding stays here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from crisp_align.aligners.qwen3.engine import CLASSES, EngineFailure, MarkerLogits, SpokenClip
from crisp_align.aligners.qwen3.prompt import HOP, SHORTEST, audio_positions, plain_word
from crisp_align.errors import ModelError
from crisp_align.models.server import RequestError, ServerPool, base64_wav, served_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["VllmEngine", "check_server", "serve_command", "template_path"]

_MARKER = "<timestamp>"
_AROUND_AUDIO = 2  # tokens: one before the audio, one after it


class VllmEngine:
    """Servers that all serve the same aligner; clips are shared among them."""

    name: ClassVar[str] = "vllm"

    def __init__(self, pool: ServerPool, model: str, marker: int) -> None:
        self.model = model
        self._pool = pool
        self._marker = marker

    @classmethod
    def connect(cls, servers: Sequence[str], model: str) -> Self:
        """Check what every server serves, with a request for half a second of silence.

        Args:
            servers: their addresses.
            model: the name under which they serve it, or "auto".

        Raises:
            ModelError: a server gives no answer, serves another kind of model, or was started without what the aligner
                needs; the hint is the command that starts it.
            OptionError: an address that is none, or none at all.
        """
        pool = ServerPool(servers)
        served = served_model(pool, model)
        for url in pool.urls:
            try:
                ids = _token_ids(pool, served, _MARKER, url)
                if len(ids) != 1:
                    raise RequestError("its tokenizer has no marker")
                engine = cls(pool, served, ids[0])
                engine._logits(SpokenClip(np.zeros(SHORTEST, np.float32), ("-",)), url)
            except RequestError as error:
                raise ModelError(
                    f"serves no forced aligner as it is needed: {error}", subject=url, hint=serve_command(served)
                ) from error
        return engine

    def marker_logits(self, clips: Sequence[SpokenClip]) -> Iterator[tuple[int, MarkerLogits | EngineFailure]]:
        """Run the network; see `MarkerEngine.marker_logits`. A server that fails costs its requests only."""
        return self._pool.map(self._outcome, clips)

    def _outcome(self, clip: SpokenClip) -> MarkerLogits | EngineFailure:
        try:
            return self._logits(clip)[:, : clip.classes]
        except RequestError as error:
            return EngineFailure(str(error))

    def _logits(self, clip: SpokenClip, url: str | None = None) -> MarkerLogits:
        samples = np.pad(clip.samples, (0, max(SHORTEST - len(clip.samples), 0)))
        text = "".join(f"{plain_word(word)}{_MARKER}{_MARKER}" for word in clip.words)
        ids = np.array(_token_ids(self._pool, self.model, text, url))
        markers = np.flatnonzero(ids == self._marker)
        if len(markers) != 2 * len(clip.words):
            raise RequestError(f"gets {len(markers)} markers for {len(clip.words)} words from the server")
        # A clip that ends within a frame has one more by some versions of the feature extractor.
        frames = {len(samples) // HOP, -(-len(samples) // HOP)}
        rows = {audio_positions(count) + len(ids) + _AROUND_AUDIO for count in frames}
        audio = {"type": "input_audio", "input_audio": {"data": base64_wav(samples), "format": "wav"}}
        request = {
            "model": self.model,
            "task": "token_classify",
            "use_activation": False,
            "add_special_tokens": False,
            "encoding_format": "bytes",
            "embed_dtype": "float32",
            "endianness": "little",
            "messages": [{"role": "user", "content": [audio, {"type": "text", "text": text}]}],
        }
        reply = self._pool.post("/pooling", request, most=max(rows) * CLASSES * 4, url=url)
        logits = _array(reply.body, reply.headers.get("metadata", ""), rows)
        return logits[len(logits) - len(ids) + markers]


def _token_ids(pool: ServerPool, model: str, text: str, url: str | None) -> list[int]:
    reply = pool.post("/tokenize", {"model": model, "prompt": text, "add_special_tokens": False}, url=url).json()
    ids = reply.get("tokens") if isinstance(reply, dict) else None
    if not isinstance(ids, list) or not all(type(number) is int for number in ids):
        raise RequestError("gets no token ids from the server")
    return ids


def _array(body: bytes, metadata: str, allowed: set[int]) -> NDArray[np.float32]:
    """The numbers of a reply in bytes, shape (rows, classes), where that many rows are allowed.

    Raises:
        RequestError: its metadata or its length say something else, or a number is none.
    """
    try:
        entry: dict[str, Any] = json.loads(metadata)["data"][0]
        shape, start, end = entry["shape"], entry["start"], entry["end"]
        kind = entry["embed_dtype"], entry["endianness"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise RequestError("gets logits without their shape from the server") from error
    rows = next((count for count in allowed if shape == [count, CLASSES]), None)
    if rows is None or kind != ("float32", "little"):
        raise RequestError(
            f"gets logits of shape {shape} and type {kind[0]}, not {[min(allowed), CLASSES]} and float32"
        )
    if (start, end) != (0, rows * CLASSES * 4) or end != len(body):
        raise RequestError(f"gets {len(body)} bytes of logits from the server, not {rows * CLASSES * 4}")
    logits = np.frombuffer(body, "<f4").reshape(rows, CLASSES)
    if not np.isfinite(logits).all():
        raise RequestError("gets numbers that are none from the server")
    return logits


def template_path() -> str:
    """Where the chat template is that a server of the aligner needs."""
    with as_file(files("crisp_align.aligners.qwen3") / "vllm_template.jinja") as path:
        return str(path)


def serve_command(model: str = "Qwen/Qwen3-ForcedAligner-0.6B") -> str:
    """The command that starts a server for the aligner."""
    architecture = '{"architectures": ["Qwen3ASRForcedAlignerForTokenClassification"]}'
    return (
        f"vllm serve {model} --host 127.0.0.1 --port 8911 --runner pooling --hf-overrides '{architecture}' "
        f"--max-model-len 4096 --chat-template {template_path()} --chat-template-content-format openai"
    )


def check_server(url: str) -> str:
    """Say what a server serves that was started for the aligner.

    Raises:
        ModelError: it gives no answer, or serves another kind of model.
    """
    model = VllmEngine.connect([url], "auto").model
    return f"serves {model}, {CLASSES} time classes in float32: use -am qwen3 --align-server {url}"
