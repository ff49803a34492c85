"""Where a subtitle begins a line whatever room is left: another speaker's dash or name, a sound, a song."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crisp_align.text.breaks import speaker_dashes
from crisp_align.text.marks import NOTES

__all__ = ["SOUND_MARKS", "line_starts"]

SOUND_MARKS = frozenset(f"[]()［］（）【】{NOTES}")
"""With which a sound or a song begins and ends."""
_MARKED = re.compile(rf"[{NOTES}\[(（［【:：‐–—-]")
_BRACKETS = {"[": "]", "(": ")", "［": "］", "（": "）", "【": "】"}
_OPENS = re.compile(r"\s*([\[(（［【])")
_NAME_PART = re.compile(r"\W*(?:[^\W\d_]+(?:[.'’&-]+[^\W\d_]*)*|[#\d.]+)\W?\s*")
_NAME_END = re.compile(r"[:：]\s*$")
_NAME_WORDS = 3  # THE OLD MAN: is as long as labels get
_GROUP = 60  # words that a bracket or a song may hold; one that never closes opens nothing


def line_starts(texts: Sequence[str], closes: Sequence[bool]) -> list[bool]:
    """Whether each text begins a line by what it is.

    That is a dash with which another speaker begins, a name in capitals before a colon, and what is in brackets by
    itself or between the notes of a song, with what follows the bracket or the song.

    Args:
        texts: of words in a row, as many as somebody said or a cue held.
        closes: whether each closes a sentence.

    Returns:
        One for each text, and one for what follows them.
    """
    if not _MARKED.search("".join(texts)):
        return [False] * (len(texts) + 1)
    starts = [*speaker_dashes(texts, closes), False]
    # A sentence begins there, or a dash, or the first word after a dash that stands alone.
    fresh = [a or b or c for a, b, c in zip(starts, [True, *closes], [False, *starts], strict=False)]
    place = 0
    while place < len(texts):
        end = _song_end(texts, place) or (_bracket_end(texts, place) if fresh[place] else 0)
        if end:
            starts[place] = fresh[end] = True
            starts[end] = starts[end] or texts[place].strip()[0] not in "(（"
            place = end
        else:
            place += 1
    for number, text in enumerate(texts):
        if _NAME_END.search(text) and (first := _name_start(texts, number, fresh)) is not None:
            starts[first] = True
    return starts


def _song_end(texts: Sequence[str], place: int) -> int:
    """The place behind the song that begins at `place`; 0: none does."""
    text = texts[place].strip()
    if text[:1] not in NOTES or not text:
        return 0
    for end in range(place, min(len(texts), place + _GROUP)):
        shown = texts[end].strip()
        if shown[-1:] in NOTES and shown and (end > place or len(shown.strip(NOTES).strip())):
            return end + 1
    return 0 if place else len(texts)


def _bracket_end(texts: Sequence[str], place: int) -> int:
    """The place behind the bracket that `texts[place]` opens; 0: it opens none that stands by itself."""
    opening = _OPENS.match(texts[place])
    if not opening:
        return 0
    closing = _BRACKETS[opening[1]]
    for end in range(place, min(len(texts), place + _GROUP)):
        if closing in texts[end]:
            rest = texts[end][texts[end].rindex(closing) + 1 :].strip()
            return end + 1 if not rest.strip(".,!?:…\"'”’») \u3002") else 0
    return 0


def _name_start(texts: Sequence[str], number: int, fresh: Sequence[bool]) -> int | None:
    """Where the name in capitals begins that ends with the colon of `texts[number]`; None: it is no such name."""
    for first in range(number, max(-1, number - _NAME_WORDS), -1):
        text = texts[first]
        if not _NAME_PART.fullmatch(text) or text != text.upper():
            return None
        if fresh[first]:
            name = "".join(texts[first : number + 1])
            return first if sum(char.isupper() for char in name) > 1 else None
    return None
