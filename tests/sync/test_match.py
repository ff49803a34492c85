from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.sync import match
from crisp_align.sync.match import match_tokens

SONG = "and so my fellow americans / ask not / what your country can do for you / ask what you can do for your country"
LINES = [line.split() for line in SONG.split(" / ")]


def starts(lines: list[list[str]]) -> list[bool]:
    return [n == 0 for line in lines for n, _ in enumerate(line)]


def words(lines: list[list[str]]) -> list[str]:
    return [word for line in lines for word in line]


def paired(text: list[list[str]], spoken: list[list[str]]) -> dict[int, int]:
    found = match_tokens(words(text), words(spoken), starts(text))
    return {pair.given: pair.recognized for pair in found if pair.similarity > 0.6}


def test_a_text_that_is_said_as_it_stands_is_paired_word_by_word() -> None:
    assert paired(LINES, LINES) == {n: n for n in range(len(words(LINES)))}


def test_a_line_that_nobody_says_is_paired_with_nothing() -> None:
    extra = ["the", "weather", "in", "the", "mountains", "was", "terrible"]
    found = paired([LINES[0], extra, *LINES[1:]], LINES)
    assert all(number not in found for number in range(5, 12))
    assert found[12] == 5


def test_speech_that_the_text_lacks_is_paired_with_nothing() -> None:
    found = paired([LINES[0], *LINES[2:]], LINES)
    assert 5 not in found.values()
    assert found[5] == 7


def test_a_word_in_another_spelling_is_paired() -> None:
    assert paired([["the", "colour", "of", "it"]], [["the", "color", "of", "it"]])[1] == 1


def test_refrains_stay_in_their_verses_where_lines_are_missing_and_added() -> None:
    order = random.Random(4)
    spoken = [order.choice(LINES) for _ in range(200)]
    text, truth = [], []
    for number, line in enumerate(spoken):  # a line twice in a row, once in the text, may be either of the two
        if order.random() < 0.1:
            text.append(["nobody", "knew", "where", "the", "old", "captain", "had", "gone"])
            truth.append(None)
        if order.random() >= 0.1:
            text.append(line)
            truth.append(number)
    found = paired(text, spoken)
    owner = [number for number, line in enumerate(spoken) for _ in line]
    at, right, added = 0, 0, 0
    for line, number in zip(text, truth, strict=True):
        places = [owner[found[k]] for k in range(at, at + len(line)) if k in found]
        at += len(line)
        if number is None:
            added += len(places) < 3
        else:
            right += bool(places) and max(set(places), key=places.count) in (
                number - 1,
                number,
                number + 1,
            )
    assert added == truth.count(None)
    assert right >= 0.98 * sum(number is not None for number in truth)


def test_a_long_text_is_divided_at_unique_word_runs_without_a_change(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    order = random.Random(2)
    vocabulary = [f"w{n}x{n * 7 % 11}" for n in range(300)]
    spoken = [[order.choice(vocabulary) for _ in range(8)] for _ in range(400)]
    text = [line for line in spoken if order.random() > 0.05]
    whole = match_tokens(words(text), words(spoken), starts(text))
    monkeypatch.setattr(match, "_MOST_CELLS", 1000)
    parts = match_tokens(words(text), words(spoken), starts(text))
    assert parts == whole


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abce"), max_size=12))
@settings(max_examples=200, deadline=None)
def test_pairs_rise_on_both_sides(text: list[str], spoken: list[str]) -> None:
    pairs = match_tokens(text, spoken, [n % 3 == 0 for n in range(len(text))])
    assert [pair.given for pair in pairs] == sorted({pair.given for pair in pairs})
    assert [pair.recognized for pair in pairs] == sorted({pair.recognized for pair in pairs})


def test_a_line_is_said_in_one_piece_where_its_first_words_come_twice() -> None:
    first, last = "and so my fellow americans", "ask what you can do for your country"
    given = f"{first} {last}".split(" ")
    recognized = f"{first} ask not what your country can do for you {last}".split(" ")
    starts = [number in (0, 5) for number in range(len(given))]
    pairs = {pair.given: pair.recognized for pair in match_tokens(given, recognized, starts)}
    assert [pairs[number] for number in range(5, len(given))] == list(range(14, 22))
