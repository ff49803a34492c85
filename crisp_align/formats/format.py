"""What a format is, and the choices that its reader and its writer are given."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from crisp_align.errors import OptionError

if TYPE_CHECKING:  # `--help` shows the flags of formats, and needs no transcript
    from crisp_align.transcript import Cue, Transcript

if TYPE_CHECKING:
    from crisp_align.formats.document import SubtitleDocument

__all__ = [
    "BEGINS_NEVER",
    "BytesReader",
    "CueReader",
    "DocumentReader",
    "DocumentWriter",
    "Entry",
    "Format",
    "TranscriptReader",
    "WriteOptions",
    "Writer",
    "lazy",
]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Choices of writing. A format reads those that mean something to it."""

    bom: bool = False
    """Begin with a byte-order mark (all but JSON)."""
    highlight_words: bool = False
    """Show each cue once a word, the word being spoken marked (SRT, WebVTT, ASS)."""
    karaoke: Literal["none", "word", "fill"] = "none"
    """Words light up as they are spoken (WebVTT, ASS, LRC): at once, or filling from the left (ASS)."""
    speaker_names: Literal["", "NAME:", "[NAME]", "(NAME)"] = ""
    """How the name of a speaker precedes what is said (SRT, TXT, CSV, TSV, SBV, labels); empty: it does not."""
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
        if self.speaker_names not in ("", "NAME:", "[NAME]", "(NAME)"):
            raise OptionError(f"{self.speaker_names!r} is no way to write names", hint="NAME:, [NAME] or (NAME)")
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


Writer: TypeAlias = "Callable[[Transcript, Sequence[Cue], WriteOptions], str]"
CueReader: TypeAlias = "Callable[[str, str], list[Cue]]"
"""(text, name of its file) → cues with the lines as they stand. Raises TranscriptError."""
TranscriptReader: TypeAlias = "Callable[[str, str], Transcript]"
"""(text, name of its file) → the transcript it holds. Raises TranscriptError."""
DocumentReader: TypeAlias = Callable[[str, str, bool], "SubtitleDocument"]
"""(text, name of its file, strict) → the subtitles it holds; what is wrong in it is repaired and counted in notices, or
refused where `strict`. Raises TranscriptError."""
BytesReader: TypeAlias = Callable[[bytes, str, bool], "SubtitleDocument"]
"""As a `DocumentReader`, of bytes."""
DocumentWriter: TypeAlias = Callable[["SubtitleDocument", WriteOptions], str]
"""Writes subtitles as they are, as far as the format holds them."""
Feature: TypeAlias = Literal[
    "bold",
    "italic",
    "underline",
    "strikeout",
    "colour",
    "transparency",
    "ruby",
    "place",
    "exact place",
    "one speaker",
    "speakers",
    "word times",
    "line breaks",
    "overlaps",
    "effects",
    "comments",
    "styles",
]
"""What a cue may have that not every format holds; "speakers" of parts of a cue include "one speaker" of all of it."""

BEGINS_NEVER = re.compile(r"(?!)")
"""How a format begins that is never known by its content."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a transcript or its cues down, and to read it back. It says all there is to know of itself.

    To add one: (1) a module with a function of type `Writer`, and where it holds styles a `DocumentWriter`; (2) where
    it can be read, a `DocumentReader` (what it holds is subtitles) or a `TranscriptReader` (words and segments); (3) a
    `Format`, in `crisp_align.formats.builtin` or, in a package of your own, under the entry-point group
    `crisp_align.formats`; (4) a section in docs/formats.md. A published one is written with `--to NAME` or `-o
    FILE.EXT`.
    """

    name: str
    """As typed after --to and --from."""
    extension: str
    """With its dot."""
    description: str
    """What it is, as --help shows it after "write"."""
    writer: Writer | None = None
    """None: files of this format are only read."""
    flag: str = ""
    """The short option that asks for it, e.g. "-osrt"; only formats that come with this package have one."""
    document_writer: DocumentWriter | None = None
    """Writes subtitles with their styles; None: `writer` does, and they lose those."""
    holds: frozenset[Feature] = frozenset()
    """What of a cue its document writer keeps."""
    document_reader: DocumentReader | None = None
    transcript_reader: TranscriptReader | None = None
    bytes_reader: BytesReader | None = None
    """Reads a format that is not text; such files are known by their extension, or by how their bytes begin."""
    tier_reader: Callable[[str, str, str], Transcript] | None = None
    """Reads the one tier that is named by its last argument, of formats that have tiers."""
    inner_cue_reader: CueReader | None = None
    """Reads the cues that a file of a transcript may hold as well, laid out by us."""
    begins: re.Pattern[str] = BEGINS_NEVER
    """Matches at the start of a text in this format, blanks and a byte-order mark before it left out."""
    timed: bool = True
    """Whether it means nothing without the times of the words."""
    time_step: float = 0.001
    """s; times are rounded to whole ones."""
    has_lines: bool = True
    """Whether the lines of a cue stay apart in it."""
    has_ends: bool = True
    """Whether it says when a cue goes out."""
    names_speakers: bool = False
    """Whether names of speakers can only be text in it, and `WriteOptions.speaker_names` puts them there."""
    has_bom: bool = True
    """Whether a byte-order mark may precede it."""

    @property
    def readable(self) -> bool:
        """Whether files of this format can be read back."""
        return any((self.document_reader, self.transcript_reader, self.bytes_reader))

    @property
    def cue_reader(self) -> CueReader | None:
        """Reads subtitles as plain cues; None where the format holds none."""
        reader = self.document_reader
        if reader is None:
            return None

        def read(text: str, name: str) -> list[Cue]:
            from crisp_align.formats.document import plain_cue

            return [plain_cue(cue) for cue in reader(text, name, False).cues]

        return read


def lazy(module: str, function: str) -> Callable[..., Any]:
    """A function of a module that is imported when the function is first called.

    The table of formats is read for every `--help`, and the modules behind it need none of that haste.
    """

    def call(*args: object) -> Any:
        return getattr(import_module(module), function)(*args)

    call.__name__ = call.__qualname__ = function
    return call
