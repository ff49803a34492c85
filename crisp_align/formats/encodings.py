"""Bytes of a text file to text: by its byte-order mark, else UTF-8, else the encoding that fits best."""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass
from pathlib import Path

from crisp_align.errors import TranscriptError

__all__ = ["Decoded", "decode", "decoded", "mojibake_notice", "read_bytes", "read_text"]

MAX_BYTES = 512 << 20
SAMPLE = 64 << 10  # bytes that an encoding is guessed from
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENOUGH = 8  # characters of UTF-8 for every sequence that is none; fewer may be chance in another encoding
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_LEGACY = (
    *("gb18030", "big5", "cp932", "cp949"),
    *(f"cp{number}" for number in range(1250, 1259)),
    *("utf_16_le", "utf_16_be"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file, and what its bytes said of it."""

    text: str
    """Lines end in line feeds; no byte-order mark."""
    newline: str = "\n"
    """How its first line ended."""
    bom: bool = False
    notices: tuple[str, ...] = ()
    """A guess, if it is one."""


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All of a file.

    Raises:
        TranscriptError: it cannot be read, or is too large.
    """
    name = os.fsdecode(path)
    try:
        file = Path(path)
        if file.is_file() and file.stat().st_size > MAX_BYTES:
            raise TranscriptError("larger than any subtitle file", subject=name, hint="is it the right file?")
        return file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TranscriptError(f"cannot be read: {reason.lower()}", subject=name) from error


def read_text(path: str | os.PathLike[str], encoding: str | None = None) -> str:
    """The text of a file, line ends as line feeds.

    Raises:
        TranscriptError: it cannot be read, is too large, or is not text.
    """
    return decoded(read_bytes(path), os.fsdecode(path), encoding)


def decoded(data: bytes, name: str, encoding: str | None = None) -> str:
    """`data` as text; as `decode`.

    Raises:
        TranscriptError: the encoding is unknown, or the data does not fit it.
    """
    return decode(data, name, encoding).text


def decode(data: bytes, name: str, encoding: str | None = None) -> Decoded:
    """`data` as text, line ends as line feeds.

    What is not UTF-8 in a file that is else becomes U+FFFD; in JSON of whisper.cpp, which cuts characters in two, lone
    surrogates, which keep the bytes.

    Raises:
        TranscriptError: the encoding is unknown, or the data does not fit it.
    """
    codec, errors = (encoding, "strict") if encoding else _encoding_of(data)
    try:
        text = data.decode(codec, errors)
    except LookupError as error:
        raise TranscriptError(f"no encoding is called {encoding!r}", subject=name, hint="try utf-8") from error
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = data[:start].count(b"\n") + 1
        raise TranscriptError(f"line {line} is not {codec} text", subject=name, hint="name its encoding") from error
    bom = text.startswith("\ufeff") or data.startswith(tuple(mark for mark, _ in _MARKS))
    text = text.removeprefix("\ufeff")
    newline = "\r\n" if "\r\n" in text[:10_000] else "\n"
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), newline, bom)


def mojibake_notice(text: str) -> str | None:
    """One line about characters of `text` that could not be read; None: there are none."""
    count = len(re.findall("[\ufffd\udc80-\udcff]+", text))
    if not count:
        return None
    places = "one place holds" if count == 1 else f"{count} places hold"
    return f"{places} characters that could not be read: damaged, or of another encoding"


def _encoding_of(data: bytes) -> tuple[str, str]:
    """The encoding, and what to do with errors."""
    if _OBJECT.match(data) and b'"transcription"' in data:
        return "utf-8", "surrogateescape"
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec, "strict"
    if b"\0" in data:
        return _guessed(data) or "utf-8", "strict"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if _mostly_utf8(data):
            return "utf-8", "replace"
        return _guessed(data) or "utf-8", "strict"
    return "utf-8", "strict"


def _mostly_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - bad >= _ENOUGH * bad


def _guessed(data: bytes) -> str | None:
    """The legacy encoding that fits best; None: none does. Numbers and times say nothing about it and are left out."""
    from charset_normalizer import from_bytes

    lines = [line for line in data.split(b"\n") if not re.fullmatch(rb"[\d:., \->\r]*", line)]
    sample = b"\n".join(lines)[:SAMPLE]
    # A short text is shown to the guesser several times: it wants to see enough of it.
    best = from_bytes(sample * (1 + 400 // (len(sample) + 1)), cp_isolation=list(_LEGACY)).best()
    for codec in [best.encoding] if best else []:
        try:
            data.decode(codec)
        except UnicodeError:
            return None
        return codec
    return None
