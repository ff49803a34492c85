from __future__ import annotations

import os
from pathlib import Path

import pytest

from crisp_align.errors import MediaError
from crisp_align.media.audio import is_media, media_files
from tests.reels import JFK, PICTURE, TONE, make


@pytest.mark.parametrize("extension", ["wav", "mp3", "MP4", "mkv", "Opus", "m4a", "webm", "flac", "mov", "avi"])
def test_a_media_extension_is_enough_even_for_a_broken_file(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"broken.{extension}"
    path.write_bytes(b"")
    assert is_media(path)


@pytest.mark.parametrize("name", ["notes.txt", "jfk.srt", "jfk.json", "cover.jpg", "list.m3u8", "a.mp3.part", "a.py"])
def test_other_extensions_are_passed_over(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(JFK.read_bytes())
    assert not is_media(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "extension", ["wav", "mp3", "flac", "ogg", "mkv", "mp4", "mpg", "aiff", "flv", "wma", "au", "caf"]
)
def test_a_file_without_extension_is_known_by_its_first_bytes(tmp_path: Path, extension: str) -> None:
    path = make(tmp_path / f"tone.{extension}", *TONE, "-ar", "44100").rename(tmp_path / "tone")
    assert is_media(path)


def test_ts_is_media_when_it_is_a_transport_stream_and_not_when_it_is_typescript(tmp_path: Path) -> None:
    assert is_media(make(tmp_path / "film.ts", *PICTURE, "-c:v", "mpeg2video", "-r", "25"))
    assert is_media(
        make(
            tmp_path / "film.m2ts", *PICTURE, "-c:v", "mpeg2video", "-r", "25", "-f", "mpegts", "-mpegts_m2ts_mode", "1"
        )
    )
    script = tmp_path / "script.ts"
    script.write_text("Greeting: const x: number = 1;\n" * 40)
    assert not is_media(script)


def test_what_cannot_be_read_and_what_is_no_file_is_no_media(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "dangling.mp4").symlink_to("nothing")
    assert not any(
        is_media(tmp_path / name) for name in ("folder.mp4", "pipe.mp4", "dangling.mp4", "none.mp4", "\0.mp4")
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.wav", "a.mp3", "notes.txt", ".hidden.wav", "sub/c.mkv", "sub/deep/d.ogg", ".git/e.wav", "sub/f"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"OggS" if name == "sub/f" else b"")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "linked.wav").symlink_to("b.wav")
    return tmp_path


def test_a_folder_gives_its_media_sorted_without_what_is_hidden(tree: Path) -> None:
    found = [path.relative_to(tree).as_posix() for path in media_files(tree)]
    assert found == ["a.mp3", "b.wav", "linked.wav", "sub/c.mkv", "sub/deep/d.ogg", "sub/f"]


def test_a_folder_can_be_read_without_those_inside_it(tree: Path) -> None:
    assert [path.name for path in media_files(tree, recursive=False)] == ["a.mp3", "b.wav", "linked.wav"]


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.wav")
    (tmp_path / name).write_bytes(b"")
    assert media_files(tmp_path) == [tmp_path / name]


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="none: no such folder"):
        media_files(tmp_path / "none")
    with pytest.raises(MediaError, match="is not a folder"):
        media_files(JFK)


def test_a_folder_inside_that_cannot_be_listed_is_reported_and_the_rest_is_found(tree: Path) -> None:
    (tree / "sub").chmod(0)
    if os.access(tree / "sub", os.R_OK):
        pytest.skip("nothing is forbidden to this user")
    errors: list[MediaError] = []
    try:
        assert [path.name for path in media_files(tree, on_error=errors.append)] == ["a.mp3", "b.wav", "linked.wav"]
        assert "sub: folder cannot be listed" in str(errors[0])
        with pytest.raises(MediaError, match="cannot be listed"):
            media_files(tree)
    finally:
        (tree / "sub").chmod(0o755)
