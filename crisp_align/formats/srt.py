"""SubRip (.srt), through the `srt` package, which knows the many ways such files are malformed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import milliseconds, read_cue, shown
from crisp_align.formats.format import Entry, WriteOptions
from crisp_align.transcript import Cue, Transcript

__all__ = ["guarded", "read_srt", "srt_entries", "unguarded", "without_tags", "write_srt"]

# SRT has no escapes. A word joiner, invisible and of no width, keeps text from being read as an arrow or a tag; the
# reader takes it out again.
_JOINER = "\u2060"
_DANGEROUS = re.compile(r"(?<=--)(?=>)|(?<=<)(?=[A-Za-z/!?])|(?<=\{)(?=[\\/A-Za-z])")
_GUARD = re.compile(rf"(?<=--){_JOINER}+(?=>)|(?<=[<{{]){_JOINER}+")
_TAGS = re.compile(r"</?(?:b|i|u|s|c|v|font|lang|ruby|rt)(?:[\s.=][^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)


def write_srt(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Numbered cues; with `highlight_words` each cue once a word, the word being spoken underlined."""
    import srt

    entries = [
        srt.Subtitle(
            index=number,
            start=timedelta(milliseconds=milliseconds(cue.start)),
            end=timedelta(milliseconds=milliseconds(cue.end)),
            content="\n".join(guarded(line) for line in lines),
        )
        for number, (cue, lines) in enumerate(shown(cues), start=1)
    ]
    return str(srt.compose(entries, reindex=False, strict=True))


def srt_entries(text: str, name: str) -> list[Entry]:
    """The cues of a file as they stand, tags and all.

    Raises:
        TranscriptError: a part of the file is not SubRip; names its line.
    """
    import srt

    entries: list[Entry] = []
    try:
        for entry in srt.parse(text):
            start, end = entry.start.total_seconds(), entry.end.total_seconds()
            entries.append(Entry(str(entry.index or ""), start, end, entry.content))
    except srt.SRTParseError as error:
        line = text[: error.expected_start].count("\n") + 1
        raise TranscriptError(f"not SubRip from line {line} on", subject=name) from error
    except (ValueError, OverflowError) as error:
        what = f"a time after cue {len(entries)} is beyond what a clock can hold"
        raise TranscriptError(what, subject=name) from error
    if not entries and text.strip():
        raise TranscriptError("not SubRip: no cue in it", subject=name)
    return entries


def read_srt(text: str, name: str) -> list[Cue]:
    """Cues in the order of the file, times as they stand, formatting tags left out.

    Raises:
        TranscriptError: a part of the file is not SubRip; names its line.
    """
    return [
        read_cue(entry.start, entry.end, [unguarded(without_tags(line)) for line in entry.text.split("\n")])
        for entry in srt_entries(text, name)
    ]


def guarded(line: str) -> str:
    """`line` with nothing in it that reads as an arrow or a tag."""
    return _DANGEROUS.sub(_JOINER, line)


def unguarded(line: str) -> str:
    """`line` as it was before `guarded`."""
    return _GUARD.sub("", line)


def without_tags(line: str) -> str:
    """`line` without formatting tags."""
    return _TAGS.sub("", line)
