from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.layout import LanguageRules, Rules, cues, lay_out
from crisp_align.text.units import split_units
from crisp_align.text.width import columns
from crisp_align.transcript import Cue, Match, Segment, Transcript, Word
from tests.transcripts import transcripts


def spoken(text: str, *, language: str = "en", start: float = 0.0, step: float = 0.4) -> Segment:
    pieces = list(text) if language in {"ja", "zh"} else [f" {word}" for word in text.split()]
    words = tuple(
        Word(piece, round(start + i * step, 3), round(start + (i + 1) * step - 0.1, 3))
        for i, piece in enumerate(pieces)
    )
    return Segment("".join(pieces), words[0].start, words[-1].end, language, words)


def shown(laid: list[Cue]) -> list[str]:
    return [cue.text for cue in laid]


JFK = spoken("And so, my fellow Americans, ask not what your country can do for you.")


def test_zero_characters_is_a_cue_a_segment() -> None:
    assert shown(cues([JFK, spoken("Yes.", start=20)], Rules())) == [
        "And so, my fellow Americans, ask not what your country can do for you.",
        "Yes.",
    ]


def test_one_character_is_a_cue_a_word_with_the_words_times() -> None:
    laid = cues([JFK], Rules(max_chars=1))
    assert shown(laid) == JFK.text.split()
    assert [(cue.start, cue.end) for cue in laid] == [(word.start, word.end) for word in JFK.words]


def test_unspaced_text_is_a_cue_a_word_too() -> None:
    assert shown(cues([spoken("你好。", language="zh")], Rules(max_chars=1))) == ["你", "好", "。"]


def test_n_characters_fill_cues_without_splitting_words() -> None:
    assert shown(cues([JFK], Rules(max_chars=16))) == [
        "And so, my",
        "fellow",
        "Americans, ask",
        "not what your",
        "country can do",
        "for you.",
    ]


def test_a_wide_character_takes_two_columns() -> None:
    assert shown(cues([spoken("你好世界", language="zh")], Rules(max_chars=4))) == ["你好", "世界"]


def test_under_wide_rules_a_half_width_character_counts_half() -> None:
    assert shown(cues([spoken("你好ab世界", language="zh")], Rules(max_chars=3, char_columns=2))) == ["你好ab", "世界"]


def test_a_word_longer_than_the_limit_is_cut_between_graphemes_and_shares_its_time() -> None:
    word = Word(" नमस्तेदुनिया", 1.0, 2.0)
    laid = cues([Segment(word.text, 1.0, 2.0, "hi", (word,))], Rules(max_chars=3))
    assert "".join(shown(laid)) == word.text.strip()
    assert all(columns(cue.text) <= 3 for cue in laid)
    assert (laid[0].start, laid[-1].end) == (1.0, 2.0)


def test_on_words_a_word_longer_than_the_limit_stays_whole() -> None:
    laid = cues([spoken("an incomprehensibility indeed")], Rules(max_chars=8, split_on_word=True))
    assert shown(laid) == ["an", "incomprehensibility", "indeed"]


def test_on_words_pieces_without_a_space_between_them_stay_together() -> None:
    pieces = [Word(" well", 0, 0.2), Word("-known", 0.2, 0.4), Word(" men", 0.4, 0.6)]
    segment = Segment(" well-known men", 0, 0.6, "en", tuple(pieces))
    assert shown(cues([segment], Rules(max_chars=6, split_on_word=True))) == ["well-known", "men"]


def test_on_punctuation_each_sentence_begins_a_cue() -> None:
    laid = cues([spoken("Dr. Smith went home. Did he? Yes")], Rules(split_on_punctuation=True))
    assert shown(laid) == ["Dr. Smith went home.", "Did he?", "Yes"]


def test_a_blank_word_and_a_lone_mark_stay_with_the_word_before() -> None:
    words = (Word(" cafe", 0, 0.2), Word("\u0301", 0.2, 0.3), Word(" ", 0.3, 0.4), Word(" au", 0.4, 0.5))
    laid = cues([Segment(" cafe\u0301  au", 0, 0.5, "fr", words)], Rules(max_chars=1))
    assert shown(laid) == ["cafe\u0301", "au"]


def test_a_segment_that_shows_nothing_is_no_cue() -> None:
    assert cues([Segment(" ", 0, 1, "en", (Word(" ", 0, 1),)), Segment("", 1, 2, "en", ())], Rules()) == []


def test_a_segment_without_words_is_shown_whole() -> None:
    assert cues([Segment(" so be it", 1.0, 2.0, "en", ())], Rules()) == [
        Cue(1.0, 2.0, ((Word(" so be it", 1.0, 2.0),),))
    ]


