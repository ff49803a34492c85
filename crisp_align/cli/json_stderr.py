"""Standard error as a stream of JSON events, while --log-json asks for that."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from crisp_align.cli import streams
from crisp_align.cli.log import JsonLog

__all__ = ["as_json"]

_DRAIN_TIMEOUT = 0.5  # s for what was written to stderr at the very end to come through


@contextmanager
def as_json() -> Iterator[JsonLog]:
    """Only events go to stderr: what libraries and child processes write there becomes notices."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # the hub's client draws its bars itself
    sys.stderr.flush()
    place = sys.stderr.fileno()
    real = os.dup(place)
    read, write = os.pipe()
    os.dup2(write, place)
    os.close(write)
    streams.json_log = log = JsonLog(lambda line: _write_line(real, line))
    relay = Thread(target=_relay, args=(read, log), name="stderr", daemon=True)
    relay.start()
    try:
        yield log
    except Exception as error:  # a mistake of our own: even so the log has its end
        traceback.print_exc()
        log.failed(None, error)
        raise SystemExit(1) from error
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os.dup2(real, place)  # the pipe's last writer but for child processes: the relay ends
        relay.join(_DRAIN_TIMEOUT)
        log.close()
        streams.json_log = None
        if not relay.is_alive():
            os.close(real)


def _write_line(descriptor: int, line: str) -> None:
    data = memoryview(f"{line}\n".encode("ascii"))
    with suppress(OSError):  # nobody reads it any more; the work goes on
        while data:
            data = data[os.write(descriptor, data) :]


def _relay(descriptor: int, log: JsonLog) -> None:
    """Turn lines into notices; of a line that was drawn over and over, the last state."""
    with os.fdopen(descriptor, encoding="utf-8", errors="backslashreplace", newline="\n") as lines:
        for line in lines:
            if text := line.rstrip().rpartition("\r")[2]:
                log.emit("notice", file=None, text=text)
