"""Which legacy encoding a text is in: the one in which its letters are likeliest, over the languages it was made for.

Every candidate decodes the same bytes; what comes out is weighed by how often pairs of letters follow each other in
each language (characters alone in Chinese, Japanese and Korean). Windows-1252 comes first among the Latin ones: another
one must be clearly likelier. Where two readings that differ are nearly as likely, or none is plausible, there is no
guess. The tables are made by `python -m benchmarks.encodings.tables`.
"""

from __future__ import annotations

import lzma
import math
import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["guess_encoding", "guess_stateful_encoding", "guess_wide_encoding"]

_WESTERN = ("en", "fr", "de", "es", "pt", "it", "nl", "sv", "da", "no", "fi", "ca", "sq", "is")
_CENTRAL = ("pl", "cs", "sk", "hu", "ro", "sl", "hr", "sq", "de", "en")
_BALTIC, _TURKISH, _VIETNAMESE = ("lt", "lv", "et", "en"), ("tr", "en"), ("vi", "en")
_LATIN = tuple(dict.fromkeys((*_WESTERN, *_CENTRAL, *_BALTIC, *_TURKISH, *_VIETNAMESE)))
_CYRILLIC = ("ru", "uk", "bg", "mk")
_WIDE = frozenset(("ja", "ko", "zh-cn", "zh-tw"))
_GUESTS = (*_LATIN, *_CYRILLIC, "el", "he", "ar", "th", "ja", "ko")

_CANDIDATES: dict[str, tuple[float, tuple[str, ...]]] = {
    "cp1252": (0.0, _WESTERN),
    "iso8859_15": (-4.0, _WESTERN),
    "mac_roman": (-8.0, _WESTERN),
    "cp850": (-8.0, _WESTERN),
    "cp1250": (-4.0, _CENTRAL),
    "iso8859_2": (-5.0, _CENTRAL),
    "cp852": (-8.0, _CENTRAL),
    "cp1254": (-4.0, _TURKISH),
    "cp1257": (-4.0, _BALTIC),
    "cp1258": (-4.0, _VIETNAMESE),
    "cp1251": (-2.0, _CYRILLIC),
    "koi8_r": (-3.0, _CYRILLIC),
    "koi8_u": (-3.5, _CYRILLIC),
    "cp866": (-6.0, _CYRILLIC),
    "iso8859_5": (-5.0, _CYRILLIC),
    "mac_cyrillic": (-8.0, _CYRILLIC),
    "cp855": (-10.0, _CYRILLIC),
    "iso8859_13": (-6.0, _BALTIC),
    "iso8859_4": (-8.0, _BALTIC),
    "iso8859_10": (-9.0, _BALTIC),
    "cp775": (-10.0, _BALTIC),
    "iso8859_16": (-7.0, _CENTRAL),
    "mac_latin2": (-10.0, _CENTRAL),
    "iso8859_3": (-9.0, _TURKISH),
    "cp857": (-10.0, _TURKISH),
    "mac_turkish": (-10.0, _TURKISH),
    "cp1253": (-2.0, ("el",)),
    "iso8859_7": (-3.0, ("el",)),
    "cp737": (-8.0, ("el",)),
    "cp869": (-10.0, ("el",)),
    "mac_greek": (-10.0, ("el",)),
    "cp1255": (-2.0, ("he",)),
    "cp862": (-8.0, ("he",)),
    "cp1256": (-2.0, ("ar", "fa", "ur")),
    "iso8859_6": (-5.0, ("ar",)),
    "cp874": (-2.0, ("th",)),
    "cp932": (-2.0, ("ja",)),
    "euc_jis_2004": (-3.0, ("ja",)),
    "cp949": (-2.0, ("ko",)),
    "gb18030": (-2.0, ("zh-cn", "zh-tw")),
    "cp950": (-2.0, ("zh-tw", "zh-cn")),
}
"""Codec → how much less likely it is than Windows-1252 before any letter is seen (ln), and its languages."""
_NOT_AT_HOME = -3.0
"""For a language in an encoding that was made for others of the same script."""
_ABROAD = -8.0
"""For a language in an encoding of East Asia that has its letters, too."""

