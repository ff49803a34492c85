from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crisp_align.check import check, check_file, check_text, reading_speed_summary
from crisp_align.errors import OptionError, TranscriptError
from crisp_align.formats import write_format
from crisp_align.formats.cue_text import read_cue
from crisp_align.formats.document import plain_cue
from crisp_align.formats.srt import read_srt
from crisp_align.languages import script_language
from crisp_align.layout import LanguageRules, Layout, Rules, cues, profile_names, profile_rules
from crisp_align.text.width import columns
from crisp_align.transcript import Cue, Transcript, Word
from tests.transcripts import transcripts

NETFLIX = profile_rules("netflix-en")
FPS = st.sampled_from([0.0, 23.976, 25.0, 29.97, 60.0])
SUBTITLES = [name for name in profile_names() if name != "sentence"]


def cue(start: float, end: float, *lines: str) -> Cue:
    return read_cue(start, end, lines or ("Some words",))


def broken(*shown: Cue, rules: Rules = NETFLIX) -> list[str]:
    return [violation.rule for violation in check(shown, rules)]


def test_good_subtitles_break_no_rule() -> None:
    assert broken(cue(1, 3, "And so, my fellow", "Americans,"), cue(3.084, 5, "ask not what")) == []


@pytest.mark.parametrize(
    ("shown", "rule"),
    [
        ([cue(1, 6, "a line that is much longer than the forty-two characters")], "line-length"),
        ([cue(1, 3, "three", "lines", "here")], "lines"),
        ([cue(1, 2, "far too many words", "to be read in one second")], "reading-speed"),
        ([cue(1, 1.5, "brief")], "min-duration"),
        ([cue(1, 9)], "max-duration"),
        ([cue(1, 3), cue(3.02, 5)], "gap"),
        ([cue(1, 3), cue(3.08, 5)], "frame-gap"),
        ([cue(1, 3), cue(3.3, 5)], "short-gap"),
        ([cue(1, 3), cue(2.5, 5)], "overlap"),
        ([cue(5, 6), cue(1, 3)], "order"),
        ([cue(3, 1)], "times"),
        ([cue(1, 3, " ")], "empty"),
    ],
)
def test_each_rule_is_found_broken(shown: list[Cue], rule: str) -> None:
    assert rule in broken(*shown)


def test_a_gap_of_two_frames_is_judged_at_the_rate_of_the_video() -> None:
    shown = [cue(1, 3), cue(3.08, 5)]
    (found,) = check(shown, NETFLIX)
    assert found.severity == "warning" and "25 frames a second; give --fps" in found.message
    assert broken(*shown, rules=replace(NETFLIX, fps=25)) == []
    assert broken(*shown, rules=replace(NETFLIX, fps=24)) == ["frames", "gap"]


def test_times_off_a_frame_are_reported() -> None:
    rules = replace(NETFLIX, fps=24)
    assert broken(cue(1, 3), rules=rules) == []
    assert broken(cue(1.015, 3), rules=rules) == ["frames"]
    assert check([cue(1, 3.02)], rules)[0].severity == "warning"
    film = replace(NETFLIX, fps=24000 / 1001)
    assert (
        broken(cue(round(24 * 1001 / 24000, 3), round(1000 * 1001 / 24000, 3)), rules=replace(film, max_duration=0))
        == []
    )


def test_a_violation_says_where_and_by_how_much() -> None:
    found = check([cue(1, 3), cue(4, 5, "thirty characters in a second!")], NETFLIX)[0]
    assert (found.rule, found.cue, found.start, found.measured, found.allowed) == ("reading-speed", 2, 4, 30.0, 20)
    assert found.message == "30.0 characters a second, 20 allowed"


@pytest.mark.parametrize(
    ("lines", "rules"),
    [
        (("今天去北京", "，明天回来"), ["kinsoku"]),
        (("これはき", "ゃくの"), ["kinsoku"]),
        (("今天去北京，", "明天回来"), []),
        (("今天去北京", "-明天回来"), []),
        (("今天去北京", "…明天回来"), []),
        (("今天他说「", "明天回来」"), ["kinsoku"]),
        (("今天他说：“", "明天回来”"), ["kinsoku"]),
        (("so be it (", "he said)"), ["kinsoku"]),
        (("er sagte „ja“", "und ging"), []),
        (("so be it", ", he said"), []),
    ],
)
def test_a_line_that_kinsoku_forbids_is_a_warning(lines: tuple[str, ...], rules: list[str]) -> None:
    found = check([cue(0, 6, *lines)], profile_rules("netflix-zh"))
    assert [(v.rule, v.severity) for v in found] == [(rule, "warning") for rule in rules]


