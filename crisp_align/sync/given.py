"""A text or subtitles that a user gives to be timed: where they are, how they are read, what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from crisp_align.errors import OptionError, TranscriptError

if TYPE_CHECKING:
    from crisp_align.formats.document import SubtitleDocument

__all__ = ["GivenText", "Unspoken", "require_times"]

Unspoken: TypeAlias = Literal["keep", "mark", "drop"]
"""What becomes of lines that nobody says."""


@dataclass(frozen=True, slots=True)
class GivenText:
    """A text, or subtitles in any format that can be read, to be timed."""

    source: str
    """Path of its file, or what messages call it where `content` is given."""
    content: bytes | None = None
    """Of the file; None: it is read when it is needed."""
    encoding: str | None = None
    """Of the text; None: by its byte-order mark, or what fits."""
    unspoken: Unspoken = "keep"
    keeps_cues: bool = True
    """Whether the cues of subtitles stay cues; else their words are laid out anew."""

    def read(self) -> str | SubtitleDocument:
        """The plain text, or the subtitles where its content or its extension says that it is some.

        Raises:
            TranscriptError: the file cannot be read, holds nothing, or is damaged.
        """
        from crisp_align.formats import decode_document
        from crisp_align.formats.encodings import decode, read_bytes

        data = read_bytes(self.source) if self.content is None else self.content
        text = decode(data, self.source, self.encoding).text
        if not text.strip():
            raise TranscriptError("there is no text in it", subject=self.source)
        plain = self.content is not None or self.source.lower().endswith(".txt")
        try:
            document = decode_document(data, self.source, None, self.encoding)
        except (OptionError, TranscriptError):
            if plain:  # it only begins as some format does
                return text
            raise
        if document.format == "txt" or (plain and not _is_timed(document)):
            return text
        if not document.cues:
            raise TranscriptError("holds no cues", subject=self.source)
        return document


def require_times(document: SubtitleDocument) -> SubtitleDocument:
    """The document, if it is one whose cues have times.

    Raises:
        TranscriptError: it holds no cues with times.
    """
    if _is_timed(document):
        return document
    hint = "time a plain text with: crisp-align align MEDIA --text-file"
    raise TranscriptError("holds no cues with times", subject=document.source, hint=hint)


def _is_timed(document: SubtitleDocument) -> bool:
    return any(cue.end > 0 for cue in document.cues)
