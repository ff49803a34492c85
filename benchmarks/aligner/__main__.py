"""Qwen3-ForcedAligner here, beside transformers' own path on the same random weights of full size.

`python -m benchmarks.aligner [--seconds 11 60 300] [--dtypes float32 bfloat16] [--batches 1 8] [--folder DIR]` prints a
table. Each line is measured in a process of its own, so that peaks of memory do not mix; each engine warms up on one
clip, and the fastest of several rounds counts. On a machine with other work, compare CPU seconds.

"ours" is our whole path: a recording cut into clips of at most 30 s at its quietest places, aligned and decoded.
"transformers" gives the recording to the model whole, as its model card does, and so does "ours-one-pass". "crispasr"
needs `pip install crispasr` and --gguf; it loads its file in every call.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

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


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aligner", description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[11.0, 60.0, 300.0])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1])
    parser.add_argument("--engines", nargs="+", default=["transformers", "ours"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
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
    table = Table(title=_machine(asked))
    for column in ("audio", "dtype", "batch", "engine", "seconds", "audio-s/s", "CPU s", "peak MB"):
        table.add_column(column, justify="right")
    for seconds in asked.seconds:
        for dtype in asked.dtypes:
            for batch in asked.batches:
                for engine in asked.engines:
                    spent, worked, peak, warm = _in_own_process(engine, seconds, dtype, batch)
                    rate = seconds * batch / spent
                    name = f"{engine} (warm-up {warm:.0f} s)" if asked.compile else engine
                    figures = (f"{spent:.2f}", f"{rate:.1f}", f"{worked:.2f}", f"{peak:.0f}")
                    table.add_row(f"{seconds:.0f} s", dtype, str(batch), name, *figures)
    Console().print(table)


def _machine(asked: argparse.Namespace) -> str:
    threads = asked.threads or LoadOptions().cpu_threads
    amx = "with AMX" if has_amx() else "without AMX"
    return f"{platform.machine()} {amx}, {asked.device}, {threads} threads, best of {asked.rounds}"


def _in_own_process(engine: str, seconds: float, dtype: str, batch: int) -> tuple[float, float, float, float]:
    command = [sys.executable, "-m", "benchmarks.aligner", *sys.argv[1:], "--one", engine, str(seconds), dtype]
    run = subprocess.run([*command, str(batch)], check=True, stdout=subprocess.PIPE, text=True)
    spent, worked, peak, warm = json.loads(run.stdout.splitlines()[-1])
    return spent, worked, peak, warm


def _measure(asked: argparse.Namespace, engine: str, seconds: float, dtype: str, batch: int) -> list[float]:
    """Seconds and CPU seconds of the best round, peak resident (or GPU) MB, seconds of the warm-up."""
    import torch

    torch.set_num_threads(asked.threads or LoadOptions().cpu_threads)
    prepare = _ENGINES[engine]
    align = prepare(asked, dtype)
    work = [_recording(seconds + i * 0.01) for i in range(batch)]
    start = time.perf_counter()
    align(work if asked.compile else work[:1])
    warm = time.perf_counter() - start
    spent, worked = [], []
    for _ in range(asked.rounds):
        start, busy = time.perf_counter(), time.process_time()
        align(work)
        spent.append(time.perf_counter() - start)
        worked.append(time.process_time() - busy)
    if asked.device.startswith("cuda"):
        return [min(spent), min(worked), torch.cuda.max_memory_allocated() / 1e6, warm]
    return [min(spent), min(worked), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, warm]


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


_Align: TypeAlias = "Callable[[list[tuple[Samples, str]]], None]"


def _transformers(asked: argparse.Namespace, dtype: str) -> _Align:
    """As the model card runs it: the processor, one pass over the batch, the processor again."""
    import torch
    from transformers import AutoModelForTokenClassification, AutoProcessor

    processor = AutoProcessor.from_pretrained(asked.folder)
    model = AutoModelForTokenClassification.from_pretrained(asked.folder, dtype=getattr(torch, dtype))
    model = model.to(asked.device).eval()

    def align(work: list[tuple[Samples, str]]) -> None:
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


def _ours_one_pass(asked: argparse.Namespace, dtype: str) -> _Align:
    """Our path without the cut."""
    return _aligner(asked, dtype, float("inf"))


def _crispasr(asked: argparse.Namespace, dtype: str) -> _Align:
    """The crispasr wheel on a GGUF file of the same weights; the type is the file's."""
    import crispasr

    assert asked.gguf is not None
    threads = asked.threads or LoadOptions().cpu_threads

    def align(work: list[tuple[Samples, str]]) -> None:
        for samples, text in work:
            crispasr.align_words(str(asked.gguf), text.strip(), samples, n_threads=threads)

    return align


_ENGINES = {"transformers": _transformers, "ours": _ours, "ours-one-pass": _ours_one_pass, "crispasr": _crispasr}


def _aligner(asked: argparse.Namespace, dtype: str, longest: float) -> _Align:
    from crisp_align.aligners.qwen3 import Qwen3Aligner

    options = LoadOptions(device=asked.device, dtype=dtype, threads=asked.threads, compile=asked.compile)
    aligner = Qwen3Aligner.load(str(asked.folder), options, None)
    aligner.max_clip = float("inf")

    def align(work: list[tuple[Samples, str]]) -> None:
        utterances = [utterance for samples, text in work for utterance in _cut(samples, text, longest)]
        assert len(aligner.align(utterances)) == len(utterances)

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
