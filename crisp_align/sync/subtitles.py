"""A subtitle file timed again: its cues, lines and styles stay as they are, only their times change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from crisp_align.errors import AlignmentError
from crisp_align.events import Finished
from crisp_align.formats.document import SubtitleCue, SubtitleDocument
from crisp_align.languages import is_spaced
from crisp_align.sync.fit import Interval, Method, TimeFit, fit_times
from crisp_align.sync.given import Unspoken
from crisp_align.sync.placing import UNSPOKEN_MARK, silent_words
from crisp_align.sync.time_map import TimeMap
from crisp_align.text.labels import is_sound_line, unspoken_spans
from crisp_align.transcript import Match, Segment, Transcript

__all__ = [
    "Retimed",
    "SubtitlesFinished",
    "SyncMethod",
    "cue_intervals",
    "fits_well",
    "reference_lines",
    "retime_by_map",
    "retime_by_words",
]

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


@dataclass(frozen=True, slots=True)
class SubtitlesFinished(Finished):
    """A recording is done whose text was subtitles, and their cues stay cues."""

    document: SubtitleDocument
    """The subtitles in time."""


def reference_lines(cues: Sequence[SubtitleCue]) -> list[str | None]:
    """What each cue says, with its labels and line breaks; None where it says nothing: sounds, music, pictures."""
    found: list[str | None] = []
    for cue in cues:
        lines = [line.strip() for line in cue.text.split("\n") if not is_sound_line(line)]
        found.append("\n".join(lines) if any(_is_said(line) for line in lines) else None)
    return found


def _is_said(line: str) -> bool:
    for start, end in reversed(unspoken_spans(line)):
        line = line[:start] + line[end:]
    return any(char.isalnum() for char in line)


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


def retime_by_words(document: SubtitleDocument, transcript: Transcript, unspoken: Unspoken = "keep") -> Retimed:
    """Move each cue to its words.

    A cue comes in with its first word. It goes out with its last one, or as much later as it did before, as long as the
    next cue is not in its way. Cues that nobody says, and those that name sounds, keep their place between their
    neighbours, and move with them.

    Args:
        document: the subtitles.
        transcript: `reference_lines` timed, those that are None left out; a segment each.
        unspoken: what becomes of cues with words that nobody says.

    Returns:
        The document; its transcript holds the words with their times, a segment a cue.
    """
    lines = reference_lines(document.cues)
    spoken = [number for number, line in enumerate(lines) if line is not None]
    if len(transcript.segments) != len(spoken):
        raise AlignmentError(f"{len(transcript.segments)} lines were timed, not {len(spoken)}", subject=document.source)
    segments = dict(zip(spoken, transcript.segments, strict=True))
    times: dict[int, Interval] = {
        n: (segment.start, segment.end) for n, segment in segments.items() if segment.match not in ("unspoken", "sound")
    }
    cues: list[SubtitleCue] = []
    timed: list[Segment] = []
    for number, cue in enumerate(document.cues):
        place = _linger if number in times else _between_neighbours
        moved = _retimed(cue, *place(number, document.cues, times))
        segment = segments.get(number)
        match = segment.match if segment else "sound"
        if match == "unspoken":
            if unspoken == "drop":
                continue
            moved = _marked(moved) if unspoken == "mark" else moved
        if segment is None or number not in times:
            segment = _silent_segment(moved, match, transcript.language)
        if segment.text:
            timed.append(_with_speaker(segment, cue))
        cues.append(moved)
    words = replace(transcript, segments=tuple(timed))
    return Retimed(replace(document.with_cues(cues), transcript=words), "each cue by its words", transcript.notices)


def _marked(cue: SubtitleCue) -> SubtitleCue:
    """The cue with a mark before its words."""
    first, *others = cue.lines
    return replace(cue, lines=((replace(first[0], text=f"{UNSPOKEN_MARK} {first[0].text}"), *first[1:]), *others))


def _silent_segment(cue: SubtitleCue, match: Match | None, language: str | None) -> Segment:
    """A segment for a cue that takes no speech."""
    shown = cue.text.replace("\n", " ").strip()
    text = f" {shown}" if shown and is_spaced(language) else shown
    words = silent_words(text, cue.start, cue.end) if text else ()
    return Segment(text, cue.start, cue.end, language, words, None, match)


def _with_speaker(segment: Segment, cue: SubtitleCue) -> Segment:
    if len(cue.speakers) != 1:
        return segment
    words = tuple(replace(word, speaker=word.speaker or cue.speakers[0]) for word in segment.words)
    return replace(segment, words=words)


def _linger(number: int, cues: Sequence[SubtitleCue], times: dict[int, Interval]) -> Interval:
    """When a cue comes in and goes out."""
    start, end = times[number]
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
