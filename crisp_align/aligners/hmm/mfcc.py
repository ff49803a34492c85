"""From samples to the features that PocketSphinx's English model was trained on: denoised, mean-free MFCCs.

The numbers are those of the model's own `feat.params` (25 mel filters from 130 to 6800 Hz, noise removal, DCT-II,
lifter 22, cepstral mean over the utterance, deltas and double deltas) and SphinxBase's defaults.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["FRAME", "features"]

Floats: TypeAlias = NDArray[np.float32]

FRAME = 0.010  # s, one step
_HOP = int(FRAME * SAMPLE_RATE)
_WINDOW = 410  # samples, 25.6 ms
_FFT = 512
_FILTERS, _LOWEST, _HIGHEST = 25, 130.0, 6800.0  # how many, Hz, Hz
_CEPSTRA = 13
_LIFTER = 22
_PREEMPHASIS = 0.97
_LOG_FLOOR = 1e-4  # power below which digital silence lies
_TINY = 1e-10
_BLOCK = 1024  # frames transformed at once, to bound memory

# Noise removal after Kim and Stern, "Power-normalized cepstral coefficients" (2010): an asymmetric filter follows
# the noise, temporal masking hides what follows a peak.
_SMOOTHING = 0.7  # memory of the power
_RISE, _FALL = 0.005, 0.5  # how fast the noise estimate follows upwards, downwards, a frame
_MASK_DECAY, _MASKED = 0.85, 0.2
_MAX_GAIN = 20.0
_SPREAD = 4  # neighbouring filters to each side over which a gain is averaged


def features(samples: Samples) -> Floats:
    """Compute a clip's features, one row a frame; frame `i` is about the time from `i * FRAME` to `(i + 1) * FRAME`.

    Args:
        samples: float32, shape (n,), 16 kHz mono, in [-1, 1]; n ≥ 410.

    Returns:
        float32, shape (n // 160, 39).
    """
    power = _mel_power(samples)
    cepstra = np.log(power * _gains(power) + _LOG_FLOOR) @ _transform()
    loud = cepstra[:, 0] > 0  # digital silence would drag the mean away
    cepstra -= cepstra[loud].mean(axis=0) if loud.any() else cepstra.mean(axis=0)
    return _with_deltas(cepstra)


def _mel_power(samples: Samples) -> Floats:
    """Power in each mel filter: float32, shape (frames, 25). Windows are centred on their frame."""
    frames = len(samples) // _HOP
    before = (_WINDOW - _HOP) // 2
    padded = np.pad(np.clip(samples, -1, 1) * np.float32(32767), (before, _WINDOW), mode="reflect")
    padded[1:] -= _PREEMPHASIS * padded[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:frames]
    shape, filters = np.hamming(_WINDOW).astype(np.float32), _filters()
    power = np.empty((frames, _FILTERS), np.float32)
    for at in range(0, frames, _BLOCK):
        spectrum = np.fft.rfft(windows[at : at + _BLOCK] * shape, _FFT)
        power[at : at + _BLOCK] = (spectrum.real**2 + spectrum.imag**2) @ filters
    return power


@cache
def _filters() -> Floats:
    """Triangular mel filters of unit area, their corners on FFT bins: float32, shape (257, 25)."""
    step = SAMPLE_RATE / _FFT
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST, _HIGHEST))
    mels = np.linspace(low, high, _FILTERS + 2)
    corners = np.floor(700 * (10 ** (mels / 2595) - 1) / step + 0.5) * step
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    hertz = np.arange(_FFT // 2 + 1)[:, None] * step
    slopes = np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle))
    filters: Floats = (np.maximum(slopes, 0) * 2 / (right - left)).astype(np.float32)
    return filters


@cache
def _transform() -> Floats:
    """Orthonormal DCT-II with sinusoidal lifter: float32, shape (25, 13)."""
    order = np.arange(_CEPSTRA)
    dct = np.cos(np.pi * (np.arange(_FILTERS)[:, None] + 0.5) * order / _FILTERS) * np.sqrt(2 / _FILTERS)
    dct[:, 0] /= np.sqrt(2)
    transform: Floats = (dct * (1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER))).astype(np.float32)
    return transform


def _gains(power: Floats) -> Floats:
    """What to multiply each filter's power with to take the noise away: float32, shape of `power`."""
    smooth = _smoothed(power)
    signal = np.maximum(smooth - _lower_envelope(smooth, power[0] / _MAX_GAIN), 1.0)
    floor = _lower_envelope(signal, power[0] / _MAX_GAIN)
    decay = np.arange(len(power), dtype=np.float64)[:, None] * -np.log(_MASK_DECAY)
    peak = np.exp(np.maximum.accumulate(np.log(signal) + decay, axis=0) - decay)
    masker = _MASK_DECAY * np.concatenate([np.zeros_like(peak[:1]), peak[:-1]])
    masked = np.where(signal < _MASK_DECAY * masker, _MASKED * masker, signal)
    gains = np.maximum(masked, floor) / np.maximum(smooth, _TINY)
    return _averaged(np.clip(gains, 1 / _MAX_GAIN, _MAX_GAIN).astype(np.float32))


def _smoothed(power: Floats) -> Floats:
    """First-order recursive average of each column, by doubling: y[t] = a y[t-1] + (1-a) x[t], y[0] = x[0]."""
    smooth = (1 - _SMOOTHING) * power
    smooth[0] = power[0]
    step, weight = 1, _SMOOTHING
    while weight > 1e-8 and step < len(power):
        smooth[step:] += np.float32(weight) * smooth[:-step]
        step, weight = 2 * step, weight * weight
    return smooth


def _lower_envelope(values: Floats, first: Floats) -> Floats:
    """Each column followed slowly upwards and fast downwards, from `first` on: float32, shape of `values`."""
    # With rise < fall, following in the right direction is taking the lower of the two.
    rising, falling = np.float32(_RISE) * values, np.float32(_FALL) * values
    envelope = np.empty_like(values)
    slow, fast = np.float32(1 - _RISE), np.float32(1 - _FALL)
    now = first
    for up, down, row in zip(rising, falling, envelope, strict=True):
        up += slow * now
        down += fast * now
        now = np.minimum(up, down, out=row)
    return envelope


def _averaged(gains: Floats) -> Floats:
    """Each gain averaged with its neighbours in frequency, fewer at the edges."""
    sums = np.pad(np.cumsum(gains, axis=1, dtype=np.float32), ((0, 0), (1, 0)))
    index = np.arange(gains.shape[1])
    first, last = np.maximum(index - _SPREAD, 0), np.minimum(index + _SPREAD + 1, gains.shape[1])
    widths: Floats = (last - first).astype(np.float32)
    averaged: Floats = np.divide(sums[:, last] - sums[:, first], widths)
    return averaged


def _with_deltas(cepstra: Floats) -> Floats:
    """Cepstra, their change over ±2 frames, and the change of that over ±1: float32, shape (frames, 39)."""
    frames = len(cepstra)
    padded = np.pad(cepstra, ((3, 3), (0, 0)), mode="edge")
    change = padded[4:] - padded[:-4]
    return np.concatenate([cepstra, change[1 : frames + 1], change[2:] - change[:-2]], axis=1)
