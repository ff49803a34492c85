"""Many files: what becomes of each input, decided and checked before any work starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crisp_align.errors import CrispAlignError, MediaError, OptionError, OutputError
from crisp_align.formats import WriteOptions, find_format, format_of_path, write_atomically, write_format
from crisp_align.review import with_media
from crisp_align.transcript import Cue, Transcript

__all__ = ["STDIN", "STDOUT", "Input", "Job", "blocked", "gather", "plan", "write"]

STDIN = "-"
"""The source that is standard input."""
STDOUT = Path("-")
"""The output that is standard output."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file to work on."""

    source: str
    """As the user named it, or found in a folder that was named; "-" is standard input."""
    place: Path
    """Where its outputs go inside an output folder; the suffix is replaced."""


@dataclass(frozen=True, slots=True)
class Job:
    """One input and the files that come of it."""

    source: str
    outputs: tuple[tuple[str, Path], ...]
    """(name of the format, where to) each; empty: lines on the screen only."""


def gather(names: Iterable[str], *, recursive: bool = False) -> Iterator[Input | CrispAlignError]:
    """Every file that `names` stand for: folders give the media in them, sorted; a file named twice comes once.

    Yields:
        An input, or for a folder without media or that cannot be read, an error in its place.
    """
    seen: set[str] = set()
    for name in names:
        if not name:
            yield MediaError("an empty name is no file")
            continue
        if name != STDIN and os.path.isdir(name):  # noqa: PTH112 (a Path would drop a trailing slash or ./)
            from crisp_align.media import media_files

            try:
                found = [Input(os.fspath(path), path.relative_to(name)) for path in media_files(Path(name), recursive)]
            except OSError as error:
                yield MediaError(f"the folder cannot be read ({error.strerror})", subject=name)
                continue
            if not found:
                hint = None if recursive else "-R looks into its subfolders too"
                yield MediaError("no media file is in this folder", subject=name, hint=hint)
        else:
            found = [Input(name, Path("stdin") if name == STDIN else Path(Path(name).name))]
        for entry in found:
            key = entry.source if entry.source == STDIN else os.path.realpath(entry.source)
            if key not in seen:
                seen.add(key)
                yield entry


def plan(
    inputs: Sequence[Input],
    formats: Sequence[str],
    *,
    named: Sequence[str] = (),
    base: str | None = None,
    folder: str | None = None,
) -> list[Job]:
    """Where each output of each input goes. Nothing is written; of the disk only symbolic links are looked at.

    Args:
        inputs: each once.
        formats: names of `FORMATS`, each an output whose path follows from its input.
        named: paths of further outputs of the one input, each in the format that its extension stands for.
        base: path of the one input's outputs without extension; "-": standard output. None: beside the input, and
            what came from standard input goes to standard output.
        folder: where outputs go instead of beside their inputs.

    Raises:
        OptionError: `base` or `named` with several inputs, an extension that stands for no format, two outputs of one
            name, an output that is an input, several formats on standard output.
    """
    if named and len(inputs) > 1:
        raise OptionError(
            f"-o names an output of one input, and there are {len(inputs)}",
            hint="say -osrt and the like, with --output-dir",
        )
    if base is not None and len(inputs) > 1:
        raise OptionError(
            f"-of names the outputs of one input, and there are {len(inputs)}", hint="use --output-dir instead"
        )
    if base is not None and base != "-" and (base.endswith(("/", os.sep)) or os.path.isdir(base)):  # noqa: PTH112
        raise OptionError(
            "-of is a name without extension, and this is a folder", subject=base, hint="use --output-dir"
        )
    further = [_named(path, folder) for path in named]
    jobs = [Job(entry.source, (*_outputs(entry, formats, base, folder), *further)) for entry in inputs]
    _refuse_clashes(jobs)
    return jobs


def _outputs(entry: Input, formats: Sequence[str], base: str | None, folder: str | None) -> Iterator[tuple[str, Path]]:
    if base == "-" or (base is None and folder is None and entry.source == STDIN):
        if len(formats) > 1:
            raise OptionError(
                f"standard output takes one format, not {len(formats)}",
                hint="name the outputs with -of or --output-dir",
            )
        yield from ((name, STDOUT) for name in formats)
        return
    for name in formats:
        extension = find_format(name).extension
        if base is not None:
            stem = base.removesuffix(extension) if base not in (extension, "") else base
            path = Path(stem + extension)
        else:
            path = (
                entry.place.with_suffix(extension) if folder is not None else Path(entry.source).with_suffix(extension)
            )
        yield name, path if folder is None else Path(folder) / path


def _named(path: str, folder: str | None) -> tuple[str, Path]:
    if path.endswith(("/", os.sep)) or os.path.isdir(path):  # noqa: PTH112
        raise OptionError("-o names a file, and this is a folder", subject=path, hint="add the file's name to it")
    name = format_of_path(path).name
    return name, Path(path) if folder is None else Path(folder) / path


def _refuse_clashes(jobs: Sequence[Job]) -> None:
    sources = {_key(job.source): job.source for job in jobs if job.source != STDIN}
    taken: dict[str, Job] = {}
    for job in jobs:
        for name, path in job.outputs:
            if path == STDOUT:
                continue
            key = _key(path)
            if key in sources:
                raise OptionError(
                    f"the {name} output of {job.source} would overwrite an input",
                    subject=sources[key],
                    hint="name another place with -of or --output-dir",
                )
            other = taken.setdefault(key, job)
            if other is not job:
                raise OptionError(
                    f"both {other.source} and {job.source} would write this file",
                    subject=os.fspath(path),
                    hint="do them one at a time with -of, or rename one",
                )
            if [_key(path) for _, path in job.outputs].count(key) > 1:
                raise OptionError(
                    "two formats would write this file", subject=os.fspath(path), hint="ask for one of them"
                )


def _key(path: str | Path) -> str:
    try:
        return os.path.normcase(os.path.realpath(path))
    except ValueError:  # a null character inside; reading or writing it will say so
        return os.fspath(path)


def blocked(job: Job) -> OutputError | None:
    """Why a job's outputs could not be written, looked at before hours are spent on it; None: nothing seems amiss."""
    for _, path in job.outputs:
        parent = path.parent
        if path == STDOUT or (parent.is_dir() and os.access(parent, os.W_OK)):
            continue
        reason = "no permission to write there" if parent.is_dir() else "no such folder"
        return OutputError(
            f"cannot be written: {reason}",
            subject=os.fspath(path),
            hint="choose another folder with --output-dir",
        )
    return None


def write(job: Job, transcript: Transcript, blocks: Sequence[Cue], style: WriteOptions | None = None) -> bytes:
    """Write a job's files, each whole or not at all.

    Args:
        job: what to write, and where.
        transcript: the words.
        blocks: the cues they are laid out as.
        style: choices of writing.

    Returns:
        What goes to standard output; empty where nothing does.

    Raises:
        OutputError: one could not be written; those before it were.
    """
    shown = b""
    for name, path in job.outputs:
        chosen = style or WriteOptions()
        if name == "html" and path != STDOUT:
            chosen = with_media(chosen, transcript, path)
        data = write_format(name, transcript, blocks, chosen)
        if path == STDOUT:
            shown = data
        else:
            write_atomically(path, data)
    return shown
