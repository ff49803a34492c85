"""Letter-to-sound: how an English word that no dictionary lists is most likely pronounced.

A word is read as a sequence of graphones, a letter with the zero to two phones it stands for, and a 5-gram model of
such sequences, learned from CMUdict (`python -m benchmarks.letters --train`), says which sequence is the likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias

__all__ = ["Phones", "grapheme_to_phoneme"]

Phones: TypeAlias = tuple[str, ...]
"""CMU phones without stress: "AA" … "ZH"."""

ORDER = 5
FIRST_MARK, LAST_MARK = "<", ">"  # before the first letter of a word, after its last
STEP = 0.1  # nats, of the stored logarithms
ZERO = 0x21  # the character that stands for a probability of 1
WEIGHT_ZERO = ZERO + 46  # for a back-off weight of 1, which may also be above it
_BEAM = 12  # sequences kept after each letter
_UNSEEN = -12.0  # log probability of a graphone in no n-gram
_LONGEST = 40  # letters; what is longer is no word


@dataclass(frozen=True, slots=True)
class _Model:
    graphones: dict[str, list[tuple[str, Phones]]]
    """For each letter its symbols in the table, with their phones."""
    grams: dict[str, dict[str, float]]
    """For each history, of symbols, the log probabilities of what follows."""
    weights: dict[str, float]
    """Log back-off weight of each history."""

    def log_probability(self, history: str, symbol: str) -> float:
        """Of `symbol` after `history`, backing off to shorter histories."""
        total = 0.0
        while True:
            following = self.grams.get(history)
            if following is not None and symbol in following:
                return total + following[symbol]
            if not history:
                return total + _UNSEEN
            total += self.weights.get(history, 0.0)
            history = history[1:]


def grapheme_to_phoneme(word: str, most: int = 3) -> list[Phones]:
    """List the likeliest pronunciations of a word, best first; other characters than a-z are ignored.

    Args:
        word: in lower case.
        most: how many.
    """
    model = _model()
    letters = [letter for letter in word if letter in model.graphones][:_LONGEST]
    ranked: list[tuple[float, str, Phones]] = [(0.0, FIRST_MARK * (ORDER - 1), ())]
    for letter in letters:
        longer = [
            (score + model.log_probability(history, symbol), (history + symbol)[1:], prefix + phones)
            for score, history, prefix in ranked
            for symbol, phones in model.graphones[letter]
        ]
        ranked = sorted(longer, key=lambda sequence: -sequence[0])[:_BEAM]
    ends = [(score + model.log_probability(history, LAST_MARK), prefix) for score, history, prefix in ranked]
    best = dict.fromkeys(prefix for _, prefix in sorted(ends, key=lambda end: -end[0]) if prefix)
    return list(best)[:most]


@cache
def _model() -> _Model:
    """The table that ships with the package, as `benchmarks.letters` writes it.

    After comments and a blank line: a line for each graphone (its symbol, its letter, its phones), a blank line, then
    a line for each history: a space, the history, a space, its back-off weight, and symbols each with its
    probability; weights and probabilities are characters, `STEP` nats apart.
    """
    text = files("crisp_align.aligners.hmm.english").joinpath("letters.txt").read_text("utf-8")
    _, listed, counted = text.split("\n\n", 2)
    graphones: dict[str, list[tuple[str, Phones]]] = {}
    for line in listed.splitlines():
        symbol, letter, *phones = line.split(" ")
        graphones.setdefault(letter, []).append((symbol, tuple(phones)))
    grams: dict[str, dict[str, float]] = {}
    weights: dict[str, float] = {}
    for line in counted.split("\n"):
        history, _, rest = line.partition(" ")
        if rest:
            weights[history] = (WEIGHT_ZERO - ord(rest[0])) * STEP
            grams[history] = {
                symbol: (ZERO - ord(mark)) * STEP for symbol, mark in zip(rest[1::2], rest[2::2], strict=True)
            }
    return _Model(graphones, grams, weights)
