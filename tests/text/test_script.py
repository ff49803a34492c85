from __future__ import annotations

import pytest

pytest.importorskip("opencc")

from crisp_align.text.script import in_script, script_of
from crisp_align.transcript import Segment, Word


def segment(*texts: str, language: str = "zh") -> Segment:
    words = tuple(Word(text, i * 0.5, i * 0.5 + 0.4, 0.9) for i, text in enumerate(texts))
    return Segment("".join(texts), 0.0, words[-1].end, language, words)


def test_words_and_segments_are_written_in_the_script_asked_for_and_times_stay() -> None:
    (simple,) = in_script([segment("廣州市", "房地產，")], "hans")
    assert simple.text == "广州市房地产，"
    assert [word.text for word in simple.words] == ["广州市", "房地产，"]
    assert [(word.start, word.end, word.score) for word in simple.words] == [(0.0, 0.4, 0.9), (0.5, 0.9, 0.9)]
    (traditional,) = in_script([segment("广州市")], "hant")
    assert traditional.text == "廣州市"


def test_characters_are_converted_in_the_context_of_their_words() -> None:
    (converted,) = in_script([segment("头", "发", "发", "展")], "hant")
    assert [word.text for word in converted.words] == ["頭", "髮", "發", "展"]


def test_auto_writes_all_in_the_script_of_most() -> None:
    mixed = [segment("廣州", "市"), segment("房地产"), segment("协会分析讨论")]
    assert "".join(s.text for s in in_script(mixed, "auto")) == "广州市房地产协会分析讨论"
    (later,) = in_script([segment("广")], "auto", earlier=[segment("廣州協會")])
    assert later.text == "廣"


def test_other_languages_and_what_is_the_same_in_both_stay_as_they_are() -> None:
    japanese = segment("電球", language="ja")
    assert in_script([japanese, segment("人")], "hans") == (japanese, segment("人"))
    assert script_of("人大中") is None
