"""A run shown to the user: its events go to the display, which may be the log for machines, and to the summary."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from crisp_align.batch.driver import run
from crisp_align.batch.events import BatchEvent, Refused, Skipped, Written
from crisp_align.batch.options import BatchOptions, OutputLayout
from crisp_align.batch.planning import Job
from crisp_align.batch.preparation import prepare
from crisp_align.batch.summary import RunSummary
from crisp_align.cli.display import Display, console_line
from crisp_align.cli.streams import PipeClosedError, write_bytes
from crisp_align.errors import CrispAlignError, OutputError
from crisp_align.events import Failed, SegmentReady
from crisp_align.layout import Rules, live_cues
from crisp_align.pipeline.settings import Settings

__all__ = ["refuse", "reported", "run_jobs", "show"]


def run_jobs(
    jobs: Sequence[Job],
    refused: Sequence[CrispAlignError],
    display: Display,
    settings: Settings,
    layout: OutputLayout,
    batch: BatchOptions,
    in_workers: Callable[[Sequence[Job]], bool],
    *,
    report: str | None,
) -> int:
    """Do jobs as a batch, and show it; the exit code.

    Args:
        jobs: to do.
        refused: what cannot be done, shown first.
        display: shows all, and is closed in the end.
        settings: of the pipeline.
        layout: how words become files.
        batch: how the batch is run.
        in_workers: whether the jobs that are left to do are done in processes of their own.
        report: its path; None: none was asked for.

    Raises:
        CrispAlignError: the run cannot go on.
    """
    summary = RunSummary(len(jobs) + len(refused), keep_rows=report is not None)
    refuse(summary, display, refused)
    with reported(report, summary, display, overwrite=batch.overwrite):
        entries = list(prepare(jobs, batch))
        if not in_workers([entry for entry in entries if isinstance(entry, Job)]):
            batch = replace(batch, workers=None)
        events = run(iter(entries), settings, layout, batch)
        show(events, display, summary, layout.rules, writes=any(job.outputs for job in jobs))
    display.finished()
    return summary.exit_code


def show(
    events: Iterable[BatchEvent],
    display: Display,
    summary: RunSummary,
    rules: Rules,
    *,
    writes: bool,
    on_finished: Callable[[str], None] = lambda source: None,
) -> None:
    """Show every event, to the end of a run; close the display then.

    Args:
        events: of the run; where they are a generator, it is closed.
        display: shows them.
        summary: counts them.
        rules: by which lines of speech are laid out.
        writes: whether files are written: then the run goes on when nobody reads standard output any more.
        on_finished: called with each source that is done with, however it ended.

    Raises:
        CrispAlignError: the run cannot go on.
    """
    try:
        for event in events:
            shown = _piped(event) if isinstance(event, Written) and event.stdout else event
            if isinstance(shown, SegmentReady):
                _show_speech(shown, display, summary, rules, writes=writes)
            summary.take(shown)
            display.take(shown)
            if isinstance(shown, Written | Skipped | Refused | Failed):
                on_finished(shown.source)
    except PipeClosedError:
        return
    finally:
        if isinstance(events, Generator):
            events.close()
        display.close()


def _piped(event: Written) -> Written | Failed:
    """Put an output on standard output."""
    try:
        write_bytes(event.stdout)
    except OutputError as error:
        return Failed(event.source, error)
    return event


def _show_speech(event: SegmentReady, display: Display, summary: RunSummary, rules: Rules, *, writes: bool) -> None:
    if not display.lines:
        return
    try:
        for cue in live_cues(event.segment, rules):
            display.line(event.source, console_line(cue))
    except PipeClosedError:
        if not writes:
            raise
    except OutputError as error:  # reported once: the display shows no further lines
        summary.count_error(error)
        display.error(error)


def refuse(summary: RunSummary, display: Display, errors: Iterable[CrispAlignError]) -> None:
    """Show and count what cannot be done."""
    for error in errors:
        event = Refused(error.subject or "", error)
        summary.take(event)
        display.take(event)


@contextmanager
def reported(path: str | None, summary: RunSummary, display: Display, *, overwrite: bool) -> Iterator[None]:
    """Write the report when what is done within has ended, however it ended; close the display before.

    Args:
        path: of the report; None: none was asked for.
        summary: what came of each file.
        display: shows why a report fails after something worse did.
        overwrite: whether a file that is there may be written over, whoever wrote it.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        yield
    except BaseException:
        display.close()
        try:
            _write(path, summary, overwrite)
        except OutputError as error:
            display.error(error)
        raise
    display.close()
    _write(path, summary, overwrite)


def _write(path: str | None, summary: RunSummary, overwrite: bool) -> None:
    if path is not None:
        summary.write(path, overwrite=overwrite)
