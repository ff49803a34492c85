from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from crisp_align.speech.coverage import (
    as_long_as_said,
    clip_of_core,
    clip_of_gap,
    clip_of_strewn,
    gaps,
    going_on,
    is_fuller,
    is_likely,
    is_sparse,
    is_strewn,
    merge,
    pieces,
    strewn,
    uncovered_s,
)
from crisp_align.transcript import SAMPLE_RATE, Clip, Word


def voiced(*regions: tuple[float, float], length: float = 20.0, start: float = 100.0) -> Clip:
    """A clip in which noise stands for voice."""
    samples = np.zeros(round(length * SAMPLE_RATE), np.float32)
    generator = np.random.default_rng(0)
    for first, last in regions:
        part = slice(round(first * SAMPLE_RATE), round(last * SAMPLE_RATE))
        samples[part] = generator.normal(0, 0.1, len(samples[part]))
    return Clip(samples, start, "x", regions)


def word(text: str, start: float, end: float) -> Word:
    return Word(f" {text}", 100 + start, 100 + end)


def test_voice_under_words_leaves_no_gap() -> None:
    clip = voiced((1.0, 3.0))
    assert gaps(clip, [word("somebody", 1.0, 2.0), word("speaks", 2.05, 2.95)]) == []


def test_voice_without_words_is_a_gap_with_its_times_and_its_room() -> None:
    clip = voiced((1.0, 2.0), (4.0, 6.0), (8.0, 9.0))
    (gap,) = gaps(clip, [word("before", 1.0, 2.0), word("after", 8.0, 9.0)])
    assert (gap.start, gap.end) == pytest.approx((104.0, 106.0), abs=0.02)
    assert (gap.earliest, gap.latest) == pytest.approx((102.0, 108.0))
    assert gap.voice == pytest.approx(2.0, abs=0.02)


def test_half_a_second_of_voice_without_words_is_no_gap() -> None:
    assert gaps(voiced((1.0, 1.5)), []) == []


def test_soft_sound_in_a_speech_region_is_no_voice() -> None:
    clip = voiced((1.0, 3.0))
    soft = clip.samples.copy()
    soft[2 * SAMPLE_RATE :] *= 0.01
    assert gaps(Clip(soft, 100.0, "x", clip.speech), [word("one", 1.0, 2.0)]) == []


def test_a_word_covers_no_more_than_its_letters_can_take() -> None:
    clip = voiced((1.0, 12.0))
    assert uncovered_s(clip, [word("to", 1.0, 12.0)]) > 9.0
    assert is_strewn(clip, [word("to", 1.0, 12.0)])
    assert not is_strewn(clip, [word("to", 1.0, 2.0)])


def test_what_is_outside_the_core_is_the_neighbours() -> None:
    clip = voiced((0.0, 4.0))
    core = Clip(clip.samples, clip.start, "x", clip.speech, core=(0.0, 2.0))
    assert gaps(core, [word("whole", 0.0, 1.9)]) == []


def test_the_sound_of_a_gap_holds_little_of_the_words_around_it() -> None:
    clip = voiced((1.0, 9.0))
    (gap,) = gaps(clip, [word("beginning", 1.0, 3.0), word("conclusion", 7.0, 9.0)])
    part = clip_of_gap(clip, gap)
    assert part.start == pytest.approx(102.88, abs=0.01)
    assert part.end == pytest.approx(107.12, abs=0.01)
    assert part.speech == (pytest.approx((0.0, part.duration), abs=0.01),)


def test_a_clip_is_cut_anew_at_its_longest_pauses() -> None:
    clip = voiced((0.0, 5.0), (5.2, 9.0), (10.0, 14.0), (14.3, 20.0))
    assert [(p.start, p.end) for p in pieces(clip)] == [(100.0, 109.5), (109.5, 120.0)]


def test_a_clip_is_cut_anew_at_every_pause_of_a_second() -> None:
    clip = voiced((0.0, 2.0), (3.2, 5.0), (5.5, 7.0), length=7.0)
    assert [(p.start, p.end) for p in pieces(clip)] == [(100.0, 102.6), (102.6, 107.0)]


def test_a_long_clip_without_a_pause_is_cut_anew_where_it_is_softest() -> None:
    clip = voiced((0.0, 16.0), length=16.0)
    soft = clip.samples.copy()
    soft[7 * SAMPLE_RATE : round(7.1 * SAMPLE_RATE)] *= 0.1
    first, second = pieces(Clip(soft, 100.0, "x", clip.speech))
    assert first.end == second.start == pytest.approx(107.05, abs=0.04)


def test_a_word_pushed_to_the_edge_of_speech_without_words_is_a_sign_as_well() -> None:
    clip = voiced((1.0, 3.0), (5.0, 9.0))
    said, pushed = word("somebody", 1.0, 2.0), word("speaks", 5.0, 5.02)
    assert is_strewn(clip, [said, pushed])
    assert not is_strewn(clip, [said, word("speaks", 2.1, 2.9)])
    assert not is_strewn(voiced((1.0, 3.0), (5.0, 5.5)), [said, pushed])


