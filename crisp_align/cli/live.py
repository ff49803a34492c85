"""The live view on a terminal: how a run stands, redrawn in place."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from threading import Event, RLock, Thread

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from crisp_align.cli.progress import FileProgress, Progress
from crisp_align.errors import printable
from crisp_align.text.clock import hms

__all__ = ["LiveView", "format_duration"]

_RATE = 5  # pictures a second
_FAILURES = 4  # lines
_FILES = 8  # lines at most
_WIDE = 60  # columns from which there is room for stages
_NARROW = 36  # columns below which there is no room for bars


class LiveView:
    """Redraws itself in a thread of its own until it is closed.

    What it shows of failures is printed above it for good when newer ones take the place, and when it closes: each
    is on the screen once, and none is lost.

    Args:
        run_progress: what is shown; changed by others meanwhile.
        console: where; None: stderr.
    """

    def __init__(self, run_progress: Progress, console: Console | None = None) -> None:
        self._run_progress = run_progress
        self._failures: deque[str] = deque()
        self._console = console or Console(stderr=True, highlight=False)
        # Rich would send everything printed on stdout to stderr: the display places our own lines above the view.
        self._live = Live(
            get_renderable=self.picture,
            console=self._console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            vertical_overflow="crop",
        )
        # A line printed while Rich's own thread redraws may be erased: how far up the view begins is worked out before
        # either is written. So only one of them prints at a time.
        self._printing = RLock()
        self._closed = Event()
        with suppress(OSError):
            self._live.start(refresh=True)
        self._redrawing = Thread(target=self._redraw, name="live view", daemon=True)
        self._redrawing.start()

    def _redraw(self) -> None:
        while not self._closed.wait(1 / _RATE):
            with suppress(OSError), self._printing:
                self._live.refresh()

    def above(self, text: str) -> None:
        """Print a line above the view; it may hold colours."""
        with suppress(OSError), self._printing:  # without a terminal the work goes on
            self._console.print(Text.from_ansi(text), soft_wrap=True)

    def fail(self, line: str) -> None:
        """Show a failure."""
        self._failures.append(line)
        while len(self._failures) > _FAILURES:
            self.above(self._failures.popleft())

    def close(self) -> None:
        """Take the view away, and leave the failures it showed."""
        self._closed.set()
        self._redrawing.join()
        failures, self._failures = self._failures, deque()
        for line in failures:
            self.above(line)
        with suppress(OSError):
            self._live.stop()

    def picture(self) -> RenderableType:
        """What is to be seen now."""
        return _Picture(self._run_progress, tuple(self._failures))


class _Picture:
    """One state, laid out for whatever room there is: no line is ever wrapped."""

    def __init__(self, run_progress: Progress, failures: tuple[str, ...]) -> None:
        self.run_progress, self.failures = run_progress, failures

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        run, width = self.run_progress, options.max_width
        files = list(run.in_progress.items())
        if run.files == 1:
            yield from (_grid(width, [_alone(source, file, run, width)]) for source, file in files[:1])
            yield from _pause(run)
            return
        yield from _whole(run, width)
        yield from _pause(run)
        room = options.size.height - 6 - len(self.failures)
        shown = files[: max(0, min(_FILES, room))]
        if shown:
            yield _grid(width, [_row(source, file, width) for source, file in shown])
        if len(shown) < len(files) and room > 0:
            yield _line(f"… and {len(files) - len(shown)} more", "dim")
        for line in self.failures:
            yield _cropped(Text.from_ansi(line))


def _whole(run: Progress, width: int) -> RenderResult:
    left = run.left
    counts = [f"{run.done} done"]
    counts += [f"{run.failed} failed"] if run.failed else []
    counts += [f"{run.skipped} skipped"] if run.skipped else []
    counts += [f"{left} left"] if left is not None else [f"{len(run.in_progress)} at work"]
    pace = [f"{run.speed:.1f} × real time"] if run.audio_seconds > 0 else []
    pace.append(format_duration(run.seconds))
    if (remaining := run.remaining) is not None:
        pace.append(f"about {format_duration(remaining)} left")
    if run.files and width >= _NARROW:
        yield _grid(width, [[ProgressBar(run.files, run.fraction * run.files), Text(f"{100 * run.fraction:3.0f} %")]])
    if width >= 2 * _WIDE:
        yield _line(" · ".join([*counts, *pace]))
    else:
        yield _line(" · ".join(counts))
        yield _line(" · ".join(pace))


def _pause(run: Progress) -> RenderResult:
    if run.pause is not None:
        yield _line(f"paused: {run.pause}; resumes when that is mended", "yellow")


def _row(source: str, file: FileProgress, width: int) -> list[RenderableType]:
    name = Text(_name(source), no_wrap=True, overflow="ellipsis")
    percent = Text(f"{100 * file.fraction:3.0f} %" if file.duration else "")
    bar = ProgressBar(file.duration or None, file.position, pulse=not file.duration)
    if width < _NARROW:
        return [name, percent]
    return [name, Text(file.stage, no_wrap=True), bar, percent] if width >= _WIDE else [name, bar, percent]


def _alone(source: str, file: FileProgress, run: Progress, width: int) -> list[RenderableType]:
    remaining = run.remaining
    return [
        *_row(source, file, width),
        Text(f"{run.speed_of(source):.1f} × real time" if file.position > file.earlier else "", no_wrap=True),
        Text(format_duration(remaining) if remaining is not None else "", no_wrap=True),
    ]


def _grid(width: int, rows: list[list[RenderableType]]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.width = width
    for cell in rows[0]:
        if isinstance(cell, ProgressBar):
            grid.add_column(ratio=1)
        else:
            grid.add_column(no_wrap=True, overflow="ellipsis", max_width=max(width // 3, 6))
    for row in rows:
        grid.add_row(*row)
    return grid


def _line(text: str, style: str = "") -> Text:
    return _cropped(Text(printable(text), style))


def _cropped(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _name(source: str) -> str:
    return printable(os.path.basename(source) or source)  # noqa: PTH119 (a name, not a path)


def format_duration(seconds: float) -> str:
    """`0:07`, `3:04`, `2:03:04`, `3 d 4 h`."""
    hours = round(seconds) // 3600
    return f"{hours // 24} d {hours % 24} h" if hours >= 48 else hms(round(seconds))
