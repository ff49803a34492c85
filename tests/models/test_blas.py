"""The number of BLAS threads, which is the whole process's."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import permutations
from threading import Thread

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from crisp_align.models.blas import one_blas_thread


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))  # so that there is one
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("leaving", list(permutations(range(3))))
def test_the_limit_holds_until_the_last_one_is_done_and_is_then_gone(leaving: tuple[int, ...]) -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("this BLAS has no second thread")
        stays = [ExitStack() for _ in leaving]
        for stay in stays:
            stay.enter_context(one_blas_thread())
        for who in leaving:
            assert blas_threads() == {1}
            stays[who].close()
        assert blas_threads() == {2}


def test_it_holds_in_any_thread_whoever_set_a_limit_before() -> None:
    seen: list[set[int]] = []

    def inside() -> None:
        with one_blas_thread():
            seen.append(blas_threads())

    with threadpool_limits(limits=2, user_api="blas"):
        for thread in (Thread(target=inside), Thread(target=inside)):
            thread.start()
            thread.join()
        inside()
    assert seen == [{1}] * 3
