"""One batch, killed again and again at random moments, and what it leaves beside an undisturbed run."""

from __future__ import annotations

import math
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from benchmarks.batch.command import MODEL, events, start
from benchmarks.batch.material import VAD, joined, pieces, write_wav

__all__ = ["Batch", "Outcome", "Watcher", "run"]

_FEW = 3  # clips' time after a run has begun a file, within which it is killed
_EARLY = 0.2  # share of the runs that are killed before


@dataclass
class Watcher:
    """Looks at outputs all the time: whatever is visible must be whole and right.

    Args:
        folder: of the outputs.
        right: name → the bytes that are right.
    """

    folder: Path
    right: dict[str, bytes]
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Name → inode and time of change when it was last read."""
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    _stop: Event = field(default_factory=Event)

    def __enter__(self) -> Watcher:
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.look()
            time.sleep(0.002)

    def look(self) -> None:
        """Look once."""
        self.looks += 1
        try:
            entries = list(os.scandir(self.folder))
        except OSError:
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            status = entry.stat()
            stamp = (entry.inode(), status.st_mtime_ns)
            if self.seen.get(entry.name) == stamp:
                continue
            self.seen[entry.name] = stamp
            if Path(entry.path).read_bytes() != self.right.get(entry.name):
                self.wrong.append(f"{entry.name} was visible and not as it should be")


@dataclass(frozen=True)
class Batch:
    """What is done, and by which models."""

    files: int = 60
    """Of one clip each."""
    clips: int = 30
    """Of one long file among them."""
    model: Sequence[str] = MODEL
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a batch that was killed again and again, and is as it should be."""

    kills: int
    outputs: int
    looks: int
    """How often somebody looked for partial files."""
    resumed: int
    """Files that a run went on with after clips of an earlier one."""


def run(count: int, folder: Path, seed: int, batch: Batch) -> Outcome:
    """Do a batch undisturbed, then another time, killed up to `count` times; AssertionError where they differ."""
    _make(folder / "in", batch)
    began, first = time.monotonic(), 0.0
    with start([*_args("calm", batch), "--journal", "calm.sqlite"], folder, None, batch.environment) as process:
        assert process.stderr is not None
        for event in events(iter(process.stderr)):
            if event["event"] == "done":
                first = first or time.monotonic() - began
    calm = time.monotonic() - began
    assert process.returncode == 0 and first
    right = {path.name: path.read_bytes() for path in (folder / "calm").iterdir()}
    print(f"undisturbed: {len(right)} outputs in {calm:.0f} s, the first after {first:.1f} s", flush=True)
    each = (calm - first) / (batch.files + batch.clips)
    chance, killed, again = random.Random(seed), 0, list[str]()
    done: dict[str, tuple[float, int]] = {}
    with Watcher(folder / "out", right) as watcher:
        while True:
            log = folder / f"run{killed}.log"
            process = start([*_args("out", batch), "--journal", "journal.sqlite"], folder, log, batch.environment)
            if killed == count:
                process.wait()
                break
            if chance.random() < _EARLY:
                ended = _ends(process, chance.uniform(0, first))
            else:
                ended = _ends(process, math.inf, log) or _ends(process, chance.uniform(0, _FEW * each))
            if ended:
                break
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
            now = _done(folder / "journal.sqlite")
            again += [key for key, value in done.items() if now.get(key) != value]
            done = now
            if killed % 10 == 0:
                print(f"{killed} kills, {len(done)} files done", flush=True)
        watcher.look()
    made = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    told = [event for log in sorted(folder.glob("run*.log")) for event in events(iter(log.open("rb")))]
    finished = [event["file"] for event in told if event["event"] == "done"]
    assert process.returncode == 0, f"exit code {process.returncode}"
    assert made == right, sorted(set(made) ^ set(right)) or "outputs differ"
    assert not watcher.wrong, watcher.wrong[:5]
    assert not again, f"done again: {again[:5]}"
    assert len(finished) == len(set(finished)), "a file was told done twice"
    resumed = sum("done by an earlier run" in event.get("text", "") for event in told)
    return Outcome(killed, len(made), watcher.looks, resumed)


def _ends(process: subprocess.Popen[bytes], seconds: float, log: Path | None = None) -> bool:
    """Whether a command ends by itself within a time, or before it has begun a file where its log is given."""
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        if log is not None and b'"started"' in log.read_bytes():
            return False
        time.sleep(0.002)
    return process.poll() is not None


def _make(folder: Path, batch: Batch) -> None:
    folder.mkdir()
    parts = list(pieces(batch.files + batch.clips))
    for number in range(batch.files):
        write_wav(folder / f"{number:04d}.wav", parts[number])
    write_wav(folder / f"{batch.files // 2:04d}-long.wav", joined(parts[batch.files :]))


def _args(folder: str, batch: Batch) -> list[str]:
    return ["in", *batch.model, *VAD, "-osrt", "-oj", "--output-dir", folder]


def _done(journal: Path) -> dict[str, tuple[float, int]]:
    """Key → when it was done, and how many outputs it has, of all that the journal calls done."""
    if not journal.exists():
        return {}
    with closing(sqlite3.connect(journal)) as connection:
        try:
            rows = connection.execute(
                "SELECT key, ended, (SELECT count(*) FROM outputs WHERE outputs.key = jobs.key) FROM jobs "
                "WHERE state = 'done'"
            ).fetchall()
        except sqlite3.OperationalError:  # killed before it was made
            return {}
    return {os.fsdecode(key): (ended, outputs) for key, ended, outputs in rows}
