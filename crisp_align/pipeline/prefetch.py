"""Sources on their way in: a few at a time are decoded and cut into clips, each in a thread, ahead of the models."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from crisp_align.errors import MediaError
from crisp_align.events import ClipResult, Started
from crisp_align.media.audio import AudioStream, MediaOptions, open_audio
from crisp_align.media.channels import channel_count, channel_name
from crisp_align.pipeline.background import Background
from crisp_align.speech.clips import VadOptions, clips
from crisp_align.sync.given import GivenText
from crisp_align.transcript import SAMPLE_RATE, Clip

if TYPE_CHECKING:
    from types import TracebackType

    from crisp_align.transcript import Samples

__all__ = ["BUFFER_BYTES", "Feed", "ListFeed", "Prefetcher", "Read", "Step", "Task", "read"]

_FILES = 3  # read at once: while one is being cut, the next are opened
_NO_SPEECH = "there is sound, but no speech was found in it: try --channel best, another --audio-track, or --no-vad"
_CLOSE_TIMEOUT = 5.0  # s for a file that is just being opened
_CLIPS = 16  # of a file that may wait
_CLIP = 30 * SAMPLE_RATE * 4  # bytes of a long one
_MAX_BUFFERED = 32  # blocks of sound that may wait for the models to be loaded
_BLOCK = 10 * SAMPLE_RATE * 4  # bytes of one
_BATCHES = 2  # clips that are to wait, so that files of one clip fill the next batch while a batch is transcribed
BUFFER_BYTES = _FILES * _CLIPS * _CLIP
"""Bytes of sound that may wait: 92 MB."""


@dataclass(frozen=True, slots=True)
class Task:
    """A source to go through, from its beginning or from where an earlier run was cut off."""

    source: str
    finished: tuple[ClipResult, ...] = ()
    """What came of its first clips already."""
    text: GivenText | None = None
    """What is said in it, where that is to be timed."""

    @property
    def language(self) -> str | None:
        """The last language that was certain in what is finished."""
        return next((result.language for result in reversed(self.finished) if result.language), None)


@dataclass(frozen=True, slots=True)
class Read:
    """A source was read to its end."""

    position: float
    """s in the source, its end."""
    notices: tuple[str, ...]


Step: TypeAlias = Started | tuple[int, Clip] | Read
"""What becomes of a source: it is opened, gives clips, each with its number from 0, and ends."""


class Feed(Protocol):
    """Where tasks come from: a list, another process, a folder that is watched."""

    @property
    def ended(self) -> bool:
        """Whether no further task will come."""
        ...

    def take(self, *, wait: bool) -> Task | None:
        """The next task; None: there is none now, or none any more.

        Args:
            wait: nothing is left to do; it may take a while to answer.
        """
        ...


class ListFeed:
    """A feed of tasks that are all known."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = iter(tasks)
        self.ended = False

    def take(self, *, wait: bool) -> Task | None:
        """The next task."""
        task = next(self._tasks, None)
        self.ended = task is None
        return task


@dataclass(slots=True, eq=False)
class _Prefetched:
    """A task that is read ahead."""

    task: Task
    clips: int = 0
    """That it gave so far."""


