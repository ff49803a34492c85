"""Energy of sound: where a word begins that voice activity detection finds late, and how loud voice is.

After a pause Silero's state needs up to a second of speech before it is certain, so that a short first word may lie
before the region that it belongs to. Its energy shows it, for a cost that does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.transcript import Samples

__all__ = ["HOP_SAMPLES", "LOOKBACK", "hop_levels", "widened_onset"]

HOP_SAMPLES = SAMPLE_RATE // 100
"""Samples of a hop: energy is taken every 10 ms."""
LOOKBACK = 4.0
"""s before a region that may be read in order to widen it: the words that it lacks, and the pause before them."""

_BRIDGE = 50  # hops; a closure or a gap between words that widening crosses
_SHORTEST_SOUND = 6  # hops; what is shorter is a click
_ABOVE_FLOOR = 9.0  # dB above the pause's floor
_BELOW_VOICE = 15.0  # dB below the voice that follows; a breath lies 20 dB and more below it
_MARGIN = 5  # hops before the first loud one that a weak consonant may fill
_SILENCE = -120.0  # dB


def hop_levels(samples: Samples) -> NDArray[np.float64]:
    """The level of every whole hop of 10 ms: float64, shape (n // 160,), dB full scale, -120 for digital silence."""
    count = len(samples) // HOP_SAMPLES
    energy = np.square(samples[: count * HOP_SAMPLES], dtype=np.float64).reshape(count, HOP_SAMPLES).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(energy, 1e-12)))


def widened_onset(before: Samples, voice: Samples) -> int:
    """By how many samples the beginning of a speech region belongs earlier.

    Sound counts as speech that joins the region, or is parted from it by less than half a second, lasts at least
    60 ms, stands 9 dB above the floor of the pause and at most 15 dB below the voice: not breath, not clicks, and not
    the noise or music that filled the pause already.

    Args:
        before: float32, shape (n,), 16 kHz mono: the sound before the region, up to the end of the region before it;
            4 s suffice.
        voice: the beginning of the region; half a second suffices.
    """
    pause, spoken = hop_levels(before[len(before) % HOP_SAMPLES :]), hop_levels(voice)
    if not len(pause) or not len(spoken):
        return 0
    floor = float(np.median(pause[pause > _SILENCE])) if (pause > _SILENCE).any() else _SILENCE
    threshold = max(floor + _ABOVE_FLOOR, float(np.percentile(spoken, 80)) - _BELOW_VOICE)
    loud = pause >= threshold
    onset = len(pause)  # hop at which the region begins
    for first, last in reversed(_runs(loud)):
        if onset - last > _BRIDGE:
            break
        if last - first >= _SHORTEST_SOUND:
            onset = first
    if onset == len(pause):
        return 0
    onset = max(onset - _MARGIN, 0)
    return (len(pause) - onset) * HOP_SAMPLES


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where flags are true: (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
