"""Letter-to-sound: learn its table from CMUdict, and measure it on words held out from that.

`python -m benchmarks.letters` measures the table that ships; `--train` learns it anew (some minutes) and writes it.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from crisp_align.aligners.hmm.english import letters
from crisp_align.aligners.hmm.english.letters import (
    FIRST_MARK,
    LAST_MARK,
    ORDER,
    STEP,
    WEIGHT_ZERO,
    ZERO,
    Phones,
    grapheme_to_phoneme,
)

Graphone = tuple[str, Phones]
TABLE = Path(letters.__file__).with_name("letters.txt")
HEADER = """\
# Which phones English letters stand for: a 5-gram model of graphones; written by
# `python -m benchmarks.letters --train`.
# Learned from the CMU Pronouncing Dictionary, copyright (C) 1993-2015 Carnegie Mellon University, BSD-2-Clause.
"""
MOST_PHONES = 2  # of one letter
ROUNDS, SAMPLE = 6, 20_000  # of expectation-maximisation; words it looks at
RAREST = 3  # occurrences of a graphone that is kept
DISCOUNT = 0.7
GAIN = 5.0  # nats over the whole dictionary that an n-gram must be worth
HELD_OUT = 20  # one word in this many


def dictionary() -> dict[str, list[Phones]]:
    """CMUdict as PocketSphinx carries it, words of letters only."""
    import pocketsphinx

    path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    words: dict[str, list[Phones]] = defaultdict(list)
    for line in path.read_text("utf-8").splitlines():
        word, _, phones = line.partition(" ")
        word = re.sub(r"\(\d+\)$", "", word)
        if re.fullmatch("[a-z]+", word):
            words[word].append(tuple(phones.split()))
    return dict(words)


def is_held_out(word: str) -> bool:
    """The same words on every machine."""
    return zlib.crc32(word.encode()) % HELD_OUT == 0


def measure(words: dict[str, list[Phones]], every: int) -> None:
    """Print the phone and word error rates on one held-out word in `every`."""
    held_out = sorted(word for word in words if is_held_out(word))[::every]
    started, errors, phones, wrong, errors_of_three = time.perf_counter(), 0, 0, 0, 0
    for word in held_out:
        guesses = grapheme_to_phoneme(word, 3) or [()]
        off, length = min((distance(guesses[0], said), len(said)) for said in words[word])
        errors, phones, wrong = errors + off, phones + length, wrong + (off > 0)
        errors_of_three += min(distance(guess, said) for said in words[word] for guess in guesses)
    seconds = time.perf_counter() - started
    print(f"{len(held_out)} words of CMUdict that the table has not seen, {phones} phones")
    print(f"phone error rate            {errors / phones:6.1%}")
    print(f"phone error rate, best of 3 {errors_of_three / phones:6.1%}")
    print(f"word error rate             {wrong / len(held_out):6.1%}")
    print(f"time a word                 {seconds / len(held_out) * 1000:6.1f} ms")


def distance(left: Phones, right: Phones) -> int:
    """Edits between two pronunciations."""
    row = list(range(len(right) + 1))
    for i, phone in enumerate(left, 1):
        row, above = [i], row
        for j, other in enumerate(right, 1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (phone != other)))
    return row[-1]


def train(words: dict[str, list[Phones]]) -> str:
    """The table, as text."""
    pairs = [(word, said) for word in sorted(words) if not is_held_out(word) for said in words[word]]
    chances = graphone_chances(random.Random(0).sample(pairs, SAMPLE))
    aligned = [graphones for word, said in pairs if (graphones := best_alignment(word, said, chances))]
    counts = Counter(graphone for graphones in aligned for graphone in graphones)
    kept = sorted((g for g, count in counts.items() if count >= RAREST), key=lambda g: (-counts[g], g))
    free = (chr(point) for point in range(ZERO, 0x250) if chr(point).isprintable())
    symbols = dict(zip(kept, (char for char in free if char not in FIRST_MARK + LAST_MARK), strict=False))
    sequences = [
        "".join(symbols[g] for g in graphones) for graphones in aligned if all(g in symbols for g in graphones)
    ]
    lines = [" ".join((symbols[graphone], graphone[0], *graphone[1])) for graphone in kept]
    return "\n".join([HEADER, *lines, "", *model_lines(sequences)]) + "\n"


def graphone_chances(pairs: list[tuple[str, Phones]]) -> dict[Graphone, float]:
    """How likely each letter stands for each run of phones, by expectation-maximisation over all alignments."""
    chances: dict[Graphone, float] = defaultdict(lambda: 1.0)
    for turn in range(ROUNDS):
        expected: dict[Graphone, float] = defaultdict(float)
        for word, said in pairs:
            add_expected(word, said, chances, expected)
        totals: dict[str, float] = defaultdict(float)
        for (letter, _), value in expected.items():
            totals[letter] += value
        rarest = 0.5 if turn > 1 else 0.0
        found = {g: value / totals[g[0]] for g, value in expected.items() if value > rarest}
        chances = defaultdict(float, found)
    return dict(chances)


def add_expected(word: str, said: Phones, chances: dict[Graphone, float], expected: dict[Graphone, float]) -> None:
    """Add the expected count of every graphone in one word (forward-backward)."""
    letters_, phones = len(word), len(said)
    ahead = [[0.0] * (phones + 1) for _ in range(letters_ + 1)]
    behind = [[0.0] * (phones + 1) for _ in range(letters_ + 1)]
    ahead[0][0] = behind[letters_][phones] = 1.0
    steps = [(j, k) for j in range(phones + 1) for k in range(j, min(j + MOST_PHONES, phones) + 1)]
    for i, letter in enumerate(word):
        for j, k in steps:
            if ahead[i][j]:
                ahead[i + 1][k] += ahead[i][j] * chances[letter, said[j:k]]
    total = ahead[letters_][phones]
    if not total:
        return
    for i in reversed(range(letters_)):
        for j, k in steps:
            if behind[i + 1][k]:
                reached = chances[word[i], said[j:k]] * behind[i + 1][k]
                behind[i][j] += reached
                expected[word[i], said[j:k]] += ahead[i][j] * reached / total


def best_alignment(word: str, said: Phones, chances: dict[Graphone, float]) -> list[Graphone]:
    """The likeliest graphones of one word; empty if no alignment is possible."""
    best: dict[int, tuple[float, list[Graphone]]] = {0: (0.0, [])}
    for letter in word:
        longer: dict[int, tuple[float, list[Graphone]]] = {}
        for j, (score, path) in best.items():
            for k in range(j, min(j + MOST_PHONES, len(said)) + 1):
                chance = chances.get((letter, said[j:k]), 0.0)
                if chance and (k not in longer or longer[k][0] < score + math.log(chance)):
                    longer[k] = (score + math.log(chance), [*path, (letter, said[j:k])])
        best = longer
    return best.get(len(said), (0.0, []))[1]


def model_lines(sequences: Iterable[str]) -> list[str]:
    """The n-grams worth keeping: absolute discounting, those dropped that backing off predicts nearly as well."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sequence in sequences:
        padded = FIRST_MARK * (ORDER - 1) + sequence + LAST_MARK
        for end in range(ORDER - 1, len(padded)):
            for begin in range(end - ORDER + 1, end + 1):
                counts[padded[begin:end]][padded[end]] += 1
    full = discounted(counts)
    kept = {
        history: [
            symbol
            for symbol, count in following.items()
            if not history or count * math.log(full(history, symbol) / full(history[1:], symbol)) > GAIN
        ]
        for history, following in counts.items()
    }
    explicit = {(h, s): math.log(full(h, s)) for h, following in kept.items() for s in following}
    weights: dict[str, float] = {}
    lines = []
    for history in sorted((h for h, following in kept.items() if following), key=lambda h: (len(h), h)):
        following = sorted(kept[history])
        if history:
            left = 1 - sum(math.exp(explicit[history, symbol]) for symbol in following)
            below = 1 - sum(math.exp(backed_off(history[1:], symbol, explicit, weights)) for symbol in following)
            weights[history] = math.log(max(left, 1e-4) / max(below, 1e-4))
        cells = "".join(symbol + mark(-explicit[history, symbol], ZERO) for symbol in following)
        lines.append(f"{history} {mark(-weights.get(history, 0.0), WEIGHT_ZERO)}{cells}")
    return lines


