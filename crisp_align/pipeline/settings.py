"""Everything that decides what comes out of the pipeline, as one value made at the edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from crisp_align.aligners import aligner_profiles
from crisp_align.backends import DecodeOptions, ModelChoice, backend_profiles
from crisp_align.errors import OptionError
from crisp_align.media.audio import AudioStream, MediaOptions, open_audio
from crisp_align.speech.clips import VadOptions
from crisp_align.text.script import Script, check_script
from crisp_align.text.units import UnitMode
from crisp_align.transcript import Transcript

__all__ = ["MediaSource", "Settings", "WholeFileStage"]


@dataclass(frozen=True, slots=True)
class MediaSource:
    """The audio of a whole file, for a stage that has to listen to it again."""

    name: str
    """The input, as the user named it."""
    options: MediaOptions

    def open(self) -> AudioStream:
        """Open the audio from its beginning.

        Raises:
            MediaError: it is gone, or came from standard input and cannot be read twice.
        """
        return open_audio(self.name, self.options)


WholeFileStage: TypeAlias = Callable[[Transcript, MediaSource], Transcript]
"""Work on a transcript that needs all of a file: speakers, punctuation, … Its value is what the next stage gets."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what comes out of the pipeline.

    >>> Settings(
    ...     backend=ModelChoice("whisper", "large-v3", LoadOptions(device="cuda")),
    ...     aligner=ModelChoice("hmm"),
    ...     decode=DecodeOptions(language="en"),
    ... )
    """

    backend: ModelChoice = field(default_factory=ModelChoice)
    aligner: ModelChoice = field(default_factory=ModelChoice)
    decode: DecodeOptions = field(default_factory=DecodeOptions)
    media: MediaOptions = field(default_factory=MediaOptions)
    vad: VadOptions = field(default_factory=VadOptions)
    units: UnitMode = "word"
    """char: every ideograph, kana and Hangul syllable is a unit of its own."""
    script: Script = "auto"
    """Of Chinese: hans or hant; auto: the one that most of a file's text is in so far."""
    strict: bool = False
    """An aligner that cannot do a clip is an error, not a reason to ask the next."""
    sequential: bool = False
    """Never have the backend's model and the aligner's in memory together; done anyway where both do not fit."""
    stages: tuple[WholeFileStage, ...] = ()
    """What is done with each transcript when all of its file is there, in order; functions that worker processes can
    import by their names."""

    def __post_init__(self) -> None:
        """Refuse a runtime, a number type or an option of its own that no installed backend or aligner knows.

        Raises:
            OptionError: naming it, and what is known.
            MissingDependencyError: a script was named, and OpenCC is missing.
        """
        check_script(self.script)
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
