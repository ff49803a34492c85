"""Where somebody speaks in a recording, as intervals: all that timing without words looks at."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, field

from crisp_align.media.audio import MediaOptions, open_audio
from crisp_align.speech.voice import SpeechRegions, VadOptions, VoiceDetector
from crisp_align.transcript import SAMPLE_RATE

__all__ = ["Activity", "voice_intervals"]

_ALL = MediaOptions()
_USUAL = VadOptions()
_LONG = 900.0  # s; of longer sound every second frame is judged: enough for hundreds of cues, in half the time


@dataclass(frozen=True, slots=True)
class Activity:
    """The voice activity of a recording."""

    intervals: tuple[tuple[float, float], ...]
    """(start, end), s from the beginning of the recording, in order, not overlapping."""
    duration: float
    """s, where the sound that was read ends."""
    notices: tuple[str, ...] = field(default=())
    """What a careful reader should know about the sound."""


def voice_intervals(source: str | os.PathLike[str], media: MediaOptions = _ALL, vad: VadOptions = _USUAL) -> Activity:
    """The voice activity of a file; memory does not grow with its length but by the intervals.

    Args:
        source: a path; "-" is standard input.
        media: which sound of it.
        vad: thresholds. Voice activity is looked for even where `enabled` is False: nothing can be timed without.

    Raises:
        MediaError: it cannot be read as audio.
        ModelError: the voice activity model is missing or damaged.
    """
    with closing(open_audio(source, media)) as stream:
        detector, regions = VoiceDetector(2 if (stream.duration or 0.0) > _LONG else 1), SpeechRegions(vad)
        found, length = [], 0
        for block in stream:
            length += len(block)
            found += [region for p in detector.feed(block).tolist() if (region := regions.advance(p))]
        found += [region for p in detector.flush().tolist() if (region := regions.advance(p))]
        if region := regions.finish(length):
            found.append(region)
        intervals = tuple((stream.start + s / SAMPLE_RATE, stream.start + e / SAMPLE_RATE) for s, e in found)
        return Activity(intervals, stream.start + length / SAMPLE_RATE, tuple(stream.notices))