class Prefetcher:
    """Tasks of a feed with what is read of them, in order. Prefetcher begins at once, cutting when `max_clip` is known.

    Iterating gives a task and its steps, which are to be used up, or left, before the next; they raise what went wrong
    with their source. None instead means that no task is there now. As soon as a file is read the next is begun, in
    whatever thread that is, until enough clips wait.

    Args:
        feed: of tasks; asked from several threads, but never at the same time.
        media: which sound of each file.
        vad: how it is cut.
        max_clip: s, the longest clip; may be set later, from any thread.
        buffer_bytes: bytes of sound that may wait; one clip may always.
    """

    def __init__(
        self,
        feed: Feed,
        media: MediaOptions,
        vad: VadOptions,
        max_clip: Future[float],
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self._feed, self._media, self._vad, self._max_clip = feed, media, vad, max_clip
        clips = max(buffer_bytes // _CLIP, 1)
        self._files = min(clips, _FILES)
        self._clips = min(clips // self._files, _CLIPS)
        self._max_buffered = min(max(buffer_bytes // self._files // _BLOCK, 1), _MAX_BUFFERED)
        self.batch_size = 8
        """Clips in one call of the models, as far as known."""
        self._open: deque[tuple[_Prefetched, Background[Step]]] = deque()
        self._being_read = 0
        self._closed = False
        self._trouble: BaseException | None = None
        self._filling = Lock()
        self._refill()

    def __iter__(self) -> Iterator[tuple[Task, Background[Step]] | None]:
        while True:
            self._refill(needed=True)
            if self._open:
                file, steps = self._open.popleft()
                with steps:
                    yield file.task, steps
            elif self._feed.ended:
                return
            else:
                yield None
                self._refill(needed=True, wait=True)

    def _refill(self, *, needed: bool = False, wait: bool = False) -> None:
        with self._filling:
            if self._trouble is not None:
                raise self._trouble
            while (needed and not self._open) or self._has_room():
                if self._closed or self._feed.ended:
                    return
                task = self._feed.take(wait=wait and not self._open)
                if task is None:
                    return
                file = _Prefetched(task)
                self._being_read += 1
                self._open.append((file, Background(self._read(file), self._clips)))

    def _has_room(self) -> bool:
        waiting = sum(file.clips for file, _ in list(self._open))
        return self._being_read < self._files and waiting < _BATCHES * self.batch_size

    def _read(self, file: _Prefetched) -> Generator[Step]:
        try:
            for step in read(file.task, self._media, self._vad, self._max_clip, self._max_buffered):
                file.clips += isinstance(step, tuple)
                yield step
        finally:
            with self._filling:
                self._being_read -= 1
            try:
                self._refill()
            except BaseException as error:  # the feed's; raised where it is waited for
                self._trouble = error

    def close(self) -> None:
        """Stop all reading."""
        self._closed = True
        self._max_clip.cancel()
        for _, steps in list(self._open):
            steps.close(_CLOSE_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(
    task: Task,
    media: MediaOptions,
    vad: VadOptions,
    max_clip: Future[float],
    buffered: int = _MAX_BUFFERED,
    *,
    overlap: bool = True,
) -> Generator[Step]:
    """Open a source and cut it into clips; those that are finished are counted and left out.

    Args:
        task: the source, and what is finished of it.
        media: which sound of it.
        vad: how it is cut.
        max_clip: s, the longest clip; until it is known sound is held.
        buffered: blocks of it, 10 s each, at most.
        overlap: clips overlap where speech has to be cut without a pause.

    Yields:
        Started, numbered clips, Read.

    Raises:
        MediaError: it cannot be read as audio.
        ModelError: the voice activity model is missing or damaged.
    """
    number, position, notices, channel = 0, 0.0, list[str](), 0
    for stream in _streams(task.source, media):
        with closing(stream):
            if not channel:
                yield Started(task.source, stream.duration)
            length = 0

            def counted(stream: AudioStream = stream) -> Iterator[Samples]:
                nonlocal length
                for block in stream:
                    length += len(block)
                    yield block

            limit = max_clip if channel == 0 else _known(max_clip.result())
            blocks = _buffer(counted(), limit, buffered)
            first = number
            for clip in clips(
                blocks, task.source, start=stream.start, max_clip=limit.result(), options=vad, overlap=overlap
            ):
                if number >= len(task.finished):
                    speaker = channel_name(channel, stream.layout) if media.channel == "each" else None
                    language = task.language if task.finished else None
                    yield number, replace(clip, earlier_language=language, speaker=speaker)
                number += 1
            position = max(position, stream.start + length / SAMPLE_RATE)
            notices += [text for text in stream.notices if text not in notices]
            if number == first and length and not stream.is_faint:
                notices.append(_NO_SPEECH)
            channel += 1
    yield Read(position, tuple(notices))


def _streams(source: str, media: MediaOptions) -> Iterator[AudioStream]:
    """The sound to read; with the channel "each", that of each channel, one after the other.

    Raises:
        MediaError: it cannot be read as audio, or is a pipe, which can be read only once.
    """
    if media.channel != "each":
        yield open_audio(source, media)
        return
    if source == "-" or Path(source).is_fifo():
        raise MediaError("is a pipe, which can be read only once", subject=source, hint="--channel each needs a file")
    first = open_audio(source, replace(media, channel="0"))
    yield first
    for channel in range(1, channel_count(first.layout)):
        yield open_audio(source, replace(media, channel=str(channel)))


def _known(value: float) -> Future[float]:
    known: Future[float] = Future()
    known.set_result(value)
    return known


def _buffer(blocks: Iterator[Samples], awaited: Future[float], most: int) -> Iterator[Samples]:
    """The same blocks; some are taken at once, while something else is awaited."""
    buffered: deque[Samples] = deque()
    while not awaited.done() and len(buffered) < most:
        block = next(blocks, None)
        if block is None:
            break
        buffered.append(block)
    return chain((buffered.popleft() for _ in range(len(buffered))), blocks)
