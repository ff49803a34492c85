"""Qwen3-ForcedAligner here, beside transformers' own path on the same random weights of full size.

`python -m benchmarks.aligner [--seconds 11 60 300] [--batches 1 8] [--dtypes float32 int8]` makes the weights on the
spot (1.8 GB, kept in --folder) and prints a line for each engine as soon as it is measured. Each case has a process of
its own, in which the engines share one loaded model and take turns, so that what else the machine does meets them all;
each warms up on a short clip, and its fastest round counts. On a machine with other work, compare CPU seconds. On CUDA:
`--device cuda --dtypes bfloat16 --batches 1 2 4 8 16 32 64 128 --engines transformers ours ours-compiled`.

"ours" is our whole path: a recording cut into clips of at most 30 s at its quietest places, aligned and decoded.
"transformers" gives the recording to the model whole, as its model card does, and so does "ours-one-pass". "crispasr"
needs `pip install crispasr` and --gguf; it loads its file in every call. All decode as the makers do: random weights
put words where no recording has them, and to look for better places, as the default does, would measure that alone
(`python -m benchmarks.aligner.decoding` measures the default on scores like a model's).

"peak MB" is the most memory during the first round, the model included: resident, or on the GPU; "work MB" is what of
it came on top of the loaded model.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.aligner.weights import build
from crisp_align.aligners import Utterance
from crisp_align.backends import LoadOptions
from crisp_align.models.devices import choose_device, has_amx
from crisp_align.models.qwen3_checkpoint import Checkpoint, inspect, load_weights
from crisp_align.text.units import split_units
from crisp_align.transcript import SAMPLE_RATE, Clip

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

SAMPLES = Path(__file__).parents[2] / "samples"
SENTENCE = (
    " And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your country."
)
SENTENCE_SECONDS = 11.0
CLIP = 30.0  # s
WARM_UP = 4.0  # s

Work: TypeAlias = "list[tuple[Samples, str]]"
_Align: TypeAlias = "Callable[[Work], None]"


class Measured(NamedTuple):
    """What was measured of one engine in one case."""

    seconds: float
    """Of the fastest round."""
    cpu_seconds: float
    warm_up: float
    """s."""
    peak: float
    """MB."""
    work: float
    """MB above the loaded model."""


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aligner", description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[11.0, 60.0, 300.0])
    parser.add_argument("--dtypes", nargs="+", default=["float32"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1])
    parser.add_argument("--engines", nargs="+", choices=sorted(_ENGINES), default=["transformers", "ours"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/crisp-align-random-aligner"))
    parser.add_argument("--gguf", type=Path, help="the same weights for crispasr; its name must hold forced-aligner")
    parser.add_argument("--one", nargs=4, metavar=("SECONDS", "BATCH", "DTYPE", "ENGINES"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        seconds, batch, dtype, engines = asked.one
        print(json.dumps(_measure(asked, float(seconds), int(batch), dtype, engines.split(","))))
        return
    build(asked.folder)
    console = Console()
    table = Table(title=_machine(asked))
    for column in ("audio", "batch", "dtype", "engine", "s", "audio-s/s", "CPU s", "peak MB", "work MB", "warm-up s"):
        table.add_column(column, justify="right")
    for seconds, batch, dtype in itertools.product(asked.seconds, asked.batches, asked.dtypes):
        engines = [name for name in asked.engines if dtype != "int8" or name.startswith("ours")]
        for engine, found in zip(engines, _in_own_process(seconds, batch, dtype, engines), strict=True):
            rate = seconds * batch / found.seconds
            figures = (f"{found.seconds:.2f}", f"{rate:.2f}", f"{found.cpu_seconds:.2f}", f"{found.peak:.0f}")
            row = (f"{seconds:g} s", str(batch), dtype, engine, *figures, f"{found.work:.0f}", f"{found.warm_up:.0f}")
            table.add_row(*row)
            print(*row, sep="\t", file=sys.stderr, flush=True)
    console.print(table)


def _machine(asked: argparse.Namespace) -> str:
    threads = asked.threads or LoadOptions().cpu_threads
    amx = "with AMX" if has_amx() else "without AMX"
    return f"{platform.machine()} {amx}, {asked.device}, {threads} threads, best of {asked.rounds}"


def _in_own_process(seconds: float, batch: int, dtype: str, engines: list[str]) -> list[Measured]:
    command = [sys.executable, "-m", "benchmarks.aligner", *sys.argv[1:], "--one", str(seconds), str(batch), dtype]
    run = subprocess.run([*command, ",".join(engines)], check=True, stdout=subprocess.PIPE, text=True)
    return [Measured(*found) for found in json.loads(run.stdout.splitlines()[-1])]


def _measure(asked: argparse.Namespace, seconds: float, batch: int, dtype: str, engines: list[str]) -> list[Measured]:
    import torch

    torch.set_num_threads(asked.threads or LoadOptions().cpu_threads)
    checkpoint = inspect(asked.folder, "aligner")
    model = load_weights(checkpoint, choose_device(LoadOptions(device=asked.device, dtype=dtype)))
    ready = [_ENGINES[engine](asked, checkpoint, model) for engine in engines]
    work = [_recording(seconds + i * 0.01) for i in range(batch)]
    rounds: list[list[tuple[float, float]]] = [[] for _ in engines]
    memory, warm = [], []
    for engine, align in zip(engines, ready, strict=True):
        # What is compiled is compiled for these lengths.
        warm.append(_timed(align, work if engine == "ours-compiled" else [_recording(WARM_UP)])[0])
    for number in range(asked.rounds):
        for align, times in zip(ready, rounds, strict=True):
            loaded = _memory_from_now(asked.device)
            times.append(_timed(align, work))
            if number == 0:
                peak = _peak_memory(asked.device)
                memory.append((peak, peak - loaded))
    return [
        Measured(min(spent for spent, _ in times), min(worked for _, worked in times), first, peak, above)
        for times, first, (peak, above) in zip(rounds, warm, memory, strict=True)
    ]


def _timed(align: _Align, work: Work) -> tuple[float, float]:
    """Seconds and CPU seconds of a call."""
    start, busy = time.perf_counter(), time.process_time()
    align(work)
    return time.perf_counter() - start, time.process_time() - busy


def _memory_from_now(device: str) -> float:
    """MB held now; from here on the peak is counted anew."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 1e6
    ctypes.CDLL(None).malloc_trim(0)  # what the engine before has left
    Path("/proc/self/clear_refs").write_text("5")
    return _resident("VmRSS")


