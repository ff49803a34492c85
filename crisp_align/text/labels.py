"""What a text holds and is not said: who speaks, which sounds there are, marks of music."""

from __future__ import annotations

import re

__all__ = ["is_sound_line", "unspoken_spans"]

_BRACKETS = r"\[[^\[\]]{1,200}\]|［[^［］]{1,200}］|【[^【】]{1,200}】"
_PARENTHESES = r"\([^()]{1,200}\)|（[^（）]{1,200}）"
_NAME = r"[^\W\d_a-z](?:[^\W\d_a-z]|[.'’]){1,24}"
_SPEAKER = re.compile(
    rf"^\s*(?:[-–—‐]\s*|>>\s*)?((?:{_NAME}(?:[ -]{_NAME}){{0,3}}|(?:Speaker|SPEAKER|Sprecher)[ _]?\d{{1,3}})"
    r"(?:\s?\([^()]{1,40}\))?\s?[:：])(?=\s|$)"
)
_PARENTHESIS_AT_AN_END = re.compile(rf"^\W*({_PARENTHESES})|({_PARENTHESES})\W*$")
_IN_BRACKETS = re.compile(_BRACKETS)
_WHOLE = re.compile(rf"\W*(?:(?:{_BRACKETS}|{_PARENTHESES})\W*)+")
_MOST_WORDS = 4  # of a sound in parentheses that is next to words: more of them are said


def is_sound_line(line: str) -> bool:
    """Whether a line holds nothing but sounds: `[door slams]`, `(applause)`."""
    return bool(_WHOLE.fullmatch(line.strip())) and any(char.isalnum() for char in line)


def unspoken_spans(line: str) -> list[tuple[int, int]]:
    """Where in a line is what is not said, (start, end), in order: `NAME:`, `[sound]`, `(sighs)` at its ends.

    What is in parentheses elsewhere, or is longer than four words, is part of the sentence.
    """
    spans = [match.span() for match in _IN_BRACKETS.finditer(line)]
    begin = 0
    speaker = _SPEAKER.match(line)
    if speaker and any(char.isupper() for char in speaker[1]):
        spans.append(speaker.span(1))
        begin = speaker.end(1)
    for match in _PARENTHESIS_AT_AN_END.finditer(line[begin:]):
        group = 1 if match[1] else 2
        if len(match[group].split()) <= _MOST_WORDS and match[group][1:2].isalpha():
            spans.append((match.start(group) + begin, match.end(group) + begin))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
