"""The real command in a process group of its own, told of by its events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["MODEL", "cpu_seconds", "events", "family", "resident", "start"]

MODEL = ("-m", "tiny.en", "-l", "en", "--offline", "--log-json", "-np")
_TICKS = os.sysconf("SC_CLK_TCK")


def start(
    args: Sequence[str], folder: Path, log: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """`crisp-align` with `args` in `folder`, its events on a pipe or in a file; what it remembers stays in there."""
    variables = {**os.environ, "CRISP_ALIGN_STATE": str(folder / ".state"), **(environment or {})}
    command = [sys.executable, "-m", "crisp_align", *args]
    where = subprocess.PIPE if log is None else log.open("wb")
    try:
        return subprocess.Popen(
            command, cwd=folder, env=variables, stdout=subprocess.DEVNULL, stderr=where, start_new_session=True
        )
    finally:
        if not isinstance(where, int):
            where.close()


def events(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The events among lines; the last line of a process that was killed may be none."""
    for line in lines:
        with suppress(ValueError):
            yield json.loads(line)


def family(process: int) -> list[int]:
    """A command's process and its workers'."""
    found = [process]
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child)] if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes() else []
    return found


def cpu_seconds(processes: Sequence[int]) -> float:
    """s of CPU that processes and their ended children, ffmpeg above all, have taken."""
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in processes]
    return sum(sum(map(int, each[11:15])) for each in fields) / _TICKS


def resident(process: int) -> float:
    """MB of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
