"""The spoken forms of a displayed piece of English text: plain words that a pronunciation dictionary can look up.

A displayed word often has several readings ("1961", "St.", "SQL"); an aligner can let the audio choose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from itertools import product

from crisp_align.aligners.hmm.english import numbers
from crisp_align.aligners.hmm.english.abbreviations import (
    ABBREVIATIONS,
    DOMAINS,
    GREEK,
    LETTERS,
    MAGNITUDES,
    ROMAN,
    SHORT,
    SYMBOLS,
    UNITS,
)
from crisp_align.aligners.hmm.english.numbers import Words, unique

__all__ = ["UNKNOWN", "spoken_words", "unit_readings"]

UNKNOWN = "\ufffd"
"""Marks in a reading a word that is spoken, but written in letters for which English has no sounds."""

_MOST = 10  # readings of one unit; more only slow the search down

_LONGEST = 500  # characters of a unit that are read
_APART = 3  # readings of each piece where a unit has several pieces

_Reader = Callable[[str, Container[str]], list[Words]]


def spoken_words(text: str) -> list[str]:
    """Return the likeliest reading of `text`, as plain lower-case words; empty where nothing in it is spoken.

    >>> spoken_words(" $20,")
    ['twenty', 'dollars']
    """
    return [word for word in unit_readings(text)[0] if word != UNKNOWN]


def unit_readings(text: str, known: Container[str] = frozenset(), before: str = "") -> list[Words]:
    """List every likely reading of `text`, the likeliest first.

    Args:
        text: a displayed word, with its space and punctuation, or a stretch of text; 500 characters are read.
        known: words that are spoken as they are written, in lower case: a pronunciation dictionary. Capitals are read
            by letters too, and first where they are not in it.
        before: the displayed word before, which may owe this one its currency: "$3 million".

    Returns:
        At least one reading and at most ten. A reading is empty where nothing is spoken, and holds `UNKNOWN`
        for what is spoken but cannot be pronounced.
    """
    found = _PIECES.finditer(_plain(text[:_LONGEST]))
    readings = _joined([_READERS[match.lastgroup](match.group(), known) for match in found if match.lastgroup])
    currency = _CURRENCY_BEFORE.fullmatch(_plain(before[:_LONGEST]).strip())
    if currency and readings[0] and readings[0][0] in MAGNITUDES.values():
        readings = [(*said, numbers.money(currency[1], "2")[0][-1]) for said in readings] + readings
    return readings


def _joined(pieces: Sequence[Sequence[Words]]) -> list[Words]:
    """The readings of a whole from those of its pieces, those with the fewest unlikely parts first."""
    few = _MOST if len(pieces) == 1 else _APART if len(pieces) <= 4 else 1
    ranked = [list(enumerate(readings[:few])) for readings in pieces]
    wholes = sorted(product(*ranked), key=lambda parts: sum(rank for rank, _ in parts))
    return unique(tuple(word for _, said in parts for word in said) for parts in wholes)[:_MOST]


def _plain(text: str) -> str:
    """`text` in ASCII where it has an ASCII form: no accents, one kind of quote, dash and figure; case kept."""
    text = "".join(f" {char}" if "<fraction>" in unicodedata.decomposition(char) else char for char in text)
    decomposed = unicodedata.normalize("NFKD", text).translate(LETTERS)
    return "".join(_PLAIN.get(char) or _figure(char) for char in decomposed if not unicodedata.combining(char))


def _figure(char: str) -> str:
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def _address(text: str, known: Container[str]) -> list[Words]:
    """A web or mail address: its words, with what stands between them named."""
    name = re.sub(r"^https?://", "", text, flags=re.IGNORECASE)
    said: list[list[Words]] = []
    for part in re.findall(r"[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]", name):
        if part.isalpha():
            said.append([("w", "w", "w")] if part.lower() == "www" else _word(part, known))
        elif part.isdigit():
            said.append(numbers.number(part))
        elif part in _ADDRESS_SIGNS:
            said.append([(_ADDRESS_SIGNS[part],)])
    readings = _joined(said)
    if name != text:
        scheme = text[: text.index(":")].lower()
        readings += [(*scheme, "colon", "slash", "slash", *reading) for reading in readings[:2]]
    return readings


def _date(text: str, _: Container[str]) -> list[Words]:
    first, second, third = re.findall(r"[0-9]+", text)
    if len(first) == 4:
        named = numbers.date(first, second, third)
    else:
        named = numbers.date(third, first, second) + numbers.date(third, second, first)
    return named or _joined([numbers.number(part) for part in (first, second, third)])


def _clock(text: str, _: Container[str]) -> list[Words]:
    half = re.search(r"[ap]", text, re.IGNORECASE)
    suffix: Words = (half.group().lower(), "m") if half else ()
    return [(*said, *suffix) for said in numbers.clock(*re.findall(r"[0-9]+", text))]


def _money(text: str, _: Container[str]) -> list[Words]:
    symbol = next(char for char in text if char in numbers.CURRENCIES)
    amount = re.search(_FIGURES, text)
    letters = "".join(char for char in text if char.isalpha()).lower()
    return numbers.money(symbol, amount.group() if amount else "0", MAGNITUDES.get(letters, ""))


def _ordinal(text: str, _: Container[str]) -> list[Words]:
    return numbers.ordinal(int(text[:-2].replace(",", "")))


def _decade(text: str, _: Container[str]) -> list[Words]:
    return numbers.decade(text.strip("'s"))


def _span(text: str, _: Container[str]) -> list[Words]:
    parts = text.split("-")
    if len(parts) == 2:
        return numbers.span(*parts)
    return _joined([numbers.digits(part) + numbers.number(part) for part in parts])


def _version(text: str, _: Container[str]) -> list[Words]:
    said = [numbers.number(part)[0] for part in text.split(".")]
    return [
        tuple(word for index, part in enumerate(said) for word in ((sign,) if index else ()) + part)
        for sign in ("point", "dot")
    ]


def _fraction(text: str, _: Container[str]) -> list[Words]:
    *whole, above, below = re.findall(r"[0-9]+", text)
    if not whole:
        return numbers.fraction(above, below)
    halves = [("and", *said) for said in numbers.fraction(above, below)[:2]]
    return _joined([numbers.number(whole[0]), halves])


def _measured(text: str, _: Container[str]) -> list[Words]:
    amount = re.match(_FIGURES, text)
    figures = amount.group() if amount else ""
    unit = text[len(figures) :].strip()
    named = UNITS[unit.lower()]
    if len(unit) == 1 and unit.isupper():
        named = unique([(unit.lower(),), *named])  # 5G, 4K
    return _joined([numbers.number(figures), named])


def _number(text: str, _: Container[str]) -> list[Words]:
    return numbers.number(text)


def _unit(text: str, _: Container[str]) -> list[Words]:
    return UNITS["".join(text.split()).lower()]


def _dotted(text: str, known: Container[str]) -> list[Words]:
    name = text.lower().strip(".")
    letters = tuple(name.replace(".", ""))
    return unique([*ABBREVIATIONS.get(name, []), *([(name,)] if name in known else []), letters])


def _abbreviation(text: str, known: Container[str]) -> list[Words]:
    name = text.strip(".")
    return unique(ABBREVIATIONS[name.lower()] + (_word(name, known) if name.isalpha() else []))


def _word(text: str, known: Container[str]) -> list[Words]:
    """One written word: as it is, in its parts, or letter by letter."""
    name = text.lower()
    if name not in known:
        name = name.strip("'")
    letters = text.strip("'")
    if name in SHORT and letters != letters.upper():
        return unique([*ABBREVIATIONS[SHORT[name]], (name,)])
    readings: list[Words] = [(name,)]
    initials = re.fullmatch(r"([A-Z]{2,6})('?s)?", letters)
    if initials:
        spelled = (*initials[1][:-1].lower(), initials[1][-1].lower() + ("'s" if initials[2] else ""))
        by_letters = name not in known and (len(initials[1]) <= 3 or not _VOWEL.search(initials[1].lower()))
        readings = [spelled, *readings] if by_letters else [*readings, spelled]
    elif name not in known and len(name) > 1 and not _VOWEL.search(name):
        readings = [*UNITS.get(name, []), tuple(name.replace("'", "")), *readings]
    elif name not in known and letters.isalpha() and (parts := _CAMEL.findall(letters))[1:]:
        readings = _joined([_word(part, known) for part in parts]) + readings
    if name in ROMAN and letters.isupper():
        value = ROMAN[name]
        ordinal = numbers.ordinal(value)[0]
        said = [*numbers.number(str(value))[:1], ("the", *ordinal), ordinal]
        readings = [*said, *readings] if len(name) > 1 else [*readings, *said]
    return unique(readings)


def _greek(text: str, _: Container[str]) -> list[Words]:
    return [(GREEK[text.lower()],)]


def _unknown(text: str, _: Container[str]) -> list[Words]:
    return [(UNKNOWN,), ()]


def _symbol(text: str, _: Container[str]) -> list[Words]:
    return SYMBOLS[text]


def _minus(text: str, _: Container[str]) -> list[Words]:
    return [("minus",), ("negative",), ()]


_PLAIN = {
    **dict.fromkeys("’‘ʼ`´′", "'"),
    **dict.fromkeys("“”″", '"'),
    **dict.fromkeys("‐‑‒–—―", "-"),
    "⁄": "/",
    "ς": "σ",
    "\u00ad": "",
}
_ADDRESS_SIGNS = {".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", ":": "colon", "+": "plus"}
_VOWEL = re.compile("[aeiouy]")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_WHOLE = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_FIGURES = rf"(?:{_WHOLE}(?:\.[0-9]+)?|\.[0-9]+)"
_END = r"(?![A-Za-z0-9])"
_CURRENCY = "[" + "".join(re.escape(symbol) for symbol in numbers.CURRENCIES) + "]"
_CURRENCY_BEFORE = re.compile(rf"\W*?({_CURRENCY})\s?{_FIGURES}")


def _any(names: Iterable[str]) -> str:
    return "(?:" + "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) + ")"


_KINDS: list[tuple[str, str, _Reader]] = [
    (
        "address",
        r"(?i:https?://\S*[\w/]|www\.\S*[\w/]|[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+"
        rf"|[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.{_any(DOMAINS)}(?:/\S*[\w/]|/)?){_END}",
        _address,
    ),
    ("date", r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9])|[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{4}|[0-9]{2})(?![0-9])", _date),
    ("clock", r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9])(?:\s?(?i:[ap]\.?m\b))?", _clock),
    ("money", rf"{_CURRENCY}\s?{_FIGURES}(?:\s?(?i:{_any(MAGNITUDES)}){_END})?|{_FIGURES}\s?{_CURRENCY}", _money),
    ("ordinal", rf"{_WHOLE}(?i:st|nd|rd|th){_END}", _ordinal),
    ("decade", rf"'?[0-9]+'?s{_END}", _decade),
    ("span", r"[0-9]+(?:-[0-9]+)+(?![0-9.])", _span),
    ("version", r"[0-9]+(?:\.[0-9]+){2,}", _version),
    ("fraction", r"(?:[0-9]+\s)?[0-9]+/[0-9]+(?![0-9])", _fraction),
    ("measured", rf"{_FIGURES}\s?(?i:{_any(UNITS)}){_END}", _measured),
    ("number", _FIGURES, _number),
    ("unit", rf"(?<![A-Za-z0-9])(?i:°\s?[cf]|k?m/[hs]|k?m2|m3){_END}", _unit),
    ("dotted", r"(?<![A-Za-z'])(?:[A-Za-z]\.){2,}(?:[A-Za-z](?![A-Za-z]))?", _dotted),
    ("abbreviation", rf"(?<![A-Za-z'])(?i:{_any(ABBREVIATIONS)})\.", _abbreviation),
    ("word", r"'?[A-Za-z]+(?:'[A-Za-z]+)*'?", _word),
    ("greek", "[" + "".join(GREEK) + "".join(GREEK).upper() + "]", _greek),
    ("minus", r"(?<![^\s(])-(?=[0-9.])", _minus),
    ("symbol", _any(SYMBOLS), _symbol),
    ("unknown", r"[^\W_]+?(?=[A-Za-z0-9]|\W|_|$)", _unknown),
]
_READERS = {name: reader for name, _, reader in _KINDS}
_PIECES = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern, _ in _KINDS))
