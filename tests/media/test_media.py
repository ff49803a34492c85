from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crisp_align.errors import MediaError, MissingDependencyError, OptionError
from crisp_align.media.audio import MediaOptions, find_ffmpeg, open_audio, read_audio
from crisp_align.media.ffmpeg import Decoder
from crisp_align.media.wav import WavReader
from crisp_align.transcript import SAMPLE_RATE
from tests.reels import JFK, PICTURE, ROOT, TONE, lag, level, make, seconds

MP3 = ROOT / "samples" / "ja-commonvoice-24511055.mp3"

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

LATE = ("-itsoffset", "0.5", "-i", str(JFK), *PICTURE, "-map", "1:v", "-map", "0:a")
FORMATS = {
    "wav": (),
    "flac": (),
    "mp3": (),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "m4a": ("-c:a", "aac"),
    "mka": ("-c:a", "aac"),
    "webm": ("-c:a", "libopus"),
    "aiff": (),
    "ac3": (),
    "flv": ("-c:a", "aac"),
    "ts": ("-c:a", "mp2"),
    "wma": (),
}


@pytest.fixture(params=["system", "bundled"])
def each_ffmpeg(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every ffmpeg there is: the system's, and the one of imageio-ffmpeg."""
    if request.param == "bundled":
        imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
        monkeypatch.setenv("CRISP_ALIGN_FFMPEG", imageio_ffmpeg.get_ffmpeg_exe())
    return find_ffmpeg()


@pytest.fixture(scope="module")
def jfk() -> Samples:
    return read_audio(JFK)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two audio tracks, English and German; the second is flagged as the default."""
    languages = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger")
    flags = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    streams = ("-map", "0:v", "-map", "1:a", "-map", "2:a", "-c:v", "mpeg4", "-c:a", "aac")
    return make(path, *PICTURE, "-i", JFK, *TONE, *streams, *languages, *flags)


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film whose sound begins half a second after its picture."""
    return make(tmp_path_factory.mktemp("late") / "late.mp4", *LATE, "-c:v", "mpeg4", "-c:a", "aac")


# Formats, levels and tracks


@pytest.mark.slow
@pytest.mark.parametrize("extension", FORMATS)
def test_every_common_format_gives_the_same_sound_at_the_same_time(
    tmp_path: Path, jfk: Samples, extension: str
) -> None:
    path = make(tmp_path / f"jfk.{extension}", "-i", JFK, *FORMATS[extension])
    with open_audio(path) as stream:
        sound = np.concatenate(list(stream))
    assert stream.notices == []
    assert abs(seconds(sound) - 11.0) < 0.1
    assert (
        abs(lag(sound, jfk)) <= 0.07 * SAMPLE_RATE
    )  # what an encoder adds at the start of a format that cannot say so
    assert level(sound) == pytest.approx(level(jfk), rel=0.06)


def test_blocks_are_float32_mono_of_at_most_thirty_seconds_within_one(jfk: Samples) -> None:
    with open_audio(JFK) as stream:
        blocks = list(stream)
    assert {block.dtype for block in blocks} == {np.dtype(np.float32)}
    assert all(block.ndim == 1 and 0 < len(block) <= 30 * SAMPLE_RATE for block in blocks)
    assert sum(len(block) for block in blocks) == len(jfk) == 176_000
    assert np.abs(jfk).max() <= 1.0


def test_samples_outside_one_and_not_numbers_are_tamed(tmp_path: Path) -> None:
    wild = np.tile(np.array([0.5, 4.0, -7.0, np.nan, np.inf], "<f4"), 4000)
    raw = tmp_path / "wild.raw"
    raw.write_bytes(wild.tobytes())
    path = make(tmp_path / "wild.wav", "-f", "f32le", "-ar", "16000", "-ac", "1", "-i", raw, "-c:a", "pcm_f32le")
    assert set(np.unique(read_audio(path)).tolist()) == {-1.0, 0.0, 0.5, 1.0}


def test_stereo_comes_out_as_loud_as_the_same_sound_in_mono(tmp_path: Path, jfk: Samples, each_ffmpeg: str) -> None:
    stereo = make(tmp_path / "stereo.flac", "-i", JFK, "-af", "pan=stereo|c0=c0|c1=c0", "-ar", "44100")
    assert level(read_audio(stereo)) == pytest.approx(level(jfk), rel=0.01)


def test_a_stereo_recording_is_as_loud_as_its_mono_version(shared_audio: Path) -> None:
    stereo = read_audio(shared_audio / "jfk-stereo-44k.flac")
    assert level(stereo) == pytest.approx(level(read_audio(shared_audio / "jfk.wav")), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [3, 6, 8, 16, 20])
def test_surround_is_mixed_down_at_its_own_level(tmp_path: Path, channels: int, each_ffmpeg: str) -> None:
    tone = "|".join(["0.1*sin(440*2*PI*t)"] * channels)
    path = make(tmp_path / "surround.wav", "-f", "lavfi", "-i", f"aevalsrc={tone}:d=1:s=16000")
    assert level(read_audio(path)) == pytest.approx(0.1 / np.sqrt(2), rel=0.01)


def test_speech_in_the_centre_channel_alone_is_kept(tmp_path: Path, jfk: Samples) -> None:
    mute = "[0:a]asplit=2[c][d];[d]volume=0[s];[s]asplit=5[a][b][e][f][g]"
    centre = f"{mute};[a][b][c][e][f][g]join=inputs=6:channel_layout=5.1"
    path = make(tmp_path / "centre.flac", "-i", JFK, "-filter_complex", centre)
    sound = read_audio(path)
    assert lag(sound, jfk) == 0
    assert level(sound) > 0.2 * level(jfk)


def test_the_track_flagged_as_default_is_used_unless_another_is_asked_for(film: Path, jfk: Samples) -> None:
    tone = read_audio(film)
    assert seconds(tone) == pytest.approx(4.0, abs=0.1)
    assert np.array_equal(read_audio(film, MediaOptions(audio_track=1)), tone)
    english = read_audio(film, MediaOptions(audio_track=0))
    assert level(english) == pytest.approx(level(jfk), rel=0.02)


def test_a_track_that_does_not_exist_is_refused_with_those_that_do(film: Path) -> None:
    with pytest.raises(
        MediaError, match=r"film\.mp4: has no audio track 2; it has 2: 0 \(eng, aac, mono\), 1 \(ger, aac"
    ):
        open_audio(film, MediaOptions(audio_track=2))


@pytest.mark.parametrize(
    "options", [{"audio_track": -1}, {"offset": -1.0}, {"offset": float("nan")}, {"duration": 0.0}, {"duration": -1.0}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        MediaOptions(**options)  # type: ignore[arg-type]


# Time


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["mp4", "mkv", "ts", "mpg"])
def test_sound_that_begins_after_the_picture_is_preceded_by_silence(
    tmp_path: Path, late: Path, jfk: Samples, extension: str, each_ffmpeg: str
) -> None:
    recode = ("-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2") if extension in ("ts", "mpg") else ("-c", "copy")
    path = make(tmp_path / f"again.{extension}", "-i", late, *recode)
    assert lag(read_audio(path), jfk) == pytest.approx(0.5 * SAMPLE_RATE, abs=0.05 * SAMPLE_RATE)
    offset = read_audio(path, MediaOptions(offset=0.2))
    assert lag(offset, jfk) == pytest.approx(0.3 * SAMPLE_RATE, abs=0.05 * SAMPLE_RATE)


def test_a_gap_in_the_time_stamps_is_filled_with_silence(tmp_path: Path, jfk: Samples) -> None:
    gap = "asetpts='PTS+if(gt(T,5),2/TB,0)'"
    sound = read_audio(make(tmp_path / "gap.mka", "-i", JFK, "-af", gap, "-c:a", "flac"))
    assert seconds(sound) == pytest.approx(13.0, abs=0.1)
    assert np.array_equal(sound[: 5 * SAMPLE_RATE], jfk[: 5 * SAMPLE_RATE])
    tail = sound[-5 * SAMPLE_RATE :]
    assert np.abs(tail - jfk[-5 * SAMPLE_RATE :]).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["wav", "flac", "mp3", "m4a", "opus"])
def test_an_offset_gives_the_very_samples_of_the_whole(tmp_path: Path, extension: str, each_ffmpeg: str) -> None:
    path = make(tmp_path / f"jfk.{extension}", "-i", JFK)
    whole = read_audio(path)
    with open_audio(path, MediaOptions(offset=5.0)) as stream:
        tail = np.concatenate(list(stream))
    assert (stream.start, stream.notices) == (5.0, [])
    assert stream.duration == pytest.approx(6.0, abs=0.1)
    expected = whole[5 * SAMPLE_RATE :]
    size = min(len(tail), len(expected))
    assert abs(len(tail) - len(expected)) <= 0.01 * SAMPLE_RATE
    # A codec's memory of what came before makes the first moments differ a little.
    assert np.abs(tail[:size] - expected[:size])[SAMPLE_RATE // 2 :].max() < 0.02


@pytest.mark.parametrize(("offset", "duration", "length"), [(0.0, 3.0, 3.0), (2.345, 1.5, 1.5), (10.0, 30.0, 1.0)])
def test_a_duration_ends_the_sound_to_the_sample(offset: float, duration: float, length: float) -> None:
    with open_audio(JFK, MediaOptions(offset=offset, duration=duration)) as stream:
        sound = np.concatenate(list(stream))
    assert len(sound) == length * SAMPLE_RATE
    assert stream.duration == pytest.approx(length)
    assert stream.notices == []


def test_an_offset_beyond_the_end_is_refused() -> None:
    with pytest.raises(MediaError, match=r"jfk\.wav: ends at 0:11, before the offset of 0:20"):
        open_audio(JFK, MediaOptions(offset=20.0))


def test_an_offset_after_the_last_sound_of_a_longer_film_is_an_error(film: Path) -> None:
    with pytest.raises(MediaError, match="has no sound from 0:09 on"):
        read_audio(film, MediaOptions(offset=9.0, audio_track=1))


def test_sound_that_ends_long_before_the_film_is_reported(film: Path) -> None:
    with open_audio(film) as stream:
        list(stream)
    tracks = "0 (eng, aac, mono), 1 (ger, aac, mono)"
    assert stream.notices == [
        f"audio track 1 of 2 was taken: {tracks}; --audio-track takes another",
        "audio ends at 0:04 of 0:11: used what there is",
    ]


@pytest.mark.slow
def test_an_absurd_gap_in_the_time_stamps_does_not_fill_the_memory(tmp_path: Path, jfk: Samples) -> None:
    gap = "asetpts='PTS+if(gt(T,5),36000/TB,0)'"
    path = make(tmp_path / "gap.mka", "-i", JFK, "-af", gap, "-c:a", "flac")
    code = (
        "import resource, sys; from crisp_align.media.audio import open_audio\n"
        "with open_audio(sys.argv[1]) as stream: print(sum(len(block) for block in stream))\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, stream.notices)\n"
    )
    output, _ = _python(code, str(path)).communicate(timeout=120)
    count, peak, notices = output.decode().split(maxsplit=2)
    assert int(count) >= 4 * SAMPLE_RATE
    assert int(peak) < 1_200_000  # KB; ten hours of silence are 2.3 GB
    assert "audio" in notices


# Damage


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["wav", "mp3", "flac", "mp4", "mka", "aiff"])
def test_a_file_that_is_cut_off_gives_what_decodes_and_a_notice(
    tmp_path: Path, jfk: Samples, extension: str, each_ffmpeg: str
) -> None:
    whole = make(tmp_path / f"whole.{extension}", "-i", JFK, "-movflags", "+faststart")
    path = tmp_path / f"cut.{extension}"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with open_audio(path) as stream:
        sound = np.concatenate(list(stream))
    assert 5.5 < seconds(sound) < 7.5
    assert abs(lag(sound, jfk)) <= 0.05 * SAMPLE_RATE
    (notice,) = stream.notices
    assert notice.startswith(("audio cut off at 0:0", "audio ends at 0:0"))


@pytest.mark.parametrize("size", [0, 0x7FFF_FFFF, 0x8000_0024, 0xFFFF_FFFF])
def test_a_wav_of_a_recorder_that_did_not_know_its_length_is_whole(tmp_path: Path, jfk: Samples, size: int) -> None:
    head = b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    path = tmp_path / "streamed.wav"
    path.write_bytes(head + b"data" + struct.pack("<I", max(0, size - 36)) + (jfk * 32768).astype("<i2").tobytes())
    with open_audio(path) as stream:
        sound = np.concatenate(list(stream))
    assert np.array_equal(sound, jfk)
    assert stream.notices == []


def test_damage_in_the_middle_is_a_notice_not_a_failure(tmp_path: Path, jfk: Samples, each_ffmpeg: str) -> None:
    data = bytearray(make(tmp_path / "whole.mp3", "-i", JFK).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = np.random.default_rng(0).bytes(2000)
    path = tmp_path / "damaged.mp3"
    path.write_bytes(data)
    with open_audio(path) as stream:
        sound = np.concatenate(list(stream))
    assert seconds(sound) > 9
    assert abs(lag(sound[: 4 * SAMPLE_RATE], jfk)) < 64
    (notice,) = stream.notices
    assert notice.startswith("audio damaged in places")


def test_an_mp4_without_its_index_is_refused_in_plain_words(tmp_path: Path, film: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(film.read_bytes()[:-8000])
    with pytest.raises(MediaError, match=r"cut\.mp4: is an MP4 cut off before its index was written"):
        open_audio(path)


def test_a_recording_too_quiet_for_voice_activity_is_reported(tmp_path: Path) -> None:
    with open_audio(make(tmp_path / "quiet.flac", "-i", JFK, "-af", "volume=-50dB", "-sample_fmt", "s32")) as stream:
        list(stream)
    assert stream.notices == ["audio is very quiet (peak -52 dB): without voice activity more may be found"]
    with open_audio(make(tmp_path / "silent.flac", "-f", "lavfi", "-i", "anullsrc=d=2")) as stream:
        list(stream)
    assert stream.notices == ["audio is silent throughout"]


# Pipes


def test_standard_input_gives_the_same_sound_as_the_file(monkeypatch: pytest.MonkeyPatch, jfk: Samples) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(JFK.read_bytes())))
    with open_audio("-") as stream:
        sound = np.concatenate(list(stream))
    assert (stream.source, stream.duration, stream.notices) == ("standard input", None, [])
    assert np.array_equal(sound, jfk)


def test_offset_and_duration_work_on_a_pipe(monkeypatch: pytest.MonkeyPatch, jfk: Samples) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(JFK.read_bytes())))
    sound = read_audio("-", MediaOptions(offset=5.0, duration=2.0))
    assert np.array_equal(sound, jfk[5 * SAMPLE_RATE : 7 * SAMPLE_RATE])


