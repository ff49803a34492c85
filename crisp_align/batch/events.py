"""What happens to the files of a batch, as plain values: the events of the pipeline, and what becomes of the outputs.

A display, a log, a report and an exit code are readers of this one stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from crisp_align.batch.report import Row
from crisp_align.errors import CrispAlignError
from crisp_align.events import Event, Ready

__all__ = ["BatchEvent", "Busy", "Paused", "Refused", "Resumed", "Skipped", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """The outputs of a file are in place; its transcript came with `Finished` before."""

    row: Row
    """What came of the file."""
    stdout: bytes = b""
    """The output that is for standard output; whoever reads the events writes it."""

    @property
    def source(self) -> str:
        """The file."""
        return self.row.source


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file needs no work."""

    source: str
    reason: str
    row: Row | None = None
    """What came of the file when it was done, where the journal holds it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A file is not begun: it cannot be read, its outputs cannot be written, or it failed in an earlier run."""

    source: str
    error: CrispAlignError
    quarantined: bool = False
    """Whether workers died or hung over it in an earlier run."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Another run is working on a file; it is asked for again until it is done or that run has ended."""

    source: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing can be written for now; the same step is retried until it succeeds or the retry time-out ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Work goes on after a pause."""


BatchEvent: TypeAlias = Ready | Event | Written | Skipped | Refused | Busy | Paused | Resumed
