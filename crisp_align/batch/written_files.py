"""Which files on this machine we wrote: those may be written again, all others are somebody's work.

One small database a user. It is a kindness, not a promise: where it cannot be used, an existing file counts as not
ours, and nothing else happens.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_state_path

from crisp_align.batch.database import FileSpec, connect
from crisp_align.errors import CrispAlignError, OutputError
from crisp_align.media.remote import file_stat, is_url, read_bytes, url

__all__ = ["Ledger", "state_folder"]

_SPEC = FileSpec(
    "record of written files",
    application=0x43414C31,
    version=1,
    schema="""
        CREATE TABLE written (
            path BLOB, digest TEXT, size INTEGER, turn INTEGER, PRIMARY KEY (path, digest)
        ) WITHOUT ROWID
    """,
    wal=False,  # homes lie on network shares
    hint="CRISP_ALIGN_STATE names another folder for it",
)
_KEPT = 2  # contents a path: what is there, and what was about to replace it


def state_folder() -> Path:
    """Where what is remembered from run to run lies: CRISP_ALIGN_STATE, or the platform's usual place."""
    given = os.environ.get("CRISP_ALIGN_STATE")
    return Path(given) if given else user_state_path("crisp-align", appauthor=False)


class Ledger:
    """The record, opened when it is first needed; any thread may ask.

    Args:
        path: of its file; None: in `state_folder`.
        overwrite: whatever is there may be written over.
        lock_timeout: s to wait for other processes that write.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, overwrite: bool = False, lock_timeout: float = 5.0
    ) -> None:
        self._path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._asked = False
        self._overwrite = overwrite
        self._lock_timeout = lock_timeout

    def close(self) -> None:
        """Close the file; it opens again when it is needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._asked = None, False

    def remember(self, files: Mapping[Path, bytes]) -> None:
        """Note what is about to be written: path → bytes. Before, so that a kill right after is no riddle."""
        self._note({path: (hashlib.sha256(data).hexdigest(), len(data)) for path, data in files.items()})

    def claim(self, files: Mapping[Path, bytes]) -> None:
        """`remember` what is about to be written, if all of it may be.

        Raises:
            OutputError: it may not; see `refusal`.
        """
        if refusal := self.refusal(files):
            raise refusal
        self.remember(files)

    def import_digests(self, digests: Mapping[Path, str]) -> None:
        """Learn from another record what we wrote, as far as it is there: path → SHA-256 in hexadecimal."""
        self._note({path: (digest, size) for path, digest in digests.items() if (size := _size(path))})

    def _note(self, files: Mapping[Path, tuple[str, int]]) -> None:
        if not files:
            return
        with self._lock, self._mended():
            if (connection := self._opened()) is None:
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                for path, (digest, size) in files.items():
                    _insert(connection, _name(path), digest, size)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise

    def is_ours(self, path: str | os.PathLike[str]) -> bool:
        """Whether the file there is, byte for byte, one that we wrote there."""
        with self._lock, self._mended(), suppress(OSError, ValueError):
            if (connection := self._opened()) is None:
                return False
            known = connection.execute(
                "SELECT digest FROM written WHERE path = ? AND size = ?", (_name(path), _size(path))
            ).fetchall()
            if known and is_url(path):
                return (hashlib.sha256(read_bytes(path)).hexdigest(),) in known
            if known:
                with open(path, "rb") as file:  # noqa: PTH123
                    return (hashlib.file_digest(file, "sha256").hexdigest(),) in known
        return False

    def refusal(self, paths: Iterable[str | os.PathLike[str]]) -> OutputError | None:
        """Why these may not be written: one is there that we did not write, or that was edited since.

        An empty file is nobody's loss.
        """
        for path in () if self._overwrite else paths:
            if _holds_something(path) and not self.is_ours(path):
                return OutputError(
                    "is already there, and not as crisp-align wrote it",
                    subject=os.fsdecode(path),
                    hint="--overwrite replaces it, --skip-existing keeps it",
                )
        return None

    def _opened(self) -> sqlite3.Connection | None:
        if not self._asked:
            self._asked = True
            with suppress(CrispAlignError, OSError):
                self._place().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._connection = connect(self._place(), _SPEC, lock_timeout=self._lock_timeout)
        return self._connection

    def _place(self) -> Path:
        return self._path or state_folder() / "written.sqlite"

    @contextmanager
    def _mended(self) -> Iterator[None]:
        """Pass over what goes wrong; a record that a power cut damaged is renamed, and the next run begins anew."""
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
                with suppress(OSError):
                    self._place().replace(f"{self._place()}.damaged")


def _insert(connection: sqlite3.Connection, name: bytes, digest: str, size: int) -> None:
    (turn,) = connection.execute("SELECT coalesce(max(turn), 0) + 1 FROM written WHERE path = ?", (name,)).fetchone()
    connection.execute("REPLACE INTO written VALUES (?, ?, ?, ?)", (name, digest, size, turn))
    connection.execute("DELETE FROM written WHERE path = ? AND turn <= ?", (name, turn - _KEPT))


def _name(path: str | os.PathLike[str]) -> bytes:
    return os.fsencode(url(path) if is_url(path) else os.path.realpath(path))


def _holds_something(path: str | os.PathLike[str]) -> bool:
    """Whether it is a file that is not empty; a folder or a device is refused, or written to, by whoever writes."""
    return (_size(path) or 0) > 0


def _size(path: str | os.PathLike[str]) -> int | None:
    """Bytes of a file; None: there is none, or what is there is no regular file."""
    try:
        if is_url(path):
            return None if (found := file_stat(path)) is None else found.size
        seen = os.stat(path)  # noqa: PTH116 (names need not be str)
    except (OSError, ValueError):
        return None
    return seen.st_size if stat.S_ISREG(seen.st_mode) else None
