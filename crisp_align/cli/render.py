"""`crisp-align render TRANSCRIPT`: lay out again, without any model."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crisp_align.cli.command import Command
from crisp_align.cli.fields import argument, group
from crisp_align.cli.options import (
    EncodingGroup,
    LanguageGroup,
    LayoutGroup,
    OutputGroup,
    QuietGroup,
    StyleGroup,
    batch_options,
)
from crisp_align.cli.start import check_input, start
from crisp_align.errors import CrispAlignError

if TYPE_CHECKING:
    from crisp_align.batch.planning import Job
    from crisp_align.batch.written_files import Ledger
    from crisp_align.cli.display import Display
    from crisp_align.formats import WriteOptions
    from crisp_align.layout import Rules
    from crisp_align.transcript import Transcript

__all__ = ["command"]


@dataclass(frozen=True, eq=False, repr=False)
class RenderOptions:
    """Which transcripts to lay out, and how."""

    files: tuple[str, ...] = argument(nargs=-1, required=True, metavar="TRANSCRIPTS...")
    language: LanguageGroup = group(LanguageGroup, "Input")
    text: EncodingGroup = group(EncodingGroup, "Input")
    output: OutputGroup = group(OutputGroup, "Output")
    layout: LayoutGroup = group(LayoutGroup, "Layout")
    style: StyleGroup = group(StyleGroup, "Style")
    console: QuietGroup = group(QuietGroup, "Screen")


def run(options: RenderOptions) -> int:
    """Lay out every file; the exit code."""
    from crisp_align.batch.planning import Input, Job, gather
    from crisp_align.batch.preparation import prepare
    from crisp_align.batch.summary import RunSummary
    from crisp_align.cli.show import refuse

    for name in options.files:
        check_input(name)
    rules, style = options.layout.rules(), options.style.write_options()
    language = options.language.code
    found = list(gather(options.files))
    inputs = [entry for entry in found if isinstance(entry, Input)]
    jobs = options.output.plan(inputs, language)
    display, summary = start(options.console, jobs, len(found)), RunSummary(keep_rows=False)
    ledger = options.output.ledger()
    try:
        refuse(summary, display, [entry for entry in found if not isinstance(entry, Input)])
        for entry in list(prepare(jobs, batch_options(options.output))):
            if not isinstance(entry, Job):
                summary.take(entry)
                display.take(entry)
                continue
            try:
                _render(entry, rules, style, (options.text.encoding, language), display, ledger)
            except CrispAlignError as error:
                refuse(summary, display, [error])
    finally:
        display.close()
    return summary.exit_code


def _render(
    job: Job, rules: Rules, style: WriteOptions, text: tuple[str | None, str | None], display: Display, ledger: Ledger
) -> None:
    """Lay one file out; `text`: encoding and language of it, None where nobody said."""
    from crisp_align.batch.planning import write
    from crisp_align.check import reading_speed_summary
    from crisp_align.cli.display import console_line
    from crisp_align.cli.streams import write_bytes
    from crisp_align.formats import refuse_untimed
    from crisp_align.formats.encodings import mojibake_notice
    from crisp_align.layout import lay_out

    encoding, language = text
    transcript = _read(job.source, encoding)
    if language is not None:
        segments = tuple(replace(segment, language=language) for segment in transcript.segments)
        transcript = replace(transcript, segments=segments)
    name = "standard input" if job.source == "-" else job.source
    if notice := mojibake_notice(transcript.text):
        display.say(f"{name}: {notice}")
    layout = lay_out(transcript.segments, rules)
    if layout.notice:
        display.say_once(layout.notice)
    if job.outputs:
        write_bytes(write(job, transcript, layout.cues, style, ledger))
    else:
        refuse_untimed(transcript)
        for cue in layout.cues:
            display.line(job.source, console_line(cue))
    if summary := reading_speed_summary(layout):
        display.say(f"{name}: {summary}")


def _read(source: str, encoding: str | None) -> Transcript:
    from crisp_align.formats import parse_format, read_format
    from crisp_align.formats.encodings import decoded

    if source == "-":
        return parse_format(decoded(sys.stdin.buffer.read(), "standard input", encoding), "standard input")
    return read_format(source, encoding=encoding)


command = Command(
    "render",
    run,
    RenderOptions,
    text="Lay transcripts out again, without any model.\n\n"
    "Reads what -oj or -ojf wrote, JSON of other programs, TextGrids, and subtitles, whose words share the time of "
    "their cue; - reads any of them from standard input. -l names their language, whatever they say of it; "
    "where neither names one, their words decide.",
)
