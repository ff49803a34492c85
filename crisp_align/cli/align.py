"""`crisp-align align MEDIA`: time a given text."""

from __future__ import annotations

import sys
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from crisp_align.cli.command import Command
from crisp_align.cli.fields import argument, group
from crisp_align.cli.fields import given as typed
from crisp_align.cli.options import (
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
from crisp_align.cli.start import check_input, start
from crisp_align.errors import OptionError

if TYPE_CHECKING:
    from crisp_align.events import Event, Ready
    from crisp_align.pipeline.pipeline import Settings
    from crisp_align.sync.given import GivenText, Unspoken

__all__ = ["AlignOptions", "command", "run"]


@dataclass(frozen=True, eq=False, repr=False)
class AlignOptions:
    """Which text to time against which recording, and how."""

    media: str = argument(metavar="MEDIA")
    text: TextGroup = group(TextGroup, "Text")
    reading: EncodingGroup = group(EncodingGroup, "Text")
    sound: MediaGroup = group(MediaGroup, "Input")
    output: OutputGroup = group(OutputGroup, "Output")
    layout: LayoutGroup = group(LayoutGroup, "Layout")
    style: StyleGroup = group(StyleGroup, "Style")
    models: ModelGroup = group(ModelGroup, "Models")
    speech: LanguageGroup = group(LanguageGroup, "Speech")
    voice: VoiceGroup = group(VoiceGroup, "Voice activity")
    timing: TimingGroup = group(TimingGroup, "Word times")
    console: ConsoleGroup = group(ConsoleGroup, "Screen")


def run(options: AlignOptions) -> int:
    """Time the text; the exit code."""
    media = options.media
    check_input(media)
    chosen = settings(options.models, options.sound, options.voice, options.timing, options.speech)
    rules, style = options.layout.rules(), options.style.write_options()
    text = _text(options, media)

    from crisp_align.batch.driver import write_outputs
    from crisp_align.batch.options import OutputLayout
    from crisp_align.batch.planning import Input, Job, gather
    from crisp_align.batch.preparation import prepare
    from crisp_align.batch.summary import RunSummary
    from crisp_align.cli.show import show
    from crisp_align.pipeline.background import Background

    inputs = [entry for entry in gather([media]) if isinstance(entry, Input)]
    if len(inputs) != 1:
        raise OptionError("a text is timed against one file, not a folder", subject=media)
    jobs = options.output.plan(inputs, options.speech.output_code)
    display, summary = start(options.console, jobs, 1, options.sound.origin), RunSummary(keep_rows=False)
    entries = list(prepare(jobs, batch_options(options.output)))
    todo = [entry for entry in entries if isinstance(entry, Job)]
    show((entry for entry in entries if not isinstance(entry, Job)), display, summary, rules, writes=True)
    if todo:
        layout, overwrite = OutputLayout(rules, style), options.output.overwrite
        with Background(_work(chosen, media, text)) as work:
            events = write_outputs(work, todo, layout, overwrite=overwrite, origin=options.sound.origin)
            show(events, display, summary, rules, writes=bool(todo[0].outputs))
    return summary.exit_code


def _work(settings: Settings, media: str, text: GivenText) -> Generator[Ready | Event]:
    from crisp_align.pipeline.pipeline import Pipeline

    pipeline = Pipeline.load(settings, transcribes=False)
    yield pipeline.ready
    yield from pipeline.align_given(media, text)


def _text(options: AlignOptions, media: str) -> GivenText:
    """The text to time, read once to see that it can be.

    Raises:
        OptionError: none was given, or two.
        TranscriptError: the file cannot be read or holds no text.
    """
    from crisp_align.sync.given import GivenText

    given, file = options.text.text, options.text.text_file
    if (given is None) == (file is None):
        raise OptionError("give the text with --text or --text-file" + (", not both" if file is not None else ""))
    content = None if given is None else given.encode()
    if file == "-":
        if media == "-":
            raise OptionError("the recording and the text cannot both come from standard input")
        content = sys.stdin.buffer.read()
    name = "--text" if file is None else "standard input" if file == "-" else str(file)
    keeps_cues, unspoken = not typed(options.layout), cast("Unspoken", options.text.unspoken or "keep")
    text = GivenText(name, content, options.reading.encoding, unspoken, keeps_cues)
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
