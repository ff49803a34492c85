"""The pronunciations of English words: a dictionary, and what to do about words that are not in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from crisp_align.aligners.hmm.english.letters import Phones, grapheme_to_phoneme
from crisp_align.errors import ModelError

__all__ = ["Lexicon"]

_VARIANT = re.compile(r"\(\d+\)$")
_HISSING = {"S", "Z", "SH", "ZH", "CH", "JH"}
_VOICELESS = {"P", "T", "K", "F", "TH"}
_SHORTEST_STEM = 3  # letters
_SHORTEST_PART = 3  # letters, of a compound's parts
_MOST = 4  # pronunciations of a word that is not in the dictionary


class Lexicon:
    """A pronunciation dictionary in CMU's format: a word, a space, phones separated by spaces."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            ModelError: the file is missing or damaged.
        """
        self._phones: dict[str, str] = {}  # variants separated by bars
        self._guesses = lru_cache(maxsize=10_000)(self._guess)
        try:
            self._read(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, KeyError) as error:
            raise ModelError(
                f"the pronunciation dictionary does not load ({error})",
                subject=str(path),
                hint="reinstall it: pip install --force-reinstall pocketsphinx",
            ) from error

    def _read(self, text: str) -> None:
        for line in text.splitlines():
            word, _, phones = line.partition(" ")
            if word.endswith(")"):
                word = _VARIANT.sub("", word)
                phones = f"{self._phones[word]}|{phones}"
            self._phones[word] = phones

    def __contains__(self, word: object) -> bool:
        return word in self._phones

    def pronunciations(self, word: str) -> tuple[Phones, ...]:
        """List every pronunciation of a word in lower case; empty where it has no letter that stands for a sound.

        A word that the dictionary lacks is taken apart into one that it has and an ending, or into two, and read
        letter by letter; up to four of the pronunciations so found are given.
        """
        return self._listed(word) or self._listed(word.replace("'", "")) or self._guesses(word)

    def _listed(self, word: str) -> tuple[Phones, ...]:
        listed = self._phones.get(word)
        return tuple(tuple(phones.split()) for phones in listed.split("|")) if listed else ()

    def _guess(self, word: str) -> tuple[Phones, ...]:
        return tuple(islice(dict.fromkeys(self._guessed(word)), _MOST))

    def _guessed(self, word: str) -> Iterator[Phones]:
        stem, apostrophe, ending = word.rpartition("'")
        if apostrophe and ending == "s" and stem:
            yield from (_with_s(phones) for phones in self.pronunciations(stem))
            return
        letters = word.replace("'", "")
        yield from self._inflected(letters)
        yield from self._compound(letters)
        yield from grapheme_to_phoneme(letters)

    def _inflected(self, word: str) -> Iterator[Phones]:
        """A listed word and an ending."""
        for ending, stems, add in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
                base = word.removesuffix(ending)
                doubled = base[:-1] if base[-1] == base[-2] else base
                for stem in dict.fromkeys([*(base + letter for letter in stems), doubled]):
                    yield from (add(phones) for phones in self._listed(stem))

    def _compound(self, word: str) -> Iterator[Phones]:
        """Two listed words run together, the most even split first."""
        middle = len(word) / 2
        for at in sorted(range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1), key=lambda at: abs(at - middle)):
            first, second = self._listed(word[:at]), self._listed(word[at:])
            if first and second:
                yield first[0] + second[0]
                return


def _with_s(phones: Phones) -> Phones:
    if phones[-1] in _HISSING:
        return (*phones, "IH", "Z")
    return (*phones, "S" if phones[-1] in _VOICELESS else "Z")


def _with_ed(phones: Phones) -> Phones:
    if phones[-1] in ("T", "D"):
        return (*phones, "IH", "D")
    return (*phones, "T" if phones[-1] in _VOICELESS | {"S", "SH", "CH"} else "D")


def _with(*ending: str) -> Callable[[Phones], Phones]:
    return lambda phones: phones + ending


_ENDINGS: list[tuple[str, tuple[str, ...], Callable[[Phones], Phones]]] = [
    ("es", ("e", ""), _with_s),
    ("s", ("",), _with_s),
    ("ed", ("", "e"), _with_ed),
    ("ing", ("", "e"), _with("IH", "NG")),
    ("in", ("", "e"), _with("IH", "N")),  # a dropped g: goin'
    ("er", ("", "e"), _with("ER")),
    ("ers", ("", "e"), _with("ER", "Z")),
    ("ly", ("", "le"), _with("L", "IY")),
    ("ness", ("", "y"), _with("N", "AH", "S")),
    ("less", ("",), _with("L", "AH", "S")),
    ("able", ("", "e"), _with("AH", "B", "AH", "L")),
]
"""An ending, what its stem may have lost, and how it is pronounced."""
