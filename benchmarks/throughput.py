"""Our whole run beside faster-whisper's own batched pipeline, and memory over long files.

`python -m benchmarks.throughput [--minutes 10] [--threads 2] [--hours 3]` prints a table. Both sides hear the same
clips with the same model, beam and batch size, one after the other in one process, several times over; the ratio of
the fastest runs is what counts on a noisy machine. Alignment, which goes on beside the transcription of the next
batch, is also timed by itself, with nothing beside it; CPU seconds are of all threads.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import AlignerChain, Timed
from crisp_align.backends import DecodeOptions, LoadOptions, ModelChoice
from crisp_align.media.audio import open_audio, read_audio
from crisp_align.pipeline.pipeline import Pipeline, Settings
from crisp_align.speech.clips import clips
from crisp_align.transcript import SAMPLE_RATE, Clip
from crisp_align_backends.whisper import Whisper

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

SAMPLES = Path(__file__).parents[1] / "samples"
SPEECH = ("jfk.wav", "en-librispeech-1995-1837-0001.wav")


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--hours", type=float, default=0.0, help="also measure memory over a file this long")
    parser.add_argument("--rss", metavar="FILE", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rss:
        print(_peak_of_run(asked.rss, asked.threads))
        return
    with tempfile.TemporaryDirectory() as folder:
        short = speech_file(Path(folder) / "short.wav", asked.minutes * 60)
        _print_speed(short, asked.threads, asked.repeats)
        if asked.hours:
            long = speech_file(Path(folder) / "long.wav", asked.hours * 3600)
            _print_memory(short, long, asked.threads)


def speech_file(path: Path, seconds: float) -> Path:
    """A WAV of the sample sentences with pauses of a second between them, at least `seconds` long."""
    pause = np.zeros(SAMPLE_RATE, np.float32)
    round_ = np.concatenate([part for name in SPEECH for part in (read_audio(SAMPLES / name), pause)])
    pcm = (np.clip(round_, -1, 1) * 32767).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for _ in range(int(seconds * SAMPLE_RATE / len(round_)) + 1):
            file.writeframes(pcm)
    return path


def _print_speed(path: Path, threads: int, repeats: int) -> None:
    load = LoadOptions(threads=threads)
    settings = Settings(ModelChoice(load=load), ModelChoice(load=load), decode=DecodeOptions(language="en"))
    pipeline = Pipeline.load(settings)
    whisper = pipeline.models.use_backend().backend
    assert isinstance(whisper, Whisper)
    with open_audio(path) as stream:
        cut = list(clips(stream, "speech"))
    audio = read_audio(path)
    asked = _watched(pipeline)
    theirs, ours, aligning = [], [], []
    for _ in range(repeats):
        theirs.append(_cost(lambda: _faster_whisper(whisper, audio, cut)))
        asked.clear()
        ours.append(_cost(lambda: list(pipeline.transcribe([str(path)]))))
        batches = list(asked)
        aligning.append(_cost(partial(_align_all, pipeline.models.aligners, batches)))
    table = Table(title=f"{len(audio) / SAMPLE_RATE / 60:.1f} min, {len(cut)} clips, base int8, {threads} threads")
    for column in ("what", "seconds", "× real time", "ratio", "CPU seconds", "ratio"):
        table.add_column(column)
    base = min(theirs)
    for name, costs in (
        ("faster-whisper's batched pipeline, same clips, no alignment", theirs),
        ("ours: decode, voice activity, transcribe, align, segments", ours),
        ("alignment (hmm) by itself", aligning),
    ):
        seconds, cpu = min(costs).seconds, min(cost.cpu for cost in costs)
        table.add_row(
            name,
            f"{seconds:.1f}",
            f"{len(audio) / SAMPLE_RATE / seconds:.0f}",
            f"{seconds / base.seconds:.2f}",
            f"{cpu:.1f}",
            f"{cpu / min(cost.cpu for cost in theirs):.2f}",
        )
    Console(width=120).print(table)


def _faster_whisper(whisper: Whisper, audio: Samples, cut: list[Clip]) -> None:
    from faster_whisper import BatchedInferencePipeline

    stamps = [{"start": clip.start, "end": clip.end} for clip in cut]
    batched = BatchedInferencePipeline(whisper._engine)
    segments, _ = batched.transcribe(
        audio, language="en", beam_size=5, batch_size=whisper.batch_size, clip_timestamps=stamps
    )
    list(segments)


def _align_all(aligners: AlignerChain, batches: Sequence[Sequence[Utterance]]) -> None:
    for batch in batches:
        aligners.align(batch)


def _watched(pipeline: Pipeline) -> list[Sequence[Utterance]]:
    """Make the pipeline's aligners add the batches they are asked for to the list returned."""
    asked: list[Sequence[Utterance]] = []
    inner = pipeline.models.aligners.align

    def align(utterances: Sequence[Utterance]) -> list[Timed]:
        asked.append(utterances)
        return inner(utterances)

    pipeline.models.aligners.align = align  # type: ignore[method-assign]
    return asked


class _Cost(NamedTuple):
    seconds: float
    cpu: float


def _cost(work: Callable[[], object]) -> _Cost:
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return _Cost(time.perf_counter() - start, time.process_time() - cpu)


def _print_memory(short: Path, long: Path, threads: int) -> None:
    table = Table(title="peak resident memory of a whole run, tiny.en")
    for column in ("file", "MB"):
        table.add_column(column)
    for path in (short, long):
        command = [sys.executable, "-m", "benchmarks.throughput", "--rss", str(path), "--threads", str(threads)]
        peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        table.add_row(f"{path.stat().st_size / 2 / SAMPLE_RATE / 60:.0f} min", f"{peak:.0f}")
    Console().print(table)


def _peak_of_run(path: str, threads: int) -> float:
    load = LoadOptions(threads=threads)
    pipeline = Pipeline.load(Settings(ModelChoice(model="tiny.en", load=load), ModelChoice(load=load)))
    for _ in pipeline.transcribe([path]):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
