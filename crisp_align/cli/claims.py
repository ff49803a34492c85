"""Which jobs are to be done: all of them, or those that a journal leaves us."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import crisp_align
from crisp_align.aligners import aligner_names
from crisp_align.batch.journal import Claim, Journal, Refusal, Stamp, fingerprint, journal_key
from crisp_align.batch.plan import Job
from crisp_align.batch.report import row_from_json
from crisp_align.cli.crew import Crew
from crisp_align.errors import CrispAlignError, ModelError
from crisp_align.events import ClipResult
from crisp_align.models.catalogue import RANKING, Family
from crisp_align.models.store import best_local
from crisp_align.pipeline.prefetch import Task

if TYPE_CHECKING:
    from crisp_align.pipeline.pipeline import Settings

__all__ = ["Claims"]

_LOOK = 0.5  # s for which nobody looks for work where there was none
_ASK = 2.0  # s between two times that a file which another run has is asked for


class Claims:
    """Jobs as tasks for workers; those that the journal says need no work are passed over.

    What another run is at work on is asked for again until it is done, or left to us because that run ended.

    Args:
        jobs: as they come; None: there is none now.
        crew: told what becomes of each.
        settings: of the pipeline.
        retry_failed: try what failed before.
    """

    def __init__(self, jobs: Iterator[Job | None], crew: Crew, settings: Settings, *, retry_failed: bool) -> None:
        self.ended = False
        self._jobs: Iterator[Job | None] | None = jobs
        self._crew, self._retry_failed = crew, retry_failed
        self._aside: deque[tuple[float, Job]] = deque()
        """What others have, and when to ask for it again (s, monotonic); soonest first."""
        self._told = False
        self._settings = "" if crew.journal is None else _fingerprint(settings)

    def take(self, *, wait: bool) -> Task | None:
        """The next task."""
        while (job := self._next()) is not None:
            task = self._taken(job) if (journal := self._crew.journal) is None else self._claimed(job, journal)
            if task is not None:
                return task
        self.ended = self._jobs is None and not self._aside
        if wait and not self.ended:
            self._tell()
            time.sleep(_LOOK)
        return None

    def put_aside(self, job: Job) -> None:
        """Ask for a job later: another run has it."""
        self._aside.append((time.monotonic() + _ASK, job))
        self.ended = False

    def close(self) -> None:
        """Count what other runs still have as busy."""
        for _, job in self._aside:
            self._crew.tally.skip(job.source, "busy")

    def _next(self) -> Job | None:
        if self._jobs is not None:
            try:
                if (job := next(self._jobs)) is not None:
                    return job
            except StopIteration:
                self._jobs = None
        if self._aside and self._aside[0][0] <= time.monotonic():
            return self._aside.popleft()[1]
        return None

    def _tell(self) -> None:
        """Say, once, that nothing is left but to wait for others."""
        if self._aside and not self._told:
            self._told = True
            count = "a file" if len(self._aside) == 1 else f"{len(self._aside)} files"
            self._crew.display.say(f"crisp-align: waiting for {count} that another run is at work on")

    def _claimed(self, job: Job, journal: Journal) -> Task | None:
        crew, source = self._crew, job.source
        try:
            stamp = Stamp.of(source)
        except OSError:
            return self._taken(job)  # whoever opens it will tell
        places = [(output.format, output.address, output.pieces[1::2]) for output in job.outputs]
        layout = fingerprint(crew.rules, crew.style, places)
        key = journal_key(source)
        if crew.ledger is not None and not all(output.is_known for output in job.outputs):
            crew.ledger.adopt(journal.written(key))  # a claim forgets it; of names that are known it was asked before
        answer = crew.patiently(
            lambda: journal.claim(key, stamp, self._settings, layout, retry_failed=self._retry_failed)
        )
        if isinstance(answer, Claim):
            return self._taken(job, key, answer.clips)
        if answer.reason == "busy":
            self.put_aside(job)
        else:
            self._refused(source, answer)
        return None

    def _taken(self, job: Job, key: str | None = None, clips: tuple[ClipResult, ...] = ()) -> Task:
        self._crew.add(job, key, _end(clips))
        return Task(job.source, clips)

    def _refused(self, source: str, answer: Refusal) -> None:
        crew = self._crew
        if answer.reason == "done":
            crew.tally.skip(source, row=row_from_json(answer.summary))
            crew.display.skipped(source, "it is done already")
        else:
            how = "failed before" if answer.reason == "failed" else "killed its workers before"
            error = CrispAlignError(f"{how} ({answer.error})", subject=source, hint="--retry-failed tries again")
            crew.tally.fail(source, error, "failed" if answer.reason == "failed" else "quarantined")
            crew.display.failed(source, error)
        crew.over(source)


def _fingerprint(settings: Settings) -> str:
    """Digest of what decides the words of a file and their times."""
    # Where and when a model runs does not change what it says.
    backend, aligner = (
        replace(choice, load=replace(choice.load, threads=0, device="auto", offline=False, compile=False))
        for choice in (settings.backend, settings.aligner)
    )
    settings = replace(settings, backend=backend, aligner=aligner, sequential=False)
    return fingerprint(crisp_align.__version__, settings, _meant(settings))


def _meant(settings: Settings) -> list[object]:
    """What "auto" stands for here and now: a model that is fetched between two runs must not finish another's file."""
    backend = "whisper" if settings.backend.name == "auto" else settings.backend.name
    heard = [family for family in RANKING if family == backend and settings.backend.model == "auto"]
    attends: list[Family] = ["whisper"] if backend != "whisper" else []  # else it shares the backend's model
    families: list[Family] = [*heard, *attends, "qwen3-aligner"]
    return [*aligner_names(), *((family, _best(family)) for family in families)]


def _best(family: Family) -> str | None:
    try:
        return best_local(family)
    except ModelError:  # whoever loads it will tell
        return None


def _end(clips: Sequence[ClipResult]) -> float:
    """s in their source up to which clips are known to reach."""
    return max((segment.end for clip in clips for segment in clip.segments), default=0.0)
