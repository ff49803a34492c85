"""A subtitle file timed again: its cues, lines and styles stay as they are, only their times change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from crisp_align.errors import AlignmentError
from crisp_align.formats.document import SubtitleCue, SubtitleDocument
from crisp_align.sync.fit import Interval, Method, TimeFit, fit_times
from crisp_align.sync.time_map import TimeMap
from crisp_align.text.labels import is_sound_line, unspoken_spans
from crisp_align.transcript import Transcript

__all__ = ["Retimed", "SyncMethod", "cue_intervals", "fits_well", "reference_lines", "retime_by_map", "retime_by_words"]

SyncMethod: TypeAlias = Literal["auto", "words", "shift", "linear", "pieces"]

_LONGEST = 30.0  # s; a cue that stands longer is a sign or a title, not speech
_GOOD_RESIDUAL = 0.12  # s; cues that begin this near to speech need no words
_FEW_CUES = 10  # fewer may agree with speech by chance
_LEAST_GAP = 0.04  # s that cues keep apart where they did before
_TIGHT_GAP = 0.5  # s; a longer gap between cues is a pause, a shorter one a rule of the file


@dataclass(frozen=True, slots=True)
class Retimed:
    """A document with new times, and how they were found."""

    document: SubtitleDocument
    description: str
    """In a few words: "+2.40 s", "25 → 23.976 fps, +0.12 s", "3 pieces: …", "each cue by its words"."""
    notices: tuple[str, ...] = ()


def reference_lines(cues: Sequence[SubtitleCue]) -> list[str | None]:
    """What each cue says, on one line; None where it says nothing: sounds, music, pictures."""
    found: list[str | None] = []
    for cue in cues:
        lines = [line for line in cue.text.split("\n") if not is_sound_line(line)]
        text = " ".join(line.strip() for line in lines)
        said = text
        for start, end in reversed(unspoken_spans(text)):
            said = said[:start] + said[end:]
        found.append(text if any(char.isalnum() for char in said) else None)
    return found


def cue_intervals(document: SubtitleDocument) -> list[Interval]:
    """The times of the cues that are speech, in order."""
    spoken = [
        (cue.start, cue.end)
        for cue, line in zip(document.cues, reference_lines(document.cues), strict=True)
        if line is not None and cue.end - cue.start <= _LONGEST
    ]
    return sorted(spoken or [(cue.start, cue.end) for cue in document.cues])


def fits_well(fit: TimeFit, cues: int) -> bool:
    """Whether a time map explains so many cues well enough to do without words."""
    return not fit.is_doubtful and fit.residual <= _GOOD_RESIDUAL and cues >= _FEW_CUES


def retime_by_map(document: SubtitleDocument, reference: Sequence[Interval], method: Method) -> tuple[Retimed, TimeFit]:
    """Move the cues of a document by the map that brings them onto the reference; their rhythm stays.

    Raises:
        AlignmentError: the document holds no cues, or the reference no speech.
    """
    cues = cue_intervals(document)
    if not cues:
        raise AlignmentError("holds no cues to time", subject=document.source)
    if not reference:
        raise AlignmentError("there is no speech to time the cues by", subject=document.source)
    fit = fit_times(cues, reference, method)
    notices: tuple[str, ...] = ()
    if fit.is_doubtful:
        agreement = f"cues and speech hardly agree ({fit.agreement:.2f})"
        notices = (f"{agreement}: the subtitles may belong to another recording",)
    return Retimed(_mapped(document, fit.time_map), fit.time_map.describe(), notices), fit


def _mapped(document: SubtitleDocument, time_map: TimeMap) -> SubtitleDocument:
    def moved(cue: SubtitleCue) -> SubtitleCue:
        piece = time_map.piece_at(cue.start)
        return cue.map_times(lambda time: round(max(piece.apply(time), 0.0), 3))

    return document.with_cues([moved(cue) for cue in document.cues])


def retime_by_words(document: SubtitleDocument, transcript: Transcript) -> Retimed:
    """Move each cue to its words.

    A cue comes in with its first word. It goes out with its last one, or as much later as it did before, as long as the
    next cue is not in its way. Cues that say nothing keep their place between their neighbours.

    Args:
        document: the subtitles.
        transcript: `reference_lines` timed, those that are None left out; a segment each, without labels of sounds.
    """
    lines = reference_lines(document.cues)
    segments = [segment for segment in transcript.segments if segment.match != "sound"]
    spoken = [number for number, line in enumerate(lines) if line is not None]
    if len(segments) != len(spoken):
        raise AlignmentError(f"{len(segments)} lines were timed, not {len(spoken)}", subject=document.source)
    times: dict[int, Interval] = {n: (s.start, s.end) for n, s in zip(spoken, segments, strict=True)}
    unspoken = {n for n, s in zip(spoken, segments, strict=True) if s.match == "unspoken"}
    cues: list[SubtitleCue] = []
    for number, cue in enumerate(document.cues):
        if number in times:
            cues.append(_retimed(cue, *_linger(number, document.cues, times, unspoken)))
        else:
            cues.append(_retimed(cue, *_between_neighbours(number, document.cues, times)))
    return Retimed(document.with_cues(cues), "each cue by its words", transcript.notices)


def _linger(number: int, cues: Sequence[SubtitleCue], times: dict[int, Interval], unspoken: set[int]) -> Interval:
    """When a cue comes in and goes out."""
    start, end = times[number]
    if number in unspoken:
        return start, end
    wanted = start + (cues[number].end - cues[number].start)
    following = next((n for n in range(number + 1, len(cues)) if n in times), None)
    if following is not None:
        gap = cues[following].start - cues[number].end
        wanted = min(wanted, times[following][0] - (min(gap, _TIGHT_GAP) if gap >= 0 else _LEAST_GAP))
    return start, max(end, wanted)


def _between_neighbours(number: int, cues: Sequence[SubtitleCue], times: dict[int, Interval]) -> Interval:
    """The times of a cue that says nothing: moved as the cue before it is, or the one after it, into free time."""
    before = next((n for n in range(number - 1, -1, -1) if n in times), None)
    after = next((n for n in range(number + 1, len(cues)) if n in times), None)
    cue = cues[number]
    near = before if before is not None else after
    move = times[near][0] - cues[near].start if near is not None else 0.0
    start, end = cue.start + move, cue.end + move
    low = times[before][1] if before is not None and cues[before].end <= cue.start + 1e-6 else 0.0
    high = times[after][0] if after is not None and cues[after].start >= cue.end - 1e-6 else float("inf")
    if start < low:
        start, end = low, end + (low - start)
    if end > high:
        start, end = max(min(start, high - (end - start)), min(low, high)), high
    return start, max(end, start)


def _retimed(cue: SubtitleCue, start: float, end: float) -> SubtitleCue:
    """A cue with other times; times inside it keep their share of it."""
    length = cue.end - cue.start
    scale: Callable[[float], float] = (
        (lambda time: start + (time - cue.start) / length * (end - start)) if length > 0 else (lambda time: start)
    )
    moved = cue.map_times(lambda time: round(max(scale(time), 0.0), 3))
    return replace(moved, start=round(max(start, 0.0), 3), end=round(max(end, start, 0.0), 3))
