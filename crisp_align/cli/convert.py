"""`crisp-align convert FILES -ovtt`: subtitles in another format, as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crisp_align.cli.command import Command
from crisp_align.cli.documents import Work, read_subtitles, write_files
from crisp_align.cli.edit import EditGroup
from crisp_align.cli.fields import OptionGroup, argument, flag, given, group
from crisp_align.cli.options import LanguageGroup, LayoutGroup, OutputGroup, QuietGroup, ReadingGroup, StyleGroup
from crisp_align.errors import OptionError

if TYPE_CHECKING:
    from crisp_align.formats import WriteOptions
    from crisp_align.formats.document import SubtitleDocument
    from crisp_align.layout import Rules

__all__ = ["command"]


@dataclass(frozen=True, eq=False, repr=False)
class FolderGroup(OptionGroup):
    """How folders are looked into."""

    recursive: bool = flag("-R", "-r", "--recursive", help="look into the subfolders of folders, too")


@dataclass(frozen=True, eq=False, repr=False)
class ConvertOptions:
    """Which subtitles to convert, and into what."""

    files: tuple[str, ...] = argument(nargs=-1, required=True, metavar="SUBTITLES...")
    folders: FolderGroup = group(FolderGroup, "Input")
    reading: ReadingGroup = group(ReadingGroup, "Input")
    language: LanguageGroup = group(LanguageGroup, "Input")
    edit: EditGroup = group(EditGroup, "Edit")
    output: OutputGroup = group(OutputGroup, "Output")
    style: StyleGroup = group(StyleGroup, "Style")
    layout: LayoutGroup = group(LayoutGroup, "Layout anew, or rules for --fix")
    console: QuietGroup = group(QuietGroup, "Screen")


def run(options: ConvertOptions) -> int:
    """Convert every file; the exit code."""
    if not options.output.formats and not options.output.named:
        raise OptionError("nothing says what to convert into", hint="add a format, e.g. -ovtt, or -o NAME.vtt")
    keeps = options.edit.fix or not given(options.layout)
    language = options.language.code

    def edit(document: SubtitleDocument) -> SubtitleDocument:
        return options.edit.apply(
            document, lambda path: read_subtitles(path, replace(options.reading, read_as=None)), options.layout
        )

    def make(rules: Rules, style: WriteOptions) -> Work:
        return Work(options.reading, language, rules, style, lambda document: keeps, edit)

    return write_files(
        options.files,
        options.output,
        options.language,
        options.console,
        options.layout,
        options.style,
        make,
        recursive=options.folders.recursive,
    )


command = Command(
    "convert",
    run,
    ConvertOptions,
    text="Subtitles in other formats: cues, times, lines, overlaps and order stay as they are.\n\n"
    "Styles, places, speakers, readings and times of words travel as far as the format has a place for them; one line "
    "counts what it has none for, and what was repaired. What is in a file decides how it is read, not its name; - "
    "reads standard input. Edits are made in the order of this list. An option of layout lays the words out anew, but "
    "with --fix it is a rule that the cues are mended by.",
)