def _peak_memory(device: str) -> float:
    import torch

    return torch.cuda.max_memory_allocated() / 1e6 if device.startswith("cuda") else _resident("VmHWM")


def _resident(field: str) -> float:
    """MB as Linux counts them for this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(field))


def _recording(seconds: float) -> tuple[Samples, str]:
    """The sample sentence over and over, and its text."""
    import wave

    with wave.open(str(SAMPLES / "jfk.wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    once = pcm.astype(np.float32) / 32768
    count = int(seconds // SENTENCE_SECONDS) + 1
    samples = np.tile(once, count)[: round(seconds * SAMPLE_RATE)]
    words = (SENTENCE * count).split()
    return samples, " " + " ".join(words[: max(round(len(words) * seconds / (count * SENTENCE_SECONDS)), 1)])


def _transformers(asked: argparse.Namespace, checkpoint: Checkpoint, model: Any) -> _Align:
    """As the model card runs it: the processor, one pass over the batch, the processor again."""
    import torch
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(checkpoint.path)

    def align(work: Work) -> None:
        audio, texts = [samples for samples, _ in work], [text for _, text in work]
        inputs, words = processor.prepare_forced_aligner_inputs(audio=audio, transcript=texts, language="English")
        inputs = inputs.to(asked.device, model.dtype)
        with torch.inference_mode():
            logits = model(**inputs).logits
        processor.decode_forced_alignment(logits, inputs["input_ids"], words, model.config.timestamp_token_id)

    return align


def _crispasr(asked: argparse.Namespace, checkpoint: Checkpoint, model: Any) -> _Align:
    """The crispasr wheel on a GGUF file of the same weights; the type is the file's."""
    import crispasr

    assert asked.gguf is not None
    threads = asked.threads or LoadOptions().cpu_threads

    def align(work: Work) -> None:
        for samples, text in work:
            crispasr.align_words(str(asked.gguf), text.strip(), samples, n_threads=threads)

    return align


def _ours(longest: float, *, compiled: bool = False) -> Callable[[argparse.Namespace, Checkpoint, Any], _Align]:
    """Our whole path: cut at quiet places, one batch of clips, decode."""

    def prepare(asked: argparse.Namespace, checkpoint: Checkpoint, model: Any) -> _Align:
        from crisp_align.aligners.qwen3.aligner import Qwen3Aligner
        from crisp_align.aligners.qwen3.network import Network
        from crisp_align.aligners.qwen3.torch_engine import TorchEngine

        network = Network(checkpoint, model, compiler="inductor" if compiled else None)
        aligner = Qwen3Aligner(TorchEngine(network), str(asked.folder), LoadOptions(align_decode="upstream"))
        aligner.max_clip = float("inf")

        def align(work: Work) -> None:
            utterances = [utterance for samples, text in work for utterance in _cut(samples, text, longest)]
            assert all(isinstance(result, tuple) for result in aligner.align(utterances))

        return align

    return prepare


_ENGINES: dict[str, Callable[[argparse.Namespace, Checkpoint, Any], _Align]] = {
    "transformers": _transformers,
    "ours": _ours(CLIP),
    "ours-compiled": _ours(CLIP, compiled=True),
    "ours-one-pass": _ours(float("inf")),
    "crispasr": _crispasr,
}


def _cut(samples: Samples, text: str, longest: float) -> list[Utterance]:
    """Clips of at most `longest` s, ending where a tenth of a second is quietest; words dealt out by time."""
    step = SAMPLE_RATE // 10
    units = split_units(text, "en")
    energy = (samples[: len(samples) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    cuts, limit = [0], int(min(longest, 1e6) * 10)
    while len(energy) - cuts[-1] > limit:
        low = cuts[-1] + limit - 50
        cuts.append(low + int(energy[low : low + 50].argmin()))
    edges = [cut * step for cut in cuts] + [len(samples)]
    made = []
    for first, last in itertools.pairwise(edges):
        share = slice(round(len(units) * first / len(samples)), round(len(units) * last / len(samples)))
        clip = Clip(samples[first:last], first / SAMPLE_RATE, "benchmark")
        made.append(Utterance(clip, tuple(units[share]), "en"))
    return made


if __name__ == "__main__":
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    main()
