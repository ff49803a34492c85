"""Clips of real speech, and how long a call takes on a device."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crisp_align.media.audio import read_audio
from crisp_align.transcript import SAMPLE_RATE, Clip

__all__ = ["Cost", "cost_of", "speech_clips"]

SAMPLES = Path(__file__).parents[2] / "samples"


class Cost(NamedTuple):
    """What the fastest of several calls cost."""

    seconds: float
    peak: float
    """MB on the GPU at most, as torch counts them; 0 on a CPU and for engines with an allocator of their own."""


def speech_clips(count: int, seconds: float = 11.0) -> list[Clip]:
    """Clips of the English sample, each begun at another moment of it, so that no two are equal."""
    samples = np.tile(read_audio(SAMPLES / "jfk.wav"), 2 + int(seconds // 11))
    length = round(seconds * SAMPLE_RATE)
    return [Clip(np.roll(samples, -997 * number)[:length], 0.0, f"clip {number}") for number in range(count)]


def cost_of(call: Callable[[], object], device: str, rounds: int = 2) -> Cost:
    """The cost of a call after one to warm up."""
    import torch

    on_gpu = device.startswith("cuda")
    call()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        if on_gpu:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begun)
    return Cost(min(times), torch.cuda.max_memory_allocated() / 1e6 if on_gpu else 0.0)
