"""Every format that transcripts and cues are written to and read from, by name and by extension."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from crisp_align.errors import OptionError, TranscriptError
from crisp_align.formats.builtin import BUILTIN
from crisp_align.formats.format import Format, WriteOptions, Writer

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from crisp_align.files.atomic import write_atomically
    from crisp_align.formats.document import SubtitleDocument
    from crisp_align.formats.json import transcript_from_json, transcript_to_json
    from crisp_align.transcript import Cue, Transcript

__all__ = [
    "FORMATS",
    "GROUP",
    "Format",
    "WriteOptions",
    "decode_document",
    "find_format",
    "format_of_path",
    "format_of_text",
    "kept_format",
    "parse_document",
    "parse_format",
    "read_cues",
    "read_document",
    "read_format",
    "refuse_untimed",
    "transcript_from_json",
    "transcript_of_document",
    "transcript_to_json",
    "write_atomically",
    "write_document",
    "write_format",
    "writer_of",
]

GROUP = "crisp_align.formats"
"""Entry-point group under which other packages publish a `Format`."""

FORMATS: dict[str, Format] = {format.name: format for format in BUILTIN}
"""Name → format, of those that come with this package. Where two share an extension, a path means the first."""

_STL = re.compile(rb"\d{3}STL\d\d\.\d\d")
"""How EBU STL begins: a code page, and a version."""

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
    if options.speaker_names and format.names_speakers:
        from crisp_align.formats.speaker_names import name_cues

        cues = name_cues(cues, options.speaker_names)
    text = writer_of(format)(transcript, cues, options)
    bom = options.bom and format.has_bom
    return (b"\xef\xbb\xbf" if bom else b"") + text.encode("utf-8", "replace")


def writer_of(format: Format) -> Writer:
    """What writes a format.

    Raises:
        OptionError: it can only be read.
    """
    if format.writer is None:
        writable = ", ".join(known.name for known in FORMATS.values() if known.writer)
        raise OptionError(f"{format.name} files can be read but not written", hint=f"written are: {writable}")
    return format.writer


def refuse_untimed(transcript: Transcript) -> None:
    """Stop where every word of a transcript is at 0 s, as those of plain text are.

    Raises:
        TranscriptError: it is.
    """
    if transcript.words and not any(word.end for word in transcript.words):
        hint = f"time it with: crisp-align align MEDIA --text-file {shlex.quote(transcript.source)}"
        raise TranscriptError("its words have no times", subject=transcript.source, hint=hint)


def read_format(
    path: str | os.PathLike[str],
    name: str | None = None,
    encoding: str | None = None,
    *,
    strict: bool = False,
    tier: str | None = None,
) -> Transcript:
    """The transcript that a file holds; a cue becomes a segment, and its words share its time by their width.

    Args:
        path: of the file.
        name: of its format; None: what its content looks like, else what its extension says.
        encoding: of its text; None: by its byte-order mark or what fits.
        strict: refuse what would be repaired otherwise.
        tier: name of the tier to read, where it has tiers; None: those of words.

    Raises:
        TranscriptError: it cannot be read, or is not what it should be; names the file and the line.
        OptionError: no such format, or none that can be read.
    """
    return transcript_of_document(read_document(path, name, encoding, strict=strict, tier=tier))


def parse_format(
    text: str, source: str, name: str | None = None, *, strict: bool = False, tier: str | None = None
) -> Transcript:
    """The transcript that the text of a file holds; as `read_format`.

    Args:
        text: line ends are line feeds.
        source: what to call it.
        name: of its format; None: what it looks like.
        strict: refuse what would be repaired otherwise.
        tier: name of the tier to read, where it has tiers; None: those of words.

    Raises:
        TranscriptError: it is not what it should be; names the source and the line.
        OptionError: no such format, or none that can be read.
    """
    return transcript_of_document(parse_document(text, source, name, strict=strict, tier=tier))


def read_document(
    path: str | os.PathLike[str],
    name: str | None = None,
    encoding: str | None = None,
    *,
    strict: bool = False,
    tier: str | None = None,
) -> SubtitleDocument:
    """The subtitles that a file holds, as they are; a segment of a transcript is a cue of one line.

    Args:
        path: of the file.
        name: of its format; None: what its content looks like, else what its extension says.
        encoding: of its text; None: by its byte-order mark or what fits.
        strict: refuse what would be repaired otherwise.
        tier: name of the tier to read, where it has tiers; None: those of words.

    Raises:
        TranscriptError: it cannot be read, or is not what it should be; names the file and the line.
        OptionError: no such format, or none that can be read.
    """
    from crisp_align.formats.encodings import read_bytes

    return decode_document(read_bytes(path), os.fsdecode(path), name, encoding, strict=strict, tier=tier)


def decode_document(
    data: bytes,
    source: str,
    name: str | None = None,
    encoding: str | None = None,
    *,
    strict: bool = False,
    tier: str | None = None,
) -> SubtitleDocument:
    """The subtitles in the bytes of a file; as `read_document`.

    Args:
        data: all of the file.
        source: what to call it; its extension counts where its content says nothing.
        name: of its format; None: see there.
        encoding: of its text; None: by its byte-order mark or what fits.
        strict: refuse what would be repaired otherwise.
        tier: name of the tier to read, where it has tiers; None: those of words.

    Raises:
        TranscriptError: it is not text, or not what it should be.
        OptionError: no such format, or none that can be read.
    """
    from crisp_align.formats.encodings import decode

    if binary := _binary_format(data, source, name):
        assert binary.bytes_reader  # noqa: S101 (_binary_format saw to it)
        return binary.bytes_reader(data, source, strict)
    decoded = decode(data, source, encoding)
    document = parse_document(
        decoded.text, source, name or _format_of_file(decoded.text, source), strict=strict, tier=tier
    )
    notices = (*decoded.notices, *document.notices)
    return replace(document, newline=decoded.newline, bom=decoded.bom, notices=notices)


def _binary_format(data: bytes, source: str, name: str | None) -> Format | None:
    """The format of bytes that are no text: the one named, else what they begin with; None: they are text."""
    if name is not None:
        return found if (found := find_format(name)).bytes_reader else None
    return FORMATS["stl"] if _STL.match(data) else None


def _format_of_file(text: str, source: str) -> str:
    """Name of the format of a file: what its content looks like; where that is nothing, what its extension says."""
    found = format_of_text(text)
    if found.name != "txt" and text.strip("\ufeff \t\n"):
        return found.name
    try:
        named = format_of_path(source)
    except OptionError:
        return found.name
    return _readable(source, named.name).name


def parse_document(
    text: str, source: str, name: str | None = None, *, strict: bool = False, tier: str | None = None
) -> SubtitleDocument:
    """The subtitles in the text of a file; as `read_document`.

    Args:
        text: line ends are line feeds.
        source: what to call it.
        name: of its format; None: what it looks like.
        strict: refuse what would be repaired otherwise.
        tier: name of the tier to read, where it has tiers; None: those of words.

    Raises:
        TranscriptError: it is not what it should be; names the source and the line.
        OptionError: no such format, or none that can be read.
    """
    from crisp_align.formats.bridge import document_of_transcript
    from crisp_align.formats.encodings import mojibake_notice
    from crisp_align.formats.merging import unroll

    format = _readable(source, name) if name else format_of_text(text)
    if tier is not None:
        if format.tier_reader is None:
            raise OptionError(f"{format.name} files have no tiers", subject=source)
        document = document_of_transcript(format.tier_reader(text, source, tier), format.name)
    elif format.document_reader:
        document = unroll(format.document_reader(text, source, strict))
    else:
        if format.transcript_reader is None:
            raise TranscriptError(f"{format.name} files are not text", subject=source)
        document = document_of_transcript(format.transcript_reader(text, source), format.name)
    notice = mojibake_notice("\n".join(cue.text for cue in document.cues))
    if notice and notice not in document.notices:
        return replace(document, notices=(*document.notices, notice))
    return document


def write_document(name: str, document: SubtitleDocument, options: WriteOptions | None = None) -> bytes:
    """The bytes of a file in the format called `name`: cues, times, lines and order as they are.

    What the format cannot hold is left out; `crisp_align.formats.convert.losses` says what that is. In the format that
    the document was read from, a cue that is untouched is written as it stood, but for its times.

    Raises:
        OptionError: no such format.
        TranscriptError: it needs the times of the words, and they have none.
    """
    from crisp_align.formats.bridge import plain_cues, plain_transcript, writes_words
    from crisp_align.formats.document import SUBSTATION
    from crisp_align.formats.merging import fitted
    from crisp_align.formats.speaker_names import name_cues, name_subtitles

    options, format = options or WriteOptions(), find_format(name)
    document = fitted(document, format.name)
    if document.transcript is not None and format.timed:
        refuse_untimed(document.transcript)
    if format.document_writer and not writes_words(document, format, options):
        if options.speaker_names and format.names_speakers:
            document = replace(document, cues=name_subtitles(document.cues, options.speaker_names))
        text = format.document_writer(document, options)
    else:
        cues = plain_cues(document)
        if options.speaker_names and format.names_speakers:
            cues = name_cues(cues, options.speaker_names)
        text = writer_of(format)(plain_transcript(document), cues, options)
    verbatim = format.name in SUBSTATION and document.format == format.name
    if verbatim and document.newline != "\n":
        text = text.replace("\n", document.newline)
    bom = format.has_bom and (options.bom or (verbatim and document.bom))
    return (b"\xef\xbb\xbf" if bom else b"") + text.encode("utf-8", "replace")


def kept_format(document: SubtitleDocument, name: str) -> str:
    """The format to write a document in where the one called `name` is asked for: two that share an extension are one.

    Raises:
        OptionError: no such format.
    """
    read_as = find_format(document.format) if document.format else None
    same = read_as and read_as.document_writer and read_as.extension == find_format(name).extension
    return document.format if same else name


def transcript_of_document(document: SubtitleDocument) -> Transcript:
    """The words of a document, a segment a cue, in order of time."""
    from crisp_align.formats.bridge import plain_transcript

    return plain_transcript(document, merged=True)


def read_cues(path: str | os.PathLike[str], name: str | None = None, encoding: str | None = None) -> list[Cue]:
    """The cues that a subtitle file holds, lines and times as they stand.

    Raises:
        TranscriptError: it cannot be read, or is not what it should be, or holds no cues.
        OptionError: no such format, or none that can be read.
    """
    from crisp_align.formats.document import plain_cue

    document = read_document(path, name, encoding)
    if not find_format(document.format).document_reader:
        raise TranscriptError(f"a {document.format} file holds no cues", subject=os.fsdecode(path))
    return [plain_cue(cue) for cue in document.cues]


def _readable(path: str | os.PathLike[str], name: str) -> Format:
    format = find_format(name)
    if not format.readable:
        raise OptionError(f"{format.name} files can be written but not read", subject=os.fsdecode(path))
    return format
