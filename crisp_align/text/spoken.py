"""How a displayed piece of text is said: the plain words an English pronunciation dictionary can look up."""

from __future__ import annotations

import re
import unicodedata

from num2words import num2words

__all__ = ["spoken_words"]

_PIECE = re.compile(r"\d+|[a-z']+")


def spoken_words(text: str, language: str = "en") -> list[str]:
    """The words said for `text`, lower case; empty where nothing in it can be sounded."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'")).lower()
    words: list[str] = []
    for piece in _PIECE.findall("".join(char for char in plain if not unicodedata.combining(char))):
        said = num2words(int(piece), lang=language) if piece.isdigit() else piece.strip("'")
        words += re.findall(r"[a-z']+", said)
    return words
