"""Temporary folders that do not outlive the process, however it ends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crisp_align.errors import OutputError
from crisp_align.files.process_identity import is_abandoned, tag

__all__ = ["clear", "scratch_folder"]

_HEAD = "crisp-align-scratch-"

_folders: set[Path] = set()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder, gone afterwards; where the process is killed meanwhile, the next one removes it.

    Raises:
        OutputError: there is no place for it.
    """
    try:
        _sweep()
        folder = Path(tempfile.mkdtemp(prefix=f"{_HEAD}{tag()}-"))
    except OSError as error:
        raise OutputError(
            f"no temporary folder can be made ({error.strerror or error})",
            hint="name one with room in the environment variable TMPDIR",
        ) from error
    _folders.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _folders.discard(folder)


def clear() -> None:
    """Remove every folder in use, for a process that ends without waiting for its threads."""
    for folder in tuple(_folders):
        for _ in range(3):  # a thread may be writing into it
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove what processes left behind that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_HEAD}*"):
        maker = folder.name.removeprefix(_HEAD).rpartition("-")[0]
        with suppress(OSError):  # somebody was quicker, or it is not ours to remove
            if not folder.is_symlink() and is_abandoned(maker, folder.stat().st_mtime):
                shutil.rmtree(folder)
