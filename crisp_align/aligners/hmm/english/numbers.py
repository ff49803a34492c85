"""The spoken forms of English numbers: every likely reading, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from typing import TypeAlias

__all__ = [
    "CURRENCIES",
    "Words",
    "clock",
    "date",
    "decade",
    "digits",
    "fraction",
    "money",
    "number",
    "ordinal",
    "span",
    "unique",
]

Words: TypeAlias = tuple[str, ...]
"""One spoken form: plain words in lower case."""

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PARTS = {*range(2, 11), 12, 16, 20, 32, 64, 100, 1000}  # what a whole is usually divided into
_LONGEST = 15  # digits; longer numbers are only read digit by digit
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
CURRENCIES = {
    "$": ("dollar", "cent"),
    "£": ("pound", "penny"),
    "€": ("euro", "cent"),
    "¥": ("yen", "sen"),
    "₹": ("rupee", "paisa"),
    "₩": ("won", "jeon"),
    "₿": ("bitcoin", "satoshi"),
    "¢": ("cent", "cent"),
}
"""Symbols of money, with what it and its hundredth are called."""
_PLURALS = {"penny": "pence", "yen": "yen", "won": "won", "sen": "sen", "jeon": "jeon"}


def unique(readings: Iterable[Words]) -> list[Words]:
    """The readings, each once, in order."""
    return list(dict.fromkeys(readings))


def _spelled(value: int, kind: str) -> list[Words]:
    """A number in words, without and with "and"."""
    from num2words import num2words

    words = tuple(re.findall(r"[a-z]+", num2words(value, to=kind)))
    return unique([tuple(word for word in words if word != "and"), words])


def digits(figures: str) -> list[Words]:
    """Figure by figure, "zero" or "oh"; other characters are passed over."""
    plain = tuple(_DIGITS[int(figure)] for figure in figures if figure in "0123456789")
    return unique([plain, tuple("oh" if word == "zero" else word for word in plain)])


def _pairs(figures: str) -> list[Words]:
    """Two figures at a time, "nineteen oh five", as years and house numbers are read."""
    if len(figures) not in (3, 4) or figures.endswith("000"):
        return []
    head, tail = int(figures[:-2]), int(figures[-2:])
    if not head:
        return []
    tails: list[Words]
    if tail == 0:
        tails = [("hundred",)]
    elif tail < 10:
        tails = [("oh", _DIGITS[tail]), ("zero", _DIGITS[tail])]
    else:
        tails = _spelled(tail, "cardinal")
    return [first + second for first in _spelled(head, "cardinal") for second in tails]


def number(figures: str) -> list[Words]:
    """An integer or decimal, with or without thousands separators: "1,500", "3.14", ".5", "007".

    A reading is a quantity, a year, or figure by figure, as its shape allows.
    """
    whole, point, decimals = figures.replace(",", "").partition(".")
    if point and decimals:
        return _decimal(whole, decimals)
    if not 0 < len(whole) <= _LONGEST:
        return digits(whole)
    quantity = _spelled(int(whole), "cardinal")
    if whole[0] == "0" and len(whole) > 1:
        return unique(digits(whole) + quantity)
    readings = quantity if "," in figures or len(whole) <= 3 else _pairs(whole) + quantity
    if len(whole) in (3, 4):
        readings = readings + _pairs(whole)
    if len(whole) >= 3 and "," not in figures:
        readings = readings + digits(whole)
    if quantity[0][0] == "one" and len(quantity[0]) > 1:
        readings = readings + [("a", *said[1:]) for said in quantity]
    return unique(readings)


def _decimal(whole: str, decimals: str) -> list[Words]:
    wholes: list[Words] = number(whole)[:3] if whole else []
    if not whole.strip("0"):
        wholes = [("zero",), (), ("oh",)] if whole else [(), ("zero",), ("oh",)]
    tails = digits(decimals)
    if len(decimals) == 2 and decimals[0] != "0":
        tails = tails + _spelled(int(decimals), "cardinal")
    return unique((*head, "point", *tail) for head, tail in product(wholes, tails))


def ordinal(value: int) -> list[Words]:
    """21: "twenty first"; figures beyond any calendar or list are read out one by one."""
    return _spelled(value, "ordinal") if value < 10**_LONGEST else digits(str(value))


def decade(figures: str) -> list[Words]:
    """The "1990" of 1990s, the "90" of '90s: the last word in the plural."""
    readings = _pairs(figures) + number(figures) if len(figures) == 4 else number(figures)
    return unique((*said[:-1], _plural(said[-1])) for said in readings)


