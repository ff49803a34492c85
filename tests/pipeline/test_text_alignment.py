from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import crisp_align
from crisp_align.media.audio import read_audio
from crisp_align.pipeline.text_alignment import Unspoken
from crisp_align.transcript import SAMPLE_RATE, Transcript
from tests.reels import write_reel

SAMPLES = Path(__file__).parents[2] / "samples"
FIRST = "It was the first great sorrow of his life."
SECOND = "It was not so much the loss of the cotton itself, but the fantasy, the hopes, the dreams built around it."
THIRD = "And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your country."
ADDED = "The weather in the mountains had been terrible for the whole of that winter."


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings with 6 s of silence between; the second begins at 14.73 s."""
    pause = np.zeros(6 * SAMPLE_RATE, np.float32)
    sounds = [read_audio(SAMPLES / name) for name in ("en-librispeech-1995-1837-0001.wav", "jfk.wav")]
    return write_reel(tmp_path_factory.mktemp("reel") / "gap.wav", np.concatenate([sounds[0], pause, sounds[1]]))


@cache
def timed(recording: Path, *lines: str, unspoken: Unspoken = "keep") -> Transcript:
    return crisp_align.align(recording, "\n".join(lines), language="en", unspoken=unspoken)


def test_a_label_takes_no_speech_and_stays_with_its_words(recording: Path) -> None:
    first, second = timed(recording, f"{FIRST} {SECOND}", f"KENNEDY: {THIRD}").segments
    assert first.end < 9
    assert second.words[0].text == " KENNEDY: And"
    assert second.start == pytest.approx(15.05, abs=0.1)


def test_speech_that_the_text_lacks_is_named_and_moves_no_word(recording: Path) -> None:
    transcript = timed(recording, FIRST, THIRD)
    first, _ = transcript.segments
    assert first.end == pytest.approx(2.3, abs=0.1)
    (extra,) = transcript.extra_speech
    assert extra.start == pytest.approx(2.76, abs=0.2)
    assert extra.end == pytest.approx(8.6, abs=0.2)
    assert any("that the text lacks" in notice for notice in transcript.notices)


def test_a_line_that_nobody_says_is_marked_unspoken_and_out_of_the_way(recording: Path) -> None:
    transcript = timed(recording, FIRST, ADDED, SECOND, THIRD)
    assert [segment.match for segment in transcript.segments] == ["heard", "unspoken", "heard", "heard"]
    first, added, second, _ = transcript.segments
    assert first.end == pytest.approx(2.3, abs=0.1)
    assert second.start == pytest.approx(2.76, abs=0.1)
    assert first.end <= added.start <= added.end <= second.start


def test_unspoken_lines_are_marked_or_dropped_where_that_is_asked_for(recording: Path) -> None:
    marked = timed(recording, FIRST, ADDED, SECOND, THIRD, unspoken="mark")
    assert marked.segments[1].text == f" [unspoken] {ADDED}"
    dropped = timed(recording, FIRST, ADDED, SECOND, THIRD, unspoken="drop")
    assert [segment.match for segment in dropped.segments] == ["heard"] * 3


def test_a_label_inside_speech_takes_none_of_it(recording: Path) -> None:
    ask = "ask what you can do for your country."
    *_, last = timed(recording, FIRST, SECOND, THIRD.removesuffix(f" {ask}"), f"[JFK] {ask}").segments
    assert last.text == f" [JFK] {ask}"
    assert last.start == pytest.approx(14.73 + 8.19, abs=0.1)
