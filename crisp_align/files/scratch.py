"""Temporary folders that do not outlive the process, however it ends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crisp_align.errors import OutputError
from crisp_align.files.process_identity import leftovers, tag

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
        for abandoned in leftovers(tempfile.gettempdir(), _HEAD):
            shutil.rmtree(abandoned, ignore_errors=True)
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