@pytest.mark.parametrize(
    ("lines", "rules"),
    [
        (("Forty-two characters fit a line of English",), []),
        (("Forty-two characters fit a line of English,", "but not one more than that"), ["line-length"]),
        (("十三文字よりも長い行がここにあります",), ["line-length"]),
    ],
)
def test_a_cue_in_another_script_is_judged_by_the_rules_for_it(lines: tuple[str, ...], rules: list[str]) -> None:
    shown = [cue(0, 7, "真っ昼間なのにキャンプの外", "外れの電柱に電球が"), cue(8, 14, *lines)]
    found = check(shown, LanguageRules())
    assert [v.rule for v in found if v.rule != "reading-speed"] == rules


def test_a_mark_alone_goes_with_the_cue_before_it() -> None:
    shown = [cue(0, 2, "私ははい"), cue(9.28, 9.3, "、"), cue(9.3, 10.134, "قال")]
    found = check(shown, LanguageRules())
    assert [(v.cue, v.rule, v.unavoidable) for v in found] == [(2, "min-duration", True), (3, "gap", True)]


def test_a_cue_in_latin_letters_may_keep_the_rules_of_the_cue_before_it() -> None:
    shown = [cue(0, 2, "قال قال قال"), cue(3, 7, "私私私は"), cue(8.12, 8.64, "GPT-4")]
    assert [v.rule for v in check(shown, LanguageRules())] == []


def test_words_a_minute_and_words_a_cue_are_counted() -> None:
    assert broken(cue(1, 2, "one two three four"), rules=Rules(max_wpm=180, max_words=3)) == ["words", "reading-speed"]


def test_wide_characters_count_two_columns() -> None:
    rules = profile_rules("netflix-ja")
    assert broken(cue(0, 6, "真っ昼間なのにキャンプの外"), rules=rules) == []
    assert broken(cue(0, 6, "真っ昼間なのにキャンプの外れ"), rules=rules) == ["line-length"]


def test_speech_without_a_pause_after_it_is_unavoidably_fast() -> None:
    shown = [cue(1, 2, "far too many words", "to be read in one second"), cue(2.084, 6)]
    assert [(v.rule, v.unavoidable, v.severity) for v in check(shown, NETFLIX)] == [("reading-speed", True, "warning")]


@pytest.mark.parametrize(("end", "unavoidable"), [(3.3, True), (3.0, False)])
def test_where_nobody_measured_words_speech_is_held_as_fast_as_it_can_be(end: float, unavoidable: bool) -> None:
    shown = [cue(1, end, "far too many words in these two lines", "to be read in so short a time."), cue(8, 9)]
    assert [v.unavoidable for v in check(shown, NETFLIX, measured=False)] == [unavoidable]
    assert [v.unavoidable for v in check(shown, NETFLIX)] == [False]


def test_a_brief_cue_that_could_join_the_next_is_avoidable() -> None:
    assert [v.unavoidable for v in check([cue(1, 1.3, "No."), cue(1.4, 3)], NETFLIX) if v.rule == "min-duration"] == [
        False
    ]


def test_lines_are_joined_with_a_space() -> None:
    long = "Donaudampfschifffahrtsgesellschaft"
    shown = [cue(0, 0.033, "He, was,"), cue(0.033, 0.868, long, long)]
    assert [v.unavoidable for v in check(shown, NETFLIX) if v.rule == "min-duration"] == [True]


def test_a_single_word_too_long_is_unavoidable() -> None:
    assert [v.unavoidable for v in check([cue(1, 5, "x" * 50)], NETFLIX)] == [True]


def summary(shown: list[Cue], rules: Rules) -> str | None:
    return reading_speed_summary(Layout(tuple(shown), (rules,) * len(shown)))


def test_the_worst_of_the_cues_that_are_too_fast_is_named() -> None:
    shown = [
        cue(1, 2, "twenty-five characters it"),
        cue(2.084, 3, "far too many words", "to be read in one second"),
        cue(3.084, 6),
    ]
    assert summary(shown, NETFLIX) == (
        "2 of 3 cues are too fast to read, as the speech is; worst: cue 2 at 00:00:02.084, "
        "45.9 characters a second, 20 allowed"
    )
    assert summary([*shown[1:], cue(8, 8.9, "twenty-five characters it")], NETFLIX) == (
        "2 of 3 cues are too fast to read; worst: cue 1 at 00:00:02.084, 45.9 characters a second, 20 allowed"
    )


