"""Many short files beside one of as many clips, at the same time on a thread each: clips, CPU, memory on the way."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from rich.console import Console
from rich.table import Table

from benchmarks.batch.command import MODEL, cpu_seconds, events, family, resident, start
from benchmarks.batch.material import VAD, count_clips, joined, pieces, write_wav

__all__ = ["run"]

_EARLY = 100  # the file from which memory is to stay as it is
_WINDOW = 50  # files before and after it over which memory is taken, so that the moment does not count
_SAMPLE = 0.5  # s between two looks at memory
_ONE = ("-t", "1", "--workers", "1")  # so that neither has more of the machine than the other


@dataclass(frozen=True)
class _Mark:
    """How far a run was at a moment."""

    time: float
    """s, monotonic."""
    clips: float
    cpu: float
    """s of CPU of all its processes, ffmpeg included, since it was started."""


@dataclass
class _Run:
    """A command at work, and what is known of it."""

    args: list[str]
    folder: Path
    seconds_per_clip: float | None
    """Of audio, where a run is one file and says how many seconds are done; None: a file is a clip."""
    model: Sequence[str]
    environment: Mapping[str, str] | None
    marks: list[_Mark] = field(default_factory=list)
    memory: list[tuple[float, float, float]] = field(default_factory=list)
    """Clips done, MB of the command's process, MB of its worker: at steady moments, whatever a batch is at."""
    code: int = -1
    words: int = 0

    def begin(self) -> None:
        self.began = time.monotonic()
        self.process = start([*self.args, *self.model, *VAD, *_ONE], self.folder, None, self.environment)
        self.thread = Thread(target=self._follow)
        self.thread.start()

    def end(self) -> None:
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.thread.join()

    def _follow(self) -> None:
        files = 0
        assert self.process.stderr is not None
        for event in events(iter(self.process.stderr)):
            if event["event"] == "done":
                files += 1
                self.words += event["words"]
            if event["event"] == "done" and self.seconds_per_clip is None:
                self._mark(files)
            elif event["event"] == "done" and self.seconds_per_clip is not None:
                self._mark(event["audio_seconds"] / self.seconds_per_clip)
            elif event["event"] == "progress" and self.seconds_per_clip is not None and event["position"]:
                self._mark(event["position"] / self.seconds_per_clip)
        self.code = self.process.wait()

    def _mark(self, clips: float) -> None:
        with suppress(OSError):  # it has just ended
            self.marks.append(_Mark(time.monotonic(), clips, cpu_seconds(family(self.process.pid))))

    def sample(self) -> None:
        """Look at its memory."""
        with suppress(OSError):
            first, *others = [resident(each) for each in family(self.process.pid)]
            self.memory.append((self.marks[-1].clips if self.marks else 0.0, first, sum(others)))


def run(
    count: int,
    folder: Path,
    minutes: float | None,
    model: Sequence[str] = MODEL,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Measure and print.

    Args:
        count: of files.
        folder: to work in.
        minutes: after which both are stopped; None: both end by themselves.
        model: options that name it.
        environment: variables of the commands.
    """
    (folder / "short").mkdir()
    parts = list(pieces(count))
    for number, part in enumerate(parts):
        write_wav(folder / "short" / f"{number:05d}.wav", part)
    whole = joined(parts)
    write_wav(folder / "long.wav", whole)
    clips = count_clips(folder / "long.wav")
    print(f"{count} files, {sum(map(len, parts)) / 16000:.0f} s; one file of {clips} clips", flush=True)
    apart = _Run([*_outputs("short"), "--journal", "short.sqlite"], folder, None, model, environment)
    together = _Run(
        [*_outputs("long.wav"), "--journal", "long.sqlite"], folder, len(whole) / 16000 / clips, model, environment
    )
    for each in (apart, together):
        each.begin()
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    told = time.monotonic()
    while apart.thread.is_alive() or together.thread.is_alive():
        time.sleep(_SAMPLE)
        apart.sample()
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(*(f"{each.marks[-1].clips:.0f}" if each.marks else "-" for each in (apart, together)), flush=True)
        if deadline is not None and time.monotonic() > deadline:
            break
    for each in (apart, together):
        each.end()
    _print(apart, together)
    _print_memory(apart)


def _outputs(name: str) -> list[str]:
    return [name, "-osrt", "--output-dir", f"{name}.out"]


def _print(apart: _Run, together: _Run) -> None:
    """What each did and took up to its end or the moment it was stopped, and both while both were at work."""
    table = Table(title="one thread each, side by side")
    for column in ("", "clips", "s", "CPU s", "CPU s/clip", "words", "exit code"):
        table.add_column(column, justify="right")
    costs = []
    for name, each in (("files", apart), ("one file", together)):
        last = each.marks[-1]
        costs.append(last.cpu / last.clips)
        cells = [f"{last.clips:.0f}", f"{last.time - each.began:.0f}", f"{last.cpu:.1f}", f"{costs[-1]:.3f}"]
        table.add_row(name, *cells, str(each.words), str(each.code))
    Console(width=100).print(table)
    rates = [each.marks[-1].clips / (each.marks[-1].time - each.began) for each in (apart, together)]
    print(f"throughput of files: {costs[1] / costs[0]:.3f} × by CPU, {rates[0] / rates[1]:.3f} × by the clock")


def _print_memory(apart: _Run) -> None:
    files = apart.marks[-1].clips
    if files < _EARLY + 2 * _WINDOW:
        return
    early = [look for look in apart.memory if abs(look[0] - _EARLY) <= _WINDOW]
    late = [look for look in apart.memory if look[0] >= files - 2 * _WINDOW]
    for index, what in ((1, "command"), (2, "worker")):
        first, last = (statistics.median(look[index] for look in part) for part in (early, late))
        told = f"{first:.0f} MB at file {_EARLY}, {last:.0f} MB at {files:.0f}: {100 * (last / first - 1):+.1f} %"
        print(f"memory of the {what}: {told}")
