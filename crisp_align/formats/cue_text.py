"""Between the lines of a cue and its words: the text that writers share, the words and times that readers recover."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from crisp_align.text.display import displayed
from crisp_align.text.width import columns, graphemes
from crisp_align.transcript import Cue, Segment, Transcript, Word

__all__ = ["clock", "cue_lines", "milliseconds", "read_cue", "shown", "transcript_of", "words_of_line"]


def cue_lines(cue: Cue) -> list[str]:
    """The lines of a cue as they may be shown, none of them empty."""
    lines = [displayed("".join(word.text for word in line)) for line in cue.lines]
    return [line for line in lines if line]


def shown(cues: Iterable[Cue]) -> list[tuple[Cue, list[str]]]:
    """Cues with their lines, without those that show nothing."""
    return [(cue, lines) for cue in cues if (lines := cue_lines(cue))]


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, not below 0."""
    return max(0, round(seconds * 1000))


def clock(seconds: float, comma: str = ".") -> str:
    """HH:MM:SS.mmm; hours grow beyond two digits where needed."""
    whole, ms = divmod(milliseconds(seconds), 1000)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}{comma}{ms:03d}"


def read_cue(start: float, end: float, lines: Sequence[str], speaker: str | None = None) -> Cue:
    """A cue whose words share its time by their width; lines that show nothing are dropped."""
    texts = [text for line in lines if (text := displayed(line))]
    pieces = [words_of_line(text) for text in texts]
    weights = [[max(1, columns(piece.strip())) for piece in line] for line in pieces]
    total = sum(map(sum, weights)) or 1
    rows: list[tuple[Word, ...]] = []
    done = 0
    for line, shares in zip(pieces, weights, strict=True):
        row: list[Word] = []
        for piece, share in zip(line, shares, strict=True):
            first, last = (start + (end - start) * part / total for part in (done, done + share))
            row.append(Word(piece, round(first, 3), round(last, 3), speaker=speaker))
            done += share
        rows.append(tuple(row))
    return Cue(start, end, tuple(rows))


def words_of_line(line: str) -> list[str]:
    """Words of a line, each with its leading space; a wide character is a word, with the marks that cling to it."""
    words: list[str] = []
    for token in re.findall(r"\s*\S+", line):
        if columns(token.strip()) == len(token.strip()):
            words.append(token)
            continue
        words += _wide_words(token)
    return words


def _wide_words(token: str) -> list[str]:
    clusters = graphemes(token)
    kinds = "".join(map(_kind, clusters))
    return ["".join(clusters[match.start() : match.end()]) for match in _WORD.finditer(kinds)]


# Over the kinds of clusters: openers and space, then a wide letter or a run of others, then what clings to its end.
_WORD = re.compile(r"[SO]*(?:W|A(?:[AP]*A)?)P*|[SOP]+")
_OPENING = frozenset("「『（【〈《〔［｛“‘([{«‹¿¡")


def _kind(cluster: str) -> str:
    if cluster[0].isspace():
        return "S"
    if cluster[0] in _OPENING:
        return "O"
    if not cluster[0].isalnum():
        return "P"
    return "W" if columns(cluster) == 2 and not _is_hangul(cluster[0]) else "A"


def transcript_of(cues: Sequence[Cue], source: str) -> Transcript:
    """A transcript with a segment a cue; lines join with a space, except between wide characters."""
    segments: list[Segment] = []
    for cue in cues:
        words: list[Word] = []
        for line in cue.lines:
            for number, word in enumerate(line):
                text = word.text
                if number == 0 and not text[:1].isspace() and not _joined(words[-1].text if words else "", text):
                    text = f" {text}"
                words.append(Word(text, word.start, word.end, word.score, word.speaker))
        if words:
            text = "".join(word.text for word in words)
            segments.append(Segment(text, cue.start, cue.end, None, tuple(words), None))
    duration = max((segment.end for segment in segments), default=0.0)
    return Transcript(tuple(segments), duration, source)


def _joined(left: str, right: str) -> bool:
    """Whether a line that ends in `left` goes on in `right` without a space."""
    if not left:
        return columns(right[:1]) == 2 and not _is_hangul(right[0])
    return columns(left[-1]) == 2 and columns(right[:1]) == 2 and not (_is_hangul(left[-1]) or _is_hangul(right[0]))


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3" or "\u1100" <= char <= "\u11ff"
