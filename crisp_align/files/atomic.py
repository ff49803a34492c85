"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from crisp_align.errors import OutputError
from crisp_align.files.process_identity import leftovers, tag

__all__ = ["replacing", "sweep", "temporary", "write_atomically"]

_HEAD, _TAIL = ".crisp-align-", ".part"

_HINTS = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose another folder with --output-dir"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or choose another folder with --output-dir"),
    errno.EFBIG: ("the file would be larger than allowed", "raise the file-size limit (ulimit -f)"),
    errno.EROFS: ("the file system is read-only", "choose another folder with --output-dir"),
    errno.EACCES: ("no permission to write there", "choose another folder with --output-dir"),
    errno.EPERM: ("no permission to write there", "choose another folder with --output-dir"),
    errno.ENOENT: ("no such folder", "create it, or choose another with --output-dir"),
    errno.ENOTDIR: ("a part of its path is a file, not a folder", "choose another folder with --output-dir"),
    errno.ENAMETOOLONG: ("the file name is too long", "choose a shorter one with -of"),
    errno.EISDIR: ("a folder has that name", "choose another name with -of"),
    errno.ELOOP: ("its symbolic links go round in a circle", "choose another name with -of"),
}


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` so that `path` never holds a part of it, whatever happens meanwhile.

    A temporary file is written next to the target, forced to disk and renamed over it. A symbolic link stays and its
    target is replaced; a file that is replaced keeps its permissions, a new one gets the usual ones. What is not a
    regular file (/dev/stdout, a named pipe) is simply written to.

    Raises:
        OutputError: nothing was written; says why and what to do.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = _mode_of(target)
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode is not None and not stat.S_ISREG(mode):
            target.write_bytes(data)
            return
        with replacing(target, _usual_permissions() if mode is None else stat.S_IMODE(mode)) as file:
            file.write(data)
    except (OSError, ValueError) as error:
        raise _output_error(path, error) from error


@contextlib.contextmanager
def replacing(target: Path, permissions: int) -> Iterator[IO[bytes]]:
    """A binary file to write to, which takes the place of `target` when the context ends without an error.

    It lies next to the target, is forced to disk and then renamed; `sweep` removes it if this process is killed first.

    Args:
        target: a file, or the name of one to come, in a folder that exists. A symbolic link is replaced itself.
        permissions: of the new file, as `chmod` takes them.

    Raises:
        OSError: it cannot be written; `target` is as it was.
    """
    handle, name = tempfile.mkstemp(prefix=f"{_HEAD}{tag()}-", suffix=_TAIL, dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), permissions)
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove temporary files from a folder that processes left behind when they were killed while writing."""
    for path in leftovers(folder, _HEAD, _TAIL):
        with contextlib.suppress(OSError):  # it is not ours to remove, or no file
            path.unlink()


def temporary(folder: str | os.PathLike[str]) -> Path:
    """A new, empty file that `sweep` removes if this process is killed before it does.

    Raises:
        OutputError: the folder is full, gone or not ours.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f"{_HEAD}{tag()}-", suffix=_TAIL, dir=folder)
    except OSError as error:
        raise _output_error(folder, error) from error
    os.close(handle)
    return Path(name)


def _mode_of(target: Path) -> int | None:
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _usual_permissions() -> int:
    """Permissions that open() would give a new file.

    The umask can only be read by setting it, which another thread could see; Linux shows it in /proc.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return 0o666 & ~int(status.split("Umask:", 1)[1].split()[0], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask


def _sync_folder(folder: Path) -> None:
    # Not every file system lets a folder be synced; the file itself is already on disk.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _output_error(path: str | os.PathLike[str], error: OSError | ValueError) -> OutputError:
    subject = os.fsdecode(path)
    if isinstance(error, ValueError):  # a NUL in the name
        return OutputError("cannot be written: its name holds a character that no file name may", subject=subject)
    what, hint = _HINTS.get(error.errno or 0, (error.strerror or str(error), "choose another place with --output-dir"))
    return OutputError(f"cannot be written: {what}", subject=subject, hint=hint)
