"""How a run went: its exit code, and what came of each file, read from its events."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from crisp_align.batch.events import BatchEvent, Busy, Refused, Skipped, Written
from crisp_align.batch.report import Report, Row, write_report
from crisp_align.batch.written_files import Ledger
from crisp_align.errors import CrispAlignError
from crisp_align.events import Failed

__all__ = ["RunSummary"]


class RunSummary:
    """A reader of a run's events. Its memory grows with the number of files only where rows are kept.

    Args:
        files: how many there are to do; None: those that events are about.
        keep_rows: whether there will be a report.
    """

    def __init__(self, files: int | None = None, *, keep_rows: bool = True) -> None:
        self._files, self._keep_rows = files, keep_rows
        self._rows: list[Row] = []
        self._busy: dict[str, None] = {}
        """Sources that another run has."""
        self._codes: set[int] = set()
        """Exit codes of all that failed."""
        self._began = time.monotonic()

    def take(self, event: BatchEvent) -> None:
        """Count what an event says."""
        match event:
            case Written(row):
                self._add(row)
            case Skipped(source, _, row):
                self._add(replace(row, source=source, outcome="skipped") if row else Row(source, "skipped"))
            case Failed(source, error, quarantined) | Refused(source, error, quarantined):
                self.count_error(error)
                self._add(Row(source, "quarantined" if quarantined else "failed", error=str(error)))
            case Busy(source) if self._keep_rows:
                self._busy[source] = None

    def _add(self, row: Row) -> None:
        self._busy.pop(row.source, None)
        if self._keep_rows:
            self._rows.append(row)

    def count_error(self, error: CrispAlignError) -> None:
        """Count what went wrong, but cost no file."""
        self._codes.add(error.exit_code)

    @property
    def rows(self) -> tuple[Row, ...]:
        """What came of each file so far; what another run has comes last."""
        return (*self._rows, *(Row(source, "busy") for source in self._busy))

    @property
    def exit_code(self) -> int:
        """0: all done; 3: what failed, failed because a model or a dependency is missing; else 1."""
        return 0 if not self._codes else 3 if self._codes == {3} else 1

    def report(self) -> Report:
        """The report of the run as it is now."""
        rows = self.rows
        left = 0 if self._files is None else max(self._files - len(rows), 0)
        return Report(rows, time.monotonic() - self._began, left)

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the report, in the form that the extension of its path stands for.

        Raises:
            OptionError: no form has that extension.
            OutputError: it cannot be written, or a file is there that is not ours.
        """
        write_report(path, self.report(), Ledger(overwrite=overwrite))
