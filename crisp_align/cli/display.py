"""What the user sees: lines of speech on stdout; progress, notices and errors on stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from crisp_align.errors import OutputError, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

__all__ = ["Display", "PipeClosedError", "complain", "prepare_streams", "tell", "write_bytes"]

_PERCENT_STEP = 10  # between two lines of progress where there is no terminal


class PipeClosedError(Exception):
    """Whoever read our standard output has gone."""


def prepare_streams() -> None:
    """Make stdout and stderr take any text: what their encoding lacks is escaped, and a closed one swallows all."""
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:  # started with the descriptor closed
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def complain(text: str) -> None:
    """One line about an error on stderr, shown even under -np."""
    head = "crisp-align: error:"
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        head = f"\x1b[1;31m{head}\x1b[0m"
    _to_stderr(f"{head} {text}")


def write_bytes(data: bytes) -> None:
    """Put a file's bytes on stdout as they are, whatever the terminal's encoding.

    Raises:
        PipeClosedError: nobody reads it any more.
        OutputError: it cannot be written; e.g. redirected to a full disk.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        _abandon_stdout()
        raise PipeClosedError from error
    except OSError as error:
        _abandon_stdout()
        raise OutputError(f"cannot be written ({error.strerror})", subject="standard output") from error


def tell(text: str) -> None:
    """One line on stderr, shown even under -np."""
    _to_stderr(f"crisp-align: {text}")


def _to_stderr(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # nobody reads it any more; the work goes on
        return


class Display:
    """One run's output. Close it before anything else writes to the terminal.

    Args:
        quiet: nothing but errors.
        verbose: details too.
        progress: lines of progress where stderr is no terminal; on a terminal there are bars anyway.
        lines: whether speech is shown on stdout as it is heard.
        files: how many files there are to do.
        origin: s in each source at which the work begins.
    """

    def __init__(
        self, *, quiet: bool, verbose: bool, progress: bool, lines: bool, files: int, origin: float = 0.0
    ) -> None:
        self.quiet, self.verbose, self.lines = quiet, verbose, lines and not quiet
        self.files, self.origin = files, origin
        self._bars: _Bars | None = _Bars(files) if not quiet and sys.stderr.isatty() else None
        self._percent = _Percent() if progress and not quiet and self._bars is None else None
        self._heading = ""

    def line(self, source: str, text: str) -> None:
        """A line of speech; where there are several files, under a heading with the file's name.

        Raises:
            PipeClosedError: nobody reads it any more; nothing further is shown.
            OutputError: stdout cannot be written, e.g. redirected to a full disk; nothing further is shown.
        """
        if not self.lines:
            return
        try:
            if self.files > 1 and source != self._heading:
                self._speak(("\n" if self._heading else "") + f"==> {printable(source)} <==")
                self._heading = source
            self._speak(text)
        except BrokenPipeError as error:
            self.lines = False
            _abandon_stdout()
            raise PipeClosedError from error
        except OSError as error:
            self.lines = False
            _abandon_stdout()
            raise OutputError(f"cannot be written ({error.strerror})", subject="standard output") from error

    def _speak(self, text: str) -> None:
        if self._bars is not None and sys.stdout.isatty():
            self._bars.above(text)
        else:
            print(text, flush=True)

    def say(self, text: str, *, detail: bool = False) -> None:
        """A notice on stderr; one of `detail` only when -v was given."""
        if self.quiet or (detail and not self.verbose):
            return
        with self._aside():
            _to_stderr(printable(text))

    def error(self, error: Exception) -> None:
        """An error on stderr, in any case."""
        with self._aside():
            complain(str(error))

    def started(self, source: str, duration: float | None) -> None:
        """A file is being worked on; `duration`: s of it to come, where that is known."""
        for progress in (self._bars, self._percent):
            if progress is not None:
                progress.started(source, duration)

    def advanced(self, source: str, position: float) -> None:
        """A file is done up to `position`, s in the source."""
        for progress in (self._bars, self._percent):
            if progress is not None:
                progress.advanced(source, max(0.0, position - self.origin))

    def ended(self, source: str) -> None:
        """A file is done or has failed."""
        for progress in (self._bars, self._percent):
            if progress is not None:
                progress.ended(source)

    def close(self) -> None:
        """Take the bars away for good."""
        if self._bars is not None:
            self._bars.close()
            self._bars = None

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Bars out of the way while something else writes to stderr."""
        if self._bars is None:
            yield
            return
        with self._bars.hidden():
            yield


def _abandon_stdout() -> None:
    """Point stdout at nothing, so that what is left in its buffer raises no error at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


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
            _to_stderr(f"{printable(source)}: {percent} %")

    def ended(self, source: str) -> None:
        self._files.pop(source, None)


class _Bars:
    """Progress on a terminal: a bar a file being worked on, and one for all where there are several."""

    def __init__(self, files: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console: Console = Console(stderr=True, highlight=False)
        # Rich would send everything printed on stdout to stderr: we place our own lines above the bars.
        self._progress: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, tuple[TaskID, float]] = {}
        """Source → its bar and when it began, s."""
        self._shares: dict[str, float] = {}
        """Source → how much of it is done, [0, 1], while it is being worked on."""
        self._done = 0
        self._all = self._progress.add_task(f"{files} files", total=files, speed="") if files > 1 else None
        self._progress.start()

    def started(self, source: str, duration: float | None) -> None:
        name = printable(os.path.basename(source) or source)  # noqa: PTH119 (a name, not a path)
        task = self._progress.add_task(name, total=duration, speed="")
        self._tasks[source] = (task, time.monotonic())

    def advanced(self, source: str, position: float) -> None:
        if source not in self._tasks:
            return
        task, began = self._tasks[source]
        speed = position / max(time.monotonic() - began, 1e-3)
        self._progress.update(task, completed=position, speed=f"{speed:.1f} × real time")
        total = next((t.total for t in self._progress.tasks if t.id == task), None)
        self._shares[source] = min(position / total, 1.0) if total else 0.0
        self._show_all()

    def ended(self, source: str) -> None:
        task, _ = self._tasks.pop(source, (None, 0.0))
        if task is not None:
            self._progress.remove_task(task)
        self._shares.pop(source, None)
        self._done += 1
        self._show_all()

    def _show_all(self) -> None:
        if self._all is not None:
            self._progress.update(self._all, completed=self._done + sum(self._shares.values()))

    def above(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def close(self) -> None:
        self._progress.stop()
