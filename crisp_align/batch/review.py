"""What a review page plays and draws, taken from the media that a transcript was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crisp_align.errors import MediaError
from crisp_align.formats import WriteOptions
from crisp_align.formats.html import embedded_media, linked_media, loudness
from crisp_align.transcript import Transcript

__all__ = ["with_media"]


def with_media(options: WriteOptions, transcript: Transcript, page: Path) -> WriteOptions:
    """`options` with the transcript's media and its waveform; unchanged where the media are not a file that is there.

    Args:
        options: whether to embed the media.
        transcript: whose source is looked for.
        page: where the page will be written; the media are linked relative to it.

    Raises:
        OutputError: the media are to be embedded and cannot be.
    """
    source = Path(transcript.source)
    try:
        if not source.is_file():
            return options
        media = embedded_media(source) if options.embed_media else linked_media(source, page)
        return replace(options, media=media, peaks=_peaks(source, transcript.duration))
    except ValueError:  # a name that no file can have
        return options


def _peaks(source: Path, duration: float) -> tuple[float, ...]:
    from crisp_align.media.audio import open_audio

    try:
        with open_audio(source) as blocks:
            return loudness(blocks, duration)
    except MediaError:  # such as a transcript's own JSON: there is nothing to draw
        return ()
