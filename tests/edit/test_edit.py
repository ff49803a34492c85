from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.check import check
from crisp_align.edit import (
    change_frame_rate,
    cut,
    fix,
    join,
    merge,
    renumber,
    shift,
    stretch,
    strip_sdh,
    through_points,
)
from crisp_align.errors import OptionError
from crisp_align.formats.document import StyledRun, SubtitleCue, SubtitleDocument, TextStyle, plain_cue
from crisp_align.layout import LanguageRules, profile_rules


def cue(start: float, end: float, *lines: str) -> SubtitleCue:
    return SubtitleCue(start, end, tuple((StyledRun(line),) for line in lines or ("Some words",)))


def document(*cues: SubtitleCue) -> SubtitleDocument:
    return SubtitleDocument(tuple(cues), "a.srt", "srt")


def times(edited: SubtitleDocument) -> list[tuple[float, float]]:
    return [(cue.start, cue.end) for cue in edited.cues]


def texts(edited: SubtitleDocument) -> list[str]:
    return [cue.text for cue in edited.cues]


def test_a_shift_moves_every_time() -> None:
    assert times(shift(document(cue(1, 2), cue(3, 4.5)), 1.25)) == [(2.25, 3.25), (4.25, 5.75)]


def test_what_a_shift_moves_before_the_beginning_is_trimmed_or_left_out_and_counted() -> None:
    edited = shift(document(cue(0.5, 1), cue(1, 3), cue(4, 5)), -2)
    assert times(edited) == [(0, 1), (2, 3)]
    assert edited.notices == ("1 cue that would end before 0 s left out",)


def test_words_with_times_of_their_own_move_along() -> None:
    runs = (StyledRun("And", start=1.0), StyledRun(" so", start=1.5))
    edited = shift(document(SubtitleCue(1, 2, (runs,))), 10)
    assert [run.start for run in edited.cues[0].lines[0]] == [11.0, 11.5]


def test_two_points_stretch_all_that_lies_between_and_beyond() -> None:
    edited = through_points(document(cue(10, 12), cue(70, 72)), (10, 12.5), (70, 132.5))
    assert times(edited) == [(12.5, 16.5), (132.5, 136.5)]
    with pytest.raises(OptionError, match="must lie apart"):
        through_points(document(cue(1, 2)), (10, 12), (10, 14))


def test_another_frame_rate_shows_the_same_frames() -> None:
    edited = change_frame_rate(document(cue(1000, 1002)), 25, 23.976)
    assert edited.cues[0].start == pytest.approx(1000 * 25 / 23.976, abs=0.001)
    with pytest.raises(OptionError, match="no frame rate"):
        change_frame_rate(document(cue(1, 2)), 0, 25)


@given(st.lists(st.integers(0, 10**7), min_size=2, max_size=20), st.integers(0, 10**6))
def test_a_shift_and_its_opposite_change_nothing(clocks: Sequence[int], milliseconds: int) -> None:
    clocks = sorted(clocks)
    original = document(*(cue(a / 1000, b / 1000) for a, b in zip(clocks[::2], clocks[1::2], strict=False)))
    assert times(shift(shift(original, milliseconds / 1000), -milliseconds / 1000)) == times(original) or not clocks[1]


def test_a_cut_keeps_what_lies_inside_and_counts_from_its_start() -> None:
    original = document(cue(1, 4, "one"), cue(5, 6, "two"), cue(9, 12, "three"))
    edited = cut(original, 3, 10)
    assert (texts(edited), times(edited)) == (["one", "two", "three"], [(0, 1), (2, 3), (6, 7)])
    assert times(cut(original, 3, 10, keep_times=True)) == [(3, 4), (5, 6), (9, 10)]
    with pytest.raises(OptionError, match="nothing lies between"):
        cut(original, 5, 5)


def test_parts_are_joined_where_each_begins() -> None:
    first, second = document(cue(1, 4, "one")), document(cue(0, 2, "two"))
    assert times(join([first, second])) == [(1, 4), (4, 6)]
    edited = join([first, second], [0, 60])
    assert (texts(edited), times(edited)) == (["one", "two"], [(1, 4), (60, 62)])
    assert [cue.identifier for cue in edited.cues] == ["1", "2"]
    with pytest.raises(OptionError, match="as many offsets"):
        join([first, second], [0])


def test_cues_are_numbered_from_one() -> None:
    original = document(replace(cue(1, 2), identifier="7"), replace(cue(3, 4), identifier=""))
    assert [cue.identifier for cue in renumber(original).cues] == ["1", "2"]


