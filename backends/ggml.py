"""Any speech recogniser in a GGUF file that CrispASR's engine reads: Voxtral, Granite, Cohere and others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from crisp_align.backends import BackendProfile, DecodeOptions, Engine, LoadOptions, Transcription
from crisp_align.backends.capabilities import Capabilities
from crisp_align.errors import AlignmentError, ModelError
from crisp_align.models import store as models
from crisp_align.models.gguf import read_gguf
from crisp_align.models.qwen3_gguf import ARCHITECTURE, gguf_head
from crisp_align.transcript import Clip, Word

from .runtimes import require

__all__ = ["Ggml"]

_ENGINE = Engine("ggml", ("crispasr",), 'pip install "crisp-align[gguf]"')
_KINDS = frozenset(
    {
        "canary", "canary-qwen", "cohere", "fastconformer-ctc", "firered-asr", "funasr", "gigaam", "glm-asr", "granite",
        "granite-4.1", "kyutai-stt", "moonshine", "nemotron", "omniasr", "paraformer", "parakeet", "sensevoice",
        "vibevoice", "voxtral", "voxtral4b", "wav2vec2", "whisper",
    }
)  # fmt: skip
"""As the engine calls them; those that transcribe."""
_MAX_CLIP = 30.0  # s, what every model takes
_SHORTEST = 0.1  # s


class Ggml:
    """A loaded GGUF file."""

    name: ClassVar[str] = "ggml"
    translates: ClassVar[bool] = False
    native_words: ClassVar[bool] = True
    profile: ClassVar[BackendProfile] = BackendProfile(
        rank=20,
        capabilities=Capabilities("ggml"),
        engines=(_ENGINE,),
        max_clip=_MAX_CLIP,
        gguf_of=_KINDS,
        family="ggml",
        default_model="parakeet-tdt-0.6b-v3-gguf:q4_k",
    )
    max_clip: float = _MAX_CLIP
    languages: frozenset[str] | None = None
    batch_size: int = 1

    def __init__(self, session: Any, model: str) -> None:
        self._session = session
        self.model = model

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        """Load a GGUF file; see `Backend.load`.

        Args:
            model: the path of a file, a Hub id with a kind, such as owner/name-GGUF:q4_k, or "auto".
            options: threads.

        Raises:
            ModelError: no such file, or one that the engine does not load; the engine is not installed.
        """
        require(_ENGINE)
        name = models.best_local("ggml") if model == "auto" else model
        if name is None:
            pull = cls.profile.default_model
            raise ModelError("no GGUF model is on this machine", hint=f"`crisp-align models pull {pull}` gets one")
        path = models.ensure("ggml", name, offline=options.offline)
        file = read_gguf(path)
        if file.architecture == ARCHITECTURE and gguf_head(file) == "aligner":
            raise ModelError("holds a forced aligner, no speech recogniser", subject=str(path), hint=f"use -am {path}")
        from crispasr import Session

        try:
            session = Session(str(path), n_threads=options.cpu_threads, use_gpu=options.device.startswith("cuda"))
        except Exception as error:  # the binding raises bare exceptions
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
            raise ModelError(f"is not loaded by ggml ({reason})", subject=str(path)) from error
        return cls(session, name)

    def check(self, options: DecodeOptions) -> None:
        """Refuse what the engine is not asked for here; see `Backend.check`."""
        self.profile.capabilities.of(Path(self.model).name, None).check(options)

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        """Transcribe clips one by one; see `Backend.transcribe`.

        Raises:
            AlignmentError: the engine fails on a clip.
        """
        return [self._one(clip, options) for clip in clips]

    def _one(self, clip: Clip, options: DecodeOptions) -> Transcription:
        certain = options.language is not None
        if clip.duration < _SHORTEST:
            return Transcription("", options.language, certain=certain)
        try:
            segments = self._session.transcribe(clip.samples, language=options.language)
        except Exception as error:  # the binding raises bare exceptions
            raise AlignmentError(f"ggml fails at {clip.start:.1f} s ({error})", subject=clip.source) from error
        text = " ".join(part for segment in segments if (part := segment.text.strip()))
        words = [word for segment in segments for word in segment.words]
        return Transcription(text, options.language, _words(text, words, clip.duration), certain=certain)


def _words(text: str, found: Sequence[Any], duration: float) -> tuple[Word, ...] | None:
    """Native word times over the very text; None where the model has none, or they do not fit the text."""
    made: list[tuple[int, Any]] = []
    at = 0
    for word in found:
        spoken = word.text.strip()
        where = text.find(spoken, at)
        if not spoken or where < 0 or word.start is None or word.end is None:
            return None
        made.append((at if made else 0, word))
        at = where + len(spoken)
    if not made:
        return None
    bounds = [first for first, _ in made[1:]] + [len(text)]
    return tuple(
        Word(text[first:last], min(max(word.start, 0.0), duration), min(max(word.end, word.start, 0.0), duration))
        for (first, word), last in zip(made, bounds, strict=True)
    )
