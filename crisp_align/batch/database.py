"""Small SQLite files that many processes share: opened, made and known again, their errors in plain words."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crisp_align.errors import CrispAlignError, OptionError, OutputError

__all__ = ["FileSpec", "connect", "translating_errors"]

_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What a file is for, and how one knows it again."""

    name: str
    """For messages: "journal"."""
    application: int
    """SQLite's application_id, 31 bits."""
    version: int
    """Grows when an older program could no longer read the file."""
    schema: str
    """Statements that make an empty file one of this spec."""
    wal: bool
    """Write-ahead log: writers do not wait for readers, and a commit costs microseconds; not for network shares."""
    hint: str
    """What to do when the file cannot be used."""


def connect(path: Path, spec: FileSpec, *, lock_timeout: float = 30.0) -> sqlite3.Connection:
    """Open the file, or make it; transactions are begun and ended by the caller.

    Args:
        path: of the file; its folder is there.
        spec: what it is.
        lock_timeout: s to wait for other processes that write.

    Raises:
        OptionError: the file is something else, or of a newer version; it is left as it is.
        OutputError: it cannot be opened, made or locked, or is damaged.
    """
    with translating_errors(path, spec):
        try:
            _refuse_others(path, spec)
        except OSError as error:
            raise _unusable(path, spec, error.strerror or str(error)) from error
        connection = sqlite3.connect(path, timeout=lock_timeout, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path, spec, time.monotonic() + lock_timeout)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def translating_errors(path: Path, spec: FileSpec) -> Iterator[None]:
    """SQLite's errors as ours.

    Raises:
        OutputError: instead of sqlite3.Error.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(error, path, spec) from error


def _refuse_others(path: Path, spec: FileSpec) -> None:
    """Look before SQLite does: it would take an empty file for its own and lock what is none of ours."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder")
    if path.exists():
        if not path.is_file():
            raise _foreign(path, spec)
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
        if head and head != _MAGIC:
            raise _foreign(path, spec)


def _prepare(connection: sqlite3.Connection, path: Path, spec: FileSpec, until: float) -> None:
    _check(connection, path, spec)
    if spec.wal:
        _use_log(connection, path, spec, until)
        connection.execute("PRAGMA synchronous = NORMAL")
    else:
        connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA foreign_keys = OFF")
    if _is_new(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _is_new(connection):  # nobody was quicker
                for statement in filter(str.strip, spec.schema.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {spec.version:d}")
                connection.execute(f"PRAGMA application_id = {spec.application:d}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    _check(connection, path, spec)


def _check(connection: sqlite3.Connection, path: Path, spec: FileSpec) -> None:
    connection.execute("BEGIN")  # one state of the file, also while another process makes it
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        is_new = _is_new(connection)
    finally:
        connection.execute("ROLLBACK")
    if application == spec.application and version > spec.version:
        raise OptionError(
            f"is a {spec.name} of a newer crisp-align (version {version}, this one knows {spec.version})",
            subject=os.fspath(path),
            hint=f"update crisp-align, or {spec.hint}",
        )
    if application != spec.application and not is_new:
        raise _foreign(path, spec)


def _is_new(connection: sqlite3.Connection) -> bool:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    return application == 0 and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _use_log(connection: sqlite3.Connection, path: Path, spec: FileSpec, until: float) -> None:
    """Switch to the write-ahead log; of several processes that do so at once SQLite lets one through."""
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise _unusable(path, spec, "its file system lacks the locks that many processes need")


def _foreign(path: Path, spec: FileSpec) -> OptionError:
    return OptionError(f"is no {spec.name} of crisp-align", subject=os.fspath(path), hint=spec.hint)


def _unusable(path: Path, spec: FileSpec, reason: str) -> OutputError:
    return OutputError(f"the {spec.name} cannot be used: {reason}", subject=os.fspath(path), hint=spec.hint)


def _explained(error: sqlite3.Error, path: Path, spec: FileSpec) -> CrispAlignError:
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_NOTADB:
        return _foreign(path, spec)
    reasons = {
        sqlite3.SQLITE_CORRUPT: "it is damaged",
        sqlite3.SQLITE_BUSY: "another program keeps it locked",
        sqlite3.SQLITE_FULL: "the disk is full",
        sqlite3.SQLITE_READONLY: "no permission to write to it",
        sqlite3.SQLITE_PERM: "no permission to write to it",
        sqlite3.SQLITE_CANTOPEN: "no permission to write there",
        sqlite3.SQLITE_PROTOCOL: "its file system lacks the locks that many processes need",
        sqlite3.SQLITE_NOLFS: "its file system cannot hold it",
    }
    reason = reasons.get(code & 0xFF)
    if reason is None and code & 0xFF == sqlite3.SQLITE_IOERR and "LOCK" in getattr(error, "sqlite_errorname", ""):
        reason = "its file system lacks the locks that many processes need"
    return _unusable(path, spec, reason or str(error))
