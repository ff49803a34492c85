"""What commands do before their work starts: inputs are looked at, and the display is made."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crisp_align.cli.options import BatchGroup, ConsoleGroup, QuietGroup
from crisp_align.errors import OptionError

if TYPE_CHECKING:
    from crisp_align.batch.planning import Job
    from crisp_align.cli.display import Display

__all__ = ["check_input", "check_journal", "needs_workers", "start"]

_LONG_DASHES = ("\u2012", "\u2013", "\u2014", "\u2212")  # what word processors make of a hyphen


def check_input(name: str) -> None:
    """Refuse what is plainly a slip of the keyboard.

    Raises:
        OptionError: a long dash where a hyphen was meant, a terminal as standard input.
    """
    if name.startswith(_LONG_DASHES) and not os.path.lexists(name):
        raise OptionError(
            "begins with a long dash, not a hyphen", subject=name, hint=f"type -{name.lstrip(''.join(_LONG_DASHES))}"
        )
    if name == "-" and sys.stdin is not None and sys.stdin.isatty():
        raise OptionError(
            "standard input is a terminal", subject="-", hint="pipe a file in, e.g. crisp-align - < talk.mp3"
        )


def start(console: QuietGroup, jobs: Sequence[Job], files: int | None, origin: float = 0.0) -> Display:
    """The display for a run; speech is shown on stdout unless a file goes there.

    Args:
        console: what is printed.
        jobs: as far as they are known.
        files: how many there are, those that cannot be done included; None: nobody knows yet.
        origin: s in each source at which the work begins.
    """
    from crisp_align.cli.display import Display

    if console.quiet:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # the hub's client draws its bars itself
    piped = any(job.pipes for job in jobs)
    return Display(
        quiet=console.quiet,
        verbose=isinstance(console, ConsoleGroup) and console.verbose,
        progress=isinstance(console, ConsoleGroup) and console.progress,
        lines=not piped,
        files=files,
        origin=origin,
    )


def needs_workers(jobs: Sequence[Job], batch: BatchGroup, *, on_cluster: bool = False) -> bool:
    """Whether files are done in processes of their own. One file is not, unless that is asked for.

    Raises:
        OptionError: that is asked for and cannot be.
    """
    names = ("journal", "workers", "timeout", "memory")
    asked = next((name for name in names if getattr(batch, name) is not None), None)
    if on_cluster:
        asked = "engine"
    piped = any(job.source == "-" for job in jobs)
    if asked and piped:
        raise OptionError(f"--{asked} is for files, not for standard input")
    return not piped and (asked is not None or len(jobs) > 1)


def check_journal(jobs: Sequence[Job], journal: str | None) -> None:
    """Refuse a journal for what no file will hold: the next run would take it for done, and it would be lost.

    Raises:
        OptionError: there is a journal, and the outputs go to standard output, or lines on the screen are all there is.
    """
    files = [job for job in jobs if job.source != "-"]
    if journal is None:
        return
    if any(job.pipes for job in files):
        raise OptionError(
            "--journal is for outputs that are files, not for standard output",
            hint="leave out --journal, or name the output with -o",
        )
    if any(not job.outputs for job in files):
        raise OptionError("--journal is for outputs that are files, and none is asked for", hint="add e.g. -osrt")
