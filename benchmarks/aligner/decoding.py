"""Reading times off the class scores of one clip: `python -m benchmarks.aligner.decoding [--markers 4000]`.

Scores are noise around markers in order, with a share of them displaced; 1 is noise alone, which no model gives. A
clip of 180 s, the longest that the model is asked about, has 2,251 classes. CPU milliseconds, median and best.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from crisp_align.aligners.qwen3.decoding import best_path, repair

if TYPE_CHECKING:
    from crisp_align.aligners.qwen3.decoding import Rows

CERTAINTY = 12.0  # of the right class over the noise, in standard deviations


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aligner.decoding", description=__doc__)
    parser.add_argument("--markers", type=int, default=4000)
    parser.add_argument("--classes", type=int, nargs="+", default=[2251, 5000])
    parser.add_argument("--displaced", type=float, nargs="+", default=[0.0, 0.01, 0.1, 0.5, 1.0])
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    from transformers.models.qwen3_asr.processing_qwen3_asr import _fix_timestamps

    table = Table(title=f"{asked.markers} markers, CPU ms: median (best)")
    for column in ("classes", "displaced", "best path", "our repair", "upstream's repair"):
        table.add_column(column, justify="right")
    for classes in asked.classes:
        for displaced in asked.displaced:
            scores = _scores(asked.markers, classes, displaced)
            chosen = scores.argmax(axis=1)
            table.add_row(
                str(classes),
                f"{displaced:.0%}",
                _spent(lambda scores=scores: best_path(scores), asked.rounds),
                _spent(lambda chosen=chosen: repair(chosen), asked.rounds),
                _spent(lambda chosen=chosen: _fix_timestamps(chosen * 80.0), 3),
            )
    Console().print(table)


def _scores(markers: int, classes: int, displaced: float) -> Rows:
    generator = np.random.default_rng(0)
    scores = generator.standard_normal((markers, classes), np.float32)
    if displaced < 1:
        chosen = np.sort(generator.integers(0, classes, markers))
        lost = generator.random(markers) < displaced
        chosen[lost] = generator.integers(0, classes, int(lost.sum()))
        scores[np.arange(markers), chosen] += CERTAINTY
    return scores


def _spent(work: Callable[[], object], rounds: int) -> str:
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append((time.process_time() - start) * 1000)
    return f"{median(spent):.1f} ({min(spent):.1f})"


if __name__ == "__main__":
    main()
