"""Every format that transcripts and cues are written to and read from, by name and by extension."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crisp_align.errors import OptionError, TranscriptError
from crisp_align.files.atomic import write_atomically
from crisp_align.formats.ass import read_ass, write_ass, write_ssa
from crisp_align.formats.cue_text import transcript_of
from crisp_align.formats.encodings import mojibake_notice, read_text
from crisp_align.formats.format import Format, WriteOptions
from crisp_align.formats.html import write_html
from crisp_align.formats.json import transcript_from_json, transcript_to_json
from crisp_align.formats.json_styles import read_json, write_full_json, write_json
from crisp_align.formats.lrc import read_lrc, write_lrc
from crisp_align.formats.srt import read_srt, write_srt
from crisp_align.formats.tables import write_csv, write_ctm, write_labels, write_rttm, write_sbv, write_tsv
from crisp_align.formats.textgrid import read_textgrid, write_textgrid
from crisp_align.formats.ttml import read_ttml, ttml_language, write_ttml
from crisp_align.formats.txt import read_txt, write_txt
from crisp_align.formats.vtt import read_vtt, write_vtt
from crisp_align.transcript import Cue, Transcript

__all__ = [
    "FORMATS",
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

FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format("srt", ".srt", "SubRip", write_srt, cue_reader=read_srt),
        Format("vtt", ".vtt", "WebVTT", write_vtt, cue_reader=read_vtt),
        Format("ass", ".ass", "Advanced SubStation Alpha", write_ass, cue_reader=read_ass),
        Format("ssa", ".ssa", "SubStation Alpha", write_ssa, cue_reader=read_ass),
        Format(
            "ttml", ".ttml", "TTML, IMSC 1.1 text profile", write_ttml, cue_reader=read_ttml, language=ttml_language
        ),
        Format("lrc", ".lrc", "lyrics", write_lrc, cue_reader=read_lrc),
        Format("sbv", ".sbv", "YouTube SubViewer", write_sbv),
        Format("txt", ".txt", "plain text, a line a segment", write_txt, transcript_reader=read_txt, timed=False),
        Format("json", ".json", "the transcript, compact", write_json, transcript_reader=read_json, timed=False),
        Format("json-full", ".json", "the transcript and its cues", write_full_json, transcript_reader=read_json),
        Format("csv", ".csv", "a table: start, end, text; ms", write_csv),
        Format("tsv", ".tsv", "a table parted by tabs", write_tsv),
        Format("textgrid", ".TextGrid", "Praat: segments and words", write_textgrid, transcript_reader=read_textgrid),
        Format("ctm", ".ctm", "NIST time-marked words", write_ctm),
        Format("labels", ".labels.txt", "Audacity labels", write_labels),
        Format("rttm", ".rttm", "NIST speaker turns", write_rttm),
        Format("html", ".html", "a page to review words with", write_html),
    )
}
"""Name → format. Where two share an extension, the first is the one that a path means."""

_BEGINNINGS = tuple(
    (name, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for name, pattern in (
        ("vtt", r"WEBVTT\b"),
        ("ssa", r"\[Script Info\](?s:.)*?^ScriptType: *v4\.00 *$"),
        ("ass", r"\[Script Info\]"),
        ("textgrid", r"File type *= *\"ooText"),
        ("ttml", r"<\?xml|<(?:\w+:)?tt\b|<!--"),
        ("lrc", r"\[(?:\d+:\d\d|[a-z#]+:[^\]\n]*\] *$)"),
        ("json", r"\{|\[\s*[{\]]"),
        ("srt", r"(?:.*\n)?.*\d:\d\d[,.]\d+ *-+>"),
    )
)


def find_format(name: str) -> Format:
    """The format called `name`.

    Raises:
        OptionError: there is none.
    """
    if name not in FORMATS:
        raise OptionError(f"no format is called {name!r}", hint=f"formats: {', '.join(FORMATS)}")
    return FORMATS[name]


def format_of_path(path: str | os.PathLike[str]) -> Format:
    """The format that the extension of `path` stands for.

    Raises:
        OptionError: it stands for none.
    """
    name = os.fsdecode(Path(path).name).lower()
    fits = [format for format in FORMATS.values() if name.endswith(format.extension.lower())]
    if fits:
        return max(fits, key=lambda format: len(format.extension))
    extension = Path(path).suffix
    known = ", ".join(dict.fromkeys(format.extension for format in FORMATS.values()))
    raise OptionError(
        f"no format has the extension {extension!r}" if extension else "without an extension it names no format",
        subject=os.fsdecode(path),
        hint=f"extensions: {known}",
    )


def format_of_text(text: str) -> Format:
    """The format that `text` is written in, as far as its beginning shows: one that can be read; plain text if none.

    No text at all is what SubRip without cues looks like.
    """
    head = text.lstrip("\ufeff \t\n")[:2000]
    if not head:
        return FORMATS["srt"]
    return FORMATS[next((name for name, pattern in _BEGINNINGS if pattern.match(head)), "txt")]


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
    bom = options.bom and format.extension != ".json"  # which may have none
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
    format = _readable(source, name) if name else format_of_text(text)
    if format.transcript_reader:
        transcript = format.transcript_reader(text, source)
    else:
        assert format.cue_reader  # noqa: S101 (_readable saw to it)
        language = format.language(text) if format.language else None
        transcript = transcript_of(format.cue_reader(text, source), source, language)
    told = mojibake_notice(transcript.text)
    if told and told not in transcript.notices:
        return replace(transcript, notices=(*transcript.notices, told))
    return transcript


def read_cues(path: str | os.PathLike[str], name: str | None = None, encoding: str | None = None) -> list[Cue]:
    """The cues that a subtitle file holds, lines and times as they stand.

    Raises:
        TranscriptError: it cannot be read, or is not what it should be, or holds no cues.
        OptionError: no such format, or none that can be read.
    """
    format = _readable(path, name)
    if not format.cue_reader:
        raise TranscriptError(f"a {format.name} file holds no cues", subject=os.fsdecode(path))
    return format.cue_reader(read_text(path, encoding), os.fsdecode(path))


def _readable(path: str | os.PathLike[str], name: str | None) -> Format:
    format = find_format(name) if name else format_of_path(path)
    if not format.readable:
        raise OptionError(f"{format.name} files can be written but not read", subject=os.fsdecode(path))
    return format
