"""What the user asks of a model: where it runs, and how it decodes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Literal

from crisp_align.errors import OptionError
from crisp_align.languages import language_code

__all__ = ["DecodeOptions", "LoadOptions", "ModelChoice"]

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Where and how a model runs. Backends and aligners read the fields that mean something to them."""

    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: str = "auto"
    """auto, or an engine's own name: float32, float16, bfloat16, int8, int8_float16, …"""
    threads: int = 0
    """CPU threads; 0: as many as this process may use."""
    runtime: str = "auto"
    """Which engine, where a backend has several: transformers, nemo, …"""
    offline: bool = False
    """Never reach for the network, even for a model that was named."""
    compile: bool = False
    """Compile the model for a CUDA device first: minutes of warm-up, for large jobs."""
    align_decode: Literal["path", "upstream"] = "path"
    """How the forced aligner reads times off its posteriors: the best path in order, or as its makers' code does."""
    align_refine: bool = False
    """Let the forced aligner's times fall between its 80 ms classes; not yet measured on real weights."""
    extra: tuple[tuple[str, str], ...] = ()
    """(name, value) of options that only this backend or aligner has; its `Profile` lists their names."""

    def __post_init__(self) -> None:
        """Refuse a name that no device has, whoever would run there, and ways to read times that exclude each other.

        Raises:
            OptionError: naming it.
        """
        if self.align_refine and self.align_decode == "upstream":
            raise OptionError("--refine has no say in what --decode upstream gives", hint="leave one of them out")
        if not _DEVICE.fullmatch(self.device):
            raise OptionError(f"no device {self.device!r}", hint="use auto, cpu, cuda, cuda:1 or mps")

    @property
    def cpu_threads(self) -> int:
        """Threads to use: as asked, else as many CPUs as this process may run on."""
        if self.threads > 0:
            return self.threads
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
        return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which backend or aligner runs, with which model, where and how."""

    name: str = "auto"
    """A backend's or an aligner's name; for an aligner also the path or Hub id of its model."""
    model: str = "auto"
    """A name, Hub id or path; auto: the best that is already on this machine."""
    load: LoadOptions = field(default_factory=LoadOptions)


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What the user asks of a transcription. A backend refuses what it cannot honour in `check`."""

    language: str | None = None
    """Code of the language spoken, or what `language_code` knows it by; None or "auto": detect it in every clip."""
    translate: bool = False
    target_language: str | None = None
    """Language to translate into, likewise; None: English."""
    prompt: str | None = None
    """Text that sets the style or names the context."""
    hotwords: str | None = None
    """Words to expect, separated by commas or spaces."""
    punctuation: bool = True
    """False: plain words, without punctuation and capitals, from the models that can be asked for that."""
    beam_size: int = 5
    batch_size: int = 0
    """Clips in one call of the model; 0: the backend's choice for the device."""
    temperature: float = 0.0
    no_speech_threshold: float = 0.6
    """Above this no-speech probability, with a log-probability below the next threshold, a clip is dropped."""
    log_prob_threshold: float = -1.0
    """Mean log-probability a token below which a clip is suspect."""
    compression_ratio_threshold: float = 2.4
    """Text that compresses better than this is a loop."""

    def __post_init__(self) -> None:
        """Keep languages by their codes.

        Raises:
            OptionError: an unknown language.
        """
        auto = self.language is None or self.language.strip().lower() == "auto"
        object.__setattr__(self, "language", None if auto else language_code(str(self.language)))
        if self.target_language is not None:
            object.__setattr__(self, "target_language", language_code(self.target_language))
