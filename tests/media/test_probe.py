from __future__ import annotations

import os
import socket
import wave
from pathlib import Path

import numpy as np
import pytest

from crisp_align.errors import MediaError
from crisp_align.media.audio import open_audio, probe, read_audio
from tests.reels import JFK, PICTURE, TONE, make

ODD_NAMES = [
    "-i.wav",
    "-",
    "--help",
    "two words.wav",
    'it\'s "quoted".wav',
    "new\nline.wav",
    "tab\tand\x1b[31m.wav",
    "100%.wav",
    "frame%03d.wav",
    "%s%n.wav",
    "a:b.wav",
    "http:x.wav",
    "file:x.wav",
    "pipe:0",
    "concat:a.wav|b.wav",
    "$(touch owned).wav",
    "`touch owned`;touch owned.wav",
    "*.wav",
    "[0-9].wav",
    "back\\slash.wav",
    "~",
    ".hidden",
    "日本語 ‮gnp.wav",
    "0" * 250 + ".wav",
    "Stream #0:7: Audio: fake\n  Stream #0:8: Audio: fake.wav",
    os.fsdecode(b"not utf-8 \xff\xfe.wav"),
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_a_file_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(JFK.read_bytes())
    source = f"./{name}" if name == "-" else name
    assert read_audio(source).shape == (176_000,)
    assert len(probe(source).audio) == 1
    assert [path.name for path in Path.cwd().iterdir()] == [name]  # nothing in a name is ever run or expanded


@pytest.mark.parametrize("name", ["-i.txt", "new\nline.txt", os.fsdecode(b"\xff.txt"), "esc\x1b[2J.txt"], ids=ascii)
def test_an_error_names_the_file_on_one_harmless_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("just text")
    with pytest.raises(MediaError) as caught:
        open_audio(tmp_path / name)
    message = str(caught.value)
    assert message.isprintable()
    assert message.encode("utf-8")
    assert message.endswith("is not media: it reads as text")


# What is there, and what is not


def test_a_film_shows_its_streams_and_length(tmp_path: Path) -> None:
    languages = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=jpn")
    flags = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    streams = ("-map", "0:v", "-map", "1:a", "-map", "2:a", "-c:v", "mpeg4", "-c:a", "flac")
    info = probe(make(tmp_path / "film.mkv", *PICTURE, "-i", JFK, *TONE, *streams, *languages, *flags))
    assert (info.duration, info.start, info.estimated, info.truncated) == (
        pytest.approx(11.0, abs=0.05),
        0.0,
        False,
        False,
    )
    assert [(stream.index, stream.kind, stream.codec) for stream in info.streams] == [
        (0, "video", "mpeg4"),
        (1, "audio", "flac"),
        (2, "audio", "flac"),
    ]
    assert [(stream.language, stream.layout, stream.default) for stream in info.audio] == [
        ("eng", "mono", False),
        ("jpn", "mono", True),
    ]
    assert info.default_track == 1
    assert info.contents() == "1 video stream (mpeg4) and 2 audio streams (flac)"


def test_metadata_cannot_pretend_to_be_a_stream(tmp_path: Path) -> None:
    fake = "x\n  Stream #0:7: Audio: fake, 8000 Hz, mono\n  Duration: 99:00:00.00, start: 0.000000"
    info = probe(make(tmp_path / "tagged.mka", "-i", JFK, "-metadata", f"title={fake}", "-metadata", f"{fake}=x"))
    assert [stream.codec for stream in info.streams] != []
    assert "fake" not in [stream.codec for stream in info.streams]
    assert info.duration == pytest.approx(11.0, abs=0.1)


def test_cover_art_is_a_picture_and_no_hindrance(tmp_path: Path) -> None:
    cover = make(tmp_path / "cover.png", *PICTURE, "-frames:v", "1")
    path = make(
        tmp_path / "song.mp3", "-i", JFK, "-i", cover, "-map", "0", "-map", "1", "-disposition:v", "attached_pic"
    )
    assert probe(path).contents() == "1 audio stream (mp3) and 1 picture (png)"
    assert len(read_audio(path)) == pytest.approx(176_000, abs=100)


def test_a_film_without_sound_says_what_it_holds(tmp_path: Path) -> None:
    subtitles = tmp_path / "s.srt"
    subtitles.write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    path = make(tmp_path / "mute.mkv", *PICTURE, "-i", subtitles, "-c:v", "mpeg4", "-c:s", "srt")
    with pytest.raises(
        MediaError, match=r"mute\.mkv: holds 1 video stream \(mpeg4\) and 1 subtitle stream \(subrip\), no audio"
    ):
        open_audio(path)


@pytest.mark.parametrize("name", ["still.png", "still.jpg", "still.bmp", "still%03d.jpg", "still.mp3"])
def test_a_picture_is_no_sound(tmp_path: Path, name: str) -> None:
    picture = make(tmp_path / f"made{Path(name).suffix.replace('.mp3', '.png')}", *PICTURE, "-frames:v", "1")
    path = picture.rename(tmp_path / name)
    with pytest.raises(MediaError, match="picture"):
        open_audio(path)


# What cannot be opened


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"nowhere\.mp4: no such file$"):
        open_audio(tmp_path / "nowhere.mp4")


