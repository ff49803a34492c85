"""Which process is it, and does it still live? Asked across processes and across machines."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["Owner", "is_abandoned", "lives", "mark", "myself"]

_DAY = 24 * 3600  # s; nothing is at work on one file for that long


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told from every other, also from a later one that gets the same number."""

    host: str
    """Name of the machine, and what its installation is called, where there is such a thing."""
    pid: int
    born: str
    """When the machine and the process started, and in which namespace; empty where nobody can say."""

    def __str__(self) -> str:
        """For people: process 12 on archive."""
        return f"process {self.pid} on {self.host.partition('/')[0]}"


def myself() -> Owner:
    """This process."""
    return Owner(_host(), os.getpid(), _born(os.getpid()) or "")


def lives(owner: Owner) -> bool | None:
    """Whether a process still runs; None where that cannot be seen from here: another machine, another container."""
    me = myself()
    if owner.host != me.host:
        return None
    boot, _, rest = owner.born.partition(" ")
    my_boot, _, my_rest = me.born.partition(" ")
    if boot != my_boot:
        return False if boot and my_boot else None  # the machine was started anew since
    if rest.partition(" ")[0] != my_rest.partition(" ")[0]:
        return None  # in another container, where our numbers of processes mean others
    if owner.born:
        return _born(owner.pid) == owner.born
    return _answers(owner.pid)


def mark() -> str:
    """This process as a part of a file's name: host, number, and what tells it from others of that number."""
    return _mark(os.getpid())


def is_abandoned(mark: str, modified: float) -> bool:
    """Whether what carries a mark is left over: its process is gone, or nobody touched it for a day.

    `modified`: s since the epoch.
    """
    return _is_dead(mark) or time.time() - modified > _DAY


def _is_dead(mark: str) -> bool:
    """Whether the process that made a mark is known to be gone; False where nobody here can say."""
    fits = re.fullmatch(r"(.+)-(\d+)-([0-9a-f]{6})", mark)
    if not fits or fits[1] != _machine() or not myself().born:
        return False
    born = _born(int(fits[2]))
    return born is None or _short(born) != fits[3]


@lru_cache(1)
def _mark(pid: int) -> str:
    return f"{_machine()}-{pid}-{_short(_born(pid) or '')}"


@lru_cache(1)
def _machine() -> str:
    """Where process numbers mean the same as here."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (it is a name, not a path)
    name = re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())[:24] or "host"
    return f"{name}-{_short(_host() + space)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:6]


def _host() -> str:
    with suppress(OSError):
        return f"{socket.gethostname()}/{Path('/etc/machine-id').read_text(encoding='ascii', errors='replace').strip()}"
    return socket.gethostname()


def _born(pid: int) -> str | None:
    """Boot, namespace, and clock ticks from boot to start, from /proc; None: no such process, or no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (it is a name, not a path)
        # The name, in brackets, may hold spaces and brackets itself; after it come the state and 18 numbers.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{boot} {space} {fields[19]}"
    except (OSError, IndexError):
        return None


def _answers(pid: int) -> bool | None:
    if os.name != "posix":
        return None  # where signal 0 is no mere question
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, and somebody else's
        return True
    return True
