"""Japanese readings: the table of written words and how they sound, made from UniDic.

`python -m benchmarks.kanji FOLDER` reads the compiled dictionary in FOLDER (the package unidic-lite has one, in
`unidic_lite/dicdir`) and writes the table that ships.
"""

from __future__ import annotations

import argparse
import lzma
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from crisp_align.aligners.hmm import japanese

TABLE = Path(japanese.__file__).with_name("kanji.txt.xz")
HEADER = """\
# How Japanese words with kanji in them sound; written by `python -m benchmarks.kanji`.
# From UniDic 2.1.2, copyright (c) 2011-2013, The UniDic Consortium, BSD-3-Clause.
"""
LONGEST = 8  # characters of a word
MOST = 4  # readings of a word, of a single character twice as many
WITHIN = 3000  # cost above the cheapest reading of a word that a reading may have
COSTLIEST = 9_000  # of a word of several characters
KANJI = re.compile("[々〆一-鿿]")
WRITTEN = re.compile("[々〆一-鿿ぁ-ゖァ-ヺー]+")
KANA = re.compile("[ァ-ヺー]+")


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    words = read(asked.folder / "sys.dic")
    lines = [f"{written} {' '.join(readings)}" for written, readings in sorted(words.items())]
    TABLE.write_bytes(lzma.compress((HEADER + "\n" + "\n".join(lines) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(words)} words, {TABLE.stat().st_size} bytes")


def read(path: Path) -> dict[str, list[str]]:
    """The readings of each word in a compiled MeCab dictionary, the cheapest first."""
    raw = path.read_bytes()
    header = np.frombuffer(raw, "<u4", 10).tolist()
    array, tokens, features = header[6:9]
    start = 40 + 32 + array
    layout = np.dtype([("left", "<u2"), ("right", "<u2"), ("pos", "<u2"), ("cost", "<i2"), ("at", "<u4"), ("_", "<u4")])
    table = np.frombuffer(raw, layout, tokens // layout.itemsize, start)
    text = raw[start + tokens : start + tokens + features]
    costs: dict[str, dict[str, int]] = defaultdict(dict)
    for cost, at in zip(table["cost"].tolist(), table["at"].tolist(), strict=True):
        fields = text[at : text.index(b"\0", at)].decode("utf-8").split(",")
        if len(fields) < 10:
            continue
        written, spoken = fields[8], fields[9]
        if not KANJI.search(written) or not WRITTEN.fullmatch(written) or not KANA.fullmatch(spoken):
            continue
        if len(written) <= LONGEST and (cost <= COSTLIEST or len(written) == 1):
            costs[written][spoken] = min(cost, costs[written].get(spoken, cost))
    return {
        written: [
            spoken
            for spoken, cost in sorted(ways.items(), key=lambda way: (way[1], way[0]))
            if cost <= min(ways.values()) + WITHIN or len(written) == 1
        ][: MOST * 2 if len(written) == 1 else MOST]
        for written, ways in costs.items()
    }


if __name__ == "__main__":
    main()
