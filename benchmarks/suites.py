"""`python -m benchmarks.suites --vtt FOLDER --imsc FOLDER --ass FOLDER`: the public suites, read from local copies.

--vtt is a checkout of mozilla/vtt.js: the times of each cue that the JSON next to a .vtt of `tests/` expects. --imsc is
one of w3c/imsc-tests: whether each .ttml shows the same words as it does through ttconv. --ass is one of
libass/libass-tests: whether each script of `crash/` is read, or refused in one line. Nothing of them is ours to hand
on.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from crisp_align.errors import CrispAlignError
from crisp_align.formats import parse_document, read_document


def vtt(folder: Path, show: Callable[[str], None]) -> str:
    right = total = 0
    for path in sorted((folder / "tests").rglob("*.vtt")):
        expected = path.with_suffix(".json")
        if not expected.is_file():
            continue
        value = json.loads(expected.read_text(encoding="utf-8"))
        wanted = [(cue["startTime"], cue["endTime"]) for cue in value.get("cues", [])]
        try:
            found = [(cue.start, cue.end) for cue in read_document(path, "vtt").cues]
        except CrispAlignError as error:
            found = []
            if wanted:
                show(f"{path}: {error}")
        total += len(wanted)
        same = sum(any(abs(a - c) + abs(b - d) < 0.002 for c, d in found) for a, b in wanted)
        right += same
        if same != len(wanted):
            show(f"{path.relative_to(folder)}: {wanted} are {found}")
    return f"vtt.js: {right} of {total} cue times"


def imsc(folder: Path, show: Callable[[str], None]) -> str:
    right = total = 0
    for path in sorted(folder.rglob("*.ttml")):
        total += 1
        wanted, found = _words(_of_ttconv(path)), _words(_of_ours(path))
        right += wanted == found
        if wanted != found:
            show(f"{path.relative_to(folder)}: ttconv {wanted[:12]}, ours {found[:12]}")
    return f"imsc-tests: {right} of {total} show the words that ttconv shows"


def _of_ttconv(path: Path) -> Iterator[str]:
    from xml.etree import ElementTree

    from ttconv.imsc.reader import to_model
    from ttconv.srt.writer import from_model

    try:
        text = from_model(to_model(ElementTree.parse(path)))
    except Exception as error:  # whatever ttconv refuses
        yield f"refused {type(error).__name__}"
        return
    yield from (cue.text for cue in parse_document(text, "x", "srt").cues)


def _of_ours(path: Path) -> Iterator[str]:
    try:
        for cue in read_document(path, "ttml").cues:  # ttconv's SubRip leaves out what has a reading above it
            yield "\n".join("".join(run.text for run in line if not run.style.ruby) for line in cue.lines)
    except CrispAlignError as error:
        yield f"refused {error}"


def _words(texts: Iterator[str]) -> list[str]:
    """The words that are shown, each once: the same cue may be cut in several where something else changes."""
    words = [word for text in texts for word in re.findall(r"[^\W_]+", text)]
    if words[:1] == ["refused"]:
        return []
    return sorted(set(words))


def ass(folder: Path, show: Callable[[str], None]) -> str:
    read = refused = broken = 0
    for path in sorted(path for path in (folder / "crash").rglob("*") if path.suffix in (".ass", ".ssa", ".srt")):
        try:
            read_document(path)
            read += 1
        except CrispAlignError as error:
            refused += 1
            show(f"{path.relative_to(folder)}: {error}")
        except Exception as error:  # what is looked for
            broken += 1
            print(f"{path.relative_to(folder)}: {type(error).__name__}: {error}")
    return f"libass-tests: {read} read, {refused} refused in one line, {broken} tracebacks"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("vtt", "imsc", "ass"):
        parser.add_argument(f"--{name}", type=Path, metavar="FOLDER")
    parser.add_argument("--show", action="store_true", help="each case that differs")
    chosen = parser.parse_args()
    logging.getLogger("ttconv").setLevel(logging.CRITICAL)
    show: Callable[[str], None] = print if chosen.show else lambda line: None
    for name, measure in (("vtt", vtt), ("imsc", imsc), ("ass", ass)):
        if folder := getattr(chosen, name):
            print(measure(folder, show))


if __name__ == "__main__":
    main()
