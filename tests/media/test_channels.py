from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crisp_align.errors import MediaError, OptionError
from crisp_align.media.audio import MediaOptions, open_audio, read_audio
from crisp_align.media.channels import channel_count, channel_name, choose, named_channel
from tests.reels import JFK, level, make

RATE = 16_000


def voice(samples: np.ndarray) -> float:
    """Loudness stands for voice."""
    return 10 * level(samples)


def test_layouts_have_as_many_channels_as_they_say() -> None:
    layouts = ("mono", "stereo", "2.1", "5.1(side)", "7.1", "7.1.4", "quad(side)", "16 channels", None)
    assert [channel_count(layout) for layout in layouts] == [1, 2, 3, 6, 8, 12, 4, 16, 1]


def test_channels_have_names_and_numbers() -> None:
    assert named_channel("right", "stereo") == 1
    assert named_channel("centre", "5.1(side)") == 2
    assert named_channel("centre", "stereo") is None
    assert named_channel("6", "5.1") is None
    assert [channel_name(number, "5.1") for number in (0, 1, 2, 3)] == ["left", "right", "centre", "channel 3"]


def test_ordinary_stereo_is_mixed() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (RATE, 2)).astype(np.float32)
    assert choose(sound, "stereo", "auto", voice).channel is None
    sound[:, 1] = 0.0
    assert choose(sound, "stereo", "auto", voice).channel is None


def test_of_two_channels_that_cancel_the_louder_is_taken_and_named() -> None:
    left = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    choice = choose(np.stack([left, -0.9 * left], axis=1), "stereo", "auto", voice)
    assert choice.channel == 0
    assert "cancel" in (choice.notice or "") and "left" in (choice.notice or "")


def test_silence_has_nothing_that_cancels() -> None:
    assert choose(np.zeros((RATE, 2), np.float32), "stereo", "auto", voice).channel is None


def test_the_centre_of_surround_sound_is_taken_only_where_it_holds_the_voice() -> None:
    sound = np.zeros((RATE, 6), np.float32)
    sound[:, 0] = 0.1
    assert choose(sound, "5.1", "auto", voice).channel is None
    sound[:, 2] = 0.3
    assert choose(sound, "5.1", "auto", voice).channel == 2


def test_best_is_the_channel_with_the_most_voice() -> None:
    sound = np.zeros((RATE, 4), np.float32)
    sound[:, 3] = 0.5
    assert choose(sound, "quad", "best", voice).channel == 3


def test_speech_in_stereo_with_one_channel_inverted_is_read(tmp_path: Path) -> None:
    path = make(tmp_path / "anti.flac", "-i", JFK, "-af", "pan=stereo|c0=c0|c1=-1*c0")
    with open_audio(path) as stream:
        sound = np.concatenate(list(stream))
    assert level(sound) == pytest.approx(level(read_audio(JFK)), rel=0.05)
    assert "cancel each other" in stream.notices[0]
    assert level(read_audio(path, MediaOptions(channel="mix"))) < 1e-4


def test_a_channel_can_be_named(tmp_path: Path) -> None:
    path = make(tmp_path / "halves.wav", "-i", JFK, "-af", "pan=stereo|c0=c0|c1=0*c0")
    assert level(read_audio(path, MediaOptions(channel="left"))) > 0.05
    assert level(read_audio(path, MediaOptions(channel="1"))) < 1e-4


def test_a_channel_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = make(tmp_path / "stereo.wav", "-i", JFK, "-ac", "2")
    with pytest.raises(MediaError, match=r"no channel centre; its layout is stereo: 0 \(left\), 1 \(right\)"):
        open_audio(path, MediaOptions(channel="centre"))
    with pytest.raises(OptionError, match="no channel 'middle'"):
        MediaOptions(channel="middle")


def test_a_track_is_found_by_its_language(tmp_path: Path) -> None:
    tagged = ("-metadata:s:a:0", "language=jpn", "-metadata:s:a:1", "language=eng", "-disposition:a:0", "default")
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:duration=11:sample_rate=16000")
    path = make(tmp_path / "two.mkv", *tone, "-i", JFK, "-map", "0:a", "-map", "1:a", *tagged)
    with open_audio(path, MediaOptions(language="en")) as stream:
        english = np.concatenate(list(stream))
    assert "track 1 of 2 was taken: 0 (jpn" in stream.notices[0]
    for name in ("eng", "en", "English", "1"):
        assert np.array_equal(read_audio(path, MediaOptions(audio_track=name)), english)
    assert not np.array_equal(read_audio(path, MediaOptions(language="de")), english)
    with pytest.raises(MediaError, match="no audio track tagged 'ger'; it has 2"):
        open_audio(path, MediaOptions(audio_track="ger"))
