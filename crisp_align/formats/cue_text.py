"""Between the lines of a cue and its words: the text that writers share, the words and times that readers recover."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from crisp_align.languages import script_language
from crisp_align.text.clock import time_code
from crisp_align.text.display import displayed
from crisp_align.text.identify import language_of_words
from crisp_align.text.marks import DASHES, NOTES, OPENERS
from crisp_align.text.width import columns, graphemes
from crisp_align.transcript import Cue, Segment, Transcript, Word

__all__ = [
    "BLANKS",
    "Run",
    "as_one_line",
    "blank_edges",
    "clock",
    "cue_lines",
    "highlight_spans",
    "joins_without_space",
    "milliseconds",
    "read_cue",
    "read_runs",
    "transcript_of",
    "turns",
    "visible",
    "visible_cues",
    "words_of_line",
]


BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029 "
"""The white space that `displayed` folds and trims; no-break and ideographic spaces are a part of the text."""


def blank_edges(text: str) -> str:
    """As `displayed`, the white space at the ends of `text`, which is not empty, kept as one space each."""
    core = displayed(text)
    return f"{' ' if text[0] in BLANKS else ''}{core}{' ' if text[-1] in BLANKS and core else ''}"


def cue_lines(cue: Cue) -> list[str]:
    """The lines of a cue as they may be shown, none of them empty."""
    lines = [displayed("".join(word.text for word in line)) for line in cue.lines]
    return [line for line in lines if line.strip()]


def turns(segment: Segment) -> list[tuple[str | None, str]]:
    """What a segment shows, parted where speakers change: (who, text); the whole where it has no words."""
    found: list[tuple[str | None, str]] = []
    for word in segment.words:
        if found and found[-1][0] == word.speaker:
            found[-1] = (word.speaker, found[-1][1] + word.text)
        else:
            found.append((word.speaker, word.text))
    return [(speaker, shown) for speaker, text in found or [(None, segment.text)] if (shown := displayed(text))]


def as_one_line(cue: Cue, show: Callable[[Sequence[Word]], str] | None = None) -> str:
    """The lines of a cue as one; a space parts them where one stood, or none of the letters there is wide.

    Args:
        cue: some of its lines may show nothing.
        show: how a line that shows something is written; None: as it is.
    """
    parts: list[str] = []
    above = ""
    for line in cue.lines:
        raw = "".join(word.text for word in line)
        if own := displayed(raw):
            parts.append(" " if above and (raw[0] in BLANKS or not _is_wide(above[-1] + own[0])) else "")
            parts.append(show(line) if show else own)
            above = own
    return "".join(parts)


def _is_wide(chars: str) -> bool:
    """Whether any of `chars` is of a script that parts no words by spaces."""
    return any(columns(char) == 2 and not _is_hangul(char) for char in chars)


def visible_cues(cues: Iterable[Cue]) -> list[tuple[Cue, list[str]]]:
    """Cues with their lines, without those that show nothing."""
    return [(cue, lines) for cue in cues if (lines := cue_lines(cue))]


def visible(line: Sequence[Word]) -> list[tuple[Word, str]]:
    """Words of a line with what each shows, white space before it included; those that show nothing left out.

    The shown texts join to the line as `cue_lines` gives it.
    """
    pairs: list[tuple[Word, str]] = []
    spaced = False
    for word in line:
        text = displayed(word.text)
        if text:
            spaced = spaced or word.text[0] in BLANKS
            pairs.append((word, f" {text}" if spaced and pairs else text))
        spaced = word.text.endswith(tuple(BLANKS)) or (spaced and not text)
    return pairs if any(text.strip() for _, text in pairs) else []


def highlight_spans(cue: Cue) -> list[tuple[float, float, Word | None]]:
    """Stretches of a cue and the word that is spoken in each, None between words; in order, without a gap.

    Times are whole milliseconds; no stretch is empty.
    """
    stretches: list[tuple[float, float, Word | None]] = []
    clock_at = milliseconds(cue.start)
    over = milliseconds(cue.end)
    for word in (word for line in cue.lines for word, _ in visible(line)):
        start, end = max(clock_at, milliseconds(word.start)), min(over, milliseconds(word.end))
        if start >= end:
            continue
        if start > clock_at:
            stretches.append((clock_at / 1000, start / 1000, None))
        stretches.append((start / 1000, end / 1000, word))
        clock_at = end
    if clock_at < over:
        stretches.append((clock_at / 1000, over / 1000, None))
    return stretches


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, not below 0."""
    return max(0, round(seconds * 1000))


