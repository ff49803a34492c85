"""Korean: syllables of Hangul taken apart into sounds, with the assimilation of neighbours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from crisp_align.aligners.hmm.language import UNPRONOUNCEABLE, Language, Phones, Reading
from crisp_align.aligners.hmm.spelling import joined, number_words, spelled_out

__all__ = ["Korean"]

_FIRST, _SYLLABLES = 0xAC00, 11172
_ONSETS = tuple("ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ")
_VOWEL_SOUNDS = (
    *("a", "ɛ/e", "j a", "j ɛ/e", "ʌ/ɔ", "e/ɛ", "j ʌ/ɔ", "j? e/ɛ", "o/u", "w a", "w ɛ/e", "w? e/ɛ", "j o/u", "u/ʊ"),
    *("w ʌ/ɔ", "w e/ɛ", "w? i", "j u/ʊ", "ɯ/ɨ", "ɨ/i i?", "i"),
)
_CODAS = (
    *("", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ", "ㄹㅍ", "ㄹㅎ"),
    *("ㅁ", "ㅂ", "ㅂㅅ", "ㅅ", "ㅆ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ"),
)
_ONSET_SOUNDS = {
    "ㄱ": "k/ɡ", "ㄲ": "k", "ㄴ": "n", "ㄷ": "t/d", "ㄸ": "t", "ㄹ": "ɾ/l", "ㅁ": "m", "ㅂ": "p/b", "ㅃ": "p",
    "ㅅ": "s/ʃ", "ㅆ": "s/ʃ", "ㅈ": "tʃ/dʒ", "ㅉ": "tʃ", "ㅊ": "tʃ", "ㅋ": "k", "ㅌ": "t", "ㅍ": "p", "ㅎ": "h",
}  # fmt: skip
_CODA_SOUNDS = {"ㄱ": "k/ɡ", "ㄴ": "n", "ㄷ": "t/d", "ㄹ": "l", "ㅁ": "m", "ㅂ": "p/b", "ㅇ": "ŋ"}
_NEUTRAL = {
    "ㄲ": "ㄱ", "ㅋ": "ㄱ", "ㅅ": "ㄷ", "ㅆ": "ㄷ", "ㅈ": "ㄷ", "ㅊ": "ㄷ", "ㅌ": "ㄷ", "ㅎ": "ㄷ", "ㅍ": "ㅂ",
}  # fmt: skip
_NASAL = {"ㄱ": "ㅇ", "ㄷ": "ㄴ", "ㅂ": "ㅁ"}
_ASPIRATED = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅂ": "ㅍ", "ㅈ": "ㅊ"}
_PIECE = re.compile(
    r"(?P<number>[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?)|(?P<hangul>[가-힣]+)|(?P<latin>[A-Za-z']+)|(?P<sign>[^\W_])"
)
_SIGNS = {"%": "퍼센트", "&": "앤드", "+": "플러스", "$": "달러", "€": "유로", "₩": "원", "°": "도", "@": "골뱅이"}
_MARKS: dict[str, list[tuple[str, ...]]] = {",": [("점",)]}


class Korean:
    """The readings of Korean units."""

    def __init__(self, foreign: Language) -> None:
        """Keep what reads words in Latin letters."""
        self._foreign = foreign

    def readings(self, units: Sequence[str]) -> list[list[Reading]]:
        """List the readings of every unit; see `Language.readings`."""
        return [self._unit(unit) for unit in units]

    def _unit(self, text: str) -> list[Reading]:
        text = unicodedata.normalize("NFKC", "".join(_SIGNS.get(char, char) for char in text[:200]))
        pieces: list[list[Reading]] = []
        counted = False
        for match in _PIECE.finditer(text):
            if match["number"]:
                words = number_words(match["number"], _words_of, _MARKS, ordinal=False)
                pieces.append([((_sounds("".join(spoken)),),) for spoken in words])
                counted = True
            elif match["hangul"]:
                pieces.append([((_sounds(match["hangul"]),),)])
            elif match["latin"]:
                pieces.append(self._foreign.readings([match["latin"]])[0])
            else:
                pieces.append([(UNPRONOUNCEABLE,)])
        if counted and len(text) < 12:
            pieces = [[reading for reading in piece if reading] or [()] for piece in pieces]
        return joined(pieces)


def _words_of(value: int, kind: str) -> list[str]:
    return spelled_out(value, kind, "ko") if kind == "cardinal" else []


def _sounds(hangul: str) -> Phones:
    """The sounds of a word in Hangul."""
    syllables = [
        [_ONSETS[code // 588], _VOWEL_SOUNDS[code % 588 // 28], _CODAS[code % 28]]
        for char in hangul
        if 0 <= (code := ord(char) - _FIRST) < _SYLLABLES
    ]
    for before, after in pairwise(syllables):
        before[2], after[0] = _assimilated(before[2], after[0], after[1])
    sounds: list[str] = []
    for onset, vowel, coda in syllables:
        if onset in _ONSET_SOUNDS:
            sounds.append(_ONSET_SOUNDS[onset])
        sounds += vowel.split()
        coda = _closed(coda)
        if coda:
            sounds.append(_CODA_SOUNDS[coda])
    return tuple(sounds)


def _closed(coda: str) -> str:
    """A coda as it sounds at the end."""
    if len(coda) == 2:
        coda = coda[1] if coda in ("ㄹㄱ", "ㄹㅁ", "ㄹㅍ") else coda[0]
    return _NEUTRAL.get(coda, coda)


def _assimilated(coda: str, onset: str, vowel: str) -> tuple[str, str]:
    """A coda and the onset that follows it, as they sound together."""
    if not coda:
        return coda, onset
    last = coda[-1]
    if onset == "ㅇ":
        if coda == "ㅇ":
            return coda, onset
        if last == "ㅎ":
            return ("", coda[0]) if len(coda) == 2 else ("", "ㅇ")
        if vowel[0] in "ij" and last in "ㄷㅌ":
            return coda[:-1], "ㅈ" if last == "ㄷ" else "ㅊ"
        return coda[:-1], last
    if last == "ㅎ" and onset in _ASPIRATED:
        return coda[:-1], _ASPIRATED[onset]
    if onset == "ㅎ" and _closed(coda) in _ASPIRATED:
        return coda[:-1], _ASPIRATED["ㅈ" if last in "ㅈ" else _closed(coda)]
    closed = _closed(coda)
    if onset in ("ㄴ", "ㅁ") and closed in _NASAL:
        return _NASAL[closed], onset
    if onset == "ㄹ" and closed in ("ㄱ", "ㄷ", "ㅂ", "ㅁ", "ㅇ"):
        return _NASAL.get(closed, closed), "ㄴ"
    if {closed, onset} == {"ㄴ", "ㄹ"}:
        return "ㄹ", "ㄹ"
    return closed, onset
