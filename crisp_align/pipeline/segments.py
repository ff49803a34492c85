"""From timed units to segments: sentences, or the lines of a given text."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category

from crisp_align.languages import is_spaced
from crisp_align.text.sentences import sentence_ends
from crisp_align.transcript import Segment, Word

__all__ = ["SEGMENT_PAUSE", "normalize_text", "split_segments"]

_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, lone surrogate, line and paragraph separators
SEGMENT_PAUSE = 1.5  # s of silence between words that ends a segment even inside a sentence


def split_segments(
    words: Sequence[Word],
    language: str | None,
    aligner: str,
    ends: Sequence[bool] | None = None,
) -> list[Segment]:
    """Cut words into segments.

    Args:
        words: in order, in the time of their source.
        language: code of the language they are in.
        aligner: who timed them.
        ends: whether a segment ends after each word; None: where a sentence ends or a pause of 1.5 s follows.
    """
    closing = list(ends) if ends is not None else sentence_ends([word.text for word in words], language)
    made, first = [], 0
    for i, word in enumerate(words):
        last = i + 1 == len(words)
        if last or closing[i] or (ends is None and words[i + 1].start - word.end >= SEGMENT_PAUSE):
            part = tuple(words[first : i + 1])
            text = "".join(w.text for w in part)
            made.append(Segment(text, part[0].start, word.end, language, part, aligner))
            first = i + 1
    return made


def normalize_text(text: str, language: str | None) -> str:
    """Text as a segment holds it: one line, no outer white space but the space that spaced languages begin with."""
    line = "".join(" " if category(char) in _BREAKING else char for char in text).strip()
    return f" {line}" if line and is_spaced(language) else line
