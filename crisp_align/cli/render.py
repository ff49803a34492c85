"""`crisp-align render TRANSCRIPT`: write again, without any model: as it is, or laid out anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crisp_align.cli.command import Command
from crisp_align.cli.documents import Work, write_files
from crisp_align.cli.fields import OptionGroup, argument, flag, given, group
from crisp_align.cli.options import LanguageGroup, LayoutGroup, OutputGroup, QuietGroup, ReadingGroup, StyleGroup
from crisp_align.errors import OptionError

if TYPE_CHECKING:
    from crisp_align.formats import WriteOptions
    from crisp_align.formats.document import SubtitleCue, SubtitleDocument
    from crisp_align.layout import Rules

__all__ = ["command"]

_WIDEST_LINE = 42  # columns; no profile has more


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
        from crisp_align.formats.document import SUBSTATION
        from crisp_align.formats.merging import stacked

        layered = document.format in SUBSTATION and any(name in SUBSTATION for name in options.output.formats)
        if options.kept.keep or document.transcript is not None:
            return document
        return _broken_at_words(document if layered else stacked(document), options.layout.rules())

    def make(rules: Rules, style: WriteOptions) -> Work:
        return Work(options.reading, options.language.code, rules, style, keeps, edit)

    return write_files(
        options.files, options.output, options.language, options.console, options.layout, options.style, make
    )


def _broken_at_words(document: SubtitleDocument, rules: Rules) -> SubtitleDocument:
    """The document with long cues of Thai, Lao, Khmer and Burmese laid out anew, and a notice that counts them.

    Such a line is wider than a screen, and no player would break it between words.
    """
    from crisp_align.formats import transcript_of_document
    from crisp_align.formats.document import cues_of_layout
    from crisp_align.layout import lay_out
    from crisp_align.text.units import needs_dictionary
    from crisp_align.text.width import columns

    cues: list[SubtitleCue] = []
    broken = 0
    missing: str | None = None
    for cue in document.cues:
        if not needs_dictionary(cue.text) or all(columns(line) <= _WIDEST_LINE for line in cue.text.split("\n")):
            cues.append(cue)
            continue
        laid_out = lay_out(transcript_of_document(document.with_cues([cue])).segments, rules)
        cues += [replace(made, position=cue.position) for made in cues_of_layout(laid_out.cues)]
        missing = missing or laid_out.notice
        broken += 1
    if not broken:
        return document
    notice = f"{broken} cue{'' if broken == 1 else 's'} of lines too long for a screen laid out anew, broken at words"
    notices = (*document.notices, notice, *([missing] if missing else []))
    return replace(document, cues=tuple(cues), notices=notices)


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
