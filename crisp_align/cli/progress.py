"""The progress of a run: files and seconds counted, speed and time left computed. Nothing here prints."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

__all__ = ["FileProgress", "Outcome", "Progress"]

_SOON = 10.0  # s of work before a time left is worth showing
_FEW = 3  # finished files whose mean length may stand for those to come
_BEGUN = 0.02  # fraction of the last files that must be done before their speed says something


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file that is done."""

    outputs: tuple[str, ...]
    """Paths that were written."""
    seconds: float
    """s that it took."""
    audio_seconds: float
    """s of its audio that this run worked on."""
    words: int
    score: float | None = None
    """Mean score of its words, [0, 1]; None where no aligner gave one."""


@dataclass(frozen=True, slots=True)
class FileProgress:
    """A file that is being worked on."""

    duration: float | None = None
    """s of audio, where known."""
    earlier: float = 0.0
    """s of it that an earlier run did."""
    position: float = 0.0
    """s of it that are done."""
    stage: str = ""
    began: float = 0.0
    """On the clock of its `Progress`."""

    @property
    def fraction(self) -> float:
        """How much of it is done, [0, 1]."""
        return min(self.position / self.duration, 1.0) if self.duration else 0.0


class Progress:
    """Counts of one run.

    Args:
        files: how many there are to do; None: nobody knows yet.
        clock: s, monotonic.
    """

    def __init__(self, files: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.files = files
        self._counting = Lock()  # files may fail in one thread while others are written in another
        self.done = self.failed = self.skipped = self.words = 0
        self.in_progress: dict[str, FileProgress] = {}
        """Source → the file, in the order they were begun."""
        self.pause: str | None = None
        """Why nothing goes on for now."""
        self._clock = clock
        self._audio_done = 0.0  # s of audio of finished files
        self._length = 0.0  # s of finished files, what earlier runs did of them included
        self._working_since: float | None = None
        self._worked = 0.0  # s before `_working_since`

    def started(self, source: str, duration: float | None, earlier: float = 0.0) -> None:
        """A file is open; `earlier`: s of it that an earlier run did."""
        if self._working_since is None and self.pause is None:
            self._working_since = self._clock()
        known = self.in_progress.get(source, FileProgress(began=self._clock()))
        self.in_progress[source] = replace(known, duration=duration, earlier=earlier, position=earlier)

    def staged(self, source: str, name: str) -> None:
        """What is being done to a file now."""
        if source not in self.in_progress:
            self.started(source, None)
        self.in_progress[source] = replace(self.in_progress[source], stage=name)

    def advanced(self, source: str, position: float) -> None:
        """A file is done up to `position`, s."""
        if (file := self.in_progress.get(source)) is not None:
            self.in_progress[source] = replace(file, position=max(file.position, position))

    def ended(self, source: str) -> FileProgress | None:
        """A file is no longer worked on, whatever came of it."""
        return self.in_progress.pop(source, None)

    def finished(self, source: str, outcome: Outcome) -> None:
        """A file is done."""
        file = self.ended(source)
        self.done += 1
        self.words += outcome.words
        self._audio_done += outcome.audio_seconds
        self._length += outcome.audio_seconds + (file.earlier if file is not None else 0.0)

    def file_failed(self, source: str | None) -> None:
        """A file failed."""
        if source is not None:
            self.ended(source)
        with self._counting:
            self.failed += 1

    def file_skipped(self, source: str) -> None:
        """A file needs no work."""
        self.ended(source)
        with self._counting:
            self.skipped += 1

    def paused(self, message: str) -> None:
        """Nothing goes on until `resumed`."""
        self._worked = self.seconds
        self._working_since = None
        self.pause = message

    def resumed(self) -> None:
        """Work goes on."""
        if self.pause is not None:
            self.pause = None
            self._working_since = self._clock()

    @property
    def left(self) -> int | None:
        """Files not yet done, failed or skipped; None where nobody knows."""
        if self.files is None:
            return None
        return max(0, self.files - self.done - self.failed - self.skipped)

    @property
    def fraction(self) -> float:
        """How much of the files is done, [0, 1]."""
        if not self.files:
            return 0.0
        over = self.done + self.failed + self.skipped + sum(file.fraction for file in self._files())
        return min(over / self.files, 1.0)

    @property
    def seconds(self) -> float:
        """s worked since the first file was begun, pauses left out."""
        return self._worked + (self._clock() - self._working_since if self._working_since is not None else 0.0)

    @property
    def audio_seconds(self) -> float:
        """s of audio that this run has worked through."""
        return self._audio_done + sum(file.position - file.earlier for file in self._files())

    @property
    def speed(self) -> float:
        """s of audio in each s."""
        return self.audio_seconds / self.seconds if self.seconds > 0 else 0.0

    def speed_of(self, source: str) -> float:
        """s of a file's audio in each s since it was begun."""
        file = self.in_progress[source]
        took = self._clock() - file.began
        return (file.position - file.earlier) / took if took > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """s of work to come, by the audio to come and the speed so far; None while that would be a guess.

        Files whose length nobody knows yet count as the mean of those that are known.
        """
        if self.left is None or self.pause is not None or self.seconds < _SOON or self.speed <= 0:
            return None
        known = [file for file in self._files() if file.duration is not None]
        lengths = [file.duration for file in known if file.duration is not None]
        unknown = max(0, self.left - len(known))
        begun = sum(file.fraction for file in known) / max(len(known), 1)
        if self.done < _FEW and (unknown > 0 or begun < _BEGUN):
            return None
        mean = (self._length + sum(lengths)) / max(self.done + len(lengths), 1)
        to_come = sum(lengths) - sum(file.position for file in known) + unknown * mean
        return max(0.0, to_come) / self.speed

    def _files(self) -> list[FileProgress]:
        """A copy: the view looks from another thread."""
        return list(self.in_progress.values())
