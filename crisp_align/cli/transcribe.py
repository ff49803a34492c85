"""`crisp-align FILES…`: media in, timed transcripts out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crisp_align.cli.command import Command
from crisp_align.cli.fields import OptionGroup, argument, flag, group, option
from crisp_align.cli.options import (
    BatchGroup,
    ClusterGroup,
    ConsoleGroup,
    LayoutGroup,
    ListGroup,
    MediaGroup,
    ModelGroup,
    OutputGroup,
    QuietGroup,
    SpeechGroup,
    StyleGroup,
    TextGroup,
    TimingGroup,
    VoiceGroup,
    batch_options,
    settings,
)
from crisp_align.errors import CrispAlignError, MediaError, OptionError, OutputError

if TYPE_CHECKING:
    from crisp_align.batch.journal import Journal
    from crisp_align.batch.plan import Job
    from crisp_align.batch.written_files import Ledger
    from crisp_align.cli.align import AlignOptions
    from crisp_align.cli.crew import Tally
    from crisp_align.cli.display import Display
    from crisp_align.events import Event, Ready
    from crisp_align.pipeline.pipeline import Settings

__all__ = ["check_input", "command", "make_folder", "ready", "refuse", "reported", "start"]

_LONG_DASHES = ("\u2012", "\u2013", "\u2014", "\u2212")  # what word processors make of a hyphen


@dataclass(frozen=True, eq=False, repr=False)
class InputGroup(OptionGroup):
    """Inputs, and where they are looked for."""

    file: tuple[str, ...] = option(
        "-f", "--file", metavar="FILE", help="an input, as an argument is; again for more", multiple=True
    )
    recursive: bool = flag("-R", "-r", "--recursive", help="look into the subfolders of folders, too")


@dataclass(frozen=True, eq=False, repr=False)
class AlignOnlyGroup(OptionGroup):
    """Whether a given text is timed instead."""

    align_only: bool = flag(
        "--align-only", help="time a given text instead of transcribing (see: crisp-align align --help)"
    )


@dataclass(frozen=True, eq=False, repr=False)
class TranscribeOptions:
    """What to transcribe, and how."""

    files: tuple[str, ...] = argument(nargs=-1, metavar="FILES...")
    inputs: InputGroup = group(InputGroup, "Input")
    lists: ListGroup = group(ListGroup, "Input")
    sound: MediaGroup = group(MediaGroup, "Input")
    output: OutputGroup = group(OutputGroup, "Output")
    layout: LayoutGroup = group(LayoutGroup, "Layout")
    style: StyleGroup = group(StyleGroup, "Style")
    models: ModelGroup = group(ModelGroup, "Models")
    speech: SpeechGroup = group(SpeechGroup, "Speech")
    voice: VoiceGroup = group(VoiceGroup, "Voice activity")
    timing: TimingGroup = group(TimingGroup, "Word times")
    align_only: AlignOnlyGroup = group(AlignOnlyGroup, "Word times")
    text: TextGroup = group(TextGroup, "Word times")
    batch: BatchGroup = group(BatchGroup, "Batch")
    cluster: ClusterGroup = group(ClusterGroup, "Cluster")
    console: ConsoleGroup = group(ConsoleGroup, "Screen")


def run(options: TranscribeOptions) -> int:
    """Transcribe every input; the exit code."""
    if options.align_only.align_only:
        from crisp_align.cli import align

        return align.run(_align_options(options))
    if options.text.text is not None or options.text.text_file is not None:
        raise OptionError(
            "a text to time was given", hint="add --align-only, or say `crisp-align align MEDIA --text …`"
        )
    names, listed = _names(options)
    if not names and options.lists.from_file is None:
        raise OptionError("no file to transcribe", hint="crisp-align --help shows what to type")
    chosen = settings(options.models, options.sound, options.voice, options.timing, options.speech)
    rules, style, ledger = options.layout.rules(), options.style.write_options(), options.output.ledger()
    report, output = options.batch.report, options.output
    check_report_path(report, output, ledger)
    batch = batch_options(options.batch, options.cluster)

    from crisp_align.batch.plan import Input, gather
    from crisp_align.cli.crew import Tally
    from crisp_align.cli.work import carry_out, carry_out_batch

    tally = Tally(reports=report is not None)
    found = list(gather(names, listed, recursive=options.inputs.recursive, remote=batch.cluster is not None))
    inputs = [entry for entry in found if isinstance(entry, Input)]
    jobs = output.plan(inputs, options.speech.output_code)
    _check_kept(jobs, batch.journal)
    display = start(options.console, jobs, len(found), options.sound.origin)
    refuse(tally, display, [entry for entry in found if not isinstance(entry, Input)])
    with reported(report, tally, ledger, display, len(found)):
        jobs = ready(jobs, output, tally, display, ledger, journal=batch.journal, remote=options.cluster.is_ray)
        if jobs and _in_workers(jobs, options):
            carry_out_batch(iter(jobs), chosen, display, rules, style, tally, ledger, batch)
        elif jobs:
            carry_out(jobs, _work(chosen, [job.source for job in jobs]), display, rules, style, tally, ledger)
    display.finished()
    return tally.exit_code


def _in_workers(jobs: Sequence[Job], options: TranscribeOptions) -> bool:
    """Whether files are done in processes of their own. One file is not, unless that is asked for.

    Raises:
        OptionError: that is asked for and cannot be.
    """
    names = ("journal", "workers", "timeout", "memory")
    asked = next((name for name in names if getattr(options.batch, name) is not None), None)
    if options.cluster.is_ray:
        asked = "engine"
    piped = any(job.source == "-" for job in jobs)
    if asked and piped:
        raise OptionError(f"--{asked} is for files, not for standard input")
    return not piped and (asked is not None or len(jobs) > 1)


def _check_kept(jobs: Sequence[Job], journal: str | None) -> None:
    """Refuse a journal for what no file will hold: the next run would take it for done, and it would be lost.

    Raises:
        OptionError: there is a journal, and the outputs go to standard output, or lines on the screen are all there is.
    """
    files = [job for job in jobs if job.source != "-"]
    if journal is None:
        return
    if any(job.pipes for job in files):
        raise OptionError(
            "--journal is for outputs that are files, not for standard output",
            hint="leave out --journal, or name the output with -o",
        )
    if any(not job.outputs for job in files):
        raise OptionError("--journal is for outputs that are files, and none is asked for", hint="add e.g. -osrt")


def check_report_path(report: str | None, output: OutputGroup, ledger: Ledger) -> None:
    """Refuse a report that cannot be written, as far as one can see, before any work.

    Raises:
        OptionError: its extension stands for no kind of report.
        OutputError: it cannot be written.
    """
    from crisp_align.batch.report import check_report

    if report is not None:
        check_report(report, ledger, made=output.output_dir)


@contextmanager
def reported(
    report: str | None, tally: Tally, ledger: Ledger, display: Display, files: int | None = None
) -> Iterator[None]:
    """Write the report that was asked for when what is done within is over, however it ends; close the display before.

    Args:
        report: its path; None: none was asked for.
        tally: what came of each file.
        ledger: which files may be written over.
        display: told of a report that fails after something worse did.
        files: how many there were to do; None: those of the tally.

    Raises:
        OutputError: it cannot be written.
    """
    began = time.monotonic()
    try:
        yield
    except BaseException:
        display.close()
        try:
            _report(report, tally, ledger, time.monotonic() - began, files)
        except OutputError as error:
            display.error(error)
        raise
    display.close()
    _report(report, tally, ledger, time.monotonic() - began, files)


def _report(path: str | None, tally: Tally, ledger: Ledger, seconds: float, files: int | None) -> None:
    if path is not None:
        from crisp_align.batch.report import Report, write_report

        left = 0 if files is None else max(files - len(tally.rows), 0)
        write_report(path, Report(tuple(tally.rows), seconds, left), ledger)


def _work(settings: Settings, sources: Sequence[str]) -> Generator[Ready | Event]:
    from crisp_align.pipeline.pipeline import run
    from crisp_align.pipeline.prefetch import Listed, Task

    return run(settings, Listed(Task(source) for source in sources))


def _names(options: TranscribeOptions) -> tuple[list[str], list[str]]:
    """What was named on the command line, and in a list.

    Raises:
        OptionError: a slip of the keyboard; a list that cannot be read, or that shares standard input with a recording.
    """
    from crisp_align.batch.remote import local

    names = [local(name) for name in (*options.inputs.file, *options.files)]
    for name in names:
        check_input(name)
    list_file, null = options.lists.from_file, options.lists.null
    if list_file is None:
        if null:
            raise OptionError("-0 says how --from-file is read, and there is none")
        return names, []
    from crisp_align.batch.inputs import STDIN, read_list

    if list_file == STDIN:
        check_input(STDIN)
        if STDIN in names:
            raise OptionError("a recording and the list of files cannot both come from standard input")
    return names, read_list(list_file, null=null)


def _align_options(options: TranscribeOptions) -> AlignOptions:
    """What --align-only means as options of the command `align`.

    Raises:
        OptionError: there is not exactly one recording.
    """
    from crisp_align.cli.align import AlignOptions

    names = [*options.inputs.file, *options.files]
    if len(names) != 1:
        raise OptionError(f"--align-only times one text against one file, and there are {len(names)}")
    return AlignOptions(
        media=names[0],
        text=options.text,
        sound=options.sound,
        output=options.output,
        layout=options.layout,
        style=options.style,
        models=options.models,
        speech=options.speech,
        voice=options.voice,
        timing=options.timing,
        console=options.console,
    )


def check_input(name: str) -> None:
    """Refuse what is plainly a slip of the keyboard.

    Raises:
        OptionError: a long dash where a hyphen was meant, a terminal as standard input.
    """
    if name.startswith(_LONG_DASHES) and not os.path.lexists(name):
        raise OptionError(
            "begins with a long dash, not a hyphen", subject=name, hint=f"type -{name.lstrip(''.join(_LONG_DASHES))}"
        )
    if name == "-" and sys.stdin is not None and sys.stdin.isatty():
        raise OptionError(
            "standard input is a terminal", subject="-", hint="pipe a file in, e.g. crisp-align - < talk.mp3"
        )


def start(console: QuietGroup, jobs: Sequence[Job], files: int | None, origin: float = 0.0) -> Display:
    """The display for a run; speech is shown on stdout unless a file goes there.

    Args:
        console: what is printed.
        jobs: as far as they are known.
        files: how many there are, those that cannot be done included; None: nobody knows yet.
        origin: s in each source at which the work begins.
    """
    from crisp_align.cli.display import Display

    if console.quiet:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # the hub's client draws its bars itself
    piped = any(job.pipes for job in jobs)
    return Display(
        quiet=console.quiet,
        verbose=isinstance(console, ConsoleGroup) and console.verbose,
        progress=isinstance(console, ConsoleGroup) and console.progress,
        lines=not piped,
        files=files,
        origin=origin,
    )


def ready(
    jobs: Sequence[Job],
    output: OutputGroup,
    tally: Tally,
    display: Display,
    ledger: Ledger,
    *,
    top: Path | None = None,
    journal: str | None = None,
    remote: bool = False,
) -> list[Job]:
    """The jobs that are to be done and nothing visible stands in the way of; the others are told and counted.

    Looked at before a model is loaded, let alone downloaded. Output folders are made, with `top` only those below it.

    Raises:
        OutputError: a folder cannot be made.
    """
    from crisp_align.batch.journal import Journal
    from crisp_align.batch.plan import sweep

    if output.output_dir is not None:
        make_folders(jobs, top)
    sweep(jobs)
    if output.skip_existing:
        jobs = list(_incomplete(jobs, tally, display, ledger))
    with Journal(journal) if journal is not None and Path(journal).is_file() else nullcontext() as known:
        reasons = [_obstacle(job, ledger, known, remote=remote) for job in jobs]
    refuse(tally, display, [reason for reason in reasons if reason is not None])
    return [job for job, reason in zip(jobs, reasons, strict=True) if reason is None]


def _obstacle(job: Job, ledger: Ledger, journal: Journal | None, *, remote: bool) -> CrispAlignError | None:
    """What stands in the way of a job; nothing does where its outputs are those that the journal tells of."""
    from crisp_align.batch.journal import journal_key
    from crisp_align.batch.plan import blocked
    from crisp_align.batch.remote import is_url

    fetched = remote and is_url(job.source)  # then whoever fetches it will tell
    if not fetched and (error := unreadable(job.source)) is not None:
        return error
    if (refusal := blocked(job, ledger)) is None or journal is None or job.source == "-":
        return refusal
    ledger.adopt(journal.written(journal_key(job.source)))
    return blocked(job, ledger)


def _incomplete(jobs: Sequence[Job], tally: Tally, display: Display, ledger: Ledger) -> Iterator[Job]:
    """What is left to do of jobs whose outputs are not all there."""
    from crisp_align.batch.plan import left

    for job in jobs:
        try:
            remains = left(job, ledger)
        except CrispAlignError as error:
            tally.fail(job.source, error)
            display.failed(job.source, error)
            continue
        if remains is not None:
            yield remains
        else:
            tally.skip(job.source)
            display.skipped(job.source, "its outputs are there")


def unreadable(source: str) -> MediaError | None:
    """Why a file cannot be read, as far as one can see without reading it."""
    from crisp_align.media.probe import check_file

    try:
        if source != "-":
            check_file(Path(source), source)
    except MediaError as error:
        return error
    return None


def make_folders(jobs: Sequence[Job], top: Path | None = None) -> None:
    """Make the output folders that are not there yet.

    Args:
        jobs: whose outputs go there.
        top: make only what is below it: it is gone if it is not there, and not to be made where it was mounted.

    Raises:
        OutputError: one cannot be made.
    """
    from crisp_align.batch.remote import is_url

    for folder in dict.fromkeys(output.folder for job in jobs for output in job.outputs):
        if not is_url(folder):
            make_folder(folder, top)


def make_folder(folder: Path, top: Path | None = None) -> None:
    """Make a folder; see `make_folders`.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        if top is None:
            folder.mkdir(parents=True, exist_ok=True)
            return
        for each in reversed([folder, *folder.parents]):
            if each != top and each.is_relative_to(top):
                each.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"the folder cannot be made ({reason})", subject=os.fspath(folder)) from error


def refuse(tally: Tally, display: Display, errors: Sequence[CrispAlignError]) -> None:
    """Tell and count what cannot be done."""
    for error in errors:
        tally.fail(error.subject or "", error)
        display.failed(error.subject or "", error)


command = Command(
    "transcribe",
    run,
    TranscribeOptions,
    text="Transcribe audio or video files, folders of them, or standard input (-).\n\n"
    "Lines are printed as they are heard; files are written beside their input, or where -of or --output-dir say. "
    "What came from standard input is written to standard output.",
)
