"""A batch: many files transcribed, laid out and written, in this process, in worker processes or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from crisp_align.batch.events import BatchEvent
from crisp_align.batch.feed import Entry, JournalFeed
from crisp_align.batch.fingerprint import settings_fingerprint
from crisp_align.batch.journal import LEASE, Journal
from crisp_align.batch.options import BatchOptions, OutputLayout
from crisp_align.batch.outputs import OutputWriter
from crisp_align.batch.planning import Job
from crisp_align.batch.preparation import prepare
from crisp_align.batch.written_files import Ledger
from crisp_align.errors import CrispAlignError
from crisp_align.events import Event, Ready
from crisp_align.formats import WriteOptions
from crisp_align.layout import LanguageRules
from crisp_align.pipeline.background import Background
from crisp_align.pipeline.prefetch import Feed, Task

if TYPE_CHECKING:
    from crisp_align.pipeline.pipeline import Settings

__all__ = ["run", "write_outputs"]


def run(
    jobs: Sequence[Job] | Iterator[Entry | None],
    settings: Settings,
    layout: OutputLayout | None = None,
    options: BatchOptions | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[BatchEvent]:
    """Do jobs, and write the outputs of each file the moment it is finished.

    Between two events nothing is half written: closing the iterator ends the run at any of them. With
    `options.journal` the next run with the same journal does only what is missing, also after a crash.

    Args:
        jobs: all of them, which are checked by `prepare` before a model is loaded; or an iterator that gives jobs when
            they are to be done, as `prepare` does, None where there is none now.
        settings: of the pipeline.
        layout: how transcripts become outputs; None: by the profile for each language.
        options: how the batch is worked through.
        stop: asked several times a second; where it is true the run ends as soon as what is being written is whole.

    Yields:
        Ready, when the models are loaded; for each file what the pipeline gives, then Written, or Failed; Skipped or
        Refused for a file that is not begun; Busy, Paused and Resumed as they happen.

    Raises:
        CrispAlignError: nothing could be started, the journal failed, or a disk stayed full or a folder missing for all
            of `options.retry_timeout`; what is not done is left to the next run.
    """
    options, layout = options or BatchOptions(), layout or OutputLayout(LanguageRules(), WriteOptions())
    entries = jobs if isinstance(jobs, Iterator) else iter(list(prepare(jobs, options)))
    isolated = options.workers is not None or options.cluster is not None
    with ExitStack() as stack:
        journal = None
        if options.journal is not None:
            journal = stack.enter_context(Journal(options.journal))
            stack.enter_context(_heartbeat(journal))
        ledger = Ledger(overwrite=options.overwrite)
        writer = OutputWriter(
            layout,
            ledger,
            journal,
            retry_timeout=options.retry_timeout if isolated else 0.0,
            abort_when_unwritable=isolated,
            stop=stop,
            on_taken_over=lambda job: feed.retry_later(job),
            origin=settings.media.offset,
        )
        feed = JournalFeed(
            entries,
            writer,
            layout,
            ledger,
            journal,
            "" if journal is None else settings_fingerprint(settings),
            retry_failed=options.retry_failed,
            retry_timeout=options.retry_timeout if isolated else 0.0,
            stop=stop,
        )
        for event in stack.enter_context(_work(settings, feed, options)):
            if event is not None:
                yield from writer.take(event)
            while feed.events:
                yield feed.events.popleft()
            if stop():
                return
        while feed.events:
            yield feed.events.popleft()


def write_outputs(
    work: Iterable[Ready | Event], jobs: Sequence[Job], layout: OutputLayout, *, overwrite: bool, origin: float = 0.0
) -> Iterator[BatchEvent]:
    """Write what comes of events that are at hand, such as those of `Pipeline.align`.

    Args:
        work: the events, of these jobs only.
        jobs: prepared.
        layout: how transcripts become outputs.
        overwrite: as in `BatchOptions`.
        origin: s in each source at which the work begins.
    """
    writer = OutputWriter(layout, Ledger(overwrite=overwrite), origin=origin)
    for job in jobs:
        writer.add(job)
    for event in work:
        yield from writer.take(event)


class _WithFirst:
    """A feed whose first task was taken already."""

    def __init__(self, first: Task | None, feed: Feed) -> None:
        self._first, self._feed = first, feed

    @property
    def ended(self) -> bool:
        """Whether no further task will come."""
        return self._first is None and self._feed.ended

    def take(self, *, wait: bool) -> Task | None:
        """The next task."""
        first, self._first = self._first, None
        return first or self._feed.take(wait=wait)


@contextmanager
def _work(settings: Settings, feed: JournalFeed, options: BatchOptions) -> Iterator[Iterable[Ready | Event | None]]:
    """The events of a feed's tasks, wherever they are done; None: some time has passed."""
    work: Generator[Ready | Event | None]
    if options.cluster is not None:
        from crisp_align.cluster import run as cluster

        work = cluster.run(settings, feed, options.cluster)
    elif options.workers is not None:
        from crisp_align.batch import workers

        work = workers.run(settings, feed, options.workers, texts=options.texts)
    else:
        from crisp_align.pipeline.pipeline import run as run_pipeline
        from crisp_align.pipeline.pipeline import run_texts

        first = None
        while first is None and not feed.ended:  # without work no models are loaded
            first = feed.take(wait=True)
        go = run_texts if options.texts else run_pipeline
        with Background(go(settings, _WithFirst(first, feed))) if first else nullcontext(()) as events:
            yield events
        return
    try:
        yield work
    finally:
        work.close()


@contextmanager
def _heartbeat(journal: Journal) -> Iterator[None]:
    """Let processes on other machines know, now and then, that this one lives."""
    stop = Flag()

    def beat() -> None:
        while not stop.wait(LEASE / 4):
            try:
                journal.beat()
            except CrispAlignError:
                continue  # whoever writes next will report it

    thread = Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
