"""Hostile files among good ones."""

from __future__ import annotations

from pathlib import Path

from benchmarks.batch.command import MODEL, events, start
from benchmarks.batch.material import VAD, make_hostile, pieces, write_wav
from crisp_align.formats import read_format

__all__ = ["run"]


def run(good: int, bad: int, folder: Path) -> None:
    """Check and print; AssertionError where it is not as it should be."""
    mixed = folder / "mixed"
    mixed.mkdir()
    fine = []
    for number, piece in enumerate(pieces(good)):
        fine.append(mixed / f"{number:03d}-speech.wav")
        write_wav(fine[-1], piece)
    evil = make_hostile(mixed, bad)
    names = sorted(str(path.relative_to(folder)) for path in (*fine, *evil))
    with start([*names, *MODEL, *VAD, "-osrt", "-oj", "--output-dir", "out"], folder) as process:
        assert process.stderr is not None
        told = list(events(iter(process.stderr)))
    done = {event["file"] for event in told if event["event"] == "done"}
    failed = [event for event in told if event["event"] == "failed"]
    assert done == {str(path.relative_to(folder)) for path in fine}, "not every good file is done"
    named, wanted = sorted(event["file"] for event in failed), sorted(str(path.relative_to(folder)) for path in evil)
    assert named == wanted, sorted(set(named) ^ set(wanted))
    outputs = {path.name for path in (folder / "out").rglob("*") if path.is_file()}
    assert outputs == {f"{path.stem}{ending}" for path in fine for ending in (".srt", ".json")}, outputs
    for path in (folder / "out").rglob("*.json"):
        read_format(path)
    assert process.returncode == 1, f"exit code {process.returncode}"
    print(f"{len(done)} good files done, {len(failed)} hostile ones named, exit code {process.returncode}; e.g.")
    for event in failed[:16]:
        print(f"  {event['file']}: {event['error']['what']}")
