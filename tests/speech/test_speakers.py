from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from crisp_align.speech.speakers import merged_by_time, with_speaker
from crisp_align.transcript import MIN_WORD, Segment, Word


def said(speaker: str, *words: tuple[str, float, float]) -> Segment:
    made = tuple(Word(f" {text}", start, end) for text, start, end in words)
    segment = Segment("".join(w.text for w in made), made[0].start, made[-1].end, "en", made)
    return with_speaker([segment], speaker)[0]


def test_turns_come_in_order_of_time_with_their_speakers() -> None:
    left = [said("left", ("Hello.", 0.0, 0.5)), said("left", ("Fine.", 2.0, 2.5))]
    right = [said("right", ("Hi,", 0.7, 1.0), ("you?", 1.1, 1.5))]
    merged = merged_by_time([*left, *right], 3.0)
    assert [(s.words[0].speaker, s.text) for s in merged] == [
        ("left", " Hello."),
        ("right", " Hi, you?"),
        ("left", " Fine."),
    ]


def test_who_is_interrupted_continues_after_the_interruption() -> None:
    left = said("left", ("I", 0.0, 0.2), ("think", 0.3, 0.9), ("so", 1.0, 1.3))
    right = said("right", ("Yes.", 0.5, 0.8))
    merged = merged_by_time([left, right], 2.0)
    assert [s.text for s in merged] == [" I think", " Yes.", " so"]
    assert merged[0].words[-1].end == 0.5


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.02, 2.0), st.booleans()), min_size=1, max_size=40))
def test_merged_words_are_all_there_and_none_overlaps_the_next(parts: list[tuple[float, float, bool]]) -> None:
    segments = [said("a" if first else "b", ("w", 1 + start, 1 + start + length)) for start, length, first in parts]
    merged = merged_by_time(segments, 60.0)
    words = [word for segment in merged for word in segment.words]
    assert len(words) == len(parts)
    assert all(first.end <= second.start + 1e-9 for first, second in pairwise(words))
    assert all(word.end - word.start >= MIN_WORD - 0.0011 and word.start >= 0 for word in words)
