"""Mandarin and Cantonese: characters by their romanizations, syllable by syllable.

The phrases around a character choose its likeliest reading; its other readings follow, and the audio chooses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, cast

from crisp_align.aligners.hmm.language import UNPRONOUNCEABLE, Language, Phones, Reading
from crisp_align.aligners.hmm.spelling import joined

__all__ = ["Cantonese", "Mandarin", "figures_spelled"]

_MOST = 3  # readings of a character
_FIGURES = "零一二三四五六七八九"
_PIECE = re.compile(r"(?P<number>[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?%?)|(?P<latin>[A-Za-z']+)|(?P<other>[^\W_])")

_PINYIN_INITIALS = {
    "zh": "tʃ", "ch": "tʃ", "sh": "ʃ/ʂ", "b": "p/b", "p": "p", "m": "m", "f": "f", "d": "t/d", "t": "t", "n": "n",
    "l": "l", "g": "k/ɡ", "k": "k", "h": "x/h", "j": "dʒ/tʃ", "q": "tʃ", "x": "ɕ", "r": "ʐ/ɹ", "z": "ts", "c": "ts",
    "s": "s",
}  # fmt: skip
_PINYIN_INITIALS["zh"] = "dʒ/tʃ"
_PINYIN_FINALS = {
    "a": "a", "o": "w? o/ɔ", "e": "ɤ", "ai": "ai", "ei": "ei", "ao": "au", "ou": "o/ɔ", "an": "a n", "en": "ə n",
    "ang": "a ŋ", "eng": "ə ŋ", "er": "ɚ/a ɹ?", "ong": "u/o ŋ", "i": "i", "ia": "j a", "ie": "j ɛ/e", "iao": "j au",
    "iu": "j o/u", "ian": "j ɛ/a n", "in": "i n", "iang": "j a ŋ", "ing": "i ə? ŋ", "iong": "j u/o ŋ", "u": "u",
    "ua": "w a", "uo": "w o/ɔ", "uai": "w ai", "ui": "w ei", "uan": "w a n", "un": "w ə n", "uang": "w a ŋ",
    "ueng": "w ə ŋ", "v": "y", "ve": "ɥ ɛ/e", "van": "ɥ ɛ/a n", "vn": "y n", "ê": "ɛ", "io": "j o", "m": "m", "n": "n",
    "ng": "ŋ", "-i": "ɨ/ɯ/ɹ",
}  # fmt: skip
_JYUTPING_INITIALS = {
    "gw": "k/ɡ w", "kw": "k w", "ng": "ŋ?", "b": "p/b", "p": "p", "m": "m", "f": "f", "d": "t/d", "t": "t", "n": "n/l",
    "l": "l", "g": "k/ɡ", "k": "k", "h": "h", "w": "w", "z": "dʒ/tʃ", "c": "tʃ", "s": "s/ʃ", "j": "j",
}  # fmt: skip
_JYUTPING_VOWELS = {
    "aai": "ai", "aau": "au", "ai": "ai", "au": "au/o", "aa": "a", "a": "ʌ/a", "ei": "ei", "eu": "e u/w",
    "eoi": "œ i/y",
    "eo": "œ/ə", "oe": "œ", "e": "ɛ/e", "iu": "i u/w", "i": "i/ɪ", "oi": "oi", "ou": "o", "o": "ɔ", "ui": "u i",
    "u": "u/ʊ", "yu": "y",
}  # fmt: skip
_JYUTPING_CODAS = {"m": "m", "n": "n", "ng": "ŋ/n", "p": "p/b?", "t": "t/d?", "k": "k/ɡ?", "": ""}
_JYUTPING = re.compile(
    r"(gw|kw|ng|[bpmfdtnlgkhwzcsj])?(aai|aau|aa|ai|au|eoi|eo|ei|eu|oe|oi|ou|iu|ui|yu|[aeiou])(ng|[mnptk])?"
)


class _Chinese:
    """What the two have in common: figures, Latin letters, one reading a syllable."""

    def __init__(self, foreign: Language) -> None:
        """Keep what reads words in Latin letters."""
        self._foreign = foreign
        self._phones = lru_cache(maxsize=10_000)(self._syllable)

    def _syllable(self, romanized: str) -> Phones:
        raise TypeError

    def _romanized(self, text: str) -> list[list[str]]:
        """The romanizations of every character, the likeliest first; none for what is no character."""
        raise TypeError

    def readings(self, units: Sequence[str]) -> list[list[Reading]]:
        """List the readings of every unit; see `Language.readings`."""
        texts = [figures_spelled(unicodedata.normalize("NFKC", unit[:200])) for unit in units]
        syllables = self._romanized("".join(texts))
        readings: list[list[Reading]] = []
        at = 0
        for text in texts:
            readings.append(joined(list(self._pieces(text, syllables[at : at + len(text)]))))
            at += len(text)
        return readings

    def _pieces(self, text: str, syllables: Sequence[Sequence[str]]) -> Iterator[list[Reading]]:
        for match in _PIECE.finditer(text):
            if match["latin"]:
                yield self._foreign.readings([match["latin"]])[0]
                continue
            phones = dict.fromkeys(self._phones(syllable) for syllable in syllables[match.start()][:_MOST])
            sounds = tuple(way for way in phones if way)
            yield [(sounds,)] if sounds else [(UNPRONOUNCEABLE,)]


class Mandarin(_Chinese):
    """The readings of Mandarin units, from pinyin."""

    def _romanized(self, text: str) -> list[list[str]]:
        from pypinyin import Style, pinyin

        def others(char: str) -> list[str]:
            return [
                syllable for ways in pinyin(char, style=Style.NORMAL, heteronym=True, v_to_u=False) for syllable in ways
            ]

        likeliest = pinyin(text, style=Style.NORMAL, errors=cast(Any, lambda chars: [[char] for char in chars]))
        if len(likeliest) != len(text):
            return [others(char) for char in text]
        return [
            list(dict.fromkeys([*ways, *others(char)])) if ways[0] != char else []
            for char, ways in zip(text, likeliest, strict=True)
        ]

    def _syllable(self, romanized: str) -> Phones:
        plain = romanized.replace("ü", "v").replace("ê", "ê")
        initial = next((name for name in _PINYIN_INITIALS if plain.startswith(name) and len(plain) > len(name)), "")
        final = plain[len(initial) :]
        if not initial and final[:1] == "y":
            rest = final[1:]
            final = "v" + rest[1:] if rest[:1] == "u" else rest if rest[:1] == "i" else "i" + rest
            final = {"iou": "iu", "ien": "in"}.get(final, final)
        elif not initial and final[:1] == "w":
            rest = final[1:]
            final = {"ei": "ui", "en": "un"}.get(rest, rest if rest == "u" else "u" + rest)
        elif initial in ("j", "q", "x") and final[:1] == "u":
            final = "v" + final[1:]
        elif final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
            final = "-i"
        final = {"ue": "ve", "uei": "ui", "uen": "un", "iou": "iu"}.get(final, final)
        if final not in _PINYIN_FINALS:
            return ()
        return (*_PINYIN_INITIALS.get(initial, "").split(), *_PINYIN_FINALS[final].split())


class Cantonese(_Chinese):
    """The readings of Cantonese units, from Jyutping."""

    def _romanized(self, text: str) -> list[list[str]]:
        import ToJyutping

        found = ToJyutping.get_jyutping_candidates(text)
        if len(found) != len(text):
            found = [pair for char in text for pair in ToJyutping.get_jyutping_candidates(char)[:1]]
        return [list(ways) for _, ways in found]

    def _syllable(self, romanized: str) -> Phones:
        plain = romanized.rstrip("0123456789")
        if plain in ("m", "ng"):
            return ("m" if plain == "m" else "ŋ/m",)
        match = _JYUTPING.fullmatch(plain)
        if match is None:
            return ()
        initial, vowel, coda = (part or "" for part in match.groups())
        return tuple(f"{_JYUTPING_INITIALS.get(initial, '')} {_JYUTPING_VOWELS[vowel]} {_JYUTPING_CODAS[coda]}".split())


def figures_spelled(text: str) -> str:
    """`text` with its figures in characters."""
    return _PIECE.sub(lambda match: _number(match.group()) if match["number"] else match.group(), text)


def _number(figures: str) -> str:
    percent = "百分之" if figures.endswith("%") else ""
    whole, _, part = figures.rstrip("%").replace(",", "").partition(".")
    by_figure = "".join(_FIGURES[int(figure)] for figure in whole)
    as_year = len(whole) == 4 and not whole.endswith("00")
    spelled = by_figure if len(whole) > 8 or whole.startswith("0") or as_year else _whole(int(whole))
    return percent + spelled + ("点" + "".join(_FIGURES[int(figure)] for figure in part) if part else "")


def _whole(value: int) -> str:
    if value >= 10000:
        head, tail = divmod(value, 10000)
        return f"{_whole(head)}万{('零' if tail < 1000 else '') + _whole(tail) if tail else ''}"
    spelled, gap = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        figure, value = divmod(value, size)
        if figure:
            spelled += ("零" if gap and spelled else "") + _FIGURES[figure] + name
        gap = not figure
    return (spelled or "零").removeprefix("一") if spelled.startswith("一十") else spelled or "零"
