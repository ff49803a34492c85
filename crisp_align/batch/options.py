"""How a batch of files is gone through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crisp_align.cluster.sizes import ClusterOptions

__all__ = ["BatchOptions", "WorkerOptions"]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How many workers there are, and what is asked of them."""

    count: int = 0
    """Processes; 0: one a CUDA device, else one for every eight CPU threads."""
    timeout: float = 1800.0
    """s without a sign of life after which a worker is taken for hung."""
    memory: int | None = None
    """Bytes that all workers together should stay under: less sound is read ahead where that is little, and a worker
    that has outgrown its share is replaced."""

    def share(self, count: int) -> int | None:
        """Bytes for each of so many workers; None: no limit."""
        return None if self.memory is None else self.memory // count


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a batch of files is gone through."""

    workers: WorkerOptions = field(default_factory=WorkerOptions)
    cluster: ClusterOptions | None = None
    """The cluster that does the work instead of worker processes."""
    journal: str | None = None
    """Path of a journal to keep."""
    retry_failed: bool = False
    """Whether files are tried again that failed before, as the journal records it."""
    patience: float = 3600.0
    """s to wait for a full disk or a vanished folder to be mended."""
