"""Events of the pipeline turned into outputs: a transcript is laid out and written the moment it is finished."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from crisp_align.batch.events import BatchEvent, Paused, Resumed, Written
from crisp_align.batch.journal import Journal, digest
from crisp_align.batch.options import OutputLayout
from crisp_align.batch.planning import STDOUT, Job, document_files, render_files, save
from crisp_align.batch.report import Row, row_to_json
from crisp_align.batch.written_files import Ledger
from crisp_align.check import reading_speed_summary
from crisp_align.errors import CrispAlignError, OutputError
from crisp_align.events import ClipDone, Event, Failed, Finished, Noticed, Ready, Staged, Started
from crisp_align.formats import find_format
from crisp_align.layout import lay_out
from crisp_align.media.remote import url
from crisp_align.sync.subtitles import SubtitlesFinished

__all__ = ["OutputWriter", "is_mendable", "pause_reason", "retry_while_unwritable"]

T = TypeVar("T")

RETRY_INTERVAL = 2.0  # s between two tries while a disk is full or a folder has vanished
# What somebody can mend while we wait: a full disk, a quota, a share that went away.
_MENDABLE = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "ESTALE", "ENOENT", "ENODEV", "ENOTCONN", "EHOSTDOWN", "ETIMEDOUT")
    if hasattr(errno, name)
)


def retry_while_unwritable(
    action: Callable[[], T],
    retry_timeout: float,
    stop: Callable[[], bool],
    hopeless: Callable[[], bool] = lambda: False,
) -> Generator[BatchEvent, None, T]:
    """Do something that writes; while the disk is full or the folder has vanished, wait and try again.

    Args:
        action: may be done several times.
        retry_timeout: s to wait.
        stop: the waiting ends where this is true.
        hopeless: whether there is nothing to wait for.

    Yields:
        Paused for each new reason, and Resumed in the end.

    Returns:
        What `action` does.

    Raises:
        OutputError: it cannot be done, or was not mended in time.
    """
    deadline, reason = time.monotonic() + retry_timeout, None
    while True:
        try:
            result = action()
            break
        except OutputError as error:
            if time.monotonic() >= deadline or stop() or not is_mendable(error) or hopeless():
                if reason is not None:
                    yield Resumed()
                raise
            if (current := pause_reason(error)) != reason:
                reason = current
                yield Paused(reason)
            time.sleep(RETRY_INTERVAL)
    if reason is not None:
        yield Resumed()
    return result


def pause_reason(error: OutputError) -> str:
    """Why nothing can be written, in a clause: what and where."""
    return f"{error.subject}: {error.what}" if error.subject else error.what


def is_mendable(error: OutputError) -> bool:
    """Whether somebody may mend an error while we wait, such as a full disk."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    if isinstance(cause, OSError) and cause.errno == errno.EACCES:
        return not _is_writable(error)  # else it is that one file
    return isinstance(cause, OSError) and cause.errno in _MENDABLE


def _is_writable(error: OutputError) -> bool:
    """Whether the folder can be written that an error is about: where a share was mounted, often nobody may."""
    path = Path(error.subject or os.curdir)
    return os.access(path if path.is_dir() else path.parent, os.W_OK)


@dataclass(slots=True)
class _File:
    """A file on its way."""

    job: Job
    key: str | None
    """Of its claim in the journal."""
    resumed_at: float
    """s in it up to which an earlier run did it."""
    device: int | None
    """The file system that its folder was on in the beginning."""
    started_at: float = 0.0
    """s, monotonic, when it was opened."""

    @property
    def folder_moved(self) -> bool:
        """Whether its folder was moved away or deleted, as opposed to unmounted: that is not mended by waiting."""
        folder = Path(self.job.source).parent
        if self.device is None or folder.is_dir():
            return False
        return _device(next(parent for parent in folder.absolute().parents if parent.is_dir())) == self.device


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except (OSError, ValueError):
        return None


