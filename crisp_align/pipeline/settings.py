"""Everything that decides what comes out of the pipeline, as one value made at the edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from crisp_align.aligners import aligner_profiles
from crisp_align.backends import DecodeOptions, ModelChoice, backend_profiles
from crisp_align.errors import OptionError
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

    def __post_init__(self) -> None:
        """Refuse a runtime, a number type or an option of its own that no installed backend or aligner knows.

        Raises:
            OptionError: naming it, and what is known.
        """
        loads = (self.backend.load, self.aligner.load)
        runtimes = {load.runtime for load in loads} - {"auto"}
        dtypes = {load.dtype for load in loads} - {"auto"}
        extra = {name for load in loads for name, _ in load.extra}
        if not runtimes and not dtypes and not extra:
            return
        profiles = [*backend_profiles().values(), *aligner_profiles().values()]
        engines = [engine for profile in profiles for engine in profile.engines]
        for noun, asked, known in (
            ("runtime", runtimes, {engine.name for engine in engines}),
            ("dtype", dtypes, {dtype for engine in engines for dtype in engine.dtypes}),
            ("extra option", extra, {name for profile in profiles for name in profile.extra}),
        ):
            for name in sorted(asked - known):
                raise OptionError(f"nothing here knows the {noun} {name!r}", hint=f"use {', '.join(sorted(known))}")

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