@pytest.mark.parametrize("index", ["first", "last"])
def test_a_named_pipe_carries_an_mp4_wherever_its_index_is(tmp_path: Path, jfk: Samples, index: str) -> None:
    place = ("-movflags", "+faststart") if index == "first" else ()
    media = make(tmp_path / "film.mp4", *PICTURE, "-i", JFK, "-c:v", "mpeg4", "-c:a", "aac", *place).read_bytes()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(media,))
    writer.start()
    sound = read_audio(fifo)
    writer.join()
    assert lag(sound, jfk) == pytest.approx(0, abs=64)


def test_the_default_track_and_the_late_sound_of_a_pipe_are_those_of_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, film: Path, late: Path
) -> None:
    tracks = make(tmp_path / "film.mkv", "-i", film, "-map", "0", "-c", "copy")
    clock = make(tmp_path / "late.ts", "-i", late, "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2")
    for path in (tracks, clock):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        assert np.array_equal(read_audio("-"), read_audio(path))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "standard input: is empty"),
        (b"hello, world\n" * 9, "standard input: is not media: it reads as text"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "standard input: is a playlist"),
        (bytes(range(256)) * 50, "standard input: is not media that ffmpeg can read"),
    ],
)
def test_a_pipe_without_media_is_refused(monkeypatch: pytest.MonkeyPatch, data: bytes, words: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(MediaError, match=words):
        open_audio("-")


def test_text_as_standard_input_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("text"))
    with pytest.raises(MediaError, match="standard input: holds text, not bytes"):
        open_audio("-")


