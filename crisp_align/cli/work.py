"""Carrying out jobs, here, in worker processes or on a cluster; which of them need it, the journal knows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from crisp_align.batch.journal import LEASE, Journal
from crisp_align.batch.options import BatchOptions
from crisp_align.batch.plan import Job
from crisp_align.batch.written_files import Ledger
from crisp_align.cli.claims import Claims
from crisp_align.cli.crew import Crew, Stop, Tally
from crisp_align.cli.display import Display
from crisp_align.cli.streams import PipeClosedError
from crisp_align.errors import CrispAlignError
from crisp_align.events import Event, Ready
from crisp_align.formats import WriteOptions
from crisp_align.layout import Rules
from crisp_align.pipeline.background import Background

if TYPE_CHECKING:
    from crisp_align.pipeline.pipeline import Settings

__all__ = ["carry_out", "carry_out_batch"]


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
    for job in jobs:
        crew.add(job)
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
    from crisp_align.batch import workers
    from crisp_align.cluster import run as cluster

    crew = Crew(display, rules, style, tally, ledger, over)
    crew.patience, crew.stop, crew.ends_in_want = options.patience, stop or Stop(), True
    try:
        with ExitStack() as stack:
            if options.journal is not None:
                crew.journal = stack.enter_context(Journal(options.journal))
                stack.enter_context(_beating(crew.journal))
            feed = Claims(jobs, crew, settings, retry_failed=options.retry_failed)
            crew.aside = feed.put_aside
            stack.callback(feed.close)
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
