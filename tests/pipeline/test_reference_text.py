from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.languages import script_language
from crisp_align.pipeline.partition import assign_by_asr, assign_by_duration
from crisp_align.pipeline.reference_text import ReferenceText, mismatch_notices
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip, Segment, Unit, Word


def test_each_line_is_a_segment_and_no_character_is_lost() -> None:
    text = ReferenceText.read("And so,\nmy fellow Americans:\n\n- ask not!\n", "en")
    assert [unit.text for unit in text.units] == [" And", " so,", " my", " fellow", " Americans:", " - ask", " not!"]
    assert text.line_ends == (False, True, False, False, True, False, True)


def test_a_line_with_nothing_to_say_stays_with_its_neighbour() -> None:
    text = ReferenceText.read("♪♪\nla la\n***\nend", "en")
    assert "".join(unit.text for unit in text.units) == " ♪♪ la la *** end"
    assert sum(text.line_ends) == 2


@given(st.text(alphabet="ab ,.\n\r\t'é日本-…♪", max_size=80))
@settings(max_examples=300)
def test_every_word_of_a_text_is_there_once_in_order(text: str) -> None:
    for language in ("en", "zh"):
        units = ReferenceText.read(text, language).units
        shown = "".join("".join(unit.text for unit in units).split())
        assert shown in ("", "".join(text.split()))
        assert bool(shown) == bool(split_units(text, language))


def test_the_script_gives_the_language_away_only_where_it_can() -> None:
    assert script_language("真っ昼間なのに") == "ja"
    assert script_language("广州市") == "zh"
    assert script_language("학교에 간다") == "ko"
    assert script_language("Γειά σου") == "el"
    assert script_language("我们用 transformers 训练模型") == "zh"
    assert script_language("東京タワーへ") == "ja"
    assert script_language("สวัสดีครับ") == "th"
    assert script_language("The ratio π is on page 3.") is None
    assert script_language("She says こんにちは to everybody") is None
    assert script_language("ask not") is None
    assert script_language("3 + 4 = 7") is None
    assert script_language("не спрашивай") is None


def units(text: str) -> list[Unit]:
    return [Unit(f" {word}", word) for word in text.split()]


def test_words_go_to_the_clip_they_were_heard_in() -> None:
    numbers, share = assign_by_asr(
        units("ask not what your country can do for you"),
        [units("ask knot what"), units("your country"), units(""), units("can do four you")],
    )
    assert numbers == [0, 0, 0, 1, 1, 3, 3, 3, 3]
    assert share == 7 / 9


def test_words_that_nobody_heard_stay_with_the_word_before() -> None:
    numbers, _ = assign_by_asr(units("one two extra words three"), [units("one two"), units("three")])
    assert numbers == [0, 0, 0, 0, 1]


@given(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=30),
    st.lists(st.lists(st.sampled_from("abcd"), max_size=8), min_size=1, max_size=6),
)
def test_clip_numbers_never_fall(text: list[str], heard: list[list[str]]) -> None:
    numbers, share = assign_by_asr([Unit(t, t) for t in text], [[Unit(t, t) for t in clip] for clip in heard])
    assert len(numbers) == len(text)
    assert numbers == sorted(numbers)
    assert 0 <= share <= 1


def clip(seconds: float) -> Clip:
    return Clip(np.zeros(int(seconds * 16000), np.float32), 0.0, "x", ((0.0, seconds),))


def test_without_hearing_a_line_end_near_the_right_place_is_where_a_clip_ends() -> None:
    text = units("aa bb cc dd ee ff")
    ends = [False, False, False, True, False, True]
    assert assign_by_duration(text, ends, [clip(5.0), clip(4.0)]) == [0, 0, 0, 0, 1, 1]
    assert assign_by_duration(text, [False] * 5 + [True], [clip(4.5), clip(4.5)]) == [0, 0, 0, 1, 1, 1]


def scored(*words: tuple[float, float]) -> Segment:
    """A line of words, each given as how long it lasts and its score."""
    ends = np.cumsum([length for length, _ in words]).tolist()
    timed = tuple(
        Word(f" word{number}", end - length, end, score)
        for number, (end, (length, score)) in enumerate(zip(ends, words, strict=True))
    )
    return Segment("".join(word.text for word in timed), 0.0, ends[-1], "en", timed, "hmm")


class TestMismatchNotices:
    def test_a_text_that_was_heard_otherwise_is_told(self) -> None:
        segment = Segment(" wrong words", 1.0, 2.0, "en", (), "hmm")
        assert mismatch_notices([segment], 1.0) == []
        assert "20% of it was transcribed" in mismatch_notices([segment], 0.2)[0]

    def test_a_passage_that_was_not_said_is_told_with_its_score_whatever_surrounds_it(self) -> None:
        lines = [scored(*[(0.3, 0.9)] * 20), scored(*[(0.3, 0.1)] * 6), scored(*[(0.3, 0.9)] * 20)]
        (notice,) = mismatch_notices(lines, 1.0)
        assert "may not be what is said: mean score 0.80" in notice
        assert notice.endswith("'word0 word1 word2 word3 word4 word5' with 0.10")

    def test_a_single_doubtful_word_is_not(self) -> None:
        assert mismatch_notices([scored((0.3, 0.9), (0.3, 0.0), (0.3, 0.9), (0.3, 0.9))], 1.0) == []

    def test_a_word_stretched_over_speech_that_the_text_leaves_out_is_told(self) -> None:
        (notice,) = mismatch_notices([scored(*[(0.3, 0.9)] * 10, (2.2, 0.0))], 1.0)
        assert "more may be said than the text holds: at 3.0 s 'word10' lasts 2.2 s with score 0.00" in notice

    def test_a_long_word_that_was_well_heard_is_not(self) -> None:
        assert mismatch_notices([scored(*[(0.3, 0.9)] * 3, (2.2, 0.8))], 1.0) == []


def test_a_label_is_shown_with_its_words_and_kept_from_the_aligner() -> None:
    text = ReferenceText.read("[JFK] ask what (applause)", "en")
    assert [unit.text for unit in text.units] == [" [JFK] ask", " what (applause)"]
    assert [unit.text.strip() for unit in text.audible] == ["ask", "what"]


def test_a_line_of_sounds_is_a_line_without_units() -> None:
    sound, words = ReferenceText.read("[door slams]\nWho is it?", "en").lines
    assert sound.is_sound
    assert sound.text == " [door slams]"
    assert not words.is_sound
