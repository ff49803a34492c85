"""Sound cut into clips: slices of the source that hold its speech, end at pauses, and are as full as a model likes.

A Whisper encoder costs the same for a clip of 3 s and of 30 s, so neighbouring speech is packed together; silence
inside a clip is kept, so that times stay true; silence between clips is in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from crisp_align.speech.energy import HOP_SAMPLES, LOOKBACK, widened_onset
from crisp_align.speech.voice import DEFAULTS, SpeechRegions, VadOptions, VoiceDetector, voice_activity
from crisp_align.transcript import SAMPLE_RATE, Clip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.transcript import Samples

__all__ = ["VadOptions", "clips", "voice_activity"]

_Region: TypeAlias = tuple[int, int]  # first sample, one past the last; from the stream's start


class _Span(NamedTuple):
    """A clip to be; positions are samples from the stream's start."""

    begin: int
    end: int
    core: _Region
    """What lies outside is in a neighbouring span, too."""
    regions: list[_Region] | None


LONG_PAUSE = 0.6  # s; a sentence has ended: a longer pause is no better place to cut
# s of pause by which a cut at the end of the window beats one at its beginning; fills clips of fast speech to 87 %.
FILL_WEIGHT = 1.0
SEARCH_SHARE = 1 / 3  # share of the window, at its end, in which the quietest point is looked for
SMOOTHED_HOPS = 10  # hops: and averaged over 100 ms, so that the closure of a plosive is no pause
MIN_LEFTOVER = 1.0  # s; a cut without a pause leaves at least this much to the clip after it
WIDEST = 1.6  # s; by which a region may be widened towards a pause before it
OVERLAP = 0.8  # s; by which both clips go on beyond a cut without a pause, so that each word is whole in one of them
SAFE_PAUSE = 0.3  # s; what is shorter may be a closure inside a word, and a cut there is one without a pause


