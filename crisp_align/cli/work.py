"""Carrying out jobs: events from the pipeline become files, lines, notices and an exit code."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Sequence

from crisp_align.background import Background
from crisp_align.batch import STDIN, STDOUT, Job, write
from crisp_align.check import hurry
from crisp_align.cli.display import Display, PipeClosedError, write_bytes
from crisp_align.errors import CrispAlignError, OutputError
from crisp_align.events import Advanced, Event, Failed, Finished, Noticed, Ready, SegmentReady, Started
from crisp_align.formats import WriteOptions, find_format
from crisp_align.layout import Rules, cues, heard, rules_for
from crisp_align.ledger import Ledger
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Transcript

__all__ = ["Tally", "carry_out", "console_line"]


class Tally:
    """How a run went."""

    def __init__(self) -> None:
        self.done = 0
        self.skipped = 0
        self.failures: list[CrispAlignError] = []

    @property
    def exit_code(self) -> int:
        """0: all done; 3: what failed, failed for want of a model or a dependency; else 1."""
        codes = {error.exit_code for error in self.failures}
        return 0 if not codes else 3 if codes == {3} else 1


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
    crew = _Crew({job.source: job for job in jobs}, display, rules, style, tally, ledger)
    try:
        with Background(work) as events:
            for event in events:
                crew.take(event)
    except PipeClosedError:
        return  # nobody listens and there are no files to write
    finally:
        display.close()


class _Crew:
    """What is known of the files on their way."""

    def __init__(
        self,
        jobs: dict[str, Job],
        display: Display,
        rules: Rules,
        style: WriteOptions,
        tally: Tally,
        ledger: Ledger | None,
    ) -> None:
        self.ledger = ledger
        self.jobs, self.display, self.rules, self.style, self.tally = jobs, display, rules, style, tally
        self.writes = any(job.outputs for job in jobs.values())
        self.began: dict[str, float] = {}

    def take(self, event: Ready | Event) -> None:
        display = self.display
        match event:
            case Ready(description, advice, _):
                display.say(f"crisp-align: {description}" + (f" ({advice})" if advice else ""))
            case Started(source, duration):
                self.began[source] = time.monotonic()
                display.started(source, duration)
            case Advanced(source, position):
                display.advanced(source, position)
            case SegmentReady(source, segment):
                self._show(source, heard(segment, self.rules))
            case Noticed(source, text, detail):
                display.say(f"{source}: {text}", detail=detail)
            case Finished(source, transcript):
                display.ended(source)
                self._finish(self.jobs[source], transcript)
            case Failed(source, error):
                display.ended(source)
                self._fail(error)

    def _show(self, source: str, blocks: Sequence[Cue]) -> None:
        try:
            for cue in blocks:
                self.display.line(source, console_line(cue))
        except PipeClosedError:
            if not self.writes:
                raise
        except OutputError as error:  # told once: the display shows no further lines
            self._fail(error)

    def _finish(self, job: Job, transcript: Transcript) -> None:
        try:
            blocks = cues(transcript.segments, self.rules)
            shown = write(job, transcript, blocks, self.style, self.ledger)
            if shown:
                write_bytes(shown)
        except OutputError as error:
            self._fail(error)
            return
        self.tally.done += 1
        took = time.monotonic() - self.began.get(job.source, time.monotonic())
        paths = [output.path(transcript) for output in job.outputs]
        written = ", ".join(os.fspath(path) for path in paths if path != STDOUT)
        name = "standard input" if job.source == STDIN else job.source
        heard = max(0.0, transcript.duration - self.display.origin)
        pace = f"{heard:.1f} s of audio in {took:.1f} s"
        self.display.say(
            f"{name}: {pace} ({heard / max(took, 1e-3):.1f} × real time)" + (f" → {written}" if written else "")
        )
        holds_cues = any(find_format(output.format).cue_reader for output in job.outputs)
        if holds_cues and (told := hurry(blocks, rules_for(transcript.segments, self.rules))):
            self.display.say(f"{name}: {told}")

    def _fail(self, error: CrispAlignError) -> None:
        self.tally.failures.append(error)
        self.display.error(error)


def console_line(cue: Cue) -> str:
    """`[00:00:00.320 --> 00:00:00.560]  And`: hours, minutes, seconds, milliseconds; safe on a terminal."""
    return f"[{_clock(cue.start)} --> {_clock(cue.end)}]  {displayed(cue.text)}"


def _clock(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}.{milliseconds:03d}"
