"""Clips of any length through a model, several at a time, in the memory there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from crisp_align.models.devices import is_out_of_memory, release_memory

__all__ = ["in_batches", "in_halves", "plan_batches"]

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 (an item)


def in_batches(sizes: Sequence[float], budget: float, run: Callable[[Sequence[int]], Sequence[T]]) -> list[T]:
    """Run items in batches of like size, whose padded size stays within `budget`, and put the results in order.

    A batch that runs out of memory is cut in half and run again, down to single items.

    Args:
        sizes: of each item, in the unit of `budget`: seconds, tokens, …
        budget: see `plan_batches`.
        run: takes the positions of some items and returns one result each, in that order.

    Raises:
        RuntimeError, MemoryError: whatever `run` raises; running out of memory only where one item alone does.
    """
    results: dict[int, T] = {}
    for batch in plan_batches(sizes, lambda: budget):
        results.update(zip(batch, in_halves(batch, run), strict=True))
    return [results[i] for i in range(len(sizes))]


def plan_batches(sizes: Sequence[float], budget: Callable[[], float]) -> Iterator[list[int]]:
    """Positions of items that run together: like sizes, the largest first.

    Args:
        sizes: of each item, in the unit of `budget`.
        budget: gives the most that a batch may come to now, counted as its largest item times its number of items. An
            item that is larger by itself makes a batch alone.
    """
    batch: list[int] = []
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):  # stable: equal sizes keep their order
        if batch and sizes[batch[0]] * (len(batch) + 1) > budget():
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def in_halves(
    batch: Sequence[I], run: Callable[[Sequence[I]], Sequence[T]], too_large: Callable[[], T] | None = None
) -> list[T]:
    """Run a batch, and where memory runs out its halves, down to single items.

    Args:
        batch: at least one item.
        run: takes items and returns one result each, in that order.
        too_large: makes the result of an item that does not fit alone; without it the error is raised.

    Raises:
        RuntimeError, MemoryError: whatever else `run` raises.
    """
    try:
        return list(run(batch))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error) or (len(batch) == 1 and too_large is None):
            raise
    release_memory()  # outside the except block: the traceback keeps the failed batch's tensors alive
    if len(batch) == 1 and too_large is not None:
        return [too_large()]
    middle = len(batch) // 2
    return in_halves(batch[:middle], run, too_large) + in_halves(batch[middle:], run, too_large)
