"""Subtitles and transcripts read, kept as they are or laid out anew, and written: what `render` and `convert` share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from crisp_align.cli.options import (
    LanguageGroup,
    LayoutGroup,
    OutputGroup,
    QuietGroup,
    ReadingGroup,
    StyleGroup,
    batch_options,
)
from crisp_align.cli.start import check_input, start
from crisp_align.errors import CrispAlignError, TranscriptError

if TYPE_CHECKING:
    from crisp_align.batch.planning import Input, Job
    from crisp_align.batch.written_files import Ledger
    from crisp_align.cli.display import Display
    from crisp_align.formats import WriteOptions
    from crisp_align.formats.document import SubtitleDocument
    from crisp_align.layout import Rules

__all__ = ["Work", "read_subtitles", "write_files"]

_STDIN = "standard input"


def read_subtitles(source: str, reading: ReadingGroup, language: str | None = None) -> SubtitleDocument:
    """The subtitles or the transcript in a file.

    Args:
        source: a path, or "-": standard input.
        reading: how it is read.
        language: code of its language, whatever it says of it; None: as it says.

    Raises:
        CrispAlignError: it cannot be read.
    """
    from crisp_align.formats import decode_document, read_document

    name, encoding, strict, tier = reading.format, reading.encoding, reading.strict, reading.tier
    if source == "-":
        document = decode_document(sys.stdin.buffer.read(), _STDIN, name, encoding, strict=strict, tier=tier)
    else:
        document = read_document(source, name, encoding, strict=strict, tier=tier)
    if language is None:
        return document
    transcript = document.transcript
    if transcript is not None:
        segments = tuple(replace(segment, language=language) for segment in transcript.segments)
        transcript = replace(transcript, segments=segments)
    return replace(document, language=language, transcript=transcript)


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to each file of a run."""

    reading: ReadingGroup
    language: str | None
    rules: Rules
    style: WriteOptions
    keeps: Callable[[SubtitleDocument], bool]
    """Whether the cues of a document stay as they are; else its words are laid out anew."""
    edit: Callable[[SubtitleDocument], SubtitleDocument] = lambda document: document


def write_files(
    files: Sequence[str],
    output: OutputGroup,
    language: LanguageGroup,
    console: QuietGroup,
    layout: LayoutGroup,
    style: StyleGroup,
    make: Callable[[Rules, WriteOptions], Work],
    *,
    recursive: bool = False,
) -> int:
    """Read every file and write what becomes of it; the exit code.

    Raises:
        CrispAlignError: options that make no sense.
    """
    from crisp_align.batch.planning import Input, Job
    from crisp_align.batch.preparation import prepare
    from crisp_align.batch.summary import RunSummary
    from crisp_align.cli.show import refuse

    for name in files:
        check_input(name)
    work = make(layout.rules(), style.write_options())
    found = list(_gathered(files, recursive=recursive))
    inputs = [entry for entry in found if isinstance(entry, Input)]
    jobs = output.plan(inputs, language.code)
    display, summary = start(console, jobs, len(found)), RunSummary(keep_rows=False)
    ledger = output.ledger()
    try:
        refuse(summary, display, [entry for entry in found if not isinstance(entry, Input)])
        for entry in list(prepare(jobs, batch_options(output))):
            if not isinstance(entry, Job):
                summary.take(entry)
                display.take(entry)
                continue
            try:
                _write(entry, work, display, ledger)
            except CrispAlignError as error:
                refuse(summary, display, [error])
    finally:
        display.close()
    return summary.exit_code


def _gathered(names: Sequence[str], *, recursive: bool) -> Iterator[Input | CrispAlignError]:
    """The files that names stand for: those that are named, and the subtitles in folders, sorted."""
    from crisp_align.batch.planning import Input, gather
    from crisp_align.formats import FORMATS

    endings = tuple(format.extension.lower() for format in FORMATS.values() if format.document_reader)
    for name in names:
        folder = Path(name)
        if not folder.is_dir():
            yield from gather([name])
            continue
        paths = sorted(folder.rglob("*") if recursive else folder.glob("*"))
        found = [path for path in paths if path.name.lower().endswith(endings) and path.name[0] != "."]
        yield from (Input(os.fspath(path), path.relative_to(folder)) for path in found if path.is_file())
        if not found:
            hint = None if recursive else "-R looks into its subfolders too"
            yield TranscriptError("no subtitles are in this folder", subject=name, hint=hint)


def _write(job: Job, work: Work, display: Display, ledger: Ledger) -> None:
    document = work.edit(read_subtitles(job.source, work.reading, work.language))
    if work.keeps(document):
        _keep(job, document, work, display, ledger)
    else:
        _lay_out(job, document, work, display, ledger)


def _name(job: Job) -> str:
    return _STDIN if job.source == "-" else job.source


def _refuse_empty(job: Job, document: SubtitleDocument) -> None:
    """Stop where there is nothing to show; a transcript of silence is none of our business.

    Raises:
        TranscriptError: there is not.
    """
    if document.transcript is None and not any(cue.lines for cue in document.cues):
        raise TranscriptError("nothing is left to be shown: it has no cue with text", subject=_name(job))


def _keep(job: Job, document: SubtitleDocument, work: Work, display: Display, ledger: Ledger) -> None:
    """Write cues as they are."""
    from crisp_align.batch.planning import document_files, save
    from crisp_align.cli.display import console_line
    from crisp_align.cli.streams import write_bytes
    from crisp_align.formats import refuse_untimed
    from crisp_align.formats.bridge import plain_cues
    from crisp_align.formats.convert import loss_notice

    _refuse_empty(job, document)
    if job.outputs:
        files = document_files(job, document, work.style)
        _say(display, job, document, [loss_notice(document, output.format, work.style) for output in job.outputs])
        write_bytes(save(job, files, ledger))
        return
    _say(display, job, document)
    if document.transcript is not None:
        refuse_untimed(document.transcript)
    for cue in plain_cues(document):
        display.line(job.source, console_line(cue))


def _lay_out(job: Job, document: SubtitleDocument, work: Work, display: Display, ledger: Ledger) -> None:
    """Write the words of a document in cues of our own layout."""
    from crisp_align.batch.planning import write
    from crisp_align.check import reading_speed_summary
    from crisp_align.cli.display import console_line
    from crisp_align.cli.streams import write_bytes
    from crisp_align.formats import refuse_untimed, transcript_of_document
    from crisp_align.layout import lay_out

    _refuse_empty(job, document)
    transcript = transcript_of_document(document)
    layout = lay_out(transcript.segments, work.rules)
    _say(display, job, document)
    if layout.notice:
        display.say_once(layout.notice)
    if job.outputs:
        write_bytes(write(job, transcript, layout.cues, work.style, ledger))
    else:
        refuse_untimed(transcript)
        for cue in layout.cues:
            display.line(job.source, console_line(cue))
    if summary := reading_speed_summary(layout):
        display.say(f"{_name(job)}: {summary}")


def _say(display: Display, job: Job, document: SubtitleDocument, more: Sequence[str] = ()) -> None:
    """One line about what was repaired, guessed and left out of a file."""
    notices = dict.fromkeys(notice for notice in (*document.notices, *more) if notice)
    if notices:
        display.say(f"{_name(job)}: {'; '.join(notices)}")
