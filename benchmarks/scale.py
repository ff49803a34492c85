"""How much machine an archive needs: a rate measured here for CPUs, rates given for GPUs, and what follows from them.

`python -m benchmarks.scale [--models tiny.en,base] [--minutes 4] [--threads 2] [--gpu "NAME=RATE" …]` prints two
tables: CPU seconds of each stage for an hour of speech, measured in this process, so that other work on the machine
disturbs little; and cores, machines and days for up to a million hours, which are these figures multiplied and nothing
else. A RATE is hours of audio in an hour of one GPU; what it leaves out, such as alignment, comes on top.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.throughput import speech_file
from crisp_align.backends import DecodeOptions, LoadOptions, ModelChoice
from crisp_align.pipeline.pipeline import Pipeline, Settings
from crisp_align.pipeline.prefetch import Task, read
from crisp_align.pipeline.stages import ClipTranscript
from crisp_align.transcript import Clip

HOURS = (1_000, 10_000, 100_000, 1_000_000)
CORES = 64  # of a machine
BUSY = 0.9  # share of the time that a worker of a streaming run has something to do: an assumption
PCM = 16_000 * 4 * 3600 / 1e9  # GB that an hour of sound is between two stages


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds for an hour of audio."""

    name: str
    decoding: float
    transcribing: float
    aligning: float

    @property
    def total(self) -> float:
        """Of all stages."""
        return self.decoding + self.transcribing + self.aligning


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="tiny.en,base", help="Whisper models, parted by commas")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gpu", action="append", default=[], metavar="NAME=RATE", help="again for more")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        speech = speech_file(Path(folder) / "speech.wav", asked.minutes * 60)
        costs = [measured(speech, model, asked.threads) for model in asked.models.split(",")]
    rates = [(name, float(rate)) for name, _, rate in (given.rpartition("=") for given in asked.gpu)]
    Console(width=110).print(costs_table(costs, asked.minutes), sizes_table(costs, rates))


def measured(path: Path, model: str, threads: int) -> Cost:
    """What an hour costs, from one pass over a recording, after one batch that is not counted."""
    load = LoadOptions(threads=threads)
    settings = Settings(
        ModelChoice(model=model, load=load), ModelChoice(load=load), decode=DecodeOptions(language="en")
    )
    pipeline = Pipeline.load(settings)
    limit: Future[float] = Future()
    limit.set_result(pipeline.max_clip)
    began = time.process_time()
    steps = list(read(Task(str(path)), settings.media, settings.vad, limit))
    decoding = time.process_time() - began
    clips = [step[1] for step in steps if isinstance(step, tuple)]
    _pass(pipeline, clips[: pipeline.batch_size])
    transcribing, aligning = _pass(pipeline, clips)
    hours = max(clip.end for clip in clips) / 3600
    return Cost(f"whisper {model}", decoding / hours, transcribing / hours, aligning / hours)


def _pass(pipeline: Pipeline, clips: Sequence[Clip]) -> tuple[float, float]:
    """CPU seconds of hearing and of timing."""
    began = time.process_time()
    size = pipeline.batch_size
    heard = [
        each
        for at in range(0, len(clips), size)
        for each in pipeline.models.use_backend().transcribe(clips[at : at + size])
    ]
    between = time.process_time()
    pipeline.models.use_aligners().align([each for each in heard if isinstance(each, ClipTranscript)])
    return between - began, time.process_time() - between


def costs_table(costs: Sequence[Cost], minutes: float) -> Table:
    """CPU seconds an hour of audio, stage by stage."""
    table = Table(title=f"Measured here on {minutes:g} minutes of speech: CPU seconds for an hour of audio")
    for heading in ("model", "decode and cut", "transcribe", "align", "together", "× real time, a core"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for cost in costs:
        figures = (cost.decoding, cost.transcribing, cost.aligning, cost.total, 3600 / cost.total)
        table.add_row(cost.name, *(f"{figure:,.0f}" for figure in figures[:4]), f"{figures[4]:.1f}")
    return table


def sizes_table(costs: Sequence[Cost], rates: Sequence[tuple[str, float]]) -> Table:
    """What archives of several sizes need. All of it is extrapolated."""
    table = Table(title=f"Extrapolated, with workers busy {BUSY:.0%} of the time")
    for heading in ("what", "hours of audio", "core or GPU hours", f"{CORES}-core machines or GPUs for a week", "GB"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for name, an_hour, of_a_machine in (
        *((cost.name, cost.total / 3600, CORES) for cost in costs),
        *((name, 1 / rate, 1) for name, rate in rates),
    ):
        for hours in HOURS:
            spent = hours * an_hour / BUSY
            machines = math.ceil(spent / of_a_machine / (7 * 24))
            table.add_row(name, f"{hours:,}", f"{spent:,.0f}", f"{machines:,}", f"{hours * PCM:,.0f}")
    return table


if __name__ == "__main__":
    main()
