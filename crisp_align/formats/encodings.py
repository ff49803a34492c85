"""Bytes of a text file to text: by its byte-order mark, else UTF-8, else the encoding that fits best."""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from crisp_align.errors import TranscriptError
from crisp_align.formats.encoding_guess import guess_encoding, guess_stateful_encoding, guess_wide_encoding

__all__ = ["Decoded", "decode", "decoded", "mojibake_notice", "read_bytes", "read_text"]

MAX_BYTES = 512 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENOUGH = 8  # characters of UTF-8 for every sequence that is none; fewer may be chance in another encoding
_HINT = "name it, e.g. --encoding cp1250"
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x19\x1c-\x1f]")
"""Bytes that no text in a single-byte encoding holds; text may end in 1A, and change alphabets by 1B."""
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.:-]{1,40})["']""")
_TITLES = {"cp1252": "Windows-1252", "cp932": "Shift_JIS", "cp949": "EUC-KR", "cp950": "Big5", "euc_jis_2004": "EUC-JP"}


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
    codec, errors, guessed = (encoding, "strict", False) if encoding else _encoding_of(data, name)
    try:
        text = data.decode(codec, errors)
    except LookupError as error:
        raise TranscriptError(f"no encoding is called {encoding!r}", subject=name, hint="try utf-8") from error
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = data[:start].count(b"\n") + 1
        raise TranscriptError(f"line {line} is not {codec} text", subject=name, hint=_HINT) from error
    if guessed:
        text = unicodedata.normalize("NFC", text) if codec == "cp1258" else text
    bom = text.startswith("\ufeff") or data.startswith(tuple(mark for mark, _ in _MARKS))
    text = text.removeprefix("\ufeff")
    newline = "\r\n" if "\r\n" in text[:10_000] else "\n"
    notices = (f"its encoding looks like {_title(codec)}; if letters are wrong, name another with --encoding",)
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), newline, bom, notices if guessed else ())


def mojibake_notice(text: str) -> str | None:
    """One line about characters of `text` that could not be read; None: there are none."""
    count = len(re.findall("[\ufffd\udc80-\udcff]+", text))
    if not count:
        return None
    places = "one place holds" if count == 1 else f"{count} places hold"
    return f"{places} characters that could not be read: damaged, or of another encoding"


def _title(codec: str) -> str:
    title = _TITLES.get(codec) or codec.upper().replace("_", "-")
    return re.sub("^CP(?=1?[28]\\d\\d|874)", "Windows-", title) if codec[:3] == "cp1" or codec == "cp874" else title


def _encoding_of(data: bytes, name: str) -> tuple[str, str, bool]:
    """The encoding, what to do with errors, and whether it is a guess.

    Raises:
        TranscriptError: it fits none, or several as well.
    """
    if _OBJECT.match(data) and b'"transcription"' in data:
        return "utf-8", "surrogateescape", False
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec, "strict", False
    if b"\0" in data and (wide := guess_wide_encoding(data)):
        return wide, "replace", False
    if declared := _declared(data):
        return declared, "strict", False
    if (b"\x1b" in data or b"~{" in data) and (stateful := guess_stateful_encoding(data)):
        return stateful, "strict", False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if _mostly_utf8(data):
            return "utf-8", "replace", False
        codec_found = guess_encoding(data)
        if codec_found is None:
            what, hint = "its encoding cannot be recognised", _HINT
            if _CONTROLS.search(data[:4096]):
                what = "is not text, or its encoding cannot be recognised"
                hint = f"a recording is transcribed by: crisp-align FILE; for text in another encoding {_HINT}"
            raise TranscriptError(what, subject=name, hint=hint) from None
        return codec_found, "replace", True
    return "utf-8", "strict", False


def _declared(data: bytes) -> str | None:
    """The encoding that an XML declaration names, if the file is in it."""
    match = _DECLARED.match(data[:1000])
    if not match:
        return None
    codec = match.group(1).decode("ascii")
    codec = "cp1252" if codec.lower() in ("iso-8859-1", "latin1", "latin-1") else codec
    try:
        data.decode(codec)
    except (LookupError, UnicodeError, AssertionError):
        return None
    return None if "16" in codec and b"\0" not in data else codec


def _mostly_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - bad >= _ENOUGH * bad
