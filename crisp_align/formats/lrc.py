"""Lyrics (.lrc): a line a cue, and with karaoke a time for each word ("enhanced"). No kept library writes both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import BLANKS, as_one_line, blank_edges, milliseconds, visible, visible_cues
from crisp_align.formats.document import Line, StyledRun, SubtitleCue, SubtitleDocument
from crisp_align.formats.format import WriteOptions
from crisp_align.formats.markup import tidy_lines
from crisp_align.formats.repairs import Repairs
from crisp_align.languages import is_spaced, script_language
from crisp_align.text.display import displayed
from crisp_align.text.width import columns
from crisp_align.transcript import Cue, Transcript, Word

__all__ = ["read_lrc", "write_lrc", "write_lrc_document"]

_JOINER = "\u2060"
_WORDS = 3  # pieces of a line without blanks, from which on they are words
_CLEAR = 1.0  # s of silence after which the line is cleared
_STAMP = re.compile(r"\[(\d{1,4}):([0-5]?\d)(?:[.:](\d{1,3}))?\]")
_WORD_STAMP = re.compile(r"<(\d{1,4}):([0-5]?\d)(?:[.:](\d{1,3}))?>")
_ANY_STAMP = re.compile(r"[\[<](\d{1,4}):([0-5]?\d)(?:[.:](\d{1,3}))?[\]>]")
_BACKGROUND = re.compile(r"\[bg:\s*(.*\S)\s*\]", re.IGNORECASE)
_OFFSET = re.compile(r"^\s*\[offset:\s*([+-]?\d{1,7})\s*\]", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(r"\[[A-Za-z#]+:[^\]]*\]")
_DANGEROUS = re.compile(r"(?<=[\[<])(?=\d)")
_GUARD = re.compile(rf"(?<=[\[<]){_JOINER}+(?=\d)")


def write_lrc(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """A line a cue; an empty line where nothing is said for a second or more."""
    rows: list[str] = []
    kept = visible_cues(cues)
    for number, (cue, _) in enumerate(kept):
        text = _DANGEROUS.sub(_JOINER, as_one_line(cue)) if options.karaoke == "none" else as_one_line(cue, _stamped)
        rows.append(f"[{_clock(cue.start)}]{text}")
        if number + 1 == len(kept) or kept[number + 1][0].start - cue.end >= _CLEAR:
            rows.append(f"[{_clock(cue.end)}]")
    return "".join(f"{row}\n" for row in rows)


def write_lrc_document(document: SubtitleDocument, options: WriteOptions) -> str:
    """A line a line, those of one cue with one time, words with theirs where they have any."""
    rows: list[str] = []
    cues = sorted((cue for cue in document.cues if cue.lines), key=lambda cue: cue.start)
    for number, cue in enumerate(cues):
        rows += [f"[{_clock(cue.start)}]{_line(line)}" for line in cue.lines]
        if number + 1 == len(cues) or cues[number + 1].start - cue.end >= _CLEAR:
            rows.append(f"[{_clock(cue.end)}]")
    return "".join(f"{row}\n" for row in rows)


def _line(line: Line) -> str:
    return "".join(
        ("" if run.start is None else f"<{_clock(run.start)}>") + _DANGEROUS.sub(_JOINER, run.text) for run in line
    )


def _stamped(line: Sequence[Word]) -> str:
    """A line with a time before each word."""
    return "".join(
        f"{' ' if text[0] in BLANKS else ''}<{_clock(word.start)}>{_DANGEROUS.sub(_JOINER, text.strip(BLANKS))}"
        for word, text in visible(line)
    )


def _clock(seconds: float) -> str:
    hundredths = (milliseconds(seconds) + 5) // 10
    return f"{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def read_lrc(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """A cue a line, in order of time, each to the next line's time; the last lasts two seconds where nothing ends it.

    Lines of one time, as of two languages, are one cue. What the tag `offset` says is taken off every time.

    Raises:
        TranscriptError: it has text, but no line of it has a time.
    """
    repairs = Repairs(name, strict)
    timed: list[tuple[float, str]] = []
    match = _OFFSET.search(text)
    offset = int(match.group(1)) / 1000 if match else 0.0
    outside: list[int] = []
    rows = text.split("\n")
    for number, line in enumerate(rows, start=1):
        rest, stamps = line.strip(BLANKS), []
        background = _BACKGROUND.fullmatch(rest)
        if background and timed:
            timed.append((_first_stamp(background.group(1), offset, timed[-1][0]), background.group(1)))
            continue
        while match := _STAMP.match(rest):
            stamps.append(_seconds(match, offset))
            rest = rest[match.end() :].lstrip(BLANKS)
            if _STAMP.search(rest) and rest[0] != "[":
                break  # further stamps are those of words
        timed += [(stamp, rest) for stamp in stamps]
        if not stamps and rest and not _TAG.fullmatch(rest) and not rest.startswith("#"):
            outside.append(number)
    if not timed and outside:
        raise TranscriptError("not LRC: no line begins with a time like [00:01.00]", subject=name)
    if outside:
        repairs.note("line without a time left out", outside[0], count=len(outside))
    timed.sort(key=lambda pair: pair[0])
    return SubtitleDocument(tuple(_cues(timed, offset)), name, "lrc", notices=repairs.notices)


def _first_stamp(text: str, offset: float, otherwise: float) -> float:
    match = _WORD_STAMP.search(text)
    return _seconds(match, offset) if match else otherwise


def _cues(timed: Sequence[tuple[float, str]], offset: float) -> list[SubtitleCue]:
    cues: list[SubtitleCue] = []
    times = sorted({start for start, _ in timed})
    following = dict(zip(times, [*times[1:], times[-1] + 2.0] if times else [], strict=True))
    for start, rest in timed:
        lines = tidy_lines([_runs(rest, offset)])
        if not any(run.text for line in lines for run in line):
            continue
        if cues and cues[-1].start == start:
            cues[-1] = replace(cues[-1], lines=(*cues[-1].lines, *lines))
        else:
            cues.append(SubtitleCue(start, following[start], lines))
    return cues


def _runs(rest: str, offset: float) -> list[StyledRun]:
    runs: list[StyledRun] = []
    start: float | None = None
    pattern = _ANY_STAMP if _STAMP.search(rest) else _WORD_STAMP
    at = 0
    for match in [*pattern.finditer(rest), None]:
        piece = _GUARD.sub("", rest[at : match.start() if match else len(rest)])
        if displayed(piece):
            runs.append(StyledRun(blank_edges(piece), start=start))
            start = None
        elif piece and runs and runs[-1].text and not runs[-1].text.endswith(" "):
            runs[-1] = replace(runs[-1], text=f"{runs[-1].text} ")
        if match:
            start, at = _seconds(match, offset), match.end()
    if start is not None and runs:
        runs.append(StyledRun("", start=start))
    return _parted(runs)


def _parted(runs: list[StyledRun]) -> list[StyledRun]:
    """Runs with blanks between them where only stamps part the words of a line: no blank is in it, and no wide letter.

    Two pieces may be syllables of one word.
    """
    texts = [run.text for run in runs if run.text]
    whole = "".join(texts)
    if len(texts) < _WORDS or " " in whole or columns(whole) > len(whole) or not is_spaced(script_language(whole)):
        return runs
    return [replace(run, text=f"{run.text} ") if run.text and run.text[-1].isalnum() else run for run in runs]


def _seconds(match: re.Match[str], offset: float) -> float:
    minutes, seconds, fraction = match.groups()
    return max(0.0, round(int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}") - offset, 3))
