"""What the user sees: lines of speech on stdout; progress, notices and errors on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from crisp_align import __version__
from crisp_align.batch.events import BatchEvent, Busy, Paused, Refused, Resumed, Skipped, Written
from crisp_align.cli import streams
from crisp_align.cli.progress import Outcome, Progress
from crisp_align.cli.streams import PipeClosedError, abandon_stdout, error_line, on_terminal, to_stderr, write_bytes
from crisp_align.errors import OutputError, printable
from crisp_align.events import Advanced, Failed, Noticed, Ready, Staged, Started
from crisp_align.text.clock import time_code
from crisp_align.text.display import displayed

if TYPE_CHECKING:
    from crisp_align.cli.live import LiveView
    from crisp_align.transcript import Cue

__all__ = ["Display", "Outcome", "PipeClosedError", "console_line", "write_bytes"]

_PERCENT_STEP = 10  # between two lines of progress where there is no terminal


class Display:
    """One run's output: a live view on a terminal, events for machines under --log-json, else plain lines.

    Close it before anything else writes to the terminal.

    Args:
        quiet: nothing but errors; events are not hushed.
        verbose: details too.
        progress: lines of progress where stderr is no terminal; on a terminal there are bars anyway.
        lines: whether speech is shown on stdout as it is transcribed.
        files: how many files will be reported as done, failed or skipped; None: nobody knows yet.
        origin: s in each source at which the work begins.
    """

    def __init__(
        self, *, quiet: bool, verbose: bool, progress: bool, lines: bool, files: int | None, origin: float = 0.0
    ) -> None:
        self.quiet, self.verbose, self.lines = quiet, verbose, lines and not quiet
        self.origin = origin
        self.run_progress = Progress(files)
        self._log = streams.json_log
        self._drawn = not quiet and self._log is None and on_terminal()
        self._view: LiveView | None = None
        self._percent = _Percent() if progress and not quiet and self._log is None and not self._drawn else None
        self._heading = ""
        self._said: set[str] = set()
        if self._log is not None:
            self._log.begin(__version__, self.run_progress)

    def take(self, event: BatchEvent) -> None:
        """Show an event of a batch; lines of speech are shown by `line`."""
        match event:
            case Ready(description, advice, _):
                self.say(f"crisp-align: {description}" + (f" ({advice})" if advice else ""))
            case Started(source, duration, resumed_at):
                self.started(source, duration, resumed_at)
            case Staged(source, stage):
                self.stage(source, stage)
            case Advanced(source, position):
                self.advanced(source, position)
            case Noticed(source, text, detail):
                self.say(text, source=source or None, detail=detail)
            case Written(row):
                seconds, audio = row.seconds or 0.0, row.audio_seconds or 0.0
                self.done(row.source, Outcome(row.outputs, seconds, audio, row.words or 0, row.score))
            case Failed(source, error) | Refused(source, error):
                self.failed(source, error)
            case Skipped(source, reason):
                self.skipped(source, reason)
            case Busy(source):
                self.ended(source)
            case Paused(reason):
                self.paused(reason)
            case Resumed():
                self.resumed()

    def line(self, source: str, text: str) -> None:
        """A line of speech; where there are several files, under a heading with the file's name.

        Raises:
            PipeClosedError: nobody reads it any more; nothing further is shown.
            OutputError: stdout cannot be written, e.g. redirected to a full disk; nothing further is shown.
        """
        if not self.lines:
            return
        try:
            if self.run_progress.files != 1 and source != self._heading:
                self._speak(("\n" if self._heading else "") + f"==> {printable(source)} <==")
                self._heading = source
            self._speak(text)
        except BrokenPipeError as error:
            self.lines = False
            abandon_stdout()
            raise PipeClosedError from error
        except OSError as error:
            self.lines = False
            abandon_stdout()
            raise OutputError(f"cannot be written ({error.strerror})", subject="standard output") from error

    def _speak(self, text: str) -> None:
        if self._view is not None and sys.stdout.isatty():
            self._view.above(text)
        else:
            print(text, flush=True)

    def say(self, text: str, *, source: str | None = None, detail: bool = False) -> None:
        """A notice on stderr, about one file if `source` is given; one of `detail` only when -v was given."""
        if detail and not self.verbose:
            return
        if self._log is not None:
            self._log.emit("notice", file=source, text=text)
        elif not self.quiet:
            self._put(printable(text if source is None else f"{_called(source)}: {text}"))

    def say_once(self, text: str) -> None:
        """A notice on stderr that is the same for every file."""
        if text not in self._said:
            self._said.add(text)
            self.say(text)

    def error(self, error: Exception) -> None:
        """An error on stderr, in any case, that costs no file of those counted."""
        if self._log is not None:
            self._log.failed(None, error)
        elif self._view is not None and self.run_progress.files != 1:
            self._view.fail(error_line(error))
        else:
            self._put(error_line(error))

    def started(self, source: str, duration: float | None, earlier: float = 0.0) -> None:
        """A file is being worked on.

        Args:
            source: the file.
            duration: s of it from `origin` on, where that is known.
            earlier: s of it, from `origin` on, that an earlier run did.
        """
        self.run_progress.started(source, duration, earlier)
        if self._percent is not None:
            self._percent.started(source, duration)
        if self._log is not None:
            self._log.emit("started", file=source, audio_seconds=None if duration is None else round(duration, 3))
        self._draw()

    def stage(self, source: str, name: str) -> None:
        """What is being done to a file now, e.g. "aligning"."""
        opened = source in self.run_progress.in_progress
        self.run_progress.staged(source, name)
        if self._log is not None and opened:
            self._log.progress(source, self.run_progress)
        self._draw()

    def advanced(self, source: str, position: float) -> None:
        """A file is done up to `position`, s in the source."""
        position = max(0.0, position - self.origin)
        self.run_progress.advanced(source, position)
        if self._percent is not None:
            self._percent.advanced(source, position)
        if self._log is not None:
            self._log.progress(source, self.run_progress)

    def ended(self, source: str) -> None:
        """A file is no longer worked on; `done`, `failed` or `skipped` report what came of it."""
        self.run_progress.ended(source)
        if self._percent is not None:
            self._percent.ended(source)

    def done(self, source: str, outcome: Outcome) -> None:
        """A file is done and its outputs are written."""
        self.run_progress.finished(source, outcome)
        self.ended(source)
        if self._log is not None:
            self._log.done(source, outcome)
            return
        pace = f"{outcome.audio_seconds:.1f} s of audio in {outcome.seconds:.1f} s"
        times = outcome.audio_seconds / max(outcome.seconds, 1e-3)
        written = f" → {', '.join(outcome.outputs)}" if outcome.outputs else ""
        self.say(f"{pace} ({times:.1f} × real time){written}", source=source)

    def failed(self, source: str, error: Exception) -> None:
        """A file could not be done; printed even when `quiet`."""
        self.ended(source)
        self.run_progress.file_failed(source)
        if self._log is not None:
            self._log.failed(source, error)
        else:
            self.error(error)

    def skipped(self, source: str, reason: str) -> None:
        """A file needs no work, e.g. because it was done before."""
        self.ended(source)
        self.run_progress.file_skipped(source)
        if self._log is not None:
            self._log.emit("skipped", file=source, reason=reason)
        else:
            self.say(f"skipped: {reason}", source=source, detail=True)

    def paused(self, message: str) -> None:
        """Nothing goes on until `resumed`; `message`: why, e.g. "disk full on /srv/subtitles". Printed once."""
        if self.run_progress.pause == message:
            return
        self.run_progress.paused(message)
        if self._log is not None:
            self._log.emit("paused", reason=message)
        elif self._drawn:
            self._draw()
        else:
            self.say(f"crisp-align: paused: {message}; resumes when that is mended")

    def resumed(self) -> None:
        """Work goes on after a pause."""
        if self.run_progress.pause is None:
            return
        self.run_progress.resumed()
        if self._log is not None:
            self._log.emit("resumed")
        elif not self._drawn:
            self.say("crisp-align: resumed")

    def finished(self) -> None:
        """The run is over: close, and sum it up in one line where there was more than one file."""
        self.close()
        run = self.run_progress
        if self._log is not None or run.files == 1:
            return
        counted = run.done + run.failed + run.skipped
        total = counted if run.files is None else max(run.files, counted)
        parts = [f"{run.done} of {total} done"]
        parts += [f"{run.failed} failed"] if run.failed else []
        parts += [f"{run.skipped} skipped"] if run.skipped else []
        pace = f"; {_span(run.audio_seconds)} of audio in {_span(run.seconds)} ({run.speed:.1f} × real time)"
        self.say(", ".join(parts) + (pace if run.audio_seconds > 0 else ""))

    def close(self) -> None:
        """Take the live view away for good."""
        self._drawn = False
        if self._view is not None:
            view, self._view = self._view, None
            view.close()

    def _draw(self) -> None:
        """Begin to draw: as late as possible, so that what a model's loading prints stands above it."""
        if self._drawn and self._view is None:
            from crisp_align.cli.live import LiveView

            self._view = LiveView(self.run_progress)

    def _put(self, line: str) -> None:
        if self._view is not None:
            self._view.above(line)
        else:
            to_stderr(line)


def _called(source: str) -> str:
    return "standard input" if source == "-" else source


def _span(seconds: float) -> str:
    """`4.3 s`, `12 min`, `3 h 20 min`."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class _Percent:
    """Progress as plain lines, one every 10 %."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[float, int]] = {}
        """Source → duration in s, and the last percentage shown."""

    def started(self, source: str, duration: float | None) -> None:
        self._files[source] = (duration or 0.0, 0)

    def advanced(self, source: str, position: float) -> None:
        duration, shown = self._files.get(source, (0.0, 0))
        percent = int(100 * min(position / duration, 1.0)) if duration > 0 else 0
        if percent - shown >= _PERCENT_STEP:
            self._files[source] = (duration, percent)
            to_stderr(f"{printable(source)}: {percent} %")

    def ended(self, source: str) -> None:
        self._files.pop(source, None)


def console_line(cue: Cue) -> str:
    """`[00:00:00.320 --> 00:00:00.560]  And`: hours, minutes, seconds, milliseconds; safe on a terminal."""
    return f"[{time_code(round(cue.start * 1000))} --> {time_code(round(cue.end * 1000))}]  {displayed(cue.text)}"
