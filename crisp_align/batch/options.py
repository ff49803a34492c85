"""How a batch of files is worked through, and how its outputs are laid out and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crisp_align.cluster.sizes import ClusterOptions
    from crisp_align.formats import WriteOptions
    from crisp_align.layout import Rules

__all__ = ["BatchOptions", "OutputLayout", "WorkerOptions"]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How many worker processes there are, and what is asked of them."""

    count: int = 0
    """Processes; 0: one a CUDA device, else one for every eight CPU threads."""
    timeout: float = 1800.0
    """s without a sign of life after which a worker counts as hung."""
    memory: int | None = None
    """Bytes that all workers together should stay under: less sound is read ahead where that is little, and a worker
    that has outgrown its share is replaced."""

    def share(self, count: int) -> int | None:
        """Bytes for each of so many workers; None: no limit."""
        return None if self.memory is None else self.memory // count


@dataclass(frozen=True, slots=True)
class OutputLayout:
    """How transcripts become outputs."""

    rules: Rules
    """How words become cues."""
    style: WriteOptions
    """Choices of writing."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a batch of files is worked through.

    `BatchOptions(journal="talks.journal")` resumes where an earlier run with that journal ended, however it ended.
    """

    workers: WorkerOptions | None = field(default_factory=WorkerOptions)
    """Processes that hold the models; None: the models are loaded in this process, and a crash of theirs ends it."""
    cluster: ClusterOptions | None = None
    """The cluster that does the work instead."""
    journal: str | None = None
    """Path of a journal to keep."""
    retry_failed: bool = False
    """Whether files are tried again that failed before, as the journal records it."""
    skip_existing: bool = False
    """Whether outputs that are no older than their input are kept."""
    overwrite: bool = False
    """Whether files are written over that crisp-align did not write, or that were edited since."""
    make_folders: bool = False
    """Whether folders of outputs are made that are not there."""
    texts: bool = False
    """Whether jobs have texts to be timed, in place of being transcribed."""
    retry_timeout: float = 3600.0
    """s to wait for a full disk or a vanished folder to be mended."""
