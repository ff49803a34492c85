from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, pairwise, zip_longest

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.layout.__main__ import greedy
from crisp_align.check import check
from crisp_align.layout import Rules, cues, live_cues, profile_names, profile_rules
from crisp_align.layout.breaking import Breaks, best_breaks, total_cost
from crisp_align.layout.passage import passage_of
from crisp_align.layout.rules import gap, line_columns, onset
from crisp_align.text.breaks import (
    BAD,
    BOUND,
    BRACKETED,
    CLAUSE,
    FORBIDDEN,
    IN_PHRASE,
    NEUTRAL,
    SENTENCE,
    SPACE,
    break_costs,
    extends,
)
from crisp_align.text.units import UnitMode, split_units
from crisp_align.text.width import columns
from crisp_align.transcript import Cue, Segment, Transcript, Word
from tests.layout.test_layout import JFK, shown, spoken
from tests.transcripts import VOCABULARIES, transcripts

NETFLIX = profile_rules("netflix-en")
SUBTITLES = [name for name in profile_names() if name != "sentence"]


def test_lines_break_before_a_preposition_not_where_they_are_full() -> None:
    text = "It was not so much the loss of the cotton itself, but the fantasy."
    assert shown(cues([spoken(text, step=0.3)], NETFLIX)) == [
        "It was not so much the loss\nof the cotton itself, but the fantasy."
    ]


def test_text_that_fits_one_line_stays_on_one() -> None:
    assert shown(cues([spoken("Ask what you can do for your country.")], NETFLIX)) == [
        "Ask what you can do for your country."
    ]


@pytest.mark.parametrize("rules", [NETFLIX, replace(NETFLIX, max_chars=0), replace(NETFLIX, max_lines=3)])
def test_what_another_speaker_says_begins_a_line(rules: Rules) -> None:
    text = "- Are you coming? - No, I'm not. -5 is cold - very."
    assert shown(cues([spoken(text, step=0.1)], rules)) == ["- Are you coming?\n- No, I'm not. -5 is cold - very."]
    assert shown(cues([spoken("Wait, I said-- -What?")], rules)) == ["Wait, I said--\n-What?"]


def test_no_line_is_left_to_a_short_word() -> None:
    words = [" ask", " not", " what", " your", " country", " can", " do", " for", " you,"]
    starts = [3.285, 4.0, 4.31, 5.6, 5.85, 6.37, 6.67, 6.87, 7.09, 7.53]  # a pause after the first word
    timed = tuple(Word(text, starts[i], min(starts[i + 1], starts[i] + 0.4)) for i, text in enumerate(words))
    laid = cues([Segment("".join(words), 3.285, 7.53, "en", timed)], profile_rules("bbc"))
    assert shown(laid) == ["ask not what\nyour country can do for you,"]


def test_a_list_spoken_fast_is_not_a_cue_a_word() -> None:
    text = "the right to copy, modify, merge, publish, distribute, sublicense, and sell."
    assert all(len(cue.text.split()) > 2 for cue in cues([spoken(text, step=0.35)], profile_rules("bbc")))


def test_japanese_breaks_between_phrases() -> None:
    segment = spoken("真っ昼間なのにキャンプの外れの電柱に電球がともっていた。", language="ja", step=0.3)
    assert shown(cues([segment], profile_rules("netflix-ja"))) == [
        "真っ昼間なのに",
        "キャンプの外れの電柱に\n電球がともっていた。",
    ]


def timed_units(text: str, language: str, mode: UnitMode, pace: float) -> Segment:
    words: list[Word] = []
    clock = 0.0
    for unit in split_units(text, language, mode):
        until = round(clock + pace * max(1, columns(unit.text)), 3)
        words.append(Word(unit.text, clock, until))
        clock = until + (0.3 if unit.text.strip()[-1] in "、，,。" else 0.0)
    return Segment(text, 0.0, words[-1].end, language, tuple(words))


