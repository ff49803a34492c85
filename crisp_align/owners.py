"""Which process is it, and does it still live? Asked across processes and across machines."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Owner", "lives", "myself"]


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
