"""A model's files compared with the hashes that their publisher gave, or with their own headers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from crisp_align.errors import ModelError
from crisp_align.models.bundled import damaged, is_bundled
from crisp_align.models.gguf import is_gguf, read_gguf
from crisp_align.models.safetensors_file import read_header

__all__ = ["Verdict", "verify"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found."""

    hashed: int
    """Files whose bytes were compared with a published hash."""
    problems: tuple[str, ...]
    """A clause for each damaged file; empty: none found."""


def verify(path: Path) -> Verdict:
    """Read a model's files whole and compare them with the hashes their publisher gave.

    A file in the Hugging Face cache lies under its own hash (SHA-256 of large files, git's SHA-1 of small ones);
    bundled weights have theirs in `crisp_align.models.bundled`. Other files have none: of those, safetensors and GGUF
    are checked for being as long as their header says.
    """
    if is_bundled(path):
        broken = damaged(path)
        return Verdict(4, tuple(f"{name} is damaged" for name in broken))
    hashed, problems = 0, []
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        expected = file.resolve().name if file.is_symlink() else ""
        hashed += len(expected) in (40, 64)
        if not file.exists():
            problems.append(f"{file.name} is missing from the cache")
        elif len(expected) in (40, 64) and _digest(file, len(expected)) != expected:
            problems.append(f"{file.name} is damaged")
        elif not _is_whole(file):
            problems.append(f"{file.name} is cut short or damaged")
    return Verdict(hashed, tuple(problems))


def _digest(file: Path, digits: int) -> str:
    """Hex SHA-256 (64 digits), or git's SHA-1 of a blob (40 digits)."""
    with file.open("rb") as opened:
        if digits == 64:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        data = opened.read()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _is_whole(file: Path) -> bool:
    """Whether a safetensors or GGUF file has all the bytes that its header says; True for other files."""
    try:
        if file.suffix == ".safetensors":
            ends = [tensor.extent.start + tensor.extent.length for tensor in read_header(file).values()]
            return not ends or max(ends) == file.stat().st_size
        if is_gguf(file) or file.suffix == ".gguf":
            read_gguf(file)
    except ModelError:
        return False
    return True