SENTENCES = [
    (
        "ja",
        "netflix-ja",
        "すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等である。",
        "すべての人間は、|生れながらにして||自由であり、かつ、尊厳と|権利とについて平等である。",
    ),
    (
        "ja",
        "netflix-ja",
        "親譲りの無鉄砲で小供の時から損ばかりしている。小学校に居る時分学校の二階から飛び降りて一週間ほど腰を抜かした事がある。",
        "親譲りの無鉄砲で小供の|時から損ばかりしている。||小学校に|居る時分学校の二階から||飛び降りて一週間ほど|腰を抜かした事がある。",
    ),
    (
        "zh",
        "netflix-zh",
        "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
        "人人生而自由，|在尊严和权利上一律平等。||他们赋有理性和良心，|并应以兄弟关系的精神相对待。",
    ),
    (
        "ko",
        "netflix-ko",
        "나라의 말이 중국과 달라 문자와 서로 통하지 아니하므로 이런 까닭으로 어리석은 백성이 이르고자 하는 바가",
        "나라의 말이 중국과 달라|문자와 서로 통하지 아니하므로||이런 까닭으로 어리석은|백성이 이르고자 하는 바가",
    ),
    (
        "th",
        "netflix",
        "ทุกคนมีสิทธิในการดำรงชีวิต เสรีภาพ และความมั่นคงแห่งบุคคล",
        "ทุกคนมีสิทธิในการดำรงชีวิต|เสรีภาพ และความมั่นคงแห่งบุคคล",
    ),
    (
        "ar",
        "netflix",
        "وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء.",
        "وقد وهبوا عقلا وضميرا وعليهم|أن يعامل بعضهم بعضا بروح الإخاء.",
    ),
    (
        "he",
        "netflix",
        "בראשית ברא אלהים את השמים ואת הארץ, והארץ היתה תהו ובהו וחשך על פני תהום.",
        "בראשית ברא אלהים את השמים ואת הארץ,|והארץ היתה תהו ובהו וחשך על פני תהום.",
    ),
]


@pytest.mark.parametrize("mode", ["word", "char"])
@pytest.mark.parametrize(("language", "profile", "text", "lines"), SENTENCES)
def test_real_sentences_break_where_a_reader_pauses(
    language: str, profile: str, text: str, lines: str, mode: UnitMode
) -> None:
    laid = cues([timed_units(text, language, mode, 0.07)], profile_rules(profile))
    assert "||".join(cue.text.replace("\n", "|") for cue in laid) == lines


