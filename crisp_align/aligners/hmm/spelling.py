"""Languages whose spelling gives their sounds: a file of rules each, in `rules/`.

A line of a file is empty, a comment ("# ..."), or one of

    let NAME EXPRESSION         a part of regular expressions, written {NAME} in those that follow
    say SIGN WORDS | WORDS      how a sign, a capital of an abbreviation or the decimal "," is read
    EXPRESSION SOUNDS | SOUNDS  what the letters matched by a regular expression may sound like; "-" is silent

A word, in lower case and composed (NFC), is read from the left; at each place the first rule that matches counts. "^"
and "$" are the edges of the word. Sounds are those of `composite.slots`: "ç/x" is between the two, "t?" may be absent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice, product

from crisp_align.aligners.hmm.language import UNPRONOUNCEABLE, Language, Phones, Reading, Word

__all__ = ["Rules", "Spelling", "joined", "number_words", "spelled_out"]

_MOST = 6  # pronunciations of a word
_MOST_READINGS = 8  # of a unit
_LONGEST = 200  # characters of a unit that are read
_LONGEST_NUMBER = 12  # digits; longer ones are read figure by figure
_PIECE = re.compile(
    r"(?P<number>[0-9]+(?:[.,  ][0-9]{3})*(?:[.,:][0-9]+)?)(?P<dot>\.(?!\w))?"
    r"|(?P<word>[^\W\d_]+(?:['’·-]?[^\W\d_])*)|(?P<sign>\S)"
)
_APOSTROPHES = str.maketrans("’ʼ`´‘", "'''''")


class Rules:
    """The rules of one language: from a word to its pronunciations."""

    def __init__(self, text: str) -> None:
        """Read the text of a file.

        Raises:
            re.error: an expression is none.
        """
        self.signs: dict[str, list[tuple[str, ...]]] = {}
        self._sounds: list[tuple[Phones, ...]] = []
        parts: dict[str, str] = {}
        expressions: list[str] = []
        for line in text.splitlines():
            head, _, rest = line.strip().partition(" ")
            rest = rest.strip()
            if not head or head == "#":
                continue
            if head == "let":
                name, _, expression = rest.partition(" ")
                parts[name] = _filled(expression.strip(), parts)
            elif head == "say":
                sign, _, words = rest.partition(" ")
                self.signs[sign] = [tuple(reading.split()) for reading in words.split("|")]
            else:
                expressions.append(_filled(head, parts))
                self._sounds.append(
                    tuple(tuple(sound for sound in way.split() if sound != "-") for way in rest.split("|"))
                )
        self._rules = re.compile("|".join(f"({expression})" for expression in expressions))
        self.pronunciations = lru_cache(maxsize=10_000)(self._pronunciations)

    def _pronunciations(self, word: str) -> Word:
        """List the pronunciations of a word in lower case, the likeliest first; none where no letter has a sound."""
        ways: list[tuple[Phones, ...]] = []
        at = 0
        while at < len(word):
            match = self._rules.match(word, at)
            if match is None or match.end() == at or match.lastindex is None:
                plain = unicodedata.normalize("NFD", word[at])[0]
                if plain != word[at]:
                    word = word[:at] + plain + word[at + 1 :]
                else:
                    at += 1
                continue
            ways.append(self._sounds[match.lastindex - 1])
            at = match.end()
        ranked = islice(product(*_fewest(ways)), _MOST)
        joined = (tuple(sound for part in parts for sound in part) for parts in ranked)
        return tuple(dict.fromkeys(phones for phones in joined if phones))


def _filled(expression: str, parts: dict[str, str]) -> str:
    for name, value in parts.items():
        expression = expression.replace(f"{{{name}}}", value)
    return re.sub(r"\((?!\?)", "(?:", expression)


def _fewest(ways: Sequence[tuple[Phones, ...]]) -> list[tuple[Phones, ...]]:
    """The ways, of which so many first ones have a choice that the product stays small."""
    kept: list[tuple[Phones, ...]] = []
    count = 1
    for choices in ways:
        some = choices if count * len(choices) <= 2 * _MOST else choices[:1]
        count *= len(some)
        kept.append(some)
    return kept


@cache
def _rules(code: str) -> Rules:
    return Rules(files("crisp_align.aligners.hmm").joinpath("rules", f"{code}.txt").read_text("utf-8"))


class Spelling:
    """The readings of units in a language with rules of spelling."""

    def __init__(self, code: str, foreign: Language, *, numbers: str = "") -> None:
        """Read the rules.

        Args:
            code: name of the file of rules.
            foreign: reads words in Latin letters, in a language that is not written in them.
            numbers: the name num2words has for the language, where it is another.
        """
        self._rules, self._foreign, self._numbers = _rules(code), foreign, numbers or code

    def readings(self, units: Sequence[str]) -> list[list[Reading]]:
        """List the readings of every unit; see `Language.readings`."""
        return [self._unit(unit[:_LONGEST]) for unit in units]

    def _unit(self, text: str) -> list[Reading]:
        text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
        pieces: list[list[Reading]] = []
        for match in _PIECE.finditer(text):
            if match["number"]:
                pieces.append(self._number(match["number"], ordinal=bool(match["dot"])))
            elif match["word"]:
                pieces.append(self._written(match["word"]))
            elif match["sign"] != "," and match["sign"] in self._rules.signs:
                pieces.append([self._spoken(words) for words in self._rules.signs[match["sign"]]])
        return joined(pieces)

    def _written(self, word: str) -> list[Reading]:
        """The readings of a written word: as a word, and by letters where it is in capitals."""
        readings: list[Reading] = [self._word(word)]
        letters = [self._rules.signs[char][0] for char in word if char in self._rules.signs]
        if word.isupper() and 1 < len(word) <= 6 and len(letters) == len(word):
            readings.append(self._spoken([name for names in letters for name in names]))
        return readings

    def _word(self, word: str) -> Reading:
        parts = [part for part in re.split(r"[-·]", word.lower()) if part]
        spoken = [self._pronunciations(part) for part in parts]
        return tuple(word for word in spoken if word)

    def _pronunciations(self, word: str) -> Word:
        own = self._rules.pronunciations(word)
        if own:
            return own
        if word.isascii():
            return next(iter(self._foreign.readings([word])[0][0]), UNPRONOUNCEABLE)
        return UNPRONOUNCEABLE

    def _spoken(self, words: Iterable[str]) -> Reading:
        return tuple(spoken for word in words if (spoken := self._rules.pronunciations(word.lower())))

    def _number(self, figures: str, *, ordinal: bool) -> list[Reading]:
        return [
            self._spoken(words) for words in number_words(figures, self._words_of, self._rules.signs, ordinal=ordinal)
        ]

    def _words_of(self, value: int, kind: str) -> list[str]:
        return spelled_out(value, kind, self._numbers)


def joined(pieces: Sequence[Sequence[Reading]]) -> list[Reading]:
    """The readings of a unit from those of its pieces, the likeliest first; a silent one where there are none."""
    few = _MOST_READINGS if len(pieces) == 1 else 3 if len(pieces) <= 3 else 1
    ranked = [list(enumerate(readings[:few])) for readings in pieces]
    wholes = sorted(product(*ranked), key=lambda parts: sum(rank for rank, _ in parts))
    readings = (tuple(word for _, reading in parts for word in reading) for parts in wholes)
    return list(dict.fromkeys(readings))[:_MOST_READINGS]


def spelled_out(value: int, kind: str, language: str) -> list[str]:
    """A number in words, as num2words has them; empty where it has none of this kind."""
    from num2words import num2words

    try:
        return re.findall(r"[^\W\d_]+", str(num2words(value, lang=language, to=kind)).lower())
    except (NotImplementedError, OverflowError, KeyError, IndexError, ValueError, TypeError, AttributeError):
        return []


def number_words(
    figures: str, words_of: Callable[[int, str], list[str]], signs: dict[str, list[tuple[str, ...]]], *, ordinal: bool
) -> list[list[str]]:
    """The ways to read a number, in words, the likeliest first.

    Args:
        figures: digits, groups of three of them with a mark between, a part behind a decimal mark.
        words_of: the words of a whole number, of a kind that num2words knows.
        signs: has the words of the decimal mark under ",".
        ordinal: a full stop follows, which may make it an ordinal.
    """
    whole = re.sub(r"(?<=[0-9])[.,  ](?=[0-9]{3}(?![0-9]))", "", figures)
    head, _, tail = re.sub(r"[.,:]", " ", whole).partition(" ")
    by_figure = [word for figure in head for word in words_of(int(figure), "cardinal")]
    if len(head) > _LONGEST_NUMBER:
        return [by_figure]
    kinds = ["cardinal", *(["year"] if len(head) == 4 else []), *(["ordinal"] if ordinal else [])]
    heads = [words_of(int(head), kind) for kind in kinds]
    if len(head) > 2 or head.startswith("0"):
        heads.append(by_figure)
    if tail:
        marks = signs.get(",", [()])
        whole_tail = words_of(int(tail), "cardinal")
        figure_tail = [word for figure in tail for word in words_of(int(figure), "cardinal")]
        heads = [
            [*words, *mark, *end] for words in heads[:1] for mark in [*marks, ()] for end in (figure_tail, whole_tail)
        ]
    return [list(words) for words in dict.fromkeys(map(tuple, heads)) if words]