def test_times_that_touch_within_a_millisecond_stay_ordered_and_not_empty() -> None:
    words = (Word(" a", 0.0004, 0.0005), Word(" b", 0.0005, 0.0006), Word(" c", 0.0006, 0.00061))
    laid = cues([Segment(" a b c", 0, 0.001, "en", words)], Rules(max_chars=1))
    assert [(cue.start, cue.end) for cue in laid] == [(0.0, 0.001), (0.001, 0.002), (0.002, 0.003)]


def test_a_cue_lingers_to_its_minimum_but_not_into_the_next() -> None:
    segments = [spoken("No.", start=1.0), spoken("Yes.", start=1.6), spoken("Well.", start=9.0)]
    laid = cues(segments, Rules(min_duration=0.8, min_gap=0.1))
    assert [(cue.start, cue.end) for cue in laid] == [(1.0, 1.5), (1.6, 2.4), (9.0, 9.8)]


def test_a_cue_lingers_for_reading_no_longer_than_allowed() -> None:
    laid = cues([spoken("extraordinarily", start=1.0)], Rules(max_cps=5, linger=0.5))
    assert (laid[0].start, laid[0].end) == (1.0, 1.8)


def test_cues_filled_in_order_are_split_where_they_would_stay_too_long() -> None:
    speech = spoken("one two three four five six", step=1.0)
    for rules in (Rules(max_chars=80, max_duration=3), Rules(split_on_punctuation=True, max_duration=3)):
        laid = cues([speech], rules)
        assert shown(laid) == ["one two three", "four five six"]
        assert [(cue.start, cue.end) for cue in laid] == [(0.0, 2.9), (3.0, 5.9)]


@pytest.mark.parametrize("fps", [0.0, 24.0, 60.0])
def test_a_gap_that_cannot_be_closed_takes_nothing_from_the_speech(fps: float) -> None:
    talk = Segment(
        " on and on", 0.0, 6.95, "en", (Word(" on", 0.0, 3.0), Word(" and", 3.0, 5.0), Word(" on", 5.0, 6.95))
    )
    laid = cues([talk, spoken("Next.", start=7.4)], Rules(max_duration=7, close_gap=1, fps=fps))
    assert laid[0].end == pytest.approx(6.95, abs=0.02)


def test_a_gap_is_short_by_seconds_whatever_the_frame_rate() -> None:
    for fps in (0.0, 24.0, 25.0, 50.0, 60.0):
        laid = cues(
            [spoken("One", start=1.0), spoken("two", start=1.7)], Rules(fps=fps, min_gap_frames=2, close_gap=0.5)
        )
        assert laid[1].start - laid[0].end < 0.09


def test_a_short_gap_is_closed_to_the_minimum() -> None:
    rules = Rules(fps=25, min_gap_frames=2, close_gap=0.5)
    laid = cues([spoken("One", start=1.0), spoken("two", start=1.6)], rules)
    assert (laid[0].end, laid[1].start) == (1.52, 1.6)


def test_times_fall_on_frames() -> None:
    laid = cues([JFK], Rules(max_chars=10, fps=25))
    assert all(round(time * 25, 6) == round(time * 25) for cue in laid for time in (cue.start, cue.end))


PACKED = st.builds(
    Rules,
    max_chars=st.sampled_from([0, 1, 2, 5, 12, 42]),
    split_on_word=st.booleans(),
    split_on_punctuation=st.booleans(),
    min_duration=st.sampled_from([0.0, 0.8]),
    max_duration=st.sampled_from([0.0, 7.0]),
    min_gap=st.sampled_from([0.0, 0.08]),
    close_gap=st.sampled_from([0.0, 0.5]),
    fps=st.sampled_from([0.0, 23.976, 60.0]),
)


@pytest.mark.slow
@given(transcripts(), PACKED)
@settings(max_examples=300, deadline=None)
def test_every_word_is_shown_once_and_cues_never_overlap(transcript: Transcript, rules: Rules) -> None:
    laid = cues(transcript.segments, rules)
    assert "".join(word.text for cue in laid for line in cue.lines for word in line) == "".join(
        segment.text for segment in transcript.segments if segment.text.strip()
    )
    times = [time for cue in laid for time in (cue.start, cue.end)]
    assert times == sorted(times)
    assert all(cue.end > cue.start for cue in laid)
    assert times == [round(time, 3) for time in times]


@pytest.mark.slow
@given(transcripts(max_segments=3), st.sampled_from([5, 12, 42]))
@settings(max_examples=200, deadline=None)
def test_no_cue_is_wider_than_asked_but_a_word_too_short_to_cut(transcript: Transcript, limit: int) -> None:
    for cue in cues(transcript.segments, Rules(max_chars=limit)):
        assert columns(cue.text) <= limit or len([word for word in cue.lines[0] if word.text.strip()]) == 1