class OutputWriter:
    """Writes the outputs of files as they finish, and records in the journal how far each file is.

    Args:
        layout: how transcripts become outputs.
        ledger: which files may be written over.
        journal: the record to keep, if any.
        retry_timeout: s to wait for a full disk or a vanished folder to be mended.
        abort_when_unwritable: whether the batch ends, rather than do all files for nothing, where a disk stays full
            or a folder missing for all that time.
        stop: whether the batch is to end; asked while it waits.
        on_taken_over: called with each job that another run has taken over.
        origin: s in each source at which the work begins.
    """

    def __init__(
        self,
        layout: OutputLayout,
        ledger: Ledger,
        journal: Journal | None = None,
        *,
        retry_timeout: float = 0.0,
        abort_when_unwritable: bool = False,
        stop: Callable[[], bool] = lambda: False,
        on_taken_over: Callable[[Job], None] = lambda job: None,
        origin: float = 0.0,
    ) -> None:
        self._layout, self._ledger, self._journal = layout, ledger, journal
        self._retry_timeout, self._abort_when_unwritable, self._stop = retry_timeout, abort_when_unwritable, stop
        self._on_taken_over, self._origin = on_taken_over, origin
        self._files: dict[str, _File] = {}
        self._noticed: set[str] = set()
        """Those on their way, by source."""

    def add(self, job: Job, key: str | None = None, resumed_at: float = 0.0) -> None:
        """Take in a file.

        Args:
            job: what comes of it.
            key: of its claim in the journal.
            resumed_at: s in it up to which an earlier run did it.
        """
        self._files[job.source] = _File(job, key, resumed_at, _device(Path(job.source).parent))

    def take(self, event: Ready | Event) -> Iterator[BatchEvent]:
        """Do what an event asks for, and pass it on.

        Raises:
            CrispAlignError: nothing more can be written, or recorded in the journal.
        """
        match event:
            case Started(source):
                file = self._files[source]
                file.started_at = time.monotonic()
                yield replace(event, resumed_at=self._resumed_at(file))
            case ClipDone(source, number, result):
                yield event
                file = self._files[source]
                if (journal := self._journal) is not None and (key := file.key) and file.job.text is None:
                    yield from self._retry(lambda: journal.clip_done(key, number, result))
            case Finished(source):
                yield event
                yield from self._finish(self._files.pop(source), event)
            case Failed(source, error, quarantined):
                yield from self._fail(self._files.pop(source), error, quarantined)
            case _:
                yield event

    def _retry(self, action: Callable[[], T], file: _File | None = None) -> Generator[BatchEvent, None, T]:
        def hopeless() -> bool:
            return file is not None and file.folder_moved

        return retry_while_unwritable(action, self._retry_timeout, self._stop, hopeless)

    def _finish(self, file: _File, event: Finished) -> Iterator[BatchEvent]:
        job, transcript = file.job, event.transcript
        document = event.document if isinstance(event, SubtitlesFinished) else None
        layout = lay_out(transcript.segments if document is None else (), self._layout.rules)
        holds_cues = any(find_format(output.format).cue_reader for output in job.outputs)
        summary = reading_speed_summary(layout) if holds_cues else None
        yield Staged(job.source, "writing")
        try:
            if document is None:
                files = render_files(job, transcript, layout.cues, self._layout.style)
            else:
                files = document_files(job, document, self._layout.style)
            row = self._row(file, event, files, summary)
            piped = yield from self._save(file, files, row)
        except OutputError as error:
            if self._stop():
                return  # it is left to the next run
            if self._abort_when_unwritable and is_mendable(error) and not file.folder_moved:
                raise
            yield from self._fail(file, error)
            return
        if piped is None:
            self._on_taken_over(job)
            return
        yield Written(row, piped)
        if summary:
            yield Noticed(job.source, summary)
        if layout.notice and layout.notice not in self._noticed:
            self._noticed.add(layout.notice)
            yield Noticed(job.source, layout.notice)

    def _save(self, file: _File, files: Mapping[Path, bytes], row: Row) -> Generator[BatchEvent, None, bytes | None]:
        """Write the outputs, announced in the journal before.

        Returns:
            What is for standard output; None: another run has taken the file over, and nothing was written.
        """
        job, journal, key = file.job, self._journal, file.key
        if journal is None or key is None:
            return (yield from self._retry(lambda: save(job, files, self._ledger), file))
        digests = {path: digest(data) for path, data in files.items() if path != STDOUT}
        if not (yield from self._retry(lambda: journal.writing(key, digests, row_to_json(row)))):
            return None
        piped = yield from self._retry(lambda: save(job, files, self._ledger), file)
        yield from self._retry(lambda: journal.done(key))
        return piped

    def _row(self, file: _File, event: Finished, files: Mapping[Path, bytes], summary: str | None) -> Row:
        transcript = event.transcript
        scores = [word.score for word in transcript.words if word.score is not None]
        return Row(
            file.job.source,
            "done",
            outputs=tuple(url(path) for path in files if path != STDOUT),
            seconds=time.monotonic() - file.started_at,
            audio_seconds=max(0.0, transcript.duration - self._origin - self._resumed_at(file)),
            words=len(transcript.words),
            score=sum(scores) / len(scores) if scores else None,
            warnings=(*transcript.notices, *([summary] if summary else [])),
            unspoken=tuple((s.start, s.end, s.text.strip()) for s in transcript.segments if s.match == "unspoken"),
            extra_speech=tuple((part.start, part.end, part.text) for part in transcript.extra_speech),
        )

    def _resumed_at(self, file: _File) -> float:
        """s of a file, from where work on it begins, that an earlier run did."""
        return max(0.0, file.resumed_at - self._origin)

    def _fail(self, file: _File, error: CrispAlignError, quarantined: bool = False) -> Iterator[BatchEvent]:
        if (journal := self._journal) is not None and (key := file.key):
            yield from self._retry(lambda: journal.failed(key, error.what, quarantine=quarantined))
        yield Failed(file.job.source, error, quarantined)
