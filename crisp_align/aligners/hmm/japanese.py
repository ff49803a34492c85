"""Japanese: kanji by a table of words, kana by their sounds.

The table (`kanji.txt.xz`, written by `benchmarks/kanji.py` from UniDic) gives the readings of words that have kanji in
them. A text is cut into the fewest such words; each character of a word gets its part of the word's readings, so that
a unit may be a word or a character.
"""

from __future__ import annotations

import lzma
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files

from crisp_align.aligners.hmm.chinese import figures_spelled
from crisp_align.aligners.hmm.language import UNPRONOUNCEABLE, Language, Phones, Reading, Word

__all__ = ["Japanese"]

_LONGEST = 8  # characters of a word in the table
_MOST = 4  # readings of a word
_KANJI = re.compile("[々〆一-鿿㐀-䶿]")
_LATIN = re.compile("[A-Za-z]+")
_SIGNS = {
    "%": "パーセント",
    "&": "アンド",
    "+": "プラス",
    "$": "ドル",
    "€": "ユーロ",
    "¥": "円",
    "°": "度",
    "@": "アット",
}
_HIRAGANA = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_PARTICLES = str.maketrans("ハヘ", "ワエ")
_SMALL = "ァィゥェォャュョヮ"

_ROWS = """
アイウエオ a i ɯ/u e o
カキクケコ k
ガギグゲゴ ɡ/ŋ
サシスセソ s
ザジズゼゾ z/dz
タチツテト t
ダヂヅデド d
ナニヌネノ n
ハヒフヘホ h
バビブベボ b
パピプペポ p
マミムメモ m
ラリルレロ ɾ/l
"""
_VOWELS = {"a": "a", "i": "i", "u": "ɯ/u", "e": "e/ɛ", "o": "o/ɔ"}
_VOICELESS = ("p", "t", "k", "s", "ʃ", "tʃ", "h", "ç", "ɸ", "ts")


def _kana() -> dict[str, str]:
    """The sounds of each kana, spaces between."""
    sounds: dict[str, str] = {}
    for line in _ROWS.strip().splitlines():
        row, consonant = line.split(" ")[:2]
        for char, vowel in zip(row, "aiueo", strict=True):
            sounds[char] = _VOWELS[vowel] if row[0] == "ア" else f"{consonant.replace('/dz', '')} {_VOWELS[vowel]}"
    return sounds | {
        "シ": "ʃ i", "ジ": "dʒ/ʒ i", "チ": "tʃ i", "ヂ": "dʒ/ʒ i", "ツ": "ts ɯ/u", "ヅ": "z ɯ/u", "ヒ": "ç/h i",
        "フ": "ɸ ɯ/u", "ヤ": "j a", "ユ": "j ɯ/u", "ヨ": "j o/ɔ", "ワ": "w a", "ヰ": "i", "ヱ": "e/ɛ", "ヲ": "w? o/ɔ",
        "ン": "n/ŋ/m", "ッ": "", "ー": "", "ヴ": "b/v ɯ/u", "ヵ": "k a", "ヶ": "k e/ɛ",
        "ァ": "a", "ィ": "i", "ゥ": "ɯ/u", "ェ": "e/ɛ", "ォ": "o/ɔ", "ャ": "j a", "ュ": "j ɯ/u", "ョ": "j o/ɔ",
        "ヮ": "w a",
    }  # fmt: skip


_SOUNDS = _kana()


@cache
def _table() -> dict[str, str]:
    """The readings of each written word, hiragana as katakana; spaces between the readings."""
    raw = files("crisp_align.aligners.hmm").joinpath("kanji.txt.xz").read_bytes()
    table: dict[str, str] = {}
    for line in _katakana(lzma.decompress(raw).decode("utf-8")).splitlines():
        written, _, readings = line.partition(" ")
        if written[:1] not in ("", "#"):
            table.setdefault(written, readings)
    return table


def _katakana(text: str) -> str:
    return text.translate(_HIRAGANA)


class Japanese:
    """The readings of Japanese units."""

    def __init__(self, foreign: Language) -> None:
        """Keep what reads words in Latin letters."""
        self._foreign = foreign

    def readings(self, units: Sequence[str]) -> list[list[Reading]]:
        """List the readings of every unit; see `Language.readings`."""
        texts = [_plain(unit[:200]) for unit in units]
        text = "".join(texts)
        spoken: list[list[Word]] = [[] for _ in text]  # for each character, the words that it begins
        unit_of = [index for index, part in enumerate(texts) for _ in part]
        for start, word, ways in _words(text):
            if _LATIN.fullmatch(word):
                spoken[start] = list(self._foreign.readings([word])[0][0])
                continue
            at = start
            while at < start + len(word):
                end = at
                while end < start + len(word) and unit_of[end] == unit_of[at]:
                    end += 1
                parts = dict.fromkeys("".join(way[at - start : end - start]) for way in ways)
                phones = tuple(dict.fromkeys(found for part in parts if (found := _phones(part))))
                if phones:
                    spoken[at] = [phones]
                elif not ways and word.isalnum():
                    spoken[at] = [UNPRONOUNCEABLE]
                at = end
        readings: list[list[Reading]] = []
        at = 0
        for part in texts:
            readings.append([tuple(word for words in spoken[at : at + len(part)] for word in words)])
            at += len(part)
        return readings


