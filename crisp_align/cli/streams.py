"""The standard streams: any text can be written to them, a reader that has gone is no disaster."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from crisp_align.errors import CrispAlignError, OutputError

if TYPE_CHECKING:
    from crisp_align.cli.log import JsonLog

__all__ = [
    "PipeClosedError",
    "abandon_stdout",
    "error_line",
    "on_terminal",
    "prepare_streams",
    "print_error",
    "print_note",
    "to_stderr",
    "write_bytes",
]


json_log: JsonLog | None = None
"""What turns lines on stderr into events, while --log-json asks for that."""


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


def on_terminal() -> bool:
    """Whether stderr is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def error_line(error: Exception) -> str:
    """The line that reports an error, in colour where stderr shows it."""
    head = "crisp-align: error:"
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[1;31m{head}\x1b[0m {error}" if coloured else f"{head} {error}"


def print_error(error: CrispAlignError) -> None:
    """Print one line about an error on stderr, even under -np."""
    if json_log is not None:
        json_log.failed(None, error)
    else:
        to_stderr(error_line(error))


def print_note(text: str) -> None:
    """Print one line on stderr, even under -np."""
    if json_log is not None:
        json_log.emit("notice", file=None, text=text)
    else:
        to_stderr(f"crisp-align: {text}")


def to_stderr(line: str) -> None:
    """One line on stderr as it is."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # nobody reads it any more; the work goes on
        return


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
        abandon_stdout()
        raise PipeClosedError from error
    except OSError as error:
        abandon_stdout()
        raise OutputError(f"cannot be written ({error.strerror})", subject="standard output") from error


def abandon_stdout() -> None:
    """Point stdout at nothing, so that what is left in its buffer raises no error at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