@pytest.mark.slow
@given(transcripts(), st.sampled_from([0, 1, 12]))
@settings(deadline=None)
def test_laid_out_segment_by_segment_is_the_same_as_at_once(transcript: Transcript, limit: int) -> None:
    one_by_one = [cue for segment in transcript.segments for cue in cues([segment], Rules(max_chars=limit))]
    assert one_by_one == cues(transcript.segments, Rules(max_chars=limit))


@pytest.mark.slow
def test_a_word_of_a_megabyte_is_laid_out() -> None:
    word = Word("a" * 1_000_000, 0.0, 1.0)
    laid = cues([Segment(word.text, 0.0, 1.0, "en", (word,))], Rules(max_chars=42))
    assert "".join(cue.text for cue in laid) == word.text


@pytest.mark.parametrize("text", ["", "\x00", "\u202e", "\ud800", "\u0301"])
def test_hostile_words_are_laid_out(text: str) -> None:
    word = Word(text, 0.0, 1.0)
    laid = cues([Segment(text, 0.0, 1.0, None, (word, Word(" end", 1.0, 2.0)))], Rules(max_chars=1))
    assert laid[-1].text.endswith("end")


UNSPACED_TEXTS = {
    "th": "ประเทศไทยเป็นประเทศที่ตั้งอยู่ในทวีปเอเชียตะวันออกเฉียงใต้มีพรมแดนติดต่อกับประเทศพม่าและมาเลเซีย",
    "lo": "ປະເທດລາວເປັນປະເທດທີ່ຕັ້ງຢູ່ໃນທະວີບອາຊີຕາເວັນອອກສຽງໃຕ້ມີຊາຍແດນຕິດກັບປະເທດໄທແລະຫວຽດນາມ",
    "km": "ប្រទេសកម្ពុជាជាប្រទេសដែលស្ថិតនៅក្នុងតំបន់អាស៊ីអាគ្នេយ៍មានព្រំដែនជាប់ប្រទេសថៃនិងវៀតណាម",
    "my": "မြန်မာနိုင်ငံသည်အရှေ့တောင်အာရှတွင်တည်ရှိသောနိုင်ငံဖြစ်ပြီးထိုင်းနိုင်ငံနှင့်နယ်နိမိတ်ထိစပ်နေသည်",
}


@pytest.mark.parametrize("code", sorted(UNSPACED_TEXTS))
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("rules", [LanguageRules(), Rules(max_chars=30), Rules(max_chars=30, max_lines=2)])
def test_scripts_without_spaces_break_at_words_of_a_dictionary(code: str, declared: bool, rules: Rules) -> None:
    pytest.importorskip("icu4py")
    text = UNSPACED_TEXTS[code]
    laid = cues([Segment(text, 0.0, 12.0, code if declared else None, ())], rules)
    lines = [line for cue in laid for line in cue.text.split("\n")]
    assert "".join(lines) == text
    assert all(columns(line) <= (30 if rules.max_chars else 42) for line in lines)
    ends = set(accumulate(len(unit.text) for unit in split_units(text, code)))
    assert set(accumulate(map(len, lines))) <= ends


def test_without_a_dictionary_a_notice_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    thai = lay_out([Segment(UNSPACED_TEXTS["th"], 0.0, 12.0, "th", ())], LanguageRules())
    english = lay_out([JFK], LanguageRules())
    assert thai.notice is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert thai.notice is not None and "crisp-align[asian]" in thai.notice
    assert english.notice is None


def test_chinese_that_came_as_one_word_is_broken_within_the_line() -> None:
    text = "我们今天要讨论的问题是人工智能到底会不会取代人类的工作"
    laid = cues([Segment(text, 0.0, 8.0, "zh", (Word(text, 0.0, 8.0),))], LanguageRules())
    assert all(columns(line) <= 32 for cue in laid for line in cue.text.split("\n"))


def test_a_line_that_takes_no_speech_shares_no_cue_with_words_that_are_said() -> None:
    def line(text: str, start: float, match: Match) -> Segment:
        return Segment(f" {text}", start, start + 0.5, "en", (Word(f" {text}", start, start + 0.5),), match=match)

    segments = [line("Yes.", 1.0, "heard"), line("Heading", 1.5, "unspoken"), line("No.", 2.0, "heard")]
    assert [cue.text for cue in lay_out(segments, Rules(max_lines=2, max_chars=42)).cues] == ["Yes.", "Heading", "No."]
