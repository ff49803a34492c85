"""The languages that the aligner speaks, by code, and where their readings come from."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from crisp_align.aligners.hmm.chinese import Cantonese, Mandarin
from crisp_align.aligners.hmm.english import English
from crisp_align.aligners.hmm.japanese import Japanese
from crisp_align.aligners.hmm.korean import Korean
from crisp_align.aligners.hmm.spelling import Spelling

if TYPE_CHECKING:
    from collections.abc import Callable

    from crisp_align.aligners.hmm.language import Language

__all__ = ["LANGUAGES", "Languages"]

_SPELLED = ("cs", "da", "de", "es", "fr", "it", "nl", "pl", "pt", "ru", "sv", "tr", "uk")
_OTHERS: dict[str, Callable[[Language], Language]] = {
    "ja": Japanese,
    "ko": Korean,
    "yue": Cantonese,
    "zh": Mandarin,
}
_BY_CODE: dict[str, Callable[[Language], Language]] = {
    **{code: partial(Spelling, code) for code in _SPELLED},
    **_OTHERS,
}
LANGUAGES = frozenset({"en", *_BY_CODE})
"""Codes of `crisp_align.languages` that the aligner serves."""


class Languages:
    """The languages, each loaded when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        """Load English, which reads Latin letters in all scripts that are others.

        Args:
            folder: PocketSphinx's model folder, which holds its dictionary.

        Raises:
            ModelError: the dictionary is missing or damaged.
        """
        english: Language = English.load(folder)
        self._english = english
        self._loaded = {"en": english}

    def __getitem__(self, code: str) -> Language:
        """The language of a code in `LANGUAGES`."""
        if code not in self._loaded:
            self._loaded[code] = _BY_CODE[code](self._english)
        return self._loaded[code]