@given(language=st.sampled_from(["ja", "zh", "th"]), data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_phrase_that_fits_a_line_is_broken(language: str, data: st.DataObject) -> None:
    text = data.draw(st.lists(st.sampled_from(VOCABULARIES[language]), min_size=1, max_size=60).map("".join))
    mode: UnitMode = data.draw(st.sampled_from(["word", "char"]))
    units = split_units(text, language, mode)
    hypothesis.assume(units)
    segment = timed_units(text, language, mode, 0.1)
    costs = break_costs([word.text for word in segment.words], language)
    inside = {number for number, cost in enumerate(costs) if IN_PHRASE <= cost < FORBIDDEN}
    rules = Rules(max_chars=20, char_columns=2, max_lines=2)
    begun = {
        sum(len(line) for cue in laid[:at] for line in cue.lines) + sum(len(line) for line in laid[at].lines[:row])
        for laid in [cues([segment], rules)]
        for at, cue in enumerate(laid)
        for row in range(len(cue.lines))
    }
    bounds = [number for number in range(len(costs)) if number not in inside] + [len(costs)]
    for first, last in pairwise(bounds):
        if columns("".join(word.text for word in segment.words[first:last]).strip()) <= rules.line_limit:
            assert not begun & set(range(first + 1, last))


def test_an_eojeol_is_broken_only_where_it_is_longer_than_a_line() -> None:
    long = "가나다라마바사아자차카타파하거너더러"
    laid = cues([timed_units(f"그는 {long} 말했다", "ko", "char", 0.1)], profile_rules("netflix-ko"))
    lines = [line for cue in laid for line in cue.text.split("\n")]
    assert "".join(lines).replace(" ", "") == f"그는{long}말했다"
    assert all(columns(line) <= 32 for line in lines)
    assert lines[0].startswith("그는") and lines[-1].endswith("말했다")


@pytest.mark.parametrize(
    ("language", "texts", "cost"),
    [
        ("en", [" the", " house"], BAD),
        ("ko", [" 할", " 수"], BAD),
        ("ko", [" 준다고", " 하자"], BAD),
        ("en", [" can", " never"], BOUND),
        ("en", [" never", " forget"], BOUND),
        ("en", [" they", " did"], BOUND),
        ("en", [" great", " field"], BOUND),
        ("de", [" große", " Feld"], BOUND),
        ("ko", [" 학", "교"], FORBIDDEN),
        ("hi", [" मामले", " में"], BAD),
        ("ja", ["白い", "ものが"], BAD),
        ("ja", ["この", "町"], NEUTRAL + 8),
        ("zh", ["重要", "的"], BAD),
        ("th", ["บ้าน", " ใหม่"], SPACE),
        ("th", ["50,000", " บาท"], BAD),
        ("ja", ["Google", " DeepMind"], BAD),
        ("de", [" „Das", " geht"], BAD + BRACKETED),
        ("en", [" of", " Rome"], BAD),
        ("en", [" saw", " Abraham", " Lincoln"], BAD),
        ("en", [" Mr.", " Smith"], BAD),
        ("en", [" 42", " km"], BAD),
        ("fr", [" une", " maison"], BAD),
        ("de", [" und", " das"], BAD - 5),
        ("en", [" itself,", " but"], CLAUSE),
        ("en", [" life.", " It"], SENTENCE),
        ("en", [" well", "-known"], FORBIDDEN),
        ("ja", ["電球", "。"], FORBIDDEN),
        ("ja", ["「", "はい"], FORBIDDEN),
        ("ja", ["き", "ゃ"], FORBIDDEN),
        ("zh", ["人", "々"], FORBIDDEN),
    ],
)
def test_a_break_costs_what_it_costs_a_reader(language: str, texts: list[str], cost: float) -> None:
    assert break_costs(texts, language)[-1] == cost


def test_a_mark_that_stands_alone_stays_with_its_word() -> None:
    segment = spoken("Il dit : « Ça va ? » – Oui.", language="fr")
    texts = ["Il", "dit :", "« Ça", "va ? »", "–", "Oui."]
    assert shown(cues([segment], Rules(max_chars=1))) == texts
    assert break_costs([" va ? »", " Il"], "fr")[1] == SENTENCE
    laid = cues([segment], Rules(max_lines=1, max_words=3))
    assert shown(laid) == ["Il dit :", "« Ça va ? »", "– Oui."]
    assert check(laid, Rules(max_words=3)) == []


@pytest.mark.parametrize("quotes", ["()", "“”", "„“", "«»", "»«", "””", '""'])
def test_breaking_inside_quotes_costs_more_than_outside(quotes: str) -> None:
    texts = [" so", f" {quotes[0]}so", " be", f" it{quotes[1]}", " so", " then"]
    assert break_costs(texts, None)[1:] == [NEUTRAL, NEUTRAL + BRACKETED, NEUTRAL + BRACKETED, NEUTRAL, NEUTRAL]


def test_an_unclosed_bracket_binds_no_further_than_its_sentence() -> None:
    assert break_costs([" (so.", " We", " went"], "en")[2] == break_costs([" so.", " We", " went"], "en")[2]


def every_layout(count: int, lines: int) -> list[list[Breaks]]:
    layouts: list[list[Breaks]] = []
    for cuts in range(count):
        for chosen in combinations(range(1, count), cuts):
            layouts.append([])
            rows: list[list[Breaks]] = [[]]
            for a, b in pairwise([0, *chosen, count]):
                ways: list[Breaks] = [(a, b)]
                ways += [(a, *inner, b) for n in range(1, lines) for inner in combinations(range(a + 1, b), n)]
                rows = [[*row, way] for row in rows for way in ways]
            layouts[-1:] = rows
    return layouts


@given(transcripts(max_segments=2), st.sampled_from([1, 2, 3]))
@settings(max_examples=40, deadline=None)
def test_no_other_layout_costs_less(transcript: Transcript, lines: int) -> None:
    words = [Segment(s.text, s.start, s.end, s.language, s.words[:4]) for s in transcript.segments]
    rules = Rules(max_chars=8, max_lines=lines, min_duration=0.5, max_cps=12, linger=0.3, min_gap=0.08)
    passage = passage_of(words, rules)
    count = len(passage.atoms)
    ours = total_cost(passage, best_breaks(passage, rules), rules)
    turns = passage.line_starts

    def may_break(first: int, last: int) -> bool:
        return passage.columns(first, last) > 8 or turns[first] < turns[last - 1]

    narrow = [
        layout
        for layout in every_layout(count, lines)
        # By rule, text that fits one line stays on one but for another speaker's, and atoms too wide for the lines are
        # not put together.
        if all(row[-1] - row[0] == 1 or passage.columns(row[0], row[-1]) <= lines * 9 for row in layout)
        and all(row[-1] - row[1] < 2 or passage.columns(row[1], row[-1]) < (lines - 1) * 9 for row in layout)
        and all(len(row) == 2 or may_break(row[0], row[-1]) for row in layout)
        and all(len(row) <= 3 or may_break(row[1], row[-1]) for row in layout)
    ]
    assert ours == pytest.approx(min(total_cost(passage, layout, rules) for layout in narrow)) if count else ours == 0


def test_no_line_begins_with_what_kinsoku_forbids_even_where_a_segment_does() -> None:
    texts = [*"私私私私私私私私はは", *"っ私私私"]
    words = [Word(text, 0.02 * number, 0.02 * number + 0.02) for number, text in enumerate(texts)]
    segments = [
        Segment("".join(texts[a:b]), words[a].start, words[b - 1].end, "ja", tuple(words[a:b]))
        for a, b in ((0, 10), (10, 14))
    ]
    (laid,) = cues(segments, profile_rules("netflix-ja"))
    assert not laid.lines[1][0].text.startswith("っ")


def test_a_cue_that_rounding_to_frames_would_make_too_brief_is_not_chosen() -> None:
    starts = [12.38, 12.62, 12.86, 13.3, 13.32, 13.34, 13.36, 13.38, 13.4]
    ends = [12.62, 12.86, 13.26, 13.32, 13.34, 13.36, 13.38, 13.4, 21.4]
    texts = [" قال", " قال", " الرئيس،", *[" قال"] * 6]
    words = tuple(Word(text, start, end) for text, start, end in zip(texts, starts, ends, strict=True))
    rules = replace(profile_rules("netflix-ko"), fps=25.0)
    laid = cues([Segment("".join(texts), 12.38, 21.4, "ar", words)], rules)
    assert min(cue.end - cue.start for cue in laid) >= rules.min_duration


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["netflix-en", "netflix-ja", "bbc", "arte"])
@given(transcript=transcripts(), by_sentence=st.booleans())
@settings(max_examples=40, deadline=None)
def test_greedy_packing_never_costs_less(profile: str, transcript: Transcript, by_sentence: bool) -> None:
    rules = replace(profile_rules(profile), max_duration=0.0)  # greedy packing looks at it line by line
    passage = passage_of(transcript.segments, rules)
    hypothesis.assume(passage.atoms)
    packed = greedy(passage, rules, by_sentence=by_sentence)
    assert total_cost(passage, best_breaks(passage, rules), rules) <= total_cost(passage, packed, rules) + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("profile", SUBTITLES)
