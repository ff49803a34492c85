"""Many files: what becomes of each input, decided and checked before any work starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from crisp_align.batch.inputs import STDIN, Input, gather
from crisp_align.batch.journal import Stamp
from crisp_align.batch.naming import Output, check_pattern, named_by
from crisp_align.batch.review import with_media
from crisp_align.batch.written_files import Ledger
from crisp_align.errors import OptionError, OutputError
from crisp_align.files.atomic import sweep as sweep_folder
from crisp_align.formats import (
    Format,
    WriteOptions,
    find_format,
    format_of_path,
    kept_format,
    write_atomically,
    write_document,
    write_format,
    writer_of,
)
from crisp_align.formats.bridge import plain_transcript
from crisp_align.formats.document import SubtitleDocument
from crisp_align.media.remote import is_url, write_bytes
from crisp_align.media.remote import write_problem as url_write_problem
from crisp_align.sync.given import GivenText
from crisp_align.transcript import Cue, Transcript

__all__ = [
    "STDIN",
    "STDOUT",
    "Input",
    "Job",
    "Output",
    "document_files",
    "gather",
    "missing_outputs",
    "plan",
    "render_files",
    "save",
    "sweep",
    "write",
    "write_problem",
]

STDOUT = Path("-")
"""The output that is standard output."""


@dataclass(frozen=True, slots=True)
class Job:
    """One input and the files that come of it."""

    source: str
    outputs: tuple[Output, ...]
    """Empty: lines on the screen only."""
    text: GivenText | None = None
    """What is said in it, where that is to be timed."""

    @property
    def pipes(self) -> bool:
        """Whether an output is standard output."""
        return any(output.path() == STDOUT for output in self.outputs)


def plan(
    inputs: Sequence[Input],
    formats: Sequence[str],
    *,
    named: Sequence[str] = (),
    base: str | None = None,
    folder: str | None = None,
    pattern: str | None = None,
    language: str | None = None,
) -> list[Job]:
    """Where each output of each input goes. Nothing is written; of the disk only symbolic links are looked at.

    Args:
        inputs: each once.
        formats: names of `FORMATS`, each an output whose path follows from its input.
        named: paths of further outputs of the one input, each in the format that its extension stands for.
        base: path of the one input's outputs without extension; "-": standard output. None: next to the input, and
            what came from standard input goes to standard output.
        folder: where outputs go instead of next to their inputs.
        pattern: names of the outputs, as `naming` reads them, inside the folder they go to; None: the input's name
            with the extension of the format.
        language: code of the language, where it is known already.

    Raises:
        OptionError: `base` or `named` with several inputs, an extension that stands for no format, two outputs of one
            name, an output that is an input, several formats on standard output, a pattern that names no file.
    """
    if pattern is not None:
        if base is not None:
            raise OptionError("-of and --name both name the outputs", hint="leave one out")
        check_pattern(pattern)
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
    if pattern is None:
        jobs = [Job(entry.source, (*_outputs(entry, formats, base, folder), *further)) for entry in inputs]
    else:
        jobs = [
            Job(entry.source, (*_patterned(entry, formats, pattern, folder, language), *further)) for entry in inputs
        ]
    _refuse_clashes(jobs)
    return jobs


def _outputs(entry: Input, formats: Sequence[str], base: str | None, folder: str | None) -> Iterator[Output]:
    if base == "-" or (base is None and folder is None and entry.source == STDIN):
        if len(formats) > 1:
            raise OptionError(
                f"standard output takes one format, not {len(formats)}",
                hint="name the outputs with -of or --output-dir",
            )
        yield from (Output.at(name, STDOUT) for name in formats)
        return
    for name in formats:
        extension = _writable(name).extension
        if base is not None:
            stem = base.removesuffix(extension) if base not in (extension, "") else base
            path = Path(stem + extension)
        else:
            path = (
                entry.place.with_suffix(extension) if folder is not None else Path(entry.source).with_suffix(extension)
            )
        yield Output.at(name, path if folder is None else Path(folder) / path)


def _patterned(
    entry: Input, formats: Sequence[str], pattern: str, folder: str | None, language: str | None
) -> Iterator[Output]:
    if folder is not None:
        home = Path(folder) / entry.place.parent
    else:
        home = Path("stdin" if entry.source == STDIN else entry.source).parent
    name = entry.place.name if entry.source == STDIN else Path(entry.source).name
    for format in formats:
        yield named_by(pattern, os.fspath(home) if home != Path() else "", name, format, language)


def _named(path: str, folder: str | None) -> Output:
    if path.endswith(("/", os.sep)) or os.path.isdir(path):  # noqa: PTH112
        raise OptionError("-o names a file, and this is a folder", subject=path, hint="add the file's name to it")
    name = _writable(format_of_path(path).name).name
    return Output.at(name, Path(path) if folder is None else Path(folder) / path)


def _writable(name: str) -> Format:
    format = find_format(name)
    writer_of(format)
    return format


def _refuse_clashes(jobs: Sequence[Job]) -> None:
    sources = {_key(job.source): job.source for job in jobs if job.source != STDIN}
    taken: dict[str, Job] = {}
    for job in jobs:
        paths = [output.path() for output in job.outputs]
        for output, path in zip(job.outputs, paths, strict=True):
            if path == STDOUT:
                continue
            key = _key(path)
            if key in sources and output.is_resolved:
                raise OptionError(
                    f"the {output.format} output of {job.source} would overwrite an input",
                    subject=sources[key],
                    hint="name another place with -of or --output-dir",
                )
            other = taken.setdefault(key, job)
            if other is not job:
                apart = "{name} in --name keeps them apart"
                if Path(other.source).name == Path(job.source).name:
                    apart = (
                        "name the folder that both are in, with -R, or list them with --from-file: both keep folders"
                    )
                raise OptionError(
                    f"both {other.source} and {job.source} would write this file", subject=os.fspath(path), hint=apart
                )
            if [_key(path) for path in paths].count(key) > 1:
                raise OptionError(
                    "two formats would write this file", subject=os.fspath(path), hint="ask for one of them"
                )


def _key(path: str | Path) -> str:
    try:
        return os.path.normcase(os.path.realpath(path))
    except ValueError:  # a null character inside; reading or writing it will say so
        return os.fspath(path)


def sweep(jobs: Iterable[Job]) -> None:
    """Clear the folders that jobs write to of what processes left behind that were killed while writing there."""
    for folder in dict.fromkeys(output.folder for job in jobs for output in job.outputs if output.path() != STDOUT):
        sweep_folder(folder)


def missing_outputs(job: Job, ledger: Ledger) -> Job | None:
    """What there is left to do of a job when outputs that are there are kept; None: nothing.

    An output is there when it is no older than its input; an empty one only if we wrote it, since others leave such
    files behind when they crash. Where a name has late fields, any file that fits it will do.
    """
    try:
        changed = None if job.source == STDIN else Stamp.of(job.source).mtime_ns
        if changed is not None and job.text is not None and job.text.content is None:
            changed = max(changed, Stamp.of(job.text.source).mtime_ns)
    except (OSError, ValueError):
        changed = None  # whoever opens it will report it
    if changed is None or not job.outputs:
        return job
    missing = tuple(
        output for output in job.outputs if not any(_is_kept(p, changed, ledger) for p in output.existing())
    )
    return replace(job, outputs=missing) if missing else None


def _is_kept(path: Path, changed: int, ledger: Ledger) -> bool:
    try:
        seen = Stamp.of(path)
    except OSError:
        return False
    return seen.mtime_ns >= changed and (seen.size > 0 or ledger.is_ours(path))


def write_problem(job: Job, ledger: Ledger | None = None) -> OutputError | None:
    """Why a job's outputs could not be written, looked at before hours are spent on it; None: nothing seems amiss.

    Args:
        job: what is to be written.
        ledger: knows which files that are there may be written over; None: all.
    """
    for output in job.outputs:
        path = output.path()
        if path == STDOUT:
            continue
        parent = output.folder
        if is_url(path):
            refusal = url_write_problem(path)
            if refusal is None and ledger is not None and output.is_resolved:
                refusal = ledger.refusal([path])
            if refusal is not None:
                return refusal
            continue
        if not parent.is_dir():
            reason = "no such folder"
        elif not os.access(parent, os.W_OK):
            reason = "no permission to write there"
        elif ledger is not None and output.is_resolved and (refusal := ledger.refusal([path])):
            return refusal
        else:
            continue
        return OutputError(
            f"cannot be written: {reason}",
            subject=os.fspath(path),
            hint="choose another folder with --output-dir",
        )
    return None


def render_files(
    job: Job, transcript: Transcript, blocks: Sequence[Cue], style: WriteOptions | None = None
) -> dict[Path, bytes]:
    """A job's files: path, `STDOUT` among them, → bytes. Nothing is written.

    Args:
        job: what to write, and where.
        transcript: the words.
        blocks: the cues they are laid out as.
        style: choices of writing.
    """
    files: dict[Path, bytes] = {}
    for output in job.outputs:
        chosen, path = style or WriteOptions(), output.path(transcript)
        if output.format == "html" and path != STDOUT:
            chosen = with_media(chosen, transcript, path)
        files[path] = write_format(output.format, transcript, blocks, chosen)
    return files


def document_files(job: Job, document: SubtitleDocument, style: WriteOptions | None = None) -> dict[Path, bytes]:
    """A job's files where its cues are those of a document, as they are: path → bytes. Nothing is written."""
    files: dict[Path, bytes] = {}
    for output in job.outputs:
        chosen, name = style or WriteOptions(), output.format
        path = output.path(None if output.is_resolved else plain_transcript(document))
        if name == "html" and path != STDOUT:
            chosen = with_media(chosen, plain_transcript(document), path)
        files[path] = write_document(kept_format(document, name), document, chosen)
    return files


