"""Every engine of Qwen3-ForcedAligner on every kind of file, of the same random weights of full size.

`python -m benchmarks.aligner.runtimes [--seconds 11 60] [--cases "torch folder" "ggml Q8_0" "crispasr Q8_0" …]` makes
the weights (1.8 GB) and the GGUF files (F16, Q8_0, Q4_K, together 3.5 GB) in --folder unless they are there, and prints
a line for each case as it is measured. Each case has a process of its own: it loads, warms up on 4 s, and aligns each
recording once. "crispasr" is the wheel's own `align_words`, which gives no scores and loads in its first call.

"peak MB" is the most memory that the process had resident until then, pages of a mapped file that others share
included. On a machine with other work compare CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.aligner.__main__ import CLIP, WARM_UP, Work, _cut, _recording, _resident
from benchmarks.aligner.weights import build
from crisp_align.backends import LoadOptions

KINDS = ("F16", "Q8_0", "Q4_K")
CASES = ("torch folder", *(f"{engine} {kind}" for engine in ("torch", "ggml", "crispasr") for kind in KINDS))


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aligner.runtimes", description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[11.0, 60.0])
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/crisp-align-random-aligner"))
    parser.add_argument("--one", choices=CASES, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        _measure(asked)
        return
    files(build(asked.folder), {case.split()[1] for case in asked.cases} & set(KINDS))
    print("engine and file", "load s", "load CPU s", "audio", "s", "CPU s", "peak MB", sep="\t", flush=True)
    for case in asked.cases:
        subprocess.run([sys.executable, "-m", "benchmarks.aligner.runtimes", *sys.argv[1:], "--one", case], check=False)


def files(folder: Path, kinds: set[str]) -> None:
    """The weights of a folder as GGUF, in some kinds."""
    missing = [kind for kind in sorted(kinds) if not _file(folder, kind).is_file()]
    if not missing:
        return
    from transformers import AutoTokenizer

    from crisp_align.models.devices import DeviceChoice
    from crisp_align.models.qwen3_checkpoint import inspect, load_weights
    from tests.gguf_files import to_gguf

    model = load_weights(inspect(folder, "aligner"), DeviceChoice("cpu", "bfloat16"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for kind in missing:
        part = _file(folder, kind).with_suffix(".part")
        to_gguf(model, tokenizer, part, kind).rename(_file(folder, kind))


def _file(folder: Path, kind: str) -> Path:
    return folder.with_name(f"{folder.name}-forced-aligner-{kind.lower()}.gguf")  # crispasr goes by the name


def _measure(asked: argparse.Namespace) -> None:
    engine, kind = asked.one.split()
    path = asked.folder if kind == "folder" else _file(asked.folder, kind)
    started, busy = time.perf_counter(), time.process_time()
    align = _wheel(path, asked) if engine == "crispasr" else _ours(path, engine, asked)
    loaded = time.perf_counter() - started, time.process_time() - busy
    align([_recording(WARM_UP)])
    for seconds in asked.seconds:
        started, busy = time.perf_counter(), time.process_time()
        align([_recording(seconds)])
        spent = time.perf_counter() - started, time.process_time() - busy
        figures = [f"{value:.1f}" for value in (*loaded, seconds, *spent)]
        print(asked.one, *figures, f"{_resident('VmHWM'):.0f}", sep="\t", flush=True)


def _ours(path: Path, engine: str, asked: argparse.Namespace) -> Callable[[Work], None]:
    from crisp_align.aligners.qwen3.aligner import Qwen3Aligner

    options: dict[str, Any] = {"runtime": engine, "threads": asked.threads, "dtype": asked.dtype, "device": "cpu"}
    aligner = Qwen3Aligner.load(str(path), LoadOptions(align_decode="upstream", **options), None)

    def align(work: Work) -> None:
        results = aligner.align([utterance for samples, text in work for utterance in _cut(samples, text, CLIP)])
        assert all(isinstance(result, tuple) for result in results), json.dumps([str(result) for result in results])

    return align


def _wheel(path: Path, asked: argparse.Namespace) -> Callable[[Work], None]:
    import crispasr

    def align(work: Work) -> None:
        for samples, text in work:
            assert crispasr.align_words(str(path), text.strip(), samples, n_threads=asked.threads)

    return align


if __name__ == "__main__":
    main()