@given(transcript=transcripts())
@settings(max_examples=60, deadline=None)
def test_every_word_is_shown_once_within_the_profiles_limits(profile: str, transcript: Transcript) -> None:
    rules = profile_rules(profile)
    laid = cues(transcript.segments, rules)
    assert "".join(word.text for cue in laid for line in cue.lines for word in line) == transcript_text(transcript)
    for cue, following in zip_longest(laid, laid[1:]):
        assert len(cue.lines) <= rules.max_lines
        for line in cue.lines:
            visible = [word for word in line if word.text.strip()]
            assert line_columns(line) <= rules.line_limit or len(visible) == 1
        assert cue.end > cue.start
        assert not following or cue.end <= following.start
        assert not rules.max_duration or cue.end - cue.start <= rules.max_duration + 0.0005
        assert cue.start == pytest.approx(onset(cue.lines[0]), abs=0.001)


def transcript_text(transcript: Transcript) -> str:
    return "".join(segment.text for segment in transcript.segments if segment.text.strip())


@pytest.mark.slow
@given(transcripts(language="en"))
@settings(max_examples=60, deadline=None)
def test_a_cue_lingers_at_most_so_long_but_for_its_minimum_or_a_short_gap(transcript: Transcript) -> None:
    rules = Rules(max_chars=42, max_lines=2, max_cps=17, linger=0.5, min_duration=0.8)
    for cue in cues(transcript.segments, rules):
        assert cue.end <= max(cue.lines[-1][-1].end + 0.5, cue.start + 0.8) + 0.0005


