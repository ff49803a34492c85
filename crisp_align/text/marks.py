"""Marks that several rooms look for around words."""

__all__ = ["DASHES", "NOTES", "OPENERS", "opening_note"]

DASHES = "-‐–—"
"""With which the words of another speaker begin, among other things; a hyphen first, as a class of characters needs."""

OPENERS = "“‘„‚«‹([{「『【〈《〔（［｛¿¡"
"""Quotes and brackets that belong to what follows, in some language at least."""

NOTES = "♪♫♬♩"
"""Between which a song is sung."""


def opening_note(text: str, begin: int, end: int) -> int | None:
    """Where in `text[begin:end]` the first note stands with which a song begins; None: there is none.

    The notes of a text open and close in turns.
    """
    if not any(char in NOTES for char in text[begin:end]):
        return None
    count = sum(char in NOTES for char in text[:begin])
    for place in range(begin, end):
        if text[place] in NOTES:
            if count % 2 == 0:
                return place
            count += 1
    return None
