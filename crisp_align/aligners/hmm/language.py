"""The text side of the aligner: what a language must provide so that the hidden Markov models can align it.

A language turns the units of a text into readings, the ways in which each may be spoken, as phones. To add one, write
a class with the one method of `Language` in a file of its own and name it in `languages.py`; or, where its spelling
gives its sounds, only a file of rules for `spelling.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

__all__ = ["UNPRONOUNCEABLE", "Language", "Phones", "Reading", "Word"]

Phones: TypeAlias = tuple[str, ...]
"""One pronunciation, never empty: phones of English in capitals, or sounds as `composite.slots` takes them."""
Word: TypeAlias = tuple[Phones, ...]
"""The pronunciations of one word, the likeliest first; never empty."""
Reading: TypeAlias = tuple[Word, ...]
"""One way in which a unit may be spoken; empty where nothing is spoken."""

UNPRONOUNCEABLE: Word = (("+SPN+",),)
"""A word that is spoken, but written in letters for which the language has no sounds."""


class Language(Protocol):
    """The readings of the units of a text in one language."""

    def readings(self, units: Sequence[str]) -> list[list[Reading]]:
        """List the readings of every unit, the likeliest first, at least one a unit.

        Args:
            units: the displayed texts of all units of an utterance, in order, with their spaces and punctuation.
        """
        ...
