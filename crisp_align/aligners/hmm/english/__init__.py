"""English, with CMU's pronouncing dictionary: the readings of displayed text, and how their words are pronounced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from crisp_align.aligners.hmm.english.lexicon import Lexicon
from crisp_align.aligners.hmm.english.readings import UNKNOWN, unit_readings
from crisp_align.aligners.hmm.language import UNPRONOUNCEABLE, Reading, Word

__all__ = ["English"]


class English:
    """The readings of English units."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the dictionary in PocketSphinx's model folder.

        Raises:
            ModelError: it is missing or damaged.
        """
        return cls(Lexicon(folder / "cmudict-en-us.dict"))

    def readings(self, units: Sequence[str]) -> list[list[Reading]]:
        """List the readings of every unit; see `Language.readings`."""
        return [
            [self._reading(words) for words in unit_readings(unit, self._lexicon, before)]
            for before, unit in zip(("", *units), units, strict=False)
        ]

    def _reading(self, words: Sequence[str]) -> Reading:
        return tuple(spoken for word in words if (spoken := self._word(word)))

    def _word(self, word: str) -> Word:
        return UNPRONOUNCEABLE if word == UNKNOWN else self._lexicon.pronunciations(word)
