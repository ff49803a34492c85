"""Whisper's log-mel spectrogram in numpy, for engines that run without torch."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crisp_align.aligners.qwen3.prompt import HOP, SHORTEST
from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["log_mel"]

_FFT = 400  # samples
_BANDS = 128
_LINEAR_HZ = 200 / 3  # of a mel below 1000 Hz, by Slaney
_LOG_STEP = np.log(6.4) / 27  # of a mel above


def log_mel(samples: Samples) -> NDArray[np.float32]:
    """The spectrogram of a clip.

    Args:
        samples: float32, shape (n,), 16 kHz mono; under half a second it is padded with silence.

    Returns:
        float32, shape (128, frames), a frame each 10 ms; within 1e-4 of what transformers computes.
    """
    wave = np.pad(samples.astype(np.float64), (0, max(SHORTEST - len(samples), 0)))
    wave = np.pad(wave, _FFT // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)
    frames = np.lib.stride_tricks.sliding_window_view(wave, _FFT)[::HOP][:-1]
    mel = np.empty((_BANDS, len(frames)), np.float32)
    for first in range(0, len(frames), 1024):
        power = np.abs(np.fft.rfft(frames[first : first + 1024] * window)) ** 2
        mel[:, first : first + 1024] = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    scaled: NDArray[np.float32] = (np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0
    return scaled


@cache
def _filters() -> NDArray[np.float64]:
    """Triangles of equal area, shape (bands, bins)."""
    top = 15 + np.log(SAMPLE_RATE / 2 / 1000) / _LOG_STEP
    mels = np.linspace(0, top, _BANDS + 2)
    edges = np.where(mels < 15, mels * _LINEAR_HZ, 1000 * np.exp(_LOG_STEP * (mels - 15)))
    bins = np.linspace(0, SAMPLE_RATE / 2, 1 + _FFT // 2)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.maximum(0, np.minimum((bins - low) / (mid - low), (high - bins) / (high - mid)))
    area: NDArray[np.float64] = triangles * 2 / (high - low)
    return area
