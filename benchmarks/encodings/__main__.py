"""`python -m benchmarks.encodings`: how often the encoding of a subtitle file is recognised.

Every encoding below, with every language whose letters it has (languages that need no letter of it beyond ASCII are
left out), in files of 4, 20 and 400 cues drawn with a fixed seed from our own sentences (sentences.txt), which the
tables do not know. A file is *right* where its text is read as it was written, *refused* where no text is read, else
*wrong*.
"""

from __future__ import annotations

import argparse
import random
import time
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

from crisp_align.errors import TranscriptError
from crisp_align.formats.encodings import decoded

ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874"),
    *("iso8859_2", "iso8859_5", "iso8859_7", "iso8859_15", "koi8_r", "cp866"),
    *("shift_jis", "euc_jp", "iso2022_jp", "euc_kr", "gb18030", "big5"),
)
SIZES = (4, 20, 400)


def sentences() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines():
        if line.isascii() and len(line) <= 3:
            rows = found[line] = []
        elif not line.startswith("#"):
            rows.append(line)
    return found


def encoded(text: str, encoding: str, language: str) -> bytes | None:
    """`text` in an encoding; None: it has not all of its letters. Vietnamese takes its tones as marks of their own."""
    if encoding == "cp1258" and language == "vi":
        text = "".join(_cp1258(char) for char in text)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return None


def _cp1258(char: str) -> str:
    """A letter of Vietnamese with its tone as a mark behind it, where the encoding has it in no other way."""
    parts = unicodedata.normalize("NFD", char)
    tone = next((part for part in parts if part in "\u0300\u0301\u0303\u0309\u0323"), "")
    base = unicodedata.normalize("NFC", parts.replace(tone, "")) if tone else char
    return char if not tone or _is_in(char, "cp1258") else base + tone


def _is_in(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def file_of(lines: list[str]) -> str:
    clocks = [f"{n // 1200:02d}:{n // 20 % 60:02d}:{n * 3 % 60:02d}" for n in range(len(lines) + 2)]
    blocks = [f"{n}\r\n{clocks[n]},000 --> {clocks[n + 1]},000\r\n{line}\r\n" for n, line in enumerate(lines, start=1)]
    return "\r\n".join(blocks)


def verdict(data: bytes, text: str) -> str:
    try:
        read = decoded(data, "a.srt")
    except TranscriptError:
        return "refused"
    same = unicodedata.normalize("NFC", read) == unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    return "right" if same else "wrong"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20, help="files a cell of 4 and 20 cues")
    parser.add_argument("--show", action="store_true", help="each cell that is not always right")
    draws, show = vars(parser.parse_args()).values()
    chance = random.Random(16)
    totals: dict[int, Counter[str]] = defaultdict(Counter)
    cells = 0
    begun = time.process_time()
    for encoding in ENCODINGS:
        for language, lines in sentences().items():
            whole = encoded("\n".join(lines), encoding, language)
            if whole is None or (whole.isascii() and encoding != "iso2022_jp" and not encoding.startswith("utf")):
                continue
            cells += 1
            for size in SIZES:
                found: Counter[str] = Counter()
                for _ in range(draws if size < 400 else 2):
                    text = file_of(chance.sample(lines, size) if size <= len(lines) else chance.choices(lines, k=size))
                    data = encoded(text, encoding, language)
                    assert data is not None
                    found[verdict(data, text)] += 1
                totals[size] += found
                if show and set(found) != {"right"}:
                    print(f"{encoding:12} {language:4} {size:4} {dict(found)}")
    print(f"{cells} pairs of {len(ENCODINGS)} encodings and {len(sentences())} languages")
    print(f"{'cues':>5} {'files':>6} {'right':>8} {'refused':>8} {'wrong':>8}")
    for size, found in totals.items():
        n = found.total()
        print(f"{size:5} {n:6} " + " ".join(f"{found[what] / n:8.1%}" for what in ("right", "refused", "wrong")))
    print(f"{time.process_time() - begun:.1f} s of CPU")


if __name__ == "__main__":
    main()
