"""How far from right cues are that were brought into time without words.

    python -m benchmarks.sync FOLDER

FOLDER holds film.wav and film.srt as `benchmarks.sync.material` made them. The subtitles are shifted, stretched, cut
and given margins; the table says what was found, how far cues lie from where they were, and CPU seconds.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

from crisp_align.formats import read_cues
from crisp_align.sync.activity import voice_intervals
from crisp_align.sync.fit import Method, fit_times

Times: TypeAlias = list[tuple[float, float]]
PAL = 25 / (24000 / 1001)
CUTS = ((700.0, -30.0), (1800.0, -61.7), (2900.0, 12.3))  # s from which cues are off, and by how much more


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    began = time.process_time()
    activity = voice_intervals(folder / "film.wav")
    console = Console()
    seconds = time.process_time() - began
    console.print(f"voice activity of {activity.duration / 60:.0f} min: {seconds:.1f} s of CPU")
    cues = [(cue.start, cue.end) for cue in read_cues(folder / "film.srt")]
    table = Table("cues", "change", "method", "found", "median s", "worst s", "> 0.1 s", "CPU s")
    for style, right in styles(cues).items():
        for change, old, true, method in changes(right):
            began = time.process_time()
            found = fit_times(old, activity.intervals, method).time_map
            spent = time.process_time() - began
            errors = np.array(found.apply_all(old))[:, 0] - np.array(true)[:, 0]
            wrong = np.abs(errors)
            table.add_row(
                *(style, change, method, found.describe()[:60], f"{np.median(errors):+.3f}", f"{wrong.max():.3f}"),
                *(str(int((wrong > 0.1).sum())), f"{spent:.1f}"),
            )
    console.print(table)


def styles(cues: Times) -> dict[str, Times]:
    """The same cues as different people would have timed them."""
    order = random.Random(3)
    after = [*(start for start, _ in cues[1:]), 1e9]
    lingering = [(s - 0.03, min(e + order.uniform(0.3, 1.2), n)) for (s, e), n in zip(cues, after, strict=True)]
    uneven = [(s + order.gauss(0, 0.08), e + order.gauss(0.2, 0.15)) for s, e in cues]
    return {"exact": cues, "lingering": lingering, "uneven": uneven}


def changes(right: Times) -> list[tuple[str, Times, Times, Method]]:
    """(name, changed times, right times, method)."""
    found: list[tuple[str, Times, Times, Method]] = [
        (f"{offset:+.0f} s", [(s + offset, e + offset) for s, e in right], right, "auto") for offset in (60.0, -60.0)
    ]
    found += [
        (name, [(s * rate + 7, e * rate + 7) for s, e in right], right, "auto")
        for name, rate in (("× 1.0427", PAL), ("× 0.9590", 1 / PAL))
    ]
    old, true = [], []
    for start, end in right:
        if any(at < start < at - move for at, move in CUTS):
            continue
        offset = sum(move for at, move in CUTS if start > at)
        old.append((start + offset, end + offset))
        true.append((start, end))
    found.append(("three cuts", old, true, "auto"))
    return found


if __name__ == "__main__":
    main()