def test_a_terminal_is_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    main, terminal = os.openpty()
    with os.fdopen(terminal) as stdin, os.fdopen(main):
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(MediaError, match="standard input: is a terminal"):
            open_audio("-")


# Processes and memory


def _python(code: str, *arguments: str, stdin: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are counted in /proc")
def test_closing_in_the_middle_leaves_no_process_behind(tmp_path: Path) -> None:
    path = make(tmp_path / "long.wav", "-f", "lavfi", "-i", "sine=duration=600:sample_rate=48000")
    before = _children(os.getpid())
    with open_audio(path) as stream:
        next(stream)
        assert len(_children(os.getpid())) == len(before) + 1
    assert _children(os.getpid()) == before
    assert list(stream) == []


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are counted in /proc")
def test_an_interrupt_at_the_terminal_reaches_python_which_stops_ffmpeg(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = (
        "import sys; from crisp_align.media.audio import open_audio\n"
        "with open_audio(sys.argv[1]) as stream:\n"
        "    try:\n"
        "        for block in stream: print('block', flush=True)\n"
        "    except KeyboardInterrupt: print('interrupted', stream.close(), flush=True)\n"
    )
    process = _python(code, str(fifo))
    with fifo.open("wb") as pipe:
        pipe.write(JFK.read_bytes() + bytes(SAMPLE_RATE * 2 * 30))  # ffmpeg now waits for more, and so does Python
        pipe.flush()
        assert process.stdout is not None
        assert process.stdout.readline() == b"block\n"
        (decoder,) = _children(process.pid)
        assert os.getsid(int(decoder)) != os.getsid(process.pid)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert (output.splitlines()[-1], errors, process.returncode) == (b"interrupted None", b"", 0)
    assert not Path("/proc", decoder).exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_the_file(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from crisp_align.media.audio import open_audio\n"
        "with open_audio(sys.argv[1]) as stream: count = sum(len(block) for block in stream)\n"
        "print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for minutes in (1, 16):
        length = f"sine=duration={60 * minutes}:sample_rate=16000"
        path = make(tmp_path / f"{minutes}.flac", "-f", "lavfi", "-i", length, "-compression_level", "0")
        output, _ = _python(code, str(path)).communicate(timeout=120)
        count, peak = map(int, output.split())
        assert count == minutes * 60 * SAMPLE_RATE
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 16_000  # KB; the longer file decodes to 61 MB


def test_a_decoder_that_says_endlessly_much_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chatty = tmp_path / "ffmpeg"
    chatty.write_text(
        "#!/bin/sh\n"
        'case "$*" in *f32le*) i=0; while [ $i -lt 20000 ]; do echo "[error] something is wrong here, number $i" >&2;'
        " i=$((i+1)); done;; esac\n"
        f'exec {find_ffmpeg()} "$@"\n'
    )
    chatty.chmod(0o755)
    packed = make(tmp_path / "jfk.flac", "-i", JFK)
    monkeypatch.setenv("CRISP_ALIGN_FFMPEG", str(chatty))
    with open_audio(packed) as stream:
        assert sum(len(block) for block in stream) == 11 * SAMPLE_RATE
    (notice,) = stream.notices
    assert notice.startswith("audio damaged in places (something is wrong here")


@pytest.mark.slow
def test_a_decoder_killed_from_outside_is_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "long.wav", "-f", "lavfi", "-i", "sine=duration=600:sample_rate=48000")
    with open_audio(path) as stream:
        next(stream)
        os.kill(int(_children(os.getpid())[-1]), signal.SIGKILL)
        rest = sum(len(block) for block in stream)
    assert rest < 590 * SAMPLE_RATE
    (notice,) = stream.notices
    assert notice.startswith("audio ends at 0:1")


# The program


def test_without_any_ffmpeg_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from crisp_align.media import ffmpeg as decoder

    monkeypatch.delenv("CRISP_ALIGN_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    decoder._bundled_ffmpeg.cache_clear()
    try:
        with pytest.raises(MissingDependencyError, match="ffmpeg is not installed; install ffmpeg"):
            open_audio(MP3)
    finally:
        decoder._bundled_ffmpeg.cache_clear()


def test_the_bundled_ffmpeg_stands_in_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jfk: Samples
) -> None:
    pytest.importorskip("imageio_ffmpeg")
    packed = make(tmp_path / "jfk.flac", "-i", JFK)
    monkeypatch.delenv("CRISP_ALIGN_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert Path(find_ffmpeg()).is_file()
    assert np.array_equal(read_audio(packed), jfk)


@pytest.mark.parametrize("named", ["/nowhere/ffmpeg", "/bin/true"])
def test_a_variable_that_names_no_ffmpeg_is_reported(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("CRISP_ALIGN_FFMPEG", named)
    with pytest.raises(MissingDependencyError, match=named):
        open_audio(MP3)


class TestPlainWaves:
    """What is read without ffmpeg is what ffmpeg reads."""

    @pytest.mark.parametrize("name", ["jfk.wav", "en-librispeech-1995-1837-0001.wav", "de-fleurs.wav"])
    def test_the_samples_are_the_same(self, name: str, tmp_path: Path) -> None:
        plain = make(
            tmp_path / "plain.wav", "-i", ROOT / "samples" / name, "-ac", "1", "-ar", "16000", "-c:a", "pcm_s16le"
        )
        with open_audio(plain) as stream:
            ours = np.concatenate(list(stream))
            assert isinstance(stream._decoder, WavReader)
            assert not stream.notices
        with open_audio(plain, MediaOptions(duration=1000.0)) as stream:
            assert isinstance(stream._decoder, Decoder)
            theirs = np.concatenate(list(stream))
            assert np.array_equal(ours, theirs)
            length = stream.info.duration
        with open_audio(plain) as stream:
            assert stream.info.duration == pytest.approx(length, abs=0.01)

    def test_what_is_unusual_is_left_to_ffmpeg(self, tmp_path: Path) -> None:
        sound = JFK.read_bytes()
        (tmp_path / "short.wav").write_bytes(sound[:-2000])
        (tmp_path / "more.wav").write_bytes(sound + b"more")
        (tmp_path / "empty.wav").write_bytes(b"RIFF\x04\0\0\0WAVE")
        (tmp_path / "noise.wav").write_bytes(b"RIFF" + (len(sound) - 8).to_bytes(4, "little") + sound[8:20])
        make(tmp_path / "stereo.wav", *TONE, "-ac", "2")
        make(tmp_path / "fast.wav", *TONE, "-ar", "48000")
        make(tmp_path / "wide.wav", *TONE, "-c:a", "pcm_f32le")
        make(tmp_path / "flac.wav", *TONE, "-f", "flac")
        assert [path.name for path in sorted(tmp_path.iterdir()) if WavReader.open(path) is not None] == []


def broken_ffmpeg(folder: Path) -> Path:
    program = folder / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'error while loading shared libraries: libavdevice.so.60' >&2\nexit 127\n")
    program.chmod(0o755)
    return program


def test_an_ffmpeg_that_does_not_run_gives_way_to_the_one_that_comes_along(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = broken_ffmpeg(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_ffmpeg() != str(program)
    with open_audio(film, MediaOptions(audio_track=0)) as stream:
        assert sum(len(block) for block in stream)
    assert any(f"{program} does not run (error while loading shared libraries" in text for text in stream.notices)


def test_an_ffmpeg_that_was_named_and_does_not_run_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = broken_ffmpeg(tmp_path)
    monkeypatch.setenv("CRISP_ALIGN_FFMPEG", str(program))
    assert find_ffmpeg() == str(program)
