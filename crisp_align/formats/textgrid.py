"""Praat's TextGrid (.TextGrid): a tier of segments and a tier of words. Read through praatio."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import milliseconds
from crisp_align.formats.format import WriteOptions
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Segment, Transcript, Word

__all__ = ["read_textgrid", "write_textgrid"]


def write_textgrid(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Two interval tiers, `segments` and `words`, in the long form; empty intervals fill the pauses."""
    last = max([milliseconds(transcript.duration), *(milliseconds(word.end) for word in transcript.words), 1])
    segments = _filled([(s.start, s.end, displayed(s.text)) for s in transcript.segments], last)
    words = _filled([(word.start, word.end, displayed(word.text)) for word in transcript.words], last)
    rows = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0 ",
        f"xmax = {last / 1000:g} " if last < 1_000_000 else f"xmax = {last / 1000} ",
        "tiers? <exists> ",
        "size = 2 ",
        "item []: ",
    ]
    for number, (name, intervals) in enumerate((("segments", segments), ("words", words)), start=1):
        rows += [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{name}" ']
        rows += ["        xmin = 0 ", f"        xmax = {last / 1000} ", f"        intervals: size = {len(intervals)} "]
        for index, (start, end, text) in enumerate(intervals, start=1):
            quoted = text.replace('"', '""')
            rows += [f"        intervals [{index}]:", f"            xmin = {start / 1000} "]
            rows += [f"            xmax = {end / 1000} ", f'            text = "{quoted}" ']
    return "\n".join(rows) + "\n"


def _filled(pieces: Sequence[tuple[float, float, str]], last: int) -> list[tuple[int, int, str]]:
    """Intervals in ms that cover 0 to `last`; those that overlap or are empty give way to the one before."""
    intervals: list[tuple[int, int, str]] = []
    now = 0
    for start, end, text in pieces:
        first, until = max(now, milliseconds(start)), milliseconds(end)
        if not text or until <= first:
            continue
        if first > now:
            intervals.append((now, first, ""))
        intervals.append((first, until, text))
        now = until
    if now < last:
        intervals.append((now, last, ""))
    return intervals


def read_textgrid(text: str, name: str) -> Transcript:
    """Words from the tier `words`, parted into segments by the tier `segments`, else by pauses of half a second.

    A tier may be called word(s), or be the only one; a file of other tiers is refused.

    Raises:
        TranscriptError: it is not a TextGrid, or has no tier of words.
    """
    tiers, duration = _tiers(text, name)
    words = _tier(tiers, "words") or _tier(tiers, "word")
    segments = _tier(tiers, "segments") or _tier(tiers, "utterances")
    if words is None and segments is None and len(tiers) == 1:
        words = next(iter(tiers.values()))
    if not words and not segments:
        raise TranscriptError(f"no tier of words among {', '.join(tiers) or 'none'}", subject=name)
    pieces = _grouped(words or [], segments)
    return Transcript(tuple(pieces), max([duration, *(segment.end for segment in pieces)]), name)


def _tiers(text: str, name: str) -> tuple[dict[str, list[tuple[float, float, str]]], float]:
    from praatio.utilities import errors
    from praatio.utilities.textgrid_io import parseTextgridStr

    if not re.match(r'\s*(?:File type = )?"ooTextFile', text):
        raise TranscriptError("not a TextGrid: line 1 does not say so", subject=name)
    try:
        parsed = parseTextgridStr(text, includeEmptyIntervals=False)
        tiers = {
            str(tier["name"]): [
                (float(start), float(end), str(label)) for start, end, label in tier["entries"] if str(label).strip()
            ]
            for tier in parsed["tiers"]
            if tier["class"] == "IntervalTier"
        }
        duration = float(parsed["xmax"])
    except (errors.PraatioException, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise TranscriptError("not a TextGrid: malformed", subject=name) from error
    times = [time for entries in tiers.values() for start, end, _ in entries for time in (start, end - start)]
    if not all(0 <= time < 1e8 for time in [*times, duration]):
        raise TranscriptError("not a TextGrid: a time in it is none", subject=name)
    return tiers, duration


def _tier(tiers: dict[str, list[tuple[float, float, str]]], wanted: str) -> list[tuple[float, float, str]] | None:
    return next((entries for name, entries in tiers.items() if name.lower().split(" - ")[-1] == wanted), None)


def _grouped(
    words: Sequence[tuple[float, float, str]], segments: Sequence[tuple[float, float, str]] | None
) -> list[Segment]:
    if segments is None:
        spans: list[tuple[float, float, str]] = []
        for start, end, label in words:
            if spans and start - spans[-1][1] < 0.5:
                spans[-1] = (spans[-1][0], end, f"{spans[-1][2]} {label}")
            else:
                spans.append((start, end, label))
        segments = spans
    made: list[Segment] = []
    for start, end, label in segments:
        inside = [word for word in words if start - 0.0005 <= word[0] and word[1] <= end + 0.0005]
        texts = _spaced(label, [displayed(text) for _, _, text in inside])
        if not inside:
            inside, texts = [(start, end, label)], [f" {displayed(label)}"]
        timed = tuple(Word(t, round(a, 3), round(b, 3)) for t, (a, b, _) in zip(texts, inside, strict=True))
        made.append(Segment("".join(texts), round(start, 3), round(end, 3), None, timed))
    return made


def _spaced(label: str, texts: list[str]) -> list[str]:
    """Word labels with the spaces they have in their segment's label; one space each where they are not found in it."""
    line, spaced, at = displayed(label), [], 0
    for number, text in enumerate(texts):
        found = line.find(text, at)
        if found < 0 or line[at:found].strip():
            return [f" {text}" for text in texts]
        spaced.append((" " if found > at or (number == 0 and text.isascii()) else "") + text)
        at = found + len(text)
    return spaced
