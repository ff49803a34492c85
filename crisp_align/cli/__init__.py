"""The command line: it translates options into one call, and results into files, lines and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import click

from crisp_align.cli.command import Program, log_json_requested
from crisp_align.cli.streams import PipeClosedError, on_terminal, prepare_streams, print_error, print_note
from crisp_align.errors import CrispAlignError, OptionError

__all__ = ["main", "program"]

_NAME = "crisp-align"
_COMPLETE = "_CRISP_ALIGN_COMPLETE"  # set by the script that `crisp-align completion` prints

program = Program(
    {
        "transcribe": (
            "crisp_align.cli.transcribe",
            "media in, timed transcripts out (meant where no command is named)",
        ),
        "watch": ("crisp_align.cli.watch", "transcribe files as they arrive in a folder"),
        "align": ("crisp_align.cli.align", "time a given text against its recording"),
        "sync": ("crisp_align.cli.sync", "bring subtitles into time with a recording"),
        "render": ("crisp_align.cli.render", "lay a transcript out again, without any model"),
        "convert": ("crisp_align.cli.convert", "write subtitles in other formats, as they are"),
        "check": ("crisp_align.cli.check", "judge subtitles by the rules they should keep"),
        "edit": ("crisp_align.cli.edit", "move, stretch, cut, join, merge and mend subtitles"),
        "models": ("crisp_align.cli.models", "list, find, fetch and verify weights"),
        "backends": ("crisp_align.cli.backends", "list speech backends and aligners"),
        "doctor": ("crisp_align.cli.doctor", "look for what is missing, and say what mends it"),
        "completion": ("crisp_align.cli.completion", "print the completion script of a shell"),
    },
    default="transcribe",
    text="Any audio or video in, perfectly timed subtitles out.",
    examples=(
        ("crisp-align talk.mp4 -osrt -ml 42", "subtitles: talk.srt"),
        ("crisp-align talk.mp4 -osrt -ml 1", "a cue a word"),
        ("crisp-align talks/ -R -ovtt --output-dir subs", "a whole folder"),
        ("crisp-align - -osrt < talk.mp4 > talk.srt", "from and to a pipe"),
        ("crisp-align align talk.mp4 --text-file talk.txt -osrt", "time a text you have"),
    ),
)
program.params.append(
    click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help="Show the version and exit.",
        callback=lambda ctx, _, asked: _show_version(ctx) if asked and not ctx.resilient_parsing else None,
    )
)


class _Terminated(BaseException):
    """A signal asked the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        args: what follows the program's name; None: those of this process.

    Returns:
        0 all done, 1 some file failed, 2 wrong usage, 3 a model or a dependency is missing, 130 interrupted, 143 and
        the like: ended by another signal.
    """
    prepare_streams()
    words = list(sys.argv[1:] if args is None else args)
    if log_json_requested(words):
        from crisp_align.cli.json_stderr import as_json

        with as_json() as events:
            code = _guarded(words)
            events.finish(code)
    else:
        code = _guarded(words)
    _leave(code)
    return code


def _guarded(args: list[str]) -> int:
    """Run to the end or to a signal."""
    try:
        with _signals():
            return _run(args)
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except _Terminated as end:
        code = 128 + end.number
    print_note("interrupted; finished files are kept")
    return code


def _run(args: list[str]) -> int:
    if _COMPLETE in os.environ:
        from click.shell_completion import shell_complete

        return shell_complete(program, {}, _NAME, _COMPLETE, os.environ[_COMPLETE])
    try:
        with program.make_context(_NAME, args) as ctx:
            return int(program.invoke(ctx) or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", None) or _NAME
        text = " ".join(error.format_message().split())
        print_error(OptionError(f"{text[:1].lower()}{text[1:].rstrip('.')}", hint=f"see {where} --help"))
        return error.exit_code
    except CrispAlignError as error:
        print_error(error)
        return error.exit_code
    except (PipeClosedError, BrokenPipeError):
        return 0  # the reader of our output has what it wanted
    except MemoryError:
        print_error(CrispAlignError("out of memory", hint="a smaller model or --batch-size 1 needs less"))
        return 1


def _show_version(ctx: click.Context) -> None:
    from crisp_align import __version__

    click.echo(f"{_NAME} {__version__}")
    ctx.exit()


@contextmanager
def _signals() -> Iterator[None]:
    """Requests to end unwind the stack, so that no half file stays behind; a second one ends the process at once."""

    def unwind(number: int, frame: FrameType | None) -> None:
        for name in names:
            signal.signal(name, lambda again, _: _end_at_once(128 + again))
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise _Terminated(number)

    names = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What was ignored on purpose, as nohup does, stays ignored.
    names = [name for name in names if signal.getsignal(name) != signal.SIG_IGN]
    before = {name: signal.signal(name, unwind) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _end_at_once(code: int) -> None:
    if on_terminal():
        os.write(sys.stderr.fileno(), b"\x1b[?25h")  # a live view hides the cursor
    _clear()
    os._exit(code)


def _leave(code: int) -> None:
    """Flush; and after an interrupt, or where a thread is still inside a model, end without waiting for anything."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    # An interrupt inside a string that is being executed, as dataclasses do, would make Python end by the signal.
    background = sys.modules.get("crisp_align.pipeline.background")  # every command would wait for its import
    if code > 128 or (background is not None and background.is_working()):
        _clear()
        os._exit(code)


def _clear() -> None:
    """Remove temporary folders, if the module that makes them was ever imported; every command would wait for it."""
    scratch = sys.modules.get("crisp_align.files.scratch")
    if scratch is not None:
        scratch.clear()
