"""What stands on a terminal while a batch runs, and after it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pyte
import pytest
from rich.cells import cell_len
from rich.console import Console

from crisp_align.cli.live import LiveView, format_duration
from crisp_align.cli.progress import Outcome, Progress

DRIVER = """
import sys, threading
from crisp_align.cli.display import Display, Outcome
from crisp_align.cli.streams import print_note
from crisp_align.errors import MediaError
def work(display):
    %s
display = Display(quiet=False, verbose=False, progress=False, lines=True, files=%s)
try:
    work(display)
except KeyboardInterrupt:
    display.close()
    print_note("interrupted")
    sys.exit(130)
display.finished()
"""


def run_progress(files: int | None, at_work: int, name: str = "film{}.mkv") -> Progress:
    run = Progress(files)
    for number in range(at_work):
        run.started(name.format(number), 100 if number % 2 else None)
        run.staged(name.format(number), "transcribing")
        run.advanced(name.format(number), 37)
    return run


def shown(run: Progress, width: int, height: int, failures: tuple[str, ...] = ()) -> list[str]:
    """The lines of one picture."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    view = LiveView(run, console)
    for line in failures:
        view.fail(line)
    lines = console.render_lines(view.picture(), console.options, pad=False)
    view.close()
    return ["".join(segment.text for segment in line) for line in lines]


class TestPicture:
    def test_it_counts_names_and_paces(self) -> None:
        run = run_progress(12, 2)
        run.finished("film1.mkv", Outcome(("film1.srt",), 5, 100, 200))
        run.file_skipped("film7.mkv")
        run.file_failed("film8.mkv")
        lines = shown(run, 80, 24, ("crisp-align: error: film8.mkv: is empty (0 bytes)",))
        assert "1 done · 1 failed · 1 skipped · 9 left" in lines[1]
        assert "× real time" in lines[2]
        assert "film0.mkv" in lines[3] and "transcribing" in lines[3]
        assert lines[4] == "crisp-align: error: film8.mkv: is empty (0 bytes)"

    def test_a_pause_says_why(self) -> None:
        run = run_progress(3, 1)
        run.paused("disk full on /srv")
        assert "paused: disk full on /srv; resumes when that is mended" in shown(run, 80, 24)

    @pytest.mark.slow
    @pytest.mark.parametrize("files", [1, 5000, None])
    @pytest.mark.parametrize(
        "name", ["film{}.mkv", "映画🎬" * 30 + "{}.mkv", "evil\x1b[2J\n\u202e{}.wav", "x" * 300 + "{}"]
    )
    def test_it_fits_any_terminal(self, files: int | None, name: str) -> None:
        run = run_progress(files, 1 if files == 1 else 40, name)
        run.paused("disk full on " + "/deep" * 50)
        failures = tuple(f"crisp-align: error: {'映' * number}.wav: is empty" for number in range(0, 200, 40))
        for width in (1, 2, 5, 10, 20, 35, 36, 59, 60, 80, 119, 120, 300):
            for height in (1, 2, 6, 12, 24, 60):
                lines = shown(run, width, height, () if files == 1 else failures)
                assert all(cell_len(line) <= width for line in lines), (width, lines)
                assert height < 12 or len(lines) < height, (width, height, lines)
                assert not set("\x1b\n\u202e") & set("".join(lines))

    def test_a_thousand_files_at_work_are_counted_not_listed(self) -> None:
        lines = shown(run_progress(5000, 1000), 100, 24)
        assert len(lines) < 15
        assert "… and 992 more" in lines


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (7, "0:07"), (184, "3:04"), (7384, "2:03:04"), (273_600, "3 d 4 h")]
)
def test_durations_are_printed_as_on_a_clock(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, work: str, files: int, columns: int = 80, rows: int = 24) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self.stream = pyte.ByteStream(self.screen)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
        code = DRIVER % (work.replace("\n", "\n    "), files)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm-256color"},
            cwd=Path(__file__).parents[2],
        )
        os.close(slave)

    def read(self, until: str | None = None) -> None:
        """Follow the screen until a text is on it, or to the end."""
        while until is None or until not in "\n".join(self.screen.display):
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            self.stream.feed(data)

    def end(self) -> int:
        """The exit code, once all is read."""
        self.read()
        os.close(self.master)
        return self.process.wait(timeout=30)

    @property
    def lines(self) -> list[str]:
        """All that was ever left run_progress, from the top."""
        past = ["".join(line[column].data for column in range(self.screen.columns)) for line in self.screen.history.top]
        return [text for line in [*past, *self.screen.display] if (text := line.rstrip())]