def test_words_found_go_between_their_neighbours_once() -> None:
    clip = voiced((1.0, 9.0))
    words = [word("beginning", 1.0, 3.0), word("conclusion", 7.0, 9.0)]
    (gap,) = gaps(clip, words)
    found = [word("beginning", 2.9, 3.05), word("in", 3.5, 4.0), word("between", 4.0, 6.0)]
    merged = merge(words, found, gap)
    assert "".join(w.text for w in merged) == " beginning in between conclusion"
    assert all(a.end <= b.start for a, b in pairwise(merged))


def test_a_found_word_ends_no_sentence_that_goes_on() -> None:
    clip = voiced((1.0, 6.0))
    words = [word("not", 4.0, 6.0)]
    (gap,) = gaps(clip, words)
    assert [w.text for w in merge(words, [word("Ask.", 1.5, 2.0)], gap)] == [" Ask", " not"]


def test_words_strewn_over_speech_reach_from_the_word_before_to_the_word_after() -> None:
    clip = voiced((0.0, 12.0), length=12.0)
    words = [
        word("life.", 1.0, 1.5),
        word("It", 1.5, 6.0),
        word("was", 6.0, 6.2),
        word("the", 6.2, 8.0),
        word("first", 8.0, 8.5),
        word("conclusion", 8.5, 10.0),
    ]
    (part,) = strewn(clip, words)
    assert (part.first, part.last, part.start, part.end) == (1, 4, 101.5, 108.0)
    sound = clip_of_strewn(clip, part)
    assert (sound.start, sound.end) == (101.5, 108.0)


def test_a_long_word_over_silence_is_not_strewn() -> None:
    clip = voiced((0.0, 1.0), (8.0, 9.0))
    assert strewn(clip, [word("one", 0.0, 8.0), word("two", 8.0, 9.0)]) == []


def test_a_word_that_begins_a_sentence_goes_behind_what_was_left_out_before_it() -> None:
    clip = voiced((0.0, 10.0), length=10.0)
    words = [word("life.", 0.0, 0.5), word("It", 0.5, 9.0), word("ended", 9.0, 10.0)]
    gap = gaps(clip, words)[0]
    merged = merge(words, [word("Left", 2.0, 4.0), word("out.", 4.0, 7.0)], gap)
    assert [w.text for w in merged] == [" life.", " Left", " out.", " It", " ended"]
    assert all(a.end <= b.start for a, b in pairwise(merged))


def test_a_word_inside_a_sentence_stays_before_what_was_left_out_after_it() -> None:
    clip = voiced((0.0, 10.0), length=10.0)
    words = [word("went", 0.0, 0.5), word("to", 0.5, 9.0), word("town", 9.0, 10.0)]
    gap = gaps(clip, words)[0]
    merged = merge(words, [word("left", 2.0, 4.0), word("out", 4.0, 7.0)], gap)
    assert [w.text for w in merged] == [" went", " to", " left", " out", " town"]
    assert all(a.end <= b.start for a, b in pairwise(merged))


@pytest.mark.parametrize(("last", "left"), [("was...", [" was"]), ("f-", []), ("so", [" so"])])
def test_what_goes_on_ends_with_no_stop_and_no_beginning_of_the_next_word(last: str, left: list[str]) -> None:
    assert [w.text for w in going_on([word(last, 1.0, 1.2)], [word("first", 1.2, 2.0)])] == left


def test_the_sound_of_the_core_is_without_the_neighbours() -> None:
    clip = replace(voiced((0.0, 4.0), length=4.0), core=(1.0, 3.0))
    sound = clip_of_core(clip)
    assert (sound.start, sound.end) == pytest.approx((100.88, 103.12))


def test_words_that_hold_few_letters_for_the_time_of_the_voice_are_sparse() -> None:
    clip = voiced((0.0, 10.0), length=10.0)
    few = [word("town", 0.0, 2.0), word("hall", 2.0, 4.0), word("meeting", 4.0, 7.0), word("today", 7.0, 10.0)]
    many = [word("somebody", i / 2, i / 2 + 0.5) for i in range(20)]
    assert is_sparse(clip, few)
    assert not is_sparse(clip, many)
    assert not is_sparse(voiced((0.0, 2.0)), few[:1])
    assert is_fuller(clip, many, few)
    assert not is_fuller(clip, few, few)
    assert not is_fuller(clip, many[:6], few)


def test_a_word_as_long_as_it_is_said_leaves_the_rest_of_its_time_uncovered() -> None:
    clip = voiced((0.0, 10.0), length=10.0)
    (gap,) = gaps(clip, as_long_as_said([word("ask", 0.0, 10.0)]))
    assert gap.start < 101.0


def test_a_clip_may_be_cut_anew_into_smaller_parts() -> None:
    clip = voiced((0.0, 4.0), (4.5, 10.0), length=10.0)
    assert [(p.start, p.end) for p in pieces(clip, 6.0)] == [(100.0, 104.25), (104.25, 110.0)]


@pytest.mark.parametrize(
    ("text", "log_prob", "likely"),
    [
        ("Ask.", -0.4, True),
        ("Ask.", None, False),
        ("Ask not what", None, True),
        ("la " * 20, None, False),
        ("Ask.", -1.2, False),
        ("", -0.1, False),
        ("la " * 60, -0.1, False),
    ],
)
def test_a_second_look_is_believed_where_it_is_likely_and_fits(text: str, log_prob: float | None, likely: bool) -> None:
    assert is_likely(text, log_prob, voice=1.0) is likely
