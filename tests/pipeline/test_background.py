"""Work in a thread that can be told to end."""

from __future__ import annotations

from collections.abc import Generator
from threading import Event

import pytest

from crisp_align.pipeline.background import Background


def test_everything_comes_and_what_is_raised_comes_last() -> None:
    def work() -> Generator[int]:
        yield 1
        yield 2
        raise ValueError("third")

    with Background(work()) as items:
        assert next(items) == 1 and next(items) == 2
        with pytest.raises(ValueError, match="third"):
            next(items)
        assert list(items) == []


def test_told_to_end_it_closes_the_work_and_still_gives_what_is_there() -> None:
    stop, closed, here = Event(), Event(), Event()

    def work() -> Generator[int]:
        try:
            for number in range(1_000_000):
                if number == 3:
                    here.set()
                    stop.wait()
                yield number
        finally:
            closed.set()

    with Background(work(), until=stop) as items:
        assert here.wait(10)
        stop.set()
        assert list(items)[:3] == [0, 1, 2]
    assert closed.wait(10)


def test_told_to_end_it_ends_although_the_work_says_nothing() -> None:
    stop, over = Event(), Event()

    def work() -> Generator[int]:
        over.wait(30)
        yield 1

    with Background(work(), until=stop) as items:
        stop.set()
        assert list(items) == []
        over.set()
