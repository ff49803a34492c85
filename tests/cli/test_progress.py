"""Counts, speed and time left of a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.cli.progress import Outcome, Progress


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def outcome(audio: float) -> Outcome:
    return Outcome(("a.srt",), 1.0, audio, 7)


def test_what_is_not_done_failed_or_skipped_is_left(clock: Clock) -> None:
    run = Progress(10, clock)
    run.started("a", 60)
    run.finished("a", outcome(60))
    run.started("b", 60)
    run.file_failed("b")
    run.file_failed(None)
    run.file_skipped("c")
    run.started("d", 60)
    assert (run.done, run.failed, run.skipped, run.left, run.words) == (1, 2, 1, 6, 7)
    assert list(run.in_progress) == ["d"]
    run.advanced("d", 30)
    assert run.fraction == pytest.approx(0.45)


def test_the_speed_is_that_of_all_files_together(clock: Clock) -> None:
    run = Progress(3, clock)
    clock.now += 500  # loading a model is not work on a file
    run.started("a", 100)
    run.started("b", 100)
    clock.now += 10
    run.finished("a", outcome(100))
    run.advanced("b", 50)
    assert run.seconds == 10
    assert run.speed == pytest.approx(15)


def test_a_pause_is_not_work(clock: Clock) -> None:
    run = Progress(2, clock)
    run.started("a", 100)
    clock.now += 10
    run.paused("disk full")
    clock.now += 10_000
    assert run.seconds == 10 and run.remaining is None
    run.paused("folder gone")
    clock.now += 10_000
    run.resumed()
    clock.now += 5
    assert run.seconds == 15


def test_what_an_earlier_run_did_is_no_speed(clock: Clock) -> None:
    run = Progress(1, clock)
    run.started("a", 1000, earlier=900)
    assert run.audio_seconds == 0 and run.fraction == 0.9
    clock.now += 20
    run.advanced("a", 950)
    assert run.speed == pytest.approx(2.5) and run.speed_of("a") == pytest.approx(2.5)
    assert run.remaining == pytest.approx(20)


class TestRemaining:
    def test_it_weighs_files_by_their_length(self, clock: Clock) -> None:
        run = Progress(2, clock)
        run.started("short", 60)
        run.started("long", 6000)
        clock.now += 20
        run.finished("short", outcome(60))
        run.advanced("long", 140)
        assert run.speed == 10
        assert run.remaining == pytest.approx((6000 - 140) / 10)

    def test_files_to_come_count_as_the_mean_of_those_known(self, clock: Clock) -> None:
        run = Progress(10, clock)
        for name, length in (("a", 100), ("b", 200), ("c", 300)):
            run.started(name, length)
            clock.now += 10
            run.finished(name, outcome(length))
        assert run.speed == 20
        assert run.remaining == pytest.approx(7 * 200 / 20)

    def test_it_is_not_given_while_it_would_be_a_guess(self, clock: Clock) -> None:
        run = Progress(100, clock)
        assert run.remaining is None
        run.started("a", 1000)
        run.advanced("a", 500)
        clock.now += 60
        assert run.remaining is None  # 99 files of unknown length
        alone = Progress(1, clock)
        alone.started("a", 1000)
        alone.advanced("a", 500)
        clock.now += 5
        assert alone.remaining is None  # too soon
        clock.now += 15
        assert alone.remaining == pytest.approx(20)
        watching = Progress(None, clock)
        assert watching.left is None and watching.remaining is None and watching.fraction == 0

    def test_a_file_that_fails_is_no_longer_to_come(self, clock: Clock) -> None:
        run = Progress(2, clock)
        run.started("a", 100)
        run.started("b", 100_000)
        clock.now += 20
        run.advanced("a", 50)
        run.file_failed("b")
        assert run.remaining == pytest.approx(20)


Step = st.tuples(
    st.sampled_from(
        ["started", "staged", "advanced", "finished", "file_failed", "file_skipped", "ended", "paused", "resumed"]
    ),
    st.sampled_from("abc"),
    st.floats(0, 1e6),
)


@given(st.lists(Step, max_size=40), st.none() | st.integers(0, 5))
def test_no_order_of_events_breaks_a_count(steps: list[tuple[str, str, float]], files: int | None) -> None:
    clock = Clock()
    run = Progress(files, clock)
    for what, source, number in steps:
        clock.now += number / 1000
        match what:
            case "started":
                run.started(source, number or None)
            case "staged":
                run.staged(source, "aligning")
            case "advanced":
                run.advanced(source, number)
            case "finished":
                run.finished(source, outcome(number))
            case "paused":
                run.paused("disk full")
            case "resumed":
                run.resumed()
            case _:
                getattr(run, what)(source)
        assert 0 <= run.fraction <= 1
        assert run.seconds >= 0 and run.speed >= 0
        assert run.left is None or run.left >= 0
        assert run.remaining is None or run.remaining >= 0