def discounted(counts: dict[str, Counter[str]]) -> Callable[[str, str], float]:
    """Interpolated probabilities from the counts."""
    known: dict[tuple[str, str], float] = {}
    totals = {history: sum(following.values()) for history, following in counts.items()}

    def chance(history: str, symbol: str) -> float:
        if (history, symbol) not in known:
            following = counts.get(history, Counter())
            if not history:
                known[history, symbol] = (following[symbol] + 0.1) / (totals[""] + 100)
            elif not following:
                known[history, symbol] = chance(history[1:], symbol)
            else:
                spare = DISCOUNT * len(following) * chance(history[1:], symbol)
                known[history, symbol] = (max(following[symbol] - DISCOUNT, 0) + spare) / totals[history]
        return known[history, symbol]

    return chance


def backed_off(history: str, symbol: str, explicit: dict[tuple[str, str], float], weights: dict[str, float]) -> float:
    """Log probability in the model that is kept."""
    total = 0.0
    while (history, symbol) not in explicit and history:
        total += weights.get(history, 0.0)
        history = history[1:]
    return total + explicit.get((history, symbol), -12.0)


def mark(nats: float, zero: int) -> str:
    """A number of nats as one character, `zero` standing for none."""
    return chr(min(max(zero + round(nats / STEP), ZERO), 0x7E))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", action="store_true", help="learn the table anew and write it")
    parser.add_argument("--every", type=int, default=1, help="measure one held-out word in this many")
    options = parser.parse_args()
    words = dictionary()
    if options.train:
        TABLE.write_text(train(words), "utf-8")
        print(f"{TABLE}: {TABLE.stat().st_size / 1000:.0f} kB")
    measure(words, options.every)


if __name__ == "__main__":
    main()
