"""Which channel of a recording is read: all mixed, the centre of surround sound, one of two that cancel each other.

A downmix is right for most recordings. It is silent where one channel is the other inverted, and drowns the dialogue
of surround sound in music; a look at the first minutes shows both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.transcript import Samples

__all__ = ["ANALYSED_S", "CHANNELS", "Choice", "channel_count", "channel_name", "choose", "named_channel"]

CHANNELS = ("auto", "mix", "left", "right", "centre", "best", "each")
"""What may be asked for, besides a number."""
ANALYSED_S = 180.0
"""s from the beginning that are looked at to choose a channel."""

_CANCELS = 0.05  # energy of the mix, as a share of the louder channel's, below which they cancel: -13 dB
_AUDIBLE = 1e-8  # mean square below which a channel is silent
_HOLDS_VOICE = 0.8  # share of the voice of the mix that the centre must hold
_MIN_VOICE = 0.3  # s
_CENTRE = 2  # where the centre channel lies in every layout that has one and more than one channel

Voice = Callable[["Samples"], float]
"""s of voice in some sound."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The channel to read."""

    channel: int | None
    """From 0; None: all of them, mixed."""
    notice: str | None = None
    """Why, where the user should know."""


def channel_count(layout: str | None) -> int:
    """How many channels a layout of ffmpeg's has, e.g. "stereo", "5.1(side)", "16 channels"; 1 where it is unknown."""
    name = layout or ""
    if found := re.match(r"(\d+) channels", name):
        return int(found[1])
    if found := re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", name):
        return sum(int(part) for part in found.groups() if part)
    known = {"stereo": 2, "downmix": 2, "quad": 4, "hexagonal": 6, "octagonal": 8, "hexadecagonal": 16, "cube": 8}
    return known.get(name.partition("(")[0], 1)


def has_centre(layout: str | None) -> bool:
    """Whether a layout has a centre channel among others."""
    return bool(re.match(r"(3\.[01](?!\(back)|[4-9]\.\d|hexagonal|octagonal)", layout or ""))


def named_channel(name: str, layout: str | None) -> int | None:
    """The number of a channel that was asked for by name or number; None: the layout has no such channel."""
    count = channel_count(layout)
    if name.isdecimal():
        return int(name) if int(name) < count else None
    if name == "centre":
        return _CENTRE if has_centre(layout) else 0 if count == 1 else None
    number = {"left": 0, "right": 1}[name]
    return number if count > 1 else None


def channel_name(number: int, layout: str | None) -> str:
    """What to call a channel."""
    if number == _CENTRE and has_centre(layout):
        return "centre"
    return ("left", "right")[number] if number < 2 and channel_count(layout) > 1 else f"channel {number}"


def choose(sound: NDArray[np.float32], layout: str | None, asked: str, voice: Voice) -> Choice:
    """Choose the channel to read.

    Args:
        sound: float32, shape (n, channels), 16 kHz: the beginning of the recording.
        layout: of the channels.
        asked: "auto": the mix, unless it loses what a channel holds; "best": whatever holds the most voice.
        voice: measures voice; called only where there is a centre channel, or for "best".
    """
    if not len(sound):
        return Choice(None)
    mix = sound.mean(axis=1)
    if asked == "best":
        return _most_voice(sound, mix, layout, voice)
    if has_centre(layout):
        held = voice(np.ascontiguousarray(sound[:, _CENTRE]))
        if held >= _MIN_VOICE and held >= _HOLDS_VOICE * voice(mix):
            return Choice(_CENTRE, f"the centre channel of {layout} was taken (--channel mix takes all)")
    return _uncancelled(sound, mix, layout)


def _uncancelled(sound: NDArray[np.float32], mix: Samples, layout: str | None) -> Choice:
    energy = np.square(sound, dtype=np.float64).mean(axis=0)
    loudest = int(energy.argmax())
    if energy[loudest] < _AUDIBLE or float(np.square(mix, dtype=np.float64).mean()) >= _CANCELS * energy[loudest] / (
        1 if sound.shape[1] == 2 else sound.shape[1] ** 2 / 4
    ):
        return Choice(None)
    name = channel_name(loudest, layout)
    return Choice(loudest, f"the channels cancel each other when mixed: the {name} one was taken")


def _most_voice(sound: NDArray[np.float32], mix: Samples, layout: str | None, voice: Voice) -> Choice:
    held = [voice(mix), *(voice(np.ascontiguousarray(channel)) for channel in sound.T)]
    best = max(range(len(held)), key=lambda number: (held[number] > 1.05 * held[0], held[number], -number))
    if best == 0 or held[best] <= 1.05 * held[0]:
        return Choice(None, "the mix of all channels holds the most voice and was taken")
    name = channel_name(best - 1, layout)
    return Choice(best - 1, f"the {name} channel holds the most voice and was taken")


def interleaved(data: bytes, channels: int) -> NDArray[np.float32]:
    """Raw interleaved float32 samples as an array of shape (n, channels)."""
    width = 4 * channels
    samples = np.frombuffer(data[: len(data) // width * width], np.float32).reshape(-1, channels)
    return np.nan_to_num(samples)
