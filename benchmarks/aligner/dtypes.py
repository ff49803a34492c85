"""How far times move when the aligner computes in fewer bits: `python -m benchmarks.aligner.dtypes [--folder DIR]`.

The recording samples/jfk.wav and its beginnings up to each word from the third on, 20 clips, are timed in float32 and
in each other type. By default by the tests' checkpoint, which has the real classes at a tiny width and knows this
recording by heart; widths of the released model may fare better or worse.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from crisp_align.aligners import Utterance
from crisp_align.aligners.qwen3.aligner import Qwen3Aligner
from crisp_align.backends import LoadOptions
from crisp_align.media.audio import read_audio
from crisp_align.text.units import split_units
from crisp_align.transcript import SAMPLE_RATE, Clip, Span

ROOT = Path(__file__).parents[2]
LABELS = ROOT / "tests" / "goldens" / "jfk_labels.json"
CLASS = 0.08  # s


def main() -> None:
    """Time everything in every type and print how they differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aligner.dtypes", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "tests" / "data" / "qwen3-aligner-jfk")
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "int8"])
    asked = parser.parse_args()
    utterances, labels = _clips()
    exact = _edges(asked.folder, "float32", utterances)
    table = Table(title=f"{exact.size} word edges; ms")
    for column in ("dtype", "moved", "by one class", "by more", "farthest", "mean error", "in float32"):
        table.add_column(column, justify="right")
    for dtype in asked.dtypes:
        edges = _edges(asked.folder, dtype, utterances)
        moved = np.rint(np.abs(edges - exact) / CLASS)
        counts = (np.count_nonzero(moved), np.count_nonzero(moved == 1), np.count_nonzero(moved > 1))
        errors = (np.abs(edges - exact).max(), np.abs(edges - labels).mean(), np.abs(exact - labels).mean())
        table.add_row(dtype, *map(str, counts), *(f"{error * 1000:.1f}" for error in errors))
    Console().print(table)


def _clips() -> tuple[list[Utterance], np.ndarray]:
    """The clips, and the labels of all their word edges, s."""
    rows = json.loads(LABELS.read_text())
    samples = read_audio(ROOT / "samples" / "jfk.wav")
    utterances, labels = [], []
    for count in range(3, len(rows) + 1):
        end = (rows[count - 1][2] + rows[count][1]) / 2 if count < len(rows) else len(samples) / SAMPLE_RATE
        units = tuple(split_units("".join(text for text, _, _ in rows[:count]), "en"))
        utterances.append(Utterance(Clip(samples[: round(end * SAMPLE_RATE)], 0.0, "jfk.wav"), units, "en"))
        labels += [time for _, first, last in rows[:count] for time in (first, last)]
    return utterances, np.array(labels)


def _edges(folder: Path, dtype: str, utterances: list[Utterance]) -> np.ndarray:
    aligner = Qwen3Aligner.load(str(folder), LoadOptions(device="cpu", dtype=dtype), None)
    spans: list[Span] = []
    for result in aligner.align(utterances):
        assert isinstance(result, tuple)
        spans += result
    return np.array([time for span in spans for time in (span.start, span.end)])


if __name__ == "__main__":
    main()