def _plain(text: str) -> str:
    """`text` with signs as words, figures as kanji and hiragana as katakana."""
    text = unicodedata.normalize("NFKC", "".join(_SIGNS.get(char, char) for char in text))
    text = re.sub("一(?=[十百千])", "", figures_spelled(text))
    return _katakana(text)


def _words(text: str) -> Iterator[tuple[int, str, list[list[str]]]]:
    """The words of a text: where each begins, its writing, and in each reading the kana of each of its characters."""
    table = _table()
    best: list[tuple[float, int]] = [(0.0, 0)] + [(float("inf"), 0)] * len(text)
    for start in range(len(text)):
        cost = best[start][0]
        for end in range(start + 1, min(start + _LONGEST, len(text)) + 1):
            word = text[start:end]
            price = _price(word, table)
            if price is not None and cost + price < best[end][0] + (1e-9 if word in table else 0):
                best[end] = (cost + price, start)
    cuts: list[tuple[int, int]] = []
    end = len(text)
    while end:
        start = best[end][1]
        if cuts and text[start] in _SOUNDS and text[cuts[-1][0]] in _SOUNDS and text[start:end] not in table:
            cuts[-1] = (start, cuts[-1][1])  # one run of kana
        else:
            cuts.append((start, end))
        end = start
    latin = {match.start(): match.group() for match in _LATIN.finditer(text)}
    for start, end in reversed(cuts):
        word = text[start:end]
        if start in latin:
            yield start, latin[start], []
        elif word in table:
            yield start, word, [_divided(word, reading) for reading in table[word].split(" ")[:_MOST]]
        elif word[0] in _SOUNDS:
            yield start, word, [list(word), list(word.translate(_PARTICLES))]
        elif not word.isascii():
            yield start, word, []


def _price(word: str, table: dict[str, str]) -> float | None:
    """What a word costs among the fewest; None for what is none."""
    if word in table:
        return 1.0
    return None if len(word) > 1 else 3.0 if _KANJI.match(word) else 0.5


@lru_cache(maxsize=10_000)
def _divided(word: str, reading: str) -> list[str]:
    """The part of a reading that belongs to each character of a word."""
    if len(word) == 1:
        return [reading]
    parts = _matched(word, reading)
    if parts is not None:
        return parts
    morae = re.findall(f"[^{_SMALL}ーッン]?[{_SMALL}]?[ーッン]?", reading)
    morae = [mora for mora in morae if mora]
    cuts = [round(index * len(morae) / len(word)) for index in range(len(word) + 1)]
    return ["".join(morae[cuts[i] : cuts[i + 1]]) for i in range(len(word))]


def _matched(word: str, reading: str) -> list[str] | None:
    """The same by the readings of its characters, voiced where they join; None where these do not make it up."""
    if not word:
        return None if reading else []
    own = _table().get(word[0], "").split(" ") if _KANJI.match(word[0]) else (word[0],)
    options = dict.fromkeys(shape for way in own for shape in _shapes(way))
    for option in sorted(options, key=len, reverse=True):
        if option and reading.startswith(option):
            rest = _matched(word[1:], reading[len(option) :])
            if rest is not None:
                return [option, *rest]
    return None


def _shapes(way: str) -> list[str]:
    """A character's reading as it is, with its first sound voiced, and with its last sound doubled into the next."""
    voiced = unicodedata.normalize("NFC", way[0] + "\u3099") + way[1:]
    halved = unicodedata.normalize("NFC", way[0] + "\u309a") + way[1:]
    shapes = [way, *(shape for shape in (voiced, halved) if len(shape) == len(way))]
    return [*shapes, *(shape[:-1] + "ッ" for shape in shapes if len(shape) > 1)]


def _phones(kana: str) -> Phones:
    """The sounds of a piece of kana."""
    sounds: list[str] = []
    for index, char in enumerate(kana):
        if char in _SMALL and index:
            if sounds:
                sounds.pop()
            if char in "ャュョ" and sounds and sounds[-1] not in ("ʃ", "tʃ", "dʒ/ʒ", "ç/h"):
                sounds.append("j")
            if char in "ァィゥェォ" and not sounds:
                sounds.append("w")
            sounds.append(_SOUNDS[char].split()[-1])
        else:
            sounds += _SOUNDS.get(char, "").split()
    return tuple(_devoiced(sounds))


def _devoiced(sounds: Sequence[str]) -> Iterator[str]:
    """The sounds, with high vowels between voiceless ones optional."""
    for index, sound in enumerate(sounds):
        before = sounds[index - 1].split("/")[0] if index else ""
        after = sounds[index + 1].split("/")[0] if index + 1 < len(sounds) else "t"
        weak = sound in ("i", "ɯ/u") and before in _VOICELESS and after in _VOICELESS
        yield sound + "?" if weak else sound
