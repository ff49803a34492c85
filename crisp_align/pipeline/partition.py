"""Which part of a given text is said in which clip."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rapidfuzz.distance import Levenshtein

from crisp_align.transcript import Clip, Unit

__all__ = ["assign_by_asr", "assign_by_duration"]


def assign_by_asr(units: Sequence[Unit], recognized: Sequence[Sequence[Unit]]) -> tuple[list[int], float]:
    """Share out a text among clips by what a backend transcribed in each.

    The two are aligned by edit distance over spoken units; a unit that was not transcribed goes with the one before it.

    Args:
        units: of the given text.
        recognized: of the transcription of each clip.

    Returns:
        For each unit the number of its clip, never falling; and the share, [0, 1], of units transcribed as given.
    """
    owners = [number for number, clip in enumerate(recognized) for _ in clip]
    if not owners:
        return [0] * len(units), 0.0
    given = [unit.spoken.casefold() for unit in units]
    said = [unit.spoken.casefold() for clip in recognized for unit in clip]
    found: list[int | None] = [None] * len(units)
    equal = 0
    for block in Levenshtein.opcodes(given, said):
        length = block.src_end - block.src_start
        if block.tag == "equal":
            equal += length
        if block.tag in ("equal", "replace"):
            for k in range(length):
                found[block.src_start + k] = owners[
                    block.dest_start + k * (block.dest_end - block.dest_start) // length
                ]
    first = next((owner for owner in found if owner is not None), owners[0])
    numbers: list[int] = []
    for owner in found:
        previous = numbers[-1] if numbers else first
        numbers.append(previous if owner is None else max(owner, previous))
    return numbers, equal / len(units) if units else 0.0


def assign_by_duration(units: Sequence[Unit], line_ends: Sequence[bool], clips: Sequence[Clip]) -> list[int]:
    """Share out a text among clips by how much voice each holds, cutting at line ends where one is near.

    Args:
        units: of the given text.
        line_ends: whether a line ends after each unit.
        clips: at least one.

    Returns:
        For each unit the number of its clip, never falling.
    """
    voice = [sum(e - s for s, e in clip.speech) if clip.speech else clip.duration for clip in clips]
    letters = [0]
    for unit in units:
        letters.append(letters[-1] + len(unit.spoken))
    scale = letters[-1] / max(sum(voice), 1e-9)
    cuts, done = [0], 0.0
    for seconds in voice[:-1]:
        done += seconds * scale
        near = seconds * scale / 4  # a line end this close (letters) beats the exact place
        at = min(range(len(letters)), key=lambda i: abs(letters[i] - done))
        ends = [i + 1 for i, ends_line in enumerate(line_ends) if ends_line and abs(letters[i + 1] - done) <= near]
        cuts.append(max(cuts[-1], min(ends, key=lambda i: abs(letters[i] - done), default=at)))
    cuts.append(len(units))
    return [number for number, (i, j) in enumerate(pairwise(cuts)) for _ in range(i, j)]
