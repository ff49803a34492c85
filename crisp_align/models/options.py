"""Where and how a model runs, as the user asks for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from crisp_align.errors import OptionError

__all__ = ["LoadOptions"]

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
    servers: tuple[str, ...] = ()
    """Addresses of servers that run the model, for the engines that ask servers; they share the work."""
    extra: tuple[tuple[str, str], ...] = ()
    """(name, value) of options that only this backend or aligner has; its profile lists their names."""

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
