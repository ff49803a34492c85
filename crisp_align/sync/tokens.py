"""What two texts are compared by: letters without case and accents, numbers in words, ideographs one by one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from crisp_align.transcript import Unit

__all__ = ["Tokens", "tokens_of"]

_NUMBER = re.compile(r"\d{1,12}")
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_WIDE = re.compile(r"[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_DICTIONARY_SCRIPTS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, and the unit that each belongs to."""

    texts: tuple[str, ...]
    units: tuple[int, ...]
    """Number of the unit of each token, never falling."""


def tokens_of(units: Sequence[Unit], language: str | None) -> Tokens:
    """The tokens of units; every unit has at least one.

    Args:
        units: of a text.
        language: code of the language that numbers are read in; None: they stay digits.
    """
    texts: list[str] = []
    owners: list[int] = []
    for number, unit in enumerate(units):
        made = _tokens(unit.spoken, language)
        texts += made
        owners += [number] * len(made)
    return Tokens(tuple(texts), tuple(owners))


@lru_cache(maxsize=1 << 16)
def _tokens(spoken: str, language: str | None) -> tuple[str, ...]:
    plain = _plain(spoken)
    found: list[str] = []
    for part in _PARTS.findall(plain.replace("'", "")):
        if _NUMBER.fullmatch(part):
            found += _number(int(part), language).split() or [part]
        elif _WIDE.search(part) or _DICTIONARY_SCRIPTS.search(part):
            found += list(part)
        else:
            found.append(part)
    return tuple(found) or (plain,)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(char for char in decomposed if not ("\u0300" <= char <= "\u036f"))
    return unicodedata.normalize("NFC", kept)


@lru_cache(maxsize=4096)
def _number(value: int, language: str | None) -> str:
    """A number in words, as far as they are known; years and telephone numbers are read otherwise, which is near it."""
    if language is None:
        return str(value)
    try:
        from num2words import num2words

        words = str(num2words(value, lang=language))
    except (NotImplementedError, OverflowError, ImportError, KeyError, ValueError):
        return str(value)
    return " ".join(re.findall(r"[^\W\d_]+", _plain(words)))
