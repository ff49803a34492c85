"""Speech in noise."""

from __future__ import annotations

import numpy as np

from crisp_align.speech.clips import voice_activity
from crisp_align.transcript import Clip

__all__ = ["in_noise"]

_LOWEST = 50  # lines of the spectrum below which the noise is white, lest it be all rumble


def in_noise(clip: Clip, decibels: float) -> Clip:
    """The clip in pink noise whose power is so far below its own; the same noise each time."""
    count = len(clip.samples)
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(0, 1, count))
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), _LOWEST)), count)
    noise *= np.sqrt(np.mean(clip.samples**2) / np.mean(noise**2)) * 10 ** (-decibels / 20)
    samples = (clip.samples + noise).astype(np.float32)
    return Clip(samples, 0.0, clip.source, voice_activity(samples))
