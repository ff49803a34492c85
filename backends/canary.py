"""NVIDIA Canary: transcribes 25 European languages and translates between them and English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from crisp_align.backends import BackendProfile, Capabilities, DecodeOptions, LoadOptions, Transcription
from crisp_align.models.batching import in_batches
from crisp_align.transcript import Clip

from .loops import collapse_repeats
from .runtimes import EUROPEAN, NEMO, TRANSFORMERS, locate

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["Canary", "CanaryEngine"]

_MAX_CLIP = 40.0  # s, the longest that it was trained on
_SHORTEST = 0.1  # s; below this there are too few frames to normalise
_BATCH = {"cpu": 8, "mps": 8}  # clips; elsewhere 32


class CanaryEngine(Protocol):
    """A loaded Canary, whatever runs it."""

    device: str
    """As torch names it."""
    languages: frozenset[str]
    """Codes it knows."""

    @property
    def budget(self) -> float:
        """S of audio, padding counted, that one call may take."""
        ...

    def transcribe(
        self, clips: Sequence[Samples], source: str, target: str, *, punctuation: bool
    ) -> list[tuple[str, bool]]:
        """What is said in each clip, in order.

        Args:
            clips: 16 kHz mono.
            source: code of the language spoken.
            target: code of the language written.
            punctuation: with punctuation and capitals.

        Returns:
            (text, whether it ended by itself) a clip; False: cut off because it had become too long.
        """
        ...


class Canary:
    """A loaded Canary model."""

    name: ClassVar[str] = "canary"
    translates: ClassVar[bool] = True
    native_words: ClassVar[bool] = False
    profile: ClassVar[BackendProfile] = BackendProfile(
        rank=40,
        capabilities=Capabilities(
            "Canary", EUROPEAN, detects=False, translations=EUROPEAN, pivot="en", switches_punctuation=True
        ),
        engines=(TRANSFORMERS, NEMO),
        max_clip=_MAX_CLIP,
        family="canary",
        default_model="canary-1b-v2",
    )
    max_clip: float = _MAX_CLIP

    def __init__(self, engine: CanaryEngine, model: str) -> None:
        self._engine = engine
        self.model = model
        self.batch_size = _BATCH.get(engine.device.partition(":")[0], 32)
        self.languages: frozenset[str] | None = engine.languages

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        """Load weights; see `Backend.load`.

        Args:
            model: canary-1b-v2, another name of the catalogue, a Hub id, a folder, a .nemo file, or "auto".
            options: `runtime` is transformers or nemo; auto goes by the files there are.

        Raises:
            ModelError: no such model, or it does not load.
            OptionError: a runtime, device or type that does not exist.
        """
        runtime, name, path = locate("canary", model, options)
        if runtime == "nemo":
            from .nemo_canary import NemoCanary

            return cls(NemoCanary.load(path, options), name)
        from .canary_transformers import TransformersCanary

        return cls(TransformersCanary.load(path, options), name)

    def check(self, options: DecodeOptions) -> None:
        """Refuse what the model cannot do: it must be given the language, and translates from or into English only."""
        limits = self.profile.capabilities.of(Path(self.model).name, self.languages)
        replace(limits, translations=self.languages).check(options)

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        """Transcribe or translate clips; see `Backend.transcribe`."""
        source = options.language or "en"
        target = (options.target_language or "en") if options.translate else source
        long_enough = [i for i, clip in enumerate(clips) if clip.duration >= _SHORTEST]
        found = in_batches(
            [clips[i].duration for i in long_enough],
            self._engine.budget,
            lambda batch: self._engine.transcribe(
                [clips[long_enough[i]].samples for i in batch], source, target, punctuation=options.punctuation
            ),
        )
        transcribed = dict(zip(long_enough, found, strict=True))
        return [_transcription(*transcribed.get(i, ("", True)), source) for i in range(len(clips))]


def _transcription(text: str, ended: bool, language: str) -> Transcription:
    kept = collapse_repeats(text.strip())
    notices = []
    if kept != text.strip():
        notices.append(f"cut a loop: {kept[:80]!r}")
    if not ended:
        notices.append(f"cut off, having become too long for the clip: {kept[-80:]!r}")
    return Transcription(kept, language, notices=tuple(notices), certain=True)
