"""Decoys: texts that sound like none, against which a text must do clearly better than chance.

How well a text fits depends on the language, the speaker and the noise, so that no fixed likelihood parts right texts
from wrong ones. A decoy is the same text in a cipher: every vowel is another vowel of the text, every consonant another
consonant of it, so that it has the same length, rhythm and sounds. A wrong text fits as its decoys do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from crisp_align.aligners.hmm.acoustic_model import PhoneModel
from crisp_align.aligners.hmm.lattice import Reading

__all__ = ["decoys"]

_COUNT = 3
# In an order in which neighbours sound different.
_VOWELS = tuple(re.findall(r"\w+", "IY AA UW EH AO IH AH ER AE OW EY UH AY AW OY"))
_CONSONANTS = tuple(re.findall(r"\w+", "S M K L T W SH N P R F NG CH D Z B Y HH G V TH JH DH ZH"))


def decoys(model: PhoneModel, units: Sequence[Sequence[Reading]]) -> list[list[list[Reading]]]:
    """Return the readings of each unit of a text in three ciphers.

    Args:
        model: whose phones they are.
        units: the readings of each unit.
    """
    phones = [phone for unit in units for reading in unit for word in reading for phone in chain.from_iterable(word)]
    count = _count(units)
    ranked = sorted(set(phones), key=lambda phone: (-count[phone], phone))
    classes = [_alphabet(model, ranked, names) for names in (_VOWELS, _CONSONANTS)]
    return [
        _enciphered(
            units, {phone: pool[(at + shift) % len(pool)] for own, pool in classes for at, phone in enumerate(own)}
        )
        for shift in range(1, _COUNT + 1)
    ]


def _count(units: Sequence[Sequence[Reading]]) -> Counter[int]:
    """How often the likeliest pronunciations have each phone."""
    likeliest = (unit[0] for unit in units)
    return Counter(phone for reading in likeliest for word in reading for phone in word[0])


def _alphabet(model: PhoneModel, ranked: Iterable[int], names: Sequence[str]) -> tuple[list[int], list[int]]:
    """The phones of a class in a text, and those that may replace them: enough for each cipher to differ."""
    own = [phone for phone in ranked if model.nearest(phone) in names]
    used = {model.nearest(phone) for phone in own}
    others = [model.number(name) for name in names if name not in used]
    return own, own + others[: max(0, _COUNT + 1 - len(own))]


def _enciphered(units: Sequence[Sequence[Reading]], cipher: dict[int, int]) -> list[list[Reading]]:
    return [
        [
            tuple(tuple(tuple(cipher.get(phone, phone) for phone in phones) for phones in word) for word in reading)
            for reading in unit
        ]
        for unit in units
    ]