def save(job: Job, files: Mapping[Path, bytes], ledger: Ledger | None = None) -> bytes:
    """Write a job's files, each whole or not at all.

    Args:
        job: they are of. Folders that are part of a late field in a name are made; others that are gone are not, lest
            the files land next to the disk that was mounted there.
        files: from `render_files`.
        ledger: asked which files that are there may be written over, and given what is written.

    Returns:
        What goes to standard output; empty where nothing does.

    Raises:
        OutputError: one could not be written; those before it were. Or one is there and not ours; none was.
    """
    targets = {path: data for path, data in files.items() if path != STDOUT}
    if ledger is not None:
        ledger.claim(targets)
    _make_late_folders(job, targets)
    for path, data in targets.items():
        write_bytes(path, data) if is_url(path) else write_atomically(path, data)
    return files.get(STDOUT, b"")


def _make_late_folders(job: Job, targets: Iterable[Path]) -> None:
    homes = [output.folder for output in job.outputs if not output.is_resolved]
    for path in targets:
        if any(path.is_relative_to(home) and home.is_dir() for home in homes):
            with suppress(OSError):  # whoever writes will report it
                path.parent.mkdir(parents=True, exist_ok=True)


def write(
    job: Job,
    transcript: Transcript,
    blocks: Sequence[Cue],
    style: WriteOptions | None = None,
    ledger: Ledger | None = None,
) -> bytes:
    """Write a job's files: `save` what is `render_files`; see there.

    Raises:
        OutputError: one could not be written.
    """
    return save(job, render_files(job, transcript, blocks, style), ledger)