def clock(seconds: float, comma: str = ".", *, hour_digits: int = 2) -> str:
    """HH:MM:SS.mmm; hours grow beyond their digits where needed."""
    return time_code(milliseconds(seconds), comma, hour_digits=hour_digits)


def read_cue(start: float, end: float, lines: Sequence[str], speaker: str | None = None) -> Cue:
    """A cue whose words share its time by their width; lines that show nothing are dropped."""
    return read_runs(start, end, [[Run(text, speaker)] for line in lines if (text := displayed(line))])


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a line in a subtitle file; without text, a pause."""

    text: str
    speaker: str | None = None
    start: float | None = None
    """s at which it is said to begin; None: not said."""


def read_runs(start: float, end: float, lines: Sequence[Sequence[Run]]) -> Cue:
    """A cue whose words begin where the runs say; in between they share the time by their width.

    Where a run has a time, its words are what white space parts; else a wide character is a word of its own.
    """
    pieces: list[tuple[int, str, str | None, float | None]] = []
    timed = any(run.start is not None for line in lines for run in line)
    for row, line in enumerate(lines):
        blank = ""
        for run in line:
            if not run.text:
                pieces.append((row, "", None, run.start))
                continue
            given = run.text if run.text[0] in BLANKS else blank + run.text
            texts = _TIMED.findall(given) if timed else words_of_line(given)
            blank = " " if given[-1] in BLANKS else ""
            if rest := given[sum(map(len, texts)) :].rstrip(BLANKS):
                texts[-1:] = ["".join(texts[-1:]) + rest]
            for number, text in enumerate(texts):
                pieces.append((row, text, run.speaker, run.start if number == 0 else None))
    bounds = _bounds(start, end, [(max(1, columns(text.strip())), time) for _, text, _, time in pieces])
    rows: list[list[Word]] = [[] for _ in lines]
    for (row, text, speaker, _), (first, last) in zip(pieces, bounds, strict=True):
        if text:
            rows[row].append(Word(text if rows[row] else text.lstrip(BLANKS), first, last, speaker=speaker))
    return Cue(start, end, tuple(tuple(row) for row in rows if row))


def _bounds(start: float, end: float, pieces: Sequence[tuple[int, float | None]]) -> list[tuple[float, float]]:
    """Start and end of pieces of some width, some of which have a time to start at."""
    bounds: list[tuple[float, float]] = []
    group: list[int] = []
    begin = max(start, pieces[0][1] or start) if pieces else start
    for number, (width, _) in enumerate(pieces):
        group.append(width)
        after = pieces[number + 1][1] if number + 1 < len(pieces) else end
        if after is None:
            continue
        after = min(max(after, begin), max(end, begin))
        total = sum(group)
        edges = [begin + (after - begin) * part / total for part in accumulate([0, *group])]
        bounds += [(round(a, 3), round(b, 3)) for a, b in pairwise(edges)]
        group, begin = [], after
    return bounds


def words_of_line(line: str) -> list[str]:
    """Words of a line, each with its leading space; a wide character is a word, with the marks that cling to it.

    Marks that stand alone cling to the word before; those that open something, the note with which a song begins, a
    dash before what another speaker says, and all that begin the line, to the word after.
    """
    words: list[list[str]] = []
    held: list[str] = []
    before = ""
    notes = 0 if any(note in line for note in NOTES) else -1  # below 0: there is none
    for token in _TOKEN.findall(line):
        if not any(char.isalnum() for char in token):
            opens = _opens(token.strip(), before) or (
                notes >= 0 and notes % 2 == 0 and token.strip()[:1] in tuple(NOTES)
            )
            (words[-1] if words and not held and not opens else held).append(token)
        else:
            narrow = columns(token.strip()) == len(token.strip())
            first, *rest = [token] if narrow else _wide_words(token)
            words += [[*held, first], *([word] for word in rest)]
            held = []
        before = (before + token)[-_ENOUGH:]
        if notes >= 0:
            notes += sum(map(token.count, NOTES))
    return ["".join(parts) for parts in ([*words, held] if held else words)]


def _opens(mark: str, before: str) -> bool:
    """Whether a mark that stands alone after the word `before` belongs to what follows."""
    return mark[-1:] in _OPENING or bool(_DASH.fullmatch(mark) and _SENTENCE_END.search(before))


def _wide_words(token: str) -> list[str]:
    clusters = graphemes(token)
    kinds = "".join(map(_kind, clusters))
    return ["".join(clusters[match.start() : match.end()]) for match in _WORD.finditer(kinds)]


_TIMED = re.compile(rf"[{BLANKS}]*[^{BLANKS}]+")
_TOKEN = re.compile(r"[^\S\u00a0\u2007\u202f]*[\S\u00a0\u2007\u202f]+")  # no-break spaces part no words
# Over the kinds of clusters: openers and space, then a wide letter or a run of others, then what clings to its end.
_WORD = re.compile(r"[SO]*(?:W|A(?:[AP]*A)?)P*|[SOP]+")
_OPENING = frozenset(OPENERS)
_DASH = re.compile(f"[{DASHES}]")
_SENTENCE_END = re.compile(r"[.!?…؟。！？—-](?:\s?[\"'”’»)\]])*$")
_ENOUGH = 9  # characters that show whether a sentence ends with them


def _kind(cluster: str) -> str:
    if cluster[0].isspace():
        return "S"
    if cluster[0] in _OPENING:
        return "O"
    if not cluster[0].isalnum():
        return "P"
    return "W" if columns(cluster) == 2 and not _is_hangul(cluster[0]) else "A"


def transcript_of(cues: Sequence[Cue], source: str, language: str | None = None) -> Transcript:
    """A transcript with a segment a cue, in order of time; lines join with a space, except between wide characters.

    Where `language` is None, a script that only one language is written in decides, else the words.
    """
    text = " ".join(cue.text for cue in cues)
    language = language or script_language(text) or language_of_words(text)
    segments: list[Segment] = []
    for cue in sorted(cues, key=lambda cue: cue.start):
        words: list[Word] = []
        for line in cue.lines:
            for number, word in enumerate(line):
                text = word.text
                if (
                    number == 0
                    and not text[:1].isspace()
                    and not joins_without_space(words[-1].text if words else "", text)
                ):
                    text = f" {text}"
                words.append(Word(text, word.start, word.end, word.score, word.speaker))
        if words:
            text = "".join(word.text for word in words)
            segments.append(Segment(text, cue.start, cue.end, language, tuple(words)))
    duration = max((segment.end for segment in segments), default=0.0)
    return Transcript(tuple(segments), duration, source)


def joins_without_space(left: str, right: str) -> bool:
    """Whether a line that ends in `left` goes on in `right` without a space."""
    if not left:
        return columns(right[:1]) == 2 and not _is_hangul(right[0])
    return columns(left[-1]) == 2 and columns(right[:1]) == 2 and not (_is_hangul(left[-1]) or _is_hangul(right[0]))


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3" or "\u1100" <= char <= "\u11ff"
