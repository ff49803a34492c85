"""A record of what is done, for batches that are cut off, shared by many processes on one file.

Who works on files asks `claim` for each: the answer is either to resume, with the clips that an earlier run finished,
or why not. A file that is claimed goes running → writing → done; every step is on disk before the next begins, so that
after a kill at any moment the next run knows what is left. A claim ends with its process: whoever finds it dead takes
the file over.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

from crisp_align.batch.database import FileSpec, connect, translating_errors
from crisp_align.errors import OptionError
from crisp_align.events import ClipResult
from crisp_align.files.process_identity import Owner, current, is_alive
from crisp_align.media.remote import file_stat, is_url, read_bytes
from crisp_align.transcript import Segment, Word

__all__ = ["LEASE", "Claim", "Journal", "JournalEntry", "JournalRefusal", "Stamp", "State", "digest", "journal_key"]

LEASE = 120.0
"""s without a `beat` after which a process on another machine counts as dead."""

State: TypeAlias = Literal["waiting", "running", "writing", "done", "failed", "quarantined"]

_SPEC = FileSpec(
    "journal",
    application=0x43414A31,
    version=1,
    schema="""
        CREATE TABLE owners (id INTEGER PRIMARY KEY, host TEXT, pid INTEGER, born TEXT, beat REAL);
        CREATE TABLE jobs (
            key BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, settings TEXT, layout TEXT, state TEXT,
            owner INTEGER, tries INTEGER DEFAULT 0, error TEXT, summary TEXT, began REAL, ended REAL
        ) WITHOUT ROWID;
        CREATE INDEX by_owner ON jobs (owner) WHERE owner IS NOT NULL;
        CREATE TABLE clips (key BLOB, number INTEGER, result TEXT, PRIMARY KEY (key, number)) WITHOUT ROWID;
        CREATE TABLE outputs (
            key BLOB, path BLOB, digest TEXT, size INTEGER, mtime_ns INTEGER, PRIMARY KEY (key, path)
        ) WITHOUT ROWID
    """,
    wal=True,
    hint="name another file with --journal, on a disk of this machine",
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What shows that an input is still the same."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Stamp:
        """The stamp of a file as it is now.

        Raises:
            OSError: it cannot be looked at.
        """
        if is_url(path):
            found = file_stat(path)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
            return cls(found.size, found.mtime_ns)
        seen = os.stat(path)  # noqa: PTH116 (names need not be str)
        return cls(seen.st_size, seen.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Claim:
    """Leave to work on a file."""

    key: str
    tries: int
    """How often a worker died or hung over it before."""
    clips: tuple[ClipResult, ...] = ()
    """What an earlier run with the same input and settings finished: clips 0, 1, 2, …"""


@dataclass(frozen=True, slots=True)
class JournalRefusal:
    """Why a file is not to be worked on."""

    key: str
    reason: Literal["done", "busy", "failed", "quarantined"]
    error: str | None = None
    """What it failed of."""
    by: Owner | None = None
    """Who is busy with it."""
    outputs: tuple[Path, ...] = ()
    """What is there of it, if done."""
    summary: str = ""
    """What the caller noted when it was done or failed."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """All that the journal knows of a file."""

    key: str
    state: State
    stamp: Stamp
    tries: int
    error: str | None
    summary: str
    outputs: tuple[Path, ...]
    began: float
    """s since 1970, as `time.time`."""
    ended: float | None


def journal_key(source: str) -> str:
    """What a source is called in the journal: a file by its real path, an address as it is.

    Raises:
        OptionError: standard input, which nobody can read again.
    """
    if source == "-":
        raise OptionError("standard input cannot be kept in a journal", hint="leave out --journal, or name files")
    return source if "://" in source else os.path.realpath(source)


def digest(data: bytes) -> str:
    """SHA-256 of an output's bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


