"""Clips of any length through a model, several at a time, in the memory there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from crisp_align.models.devices import is_out_of_memory, release_memory

__all__ = ["in_batches"]

T = TypeVar("T")


def in_batches(sizes: Sequence[float], budget: float, run: Callable[[list[int]], Sequence[T]]) -> list[T]:
    """Run items in batches of like size, whose padded size stays within `budget`, and put the results in order.

    A batch that runs out of memory is cut in half and run again, down to single items.

    Args:
        sizes: of each item, in the unit of `budget`: seconds, tokens, …
        budget: the most that a batch may come to, counted as its largest item times its number of items. An item
            that is larger by itself still runs, alone.
        run: takes the positions of some items and returns one result each, in that order.

    Raises:
        RuntimeError, MemoryError: whatever `run` raises; running out of memory only where one item alone does.
    """
    order = sorted(range(len(sizes)), key=lambda i: -sizes[i])  # stable: equal sizes keep their order
    results: dict[int, T] = {}
    batch: list[int] = []
    for i in order:
        if batch and sizes[batch[0]] * (len(batch) + 1) > budget:
            results.update(zip(batch, _halving(batch, run), strict=True))
            batch = []
        batch.append(i)
    if batch:
        results.update(zip(batch, _halving(batch, run), strict=True))
    return [results[i] for i in range(len(sizes))]


def _halving(batch: list[int], run: Callable[[list[int]], Sequence[T]]) -> list[T]:
    try:
        return list(run(batch))
    except (MemoryError, RuntimeError) as error:
        if len(batch) == 1 or not is_out_of_memory(error):
            raise
    release_memory()  # outside the except block: the traceback keeps the failed batch's tensors alive
    half = len(batch) // 2
    return _halving(batch[:half], run) + _halving(batch[half:], run)
