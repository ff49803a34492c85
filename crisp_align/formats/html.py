"""One self-contained page to review a transcript on: the media next to its words, the word being spoken highlighted.

The page holds no address but the media's, and its content security policy lets it load nothing else and run nothing
but its own script; what it shows it is given as data.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import mimetypes
import os
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from crisp_align.errors import OutputError
from crisp_align.formats.cue_text import visible, visible_cues
from crisp_align.formats.format import WriteOptions
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Segment, Transcript

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["embedded_media", "linked_media", "loudness", "write_html"]

PEAKS_A_SECOND = 50
MAX_PEAKS = 500_000
MAX_EMBEDDED = 256 << 20  # bytes; a browser takes no longer data URL


def write_html(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """The page; `options.media` is what it plays and `options.peaks` the waveform it draws."""
    title = displayed(os.path.basename(transcript.source)) or "transcript"  # noqa: PTH119 (may be no path)
    data = {
        "title": title,
        "duration": round(max([transcript.duration, *(word.end for word in transcript.words)]), 3),
        "media": options.media,
        "peaks": base64.b64encode(bytes(round(255 * min(1.0, max(0.0, p))) for p in options.peaks)).decode("ascii"),
        "notices": [displayed(notice) for notice in transcript.notices],
        "uncovered": [[round(start, 3), round(end, 3)] for start, end in transcript.uncovered],
        "segments": [_segment(segment) for segment in transcript.segments],
        "cues": [
            {"start": round(c.start, 3), "end": round(c.end, 3), "text": "\n".join(lines)}
            for c, lines in visible_cues(cues)
        ],
    }
    script = _resource("review.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "media-src 'self' file: data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "language": html.escape(transcript.language or "und"),
        "policy": html.escape(policy, quote=True).replace("&#x27;", "'"),
        "title": html.escape(title),
        "data": _inert(data),
        "script": script,
    }
    page = _resource("review.html").split("{{")
    return page[0] + "".join(parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in page[1:]))


def _segment(segment: Segment) -> dict[str, Any]:
    speakers = dict.fromkeys(word.speaker for word in segment.words if word.speaker)
    return {
        "start": round(segment.start, 3),
        "language": segment.language,
        "speaker": ", ".join(displayed(speaker) for speaker in speakers) or None,
        "words": [
            [text, round(word.start, 3), round(word.end, 3), _score(word.score)]
            for word, text in visible(segment.words)
        ],
    }


def _score(score: float | None) -> float | None:
    return round(score, 4) if score is not None and math.isfinite(score) else None


def _inert(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element that holds it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _resource(name: str) -> str:
    return files("crisp_align.formats").joinpath(name).read_text(encoding="utf-8")


def linked_media(media: str | os.PathLike[str], page: str | os.PathLike[str]) -> str:
    """The address of `media` relative to the folder that `page` is written to."""
    try:
        path = os.path.relpath(os.path.abspath(media), Path(page).absolute().parent)  # noqa: PTH100 (keeps links)
    except ValueError:  # another drive
        return Path(media).absolute().as_uri()
    address = "/".join(quote(os.fsencode(part)) for part in Path(path).parts)
    return address if address.startswith(".") else f"./{address}"


def embedded_media(media: str | os.PathLike[str]) -> str:
    """The media itself as a data URL.

    Raises:
        OutputError: it cannot be read, or is larger than 256 MB.
    """
    name = os.fsdecode(media)
    try:
        if Path(media).stat().st_size > MAX_EMBEDDED:
            raise OutputError("too large to embed in a page", subject=name, hint="leave out --embed-media")
        data = Path(media).read_bytes()
    except OSError as error:
        raise OutputError(f"cannot be embedded: {(error.strerror or str(error)).lower()}", subject=name) from error
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def loudness(blocks: Iterable[Samples], duration: float) -> tuple[float, ...]:
    """Peaks for the waveform, at most 50 a second, in [0, 1], the loudest being 1.

    Args:
        blocks: float32, shape (n,), 16 kHz mono, in order.
        duration: s of the whole, so that a long recording is drawn more coarsely.
    """
    import numpy as np

    from crisp_align.transcript import SAMPLE_RATE

    step = max(SAMPLE_RATE // PEAKS_A_SECOND, math.ceil(duration * SAMPLE_RATE / MAX_PEAKS))
    peaks: list[float] = []
    left = np.zeros(0, dtype=np.float32)
    for block in blocks:
        samples = np.concatenate([left, block])
        whole = len(samples) // step * step
        peaks += np.abs(samples[:whole]).reshape(-1, step).max(axis=1).tolist() if whole else []
        left = samples[whole:]
    if len(left):
        peaks.append(float(np.abs(left).max()))
    top = max(peaks, default=0.0)
    return tuple(peak / top if top > 0 else 0.0 for peak in peaks)
