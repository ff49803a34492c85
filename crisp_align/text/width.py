"""How much room text takes on a screen.

Counted in columns over grapheme clusters: a cluster is as wide as the widest character in it, two columns where
Unicode's East Asian Width (UAX #11) is Wide or Fullwidth or the cluster is an emoji, one elsewhere, none for what is
invisible. Ambiguous characters count one.
"""

from __future__ import annotations

import re

from wcwidth import iter_graphemes, wcswidth, wcwidth

__all__ = ["clip_width", "columns", "graphemes", "is_wide"]


# Characters of two columns that form no cluster with a neighbour among them.
_WIDE = re.compile("[、-〉《-〟ぁ-ゖァ-ヿ一-鿿가-힣！-～]+")


def graphemes(text: str) -> list[str]:
    """`text` cut into extended grapheme clusters (UAX #29); they concatenate to `text`."""
    return list(text) if text.isascii() and "\r" not in text else list(iter_graphemes(text))


def columns(text: str) -> int:
    """Columns that `text` takes; control characters take none."""
    if text.isascii() and text.isprintable():
        return len(text)
    if _WIDE.fullmatch(text):
        return 2 * len(text)
    return sum(_cluster_columns(cluster) for cluster in iter_graphemes(text))


def is_wide(text: str) -> bool:
    """Whether a letter of `text` takes two columns and is of a script that is written without spaces."""
    return any(columns(char) == 2 and char.isalpha() and not "\uac00" <= char <= "\ud7a3" for char in text)


def clip_width(text: str, limit: int) -> list[str]:
    """`text` cut into pieces of at most `limit` columns, between grapheme clusters; no piece is empty.

    A single cluster wider than `limit` is a piece of its own.
    """
    pieces: list[str] = []
    piece: list[str] = []
    used = 0
    for cluster in graphemes(text):
        width = _cluster_columns(cluster)
        if piece and used + width > limit:
            pieces.append("".join(piece))
            piece, used = [], 0
        piece.append(cluster)
        used += width
    if piece:
        pieces.append("".join(piece))
    return pieces


def _cluster_columns(cluster: str) -> int:
    # wcwidth adds up the consonants of an Indic conjunct; on a screen it is one character.
    widest = max((wcwidth(char) for char in cluster), default=0)
    if widest == 1 and len(cluster) > 1 and (cluster[-1] == "\ufe0f" or "\U0001f1e6" <= cluster[0] <= "\U0001f1ff"):
        return max(1, min(2, wcswidth(cluster)))
    return max(0, widest)
