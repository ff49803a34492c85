"""`--log-json`: what happens, one JSON object a line on stderr, for machines. The events are those of docs/log.md."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock

from crisp_align.cli.progress import Outcome, Progress
from crisp_align.errors import CrispAlignError

__all__ = ["JsonLog"]

_EVERY = 1.0  # s between two reports of one file's progress


class JsonLog:
    """Writes events.

    Args:
        write: takes a line, without its end.
        now: the time to put on an event, s since 1970.
        clock: s, monotonic; limits how often the progress of a file is reported.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._now, self._clock = write, now, clock
        self._lock = Lock()
        self._reported: dict[str, float] = {}
        """Source → when its progress was last reported."""
        self._run_progress: Progress | None = None
        self._exit_code = 1
        self._closed = False

    def emit(self, event: str, **fields: object) -> None:
        """One event."""
        stamp = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": stamp, "event": event, **fields})
        with self._lock:
            if not self._closed:
                self._write(line)

    def begin(self, version: str, run_progress: Progress) -> None:
        """A run begins; `run_progress` is asked for its totals in the end."""
        self._run_progress = run_progress
        self.emit("run-started", version=version, files=run_progress.files)

    def progress(self, source: str, run_progress: Progress) -> None:
        """How far a file is; reported once a second at most."""
        file, now = run_progress.in_progress.get(source), self._clock()
        if file is None or now - self._reported.get(source, -_EVERY) < _EVERY:
            return
        self._reported[source] = now
        self.emit(
            "progress",
            file=source,
            stage=file.stage or None,
            position=round(file.position, 3),
            audio_seconds=_rounded(file.duration),
        )

    def done(self, source: str, outcome: Outcome) -> None:
        """A file is done."""
        self._reported.pop(source, None)
        self.emit(
            "done",
            file=source,
            outputs=list(outcome.outputs),
            seconds=round(outcome.seconds, 3),
            audio_seconds=round(outcome.audio_seconds, 3),
            words=outcome.words,
            score=_rounded(outcome.score),
        )

    def failed(self, source: str | None, error: Exception) -> None:
        """A file failed, or the run itself where `source` is None."""
        if source is not None:
            self._reported.pop(source, None)
        self.emit("failed", file=source, error=_described(error))

    def finish(self, exit_code: int) -> None:
        """The run is over, however it ended; `close` reports the exit code."""
        self._exit_code = exit_code

    def close(self) -> None:
        """Write the totals as the last event."""
        run = self._run_progress or Progress(0)
        self.emit(
            "run-finished",
            exit_code=self._exit_code,
            done=run.done,
            failed=run.failed,
            skipped=run.skipped,
            left=run.left,
            seconds=round(run.seconds, 3),
            audio_seconds=round(run.audio_seconds, 3),
            words=run.words,
        )
        self._closed = True


def _described(error: Exception) -> dict[str, object]:
    if isinstance(error, CrispAlignError):
        fields = {"what": error.what, "subject": error.subject, "hint": error.hint, "exit_code": error.exit_code}
    else:
        fields = {"what": str(error), "subject": None, "hint": None, "exit_code": 1}
    return {"kind": type(error).__name__, **fields}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
