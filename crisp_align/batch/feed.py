"""The feed of a batch: jobs as tasks for the pipeline; what the journal shows to need no work is passed over."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from crisp_align.batch.events import BatchEvent, Busy, Paused, Refused, Resumed, Skipped
from crisp_align.batch.fingerprint import layout_fingerprint, outputs_fingerprint
from crisp_align.batch.journal import Claim, Journal, JournalRefusal, Stamp, journal_key
from crisp_align.batch.options import OutputLayout
from crisp_align.batch.outputs import RETRY_INTERVAL, OutputWriter, is_mendable, pause_reason
from crisp_align.batch.planning import Job
from crisp_align.batch.report import row_from_json
from crisp_align.batch.written_files import Ledger
from crisp_align.errors import CrispAlignError, OutputError
from crisp_align.events import ClipResult, Noticed
from crisp_align.pipeline.prefetch import Task

__all__ = ["Entry", "JournalFeed"]

Entry: TypeAlias = Job | Skipped | Refused | Noticed
"""What a batch is given: a job, or the event that says why there is none."""

_POLL = 0.5  # s for which nobody looks for work where there was none
_ASK_AGAIN = 2.0  # s between two times that a file which another run has is asked for


class JournalFeed:
    """Jobs as tasks; each is claimed in the journal, where there is one, when it is taken.

    What another run is working on is asked for again until it is done, or left to us because that run has ended. Where
    the journal, or a folder that `jobs` needs, cannot be written for now, there is no task until that is mended.

    Args:
        jobs: as they come; None: there is none now.
        writer: takes in each job that becomes a task.
        layout: how transcripts become outputs.
        ledger: which files may be written over.
        journal: the record, if any.
        settings: fingerprint of what decides words and times.
        retry_failed: whether files are tried again that failed before.
        retry_timeout: s to wait for a full disk or a vanished folder to be mended.
        stop: whether the batch is to end; nothing is waited for then.
    """

    def __init__(
        self,
        jobs: Iterator[Entry | None],
        writer: OutputWriter,
        layout: OutputLayout,
        ledger: Ledger,
        journal: Journal | None,
        settings: str,
        *,
        retry_failed: bool,
        retry_timeout: float,
        stop: Callable[[], bool],
    ) -> None:
        self.ended = False
        self.events: deque[BatchEvent] = deque()
        """What happened to files that became no task, and to the feed itself; whoever reads takes it away."""
        self._jobs: Iterator[Entry | None] | None = jobs
        self._writer, self._ledger, self._journal = writer, ledger, journal
        self._layout = "" if journal is None else layout_fingerprint(layout)
        self._settings, self._retry_failed = settings, retry_failed
        self._retry_timeout, self._stop = retry_timeout, stop
        self._busy: deque[tuple[float, Job]] = deque()
        """What other runs have, and when to ask for it again (s, monotonic); soonest first."""
        self._known_busy: set[str] = set()
        self._waits_for_others = False
        self._unclaimed: Job | None = None
        """A job that could not be claimed because nothing could be written."""
        self._paused: str | None = None
        self._pause_began = self._try_again = 0.0

    def take(self, *, wait: bool) -> Task | None:
        """The next task; None: there is none now, or none any more.

        Args:
            wait: nothing else is left to do; it may take a moment to answer.

        Raises:
            OutputError: nothing could be written, and that was not mended in time.
        """
        deadline = time.monotonic() + _POLL
        while time.monotonic() < deadline:  # the events of what is passed over are not to pile up
            try:
                entry = self._next()
                task = self._claimed(entry) if isinstance(entry, Job) else None
            except OutputError as error:
                self._pause(error)
                break
            if entry is None:
                break
            self._resume()
            if task is not None:
                return task
            if not isinstance(entry, Job):
                self.events.append(entry)
        self.ended = self._jobs is None and not self._busy and self._unclaimed is None
        if wait and not self.ended:
            self._announce_waiting()
            time.sleep(max(deadline - time.monotonic(), 0))
        return None

    def retry_later(self, job: Job) -> None:
        """Ask for a job later: another run has it."""
        self._busy.append((time.monotonic() + _ASK_AGAIN, job))
        self.ended = False
        if job.source not in self._known_busy:
            self._known_busy.add(job.source)
            self.events.append(Busy(job.source))

    def _next(self) -> Entry | None:
        if time.monotonic() < self._try_again:
            return None
        if (job := self._unclaimed) is not None:
            return job
        if self._jobs is not None:
            try:
                if (entry := next(self._jobs)) is not None:
                    return entry
            except StopIteration:
                self._jobs = None
        if self._busy and self._busy[0][0] <= time.monotonic():
            return self._busy.popleft()[1]
        return None

    def _pause(self, error: OutputError) -> None:
        now = time.monotonic()
        if self._paused is None:
            self._pause_began = now
        if now - self._pause_began >= self._retry_timeout or self._stop() or not is_mendable(error):
            self._resume()
            raise error
        if (reason := pause_reason(error)) != self._paused:
            self._paused = reason
            self.events.append(Paused(reason))
        self._try_again = now + RETRY_INTERVAL

    def _resume(self) -> None:
        if self._paused is not None:
            self._paused = None
            self.events.append(Resumed())

    def _announce_waiting(self) -> None:
        """Say, once, that nothing is left but to wait for others."""
        if self._busy and not self._waits_for_others:
            self._waits_for_others = True
            count = "a file" if len(self._busy) == 1 else f"{len(self._busy)} files"
            self.events.append(Noticed("", f"crisp-align: waiting for {count} that another run is working on"))

    def _claimed(self, job: Job) -> Task | None:
        journal, source = self._journal, job.source
        if journal is None:
            return self._taken(job)
        self._unclaimed = job
        try:
            stamp = Stamp.of(source)
        except OSError:
            return self._taken(job)  # whoever opens it will report it
        key = journal_key(source)
        if not all(output.is_resolved for output in job.outputs):
            # A claim forgets them; outputs whose names are known were asked about before.
            self._ledger.import_digests(journal.announced_outputs(key))
        layout = outputs_fingerprint(self._layout, job.outputs, job.text)
        answer = journal.claim(key, stamp, self._settings, layout, retry_failed=self._retry_failed)
        self._unclaimed = None
        if isinstance(answer, Claim):
            return self._taken(job, key, answer.clips)
        if answer.reason == "busy":
            self.retry_later(job)
        else:
            self.events.append(_event(source, answer))
        return None

    def _taken(self, job: Job, key: str | None = None, clips: tuple[ClipResult, ...] = ()) -> Task:
        self._unclaimed = None
        self._known_busy.discard(job.source)
        if job.text is not None:  # it is timed as a whole
            clips = ()
        self._writer.add(job, key, _end(clips))
        return Task(job.source, clips, job.text)


def _event(source: str, answer: JournalRefusal) -> Skipped | Refused:
    """What the journal says of a file that is not to be worked on."""
    if answer.reason == "done":
        return Skipped(source, "it is done already", row_from_json(answer.summary))
    how = "failed before" if answer.reason == "failed" else "killed its workers before"
    error = CrispAlignError(f"{how} ({answer.error})", subject=source, hint="--retry-failed tries again")
    return Refused(source, error, quarantined=answer.reason == "quarantined")


def _end(clips: Sequence[ClipResult]) -> float:
    """s in their source up to which clips are known to reach."""
    return max((segment.end for clip in clips for segment in clip.segments), default=0.0)