def clips(
    blocks: Iterable[Samples],
    source: str,
    *,
    start: float = 0.0,
    max_clip: float = 30.0,
    options: VadOptions = DEFAULTS,
    overlap: bool = True,
) -> Iterator[Clip]:
    """Clips of a stream of sound, in order, each given as soon as its end is known.

    They overlap only where speech had to be cut without a pause: `Clip.core` says which part is whose. They do not
    depend on how the sound is divided into blocks. Memory is `max_clip`, a few seconds and a block.

    Args:
        blocks: float32, shape (n,), 16 kHz mono, in [-1, 1]; of any lengths.
        source: name of the source, for `Clip.source`.
        start: s, where the first block begins in the source.
        max_clip: s, the longest clip, at least 1.
        options: voice activity. With `enabled` False the clips cover all of the sound, and their `speech` is None.
        overlap: False: no two clips overlap, and a word may be cut in two.

    Raises:
        ModelError: the voice activity model is missing or damaged.
        ValueError: `max_clip` is under 1.
    """
    if not max_clip >= 1:
        raise ValueError(f"max_clip must be at least 1 s, not {max_clip}")
    limit = int(max_clip * SAMPLE_RATE)
    sound = _SampleBuffer()
    shared = min(int(OVERLAP * SAMPLE_RATE), limit // 8) if overlap else 0
    if options.enabled:
        spans = _pack_speech(blocks, sound, limit, shared, options)
    else:
        spans = _cut_everything(blocks, sound, limit, shared)
    for span in spans:
        yield Clip(
            sound.slice(span.begin, span.end),
            start + span.begin / SAMPLE_RATE,
            source,
            None if span.regions is None else tuple(_seconds(region, span.begin) for region in span.regions),
            core=None if span.core == (span.begin, span.end) else _seconds(span.core, span.begin),
        )


def _seconds(region: _Region, begin: int) -> tuple[float, float]:
    return (region[0] - begin) / SAMPLE_RATE, (region[1] - begin) / SAMPLE_RATE


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


def _cut_everything(blocks: Iterable[Samples], sound: _SampleBuffer, limit: int, overlap: int) -> Iterator[_Span]:
    """All of the sound, cut at its quietest points."""
    begin = core = 0
    margin = _margin(limit)
    for block in blocks:
        sound.append(block)
        while sound.end - begin >= limit + margin:
            cut = sound.quietest(begin + limit - int(limit * SEARCH_SHARE), begin + limit - overlap)
            yield _Span(begin, cut + overlap, (core, cut), None)
            begin, core = cut - overlap, cut
            sound.discard_before(begin)
    while sound.end - begin > limit:
        last = min(begin + limit - overlap, sound.end - margin)
        cut = sound.quietest(begin + limit - int(limit * SEARCH_SHARE), last)
        yield _Span(begin, cut + overlap, (core, cut), None)
        begin, core = cut - overlap, cut
    if sound.end > begin:
        yield _Span(begin, sound.end, (core, sound.end), None)


def _pack_speech(
    blocks: Iterable[Samples], sound: _SampleBuffer, limit: int, overlap: int, options: VadOptions
) -> Iterator[_Span]:
    """The speech in the sound, packed."""
    detector = VoiceDetector()
    packer = _Packer(sound, limit, overlap, options)
    for block in blocks:
        sound.append(block)
        yield from packer.advance(detector.feed(block))
        packer.discard_unneeded()
    yield from packer.advance(detector.flush())
    yield from packer.finish()


class _Packer:
    """Packs speech regions into spans of at most `limit` samples, which overlap by twice `overlap` at a forced cut."""

    def __init__(self, sound: _SampleBuffer, limit: int, overlap: int, options: VadOptions) -> None:
        self._sound = sound
        self._limit = limit
        self._overlap = overlap
        self._max_pause = int(max(options.max_pause, options.min_silence) * SAMPLE_RATE)
        # Never so much that it leaves no room for speech, or reaches into the speech after a pause.
        self._pad = min(int(options.pad * SAMPLE_RATE), limit // 4, self._max_pause // 2)
        self._widest = min(int(WIDEST * SAMPLE_RATE), limit // 4)
        self._margin = max(_margin(limit), overlap)
        self._regions = SpeechRegions(options)
        self._closed: list[_Region] = []
        self._floor = 0  # where the next span may begin
        self._core = 0  # where its core begins: after a forced cut, later than the span
        self._split_at = -1  # where a forced cut divided the open region
        self._last_end = 0  # where the last region ended

    def advance(self, probabilities: NDArray[np.float32]) -> Iterator[_Span]:
        for probability in probabilities.tolist():
            if region := self._regions.advance(probability):
                self._close(region)
            while span := self._next_complete():
                yield span

    def finish(self) -> Iterator[_Span]:
        """The spans that the end of the sound completes."""
        if region := self._regions.finish(self._sound.end):
            self._close(region)
        while span := self._next_complete():
            yield span
        if self._closed:
            yield self._emit(len(self._closed), self._closed[-1][1] + self._pad)

    def discard_unneeded(self) -> None:
        """Release the sound that no later span can need."""
        candidate = self._regions.candidate
        first = self._regions.position if candidate is None else candidate
        needed = first - int(LOOKBACK * SAMPLE_RATE)
        if self._closed:
            needed = min(needed, self._closed[0][0] - self._pad)
        self._sound.discard_before(max(self._floor, needed))

    def _close(self, region: _Region) -> None:
        self._closed.append(self._widened(region))
        self._last_end = region[1]

    def _widened(self, region: _Region) -> _Region:
        """A region that begins where its voice begins; voice activity may have needed a second to be certain."""
        begin, end = region
        if begin == self._split_at:
            return region
        lowest = max(self._last_end, self._floor, begin - int(LOOKBACK * SAMPLE_RATE))
        before = self._sound.slice(lowest, begin)
        voice = self._sound.slice(begin, min(end, begin + SAMPLE_RATE // 2))
        return begin - min(widened_onset(before, voice), self._widest), end

    def _next_complete(self) -> _Span | None:
        """The next span, if its end is known by now."""
        if self._closed:
            last = self._closed[-1][1]
            before = self._closed[-2][1] if len(self._closed) > 1 else last
            if self._closed[-1][0] - before > self._max_pause:
                return self._emit(len(self._closed) - 1, before + self._pad)
            candidate = self._regions.candidate
            if (self._regions.position if candidate is None else candidate) - last > self._max_pause:
                return self._emit(len(self._closed), last + self._pad)
        open_region = self._regions.open
        known = [*self._closed, open_region] if open_region else self._closed
        if known and known[-1][1] > self._begin(known[0]) + self._limit:
            return self._cut([*self._closed, self._widened(open_region)] if open_region else known)
        return None

    def _cut(self, known: list[_Region]) -> _Span:
        """The span that ends at the best pause of its window: a long one, far on; else at the quietest point."""
        begin = self._begin(known[0])
        limit = begin + self._limit
        earliest = max(begin, self._core) + self._overlap
        pauses = [
            (min((after - end) / SAMPLE_RATE, LONG_PAUSE) + FILL_WEIGHT * (end - begin) / self._limit, -i)
            for i, ((_, end), (after, _)) in enumerate(pairwise(known))
            if end <= limit and (end + after) // 2 > earliest
        ]
        if not pauses:
            return self._cut_at(
                self._sound.quietest(limit - int(self._limit * SEARCH_SHARE), limit - self._margin), known
            )
        count = 1 - max(pauses)[1]
        end, after = known[count - 1][1], known[count][0]
        if after - end >= SAFE_PAUSE * SAMPLE_RATE or not self._overlap:
            return self._emit(count, end + min(self._pad, (after - end) // 2))
        return self._cut_at(min((end + after) // 2, limit - self._overlap), known)

    def _cut_at(self, cut: int, known: list[_Region]) -> _Span:
        """The span that ends at `cut`, in speech or by a pause that may be none; the next one overlaps it."""
        low, high = cut - self._overlap, cut + self._overlap
        taken = [(begin, min(end, high)) for begin, end in known if begin < high]
        if len(known) > len(self._closed) and known[-1][0] < low:
            self._split_at = low
            self._regions.split(low)
        left = [(max(begin, low), end) for begin, end in self._closed if end > low]
        self._closed = [*taken, *left]
        span = self._emit(len(taken), high)
        self._floor, self._core = low, cut
        return span._replace(core=(span.core[0], cut))

    def _emit(self, count: int, end: int) -> _Span:
        regions, self._closed = self._closed[:count], self._closed[count:]
        begin = self._begin(regions[0])
        self._floor = min(end, begin + self._limit, self._sound.end)
        span = _Span(begin, self._floor, (max(begin, self._core), self._floor), regions)
        self._core = self._floor
        return span

    def _begin(self, region: _Region) -> int:
        return max(self._floor, region[0] - self._pad)


def _margin(limit: int) -> int:
    return min(int(MIN_LEFTOVER * SAMPLE_RATE), limit // 4)
