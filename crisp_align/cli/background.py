"""Work in a thread of its own, so that the main thread stays free to hear an interrupt while a model runs."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

__all__ = ["in_background", "is_working"]

T = TypeVar("T")

_PATIENCE = 0.5  # s that a stopped worker is given to close its files and end its child processes
_TICK = 0.1  # s between two looks at the other side
_AHEAD = 64  # items that may wait to be consumed: a reader that stalls stalls the work, not the memory

_workers: list[Thread] = []


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


def in_background(work: Generator[T]) -> Iterator[T]:
    """Run `work` in a thread and yield here what it yields; an exception in it is raised here.

    When the consumer stops early, by an interrupt or an error, the thread closes `work` at its next item and is waited
    for shortly. A thread that is inside a long native call then is left behind: see `is_working`.
    """
    queue: Queue[_Item[T] | BaseException | None] = Queue(_AHEAD)
    stop = Event()
    worker = Thread(target=_drive, args=(work, queue, stop), name="work", daemon=True)
    _workers.append(worker)
    worker.start()
    try:
        while True:
            try:
                item = queue.get(timeout=_TICK)  # a wait without limit could not be interrupted on Windows
            except Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                return
            yield item.value
    finally:
        stop.set()
        worker.join(_PATIENCE)


def is_working() -> bool:
    """Whether a worker is still running; the process should then end without waiting for it."""
    return any(worker.is_alive() for worker in _workers)


def _drive(work: Generator[T], queue: Queue[_Item[T] | BaseException | None], stop: Event) -> None:
    last: BaseException | None = None
    try:
        for value in work:
            if not _put(queue, _Item(value), stop):
                break
    except BaseException as error:  # also SystemExit and the like: the main thread decides what becomes of it
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