class Journal:
    """An open journal. Threads of a process may share it, processes open their own; it must not cross a fork.

    Args:
        path: of the file, made if it is not there; next to it appear two more while it is open (-wal, -shm).
        lock_timeout: s to wait for other processes that write.

    Raises:
        OptionError: the file is no journal, or one of a newer version.
        OutputError: it cannot be opened or made, or is damaged; every method may raise it.
    """

    def __init__(self, path: str | os.PathLike[str], *, lock_timeout: float = 30.0) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._connection = connect(self.path, _SPEC, lock_timeout=lock_timeout)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what is still claimed, clips kept, and close the file."""
        with self._lock:
            if self._owner is not None:
                with self._transaction() as run:
                    run("UPDATE jobs SET state = 'waiting' WHERE owner = ? AND state = 'running'", self._owner)
                    run("UPDATE jobs SET owner = NULL WHERE owner = ?", self._owner)
                    run("DELETE FROM owners WHERE id = ?", self._owner)
                self._owner = None
            self._connection.close()

    def claim(
        self, key: str, stamp: Stamp, settings: str, layout: str = "", *, retry_failed: bool = False
    ) -> Claim | JournalRefusal:
        """Ask for a file.

        Args:
            key: from `journal_key`.
            stamp: of the input as it is now. If it changed, what is known is forgotten.
            settings: fingerprint of what decides the clips' words and times. If it changed, likewise.
            layout: fingerprint of what more decides the outputs: layout, formats, names. If only this changed, the
                outputs are made anew, and clips that are there still count.
            retry_failed: try what failed or was quarantined before.
        """
        name = os.fsencode(key)
        self._register()
        while True:
            row = self._row(name)
            # Digests are computed before the file is locked for writing: others need not wait for them.
            whole = row is not None and row["state"] in ("writing", "done") and self._outputs_are_there(name, row)
            with self._transaction() as run:
                if self._row(name) != row:
                    continue  # somebody was quicker; look again
                return self._decide(run, key, row, stamp, settings, layout, whole, retry_failed)

    def _decide(
        self,
        run: Any,
        key: str,
        row: dict[str, Any] | None,
        stamp: Stamp,
        settings: str,
        layout: str,
        whole: bool,
        retry_failed: bool,
    ) -> Claim | JournalRefusal:
        name = os.fsencode(key)
        known = row or {"state": "waiting", "owner": None, "tries": 0, "error": None, "summary": ""}
        state: State = known["state"]
        if state in ("running", "writing") and (owner := self._living(known["owner"])):
            return JournalRefusal(key, "busy", by=owner)
        same_clips = row is not None and (row["size"], row["mtime_ns"], row["settings"]) == (
            stamp.size,
            stamp.mtime_ns,
            settings,
        )
        if same_clips and known["layout"] == layout:
            if whole:
                if state == "writing":
                    self._end(run, name, "done", None, known["summary"])
                return JournalRefusal(key, "done", outputs=self._output_paths(name), summary=known["summary"])
            if state == "failed" and not retry_failed:
                return JournalRefusal(key, "failed", error=known["error"], summary=known["summary"])
        if same_clips and state == "quarantined" and not retry_failed:
            return JournalRefusal(key, "quarantined", error=known["error"], summary=known["summary"])
        tries = known["tries"] if same_clips and state not in ("failed", "quarantined") else 0
        if not same_clips:
            run("DELETE FROM clips WHERE key = ?", name)
        run("DELETE FROM outputs WHERE key = ?", name)
        run(
            "REPLACE INTO jobs (key, size, mtime_ns, settings, layout, state, owner, tries, summary, began) "
            "VALUES (?, ?, ?, ?, ?, 'running', ?, ?, '', ?)",
            *(name, stamp.size, stamp.mtime_ns, settings, layout, self._owner, tries, time.time()),
        )
        return Claim(key, tries, self.clips(key))

    def clip_done(self, key: str, number: int, result: ClipResult) -> bool:
        """Keep a finished clip. Clips of a file come in order; costs microseconds.

        Returns:
            Whether the file is still ours; so do all the methods below that change something.
        """
        with self._transaction() as run:
            return bool(
                run(
                    "REPLACE INTO clips SELECT key, ?, ? FROM jobs WHERE key = ? AND owner = ?",
                    *(number, _dumped(result), os.fsencode(key), self._owner),
                ).rowcount
            )

    def clips(self, key: str) -> tuple[ClipResult, ...]:
        """The clips of a file that are kept, 0, 1, 2, … up to the first that is not."""
        found: list[ClipResult] = []
        with suppress(ValueError, TypeError, LookupError):  # of another version: from there on it is done again
            rows = self._all("SELECT number, result FROM clips WHERE key = ? ORDER BY number", os.fsencode(key))
            for expected, row in enumerate(rows):
                if row["number"] != expected:
                    break
                found.append(_loaded(row["result"]))
        return tuple(found)

    def count_crash(self, key: str) -> int:
        """Count that a worker died or hung over a file; return how often that has happened."""
        with self._transaction() as run:
            run("UPDATE jobs SET tries = tries + 1 WHERE key = ? AND owner = ?", os.fsencode(key), self._owner)
        row = self._row(os.fsencode(key))
        return int(row["tries"]) if row else 0

    def writing(self, key: str, digests: Mapping[Path, str], summary: str = "") -> bool:
        """Announce the outputs, before the first appears: path → `digest`. False: not ours any more, write nothing.

        If the run ends here, the next one finds the outputs whole and takes the file for done, or does it again.

        Args:
            key: of the file.
            digests: empty where nothing is written.
            summary: any text that `claim`, `entries` and so a later report gives back.
        """
        name = os.fsencode(key)
        with self._synced(), self._transaction() as run:
            owned = run(
                "UPDATE jobs SET state = 'writing', summary = ? WHERE key = ? AND owner = ?",
                *(_storable(summary), name, self._owner),
            ).rowcount
            if owned:
                run("DELETE FROM outputs WHERE key = ?", name)
                for path, value in digests.items():
                    place = os.fsencode(path if is_url(path) else os.path.realpath(path))
                    run("REPLACE INTO outputs (key, path, digest) VALUES (?, ?, ?)", name, place, value)
            return bool(owned)

    def done(self, key: str, summary: str | None = None) -> bool:
        """The announced outputs are in place; the clips are no longer needed."""
        name = os.fsencode(key)
        seen = {path: _stat(path) for path in self._output_paths(name)}
        with self._transaction() as run:
            if not self._is_mine(name):
                return False
            for path, stamp in seen.items():
                if stamp:
                    run(
                        "UPDATE outputs SET size = ?, mtime_ns = ? WHERE key = ? AND path = ?",
                        *(stamp.size, stamp.mtime_ns, name, os.fsencode(path)),
                    )
            self._end(run, name, "done", None, summary)
            return True

    def failed(self, key: str, error: object, *, quarantine: bool = False, summary: str | None = None) -> bool:
        """The file cannot be done; its clips stay for a run that tries again.

        Args:
            key: of the file.
            error: why, in a line.
            quarantine: it killed its workers, and is not to be met again by accident.
            summary: as in `writing`.
        """
        name = os.fsencode(key)
        with self._transaction() as run:
            if not self._is_mine(name):
                return False
            self._end(run, name, "quarantined" if quarantine else "failed", str(error), summary)
            return True

    def release(self, key: str) -> bool:
        """Give a file back undone; its clips stay."""
        with self._transaction() as run:
            return bool(
                run(
                    "UPDATE jobs SET state = 'waiting', owner = NULL WHERE key = ? AND owner = ?",
                    *(os.fsencode(key), self._owner),
                ).rowcount
            )

    def announced_outputs(self, key: str) -> dict[Path, str]:
        """What was last announced of a file, before it is claimed again: path → `digest`."""
        rows = self._all("SELECT path, digest FROM outputs WHERE key = ?", os.fsencode(key))
        return {Path(os.fsdecode(row["path"])): row["digest"] for row in rows}

    def beat(self) -> None:
        """Show other machines that this process lives; at least every `LEASE` / 4."""
        with self._transaction() as run:
            run("UPDATE owners SET beat = ? WHERE id = ?", time.time(), self._owner)

    def entries(self) -> Iterator[JournalEntry]:
        """Every file the journal knows, by name; each as it is when its turn comes."""
        last = b""
        while rows := self._all("SELECT * FROM jobs WHERE key > ? ORDER BY key LIMIT 500", last):
            for row in rows:
                yield JournalEntry(
                    os.fsdecode(row["key"]),
                    row["state"],
                    Stamp(row["size"], row["mtime_ns"]),
                    row["tries"],
                    row["error"],
                    row["summary"],
                    self._output_paths(row["key"]),
                    row["began"],
                    row["ended"],
                )
            last = rows[-1]["key"]

    def counts(self) -> dict[State, int]:
        """State → how many files are in it; states without files left out."""
        return {row["state"]: row["n"] for row in self._all("SELECT state, count(*) AS n FROM jobs GROUP BY state")}

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """Statements that happen together or not at all; nobody else writes meanwhile."""
        with self._lock, translating_errors(self.path, _SPEC):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield lambda statement, *values: self._connection.execute(statement, values)
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk rolls back by itself
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _synced(self) -> Iterator[None]:
        """What is committed within survives a power cut, too."""
        with self._lock, translating_errors(self.path, _SPEC):
            self._connection.execute("PRAGMA synchronous = FULL")
            try:
                yield
            finally:
                self._connection.execute("PRAGMA synchronous = NORMAL")

    def _all(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with self._lock, translating_errors(self.path, _SPEC):
            cursor = self._connection.execute(statement, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _row(self, name: bytes) -> dict[str, Any] | None:
        rows = self._all("SELECT * FROM jobs WHERE key = ?", name)
        return rows[0] if rows else None

    def _is_mine(self, name: bytes) -> bool:
        row = self._row(name)
        return row is not None and row["owner"] is not None and row["owner"] == self._owner

    def _output_paths(self, name: bytes) -> tuple[Path, ...]:
        rows = self._all("SELECT path FROM outputs WHERE key = ? ORDER BY path", name)
        return tuple(Path(os.fsdecode(row["path"])) for row in rows)

    def _outputs_are_there(self, name: bytes, row: dict[str, Any]) -> bool:
        if row["state"] == "writing" and self._living(row["owner"]):
            return False  # it is not for us to look at them
        return all(
            _is_whole(Path(os.fsdecode(output["path"])), output)
            for output in self._all("SELECT * FROM outputs WHERE key = ?", name)
        )

    def _living(self, number: int | None) -> Owner | None:
        rows = self._all("SELECT * FROM owners WHERE id = ?", number)
        if not rows:
            return None
        owner = Owner(rows[0]["host"], rows[0]["pid"], rows[0]["born"])
        alive = True if number == self._owner else is_alive(owner)
        if alive is None:
            alive = time.time() - rows[0]["beat"] < LEASE
        return owner if alive else None

    def _register(self) -> None:
        """Give this process its number among the owners."""
        if self._owner is None:
            me = current()
            with self._transaction() as run:
                values = (me.host, me.pid, me.started, time.time())
                made = run("INSERT INTO owners (host, pid, born, beat) VALUES (?, ?, ?, ?)", *values).lastrowid
            self._owner = made

    def _end(self, run: Any, name: bytes, state: State, error: str | None, summary: str | None) -> None:
        run(
            "UPDATE jobs SET state = ?, error = ?, summary = coalesce(?, summary), ended = ?, owner = NULL "
            "WHERE key = ?",
            *(state, _storable(error), _storable(summary), time.time(), name),
        )
        if state == "done":
            run("DELETE FROM clips WHERE key = ?", name)


def _stat(path: Path) -> Stamp | None:
    try:
        return Stamp.of(path)
    except OSError:
        return None


def _is_whole(path: Path, output: dict[str, Any]) -> bool:
    """Whether an output is as it was written; one that was only touched or copied back is."""
    stamp = _stat(path)
    if stamp is None or (output["size"] is not None and output["size"] != stamp.size):
        return False
    if output["mtime_ns"] == stamp.mtime_ns:
        return True
    try:
        data = read_bytes(path) if is_url(path) else path.read_bytes()
        return digest(data) == str(output["digest"])
    except OSError:
        return False


def _storable(text: str | None) -> str | None:
    """`text` without lone surrogates, which SQLite cannot hold."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _dumped(result: ClipResult) -> str:
    """JSON of a clip's result; floats exact, text escaped where UTF-8 could not hold it."""
    segments = [
        [s.text, s.start, s.end, s.language, s.aligner, [[w.text, w.start, w.end, w.score, w.speaker] for w in s.words]]
        for s in result.segments
    ]
    value = [segments, result.notices, result.fallbacks, result.language, result.uncovered]
    return json.dumps(value, separators=(",", ":"), default=float)  # default: NumPy's numbers


def _loaded(text: str) -> ClipResult:
    segments, notices, fallbacks, language, *uncovered = json.loads(text)  # earlier versions have no coverage
    return ClipResult(
        tuple(
            Segment(said, start, end, tongue, tuple(Word(*word) for word in words), aligner)
            for said, start, end, tongue, aligner, words in segments
        ),
        tuple(notices),
        tuple((asked, used, reason) for asked, used, reason in fallbacks),
        language,
        tuple((start, end) for part in uncovered for start, end in part),
    )
