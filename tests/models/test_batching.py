"""Batches that fit the memory there is: planned by a budget, halved where the plan was wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.models.batching import in_batches, in_halves
from crisp_align.models.devices import is_out_of_memory


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 200))
def test_every_item_runs_once_within_the_budget_and_comes_out_in_its_place(sizes: list[int], budget: int) -> None:
    batches: list[list[int]] = []

    def run(batch: list[int]) -> list[int]:
        batches.append(batch)
        return [i * 10 for i in batch]

    assert in_batches(sizes, budget, run) == [i * 10 for i in range(len(sizes))]
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    assert all(len(batch) == 1 or max(sizes[i] for i in batch) * len(batch) <= budget for batch in batches)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried to …"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=str,
)
def test_a_batch_that_runs_out_of_memory_is_halved(error: Exception) -> None:
    tried: list[int] = []

    def run(batch: list[int]) -> list[int]:
        tried.append(len(batch))
        if len(batch) > 2:
            raise error
        return batch

    assert in_batches([1.0] * 8, 100.0, run) == list(range(8))
    assert tried == [8, 4, 2, 2, 4, 2, 2]


def test_one_item_that_does_not_fit_is_an_error() -> None:
    def run(batch: list[int]) -> list[int]:
        if 3 in batch:
            raise MemoryError
        return batch

    with pytest.raises(MemoryError):
        in_batches([1.0] * 4, 4.0, run)


def test_another_error_is_not_tried_again() -> None:
    tried: list[int] = []

    def run(batch: list[int]) -> list[int]:
        tried.append(len(batch))
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        in_batches([1.0] * 4, 4.0, run)
    assert tried == [4]
    assert not is_out_of_memory(ValueError("too long"))


def test_an_item_too_large_alone_gets_the_result_made_for_it() -> None:
    def run(batch: Sequence[int]) -> list[int | None]:
        if 5 in batch:
            raise MemoryError
        return [i * 10 for i in batch]

    assert in_halves([1, 2, 5, 3], run, too_large=lambda: None) == [10, 20, None, 30]
