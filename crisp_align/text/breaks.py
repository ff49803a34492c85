"""Where a line may break, where it must not, and where it reads best."""

from __future__ import annotations

import unicodedata

from crisp_align.text.width import columns

__all__ = ["is_glued"]

_JOINERS = frozenset("\u200d\u2060\ufeff\u00a0\u202f\u2007")


def is_glued(left: str, right: str, *, spaced: bool = False) -> bool:
    """Whether nothing may come between `left` and `right`, the texts of two neighbouring words.

    So it is where `right` is blank, a grapheme cluster runs across, a no-break space or joiner stands there, or,
    with `spaced`, where there is no white space between two letters of a script that is written with it.
    """
    if not right.strip():
        return True
    if not left:
        return False
    before, after = left[-1], right[0]
    if before in _JOINERS or after in _JOINERS or unicodedata.combining(after) or unicodedata.category(after)[0] == "M":
        return True
    if not spaced or before.isspace() or after.isspace():
        return False
    return columns(before) < 2 and columns(after) < 2
