"""Media that comes through a pipe: looked at without losing its beginning, and kept on disk only where it must be."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TextIO, cast

from crisp_align.errors import MediaError

__all__ = ["Pipe", "open_pipe"]

CHUNK = 1 << 16  # bytes read at once


class Pipe:
    """Bytes that come once. What has been looked at is kept and given again."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._head = b""
        self._ended = False

    def peek(self, size: int) -> bytes:
        """The first `size` bytes, or all there are.

        Raises:
            OSError: they cannot be read.
        """
        parts = [self._head]
        missing = size - len(self._head)
        while missing > 0 and (data := self._next(min(missing, CHUNK))):
            parts.append(data)
            missing -= len(data)
        self._head = b"".join(parts)
        return self._head

    def head(self) -> Callable[[], bytes]:
        """A source of the bytes looked at so far, then b""."""
        parts = iter((self._head,))
        return lambda: next(parts, b"")

    def feed(self) -> Callable[[], bytes]:
        """A source of all the bytes, then b""."""
        parts = self._all()
        return lambda: next(parts, b"")

    def spool(self, path: Path, name: str) -> None:
        """Write all the bytes to a file.

        Raises:
            MediaError: there is no room for them.
        """
        try:
            with path.open("wb") as file:
                for data in self._all():
                    file.write(data)
        except OSError as error:
            raise MediaError(
                f"keeps its index at its end, so all of it has to be stored first, which failed ({error.strerror})",
                subject=name,
                hint=f"give the file itself, or make room in {path.parent.parent}",
            ) from error

    def close(self) -> None:
        """Release it; a reader that is waiting for bytes ends with the next ones."""
        self._ended = True
        self._stream.close()

    def _all(self) -> Iterator[bytes]:
        head, self._head = self._head, b""
        if head:
            yield head
        while data := self._next(CHUNK):
            yield data

    def _next(self, size: int) -> bytes:
        data: bytes | None = None
        while not self._ended:
            data = cast(bytes | None, self._stream.read(size))
            if data is not None:
                break
            time.sleep(0.02)  # a pipe that its other holder made non-blocking, and that is empty now
        self._ended = self._ended or not data
        return data or b""


def open_pipe(path: Path | None) -> IO[bytes]:
    """A named pipe, or standard input for None, unbuffered.

    Raises:
        MediaError: there is no standard input, or it is a terminal.
    """
    if path is not None:
        return path.open("rb", buffering=0)
    stdin: TextIO | None = sys.stdin
    if stdin is None or stdin.closed:
        raise MediaError("is closed", subject="standard input", hint="pipe media into it, or name a file")
    if stdin.isatty():
        raise MediaError("is a terminal", subject="standard input", hint="pipe media into it, or name a file")
    if not hasattr(stdin, "buffer"):
        raise MediaError("holds text, not bytes", subject="standard input", hint="pipe media into it, or name a file")
    try:
        # A duplicate handle: a thread that waits in sys.stdin's lock would keep Python from ending.
        return os.fdopen(os.dup(stdin.fileno()), "rb", buffering=0)
    except (OSError, io.UnsupportedOperation):
        return stdin.buffer


def index_is_last(head: bytes) -> bool:
    """Whether these are the first bytes of an MP4 or MOV whose index follows its media, unreadable without seeking."""
    position = 0
    while position + 16 <= len(head):
        size = int.from_bytes(head[position : position + 4], "big")
        kind = head[position + 4 : position + 8]
        if kind == b"mdat":
            return True
        if kind not in (b"ftyp", b"wide", b"free", b"skip", b"uuid", b"pnot", b"styp", b"sidx"):
            return False
        if size == 1:
            size = int.from_bytes(head[position + 8 : position + 16], "big")
        if size < 8:
            return False
        position += size
    return False
