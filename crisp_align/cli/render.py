"""`crisp-align render TRANSCRIPT`: write again, without any model: as it is, or laid out anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crisp_align.cli.command import Command
from crisp_align.cli.documents import Work, write_files
from crisp_align.cli.fields import OptionGroup, argument, flag, given, group
from crisp_align.cli.options import LanguageGroup, LayoutGroup, OutputGroup, QuietGroup, ReadingGroup, StyleGroup
from crisp_align.errors import OptionError

if TYPE_CHECKING:
    from crisp_align.formats import WriteOptions
    from crisp_align.formats.document import SubtitleDocument
    from crisp_align.layout import Rules

__all__ = ["command"]


@dataclass(frozen=True, eq=False, repr=False)
class KeepGroup(OptionGroup):
    """Whether cues stay."""

    keep: bool = flag(
        "--keep", help="cues stay as they are: what happens to subtitles where no other option of this list is given"
    )


@dataclass(frozen=True, eq=False, repr=False)
class RenderOptions:
    """Which transcripts to lay out, and how."""

    files: tuple[str, ...] = argument(nargs=-1, required=True, metavar="TRANSCRIPTS...")
    language: LanguageGroup = group(LanguageGroup, "Input")
    reading: ReadingGroup = group(ReadingGroup, "Input")
    output: OutputGroup = group(OutputGroup, "Output")
    kept: KeepGroup = group(KeepGroup, "Layout")
    layout: LayoutGroup = group(LayoutGroup, "Layout")
    style: StyleGroup = group(StyleGroup, "Style")
    console: QuietGroup = group(QuietGroup, "Screen")


def run(options: RenderOptions) -> int:
    """Write every file again; the exit code."""
    anew = bool(given(options.layout))
    if options.kept.keep and anew:
        raise OptionError("--keep leaves cues as they are, and another option lays them out anew", hint="leave one out")

    def keeps(document: SubtitleDocument) -> bool:
        return options.kept.keep or (document.transcript is None and not anew)

    def edit(document: SubtitleDocument) -> SubtitleDocument:
        from crisp_align.formats.merging import stacked

        drawn = {"ass", "ssa"}  # signs of one time lie in layers there
        layered = document.format in drawn and not drawn.isdisjoint(options.output.formats)
        return document if options.kept.keep or document.transcript is not None or layered else stacked(document)

    def make(rules: Rules, style: WriteOptions) -> Work:
        return Work(options.reading, options.language.code, rules, style, keeps, edit)

    return write_files(
        options.files, options.output, options.language, options.console, options.layout, options.style, make
    )


command = Command(
    "render",
    run,
    RenderOptions,
    text="Write transcripts again, without any model: laid out anew, or subtitles as they are.\n\n"
    "Reads what -oj or -ojf wrote, JSON of other programs, TextGrids and subtitles; - reads any of them from "
    "standard input. The cues of subtitles stay as they are unless an option of layout is given; then their words "
    "share the time of their cue. -l names the language, whatever a file says of it; where neither names one, the "
    "words decide.",
)
