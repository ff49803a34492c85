"""Every model on one GPU in at most eight minutes: `python -m benchmarks.gpu [--device cuda]`.

Random weights of full size are made on the spot, so nothing is downloaded but the packages. Four parts, each a process
of its own with a limit of time, print their tables; a part that fails or runs over costs its own rows only:

- aligner: Qwen3-ForcedAligner at batches of 1 to 128 clips of 11 s, compiled and not, beside transformers;
- generation: Qwen3-ASR-0.6B writing texts together and one by one;
- parakeet: Parakeet-TDT-0.6B, batches of 1 to 64;
- whisper: the best Whisper weights on this machine, in float16.

`python -m benchmarks.gpu --device cpu --tiny` runs the same code on toy weights (a minute of CPU time), so that time on
a GPU is not spent on finding typing errors.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["main"]


class Part(NamedTuple):
    """A benchmark, and how long it may take."""

    name: str
    arguments: tuple[str, ...]
    limit: float
    """s."""


def main() -> int:
    """Run every part and print what it prints; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="toy weights and few batches")
    parser.add_argument("--only", nargs="+", choices=("aligner", "generation", "parakeet", "whisper"))
    asked = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for part in _parts(asked.device, Path(folder), tiny=asked.tiny):
            if asked.only is None or part.name in asked.only:
                # Toy weights are tried on machines of any speed; the limit is for the GPU.
                failed |= not _run(part._replace(limit=600.0) if asked.tiny else part)
    return int(failed)


def _parts(device: str, folder: Path, *, tiny: bool) -> tuple[Part, ...]:
    weights = folder / "aligner"
    if tiny:
        from tests.tiny import qwen3_aligner

        qwen3_aligner(weights)
    batches = ("1", "2") if tiny else ("1", "2", "4", "8", "16", "32", "64", "128")
    dtype = "float32" if device == "cpu" else "bfloat16"
    rounds = ("--rounds", "1" if tiny else "2")
    small = ("--tiny",) if tiny else ()
    # inductor needs a C++ compiler on a CPU; toy weights would measure nothing but its start
    engines = ("transformers", "ours") if tiny else ("transformers", "ours", "ours-compiled")
    return (
        Part(
            "aligner",
            (
                *("benchmarks.aligner", "--device", device, "--dtypes", dtype, "--seconds", "11", *rounds),
                *("--batches", *batches, "--engines", *engines, "--folder", str(weights)),
            ),
            240.0,
        ),
        Part(
            "generation",
            (
                *("benchmarks.generation", "--device", device, "--dtypes", dtype),
                *("--clips", "2" if tiny else "32", *rounds, *small),
            ),
            90.0,
        ),
        Part("parakeet", ("benchmarks.gpu.parakeet", "--device", device, "--dtype", dtype, *small), 75.0),
        Part("whisper", ("benchmarks.gpu.whisper", "--device", device, *small), 75.0),
    )


def _run(part: Part) -> bool:
    """Run a part; whether it came to its end in time."""
    print(f"\n{part.name}: python -m {' '.join(part.arguments)}", flush=True)
    begun = time.perf_counter()
    try:
        code = subprocess.run([sys.executable, "-m", *part.arguments], timeout=part.limit).returncode
    except subprocess.TimeoutExpired:
        print(f"{part.name}: stopped after {part.limit:.0f} s; the rows above are what it measured", flush=True)
        return False
    outcome = "done" if code == 0 else f"failed with exit code {code}"
    print(f"{part.name}: {outcome} in {time.perf_counter() - begun:.0f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
