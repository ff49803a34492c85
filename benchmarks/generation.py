"""Qwen3-ASR writing the text of several clips at once, beside one clip after the other.

`python -m benchmarks.generation [--dtypes bfloat16 float32] [--clips 8] [--tokens 64]` prints a table. The model is as
big as Qwen3-ASR-0.6B, real classes and random weights, and writes exactly as many tokens a clip as asked for. Both
ways run in one process, in turns, and the fastest of several rounds counts.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from crisp_align.backends import DecodeOptions, LoadOptions
from crisp_align.media.audio import read_audio
from crisp_align.models.devices import choose_device, require_torch
from crisp_align.models.qwen3_checkpoint import inspect
from crisp_align.transcript import SAMPLE_RATE, Clip
from crisp_align_backends import qwen3_answers, qwen3_asr
from tests.tiny import Size, qwen_config, qwen_tokenizer
from tests.tiny import qwen3_asr as tiny_checkpoint

SAMPLES = Path(__file__).parents[1] / "samples"
SPEECH = ("jfk.wav", "de-fleurs.wav", "en-librispeech-1995-1837-0001.wav")
SIZE = Size(896, 18, 14, 3584, 480, 1024, 28, 16, 8, 128, 3072, 151_936)  # Qwen3-ASR-0.6B


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generation", description=__doc__)
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="toy weights, to try the code")
    asked = parser.parse_args()
    qwen3_answers._TOKENS_PER_SECOND, qwen3_answers._TOKENS_AT_LEAST = 0, asked.tokens
    clips = _clips(asked.clips)
    seconds = [f"{clip.duration:.1f}" for clip in clips]
    threads = asked.threads or LoadOptions().cpu_threads
    table = Table(
        title=f"{platform.machine()}, {asked.device}, {threads} threads, clips of {', '.join(seconds)} s, "
        f"{asked.tokens} tokens each, best of {asked.rounds}"
    )
    for column in ("dtype", "way", "seconds", "CPU s", "tokens/s", "throughput"):
        table.add_column(column, justify="right")
    for dtype in asked.dtypes:
        backend = _backend(
            LoadOptions(device=asked.device, dtype=dtype, threads=threads), asked.tokens, Size() if asked.tiny else SIZE
        )
        ways: dict[str, Callable[[], object]] = {
            "one by one": lambda backend=backend: [backend.transcribe([c], DecodeOptions()) for c in clips],
            "together": lambda backend=backend: backend.transcribe(clips, DecodeOptions()),
        }
        backend.transcribe(clips[:1], DecodeOptions())
        rounds = [{way: _spent(run) for way, run in ways.items()} for _ in range(asked.rounds)]
        best = {way: tuple(min(one[way][i] for one in rounds) for i in (0, 1)) for way in ways}
        for way, (wall, busy) in best.items():
            rate = len(clips) * asked.tokens / wall
            figures = (f"{wall:.1f}", f"{busy:.1f}", f"{rate:.1f}", f"{best['one by one'][0] / wall:.2f} ×")
            table.add_row(dtype, way, *figures)
    Console(width=110).print(table)


def _clips(count: int) -> list[Clip]:
    """Clips of 4 to 11 s of several recordings."""
    recordings = [read_audio(SAMPLES / name) for name in SPEECH]
    made = []
    for number in range(count):
        samples = recordings[number % len(recordings)][: (4 + number % 8) * SAMPLE_RATE]
        made.append(Clip(samples, 0.0, f"clip {number}"))
    return made


def _backend(options: LoadOptions, tokens: int, size: Size) -> qwen3_asr.Qwen3Asr:
    """A recogniser of full size that knows nothing and never ends a text by itself."""
    torch = require_torch("qwen")
    from transformers import Qwen3ASRForConditionalGeneration

    torch.manual_seed(0)
    torch.set_num_threads(options.cpu_threads)
    placement = choose_device(options)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, placement.dtype))
    try:
        with torch.device(placement.device):
            network = Qwen3ASRForConditionalGeneration(qwen_config(qwen_tokenizer(), size, None)).eval()
    finally:
        torch.set_default_dtype(before)
    network.generation_config.min_new_tokens = tokens
    with tempfile.TemporaryDirectory() as folder:  # for its tokenizer
        tiny_checkpoint(Path(folder))
        return qwen3_asr.Qwen3Asr(inspect(Path(folder), "asr"), network, placement, "random")


def _spent(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds and CPU seconds."""
    start, busy = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - busy


if __name__ == "__main__":
    main()