_SAMPLE = 12 << 10
"""Bytes that are weighed; more add nothing."""
_MARGIN = 4.0
"""By how much (ln) a guess must be likelier than any other reading of the same bytes."""
_PLAUSIBLE, _PLAUSIBLE_LATIN = -7.0, -10.5
"""ln P of a letter, on average, below which a text is in none of the languages known here; letters with marks are rare
in the languages of the Latin script, and are asked only where they are many."""
_MANY = 0.2
_STRANGERS = 0.25
"""Share of letters with marks that a language may not know, two more allowed."""
_LEEWAY = 15.0
"""How much (ln) all of them together may lie below that, as few letters may."""

_UNKNOWN_LATIN, _UNKNOWN_LETTER = -13.0, -15.0
_SYMBOL, _RARE_SYMBOL, _DRAWING, _NOTHING = -6.0, -10.0, -14.0, -18.0
_CASE = -4.0
"""For a capital behind a small letter."""
_GLUED = -6.0
"""For an uncommon symbol next to a letter."""
_MIXED, _MIXED_WIDE = -16.0, -1.0
"""For a Latin letter next to one of another script; where characters are wide that is common."""
_FIRST_WIDE = "\u2e80"
_EDGE = " "
_COMMON_SYMBOLS = frozenset(
    "“”„‟‘’‚–—…«»‹›¿¡°♪♫§№%€£©®•·、。「」『』，．！？：；（）《》【】〜～・―　‥〔〕々ー"
    + "\xa0\u200e\u200f\u200c\u200d"
)
_ESCAPES = (
    (re.compile(rb"\x1b\$\)C"), ("iso2022_kr",)),
    (re.compile(rb"\x1b(?:\$[@B]|\$\(D|\([JI])"), ("iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_2004")),
)


def guess_encoding(data: bytes) -> str | None:
    """The codec of a text that is no UTF-8; None: none fits, or several do."""
    accented, plain = _samples(data)
    if not accented:
        return None
    shared = _Shared(_likelihoods(plain), _likelihoods(accented))
    readings = [reading for codec in _CANDIDATES if (reading := _reading(accented, codec, shared))]
    readings.sort(key=lambda reading: -reading.score)
    if not readings:
        return None
    best = readings[0]
    rival = next((reading for reading in readings if reading.text != best.text), None)
    is_clear = rival is None or best.score - rival.score >= _MARGIN
    return best.codec if is_clear and best.is_plausible else None


