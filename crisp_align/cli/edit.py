"""`crisp-align edit FILES`: subtitles moved, cut, joined, merged and mended."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from crisp_align.cli.command import Command
from crisp_align.cli.documents import read_subtitles
from crisp_align.cli.fields import OptionGroup, argument, flag, group, number, option
from crisp_align.cli.options import LanguageGroup, LayoutGroup, ReadingGroup
from crisp_align.cli.streams import print_error, print_note, write_bytes
from crisp_align.errors import CrispAlignError, OptionError

if TYPE_CHECKING:
    from crisp_align.formats.document import SubtitleDocument

__all__ = ["EditGroup", "command"]

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d+)?)")


@dataclass(frozen=True, eq=False, repr=False)
class EditGroup(OptionGroup):
    """What is done to subtitles; in the order in which the options are listed."""

    strip_sdh: bool = flag("--strip-sdh", help="without sounds in brackets, names of speakers and songs")
    merge: str | None = option("--merge", metavar="FILE", help="a second language, below the first one")
    frame_rate: str | None = option(
        "--frame-rate", metavar="A:B", help="made for A frames a second, shown at B, e.g. 25:23.976"
    )
    stretch: float | None = number("--stretch", metavar="X", help="multiply every time by X", low=0.001, high=1000)
    points: tuple[str, ...] = option(
        "--point",
        metavar="A=B",
        help="what is at A belongs at B; twice, to stretch: --point 0:10=0:12.5 --point 1:30:00=1:30:07",
        multiple=True,
    )
    shift: float | None = number("--shift", metavar="S", help="later by S seconds; earlier below 0", low=-1e6, high=1e6)
    cut: str | None = option("--cut", metavar="A-B", help="what lies between A and B; times then count from A")
    fix: bool = flag("--fix", help="mend what check finds, where there is room: overlaps, gaps, too brief, too fast")
    renumber: bool = flag("--renumber", help="number the cues from 1")

    def apply(
        self, document: SubtitleDocument, read: Callable[[str], SubtitleDocument], layout: LayoutGroup
    ) -> SubtitleDocument:
        """Return the document with everything done to it that was asked for.

        Args:
            document: to edit.
            read: reads the file that is merged in.
            layout: the rules for --fix.

        Raises:
            CrispAlignError: an option that makes no sense, or a file that cannot be read.
        """
        from crisp_align import edit

        if self.strip_sdh:
            document = edit.strip_sdh(document)
        if self.merge is not None:
            document = edit.merge(document, read(self.merge))
        if self.frame_rate is not None:
            document = edit.change_frame_rate(document, *_rates(self.frame_rate))
        if self.stretch is not None:
            document = edit.stretch(document, self.stretch)
        points = [_point(text) for text in self.points]
        if len(points) == 1:
            document = edit.shift(document, points[0][1] - points[0][0])
        elif len(points) == 2:
            document = edit.through_points(document, points[0], points[1])
        elif points:
            raise OptionError("--point is given once, to shift, or twice, to stretch")
        if self.shift is not None:
            document = edit.shift(document, self.shift)
        if self.cut is not None:
            document = edit.cut(document, *_stretch(self.cut))
        if self.fix:
            document = edit.fix(document, replace(layout, profile=layout.profile or "auto").rules())
        return edit.renumber(document) if self.renumber else document


@dataclass(frozen=True, eq=False, repr=False)
class EditOutput(OptionGroup):
    """Where the result goes."""

    named: str | None = option("-o", "--output", metavar="NAME.EXT", help="the result (one); else standard output")
    output_dir: str | None = option("--output-dir", metavar="DIR", help="folder for the results, named as the inputs")
    overwrite: bool = flag(
        "--overwrite", help="write over files that crisp-align did not write, or that were edited since"
    )


@dataclass(frozen=True, eq=False, repr=False)
class JoinGroup(OptionGroup):
    """Several files as one."""

    join: bool = flag("--join", help="the files one after the other as one, before all else")
    offsets: str | None = option(
        "--offsets", metavar="A,B,…", help="where each file begins; else where the one before it ends"
    )


@dataclass(frozen=True, eq=False, repr=False)
class EditOptions:
    """Which subtitles to edit, and how."""

    files: tuple[str, ...] = argument(nargs=-1, required=True, metavar="SUBTITLES...")
    join: JoinGroup = group(JoinGroup, "Edit")
    edit: EditGroup = group(EditGroup, "Edit")
    output: EditOutput = group(EditOutput, "Output")
    layout: LayoutGroup = group(LayoutGroup, "Rules for --fix")
    language: LanguageGroup = group(LanguageGroup, "Reading")
    reading: ReadingGroup = group(ReadingGroup, "Reading")


def run(options: EditOptions) -> int:
    """Edit every file; 0 where all could be."""
    from crisp_align import edit

    one = options.join.join or len(options.files) == 1
    if not one and options.output.output_dir is None:
        raise OptionError("several files need a folder for the results", hint="add --output-dir DIR, or --join")
    if options.output.named is not None and (not one or options.output.output_dir is not None):
        raise OptionError("-o names one result", hint="give one file, or --join, and no --output-dir")
    if options.join.join:
        offsets = options.join.offsets
        starts = None if offsets is None else [_seconds(text) for text in offsets.split(",")]
        documents = [_read(path, options) for path in options.files]
        return _write(options.files[0], options.edit.apply(edit.join(documents, starts), *_with(options)), options)
    failed = 0
    for path in options.files:
        try:
            _write(path, options.edit.apply(_read(path, options), *_with(options)), options)
        except CrispAlignError as error:
            if one:
                raise
            print_error(error)
            failed = 1
    return failed


def _with(options: EditOptions) -> tuple[Callable[[str], SubtitleDocument], LayoutGroup]:
    return (lambda path: _read(path, options)), options.layout


def _read(path: str, options: EditOptions) -> SubtitleDocument:
    return read_subtitles(path, options.reading, options.language.code)


def _write(path: str, document: SubtitleDocument, options: EditOptions) -> int:
    from crisp_align.batch.preparation import make_folder
    from crisp_align.batch.written_files import Ledger
    from crisp_align.files.atomic import write_atomically
    from crisp_align.formats import format_of_path, write_document

    for notice in document.notices:
        print_note(f"{path}: {notice}")
    target = options.output.named
    if options.output.output_dir is not None:
        target = str(Path(options.output.output_dir) / Path(path).name)
    name = document.format if target is None or target == "-" else format_of_path(target).name
    data = write_document(name or "srt", document)
    if target is None or target == "-":
        write_bytes(data)
        return 0
    ledger = Ledger(overwrite=options.output.overwrite)
    try:
        ledger.claim({Path(target): data})
        make_folder(Path(target).parent)
        write_atomically(target, data)
    finally:
        ledger.close()
    return 0


def _seconds(text: str) -> float:
    """Seconds of `1:02:03.5`, `2:03` or `123.5`.

    Raises:
        OptionError: it is no time.
    """
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise OptionError(f"{text!r} is no time", hint="give seconds, or e.g. 1:02:03.5")
    hours, minutes, seconds = match.groups()
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes or 0) + float(seconds.replace(",", "."))


def _point(text: str) -> tuple[float, float]:
    before, equals, after = text.partition("=")
    if not equals:
        raise OptionError(f"{text!r} is no point", hint="e.g. --point 0:10=0:12.5")
    return _seconds(before), _seconds(after)


def _stretch(text: str) -> tuple[float, float]:
    start, dash, end = text.partition("-")
    if not dash:
        raise OptionError(f"{text!r} names no stretch", hint="e.g. --cut 1:00-2:30, or 1:00- to the end")
    return _seconds(start or "0"), _seconds(end) if end.strip() else float("inf")


def _rates(text: str) -> tuple[float, float]:
    first, _, second = text.partition(":")
    try:
        return float(first), float(second)
    except ValueError:
        raise OptionError(f"{text!r} is no pair of frame rates", hint="e.g. --frame-rate 25:23.976") from None


command = Command(
    "edit",
    run,
    EditOptions,
    text="Move, stretch, cut, join, merge and mend subtitles; words, lines and styles stay as they are.\n\n"
    "Reads and writes every format of subtitles; - reads standard input. Without -o or --output-dir the result goes to "
    "standard output. What is asked for is done in the order of this list.",
)
