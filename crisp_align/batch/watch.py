"""Files that finish arriving in a folder, found by polling it.

Polling, rather than notifications of the kernel, works on network shares and sees what was there before.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from crisp_align.media.folders import is_media

__all__ = ["Arrival", "Returned", "Seen", "Vanished", "Watch", "is_partial", "listed", "open_for_writing"]

_PARTIAL = frozenset(
    (".!qb", ".!ut", ".aria2", ".bc!", ".crdownload", ".download", ".filepart", ".opdownload", ".part", ".partial",
     ".temp", ".tmp", ".ytdl")
)  # fmt: skip
_MARKERS = (".aria2", ".part", ".ytdl", ".filepart")  # what downloaders keep next to a file while they fill it
_SPARE = 10_000  # files gone from the folder that are remembered, and as many as are in it


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as a listing shows it."""

    path: str
    size: int
    """Bytes."""
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A media file that has finished arriving."""

    path: Path
    size: int
    """Bytes."""
    mtime_ns: int
    again: bool = False
    """Whether it arrived before and was changed since."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """The folder cannot be listed any more, e.g. because its share was unmounted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Returned:
    """The folder is back."""


class Watch:
    """What arrives in a folder. Each (path, size, time of change) comes once; a file that changes comes again.

    A file has arrived when it has not changed over `stable_after` seconds of polls, nobody has it open for writing,
    and neither its name nor a file next to it says that it is partial. Only elapsed time counts: neither a clock that
    is set nor one that differs between machines does harm.

    Args:
        folder: to watch.
        recursive: its folders, too; links to folders are not followed.
        stable_after: s for which a file must not change.
        listing: the files of a folder; raises OSError where the folder itself cannot be listed. A file whose own
            folder cannot be listed just now is left out.
        clock: s, monotonic.
        wanted: whether a file that has arrived is one to hand out; asked once.
        busy: which of some paths are still being written.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        recursive: bool = False,
        stable_after: float = 5.0,
        listing: Callable[[str, bool], Iterator[Seen]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wanted: Callable[[str], bool] = is_media,
        busy: Callable[[Collection[str]], Collection[str]] | None = None,
    ) -> None:
        self.folder = os.fspath(folder)
        self._recursive, self._stable_after = recursive, stable_after
        self._listing, self._clock = listing or listed, clock
        self._wanted, self._busy = wanted, busy or open_for_writing
        self._known: dict[str, tuple[int, int]] = {}
        """Path → (size, time of change) with which it was handed out or found unwanted."""
        self._unstable: dict[str, tuple[int, int, float]] = {}
        """Path → (size, time of change, when that was first seen)."""
        self._gone = False

    def poll(self) -> list[Arrival | Vanished | Returned]:
        """List the folder once: what has arrived since the last poll, longest unchanged first."""
        events: list[Arrival | Vanished | Returned] = []
        now = self._clock()
        unstable: dict[str, tuple[int, int, float]] = {}
        there: set[str] = set()
        try:
            for file in self._listing(self.folder, self._recursive):
                there.add(file.path)
                stamp = (file.size, file.mtime_ns)
                if self._known.get(file.path) == stamp or not file.size:
                    continue
                before = self._unstable.get(file.path)
                since = before[2] if before is not None and before[:2] == stamp else now
                unstable[file.path] = (*stamp, since)
        except OSError as error:
            if not self._gone:
                self._gone = True
                events.append(Vanished(error.strerror or str(error)))
            return events
        if self._gone:
            self._gone = False
            events.append(Returned())
        self._unstable = unstable
        events.extend(self._arrived(now))
        self._forget(there)
        return events

    def _arrived(self, now: float) -> list[Arrival]:
        ripe = [path for path, (_, _, since) in self._unstable.items() if now - since >= self._stable_after]
        ripe = [path for path in ripe if self._is_wanted(path)]
        busy = set(self._busy(ripe)) if ripe else set()
        arrivals = []
        for path in ripe:
            if path not in busy:
                size, mtime_ns, _ = self._unstable.pop(path)
                arrivals.append(Arrival(Path(path), size, mtime_ns, path in self._known))
                self._known[path] = size, mtime_ns
        return sorted(arrivals, key=lambda arrival: (arrival.mtime_ns, arrival.path))

    def _is_wanted(self, path: str) -> bool:
        if self._wanted(path):
            return True
        self._known[path] = self._unstable.pop(path)[:2]
        return False

    def _forget(self, there: set[str]) -> None:
        """Keep the memory in proportion to the folder, but not by forgetting all while a share is unmounted."""
        if there and len(self._known) > 2 * len(there) + _SPARE:
            self._known = {path: stamp for path, stamp in self._known.items() if path in there}


def is_partial(name: str) -> bool:
    """Whether a file is hidden, or named as what writes or downloads it calls it until it is whole.

    The word may also stand before the extension, as in `film.temp.mp4`.
    """
    parts = name.lower().rsplit(".", 2)
    return name.startswith((".", "~")) or name.endswith("~") or any(f".{part}" in _PARTIAL for part in parts[1:])


def listed(folder: str, recursive: bool) -> Iterator[Seen]:
    """The files of `folder` that are whole as far as their names show.

    Raises:
        OSError: `folder` cannot be listed; one inside it that cannot is passed over.
    """
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                found = [entry for entry in entries if not is_partial(entry.name) or entry.name.endswith(_MARKERS)]
        except OSError:
            if here == folder:
                raise
            continue
        markers = {entry.name for entry in found if entry.name.endswith(_MARKERS)}
        for entry in found:
            with suppress(OSError):  # gone meanwhile, or a link that leads nowhere
                if entry.is_dir(follow_symlinks=False):
                    if recursive and not is_partial(entry.name):
                        waiting.append(entry.path)
                elif not is_partial(entry.name) and not any(entry.name + ending in markers for ending in _MARKERS):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        yield Seen(entry.path, status.st_size, status.st_mtime_ns)


def open_for_writing(paths: Collection[str]) -> set[str]:
    """Those of `paths` that a process on this machine has open for writing, where Linux lets us see it."""
    real = {path: os.path.realpath(path) for path in paths}
    sought, found = set(real.values()), set()
    for process in Path("/proc").glob("[0-9]*") if sys.platform.startswith("linux") else ():
        with suppress(OSError):  # it has ended, or is another user's
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError, ValueError):
                    path = os.readlink(descriptor)  # noqa: PTH115 (a Path costs as much as the call)
                    if path in sought and path not in found and _writes(process, descriptor.name):
                        found.add(path)
    return {path for path, place in real.items() if place in found}


def _writes(process: Path, descriptor: str) -> bool:
    """Whether an open file is open for more than reading."""
    for line in (process / "fdinfo" / descriptor).read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False
