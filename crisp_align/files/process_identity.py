"""Which process is it, and is it alive? Asked across processes and across machines."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

__all__ = ["Owner", "current", "is_alive", "leftovers", "resident_memory", "tag"]

_DAY = 24 * 3600  # s; nothing works on one file for that long


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, distinguished from every other, also from a later one that gets the same number."""

    host: str
    """Name of the machine, and what its installation is called, where there is such a thing."""
    pid: int
    started: str
    """Which start of the machine ("-": unknown), in which namespace of numbers, and when the process started."""

    def __str__(self) -> str:
        """For people: process 12 on archive."""
        return f"process {self.pid} on {self.host.partition('/')[0]}"


def current() -> Owner:
    """This process."""
    return Owner(_host(), os.getpid(), _started(os.getpid()) or "")


def is_alive(owner: Owner) -> bool | None:
    """Whether a process still runs; None where that cannot be seen from here: another machine, another container."""
    here = current()
    if owner.host != here.host or not owner.started:
        return None
    boot, namespace, *_ = owner.started.split()
    if boot != _boot():
        return False  # the machine was started anew since
    if namespace != _namespace():
        return None  # in another container, where our numbers of processes mean others
    try:
        return _started(owner.pid) == owner.started
    except psutil.AccessDenied:
        return True  # it is there, and somebody else's


def resident_memory(pid: int | None) -> int:
    """Bytes of memory that a process holds; 0 where there is none."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def tag() -> str:
    """This process as a part of a file's name: host, number, and what distinguishes it from others of that number."""
    return _tag(os.getpid())


def leftovers(folder: str | os.PathLike[str], head: str, tail: str = "") -> Iterator[Path]:
    """The files and folders that killed processes left behind in a folder.

    Only what is called head, tag, "-", anything, tail counts, and no symbolic link. It is left over when the process of
    that tag has ended, or when nobody has touched it for a day.

    Args:
        folder: is looked at alone, without its subfolders; where it cannot be read, nothing is found.
        head: how the names begin.
        tail: how they end.
    """
    with suppress(OSError, ValueError), os.scandir(folder) as entries:
        for entry in entries:
            if not (entry.name.startswith(head) and entry.name.endswith(tail)):
                continue
            with suppress(OSError):  # somebody was quicker
                found = entry.stat(follow_symlinks=False)
                maker = entry.name.removeprefix(head).removesuffix(tail).rpartition("-")[0]
                old = _is_dead(maker) or time.time() - found.st_mtime > _DAY
                if old and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
                    yield Path(entry.path)


def _is_dead(tag: str) -> bool:
    """Whether the process that made a tag is known to have ended; False where nobody here can say."""
    fits = re.fullmatch(r"(.+)-(\d+)-([0-9a-f]{6})", tag)
    if not fits or fits[1] != _machine():
        return False
    with suppress(psutil.AccessDenied):
        started = _started(int(fits[2]))
        return started is None or _hash6(started) != fits[3]
    return False


@lru_cache(1)
def _tag(pid: int) -> str:
    return f"{_machine()}-{pid}-{_hash6(_started(pid) or '')}"


@lru_cache(1)
def _machine() -> str:
    """Where process numbers mean the same as here."""
    name = re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())[:24] or "host"
    return f"{name}-{_hash6(_host() + _namespace())}"


def _hash6(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:6]


def _host() -> str:
    with suppress(OSError):
        return f"{socket.gethostname()}/{Path('/etc/machine-id').read_text(encoding='ascii', errors='replace').strip()}"
    return socket.gethostname()


def _boot() -> str:
    """Which start of the machine this is, where it says."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "-"


def _namespace() -> str:
    """In which namespace of process numbers we are, where there is more than one."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (it is a name, not a path)
    return "-"


def _started(pid: int) -> str | None:
    """What `Owner.started` says of a process; None: there is none, or only what is left of one.

    Raises:
        psutil.AccessDenied: there is one, and it is not for us to see when it started.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        # On Linux both follow the clock when that is set, and their difference does not.
        since = process.create_time() - (psutil.boot_time() if psutil.LINUX else 0.0)
    except psutil.NoSuchProcess:
        return None
    return f"{_boot()} {_namespace()} {since:.2f}"
