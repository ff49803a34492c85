from __future__ import annotations

from crisp_align.speech.repeats import fits_voice, has_sound_of_its_own
from crisp_align.transcript import Span

PRAYER = "Pray for us. " * 6


def even(count: int, start: float, end: float) -> list[Span]:
    step = (end - start) / count
    return [Span(start + i * step, start + (i + 1) * step) for i in range(count)]


def test_a_prayer_said_six_times_in_six_breaths_is_spoken() -> None:
    voice = [(2.0 * i, 2.0 * i + 1.2) for i in range(6)]
    spans = [span for start, end in voice for span in even(3, start, end)]
    assert fits_voice(PRAYER, voice)
    assert has_sound_of_its_own(spans, voice)


def test_text_that_nobody_could_say_in_the_time_of_the_voice_is_a_loop() -> None:
    assert not fits_voice("na " * 200, [(0.0, 2.0)])
    assert not fits_voice("Thank you.", [])


def test_ideographs_take_longer_than_letters() -> None:
    assert fits_voice("a" * 25, [(0.0, 1.0)])
    assert not fits_voice("的" * 25, [(0.0, 1.0)])


def test_words_that_crowd_at_the_end_of_the_voice_are_a_loop() -> None:
    spans = [*even(3, 0.0, 1.2), *even(15, 1.2, 1.4)]
    assert not has_sound_of_its_own(spans, [(0.0, 1.4)])


def test_words_that_run_on_into_what_is_no_voice_are_a_loop() -> None:
    assert not has_sound_of_its_own(even(18, 0.0, 20.0), [(0.0, 3.0)])


def test_repeats_that_leave_most_of_the_voice_without_words_are_a_loop() -> None:
    assert not has_sound_of_its_own(even(6, 0.0, 3.0), [(0.0, 20.0)])


def test_no_words_or_no_voice_are_no_repeats() -> None:
    assert not has_sound_of_its_own([], [(0.0, 1.0)])
    assert not has_sound_of_its_own(even(3, 0.0, 1.0), [])