def test_the_same_transcript_is_laid_out_the_same() -> None:
    assert cues([JFK], NETFLIX) == cues([JFK], NETFLIX)


def test_a_change_of_speaker_begins_a_cue() -> None:
    words = (Word(" Yes", 0, 1, speaker="A"), Word(" please", 1, 2, speaker="A"), Word(" Well", 2, 3, speaker="B"))
    assert shown(cues([Segment(" Yes please Well", 0, 3, "en", words)], NETFLIX)) == ["Yes please", "Well"]


def test_social_captions_hold_three_words_at_most() -> None:
    assert shown(cues([JFK], profile_rules("social")))[:3] == ["And so,", "my fellow", "Americans,"]


def test_what_was_just_spoken_goes_out_with_its_last_word() -> None:
    laid, live = cues([JFK], NETFLIX), live_cues(JFK, NETFLIX)
    assert [(cue.start, cue.lines) for cue in live] == [(cue.start, cue.lines) for cue in laid]
    assert [cue.end for cue in live] == [cue.lines[-1][-1].end for cue in laid]


def test_thousands_of_invisible_words_do_not_widen_the_window() -> None:
    words = tuple(Word("\u200b", i / 50, (i + 1) / 50) for i in range(3000))
    segment = Segment("\u200b" * 3000, 0, 60, "en", words)
    assert sum(len(line) for cue in cues([segment], Rules(max_chars=42, max_lines=2)) for line in cue.lines) == 3000


@pytest.mark.slow
@pytest.mark.parametrize("long", ["a" * 1_000_000, "." * 1_000_000 + "x"], ids=["letters", "full stops"])
@pytest.mark.parametrize("profile", SUBTITLES)
def test_a_word_of_a_megabyte_stands_alone_on_its_line(profile: str, long: str) -> None:
    words = (Word(" So", 0.0, 0.5), Word(f" {long}", 0.5, 5.0), Word(" be", 5.0, 5.5))
    segment = Segment("".join(word.text for word in words), 0.0, 5.5, "en", words)
    lines = [line for cue in cues([segment], profile_rules(profile)) for line in cue.text.split("\n")]
    assert lines == [word.text.strip() for word in words]


def visible(cue: Cue) -> list[Word]:
    return [word for line in cue.lines for word in line if word.text.strip()]


ANY_RULES = st.one_of(
    st.sampled_from([profile_rules(name) for name in profile_names()]),
    st.builds(
        Rules,
        max_chars=st.sampled_from([0, 1, 12, 42]),
        max_lines=st.sampled_from([0, 1, 2, 3]),
        max_duration=st.sampled_from([0.0, 3.0, 7.0]),
        min_duration=st.sampled_from([0.0, 0.8]),
        max_cps=st.sampled_from([0.0, 15.0]),
        linger=st.sampled_from([0.0, 0.5]),
        fill_gaps=st.sampled_from([0.0, 2.0]),
        fps=st.sampled_from([0.0, 23.976, 25.0]),
    ),
)


@pytest.mark.slow
@given(transcript=transcripts(), rules=ANY_RULES)
@settings(max_examples=200, deadline=None)
def test_no_cue_spans_a_long_pause_but_a_whole_segment_that_was_asked_for(transcript: Transcript, rules: Rules) -> None:
    hypothesis.assume(not rules.is_cue_a_segment)
    for cue in cues(transcript.segments, rules):
        for before, word in pairwise(visible(cue)):
            assert word.start - before.end <= 1.5 + 1e-6 or extends(before.text, word.text)


@pytest.mark.slow
@given(transcript=transcripts(), rules=ANY_RULES)
@settings(max_examples=200, deadline=None)
def test_no_cue_goes_out_before_its_last_word_but_for_the_gap(transcript: Transcript, rules: Rules) -> None:
    laid = cues(transcript.segments, rules)
    for cue, following in zip_longest(laid, laid[1:]):
        words = visible(cue)
        limit = following.start - gap(rules) / rules.rate if following else math.inf
        assert cue.end >= min(words[-1].end, limit) - 1 / rules.rate - 0.001 or len(words) == 1


