"""What a format is, and the choices its writer is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from crisp_align.transcript import Cue, Transcript

__all__ = ["CueReader", "Entry", "Format", "TranscriptReader", "WriteOptions", "Writer"]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Choices of writing. A format reads those that mean something to it."""

    bom: bool = False
    """Begin with a byte-order mark."""
    highlight_words: bool = False
    """Show each cue once a word, the word being spoken marked (SRT, WebVTT)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cue of a subtitle file as it stands there, tags and all."""

    identifier: str
    """Its number or name; empty where it has none."""
    start: float
    end: float
    text: str


Writer: TypeAlias = Callable[[Transcript, Sequence[Cue], WriteOptions], str]
CueReader: TypeAlias = Callable[[str, str], list[Cue]]
"""(text, name of its file) → cues with the lines as they stand. Raises TranscriptError."""
TranscriptReader: TypeAlias = Callable[[str, str], Transcript]
"""(text, name of its file) → the transcript it holds. Raises TranscriptError."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a transcript or its cues down, and to read it back.

    To add one: (1) a module with a function of type `Writer`; (2) where it can be read, one of type `CueReader` (what
    it holds is cues) or `TranscriptReader` (it holds words and segments); (3) an entry in `FORMATS`; (4) a section in
    docs/formats.md.
    """

    name: str
    """As typed after -o: srt for -osrt."""
    extension: str
    """With its dot."""
    description: str
    writer: Writer
    cue_reader: CueReader | None = None
    transcript_reader: TranscriptReader | None = None

    @property
    def readable(self) -> bool:
        """Whether files of this format can be read back."""
        return self.cue_reader is not None or self.transcript_reader is not None
