"""SubRip (.srt). Composed by the `srt` package.

Read by hand, line by line: that package's one regular expression takes minutes over a few kilobytes that are not
SubRip, and files are not trusted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import highlight_spans, milliseconds, read_cue, visible, visible_cues
from crisp_align.formats.format import Entry, WriteOptions
from crisp_align.transcript import Cue, Transcript, Word

__all__ = ["escape", "read_srt", "srt_entries", "unescape", "without_tags", "write_srt"]

# SRT has no escapes. A word joiner, invisible and of no width, keeps text from being read as an arrow or a tag; the
# reader takes it out again.
_CLOCK = r"(?:(\d{1,6}):)?(\d{1,3}):(\d{1,3})(?:[,.:](\d{1,9}))?"
_TIMING = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s|$)")
_NUMBER = re.compile(r"\s*\d{1,12}\s*")
_JOINER = "\u2060"
_DANGEROUS = re.compile(r"(?<=--)(?=>)|(?<=<)(?=[A-Za-z/!?])|(?<=\{)(?=[\\/A-Za-z])|(?<=\d:)(?=\d+:\d+[.,]\d)")
_GUARD = re.compile(rf"(?<=--){_JOINER}+(?=>)|(?<=[<{{]){_JOINER}+|(?<=\d:){_JOINER}+(?=\d)")
_TAGS = re.compile(r"</?(?:b|i|u|s|c|v|font|lang|ruby|rt)(?:[\s.=][^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)


def write_srt(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Numbered cues; with `highlight_words` each cue once a word, the word being spoken underlined."""
    import srt

    blocks: list[tuple[float, float, str]] = []
    for cue, lines in visible_cues(cues):
        if options.highlight_words:
            blocks += [(start, end, _underlined(cue, word)) for start, end, word in highlight_spans(cue)]
        else:
            blocks.append((cue.start, cue.end, "\n".join(escape(line) for line in lines)))
    entries = [
        srt.Subtitle(
            index=number,
            start=timedelta(milliseconds=milliseconds(start)),
            end=timedelta(milliseconds=milliseconds(end)),
            content=text,
        )
        for number, (start, end, text) in enumerate(blocks, start=1)
    ]
    return str(srt.compose(entries, reindex=False, strict=True))


def _underlined(cue: Cue, spoken: Word | None) -> str:
    lines = [[(word, text) for word, text in visible(line)] for line in cue.lines]
    return "\n".join(
        "".join(_marked(text) if word is spoken else escape(text) for word, text in line) for line in lines if line
    )


def _marked(text: str) -> str:
    core = text.lstrip()
    return f"{text[: len(text) - len(core)]}<u>{escape(core)}</u>"


def srt_entries(text: str, name: str) -> list[Entry]:
    """The cues of a file as they stand, tags and all; an empty line inside a cue is left out.

    Raises:
        TranscriptError: a part of the file is not SubRip; names its line.
    """
    lines = text.split("\n")
    timings = [number for number, line in enumerate(lines) if "-->" in line and _is_timing(line, number, name)]
    heads = [number - 1 if number and _NUMBER.fullmatch(lines[number - 1]) else number for number in timings]
    before = next((n for n, line in enumerate(lines[: heads[0] if heads else None]) if line.strip()), None)
    if before is not None:
        raise TranscriptError(f"not SubRip from line {before + 1} on", subject=name)
    entries: list[Entry] = []
    for number, head, following in zip(timings, heads, [*heads, len(lines)][1:], strict=True):
        match = _TIMING.match(lines[number])
        assert match  # noqa: S101 (it was seen above)
        start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:8])
        shown = [line for line in lines[number + 1 : following] if line.strip()]
        entries.append(Entry(lines[head].strip() if head < number else "", start, end, "\n".join(shown)))
    return entries


def _is_timing(line: str, number: int, name: str) -> bool:
    if _TIMING.match(line):
        return True
    if re.match(r"\s*\d+:.*-->", line):
        hint = "00:00:01,000 --> 00:00:02,000"
        raise TranscriptError(f"line {number + 1} is not a SubRip timing", subject=name, hint=hint)
    return False


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return round(whole + float(f"0.{fraction or 0}"), 3)


def read_srt(text: str, name: str) -> list[Cue]:
    """Cues in the order of the file, times as they stand, formatting tags left out.

    Raises:
        TranscriptError: a part of the file is not SubRip; names its line.
    """
    return [
        read_cue(entry.start, entry.end, [unescape(without_tags(line)) for line in entry.text.split("\n")])
        for entry in srt_entries(text, name)
    ]


def escape(line: str) -> str:
    """`line` with nothing in it that reads as an arrow or a tag."""
    return _DANGEROUS.sub(_JOINER, line)


def unescape(line: str) -> str:
    """`line` as it was before `escape`."""
    return _GUARD.sub("", line)


def without_tags(line: str) -> str:
    """`line` without formatting tags."""
    return _TAGS.sub("", line)
