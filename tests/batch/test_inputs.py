"""What was named becomes files: lists, patterns, folders; each file once."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from crisp_align.batch.inputs import Input, gather, listed, read_list
from crisp_align.errors import CrispAlignError, OptionError

HOSTILE = [
    "new\nline.wav",
    "quote'\".wav",
    "100%.wav",
    "-dash.wav",
    "\udcff\udcfe.wav",
    " spaces .wav",
    "#a.wav",
    "@b.wav",
]


def sources(*names: str, recursive: bool = False) -> list[str]:
    return [entry.source for entry in gather(names, recursive=recursive) if isinstance(entry, Input)]


def errors(*names: str, recursive: bool = False) -> list[str]:
    return [str(entry) for entry in gather(names, recursive=recursive) if isinstance(entry, CrispAlignError)]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.wav", "a.mp3", "a.srt", ".crisp-align-x.part", "sub/c.mkv", "sub/deep/d.ogg", "film[1080p].mkv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestPatterns:
    def test_a_pattern_that_the_shell_left_gives_its_media_sorted(self, tree: Path) -> None:
        assert sources("*.wav") == ["b.wav"]
        assert sources("[ab].*") == ["a.mp3", "b.wav"]
        assert sources("sub/**/*.ogg") == ["sub/deep/d.ogg"]

    def test_a_file_of_that_very_name_is_no_pattern(self, tree: Path) -> None:
        assert sources("film[1080p].mkv") == ["film[1080p].mkv"]
        (tree / "*.wav").write_bytes(b"")
        assert sources("*.wav") == ["*.wav"]

    def test_folders_that_fit_give_what_is_in_them(self, tree: Path) -> None:
        assert sources("s?b") == ["sub/c.mkv"]
        assert sources("s?b", recursive=True) == ["sub/c.mkv", "sub/deep/d.ogg"]

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("**/*.mkv", ["film[1080p].mkv", "sub/c.mkv"]),
            ("**/**/d.*", ["sub/deep/d.ogg"]),
            ("sub/**/**", ["sub/c.mkv", "sub/deep/d.ogg"]),
            ("./s*/**/d*/*", ["./sub/deep/d.ogg"]),
            ("**", ["a.mp3", "b.wav", "film[1080p].mkv", "sub/c.mkv", "sub/deep/d.ogg"]),
        ],
    )
    def test_two_stars_stand_for_any_folders_but_no_links_to_them(
        self, tree: Path, pattern: str, expected: list[str]
    ) -> None:
        for number in range(3):  # with glob's own ** there are more ways through these than anybody can go
            (tree / "sub" / f"circle{number}").symlink_to(tree)
        assert sources(pattern) == expected
        if not pattern.startswith("."):
            assert sources(f"{tree}/{pattern}") == [f"{tree}/{name}" for name in expected]

    def test_our_outputs_are_not_among_it(self, tree: Path) -> None:
        assert "a.srt" not in sources("*") and not any(".part" in name for name in sources("*", recursive=True))

    def test_one_that_fits_nothing_is_reported(self, tree: Path) -> None:
        (message,) = errors("*.flac")
        assert "*.flac" in message and "fits no media file" in message


class TestPlaces:
    @pytest.mark.parametrize(
        ("named", "expected"),
        [
            (["**/*.ogg"], ["sub/deep/d.ogg"]),
            (["sub/**/*.ogg"], ["deep/d.ogg"]),
            (["./sub/d*/*.ogg"], ["deep/d.ogg"]),
            (["s?b"], ["sub/c.mkv", "sub/deep/d.ogg"]),
            (["*.wav", "sub/deep/d.ogg"], ["b.wav", "d.ogg"]),
        ],
    )
    def test_what_a_pattern_gives_keeps_its_folders(self, tree: Path, named: list[str], expected: list[str]) -> None:
        def places(names: list[str]) -> list[str]:
            return [str(entry.place) for entry in gather(names, recursive=True) if isinstance(entry, Input)]

        assert places(named) == expected
        if "sub/deep/d.ogg" not in named:
            assert places([f"{tree}/{name}" for name in named]) == expected

    def test_what_is_listed_keeps_its_folders_whatever_else_is_listed(self, tree: Path) -> None:
        names = {"b.wav": "b.wav", "./sub/c.mkv": "sub/c.mkv", "sub/../a.mp3": "a.mp3", "../up.wav": "up.wav"}
        names[f"{tree}/sub/deep/d.ogg"] = f"{tree}/sub/deep/d.ogg".lstrip("/")
        found = [entry for entry in gather([], names) if isinstance(entry, Input)]
        assert {entry.source: str(entry.place) for entry in found} == names
        for name, place in names.items():
            (entry,) = gather([], [name])
            assert isinstance(entry, Input) and str(entry.place) == place

    def test_a_listed_folder_keeps_its_own(self, tree: Path) -> None:
        found = [str(entry.place) for entry in gather([], ["sub"], recursive=True) if isinstance(entry, Input)]
        assert found == ["sub/c.mkv", "sub/deep/d.ogg"]


class TestFolders:
    def test_circles_and_duplicates_come_once(self, tree: Path) -> None:
        found = sources(".", "sub", "sub/up", "b.wav", recursive=True)
        assert sorted(Path(name).name for name in found) == ["a.mp3", "b.wav", "c.mkv", "d.ogg", "film[1080p].mkv"]

    def test_each_file_knows_its_place(self, tree: Path) -> None:
        places = {entry.place for entry in gather(["sub"], recursive=True) if isinstance(entry, Input)}
        assert places == {Path("c.mkv"), Path("deep/d.ogg")}

    @pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
    def test_a_folder_that_cannot_be_listed_costs_itself_alone(self, tree: Path) -> None:
        (tree / "sub").chmod(0)
        try:
            assert sources(".", recursive=True) == ["a.mp3", "b.wav", "film[1080p].mkv"]
            (message,) = errors(".", recursive=True)
            assert "cannot be listed" in message
        finally:
            (tree / "sub").chmod(0o755)


class TestLists:
    def test_a_line_is_a_name(self) -> None:
        assert listed("\ufeffa.wav\r\n\n  \n b c.wav \n-\n映画.mkv".encode()) == [
            "a.wav",
            " b c.wav ",
            "./-",
            "映画.mkv",
        ]

    def test_null_characters_part_any_names(self) -> None:
        assert listed(b"\0".join(map(os.fsencode, HOSTILE)) + b"\0", null=True) == HOSTILE

    def test_lines_part_names_without_line_feeds(self) -> None:
        names = [name for name in HOSTILE if "\n" not in name]
        assert listed(b"\n".join(map(os.fsencode, names))) == names

    def test_an_empty_list_names_nothing(self) -> None:
        assert listed(b"") == listed(b"\n\n") == listed(b"\0", null=True) == []

    def test_it_is_read_from_a_file_or_from_standard_input(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "list").write_bytes(b"a\nb\n")
        assert read_list(str(tmp_path / "list")) == ["a", "b"]
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"c\0d")))
        assert read_list("-", null=True) == ["c", "d"]

    @pytest.mark.parametrize(
        ("name", "message"), [("nowhere", "No such file"), (".", "directory"), ("film", "-0 is for")]
    )
    def test_what_is_no_list_is_refused(self, tmp_path: Path, name: str, message: str) -> None:
        (tmp_path / "film").write_bytes(b"RIFF\0\0\0")
        with pytest.raises(OptionError, match=message) as caught:
            read_list(str(tmp_path / name))
        assert "\n" not in str(caught.value)
