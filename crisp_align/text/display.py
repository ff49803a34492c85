"""Text made fit to be shown on one line: nothing in it that a screen, a file format or a terminal acts upon."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["displayed", "is_right_to_left", "quoted"]

# Line, paragraph and page separators and tabs become spaces; other controls, byte-order marks and interlinear
# annotation marks vanish; what UTF-8 cannot hold becomes the replacement character.
_SPACES = re.compile("[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029 ]+")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0001\U000e0020-\U000e007f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_OVERRIDES = re.compile("[\u202d\u202e]")
_BIDI = re.compile("[\u202a-\u202c\u2066-\u2069]")
_STACKED = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_MARKS = re.compile(f"({_STACKED}{{8}}){_STACKED}+")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")


def displayed(text: str) -> str:
    """`text` as one line: white space folded and trimmed, controls gone, at most eight stacked marks a character.

    Bidirectional overrides go, because they hide what a text says; embeddings and isolates stay only where they are
    balanced, so that a line never turns its neighbours around.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = _SPACES.sub(" ", text)
    text = _SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))
    text = _MARKS.sub(r"\1", _OVERRIDES.sub("", text))
    if _BIDI.search(text) and not _balanced(text):
        text = _BIDI.sub("", text)
    return _SPACES.sub(" ", text).strip(" ")


def quoted(text: str, columns: int = 60) -> str:
    """Quote the beginning of `text`, for messages; an ellipsis says that more follows."""
    return repr(text if len(text) <= columns else f"{text[:columns].rstrip()}…")


def is_right_to_left(text: str) -> bool:
    """Whether `text` as a whole runs from right to left: its first letter does (UAX #9)."""
    kinds = (unicodedata.bidirectional(char) for char in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


def _balanced(text: str) -> bool:
    stack: list[str] = []
    closers = {"\u202a": "\u202c", "\u202b": "\u202c", "\u2066": "\u2069", "\u2067": "\u2069", "\u2068": "\u2069"}
    for char in text:
        if char in closers:
            stack.append(closers[char])
        elif char in "\u202c\u2069" and (not stack or stack.pop() != char):
            return False
    return not stack
