"""Everything that decides what comes out of the pipeline, as one value made at the edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from crisp_align.backends.options import DecodeOptions, ModelChoice
from crisp_align.media.audio import MediaOptions
from crisp_align.speech.clips import VadOptions
from crisp_align.text.units import UnitMode

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what comes out of the pipeline."""

    backend: ModelChoice = field(default_factory=ModelChoice)
    aligner: ModelChoice = field(default_factory=ModelChoice)
    decode: DecodeOptions = field(default_factory=DecodeOptions)
    media: MediaOptions = field(default_factory=MediaOptions)
    vad: VadOptions = field(default_factory=VadOptions)
    units: UnitMode = "word"
    """char: every ideograph, kana and Hangul syllable is a unit of its own."""
    strict: bool = False
    """An aligner that cannot do a clip is an error, not a reason to ask the next."""
    sequential: bool = False
    """Never have the backend's model and the aligner's in memory together; done anyway where both do not fit."""

    def placed(self, threads: int, device: Callable[[str], str]) -> Settings:
        """The same settings for a worker that has a part of the machine.

        Args:
            threads: CPU threads of each model.
            device: the device for a model, given the one that was asked for.
        """

        def moved(choice: ModelChoice) -> ModelChoice:
            load = replace(choice.load, threads=threads, device=device(choice.load.device))
            return replace(choice, load=load)

        return replace(self, backend=moved(self.backend), aligner=moved(self.aligner))