def test_an_answer_after_a_pause_is_not_shown_with_its_question() -> None:
    question, answer = spoken("What was that terrible noise?", step=0.15), spoken("No.", start=7.0)
    assert [(cue.text, cue.start) for cue in cues([question, answer], NETFLIX)] == [
        ("What was that terrible noise?", 0.0),
        ("No.", 7.0),
    ]


@pytest.mark.parametrize("rules", [replace(NETFLIX, max_duration=3), Rules(max_chars=60, max_duration=3)])
def test_a_cue_is_cut_before_a_word_that_it_could_not_outlast(rules: Rules) -> None:
    words = (Word(" write", 0, 0.8), Word(" to", 0.8, 1.0), Word(" info@example.com", 1.2, 3.4))
    laid = cues([Segment(" write to info@example.com", 0, 3.4, "en", words)], rules)
    assert [cue.text for cue in laid] == ["write to", "info@example.com"]
    assert laid[-1].end >= 3.4


def test_a_gap_is_filled_up_to_the_length_asked_for() -> None:
    speech = [spoken("One.", start=1.0), spoken("Two.", start=3.3), spoken("Three.", start=9.0)]
    laid = cues(speech, Rules(max_lines=2, max_chars=42, fill_gaps=2.0, min_gap=0.1))
    assert [(cue.start, cue.end) for cue in laid] == [(1.0, 3.2), (3.3, 3.6), (9.0, 9.3)]


def said(text: str, start: float, speaker: str | None = None) -> Segment:
    segment = spoken(text, start=start, step=0.2)
    words = tuple(replace(word, speaker=speaker) for word in segment.words)
    return replace(segment, words=words)


def test_two_speakers_in_a_cue_get_a_dash_and_a_line_each() -> None:
    talk = [said("Me.", 2.1, "Bob"), said("Come in.", 2.4, "Ann")]
    assert shown(cues(talk, NETFLIX)) == ["-Me.\n-Come in."]
    assert shown(cues(talk, replace(NETFLIX, speaker_dash="–"))) == ["–Me.\n–Come in."]


def test_two_speakers_never_share_a_line() -> None:
    talk = [said("Me.", 2.1, "Bob"), said("Come in.", 2.4, "Ann"), said("Thanks!", 2.8, "Bob")]
    for rules in (NETFLIX, profile_rules("social"), Rules(max_chars=42), Rules(max_lines=3, max_chars=42)):
        for cue in cues(talk, rules):
            assert all(len({word.speaker for word in line}) == 1 for line in cue.lines)
            assert len(cue.lines) == 1 or all(line[0].text.startswith("-") for line in cue.lines)


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        (["[thunder rumbles]", "Oh no, what was that?"], ["[thunder rumbles]\nOh no, what was that?"]),
        (["[door slams] Oh no."], ["[door slams]\nOh no."]),
        (["♪ Row, row ♪", "♪ Down the stream ♪"], ["♪ Row, row ♪\n♪ Down the stream ♪"]),
        (["He sang ♪ la la la ♪ all day."], ["He sang\n♪ la la la ♪", "all day."]),
        (["ANN: Don't move.", "BOB: I won't."], ["ANN: Don't move.\nBOB: I won't."]),
        (["(whispers) Come here."], ["(whispers) Come here."]),
        (["He went (so I am told) home."], ["He went (so I am told) home."]),
        (["Please note: it is late."], ["Please note: it is late."]),
        (["- Where were you?", "- At home."], ["- Where were you?\n- At home."]),
    ],
)
def test_sounds_songs_names_and_dashes_begin_a_line(texts: list[str], lines: list[str]) -> None:
    speech = [said(text, 0.2 * sum(len(before.split()) for before in texts[:n])) for n, text in enumerate(texts)]
    laid = shown(cues(speech, NETFLIX))
    assert "\n".join(laid).split("\n") == "\n".join(lines).split("\n")


def test_words_of_two_cues_that_overlap_never_share_a_line() -> None:
    first = Segment(" the train leaves now", 50, 55, "en", (Word(" the train leaves now", 50, 55),))
    second = Segment(" Come here.", 51, 53, "en", (Word(" Come here.", 51, 53),))
    assert all("now Come" not in cue.text for cue in cues([first, second], NETFLIX))