def test_speech_that_can_be_read_has_no_summary() -> None:
    assert summary([cue(1, 3), cue(3.02, 3.1)], Rules(max_cps=500, max_wpm=5000)) is None
    assert summary([cue(1, 1.1, "far too many words to be read")], Rules()) is None


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("a.srt", "2\n00:00:01,000 --> 00:00:03,000\nSome words\n", "numbering"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:03,000\n<i>Some words\n", "tags"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:03,000\nSome words</b>\n", "tags"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:03.000\n<b><i>Some</b> words\n", "tags"),
        ("a.srt", "1\n00:00:01,000 -> 00:00:03,000\nSome words\n", "syntax"),
        ("a.vtt", "00:01.000 --> 00:03.000\nSome words\n", "syntax"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:03,000\nSome w\ufffdrds\n", "encoding"),
    ],
)
def test_what_is_broken_in_a_file_is_found(tmp_path: Path, name: str, text: str, rule: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [violation.rule for violation in check_file(tmp_path / name, NETFLIX)] == [rule]


def spoken(start: float, end: float, *words: tuple[str, float, float]) -> Cue:
    return Cue(start, end, (tuple(Word(text, begin, over) for text, begin, over in words),))


def test_a_pause_inside_a_cue_is_found_where_words_were_measured() -> None:
    shown = [spoken(1, 6, (" What", 1, 2), (" now?", 5, 6))]
    assert [(v.rule, v.measured, v.severity) for v in check(shown, Rules())] == [("pause", 3.0, "error")]
    assert check(shown, Rules(), measured=False) == []
    assert check(shown, Rules(max_pause=0)) == []


def test_a_cue_that_goes_out_before_its_last_word_is_found() -> None:
    shown = [spoken(1, 3, (" write", 1, 2), (" to me", 2, 3.4)), spoken(4, 5, (" a-very-long-word", 4, 6))]
    assert [(v.cue, v.rule, v.unavoidable) for v in check(shown, Rules())] == [
        (1, "cut-off", False),
        (2, "cut-off", True),
    ]


def test_a_gap_that_is_to_be_filled_is_found_open() -> None:
    shown = [cue(1, 2), cue(3.5, 5), cue(9, 10)]
    assert broken(*shown, rules=Rules(fill_gaps=2)) == ["open-gap"]
    assert broken(*shown, rules=Rules()) == []


def test_a_number_that_is_missing_is_reported_once() -> None:
    text = "".join(f"{n}\n00:00:{4 * n:02d},000 --> 00:00:{4 * n + 2:02d},000\nSome words\n\n" for n in (1, 2, 4, 5, 6))
    (found,) = check_text(text, NETFLIX, "a.srt", "srt")
    assert (found.cue, found.message) == (3, "is numbered 4, and should be 3")


def test_a_voice_that_runs_to_the_end_of_its_cue_is_balanced(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:03.000\n<v Ann>Some words\n", encoding="utf-8")
    assert check_file(tmp_path / "a.vtt", NETFLIX) == []


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="cannot be read"):
        check_file(tmp_path / "none.srt", NETFLIX)


def test_a_format_without_cues_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words", encoding="utf-8")
    with pytest.raises(OptionError, match="no cues"):
        check_file(tmp_path / "a.txt", NETFLIX)


def rules_of(profile: str, transcript: Transcript, fps: float) -> Rules:
    if profile == "auto":
        # Where the script of a segment shows another language, so does the file; among more than two of them, or
        # two in wide letters, no file shows which rules a cue was laid out by.
        scripts = [(s.language, script_language(s.text)) for s in transcript.segments]
        languages = {language for language, _ in scripts}
        assume(len(languages) <= 2 and len(languages & {"ja", "ko", "zh"}) < 2)
        assume(all(script == language for language, script in scripts if language in {"ja", "ko", "zh"}))
        return LanguageRules(fps=fps, given=frozenset({"fps"}))
    return replace(profile_rules(profile), fps=fps)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["auto", *SUBTITLES])
@given(transcript=transcripts(), fps=FPS)
@settings(max_examples=50, deadline=None)
def test_what_we_lay_out_breaks_no_rule_that_could_be_kept(profile: str, transcript: Transcript, fps: float) -> None:
    rules = rules_of(profile, transcript, fps)
    laid = cues(transcript.segments, rules)
    assert [violation for violation in check(laid, rules) if not violation.unavoidable] == []


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["auto", *SUBTITLES])
@given(transcript=transcripts(), fps=FPS)
@settings(max_examples=30, deadline=None)
def test_read_back_from_a_file_only_the_speed_of_speech_is_at_fault(
    profile: str, transcript: Transcript, fps: float
) -> None:
    rules = rules_of(profile, transcript, fps)
    text = write_format("srt", transcript, cues(transcript.segments, rules)).decode()
    laid = cues(transcript.segments, rules)
    read = [plain_cue(cue) for cue in read_srt(text, "a.srt").cues]
    found = check(read, rules, measured=False) if text else []
    faults = [v for v in found if not v.unavoidable]
    assert {v.rule for v in faults} <= {"reading-speed"}
    for spoken in [[word for line in laid[(v.cue or 0) - 1].lines for word in line] for v in faults]:
        width = columns("".join(word.text for word in spoken).strip())
        assert width > 40 * (spoken[-1].end - spoken[0].start)  # faster than anybody speaks
