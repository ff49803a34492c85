"""What prevents jobs, found before a model is loaded, let alone downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from crisp_align.batch.events import Refused, Skipped
from crisp_align.batch.journal import Journal, journal_key
from crisp_align.batch.options import BatchOptions
from crisp_align.batch.planning import Job, missing_outputs, sweep, write_problem
from crisp_align.batch.written_files import Ledger
from crisp_align.errors import CrispAlignError, MediaError, OutputError
from crisp_align.media.probe import check_file
from crisp_align.media.remote import is_url

__all__ = ["make_folder", "prepare"]


def prepare(
    jobs: Sequence[Job], options: BatchOptions, *, top: Path | None = None
) -> Iterator[Job | Skipped | Refused]:
    """The jobs that are to be done and that nothing visible prevents; in place of the others, why not.

    Args:
        jobs: as planned.
        options: of the batch.
        top: of the output folders that are missing, make only those below it: where it is missing, a share is not
            mounted, and nothing is to be written in its place.

    Raises:
        OutputError: a folder cannot be made.
    """
    ledger, path = Ledger(overwrite=options.overwrite), options.journal
    if options.make_folders:
        for folder in dict.fromkeys(output.folder for job in jobs for output in job.outputs):
            if not is_url(folder):
                make_folder(folder, top)
    sweep(jobs)
    with Journal(path) if path is not None and Path(path).is_file() else nullcontext() as journal:
        for job in jobs:
            yield _prepared(job, options, ledger, journal)


def _prepared(job: Job, options: BatchOptions, ledger: Ledger, journal: Journal | None) -> Job | Skipped | Refused:
    try:
        remains = missing_outputs(job, ledger) if options.skip_existing else job
    except CrispAlignError as error:
        return Refused(job.source, error)
    if remains is None:
        return Skipped(job.source, "its outputs are there")
    problem = _problem(remains, ledger, journal, remote=options.cluster is not None)
    return remains if problem is None else Refused(job.source, problem)


def _problem(job: Job, ledger: Ledger, journal: Journal | None, *, remote: bool) -> CrispAlignError | None:
    """What prevents a job; nothing does where its outputs are those that the journal announces."""
    fetched = remote and is_url(job.source)  # then whoever fetches it will report it
    if not fetched and (error := _unreadable(job.source)) is not None:
        return error
    if (problem := write_problem(job, ledger)) is None or journal is None or job.source == "-":
        return problem
    ledger.import_digests(journal.announced_outputs(journal_key(job.source)))
    return write_problem(job, ledger)


def _unreadable(source: str) -> MediaError | None:
    """Why a file cannot be read, as far as one can see without reading it."""
    try:
        if source != "-":
            check_file(Path(source), source)
    except MediaError as error:
        return error
    return None


def make_folder(folder: Path, top: Path | None = None) -> None:
    """Make a folder; with `top`, only what is below that.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        if top is None:
            folder.mkdir(parents=True, exist_ok=True)
            return
        for part in reversed([folder, *folder.parents]):
            if part != top and part.is_relative_to(top):
                part.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"the folder cannot be made ({reason})", subject=os.fspath(folder)) from error
