"""Qwen3-ForcedAligner here, beside transformers' own path on the same random weights of full size.

`python -m benchmarks.aligner [--seconds 11 60 300] [--batches 1 8] [--dtypes float32 int8]` makes the weights on the
spot (1.8 GB, kept in --folder) and prints a line for each case as it is measured. Each is measured in a process of its
own, so that peaks of memory do not mix; each engine warms up on a short clip, and the fastest of several rounds counts.
On a machine with other work, compare CPU seconds. On CUDA: `--device cuda --dtypes bfloat16 --seconds 60 --batches 1 2
4 8 16 32 64 128 --engines transformers ours ours-compiled`.

"ours" is our whole path: a recording cut into clips of at most 30 s at its quietest places, aligned and decoded.
"transformers" gives the recording to the model whole, as its model card does, and so does "ours-one-pass". "crispasr"
needs `pip install crispasr` and --gguf; it loads its file in every call. All decode as the makers do: random weights
put words where no recording has them, and to look for better places, as the default does, would measure that alone
(`python -m benchmarks.aligner.decoding` measures the default on scores like a model's).

"peak MB" is the most memory during the timed work, the model included: resident, or on the GPU; "work MB" is what of
it came on top of the loaded model.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.aligner.weights import build
from crisp_align.aligners import Utterance
from crisp_align.backends import LoadOptions
from crisp_align.devices import has_amx
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
    """What one process measured."""

    seconds: float
    """Of the fastest round."""
    cpu_seconds: float
    peak: float
    """MB."""
    work: float
    """MB above the loaded model."""
    warm_up: float
    """s."""


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
    parser.add_argument("--one", nargs=4, metavar=("ENGINE", "SECONDS", "DTYPE", "BATCH"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        engine, seconds, dtype, batch = asked.one
        print(json.dumps(_measure(asked, engine, float(seconds), dtype, int(batch))))
        return
    build(asked.folder)
    console = Console()
    table = Table(title=_machine(asked))
    for column in ("audio", "batch", "dtype", "engine", "s", "audio-s/s", "CPU s", "peak MB", "work MB", "warm-up s"):
        table.add_column(column, justify="right")
    cases = itertools.product(asked.seconds, asked.batches, asked.dtypes, asked.engines)
    for seconds, batch, dtype, engine in cases:
        if dtype == "int8" and not engine.startswith("ours"):
            continue
        found = _in_own_process(engine, seconds, dtype, batch)
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


def _in_own_process(engine: str, seconds: float, dtype: str, batch: int) -> Measured:
    command = [sys.executable, "-m", "benchmarks.aligner", *sys.argv[1:], "--one", engine, str(seconds), dtype]
    run = subprocess.run([*command, str(batch)], check=True, stdout=subprocess.PIPE, text=True)
    return Measured(*json.loads(run.stdout.splitlines()[-1]))


def _measure(asked: argparse.Namespace, engine: str, seconds: float, dtype: str, batch: int) -> Measured:
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(asked.threads or LoadOptions().cpu_threads)
    align = _ENGINES[engine](asked, dtype)
    work = [_recording(seconds + i * 0.01) for i in range(batch)]
    start = time.perf_counter()
    align(work if engine == "ours-compiled" else [_recording(WARM_UP)])  # compiled code is made for these lengths
    warm = time.perf_counter() - start
    gpu = asked.device.startswith("cuda")
    loaded = _memory_from_now(gpu)
    spent, worked = [], []
    for _ in range(asked.rounds):
        start, busy = time.perf_counter(), time.process_time()
        align(work)
        spent.append(time.perf_counter() - start)
        worked.append(time.process_time() - busy)
    peak = torch.cuda.max_memory_allocated() / 1e6 if gpu else _resident("VmHWM")
    return Measured(min(spent), min(worked), peak, peak - loaded, warm)


def _memory_from_now(gpu: bool) -> float:
    """MB held now; from here on the peak is counted anew."""
    import torch

    if gpu:
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 1e6
    Path("/proc/self/clear_refs").write_text("5")
    return _resident("VmRSS")


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


def _transformers(asked: argparse.Namespace, dtype: str) -> _Align:
    """As the model card runs it: the processor, one pass over the batch, the processor again."""
    import torch
    from transformers import AutoModelForTokenClassification, AutoProcessor

    processor = AutoProcessor.from_pretrained(asked.folder)
    model = AutoModelForTokenClassification.from_pretrained(asked.folder, dtype=getattr(torch, dtype))
    model = model.to(asked.device).eval()

    def align(work: Work) -> None:
        audio, texts = [samples for samples, _ in work], [text for _, text in work]
        inputs, words = processor.prepare_forced_aligner_inputs(audio=audio, transcript=texts, language="English")
        inputs = inputs.to(asked.device, model.dtype)
        with torch.inference_mode():
            logits = model(**inputs).logits
        processor.decode_forced_alignment(logits, inputs["input_ids"], words, model.config.timestamp_token_id)

    return align


def _ours(asked: argparse.Namespace, dtype: str) -> _Align:
    """Our whole path: cut at quiet places, one batch of clips, decode."""
    return _aligner(asked, dtype, CLIP)


def _ours_compiled(asked: argparse.Namespace, dtype: str) -> _Align:
    """Our whole path, the model compiled; the warm-up is a first round."""
    return _aligner(asked, dtype, CLIP, compiled=True)


def _ours_one_pass(asked: argparse.Namespace, dtype: str) -> _Align:
    """Our path without the cut."""
    return _aligner(asked, dtype, float("inf"))


def _crispasr(asked: argparse.Namespace, dtype: str) -> _Align:
    """The crispasr wheel on a GGUF file of the same weights; the type is the file's."""
    import crispasr

    assert asked.gguf is not None
    threads = asked.threads or LoadOptions().cpu_threads

    def align(work: Work) -> None:
        for samples, text in work:
            crispasr.align_words(str(asked.gguf), text.strip(), samples, n_threads=threads)

    return align


_ENGINES: dict[str, Callable[[argparse.Namespace, str], _Align]] = {
    "transformers": _transformers,
    "ours": _ours,
    "ours-compiled": _ours_compiled,
    "ours-one-pass": _ours_one_pass,
    "crispasr": _crispasr,
}


def _aligner(asked: argparse.Namespace, dtype: str, longest: float, *, compiled: bool = False) -> _Align:
    from crisp_align.aligners.qwen3 import Qwen3Aligner

    options = LoadOptions(
        device=asked.device, dtype=dtype, threads=asked.threads, compile=compiled, align_decode="upstream"
    )
    aligner = Qwen3Aligner.load(str(asked.folder), options, None)
    aligner.max_clip = float("inf")

    def align(work: Work) -> None:
        utterances = [utterance for samples, text in work for utterance in _cut(samples, text, longest)]
        assert all(isinstance(result, tuple) for result in aligner.align(utterances))

    return align


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
