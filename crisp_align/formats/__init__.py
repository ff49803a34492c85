"""Every format that transcripts and cues are written to and read from, by name and by extension."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from crisp_align.errors import OptionError, TranscriptError
from crisp_align.formats.builtin import BUILTIN
from crisp_align.formats.format import Format, WriteOptions

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from crisp_align.files.atomic import write_atomically
    from crisp_align.formats.json import transcript_from_json, transcript_to_json
    from crisp_align.transcript import Cue, Transcript

__all__ = [
    "FORMATS",
    "GROUP",
    "Format",
    "WriteOptions",
    "find_format",
    "format_of_path",
    "format_of_text",
    "parse_format",
    "read_cues",
    "read_format",
    "refuse_untimed",
    "transcript_from_json",
    "transcript_to_json",
    "write_atomically",
    "write_format",
]

GROUP = "crisp_align.formats"
"""Entry-point group under which other packages publish a `Format`."""

FORMATS: dict[str, Format] = {format.name: format for format in BUILTIN}
"""Name → format, of those that come with this package. Where two share an extension, a path means the first."""

_HOMES = {
    "transcript_from_json": "crisp_align.formats.json",
    "transcript_to_json": "crisp_align.formats.json",
    "write_atomically": "crisp_align.files.atomic",
}


def __getattr__(name: str) -> object:
    # The command line reads the table of formats for every --help; what is behind it loads when it is needed.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _published() -> Iterator[Format]:
    """Formats that other packages publish; a name of ours stays ours, and what does not load has no part in it."""
    for name in sorted(_entry_points()):
        if name not in FORMATS:
            with suppress(OptionError):
                yield _loaded(name)


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def _loaded(name: str) -> Format:
    point = _entry_points()[name]
    try:
        format = point.load()
    except Exception as error:  # whatever a package of somebody else's raises
        raise OptionError(
            f"the format {name!r} does not load: {type(error).__name__}: {error}",
            hint=f"update or remove the package that publishes it: {point.value}",
        ) from error
    if not isinstance(format, Format) or format.name != name:
        raise OptionError(f"{point.value} is published as the format {name!r} and is none of that name")
    return format


def find_format(name: str) -> Format:
    """The format called `name`.

    Raises:
        OptionError: there is none, or the package that publishes it does not load.
    """
    if name in FORMATS:
        return FORMATS[name]
    published = sorted(_entry_points())
    if name in published:
        return _loaded(name)
    raise OptionError(f"no format is called {name!r}", hint=f"formats: {', '.join([*FORMATS, *published])}")


def format_of_path(path: str | os.PathLike[str]) -> Format:
    """The format that the extension of `path` stands for.

    Raises:
        OptionError: it stands for none, or the package that publishes it does not load.
    """
    name = os.fsdecode(Path(path).name).lower()
    for known in (FORMATS.values(), _published()):
        fitting = [format for format in known if name.endswith(format.extension.lower())]
        if fitting:
            return max(fitting, key=lambda format: len(format.extension))
    extension = Path(path).suffix
    extensions = ", ".join(dict.fromkeys(format.extension for format in FORMATS.values()))
    raise OptionError(
        f"no format has the extension {extension!r}" if extension else "without an extension it names no format",
        subject=os.fsdecode(path),
        hint=f"extensions: {extensions}",
    )


def format_of_text(text: str) -> Format:
    """The format that `text` is written in, as far as its beginning shows: one that can be read; plain text if none.

    No text at all is what SubRip without cues looks like.
    """
    head = text.lstrip("\ufeff \t\n")[:2000]
    if not head:
        return FORMATS["srt"]
    for known in (FORMATS.values(), _published()):
        for format in known:
            if format.begins.match(head):
                return format
    return FORMATS["txt"]


def write_format(name: str, transcript: Transcript, cues: Sequence[Cue], options: WriteOptions | None = None) -> bytes:
    """The bytes of a file in the format called `name`: UTF-8, lines end in a line feed.

    Raises:
        OptionError: no such format.
        TranscriptError: it needs the times of the words, and they have none.
    """
    options, format = options or WriteOptions(), find_format(name)
    if format.timed:
        refuse_untimed(transcript)
    text = format.writer(transcript, cues, options)
    bom = options.bom and format.has_bom
    return (b"\xef\xbb\xbf" if bom else b"") + text.encode("utf-8", "replace")


def refuse_untimed(transcript: Transcript) -> None:
    """Stop where every word of a transcript is at 0 s, as those of plain text are.

    Raises:
        TranscriptError: it is.
    """
    if transcript.words and not any(word.end for word in transcript.words):
        hint = f"time it with: crisp-align align MEDIA --text-file {shlex.quote(transcript.source)}"
        raise TranscriptError("its words have no times", subject=transcript.source, hint=hint)


def read_format(path: str | os.PathLike[str], name: str | None = None, encoding: str | None = None) -> Transcript:
    """The transcript that a file holds; a cue becomes a segment, and its words share its time by their width.

    Args:
        path: of the file.
        name: of its format; None: by its extension.
        encoding: of its text; None: by its byte-order mark or what fits.

    Raises:
        TranscriptError: it cannot be read, or is not what it should be; names the file and the line.
        OptionError: no such format, or none that can be read.
    """
    from crisp_align.formats.encodings import read_text

    format = _readable(path, name)
    return parse_format(read_text(path, encoding), os.fsdecode(path), format.name)


def parse_format(text: str, source: str, name: str | None = None) -> Transcript:
    """The transcript that the text of a file holds; as `read_format`.

    Args:
        text: line ends are line feeds.
        source: what to call it.
        name: of its format; None: what it looks like.

    Raises:
        TranscriptError: it is not what it should be; names the source and the line.
        OptionError: no such format, or none that can be read.
    """
    from crisp_align.formats.cue_text import transcript_of
    from crisp_align.formats.encodings import mojibake_notice

    format = _readable(source, name) if name else format_of_text(text)
    if format.transcript_reader:
        transcript = format.transcript_reader(text, source)
    else:
        assert format.cue_reader  # noqa: S101 (_readable saw to it)
        language = format.language(text) if format.language else None
        transcript = transcript_of(format.cue_reader(text, source), source, language)
    notice = mojibake_notice(transcript.text)
    if notice and notice not in transcript.notices:
        return replace(transcript, notices=(*transcript.notices, notice))
    return transcript


def read_cues(path: str | os.PathLike[str], name: str | None = None, encoding: str | None = None) -> list[Cue]:
    """The cues that a subtitle file holds, lines and times as they stand.

    Raises:
        TranscriptError: it cannot be read, or is not what it should be, or holds no cues.
        OptionError: no such format, or none that can be read.
    """
    from crisp_align.formats.encodings import read_text

    format = _readable(path, name)
    if not format.cue_reader:
        raise TranscriptError(f"a {format.name} file holds no cues", subject=os.fsdecode(path))
    return format.cue_reader(read_text(path, encoding), os.fsdecode(path))


def _readable(path: str | os.PathLike[str], name: str | None) -> Format:
    format = find_format(name) if name else format_of_path(path)
    if not format.readable:
        raise OptionError(f"{format.name} files can be written but not read", subject=os.fsdecode(path))
    return format
