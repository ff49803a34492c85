from __future__ import annotations

from crisp_align.sync.placing import place_silent_lines, silent_words
from crisp_align.sync.plan import TextPlan, plan_text
from crisp_align.sync.tokens import tokens_of
from crisp_align.text.labels import is_sound_line, unspoken_spans
from crisp_align.text.units import split_units
from crisp_align.transcript import Unit


def plan(text: list[str], clips: list[str], language: str = "en") -> TextPlan:
    units: list[Unit] = []
    lines = []
    for line in text:
        made = split_units(line if language == "zh" else f" {line}", language)
        lines.append((len(units), len(units) + len(made)))
        units += made
    return plan_text(units, lines, [split_units(f" {clip}", language) for clip in clips], language)


def said(found: TextPlan) -> list[str]:
    return ["".join(item.unit.text for item in clip.items).strip() for clip in found.clips]


def test_each_line_is_said_in_the_clip_that_it_was_transcribed_in() -> None:
    found = plan(["ask not what", "your country can do", "for you"], ["ask not what your", "country can do for you"])
    assert said(found) == ["ask not what your", "country can do for you"]
    assert found.lines == ("heard", "heard", "heard")


def test_a_line_that_nobody_says_is_unspoken_and_in_no_clip() -> None:
    found = plan(
        ["ask not what your country", "The Third Chapter", "can do for you"],
        ["ask not what your country can do for you"],
    )
    assert found.lines == ("heard", "unspoken", "heard")
    assert said(found) == ["ask not what your country can do for you"]


def test_speech_that_the_text_lacks_is_in_its_clip_without_a_number() -> None:
    found = plan(["ask not", "for you"], ["ask not what your country can do for you"])
    (clip,) = found.clips
    assert [item.unit.spoken for item in clip.items if item.given is None] == ["what", "your", "country", "can", "do"]


def test_a_word_misheard_is_taken_for_the_one_that_the_text_has() -> None:
    found = plan(["ask not what your country can do"], ["ask knot what your county can do"])
    assert said(found) == ["ask not what your country can do"]
    assert found.lines == ("heard",)


def test_numbers_are_compared_as_they_are_said() -> None:
    found = plan(["it took 25 years in all"], ["it took twenty-five years in all"])
    assert found.lines == ("heard",)
    assert tokens_of([Unit("25", "25")], "de").texts == ("funfundzwanzig",)


def test_chinese_is_compared_by_characters() -> None:
    found = plan(["广州市房地产中介", "协会分析"], ["广州市房地产", "中介协会分析"], "zh")
    assert found.lines == ("heard", "heard")
    assert said(found) == ["广州市房地产", "中介协会分析"]


def test_half_a_line_that_is_said_is_partly_heard() -> None:
    found = plan(
        ["ask not what your", "and some other words that were left out can do for you"],
        ["ask not what your can do for you"],
    )
    assert found.lines[1] in ("partly", "unspoken")


def test_what_is_in_brackets_or_names_a_speaker_is_not_said() -> None:
    def kept(line: str) -> str:
        for start, end in reversed(unspoken_spans(line)):
            line = line[:start] + line[end:]
        return line.strip()

    assert kept("KENNEDY: And so") == "And so"
    assert kept("[JFK] ask what") == "ask what"
    assert kept("- MR. SMITH: Hello (laughs)").split() == ["-", "Hello"]
    assert kept("（笑）そうですね") == "そうですね"
    assert kept("He left (as everybody knew) at noon.") == "He left (as everybody knew) at noon."
    assert kept("Note: read this") == "Note: read this"
    assert kept("Speaker 2: yes") == "yes"
    assert is_sound_line("[door slams]")
    assert is_sound_line(" (applause)")
    assert not is_sound_line("♪♪")
    assert not is_sound_line("He left (at noon)")


def test_lines_without_speech_get_free_time_and_no_more() -> None:
    assert place_silent_lines(["a few words"], 5.0, 20.0) == [(5.0, 5.8)]
    times = place_silent_lines(["a few words", "some more of them"], 5.0, 5.5)
    assert times == [(5.0, 5.25), (5.25, 5.5)]
    words = silent_words(" a few words", 5.0, 5.6)
    assert "".join(word.text for word in words) == " a few words"
    assert (words[0].start, words[-1].end) == (5.0, 5.6)
