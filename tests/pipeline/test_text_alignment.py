from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import crisp_align
from crisp_align.backends.options import DecodeOptions
from crisp_align.media.audio import read_audio
from crisp_align.pipeline.pipeline import Pipeline, Settings
from crisp_align.sync.given import GivenText, Unspoken
from crisp_align.sync.subtitles import SubtitlesFinished
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


SUBTITLES = f"""1
00:00:01,000 --> 00:00:03,000
[music]

2
00:00:04,000 --> 00:00:06,000
{FIRST}

3
00:00:06,500 --> 00:00:07,000
(applause)

4
00:00:08,000 --> 00:00:09,000
{ADDED}

7
00:00:10,000 --> 00:00:12,000
KENNEDY: And so,
my fellow Americans,
"""


def retimed(recording: Path, folder: Path, *, unspoken: Unspoken = "keep") -> SubtitlesFinished:
    path = folder / "old.srt"
    path.write_text(SUBTITLES, "utf-8")
    pipeline = Pipeline.load(Settings(decode=DecodeOptions(language="en")), transcribes=False)
    *_, last = pipeline.align_given(recording, GivenText(str(path), unspoken=unspoken))
    assert isinstance(last, SubtitlesFinished), last
    return last


def test_cues_stay_cues_with_their_lines_and_labels_and_move_to_their_words(recording: Path, tmp_path: Path) -> None:
    finished = retimed(recording, tmp_path)
    music, first, applause, added, last = finished.document.cues
    assert last.text == "KENNEDY: And so,\nmy fellow Americans,"
    assert last.identifier == "7"
    assert first.start == pytest.approx(0.14, abs=0.1)
    assert last.start == pytest.approx(15.05, abs=0.1)
    assert music.end <= first.start
    assert first.end <= applause.start <= applause.end <= added.start <= added.end <= last.start
    assert [segment.match for segment in finished.transcript.segments] == [
        *("sound", "heard", "sound", "unspoken", "heard"),
    ]
    assert finished.transcript.words_between(15, 16)[0].text == " KENNEDY: And"


def test_cues_that_nobody_says_are_marked_or_dropped_where_that_is_asked_for(recording: Path, tmp_path: Path) -> None:
    assert retimed(recording, tmp_path, unspoken="mark").document.cues[3].text == f"[unspoken] {ADDED}"
    assert len(retimed(recording, tmp_path, unspoken="drop").document.cues) == 4


def test_speech_that_a_short_text_lacks_is_named_though_its_words_could_be_strewn_over_it() -> None:
    lines = ("And so, my fellow Americans,", "ask what you can do for your country.")
    transcript = timed(SAMPLES / "jfk.wav", *lines)
    assert transcript.segments[1].start == pytest.approx(8.2, abs=0.1)
    (extra,) = transcript.extra_speech
    assert "what your country can do for you" in extra.text
