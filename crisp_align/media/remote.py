"""Files that are not on this machine: URLs of any file system that fsspec knows.

A path that begins as a URL does, and is called like no folder here, means that file: `s3://films/a.mkv`, and what a
`Path` makes of it, `s3:/films/a.mkv`. `file://` is an ordinary path.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from crisp_align.errors import CrispAlignError, MediaError, MissingDependencyError, OutputError
from crisp_align.files.scratch import scratch_folder
from crisp_align.media.folders import AMBIGUOUS, EXTENSIONS, begins_like_media, fixed_head

__all__ = [
    "FileStat",
    "file_stat",
    "files",
    "from_file_url",
    "glob_urls",
    "is_url",
    "local_copy",
    "read_bytes",
    "url",
    "write_bytes",
    "write_problem",
]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)
_LOCAL = re.compile(r"(?:file|local):/+", re.IGNORECASE)
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""What file systems call the time of the last change."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file as it is now."""

    size: int
    mtime_ns: int
    """Of its last change. Where the file system knows none, a number made of what else distinguishes versions."""


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether a path means a file of another file system."""
    found = _URL.match(os.fspath(path))
    return found is not None and not os.path.lexists(f"{found[1]}:")


def url(path: str | os.PathLike[str]) -> str:
    """A path as the URL it was."""
    name = os.fspath(path)
    found = _URL.match(name)
    return f"{found[1]}://{found[2]}" if found and "://" not in name and is_url(path) else name


def from_file_url(name: str) -> str:
    """`file:///a%20b.wav` as a path; other names as they are."""
    return "/" + unquote(name[found.end() :]) if (found := _LOCAL.match(name)) else name


def file_stat(path: str | os.PathLike[str]) -> FileStat | None:
    """What is there under a URL; None: no file.

    Raises:
        OSError: its file system cannot be asked.
    """
    try:
        system, name = _opened(path)
        info = system.info(name)
    except FileNotFoundError:
        return None
    except Exception as error:
        raise _as_os_error(error) from error
    if info.get("type") == "directory":
        return None
    return FileStat(int(info.get("size") or 0), _changed(info))


def _changed(info: dict[str, Any]) -> int:
    for key in _MODIFIED:
        value = info.get(key)
        if isinstance(value, datetime):
            return int(value.timestamp()) * 10**9 + value.microsecond * 1000
        if isinstance(value, int | float):
            return int(value * 10**9)
        if isinstance(value, str):
            with suppress(ValueError):
                return int(datetime.fromisoformat(value).timestamp() * 10**6) * 1000
    version = str(info.get("ETag") or info.get("etag") or info.get("sha") or "")
    return int.from_bytes(hashlib.sha256(version.encode()).digest()[:7]) if version else 0


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All of a file.

    Raises:
        OSError: it cannot be read.
    """
    try:
        system, name = _opened(path)
        data: bytes = system.cat_file(name)
    except Exception as error:
        raise _as_os_error(error) from error
    return data


def glob_urls(pattern: str) -> list[Path]:
    """The files of another file system that fit a pattern of `glob`.

    Raises:
        CrispAlignError: it cannot be asked.
    """
    try:
        system, name = _opened(pattern)
        return [Path(_as_url(system, found)) for found in system.glob(name)]
    except CrispAlignError:
        raise
    except Exception as error:  # a file system's own kind
        raise OutputError(f"what is there cannot be listed ({_describe(error)})", subject=url(pattern)) from error


