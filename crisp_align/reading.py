"""Sources on their way in: a few at a time are decoded and cut into clips, each in a thread, ahead of the models."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from crisp_align.background import Background
from crisp_align.events import ClipResult, Started
from crisp_align.media import MediaOptions, open_audio
from crisp_align.speech import VadOptions, clips
from crisp_align.transcript import SAMPLE_RATE, Clip

if TYPE_CHECKING:
    from types import TracebackType

    from crisp_align.transcript import Samples

__all__ = ["Feed", "Listed", "Read", "Reading", "Step", "Task", "read"]

_FILES = 3  # read at once: while one is being cut, the next are opened
_FAREWELL = 5.0  # s for a file that is just being opened
_CLIPS = 16  # of a file that may wait: 31 MB of clips of 30 s
_HELD = 32  # blocks of sound, 10 s each, that may wait for the models to be loaded


@dataclass(frozen=True, slots=True)
class Task:
    """A source to go through, from its beginning or from where an earlier run was cut off."""

    source: str
    finished: tuple[ClipResult, ...] = ()
    """What came of its first clips already."""

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

    ended: bool
    """Whether no further task will come."""

    def take(self, *, wait: bool) -> Task | None:
        """The next task; None: there is none now, or none any more.

        Args:
            wait: nothing is left to do; it may take a while to answer.
        """
        ...


class Listed:
    """A feed of tasks that are all known."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = iter(tasks)
        self.ended = False

    def take(self, *, wait: bool) -> Task | None:
        """The next task."""
        task = next(self._tasks, None)
        self.ended = task is None
        return task


class Reading:
    """Tasks of a feed with what is read of them, in order. Reading begins at once, cutting when `max_clip` is known.

    Iterating gives a task and its steps, which are to be used up, or left, before the next; they raise what went wrong
    with their source. None instead means that no task is there now.

    Args:
        feed: of tasks.
        media: which sound of each file.
        vad: how it is cut.
        max_clip: s, the longest clip; may be set later, from any thread.
    """

    def __init__(self, feed: Feed, media: MediaOptions, vad: VadOptions, max_clip: Future[float]) -> None:
        self._feed, self._media, self._vad, self._max_clip = feed, media, vad, max_clip
        self._open: deque[tuple[Task, Background[Step]]] = deque()
        self._top_up()

    def __iter__(self) -> Iterator[tuple[Task, Background[Step]] | None]:
        while True:
            self._top_up()
            if self._open:
                task, steps = self._open.popleft()
                with steps:
                    yield task, steps
            elif self._feed.ended:
                return
            else:
                yield None
                self._top_up(wait=True)

    def _top_up(self, *, wait: bool = False) -> None:
        while len(self._open) < _FILES and not self._feed.ended:
            task = self._feed.take(wait=wait and not self._open)
            if task is None:
                return
            steps = read(task, self._media, self._vad, self._max_clip)
            self._open.append((task, Background(steps, _CLIPS)))

    def close(self) -> None:
        """Stop all reading."""
        self._max_clip.cancel()
        for _, steps in self._open:
            steps.close(_FAREWELL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(task: Task, media: MediaOptions, vad: VadOptions, max_clip: Future[float]) -> Generator[Step]:
    """Open a source and cut it into clips; those that are finished are counted and left out.

    Yields:
        Started, numbered clips, Read.

    Raises:
        MediaError: it cannot be read as audio.
        ModelError: the voice activity model is missing or damaged.
    """
    with closing(open_audio(task.source, media)) as stream:
        yield Started(task.source, stream.duration)
        length = 0

        def counted() -> Iterator[Samples]:
            nonlocal length
            for block in stream:
                length += len(block)
                yield block

        blocks = _held(counted(), max_clip)
        cut = clips(blocks, task.source, start=stream.start, max_clip=max_clip.result(), options=vad)
        for number, clip in enumerate(cut):
            if number >= len(task.finished):
                yield number, replace(clip, earlier_language=task.language) if task.finished else clip
        yield Read(stream.start + length / SAMPLE_RATE, tuple(stream.notices))


def _held(blocks: Iterator[Samples], awaited: Future[float]) -> Iterator[Samples]:
    """The same blocks; some are taken at once, while something else is awaited."""
    held: deque[Samples] = deque()
    while not awaited.done() and len(held) < _HELD:
        block = next(blocks, None)
        if block is None:
            break
        held.append(block)
    return chain((held.popleft() for _ in range(len(held))), blocks)
