"""`crisp-align align MEDIA`: time a given text."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from crisp_align.cli.command import Command
from crisp_align.cli.fields import OptionGroup, argument, flag, group, option
from crisp_align.cli.fields import given as typed
from crisp_align.cli.options import (
    BatchGroup,
    ConsoleGroup,
    EncodingGroup,
    LanguageGroup,
    LayoutGroup,
    MediaGroup,
    ModelGroup,
    OutputGroup,
    StyleGroup,
    TextGroup,
    TimingGroup,
    VoiceGroup,
    batch_options,
    settings,
)
from crisp_align.cli.start import check_input, check_journal, needs_workers, start
from crisp_align.errors import CrispAlignError, OptionError, TranscriptError

if TYPE_CHECKING:
    from crisp_align.batch.planning import Input
    from crisp_align.sync.given import GivenText, Unspoken

__all__ = ["AlignOptions", "command", "run"]


@dataclass(frozen=True, eq=False, repr=False)
class TextsGroup(OptionGroup):
    """Which text belongs to each of many recordings."""

    texts_pattern: str | None = option(
        "--texts",
        metavar="PATTERN",
        help="for many recordings: where the text of each is, e.g. '{stem}.txt', in its folder; {stem} is its name "
        "without extension",
    )
    recursive: bool = flag("-R", "-r", "--recursive", help="look into the subfolders of folders, too")


@dataclass(frozen=True, eq=False, repr=False)
class AlignOptions:
    """Which text to time against which recording, and how."""

    media: tuple[str, ...] = argument(nargs=-1, required=True, metavar="MEDIA...")
    text: TextGroup = group(TextGroup, "Text")
    texts: TextsGroup = group(TextsGroup, "Text")
    reading: EncodingGroup = group(EncodingGroup, "Text")
    sound: MediaGroup = group(MediaGroup, "Input")
    output: OutputGroup = group(OutputGroup, "Output")
    layout: LayoutGroup = group(LayoutGroup, "Layout")
    style: StyleGroup = group(StyleGroup, "Style")
    models: ModelGroup = group(ModelGroup, "Models")
    speech: LanguageGroup = group(LanguageGroup, "Speech")
    voice: VoiceGroup = group(VoiceGroup, "Voice activity")
    timing: TimingGroup = group(TimingGroup, "Word times")
    batch: BatchGroup = group(BatchGroup, "Batch")
    console: ConsoleGroup = group(ConsoleGroup, "Screen")


def run(options: AlignOptions) -> int:
    """Time the text of each recording; the exit code."""
    for name in options.media:
        check_input(name)
    chosen = settings(options.models, options.sound, options.voice, options.timing, options.speech)
    rules, style = options.layout.rules(), options.style.write_options()
    batch = replace(batch_options(options.output, options.batch), texts=True)
    texts, errors = _texts(options)

    from crisp_align.batch.options import OutputLayout
    from crisp_align.cli.show import run_jobs

    plain = options.output.plan([entry for entry, _ in texts], options.speech.output_code)
    jobs = [replace(job, text=text) for job, (_, text) in zip(plain, texts, strict=True)]
    check_journal(jobs, batch.journal)
    display = start(options.console, jobs, len(jobs) + len(errors), options.sound.origin)
    return run_jobs(
        jobs,
        errors,
        display,
        chosen,
        OutputLayout(rules, style),
        batch,
        lambda todo: needs_workers(todo, options.batch),
        report=options.batch.report,
    )


def _texts(options: AlignOptions) -> tuple[list[tuple[Input, GivenText]], list[CrispAlignError]]:
    """Each recording with its text; and what has none, or cannot be read.

    Raises:
        OptionError: texts and recordings do not belong together.
    """
    from crisp_align.batch.inputs import Input, companions, gather
    from crisp_align.sync.given import GivenText

    pattern, media = options.texts.texts_pattern, options.media
    unspoken, keeps_cues = cast("Unspoken", options.text.unspoken or "keep"), not typed(options.layout)
    found = list(gather(media, recursive=options.texts.recursive))
    inputs = [entry for entry in found if isinstance(entry, Input)]
    errors: list[CrispAlignError] = [entry for entry in found if not isinstance(entry, Input)]
    if pattern is None:
        if len(inputs) + len(errors) != 1:
            raise OptionError(
                f"one text is timed against one file, and there are {len(inputs) + len(errors)}",
                hint="for many: crisp-align align talks/ --texts '{stem}.txt'",
            )
        text = _text(options, media[0], GivenText("", None, options.reading.encoding, unspoken, keeps_cues))
        return [(entry, text) for entry in inputs], errors
    if options.text.text is not None or options.text.text_file is not None:
        raise OptionError("--texts names the text of each recording", hint="leave out --text and --text-file")
    pairs: list[tuple[Input, GivenText]] = []
    for entry in inputs:
        names = companions(entry.source, pattern, "--texts")
        if len(names) == 1:
            pairs.append((entry, GivenText(names[0], None, options.reading.encoding, unspoken, keeps_cues)))
        else:
            what = "no text fits" if not names else f"{len(names)} texts fit"
            errors.append(TranscriptError(f"{what} {pattern}", subject=entry.source))
    return pairs, errors


def _text(options: AlignOptions, media: str, text: GivenText) -> GivenText:
    """The one text to time, read once to see that it can be.

    Raises:
        OptionError: none was given, or two.
        TranscriptError: the file cannot be read or holds no text.
    """
    given, file = options.text.text, options.text.text_file
    if (given is None) == (file is None):
        raise OptionError("give the text with --text or --text-file" + (", not both" if file is not None else ""))
    content = None if given is None else given.encode()
    if file == "-":
        if media == "-":
            raise OptionError("the recording and the text cannot both come from standard input")
        content = sys.stdin.buffer.read()
    name = "--text" if file is None else "standard input" if file == "-" else str(file)
    text = replace(text, source=name, content=content)
    text.read()
    return text


command = Command(
    "align",
    run,
    AlignOptions,
    text="Time a given text against its recording.\n\n"
    "The lines of the text become segments; the cues of subtitles in any format stay cues, in time (unless options of "
    "layout are given). The text may hold lines that nobody says, and lack some that are said: "
    "both are reported (docs/sync.md). `NAME:` and `[sounds]` are kept and take no speech.",
)