def _plural(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("x", "s", "sh", "ch")) else "s")


def money(symbol: str, figures: str, magnitude: str = "") -> list[Words]:
    """An amount: "$20.50", "£5", "€3" with magnitude "million".

    Without its currency too, because "$3 million" says the currency after the next word.
    """
    unit, part = CURRENCIES[symbol]
    whole, _, cents = figures.replace(",", "").partition(".")
    size: Words = (magnitude,) if magnitude else ()
    amounts = [said + size for said in number(figures)[:4]]
    singular = whole == "1" and not cents and not magnitude
    readings = [(*said, unit if singular else _plural(unit)) for said in amounts]
    if len(cents) == 2 and not magnitude:
        readings = _with_cents(whole, cents, unit, part) + readings
    return unique(readings + amounts)


def _with_cents(whole: str, cents: str, unit: str, part: str) -> list[Words]:
    units = unit if whole == "1" else _plural(unit)
    parts = part if cents == "01" else _plural(part)
    readings: list[Words] = []
    for said in number(whole or "0")[:2]:
        if not int(cents):
            readings += [(*said, units), said]
            continue
        for small in _spelled(int(cents), "cardinal"):
            readings += [(*said, units, "and", *small, parts), (*said, units, *small), (*said, units, *small, parts)]
            readings.append((*said, *(("oh",) if int(cents) < 10 else ()), *small))
            if not int(whole or "0"):
                readings.append((*small, parts))
    return readings


def clock(hours: str, minutes: str, seconds: str = "") -> list[Words]:
    """7:30, 07:05, 12:00, 1:02:03."""
    hour = _spelled(int(hours), "cardinal")
    if int(minutes):
        minute = _spelled(int(minutes), "cardinal")
        tails = [("oh", *said) for said in minute] if int(minutes) < 10 else minute
    else:
        tails = [(), ("o'clock",), ("hundred",), ("zero", "zero"), ("oh", "oh")]
    readings = [(*head, *tail) for head, tail in product(hour, tails)]
    if seconds:
        ends = [end for said in _spelled(int(seconds), "cardinal") for end in (said, (*said, "seconds"))]
        readings = [(*said, *between, *end) for said in readings for between in ((), ("and",)) for end in ends]
    return unique(readings)


def date(year: str, month: str, day: str) -> list[Words]:
    """A date in figures, said with the month's name, day and month in either order; empty if there is no such month."""
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return []
    name = _MONTHS[int(month) - 1]
    days = _spelled(int(day), "ordinal") + _spelled(int(day), "cardinal")
    years = number(year)[:2]
    return unique(
        reading
        for said, said_year in product(days, years)
        for reading in ((name, *said, *said_year), ("the", *said, "of", name, *said_year))
    )


def fraction(above: str, below: str) -> list[Words]:
    """1/2, 3/4, 24/7."""
    over, under = number(above)[:2], number(below)[:2]
    readings: list[Words] = []
    if int(below) in _PARTS and int(above) < int(below):
        name: Words = {2: ("half",), 4: ("quarter",)}.get(int(below), ordinal(int(below))[0])
        names = [name] + ([ordinal(4)[0]] if int(below) == 4 else [])
        for said, parts in product(over, names):
            many = (*parts[:-1], {"half": "halves"}.get(parts[-1], parts[-1] + "s"))
            readings += [("a", *parts), (*said, *parts)] if above == "1" else [(*said, *many)]
    for first, second in product(over, under):
        readings += [(*first, *between, *second) for between in ((), ("over",), ("slash",), ("out", "of"), ("of",))]
    return unique(readings)


def span(first: str, second: str) -> list[Words]:
    """10-20: from one to the other, a score, or figure by figure, as in a telephone number."""
    readings = [
        (*low, *between, *high)
        for between in (("to",), (), ("through",), ("dash",), ("minus",))
        for low, high in product(number(first)[:2], number(second)[:2])
    ]
    telephone = [low + high for low, high in zip(digits(first), digits(second), strict=False)]
    return unique(telephone + readings if len(second) >= 4 and len(first) == 3 else readings + telephone)
