"""`crisp-align FILES…`: media in, timed transcripts out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crisp_align.cli.command import Command
from crisp_align.cli.fields import OptionGroup, argument, flag, group, option
from crisp_align.cli.options import (
    BatchGroup,
    ClusterGroup,
    ConsoleGroup,
    EncodingGroup,
    LayoutGroup,
    ListGroup,
    MediaGroup,
    ModelGroup,
    OutputGroup,
    SpeechGroup,
    StyleGroup,
    TextGroup,
    TimingGroup,
    VoiceGroup,
    batch_options,
    settings,
)
from crisp_align.cli.start import check_input, check_journal, needs_workers, start
from crisp_align.errors import OptionError

if TYPE_CHECKING:
    from crisp_align.cli.align import AlignOptions

__all__ = ["command"]


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
    reading: EncodingGroup = group(EncodingGroup, "Word times")
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
    rules, style, output = options.layout.rules(), options.style.write_options(), options.output
    batch, report = batch_options(output, options.batch, options.cluster), options.batch.report

    from crisp_align.batch.options import OutputLayout
    from crisp_align.batch.planning import Input, gather
    from crisp_align.cli.show import run_jobs

    found = list(gather(names, listed, recursive=options.inputs.recursive, remote=batch.cluster is not None))
    jobs = output.plan([entry for entry in found if isinstance(entry, Input)], options.speech.output_code)
    check_journal(jobs, batch.journal)
    display = start(options.console, jobs, len(found), options.sound.origin)
    refused = [entry for entry in found if not isinstance(entry, Input)]
    layout = OutputLayout(rules, style)
    return run_jobs(
        jobs,
        refused,
        display,
        chosen,
        layout,
        batch,
        lambda todo: needs_workers(todo, options.batch, on_cluster=options.cluster.is_ray),
        report=report,
    )


def _names(options: TranscribeOptions) -> tuple[list[str], list[str]]:
    """What was named on the command line, and in a list.

    Raises:
        OptionError: a slip of the keyboard; a list that cannot be read, or that shares standard input with a recording.
    """
    from crisp_align.media.remote import from_file_url

    names = [from_file_url(name) for name in (*options.inputs.file, *options.files)]
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
    from crisp_align.cli.align import AlignOptions, TextsGroup

    names = [*options.inputs.file, *options.files]
    if len(names) != 1:
        raise OptionError(f"--align-only times one text against one file, and there are {len(names)}")
    return AlignOptions(
        media=(names[0],),
        text=options.text,
        texts=TextsGroup(),
        reading=options.reading,
        sound=options.sound,
        output=options.output,
        layout=options.layout,
        style=options.style,
        models=options.models,
        speech=options.speech,
        voice=options.voice,
        timing=options.timing,
        batch=options.batch,
        console=options.console,
    )


command = Command(
    "transcribe",
    run,
    TranscribeOptions,
    text="Transcribe audio or video files, folders of them, or standard input (-).\n\n"
    "Lines are printed as soon as they are transcribed; files are written next to their input, or "
    "where -of or --output-dir say. What came from standard input is written to standard output.",
)
