"""What a format is, and the choices its writer is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from crisp_align.errors import OptionError
from crisp_align.transcript import Cue, Transcript

__all__ = ["CueReader", "Entry", "Format", "TranscriptReader", "WriteOptions", "Writer"]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Choices of writing. A format reads those that mean something to it."""

    bom: bool = False
    """Begin with a byte-order mark (all but JSON)."""
    highlight_words: bool = False
    """Show each cue once a word, the word being spoken marked (SRT, WebVTT, ASS)."""
    karaoke: Literal["none", "word", "fill"] = "none"
    """Words light up as they are spoken (WebVTT, ASS, LRC): at once, or filling from the left (ASS)."""
    cue_settings: str = ""
    """WebVTT settings of every cue, e.g. "line:85% align:center"."""
    json_style: Literal["crisp-align", "whisper.cpp", "openai", "whisperx"] = "crisp-align"
    """Whose JSON to write."""
    width: int = 1920
    """Pixels of the picture (ASS)."""
    height: int = 1080
    """Pixels of the picture (ASS)."""
    font: str = "Arial"
    """Name of the typeface (ASS)."""
    embed_media: bool = False
    """Put the media into the review page."""
    media: str = ""
    """What the review page plays: an address relative to the page, or a data URL."""
    peaks: tuple[float, ...] = ()
    """Loudness of the media for the review page, in [0, 1], spread evenly over its duration."""

    def __post_init__(self) -> None:
        if "\n" in self.cue_settings or "\r" in self.cue_settings or "-->" in self.cue_settings:
            raise OptionError("WebVTT cue settings are words on one line", hint='e.g. "line:85% align:center"')
        if not (0 < self.width < 100_000 and 0 < self.height < 100_000):
            raise OptionError(f"a picture of {self.width} × {self.height} pixels does not exist")
        if "," in self.font or not self.font.isprintable():
            raise OptionError(f"{self.font!r} is no name of a typeface", hint='e.g. "Noto Sans"')


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
    language: Callable[[str], str | None] | None = None
    """Finds the language that a file of cues says it is in."""
    timed: bool = True
    """Whether it means nothing without the times of the words."""

    @property
    def readable(self) -> bool:
        """Whether files of this format can be read back."""
        return self.cue_reader is not None or self.transcript_reader is not None