def test_two_languages_stand_above_and_below_where_they_share_their_time() -> None:
    english = document(cue(1, 3, "Hello."), cue(5, 9, "One long sentence."), cue(12, 13, "Alone."))
    german = document(cue(1.1, 3.2, "Hallo."), cue(5, 7, "Ein langer"), cue(7.1, 9, "Satz."))
    edited = merge(english, german)
    assert texts(edited) == [
        "Hello.\nHallo.",
        "One long sentence.\nEin langer",
        "One long sentence.\nSatz.",
        "Alone.",
    ]
    assert times(edited) == [(1, 3.2), (5, 7), (7.1, 9), (12, 13)]


SPANS = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=12)


@given(SPANS, SPANS)
@settings(deadline=None)
def test_merged_languages_lose_no_line(above: list[tuple[int, int]], below: list[tuple[int, int]]) -> None:
    upper = document(*(cue(s / 10, (s + d) / 10, f"a{n}") for n, (s, d) in enumerate(above)))
    lower = document(*(cue(s / 10, (s + d) / 10, f"b{n}") for n, (s, d) in enumerate(below)))
    merged = "\n".join(texts(merge(upper, lower))).split("\n")
    assert {line for text in texts(upper) + texts(lower) for line in [text]} <= set(merged)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (("[door slams]",), ()),
        (("[door slams] Oh no.",), ("Oh no.",)),
        (("(WHISPERS) Come", "here."), ("Come", "here.")),
        (("ANN: Don't move.", "BOB: I won't."), ("Don't move.", "I won't.")),
        (("- [sighs]", "- What is it?"), ("What is it?",)),
        (("- MAN 2: Go!", "- Where?"), ("- Go!", "- Where?")),
        (("♪ Row, row ♪",), ()),
        (("[thunder", "rumbles] Run!"), ("Run!",)),
        (("Note: it is late.", "At 10:30 sharp."), ("Note: it is late.", "At 10:30 sharp.")),
        (("He said (so they say) yes.",), ("He said yes.",)),
        (("（雷鳴）走れ！",), ("走れ！",)),
    ],
)
def test_what_is_meant_for_those_who_do_not_hear_is_stripped(lines: tuple[str, ...], left: tuple[str, ...]) -> None:
    edited = strip_sdh(document(cue(1, 2, *lines)))
    assert texts(edited) == (["\n".join(left)] if left else [])


def test_styles_stay_where_sounds_are_stripped_and_songs_may_stay() -> None:
    italic = TextStyle(italic=True)
    styled = SubtitleCue(1, 2, ((StyledRun("[sighs] "), StyledRun("Well, ", italic), StyledRun("no.")),))
    assert strip_sdh(document(styled)).cues[0].lines == ((StyledRun("Well, ", italic), StyledRun("no.")),)
    assert texts(strip_sdh(document(cue(1, 2, "♪ la ♪")), songs=False)) == ["♪ la ♪"]


NETFLIX = profile_rules("netflix-en")


def test_overlaps_are_parted_and_the_order_is_that_of_time() -> None:
    edited = fix(document(cue(4, 6, "two"), cue(1, 5, "one")), NETFLIX)
    assert (texts(edited), times(edited)) == (["one", "two"], [(1, 3.916), (4, 6)])


def test_a_cue_stays_longer_where_there_is_room_and_goes_out_where_it_stayed_too_long() -> None:
    edited = fix(document(cue(1, 1.2, "brief"), cue(4, 30, "for ever"), cue(40, 41, "x" * 40)), NETFLIX)
    assert times(edited) == [(1, 1.834), (4, 11), (40, 42)]


def test_a_short_gap_is_closed() -> None:
    assert times(fix(document(cue(1, 3), cue(3.3, 5)), NETFLIX)) == [(1, 3.216), (3.3, 5)]


def test_cues_of_equal_time_become_one() -> None:
    assert texts(fix(document(cue(1, 3, "above"), cue(1, 3, "below")), NETFLIX)) == ["above\nbelow"]


@given(SPANS, st.sampled_from(["netflix-en", "bbc", "amazon", "arte"]))
@settings(deadline=None)
def test_fixed_cues_break_no_rule_of_time_that_could_be_kept(spans: list[tuple[int, int]], profile: str) -> None:
    rules = profile_rules(profile)
    edited = fix(document(*(cue(s / 10, (s + d) / 10) for s, d in spans)), rules)
    shown = [plain_cue(cue) for cue in edited.cues]
    assert all(a.end <= b.start for a, b in pairwise(shown))
    found = {v.rule for v in check(shown, rules, measured=False) if not v.unavoidable}
    assert found <= {"min-duration", "lines", "line-length", "reading-speed"}  # which other cues leave no room for
    assert all(cue.end > cue.start for cue in shown)


def test_fixing_twice_changes_nothing_more() -> None:
    once = fix(document(cue(4, 6, "two"), cue(1, 5, "one"), cue(6.2, 6.3, "three")), LanguageRules())
    assert times(fix(once, LanguageRules())) == times(once)


def test_a_factor_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(OptionError, match="cannot be stretched"):
        stretch(document(cue(1, 2)), 0)
