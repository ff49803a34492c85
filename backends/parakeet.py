"""NVIDIA Parakeet: 25 European languages, or English alone; words come with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from crisp_align.backends import BackendProfile, Capabilities, DecodeOptions, LoadOptions, Transcription
from crisp_align.models import store as models
from crisp_align.models.batching import in_batches
from crisp_align.text.identify import identify
from crisp_align.transcript import Clip

from .last_language import LanguageMemory
from .runtimes import EUROPEAN, NEMO, TRANSFORMERS, locate

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["Parakeet"]

_MAX_CLIP = 240.0  # s; attention is full, and its memory grows with the square: 0.6 GB a layer here, in float32
_SHORTEST = 0.1  # s; below this there are too few frames to normalise
_BATCH = {"cpu": 4, "mps": 8}  # clips; elsewhere 16


class ParakeetEngine(Protocol):
    """A loaded Parakeet, whatever runs it."""

    device: str
    """As torch names it."""
    languages: frozenset[str] | None
    """Codes it knows; None: the checkpoint does not say."""

    @property
    def budget(self) -> float:
        """S of audio, padding counted, that one call may take."""
        ...

    def transcribe(self, clips: Sequence[Samples]) -> list[Transcription]:
        """One transcription a clip, in order, without language."""
        ...


class Parakeet:
    """A loaded Parakeet model: TDT, RNN-T or CTC."""

    name: ClassVar[str] = "parakeet"
    translates: ClassVar[bool] = False
    native_words: ClassVar[bool] = True
    profile: ClassVar[BackendProfile] = BackendProfile(
        rank=60,
        capabilities=Capabilities("Parakeet", EUROPEAN),
        engines=(TRANSFORMERS, NEMO),
        max_clip=_MAX_CLIP,
        family="parakeet",
        default_model="parakeet-tdt-0.6b-v3",
    )
    max_clip: float = _MAX_CLIP

    def __init__(self, engine: ParakeetEngine, model: str) -> None:
        self._engine = engine
        self._last_languages = LanguageMemory()
        self.model = model
        self.batch_size = _BATCH.get(engine.device.partition(":")[0], 16)

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        """Load weights; see `Backend.load`.

        Args:
            model: parakeet-tdt-0.6b-v3, another name of the catalogue, a Hub id, a folder, a .nemo file, or "auto".
            options: `runtime` is transformers or nemo; auto goes by the files there are.

        Raises:
            ModelError: no such model, or it does not load.
            OptionError: a runtime, device or type that does not exist.
        """
        runtime, name, path = locate("parakeet", model, options)
        if runtime == "nemo":
            from .nemo_parakeet import NemoParakeet

            return cls(NemoParakeet.load(path, options), name)
        from .parakeet_transformers import TransformersParakeet

        return cls(TransformersParakeet.load(path, options), name)

    @property
    def languages(self) -> frozenset[str] | None:
        """Codes the model knows: 25, or English alone; None where the checkpoint does not say."""
        return frozenset({"en"}) if _is_english(self.model) else self._engine.languages

    def check(self, options: DecodeOptions) -> None:
        """Refuse translation, prompts and languages the model lacks; see `Backend.check`."""
        self.profile.capabilities.of(Path(self.model).name, self.languages).check(options)

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        """Transcribe clips with their word times; see `Backend.transcribe`.

        The model does not give the language: it is the one asked for, the only one the model knows, or that of the
        text; where the text is too short to decide it, that of its source so far.
        """
        long_enough = [i for i, clip in enumerate(clips) if clip.duration >= _SHORTEST]
        found = in_batches(
            [clips[i].duration for i in long_enough],
            self._engine.budget,
            lambda batch: self._engine.transcribe([clips[long_enough[i]].samples for i in batch]),
        )
        transcribed = dict(zip(long_enough, found, strict=True))
        return [
            self._in_its_language(clip, transcribed.get(i, Transcription("")), options.language)
            for i, clip in enumerate(clips)
        ]

    def _in_its_language(self, clip: Clip, transcribed: Transcription, asked: str | None) -> Transcription:
        given = asked or ("en" if self.languages == frozenset({"en"}) else None)
        if not transcribed.text:
            return Transcription("", given, notices=transcribed.notices, certain=given is not None)
        if given is not None:
            return replace(transcribed, language=given, certain=True)
        guess, sure = identify(transcribed.text, self.languages)
        return replace(transcribed, language=self._last_languages.resolve(clip, guess, sure=sure), certain=sure)


def _is_english(model: str) -> bool:
    """Whether it is one of the published models that know English only, in either form."""
    known = models.lookup(model.removesuffix(".nemo"), "parakeet")
    return known is not None and known.is_english
