"""Clips whose words were labelled by hand, and how far from the labels an alignment is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crisp_align.aligners import Utterance
from crisp_align.media.audio import read_audio
from crisp_align.speech.clips import voice_activity
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip, Span

__all__ = ["CLOSE", "UNSPACED", "Labelled", "Timed", "errors", "labelled_clips", "spoken_clip", "utterance"]

TIERS = ("word", "words", "Text")
CLOSE = 0.050  # s
UNSPACED = frozenset({"ja", "yue", "zh"})

Timed = tuple[str, Span]
"""A piece of the text, and its time."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A clip, its text, and where its words are."""

    name: str
    utterance: Utterance
    labels: tuple[Timed, ...]
    """Each a word, or several where there is no mark between them; together they are the text."""


def labelled_clips(folder: Path) -> Iterator[Labelled]:
    """Every clip of a folder that has a TextGrid of the same name; the name begins with the language, "fr-…"."""
    from praatio import textgrid

    for path in sorted(folder.glob("*.TextGrid")):
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
        tier = next(name for name in grid.tierNames if name in TIERS)
        entries = [entry for entry in grid.getTier(tier).entries if entry.label.strip(" *")]
        code = re.match(r"([a-z]{2,3})-", path.stem)
        language = code[1] if code else "en"
        said = ("" if language in UNSPACED else " ").join(entry.label.strip() for entry in entries)
        if language == "en":
            said = said.lower() if said.isupper() else said
            said = f" {said[0].upper()}{said[1:]}."
        audio = next(path.with_suffix(kind) for kind in (".wav", ".flac") if path.with_suffix(kind).exists())
        labels = tuple((entry.label, Span(entry.start, entry.end)) for entry in entries)
        yield Labelled(path.stem, utterance(spoken_clip(audio), said, language), labels)


def spoken_clip(path: Path) -> Clip:
    """A recording as a clip, with its voice activity."""
    samples = read_audio(path)
    return Clip(samples, 0.0, path.name, voice_activity(samples))


def utterance(clip: Clip, text: str, language: str) -> Utterance:
    """A clip and its text."""
    return Utterance(clip, tuple(split_units(text, language)), language)


def errors(found: Sequence[Timed], labels: Sequence[Timed]) -> NDArray[np.float64]:
    """The distance in s of the start and end of each label from those of the piece in which it starts and ends.

    Pieces and labels have the same letters in the same order; signs and spaces do not count.
    """
    ranges, at = [], 0
    for text, span in found:
        ranges.append((at, at + _letters(text), span))
        at += _letters(text)
    distances, at = [], 0
    for text, label in labels:
        first, last = at, at + _letters(text) - 1
        start = next(span.start for low, high, span in ranges if low <= first < high)
        end = next(span.end for low, high, span in ranges if low <= last < high)
        distances += [abs(start - label.start), abs(end - label.end)]
        at = last + 1
    return np.array(distances)


def _letters(text: str) -> int:
    return sum(char.isalnum() for char in text)
