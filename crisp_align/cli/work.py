"""Carrying out jobs, here, in worker processes or on a cluster; which of them need it, the journal knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

import crisp_align
from crisp_align.background import Background
from crisp_align.batch import Job
from crisp_align.cli.crew import Crew, Stop, Tally
from crisp_align.cli.display import Display
from crisp_align.cli.streams import PipeClosedError
from crisp_align.errors import CrispAlignError
from crisp_align.events import ClipResult, Event, Ready
from crisp_align.formats import WriteOptions
from crisp_align.journal import LEASE, Claim, Journal, Refusal, Stamp, fingerprint, journal_key
from crisp_align.layout import Rules
from crisp_align.ledger import Ledger
from crisp_align.reading import Task
from crisp_align.report import row_from_json
from crisp_align.workers import WorkerOptions

if TYPE_CHECKING:
    from crisp_align.cluster import ClusterOptions
    from crisp_align.pipeline import Settings

__all__ = ["BatchOptions", "carry_out", "carry_out_batch"]


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How many files are gone through."""

    workers: WorkerOptions = field(default_factory=WorkerOptions)
    cluster: ClusterOptions | None = None
    """The cluster that does the work instead of worker processes."""
    journal: str | None = None
    """Path of a journal to keep."""
    retry_failed: bool = False
    patience: float = 3600.0
    """s to wait for a full disk or a vanished folder to be mended."""


def carry_out(
    jobs: Sequence[Job],
    work: Generator[Ready | Event],
    display: Display,
    rules: Rules,
    style: WriteOptions,
    tally: Tally,
    ledger: Ledger | None = None,
) -> None:
    """Do the work in the background; write each file's outputs the moment it is finished.

    Raises:
        CrispAlignError: nothing could be started.
    """
    crew = Crew(display, rules, style, tally, ledger)
    crew.jobs = {job.source: job for job in jobs}
    crew.writes = any(job.outputs for job in jobs)
    try:
        with Background(work) as events:
            for event in events:
                crew.take(event)
    except PipeClosedError:
        return  # nobody listens and there are no files to write
    finally:
        display.close()


def carry_out_batch(
    jobs: Iterator[Job | None],
    settings: Settings,
    display: Display,
    rules: Rules,
    style: WriteOptions,
    tally: Tally,
    ledger: Ledger,
    options: BatchOptions,
    over: Callable[[str], None] = lambda source: None,
    stop: Stop | None = None,
) -> None:
    """Do jobs in worker processes or on a cluster; what is done, and how far, is kept in a journal if one is named.

    Args:
        jobs: as they come; None: there is none now.
        settings: of the pipeline.
        display: told of everything.
        rules: of layout.
        style: of writing.
        tally: counts.
        ledger: which files may be written over.
        options: how.
        over: told of each source whose job is over, however that came.
        stop: looked at after each file is written.

    Raises:
        CrispAlignError: nothing could be started, the journal failed, or a disk stayed full or a folder gone for all
            the patience; what is not done is left to the next run.
    """
    from crisp_align import cluster, workers

    crew = Crew(display, rules, style, tally, ledger, over)
    crew.patience, crew.stop, crew.ends_in_want = options.patience, stop or Stop(), True
    try:
        with ExitStack() as stack:
            if options.journal is not None:
                crew.journal = stack.enter_context(Journal(options.journal))
                stack.enter_context(_beating(crew.journal))
            feed = _Claims(jobs, crew, settings, options.retry_failed)
            if options.cluster is not None:
                work = cluster.run(settings, feed, options.cluster)
            else:
                work = workers.run(settings, feed, options.workers)
            stack.callback(work.close)
            for event in work:
                crew.stop.writing = True
                crew.take(event)
                crew.stop.writing = False
                if crew.stop.asked:
                    return
    except PipeClosedError:
        return
    finally:
        display.close()


@contextmanager
def _beating(journal: Journal) -> Iterator[None]:
    """Tell processes on other machines, now and then, that this one lives."""
    stop = Flag()

    def beat() -> None:
        while not stop.wait(LEASE / 4):
            try:
                journal.beat()
            except CrispAlignError:
                continue  # whoever writes next will tell

    thread = Thread(target=beat, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Claims:
    """Jobs as tasks for workers; those that the journal says need no work are passed over."""

    def __init__(self, jobs: Iterator[Job | None], crew: Crew, settings: Settings, retry_failed: bool) -> None:
        self.ended = False
        self._jobs, self._crew, self._retry_failed = jobs, crew, retry_failed
        # Where and when a model runs does not change what it says.
        load = replace(settings.load, threads=0, device="auto", offline=False, compile=False)
        self._settings = fingerprint(crisp_align.__version__, replace(settings, load=load, sequential=False))

    def take(self, *, wait: bool) -> Task | None:
        """The next task."""
        for job in self._jobs:
            if job is None:
                if wait:
                    time.sleep(0.5)
                return None
            task = Task(job.source) if self._crew.journal is None else self._claimed(job, self._crew.journal)
            if task is not None:
                self._crew.jobs[job.source] = job
                self._crew.writes = self._crew.writes or bool(job.outputs)
                return task
            self._crew.over(job.source)
        self.ended = True
        return None

    def _claimed(self, job: Job, journal: Journal) -> Task | None:
        crew, source = self._crew, job.source
        try:
            stamp = Stamp.of(source)
        except OSError:
            return Task(source)  # whoever opens it will tell
        places = [(output.format, output.address, output.pieces[1::2]) for output in job.outputs]
        layout = fingerprint(crew.rules, crew.style, places)
        key = journal_key(source)
        answer = crew.patiently(
            lambda: journal.claim(key, stamp, self._settings, layout, retry_failed=self._retry_failed)
        )
        if isinstance(answer, Claim):
            crew.keys[source] = key
            if answer.clips:
                crew.earlier[source] = _end(answer.clips)
            return Task(source, answer.clips)
        self._refused(source, answer)
        return None

    def _refused(self, source: str, answer: Refusal) -> None:
        crew = self._crew
        if answer.reason == "done":
            crew.tally.skip(source, row=row_from_json(answer.summary))
            crew.display.skipped(source, "it is done already")
        elif answer.reason == "busy":
            crew.tally.skip(source, "busy")
            crew.display.skipped(source, "another run is at work on it")
        else:
            how = "failed before" if answer.reason == "failed" else "killed its workers before"
            error = CrispAlignError(f"{how} ({answer.error})", subject=source, hint="--retry-failed tries again")
            crew.tally.fail(source, error, answer.reason)
            crew.display.failed(source, error)


def _end(clips: Sequence[ClipResult]) -> float:
    """s in their source up to which clips are known to reach."""
    return max((segment.end for clip in clips for segment in clip.segments), default=0.0)
