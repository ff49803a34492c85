"""Work in a thread of its own, so that the main thread can be interrupted and models need not wait."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar
from weakref import WeakSet

__all__ = ["Background", "is_working"]

T = TypeVar("T")

_STOP_TIMEOUT = 0.5  # s that a stopped worker is given to close its files and end its child processes
_TICK = 0.1  # s between two looks at the other side

_workers: WeakSet[Thread] = WeakSet()


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


class Background(Generic[T]):
    """Runs a generator in a thread from now on; iterating gives what it yields, and raises what it raises.

    Closed early, by an interrupt or an error, the thread closes the generator at its next item and is waited for
    shortly. A thread that is inside a long native call then is left behind: see `is_working`.

    Args:
        work: the generator; nobody else may touch it.
        ahead: items that may wait to be consumed: a reader that stalls stalls the work, not the memory.
        until: once it is set the work is stopped; what waits to be consumed is still given.
    """

    def __init__(self, work: Generator[T], ahead: int = 64, until: Event | None = None) -> None:
        self._queue: Queue[_Item[T] | BaseException | None] = Queue(ahead)
        self._stop = Event() if until is None else until
        self._over = False
        self._thread = Thread(target=_drive, args=(work, self._queue, self._stop), name="work", daemon=True)
        _workers.add(self._thread)
        self._thread.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while not self._over:
            try:
                item = self._queue.get(timeout=_TICK)  # a wait without limit could not be interrupted on Windows
            except Empty:
                self._over = self._stop.is_set()
                continue
            if isinstance(item, _Item):
                return item.value
            self._over = True
            if item is not None:
                raise item
        raise StopIteration

    def close(self, timeout: float = _STOP_TIMEOUT) -> None:
        """Stop the work, if it still runs, and wait `timeout` seconds for its end."""
        self._over = True
        self._stop.set()
        self._thread.join(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_working() -> bool:
    """Whether a thread is still at work; the process should then end without waiting for it."""
    return any(worker.is_alive() for worker in _workers)


def _drive(work: Generator[T], queue: Queue[_Item[T] | BaseException | None], stop: Event) -> None:
    last: BaseException | None = None
    try:
        for value in work:
            if not _put(queue, _Item(value), stop):
                break
    except BaseException as error:  # also SystemExit and the like: the consumer decides what becomes of it
        last = error
    finally:
        work.close()
    _put(queue, last, stop)


def _put(queue: Queue[T], item: T, stop: Event) -> bool:
    """Hand over an item; False if nobody wants it any more."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=_TICK)
        except Full:
            continue
        return True
    return False