@pytest.mark.parametrize("url", ["https://example.org/a.mp3", "rtsp://example.org/a", "HTTP://127.0.0.1/a.mp3"])
def test_a_url_is_not_fetched(url: str) -> None:
    with pytest.raises(MediaError, match="no such file; download it first: only local files are read"):
        open_audio(url)


def test_a_link_to_nothing_and_a_link_to_itself_are_reported(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(MediaError, match="no such file"):
        open_audio(tmp_path / "dangling")
    with pytest.raises(MediaError, match="cannot be opened"):
        open_audio(tmp_path / "loop")


def test_a_folder_a_device_and_a_socket_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match="is a folder, not a file"):
        open_audio(tmp_path)
    with pytest.raises(MediaError, match="is a device or socket, not a file"):
        open_audio("/dev/zero")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(MediaError, match="is a device or socket, not a file"):
            open_audio("socket")


def test_a_file_without_permission_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(JFK.read_bytes())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("nothing is forbidden to this user")
    with pytest.raises(MediaError, match=r"secret\.wav: may not be read by this user"):
        open_audio(path)


@pytest.mark.parametrize("name", ["x" * 300, "nul\0byte.wav"], ids=["too long", "a nul byte"])
def test_an_impossible_name_is_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match="cannot be opened"):
        open_audio(f"{tmp_path}/{name}")


# What is not media


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello\n", "it reads as text"),
        (bytes(20_000), "is not media that ffmpeg can read"),
        (np.random.default_rng(0).bytes(20_000), "is not media that ffmpeg can read"),
        (b"PK\3\4" + bytes(100), "is not media that ffmpeg can read"),
        (b"fLaC" + bytes(8), "is damaged, or cut off near its beginning"),
        (b"\x1aE\xdf\xa3" + bytes(8), "is damaged, or cut off near its beginning"),
        (b"\0\0\0\x20ftypisom" + bytes(20), "is an MP4 cut off|is damaged|no stream"),
    ],
    ids=["empty", "text", "zeros", "noise", "zip", "flac stump", "mkv stump", "mp4 stump"],
)
@pytest.mark.parametrize("extension", ["mp3", "wav", "mp4"])
def test_what_is_not_media_is_refused_whatever_its_extension(
    tmp_path: Path, extension: str, content: bytes, words: str
) -> None:
    path = tmp_path / f"file.{extension}"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=rf"file\.{extension}: .*({words})"):
        read_audio(path)


def test_a_wav_without_samples_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "none"))
    with pytest.raises(MediaError, match="has an audio stream with nothing in it"):
        read_audio(path)


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:11\n#EXTINF:11,\n{file}\n#EXT-X-ENDLIST\n",
    "hls over http": "#EXTM3U\n#EXT-X-TARGETDURATION:11\n#EXTINF:11,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    "m3u": "#EXTM3U\n#EXTINF:11,JFK\n{file}\n",
    "ffconcat": "ffconcat version 1.0\nfile '{file}'\n",
    "pls": "[playlist]\nFile1={file}\nNumberOfEntries=1\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{file}</BaseURL></MPD>\n',
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
    "xspf": '<?xml version="1.0"?>\n<playlist><trackList><location>{file}</location></trackList></playlist>',
    "asx": '<asx version="3.0"><entry><ref href="{file}"/></entry></asx>',
    "smil": '<smil><body><audio src="{file}"/></body></smil>',
    "asf reference": "[Reference]\r\nRef1=http://127.0.0.1:9/a.asf\r\n",
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"></CompositionPlaylist>',
}


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["m3u8", "mp3", "mp4", "ts"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_is_refused_even_if_it_names_a_local_file_and_calls_itself_media(
    tmp_path: Path, kind: str, extension: str
) -> None:
    target = make(tmp_path / "target.wav", *TONE) if kind == "ffconcat" else JFK
    path = tmp_path / f"list.{extension}"
    path.write_text(PLAYLISTS[kind].format(file=target))
    with pytest.raises(
        MediaError, match="is a playlist, which only points at other files; give those files themselves"
    ):
        read_audio(path)


@pytest.mark.parametrize("kind", ["hls", "ffconcat", "dash", "sdp"])
def test_ffmpeg_itself_cannot_be_made_to_open_a_playlist(tmp_path: Path, kind: str) -> None:
    from crisp_align.media.probe import file_url, probe_url

    path = tmp_path / f"list.{kind}"
    path.write_text(PLAYLISTS[kind].format(file=JFK))
    with pytest.raises(MediaError):
        probe_url(file_url(path), "list", head=b"\0" * 100)  # as if its first bytes had shown nothing