def guess_wide_encoding(data: bytes) -> str | None:
    """The codec of text in UTF-16 or UTF-32 without a mark; None: it is in neither.

    Digits, spaces and line ends, of which every subtitle has some, show where the zero bytes lie.
    """
    for codec, width in (("utf_32_le", 4), ("utf_32_be", 4), ("utf_16_le", 2), ("utf_16_be", 2)):
        offset = 0 if codec.endswith("le") else width - 1
        sample = data[: 64 << 10]
        sample = sample[: len(sample) // width * width]
        lows = sample[offset::width]
        highs = [sample[place::width] for place in range(width) if place != offset]
        plain = sum(
            low in b"0123456789 \n\r:.,-<>" and not any(row[place] for row in highs) for place, low in enumerate(lows)
        )
        if lows and plain >= max(2, len(lows) // 50) and _decodes(data, codec):
            return codec
    return None


def _decodes(data: bytes, codec: str) -> bool:
    try:
        text = data[: len(data) // 4 * 4 if "32" in codec else len(data) // 2 * 2].decode(codec)
    except UnicodeError:
        return False
    strange = sum(unicodedata.category(char) in ("Cn", "Co", "Cs") or char == "\0" for char in text[:4000])
    return strange * 50 <= min(len(text), 4000)


def guess_stateful_encoding(data: bytes) -> str | None:
    """The codec of text in seven bits that switches by escapes (ISO 2022, HZ); None: it is in none."""
    if b"\x1b" not in data:
        return "hz" if re.search(rb"~\{(?:[!-w][!-~])+~\}", data) and _is_strictly(data, "hz") else None
    for pattern, codecs in _ESCAPES:
        if pattern.search(data):
            return next((codec for codec in codecs if _is_strictly(data, codec)), None)
    return None


def _is_strictly(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeError:
        return False
    return True


def _samples(data: bytes) -> tuple[bytes, bytes]:
    """Lines with a byte beyond ASCII and lines without one, as many of each as are weighed."""
    kinds: tuple[list[bytes], list[bytes]] = [], []
    sizes = [0, 0]
    for line in re.split(rb"[\r\n]+", data):
        kind = int(line.isascii())
        if sizes[kind] < _SAMPLE and re.search(rb"[^\d:,.> -]", line):
            kinds[kind].append(line)
            sizes[kind] += len(line)
    return b"\n".join(kinds[0]), b"\n".join(kinds[1])


def _likelihoods(sample: bytes) -> dict[str, float]:
    """Language → ln P of what all encodings read alike: pairs of ASCII. Other scripts count as English."""
    text = sample.decode("latin-1")
    pairs = Counter(pair for pair in zip(_EDGE + text, text + _EDGE, strict=True) if _is_plain(pair))
    folded, _ = _folded(pairs)
    return {language: _likelihood(folded, language)[0] for language in _LATIN}


def _is_plain(pair: tuple[str, str]) -> bool:
    return pair[0].isascii() and pair[1].isascii()


@dataclass(frozen=True, slots=True)
class _Shared:
    """ln P of pairs of ASCII, by language: in lines without any other character, and in the rest."""

    plain: dict[str, float]
    accented: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Reading:
    codec: str
    text: str
    score: float
    """ln P, the codec's own included."""
    is_plausible: bool


def _reading(sample: bytes, codec: str, shared: _Shared) -> _Reading | None:
    text = sample.decode(codec, "replace")
    if text.count("\ufffd") * 20 > len(text):
        return None
    text = unicodedata.normalize("NFC", text)
    prior, home = _CANDIDATES[codec]
    is_wide, is_latin = home[0] in _WIDE, home[0] in _LATIN
    pairs = Counter(zip(_EDGE + text, text + _EDGE, strict=True))
    if not is_wide:
        pairs = Counter({pair: count for pair, count in pairs.items() if not _is_plain(pair)})
    chars = Counter(text)
    symbols = sum(_symbol(char) * count for char, count in chars.items() if not char.isascii())
    letters, strange = _folded(pairs)
    scores: list[tuple[float, float, int, str]] = []
    abroad = _GUESTS if is_wide and "\ufffd" not in text else ()
    for language in (*(_LATIN if is_latin else home), *abroad):
        total, foreign, number = _likelihood(letters, language)
        key = language if language in _LATIN else "en"
        total += shared.plain[key] + (0.0 if is_wide else shared.accented[key])
        total += 0.0 if language in home else _ABROAD if is_wide else _NOT_AT_HOME
        scores.append((total, foreign, number, language))
    total, foreign, number, language = max(scores)
    is_latin = language in _LATIN
    few = is_latin and number < _MANY * sum(count for char, count in chars.items() if char.isalpha())
    known = _letters_of((language, *home))
    unknown = sum(count for (_, right), count in letters.items() if not right.isascii() and right not in known)
    is_known = is_wide or unknown <= 2 + _STRANGERS * number
    plausible = few or foreign >= (_PLAUSIBLE_LATIN if is_latin else _PLAUSIBLE) * number - _LEEWAY
    return _Reading(codec, text, prior + total + symbols + strange, plausible and is_known)


@cache
def _symbol(char: str) -> float:
    """ln P of a character that is no letter; 0 for letters."""
    category = unicodedata.category(char)
    if category[0] in "LM":
        return 0.0
    if char in _COMMON_SYMBOLS:
        return _SYMBOL
    if char == "\ufffd" or category[0] == "C":
        return _NOTHING
    return _DRAWING if "\u2200" <= char <= "\u266f" and char not in "☺♥" else _RARE_SYMBOL


def _folded(pairs: Counter[tuple[str, str]]) -> tuple[dict[tuple[str, str], int], float]:
    """Pairs in small letters, all but letters as the edge of a word; and what strange neighbours cost."""
    folded: dict[tuple[str, str], int] = {}
    strange = 0.0
    for (left, right), count in pairs.items():
        key = _fold(left), _fold(right)
        if key != (_EDGE, _EDGE):
            folded[key] = folded.get(key, 0) + count
            if left.islower() and right.isupper() and not (left.isascii() and right.isascii()):
                strange += _CASE * count
            if _EDGE in key and not _is_plain((left, right)):
                strange += _inside_word(left, right) * count
            elif _is_latin(left) != _is_latin(right) and _EDGE not in key:
                strange += (_MIXED if max(left, right) < _FIRST_WIDE else _MIXED_WIDE) * count
    return folded, strange


def _is_latin(char: str) -> bool:
    return char < "\u0370" or "\u1e00" <= char <= "\u1eff"


@cache
def _inside_word(left: str, right: str) -> float:
    """What it costs that a symbol stands right at a letter, as a fraction does in no word."""
    symbol = right if _fold(right) == _EDGE else left
    return 0.0 if symbol.isascii() or symbol in _COMMON_SYMBOLS or symbol == "\ufffd" else _GLUED


@cache
def _fold(char: str) -> str:
    if unicodedata.category(char)[0] not in "LM":
        return _EDGE
    small = char.lower()
    if "\u1ea0" <= small <= "\u1eff":
        return "\u1ec3"  # langdetect counts all of these as one
    return {"ș": "ş", "ț": "ţ", "\u06cc": "\u064a"}.get(small, small if len(small) == 1 else char)


def _likelihood(pairs: dict[tuple[str, str], int], language: str) -> tuple[float, float, int]:
    """ln P of all pairs, of those that end in a letter beyond ASCII, and how many those are."""
    model = _model(language)
    total = foreign = 0.0
    number = 0
    for (left, right), count in pairs.items():
        score = model.score(left, right) * count
        total += score
        if not right.isascii():
            foreign += score
            number += count
    return total, foreign, number


@dataclass(frozen=True, slots=True)
class _Model:
    language: str
    pairs: dict[str, float]
    """ln P of a letter after another; empty where characters stand alone."""
    single: dict[str, float]
    """ln P of a letter."""
    is_latin: bool

    def score(self, left: str, right: str) -> float:
        """ln P of `right` after `left`."""
        if right.isascii() and right != _EDGE and not self.is_latin:
            return _model("en").score(left if left.isascii() else _EDGE, right)
        if right == _EDGE and not self.pairs:
            return 0.0
        known = self.pairs.get(left + right)
        if known is not None:
            return known
        alone = self.single.get(right)
        if alone is None:
            return _UNKNOWN_LATIN if right < "\u0250" else _UNKNOWN_LETTER
        return alone if not self.pairs else max(alone - 3.0, _UNKNOWN_LATIN + 1.0)


@cache
def _model(language: str) -> _Model:
    entries = _tables()[language]
    if language in _WIDE:
        return _Model(language, {}, entries, False)
    before: dict[str, float] = defaultdict(float)
    alone: dict[str, float] = defaultdict(float)
    for pair, level in entries.items():
        before[pair[0]] += math.exp(level)
        alone[pair[1]] += math.exp(level)
    pairs = {pair: max(level - math.log(before[pair[0]]), -11.0) for pair, level in entries.items()}
    total = sum(alone.values())
    single = {letter: math.log(share / total) for letter, share in alone.items()}
    return _Model(
        language, pairs, single, sum(share for letter, share in alone.items() if letter.isascii()) > total / 2
    )


@cache
def _letters_of(languages: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*(_model(language).single for language in languages))


@cache
def _tables() -> dict[str, dict[str, float]]:
    """Language → piece of text → ln of its share."""
    text = lzma.decompress(files("crisp_align.formats").joinpath("letters.txt.xz").read_bytes()).decode()
    tables: dict[str, dict[str, float]] = {}
    for row in text.splitlines():
        language, level, pieces = row.split(" ", 2)
        width = 1 if language in _WIDE else 2
        table = tables.setdefault(language, {})
        for at in range(0, len(pieces), width):
            table[pieces[at : at + width]] = -int(level) / 2
    return tables