class TestTerminal:
    @pytest.mark.slow
    def test_a_batch_leaves_its_files_failures_and_a_summary(self) -> None:
        terminal = Terminal(
            "for n in range(30):\n"
            "    display.started(f'{n}.wav', 10.0)\n"
            "    display.stage(f'{n}.wav', 'aligning')\n"
            "    display.line(f'{n}.wav', f'line of {n}')\n"
            "    if n % 3: display.done(f'{n}.wav', Outcome((f'{n}.srt',), 1.0, 10.0, 5))\n"
            "    else: display.failed(f'{n}.wav', MediaError('is empty', subject=f'{n}.wav'))",
            files=31,
        )
        assert terminal.end() == 0
        lines = terminal.lines
        for n in range(30):
            assert lines.count(f"line of {n}") == 1
            assert lines.count(f"==> {n}.wav <==") == 1
            beginning = f"{n}.wav: 10.0 s of audio" if n % 3 else f"crisp-align: error: {n}.wav: is empty"
            assert sum(line.startswith(beginning) for line in lines) == 1
        assert lines[-1].startswith("20 of 31 done, 10 failed; ")
        assert len(lines) == 30 * 3 + 1
        assert not terminal.screen.cursor.hidden

    @pytest.mark.slow
    def test_no_line_is_lost_between_two_pictures(self) -> None:
        terminal = Terminal(
            "from crisp_align.cli import live\n"
            "live._RATE = 100\n"
            "for n in range(200):\n"
            "    for k in range(n % 7): display.started(f'{n}-{k}.wav', 10.0)\n"
            "    display.say(f'line {n}')\n"
            "    threading.Event().wait(0.003)\n"
            "    for k in range(n % 7): display.done(f'{n}-{k}.wav', Outcome((), 1.0, 10.0, 5))",
            files=1000,
        )
        assert terminal.end() == 0
        assert [line for line in terminal.lines if line.startswith("line")] == [f"line {n}" for n in range(200)]

    def test_an_interrupt_leaves_the_terminal_as_it_was(self) -> None:
        terminal = Terminal(
            "display.started('a.wav', 10.0)\n"
            "display.failed('b.wav', MediaError('is empty', subject='b.wav'))\n"
            "threading.Event().wait()",
            files=3,
        )
        terminal.read(until="1 failed")
        assert terminal.screen.cursor.hidden
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert terminal.lines == ["crisp-align: error: b.wav: is empty", "crisp-align: interrupted"]
        assert not terminal.screen.cursor.hidden
        assert terminal.screen.cursor.x == 0

    def test_one_file_has_one_line(self) -> None:
        terminal = Terminal(
            "display.say('crisp-align: tiny.en')\n"
            "display.started('talk.wav', 100.0)\n"
            "display.advanced('talk.wav', 50.0)\n"
            "threading.Event().wait()",
            files=1,
        )
        terminal.read(until="50 %")
        (heading, bar) = terminal.lines
        assert heading == "crisp-align: tiny.en"
        assert bar.startswith("talk.wav") and "━" in bar and "× real time" in bar
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert terminal.lines == ["crisp-align: tiny.en", "crisp-align: interrupted"]

    @pytest.mark.slow
    def test_what_a_library_writes_to_stderr_stands_above_the_view(self) -> None:
        terminal = Terminal(
            "display.started('a.wav', 10.0)\n"
            "print('a warning', file=sys.stderr)\n"
            "display.done('a.wav', Outcome((), 1.0, 10.0, 5))",
            files=2,
        )
        assert terminal.end() == 0
        assert terminal.lines[0] == "a warning" and len(terminal.lines) == 3
