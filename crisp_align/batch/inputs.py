"""What the user named, as files: folders, patterns, lists of names."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, dropwhile
from pathlib import Path

from crisp_align.errors import CrispAlignError, MediaError, OptionError
from crisp_align.media.folders import fixed_head, is_media, media_files
from crisp_align.media.remote import files, is_url, url

__all__ = ["STDIN", "Input", "companions", "gather", "listed", "read_list"]

STDIN = "-"
"""The source that is standard input."""

_LARGEST_LIST = 1 << 30  # bytes: ten million long names, but not a film that was named by mistake


@dataclass(frozen=True, slots=True)
class Input:
    """One file to work on."""

    source: str
    """As the user named it, or found in a folder that was named; "-" is standard input."""
    place: Path
    """Where its outputs go inside an output folder; the suffix is replaced."""


def gather(
    names: Iterable[str], listed: Iterable[str] = (), *, recursive: bool = False, remote: bool = False
) -> Iterator[Input | CrispAlignError]:
    """Every file that `names` stand for: folders give the media in them, sorted; a file named twice comes once.

    A name with `*`, `?` or `[` in it that no file has is a pattern, `**` any folders; it gives the media that fit it.

    Inside an output folder, what a folder or a pattern gives keeps its place below that folder, or below what of the
    pattern is no pattern yet, and a file that is named goes to the top. What is listed keeps all its folders, as lists
    may come in parts that must not depend on each other, nor write over each other's files.

    Args:
        names: as typed.
        listed: those of a list.
        recursive: look into the folders of folders.
        remote: names may be URLs of other file systems; else they are names of files that are not there.

    Yields:
        An input, or for a folder or a pattern without media or that cannot be read, an error in its place.
    """
    seen: set[str] = set()
    for name, is_listed in chain(((name, False) for name in names), ((name, True) for name in listed)):
        for entry in _remote(name, recursive) if remote and is_url(name) else _found(name, recursive):
            if isinstance(entry, Input):
                known = entry.source == STDIN or is_url(entry.source)
                key = entry.source if known else _real(entry.source)
                if key in seen:
                    continue
                seen.add(key)
                yield replace(entry, place=_with_folders(entry.source)) if is_listed else entry
            else:
                yield entry


def _with_folders(source: str) -> Path:
    """The place of a source that keeps all its folders: its path without root, drive, protocol, and steps up."""
    path = url(source).partition("://")[2] if is_url(source) else os.path.splitdrive(os.path.normpath(source))[1]
    return Path(*(part for part in Path(path).parts if part not in (os.sep, os.pardir)))


def _remote(name: str, recursive: bool) -> Iterator[Input | CrispAlignError]:
    try:
        found = files(name, recursive=recursive)
    except CrispAlignError as error:
        yield error
        return
    yield from (Input(source, place) for source, place in found)


def _found(name: str, recursive: bool) -> Iterator[Input | CrispAlignError]:
    if not name:
        yield MediaError("an empty name is no file")
    elif name == STDIN:
        yield Input(STDIN, Path("stdin"))
    elif os.path.isdir(name):  # noqa: PTH112 (a Path would drop a trailing slash or ./)
        yield from _in_folder(name, recursive, name)
    elif glob.has_magic(name) and not _exists(name):
        yield from _fitting(name, recursive)
    else:
        yield Input(name, Path(Path(name).name))


def _in_folder(name: str, recursive: bool, top: str) -> Iterator[Input | CrispAlignError]:
    troubles: list[MediaError] = []
    try:
        paths = media_files(Path(name), recursive, on_error=troubles.append)
    except MediaError as error:
        yield error
        return
    yield from (Input(os.fspath(path), path.relative_to(top)) for path in paths)
    yield from troubles
    if not paths and not troubles:
        hint = None if recursive else "-R looks into its subfolders too"
        yield MediaError("no media file is in this folder", subject=name, hint=hint)


def _fitting(pattern: str, recursive: bool) -> Iterator[Input | CrispAlignError]:
    found, top = False, fixed_head(pattern)
    for name in sorted(set(_matches(pattern))):
        if Path(name).is_dir():
            if "**" not in pattern:  # which gives what is in them by itself
                found = True
                yield from _in_folder(name, recursive, top)
        elif is_media(name):
            found = True
            yield Input(name, Path(name).relative_to(top))
    if not found:
        yield MediaError("no such file, and as a pattern it fits no media file", subject=pattern)


def _matches(pattern: str) -> Iterator[str]:
    """The names that fit a pattern. Unlike that of `glob`, `**` follows no links to folders, which may lead in circles.

    A hidden folder is none of those that `**` stands for.
    """
    parts = pattern.replace("/", os.sep).split(os.sep)  # noqa: PTH206 (which drops ./)
    if "**" not in parts:
        yield from glob.iglob(pattern)  # noqa: PTH207 (Path.glob takes no absolute pattern)
        return
    place = parts.index("**")
    head = os.sep.join([*parts[:place], ""])  # noqa: PTH118
    rest = os.sep.join(dropwhile("**".__eq__, parts[place + 1 :])) or "*"  # noqa: PTH118
    for top in glob.iglob(head) if head else [os.curdir]:  # noqa: PTH207
        for here, folders, _ in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inner = here if head else here[len(os.curdir + os.sep) :]
            yield from _matches(os.path.join(glob.escape(inner), rest))  # noqa: PTH118 (a Path drops ./)


def listed(data: bytes, *, null: bool = False) -> list[str]:
    """The names in a list: one a line, or with `null` parted by null characters, as `find -print0` does.

    A byte-order mark, empty lines and carriage returns before line feeds are dropped; spaces are part of a name.
    "-" is a file of that name here.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    lines = data.split(b"\0") if null else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    names = [os.fsdecode(line) for line in lines if (line if null else line.strip())]
    return [os.path.join(os.curdir, name) if name == STDIN else name for name in names]  # noqa: PTH118


def read_list(path: str, *, null: bool = False) -> list[str]:
    """The names in the list at `path`, "-" being standard input.

    Raises:
        OptionError: it cannot be read, or is no list.
    """
    try:
        if path == STDIN:
            return listed(sys.stdin.buffer.read(), null=null)
        with open(path, "rb") as file:  # noqa: PTH123 (a Path would drop ./)
            data = file.read(_LARGEST_LIST)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OptionError(f"the list of files cannot be read ({reason})", subject=path) from error
    if b"\0" in data and not null:
        raise OptionError("is no list of file names", subject=path, hint="-0 is for names parted by null characters")
    return listed(data, null=null)


def _exists(name: str) -> bool:
    try:
        return os.path.lexists(name)
    except ValueError:  # a null character inside
        return False


def _real(source: str) -> str:
    try:
        return os.path.realpath(source)
    except ValueError:
        return source


def companions(media: str, pattern: str, option: str) -> list[str]:
    """The files that belong to a recording by their names, in order; the recording itself is none of them.

    Args:
        media: path of the recording.
        pattern: with {stem}, which is the recording's name without extension; in its folder unless it is absolute.
        option: which the pattern was given with.

    Raises:
        OptionError: the pattern names no {stem}.
    """
    if "{stem}" not in pattern:
        raise OptionError(f"{option} names no {{stem}}", hint=f"e.g. {option} '{{stem}}.*'")
    path = Path(media)
    named = pattern.replace("{stem}", glob.escape(path.stem))
    found = Path(os.sep).glob(named.lstrip(os.sep)) if named.startswith(os.sep) else path.parent.glob(named)
    return sorted(os.fspath(file) for file in found if file.is_file() and file != path)
