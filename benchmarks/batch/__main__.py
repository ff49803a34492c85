"""Batches of the real command, put to the test.

`python -m benchmarks.batch [--files 1000]` times short files beside one file of as many clips and watches memory;
`--kills N` kills a batch N times; `--hostile` mixes 50 hostile files among 100 good ones.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.batch import bare, hostile, kills, pace
from benchmarks.batch.command import MODEL


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--minutes", type=float, help="stop then, and compare what was done by then")
    parser.add_argument("--kills", type=int, metavar="N", help="kill a batch N times instead")
    parser.add_argument("--seed", type=int, default=1, help="of when it is killed")
    parser.add_argument("--bare", action="store_true", help="without models: what all the rest costs")
    parser.add_argument("--hostile", action="store_true", help="mix hostile files among good ones instead")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crisp-align-batch-") as name:
        folder = Path(name)
        if asked.kills:
            batch = kills.Batch()
            if asked.bare:
                batch = kills.Batch(100, 60, bare.MODEL, bare.environment(folder, 0.1))
            came = kills.run(asked.kills, folder, asked.seed, batch)
            print(
                f"{came.kills} kills: {came.outputs} outputs as undisturbed, no file done twice, nothing partial in "
                f"{came.looks} looks, nothing left behind; {came.resumed} times a file was gone on with"
            )
        elif asked.hostile:
            hostile.run(100, 50, folder)
        else:
            model = (bare.MODEL, bare.environment(folder, 0.0)) if asked.bare else (MODEL, None)
            pace.run(asked.files, folder, asked.minutes, *model)


if __name__ == "__main__":
    main()
