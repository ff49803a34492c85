"""Broadcasters' captions, read through ttconv: Scenarist SCC (CEA-608) and EBU STL (Tech 3264)."""

from __future__ import annotations

import io
from typing import Any

from crisp_align.errors import TranscriptError
from crisp_align.formats.document import SubtitleDocument

__all__ = ["read_scc", "read_stl"]


def read_scc(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Cues with what CEA-608 says of their letters.

    Raises:
        TranscriptError: ttconv cannot read it.
    """
    from ttconv.scc.reader import to_model

    return _document(lambda: to_model(text), name, "scc", strict)


def read_stl(data: bytes, name: str, strict: bool = False) -> SubtitleDocument:
    """Cues of a binary file.

    Raises:
        TranscriptError: ttconv cannot read it.
    """
    from ttconv.stl.reader import to_model

    return _document(lambda: to_model(io.BytesIO(data)), name, "stl", strict)


def _document(make: Any, name: str, format: str, strict: bool) -> SubtitleDocument:
    import logging
    from dataclasses import replace

    from ttconv.srt.writer import from_model

    from crisp_align.formats.srt import read_srt

    logging.getLogger("ttconv").setLevel(logging.CRITICAL)
    try:
        text = str(from_model(make()))
    except Exception as error:  # whatever a damaged file brings about in ttconv
        reason = f"{type(error).__name__}: {error}"[:100]
        raise TranscriptError(f"not {format.upper()}, or damaged: {reason}", subject=name) from error
    if not text.strip():
        raise TranscriptError(f"no captions in this {format.upper()} file", subject=name)
    document = read_srt(text, name, strict)
    return replace(document, format=format, cues=tuple(replace(cue, identifier="") for cue in document.cues))
