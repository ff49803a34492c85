"""Patterns name outputs, inside their folder whatever the fields hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.batch.naming import EARLY, LATE, Output, check_pattern, named_by
from crisp_align.errors import OptionError
from crisp_align.transcript import Segment, Transcript, Word

FILM = "{stem}.{lang}.{ext}"


def made(language: str | None = "en", model: str = "Qwen/Qwen3-ASR-0.6B") -> Transcript:
    segments = (Segment(" a", 0, 1, language, (Word(" a", 0, 1),)),)
    return Transcript(segments, 1.0, "a.wav", backend="whisper", model=model, aligner="hmm")


class TestPatterns:
    def test_media_servers_find_their_language(self) -> None:
        output = named_by(FILM, "in", "film.mkv", "srt")
        assert not output.is_resolved and output.path() == Path("in/film.{lang}.srt")
        assert output.path(made("de")) == Path("in/film.de.srt")
        assert output.path(made(None)) == Path("in/film.und.srt")
        assert output.path(made("jw")) == Path("in/film.jv.srt")

    def test_a_language_that_was_given_is_resolved_at_once(self) -> None:
        output = named_by(FILM, "", "film.mkv", "srt", "fr")
        assert output == Output.at("srt", "film.fr.srt") and output.is_resolved

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("{name}.{ext}", "film.mkv.labels.txt"),
            ("{{{stem}}}.{ext}", "{film}.labels.txt"),
            ("{format}/{stem}.{ext}", "labels/film.labels.txt"),
            ("100%.{ext}", "100%.labels.txt"),
            ("{backend}-{model}-{aligner}.{ext}", "whisper-Qwen3-ASR-0.6B-hmm.labels.txt"),
            ("{stem}.en.labels.txt", "film.en.labels.txt"),
        ],
    )
    def test_fields_are_filled(self, pattern: str, expected: str) -> None:
        check_pattern(pattern)
        assert named_by(pattern, "", "film.mkv", "labels").path(made()) == Path(expected)

    @pytest.mark.parametrize(
        ("pattern", "message"),
        [
            ("{stem}.{language}.{ext}", "knows no {language}"),
            ("{}.{ext}", "knows no {}"),
            ("{stem.__class__}.{ext}", "knows no {stem.__class__}"),
            ("{stem!r}.{ext}", "knows no {stem!r}"),
            ("{stem:>9}.{ext}", "knows no {stem:>9}"),
            ("{stem.{ext}", "without its other half"),
            ("{stem}}.{ext}", "without its other half"),
            ("/tmp/{stem}.{ext}", "stays inside"),
            ("../{stem}.{ext}", "stays inside"),
            ("a/../../{stem}.{ext}", "stays inside"),
            ("a//{stem}.{ext}", "stays inside"),
            ("{stem}", "ends in .{ext}"),
            ("{stem}{ext}", "ends in .{ext}"),
            ("", "stays inside"),
        ],
    )
    def test_what_names_no_file_is_refused(self, pattern: str, message: str) -> None:
        with pytest.raises(OptionError) as caught:
            check_pattern(pattern)
        assert message in str(caught.value) and caught.value.exit_code == 2

    def test_the_extension_must_be_the_format_s(self) -> None:
        check_pattern("{stem}.srt")
        with pytest.raises(OptionError, match="does not end as vtt files do"):
            named_by("{stem}.srt", "", "film.mkv", "vtt")

    awkward = st.sampled_from(["..", ".", "/", "\\", "a", "{lang}", "\0", "\n", "\udcff", "*", ""])
    fields = st.sampled_from([f"{{{name}}}" for name in (*EARLY, *LATE)] + ["/", "a", "."])

    @given(
        st.lists(fields, max_size=5),
        st.lists(awkward, min_size=1, max_size=3).map("".join),
        st.lists(awkward, max_size=3).map("".join),
    )
    def test_no_field_leads_out_of_the_folder(self, pieces: list[str], stem: str, model: str) -> None:
        pattern = "".join(pieces) + ".{ext}"
        name = stem.replace("/", "").replace("\0", "") + ".mkv"
        try:
            check_pattern(pattern)
        except OptionError:
            return
        path = named_by(pattern, "home/subs", name, "srt").path(made("en", model))
        inside = os.path.normpath(path)
        assert inside.startswith("home/subs/") and str(path).count("/") == pattern.count("/") + 2
        assert ".." not in path.parts


class TestExisting:
    def test_any_language_fills_a_gap_and_nothing_else_does(self, tmp_path: Path) -> None:
        for name in ("film.en.srt", "film.yue.srt", "film.part2.srt", "film.srt", "film.en.vtt", "other.en.srt"):
            (tmp_path / name).write_bytes(b"x")
        (tmp_path / "film.de.srt").mkdir()
        found = named_by(FILM, str(tmp_path), "film.mkv", "srt").existing()
        assert [path.name for path in found] == ["film.en.srt", "film.yue.srt"]

    @pytest.mark.parametrize("name", ["film[1080p]*", "new\nline", "-dash", "\udcff", "{lang}"])
    def test_characters_of_patterns_in_names_mean_themselves(self, tmp_path: Path, name: str) -> None:
        (tmp_path / f"{name}.en.srt").write_bytes(b"x")
        output = named_by(FILM, str(tmp_path), f"{name}.mkv", "srt")
        assert output.existing() == [tmp_path / f"{name}.en.srt"] == [output.path(made())]

    def test_a_known_path_is_there_or_not(self, tmp_path: Path) -> None:
        output = Output.at("srt", tmp_path / "a.srt")
        assert output.existing() == []
        output.path().write_bytes(b"")
        assert output.existing() == [output.path()]


class TestAddresses:
    @pytest.mark.parametrize("pattern", ["{stem}.{ext}", FILM, "{lang}/{stem}.{ext}", "{stem}/{model}.{ext}"])
    def test_one_place_has_one_address_however_it_is_typed(
        self, pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "link").symlink_to("out")
        monkeypatch.chdir(tmp_path)
        typed = ("out", "./out/", "out/../out", "link", str(tmp_path / "out"))
        (address,) = {named_by(pattern, folder, "film.mkv", "srt").address for folder in typed}
        assert address == str(tmp_path / named_by(pattern, "out", "film.mkv", "srt").path())

    def test_an_address_on_another_file_system_is_its_url(self) -> None:
        assert named_by(FILM, "memory://out", "film.mkv", "srt").address == "memory://out/film.{lang}.srt"
