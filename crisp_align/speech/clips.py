"""Sound cut into clips: slices of the source that hold its speech, end at pauses, and are as full as a model likes.

A Whisper encoder costs the same for a clip of 3 s and of 30 s, so neighbouring speech is packed together; silence
inside a clip is kept, so that times stay true; silence between clips is in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from crisp_align.speech.voice import DEFAULTS, SpeechRegions, VadOptions, VoiceDetector, voice_activity
from crisp_align.transcript import SAMPLE_RATE, Clip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.transcript import Samples

__all__ = ["VadOptions", "clips", "voice_activity"]

_Span: TypeAlias = tuple[int, int, list[tuple[int, int]] | None]  # begin, end, speech; samples from the stream's start

LONG_PAUSE = 0.6  # s; a sentence has ended: a longer pause is no better place to cut
# s of pause by which a cut at the end of the window beats one at its beginning; fills clips of fast speech to 87 %.
FILL_WEIGHT = 1.0
SEARCH_SHARE = 1 / 3  # share of the window, at its end, in which the quietest point is looked for
HOP_SAMPLES = SAMPLE_RATE // 100  # samples: energy is taken every 10 ms
SMOOTHED_HOPS = 10  # hops: and averaged over 100 ms, so that the closure of a plosive is no pause
MIN_LEFTOVER = 1.0  # s; a cut without a pause leaves at least this much to the clip after it


def clips(
    blocks: Iterable[Samples],
    source: str,
    *,
    start: float = 0.0,
    max_clip: float = 30.0,
    options: VadOptions = DEFAULTS,
) -> Iterator[Clip]:
    """Clips of a stream of sound, in order, not overlapping, each given as soon as its end is known.

    They do not depend on how the sound is divided into blocks. Memory is `max_clip` and a block.

    Args:
        blocks: float32, shape (n,), 16 kHz mono, in [-1, 1]; of any lengths.
        source: name of the source, for `Clip.source`.
        start: s, where the first block begins in the source.
        max_clip: s, the longest clip, at least 1.
        options: voice activity. With `enabled` False the clips cover all of the sound, and their `speech` is None.

    Raises:
        ModelError: the voice activity model is missing or damaged.
        ValueError: `max_clip` is under 1.
    """
    if not max_clip >= 1:
        raise ValueError(f"max_clip must be at least 1 s, not {max_clip}")
    limit = int(max_clip * SAMPLE_RATE)
    sound = _SampleBuffer()
    spans = _pack_speech(blocks, sound, limit, options) if options.enabled else _cut_everything(blocks, sound, limit)
    for begin, end, regions in spans:
        speech = tuple(((first - begin) / SAMPLE_RATE, (last - begin) / SAMPLE_RATE) for first, last in regions or ())
        yield Clip(sound.slice(begin, end), start + begin / SAMPLE_RATE, source, None if regions is None else speech)


class _SampleBuffer:
    """The part of the stream that may still be needed; positions are samples from its start."""

    def __init__(self) -> None:
        self._base = 0
        self._samples: Samples = np.zeros(0, np.float32)

    @property
    def end(self) -> int:
        return self._base + len(self._samples)

    def append(self, block: Samples) -> None:
        self._samples = np.concatenate([self._samples, block])

    def discard_before(self, position: int) -> None:
        """Drop what lies before `position`."""
        if position > self._base:
            self._samples = self._samples[position - self._base :]
            self._base = position

    def slice(self, begin: int, end: int) -> Samples:
        return self._samples[begin - self._base : end - self._base].copy()

    def quietest(self, begin: int, end: int) -> int:
        """Where between `begin` and `end` there is the least sound for 100 ms; the last such point."""
        part = self.slice(begin, end)
        count = len(part) // HOP_SAMPLES
        if count <= SMOOTHED_HOPS:
            return (begin + end) // 2
        energy = np.square(part[: count * HOP_SAMPLES]).reshape(count, HOP_SAMPLES).mean(axis=1)
        smooth = np.convolve(energy, np.full(SMOOTHED_HOPS, 1 / SMOOTHED_HOPS), mode="valid")
        last = len(smooth) - 1 - int(np.argmin(smooth[::-1]))
        return begin + (last + SMOOTHED_HOPS // 2) * HOP_SAMPLES


def _cut_everything(blocks: Iterable[Samples], sound: _SampleBuffer, limit: int) -> Iterator[_Span]:
    """All of the sound, cut at its quietest points."""
    begin = 0
    margin = _margin(limit)
    for block in blocks:
        sound.append(block)
        while sound.end - begin >= limit + margin:
            cut = sound.quietest(begin + limit - int(limit * SEARCH_SHARE), begin + limit)
            yield begin, cut, None
            begin = cut
            sound.discard_before(begin)
    while sound.end - begin > limit:
        cut = sound.quietest(begin + limit - int(limit * SEARCH_SHARE), min(begin + limit, sound.end - margin))
        yield begin, cut, None
        begin = cut
    if sound.end > begin:
        yield begin, sound.end, None


def _pack_speech(blocks: Iterable[Samples], sound: _SampleBuffer, limit: int, options: VadOptions) -> Iterator[_Span]:
    """The speech in the sound, packed."""
    detector = VoiceDetector()
    packer = _Packer(sound, limit, options)
    for block in blocks:
        sound.append(block)
        yield from packer.advance(detector.feed(block))
        packer.discard_unneeded()
    yield from packer.advance(detector.flush())
    yield from packer.finish()


class _Packer:
    """Packs speech regions into spans of at most `limit` samples."""

    def __init__(self, sound: _SampleBuffer, limit: int, options: VadOptions) -> None:
        self._sound = sound
        self._limit = limit
        self._max_pause = int(max(options.max_pause, options.min_silence) * SAMPLE_RATE)
        # Never so much that it leaves no room for speech, or reaches into the speech after a pause.
        self._pad = min(int(options.pad * SAMPLE_RATE), limit // 4, self._max_pause // 2)
        self._regions = SpeechRegions(options)
        self._closed: list[tuple[int, int]] = []
        self._floor = 0  # where the last span ended

    def advance(self, probabilities: NDArray[np.float32]) -> Iterator[_Span]:
        for probability in probabilities.tolist():
            if region := self._regions.advance(probability):
                self._closed.append(region)
            while span := self._next_complete():
                yield span

    def finish(self) -> Iterator[_Span]:
        """The spans that the end of the sound completes."""
        if region := self._regions.finish(self._sound.end):
            self._closed.append(region)
        while span := self._next_complete():
            yield span
        if self._closed:
            yield self._emit(len(self._closed), self._closed[-1][1] + self._pad)

    def discard_unneeded(self) -> None:
        """Release the sound that no later span can need."""
        first = self._closed[0][0] if self._closed else self._regions.candidate
        self._sound.discard_before(max(self._floor, (self._regions.position if first is None else first) - self._pad))

    def _next_complete(self) -> _Span | None:
        """The next span, if its end is known by now."""
        open_region = self._regions.open
        if self._closed:
            last = self._closed[-1][1]
            before = self._closed[-2][1] if len(self._closed) > 1 else last
            if self._closed[-1][0] - before > self._max_pause:
                return self._emit(len(self._closed) - 1, before + self._pad)
            candidate = self._regions.candidate
            if (self._regions.position if candidate is None else candidate) - last > self._max_pause:
                return self._emit(len(self._closed), last + self._pad)
        known = [*self._closed, open_region] if open_region else self._closed
        if known and known[-1][1] > self._begin(known[0]) + self._limit:
            return self._cut(known)
        return None

    def _cut(self, known: list[tuple[int, int]]) -> _Span:
        """The span that ends at the best pause of its window: a long one, far on; else at the quietest point."""
        begin = self._begin(known[0])
        limit = begin + self._limit
        worth = [
            min((after - end) / SAMPLE_RATE, LONG_PAUSE) + FILL_WEIGHT * (end - begin) / self._limit
            for (_, end), (after, _) in pairwise(known)
            if end <= limit
        ]
        if worth:
            count = worth.index(max(worth)) + 1
            end, after = known[count - 1][1], known[count][0]
            return self._emit(count, end + min(self._pad, (after - end) // 2))
        cut = self._sound.quietest(limit - int(self._limit * SEARCH_SHARE), limit - _margin(self._limit))
        if self._closed:
            self._closed[:1] = [(known[0][0], cut), (cut, known[0][1])]
        else:
            self._closed = [(known[0][0], cut)]
            self._regions.split(cut)
        return self._emit(1, cut)

    def _emit(self, count: int, end: int) -> _Span:
        regions, self._closed = self._closed[:count], self._closed[count:]
        begin = self._begin(regions[0])
        self._floor = min(end, begin + self._limit, self._sound.end)
        return begin, self._floor, regions

    def _begin(self, region: tuple[int, int]) -> int:
        return max(self._floor, region[0] - self._pad)


def _margin(limit: int) -> int:
    return min(int(MIN_LEFTOVER * SAMPLE_RATE), limit // 4)
