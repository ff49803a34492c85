"""What becomes of the files of a run: events turn into outputs, lines, rows of a report, and an exit code."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from crisp_align.batch.journal import Journal, digest
from crisp_align.batch.plan import STDOUT, Job, rendered, save
from crisp_align.batch.remote import url
from crisp_align.batch.report import Kind, Row, row_to_json
from crisp_align.batch.written_files import Ledger
from crisp_align.check import reading_speed_summary
from crisp_align.cli.display import Display, Outcome
from crisp_align.cli.streams import PipeClosedError, write_bytes
from crisp_align.errors import CrispAlignError, OutputError
from crisp_align.events import (
    Advanced,
    ClipDone,
    Event,
    Failed,
    Finished,
    Noticed,
    Ready,
    SegmentReady,
    Staged,
    Started,
)
from crisp_align.formats import WriteOptions, find_format
from crisp_align.layout import Rules, lay_out, live_cues
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Transcript

__all__ = ["Crew", "Stop", "Tally", "console_line", "patiently"]

T = TypeVar("T")

_LOOK = 2.0  # s between two tries while a disk is full or a folder gone
# What somebody can mend while we wait: a full disk, a quota, a share that went away.
_MENDABLE = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "ESTALE", "ENOENT", "ENODEV", "ENOTCONN", "EHOSTDOWN", "ETIMEDOUT")
    if hasattr(errno, name)
)


class Tally:
    """How a run went. Its memory grows with the number of files only where a report is to tell of each.

    Args:
        reports: whether there will be a report.
    """

    def __init__(self, *, reports: bool = False) -> None:
        self.rows: list[Row] = []
        """What came of each file, for a report."""
        self._reports = reports
        self._codes: set[int] = set()
        """Exit codes of all that failed."""

    def note(self, row: Row) -> None:
        """Count a file that something came of."""
        if self._reports:
            self.rows.append(row)

    def fail(self, source: str, error: CrispAlignError, outcome: Kind = "failed") -> None:
        """Count a file that could not be done."""
        self.trouble(error)
        self.note(Row(source, outcome, error=str(error)))

    def skip(self, source: str, outcome: Kind = "skipped", row: Row | None = None) -> None:
        """Count a file that needs no work; `row`: what came of it when it was done."""
        self.note(replace(row, source=source, outcome=outcome) if row else Row(source, outcome))

    def trouble(self, error: CrispAlignError) -> None:
        """Count what went wrong, but cost no file."""
        self._codes.add(error.exit_code)

    @property
    def exit_code(self) -> int:
        """0: all done; 3: what failed, failed for want of a model or a dependency; else 1."""
        return 0 if not self._codes else 3 if self._codes == {3} else 1


@dataclass(slots=True)
class Stop:
    """A wish to end, made from outside at any moment, and whether that has to wait for a file to be whole."""

    asked: bool = False
    writing: bool = False


def patiently(
    action: Callable[[], T],
    display: Display,
    patience: float,
    stop: Stop,
    vain: Callable[[], bool] = lambda: False,
) -> T:
    """Do something that writes; while the disk is full or the folder gone, wait and try again.

    Args:
        action: may be done several times.
        display: told of the pause.
        patience: s to wait.
        stop: the waiting ends where that is asked for.
        vain: whether there is nothing to wait for.

    Raises:
        OutputError: it cannot be done, or was not mended in time.
    """
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                return action()
            except OutputError as error:
                if time.monotonic() >= deadline or stop.asked or not _is_mendable(error) or vain():
                    raise
                display.paused(f"{error.subject}: {error.what}" if error.subject else error.what)
                time.sleep(_LOOK)
    finally:
        display.resumed()


@dataclass(slots=True)
class _File:
    """A file on its way."""

    job: Job
    key: str | None = None
    """Of its claim in the journal, if there is one."""
    earlier: float = 0.0
    """s in it up to which an earlier run did it."""
    device: int | None = None
    """On which its folder was in the beginning."""
    began: float = field(default_factory=time.monotonic)
    """s, monotonic."""

    @property
    def is_astray(self) -> bool:
        """Whether its folder was moved or removed, which costs it alone; one that was unmounted may come back."""
        folder = Path(self.job.source).parent
        there = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
        return there != folder and _device(there) == self.device


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except (OSError, ValueError):
        return None


class Crew:
    """What is known of the files on their way."""

    def __init__(
        self,
        display: Display,
        rules: Rules,
        style: WriteOptions,
        tally: Tally,
        ledger: Ledger | None,
        over: Callable[[str], None] = lambda source: None,
    ) -> None:
        self.display, self.rules, self.style, self.tally = display, rules, style, tally
        self.ledger, self.over = ledger, over
        self.journal: Journal | None = None
        self.patience, self.stop = 0.0, Stop()
        self.aside: Callable[[Job], None] = lambda job: None
        """Told of each job that another run has taken over."""
        self.ends_in_want = False
        """Whether the run ends, rather than do all files in vain, where a disk stays full or a folder gone."""
        self.files: dict[str, _File] = {}
        """Those on their way, by source."""
        self.writes = False

    def add(self, job: Job, key: str | None = None, earlier: float = 0.0) -> None:
        """Take in a file.

        Args:
            job: what comes of it.
            key: of its claim in the journal.
            earlier: s in it up to which an earlier run did it.
        """
        self.files[job.source] = _File(job, key, earlier, _device(Path(job.source).parent))
        self.writes = self.writes or bool(job.outputs)

    def take(self, event: Ready | Event) -> None:
        """Do what an event asks for.

        Raises:
            CrispAlignError: nothing more can be written, or kept in the journal.
        """
        display = self.display
        match event:
            case Ready(description, advice, _):
                display.say(f"crisp-align: {description}" + (f" ({advice})" if advice else ""))
            case Started(source, duration):
                file = self.files[source]
                file.began = time.monotonic()
                display.started(source, duration, self._earlier(file))
            case Staged(source, stage):
                display.stage(source, stage)
            case Advanced(source, position):
                display.advanced(source, position)
            case SegmentReady(source, segment):
                self._show(source, live_cues(segment, self.rules))
            case ClipDone(source, number, result):
                if (journal := self.journal) is not None and (key := self.files[source].key):
                    self.patiently(lambda: journal.clip_done(key, number, result))
            case Noticed(source, text, detail):
                display.say(text, source=source, detail=detail)
            case Finished(source, transcript):
                self._finish(self.files.pop(source), transcript)
            case Failed(source, error, quarantined):
                self._fail(self.files.pop(source), error, quarantined)

    def patiently(self, action: Callable[[], T], file: _File | None = None) -> T:
        """`patiently` with what this run is told of it; `file`: that is written, in vain if it went astray."""
        return patiently(action, self.display, self.patience, self.stop, lambda: file is not None and file.is_astray)

    def _show(self, source: str, blocks: Sequence[Cue]) -> None:
        try:
            for cue in blocks:
                self.display.line(source, console_line(cue))
        except PipeClosedError:
            if not self.writes:
                raise
        except OutputError as error:  # told once: the display shows no further lines
            self.tally.trouble(error)
            self.display.error(error)

    def _finish(self, file: _File, transcript: Transcript) -> None:
        job = file.job
        layout = lay_out(transcript.segments, self.rules)
        holds_cues = any(find_format(output.format).cue_reader for output in job.outputs)
        told = reading_speed_summary(layout) if holds_cues else None
        self.display.stage(job.source, "writing")
        try:
            files = rendered(job, transcript, layout.cues, self.style)
            row = self._row(file, transcript, files, told)
            if not self._save(file, files, row):
                return
        except OutputError as error:
            if self.stop.asked:
                return  # it is left to the next run
            if self.ends_in_want and _is_mendable(error) and not file.is_astray:
                raise
            self._fail(file, error)
            return
        self.tally.note(row)
        outcome = Outcome(row.outputs, row.seconds or 0.0, row.audio_seconds or 0.0, row.words or 0, row.score)
        self.display.done(job.source, outcome)
        if told:
            self.display.say(told, source=job.source)
        self.over(job.source)

    def _save(self, file: _File, files: Mapping[Path, bytes], row: Row) -> bool:
        """Write the outputs, announced in the journal before; False: another run has taken the file over."""
        job, journal, key = file.job, self.journal, file.key
        if journal is None or key is None:
            shown = self.patiently(lambda: save(job, files, self.ledger), file)
        else:
            digests = {path: digest(data) for path, data in files.items() if path != STDOUT}
            if not self.patiently(lambda: journal.writing(key, digests, row_to_json(row))):
                self.display.ended(job.source)
                self.aside(job)
                return False
            shown = self.patiently(lambda: save(job, files, self.ledger), file)
            self.patiently(lambda: journal.done(key))
        if shown:
            write_bytes(shown)
        return True

    def _row(self, file: _File, transcript: Transcript, files: Mapping[Path, bytes], told: str | None) -> Row:
        scores = [word.score for word in transcript.words if word.score is not None]
        return Row(
            file.job.source,
            "done",
            outputs=tuple(url(path) for path in files if path != STDOUT),
            seconds=time.monotonic() - file.began,
            audio_seconds=max(0.0, transcript.duration - self.display.origin - self._earlier(file)),
            words=len(transcript.words),
            score=sum(scores) / len(scores) if scores else None,
            warnings=(*transcript.notices, *([told] if told else [])),
        )

    def _earlier(self, file: _File) -> float:
        """s of a file, from where work on it begins, that an earlier run did."""
        return max(0.0, file.earlier - self.display.origin)

    def _fail(self, file: _File, error: CrispAlignError, quarantined: bool = False) -> None:
        source = file.job.source
        if (journal := self.journal) is not None and (key := file.key):
            self.patiently(lambda: journal.failed(key, error.what, quarantine=quarantined))
        self.tally.fail(source, error, "quarantined" if quarantined else "failed")
        self.display.failed(source, error)
        self.over(source)


def _is_mendable(error: OutputError) -> bool:
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


def console_line(cue: Cue) -> str:
    """`[00:00:00.320 --> 00:00:00.560]  And`: hours, minutes, seconds, milliseconds; safe on a terminal."""
    return f"[{_clock(cue.start)} --> {_clock(cue.end)}]  {displayed(cue.text)}"


def _clock(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}.{milliseconds:03d}"
