"""How far ahead files are read."""

from __future__ import annotations

import time
import wave
from concurrent.futures import Future
from pathlib import Path

import pytest

from crisp_align.media.audio import MediaOptions
from crisp_align.pipeline.prefetch import ListFeed, Prefetcher, Task
from crisp_align.speech.voice import VadOptions
from crisp_align.transcript import SAMPLE_RATE

WHOLE = VadOptions(enabled=False)


def silence(path: Path, seconds: float) -> str:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(bytes(int(seconds * SAMPLE_RATE) * 2))
    return str(path)


def limit(seconds: float) -> Future[float]:
    known: Future[float] = Future()
    known.set_result(seconds)
    return known


class Counted(ListFeed):
    """A feed that counts what is taken."""

    taken = 0

    def take(self, *, wait: bool) -> Task | None:
        task = super().take(wait=wait)
        self.taken += task is not None
        return task


def taken(feed: Counted, expected: int) -> int:
    """How many tasks are taken once there are as many as expected, and time for another."""
    deadline = time.monotonic() + 60
    while feed.taken < expected and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    return feed.taken


def test_files_of_one_clip_are_read_until_two_batches_wait(tmp_path: Path) -> None:
    feed = Counted(Task(silence(tmp_path / f"{number}.wav", 0.5)) for number in range(40))
    with Prefetcher(feed, MediaOptions(), WHOLE, limit(30.0)) as reading:
        wanted = 2 * reading.batch_size
        assert wanted <= taken(feed, wanted) <= wanted + 3
        entries = [entry for entry in reading if entry is not None and list(entry[1])]
    assert len(entries) == 40


@pytest.mark.parametrize(("buffer_bytes", "files", "clips"), [(0, 1, 1), (4_000_000, 2, 1), (10**9, 3, 16)])
def test_little_room_holds_little_sound(tmp_path: Path, buffer_bytes: int, files: int, clips: int) -> None:
    feed = Counted(Task(silence(tmp_path / f"{number}.wav", 30.0)) for number in range(5))
    longest: Future[float] = Future()
    with Prefetcher(feed, MediaOptions(), WHOLE, longest, buffer_bytes) as reading:
        assert taken(feed, files) == files
        longest.set_result(1.0)
        assert reading._clips == clips
        assert (
            sum(len([step for step in steps if isinstance(step, tuple)]) for _, steps in filter(None, reading)) >= 150
        )


def test_what_goes_wrong_with_a_feed_is_raised_to_whoever_reads(tmp_path: Path) -> None:
    def tasks() -> object:
        for number in range(5):
            yield Task(silence(tmp_path / f"{number}.wav", 0.5))
        raise KeyError("a mistake")

    with (
        Prefetcher(ListFeed(tasks()), MediaOptions(), WHOLE, limit(30.0)) as reading,  # type: ignore[arg-type]
        pytest.raises(KeyError),
    ):
        for entry in reading:
            list(entry[1] if entry else ())