def write_problem(path: str | os.PathLike[str]) -> OutputError | None:
    """Why nothing can be written to a URL, as far as can be said without asking its host; None: nothing is amiss."""
    try:
        _opened(path)
    except CrispAlignError as error:
        return OutputError(error.what, subject=error.subject, hint=error.hint)
    except Exception as error:  # a file system's own kind
        return OutputError(f"cannot be opened ({_describe(error)})", subject=url(path))
    return None


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file that is there whole or not at all, as far as its file system lets.

    In an object store a file appears when all of it has arrived. In others it is written under a temporary name in the
    same folder and moved.

    Raises:
        OutputError: it cannot be written.
    """
    subject = url(path)
    try:
        system, name = _opened(path)
        if _is_object_store(system):
            system.pipe_file(name, data)
            return
        temporary = str(PurePosixPath(name).with_name(f".crisp-align-{os.getpid()}-{PurePosixPath(name).name}.part"))
        with suppress(OSError, NotImplementedError):
            system.makedirs(str(PurePosixPath(name).parent), exist_ok=True)
        try:
            system.pipe_file(temporary, data)
            system.mv(temporary, name)
        except BaseException:
            with suppress(Exception):
                system.rm_file(temporary)
            raise
    except OSError as error:
        what = error.strerror or str(error) or type(error).__name__
        hint = "choose another place with --output-dir"
        raise OutputError(f"cannot be written: {what}", subject=subject, hint=hint) from error
    except CrispAlignError:
        raise
    except Exception as error:  # a file system's own kind
        raise OutputError(f"cannot be written: {_describe(error)}", subject=subject) from OSError(errno.EIO, str(error))


def _is_object_store(system: Any) -> bool:
    named = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
    return not named.isdisjoint({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2"})


@contextmanager
def local_copy(source: str) -> Iterator[str]:
    """A path that holds a source while the context lasts: its own, or that of a copy of what a URL names.

    Raises:
        MediaError: it cannot be fetched.
    """
    if not is_url(source):
        yield source
        return
    suffix = PurePosixPath(source).suffix
    with scratch_folder() as folder:
        copy = folder / f"copy{suffix}"
        try:
            system, name = _opened(source)
            with system.open(name, "rb") as stream, copy.open("wb") as file:
                shutil.copyfileobj(stream, file, 1 << 20)
        except FileNotFoundError as error:
            raise MediaError("no such file", subject=source) from error
        except CrispAlignError:
            raise
        except Exception as error:  # a file system's own kind
            raise MediaError(f"cannot be fetched ({_describe(error)})", subject=source) from error
        yield str(copy)


def files(name: str, *, recursive: bool) -> list[tuple[str, Path]]:
    """The files that a URL stands for, each as a URL and its place below what was named.

    A folder gives the media in it, a pattern the media that fit it, sorted; anything else is taken for a file.

    Raises:
        MediaError: a folder or a pattern gives none, or cannot be listed.
    """
    try:
        system, path = _opened(name)
        if glob.has_magic(path) and not system.exists(path):
            found = [media for media in system.glob(path) if _is_media(system, media)]
            if not found:
                raise MediaError("as a pattern it fits no media file", subject=name)
            top = fixed_head(path)
            return [(_as_url(system, media), Path(media.removeprefix(top).lstrip("/"))) for media in sorted(found)]
        if not system.isdir(path):
            return [(url(name), Path(PurePosixPath(path).name))]
        found = [media for media in system.find(path, maxdepth=None if recursive else 1) if _is_media(system, media)]
        if not found:
            hint = None if recursive else "-R looks into its subfolders too"
            raise MediaError("no media file is in this folder", subject=name, hint=hint)
        top = path.rstrip("/")
        return [(_as_url(system, media), Path(media.removeprefix(top).lstrip("/"))) for media in sorted(found)]
    except CrispAlignError:
        raise
    except Exception as error:  # a file system's own kind
        raise MediaError(f"cannot be listed ({_describe(error)})", subject=name) from error


def _is_media(system: Any, path: str) -> bool:
    name = PurePosixPath(path)
    if name.name.startswith("."):
        return False
    if name.suffix.lower() not in AMBIGUOUS:
        return name.suffix.lower() in EXTENSIONS
    return begins_like_media(system.cat_file(path, start=0, end=600))


def _as_url(system: Any, path: str) -> str:
    return str(system.unstrip_protocol(path))


def _opened(path: str | os.PathLike[str]) -> tuple[Any, str]:
    """A file system and the name in it.

    Raises:
        MissingDependencyError: fsspec, or what it needs for this one, is not installed.
    """
    try:
        import fsspec

        system, name = fsspec.core.url_to_fs(url(path))
    except ImportError as error:
        hint = 'pip install "crisp-align[ray]", and what fsspec needs for this address (s3fs, gcsfs, adlfs, …)'
        raise MissingDependencyError(f"cannot be opened ({_describe(error)})", subject=url(path), hint=hint) from error
    except ValueError as error:  # no such protocol
        raise MediaError(f"cannot be opened ({_describe(error)})", subject=url(path)) from error
    return system, name


def _as_os_error(error: Exception) -> OSError:
    """An error of a file system's own kind as one that everybody knows."""
    return error if isinstance(error, OSError) else OSError(errno.EIO, _describe(error))


def _describe(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
