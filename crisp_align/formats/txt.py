"""Plain text (.txt): a line a segment."""

from __future__ import annotations

from collections.abc import Sequence

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import words_of_line
from crisp_align.formats.format import WriteOptions
from crisp_align.formats.speaker_names import name_segments
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Segment, Transcript, Word

__all__ = ["read_txt", "write_txt"]


def write_txt(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """The text of each segment on a line of its own, whatever the layout; with names, each turn of a speaker."""
    if options.speaker_names:
        return "".join(f"{line}\n" for line in name_segments(transcript.segments, options.speaker_names))
    lines = [displayed(segment.text) for segment in transcript.segments]
    return "".join(f"{line}\n" for line in lines if line)


def read_txt(text: str, name: str) -> Transcript:
    """A segment a line that holds text; every time is 0, for an aligner to fill in.

    Raises:
        TranscriptError: there is no text in it.
    """
    segments: list[Segment] = []
    for line in text.split("\n"):
        if shown := displayed(line):
            words = tuple(Word(word, 0.0, 0.0) for word in words_of_line(f" {shown}"))
            segments.append(Segment("".join(word.text for word in words), 0.0, 0.0, None, words))
    if not segments:
        raise TranscriptError("no text in it", subject=name)
    return Transcript(tuple(segments), 0.0, name)
