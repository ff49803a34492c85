from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from crisp_align.errors import OptionError
from crisp_align.layout import (
    AUDIENCES,
    LanguageRules,
    Rules,
    cues,
    default_profile,
    lay_out,
    profile_names,
    profile_rules,
)
from tests.layout.test_layout import JFK, shown, spoken


@pytest.mark.parametrize("name", sorted(profile_names()))
def test_every_profile_lays_out(name: str) -> None:
    assert "".join(shown(cues([JFK], profile_rules(name)))).split()[0] == "And"


@pytest.mark.parametrize(
    ("language", "profile"),
    [("en", "netflix-en"), (None, "netflix-en"), ("de", "netflix"), ("ja", "netflix-ja"), ("yue", "netflix-zh")],
)
def test_the_default_profile_follows_the_language(language: str | None, profile: str) -> None:
    assert default_profile(language) == profile


def test_every_number_of_a_profile_stands_below_its_source() -> None:
    lines = files("crisp_align.layout").joinpath("profiles.toml").read_text(encoding="utf-8").splitlines()
    sourced = True
    for line in lines:
        if line.startswith("["):
            sourced = False
        elif line.startswith("#"):
            sourced = True
        assert sourced or "=" not in line or line.startswith("title")


def test_rules_by_language_keep_what_was_given() -> None:
    rules = LanguageRules(max_lines=1, given=frozenset({"max_lines"}))
    assert (rules.of("ja").max_chars, rules.of("ja").max_lines, rules.of("en").max_chars) == (13, 1, 42)
    laid = cues([spoken("真っ昼間なのにキャンプの外れの電柱に", language="ja")], rules)
    assert all(len(cue.lines) == 1 for cue in laid)


ENGLISH = spoken("All human beings are born free and equal in dignity and rights.", step=0.3)
GERMAN = spoken("Alle Menschen sind frei und gleich an Rechten geboren.", language="de", start=8.0)
JAPANESE = spoken("すべての人間は自由であり権利について平等である。", language="ja", start=8.0, step=0.28)


def test_where_lines_of_two_languages_differ_each_is_laid_out_by_its_own_rules() -> None:
    laid = cues([ENGLISH, JAPANESE], LanguageRules())
    assert shown(laid) == [
        "All human beings are born free\nand equal in dignity and rights.",
        "すべての人間は自由であり\n権利について平等である。",
    ]
    assert lay_out([ENGLISH, JAPANESE], LanguageRules()).rules == (
        profile_rules("netflix-en"),
        profile_rules("netflix-ja"),
    )


def test_where_lines_are_alike_the_rules_are_those_for_most_of_the_text() -> None:
    assert set(lay_out([ENGLISH, GERMAN], LanguageRules()).rules) == {profile_rules("netflix-en")}
    assert set(lay_out([GERMAN, spoken("Yes.", start=20)], LanguageRules()).rules) == {profile_rules("netflix")}


def test_a_segment_of_no_language_goes_with_those_before() -> None:
    unknown = replace(spoken("啊", language="zh", start=20.0), language=None)
    assert set(lay_out([JAPANESE, unknown], LanguageRules()).rules) == {profile_rules("netflix-ja")}


def test_a_word_in_narrow_letters_does_not_begin_a_stretch_of_a_wide_language() -> None:
    assert set(lay_out([ENGLISH, spoken("OK.", language="ko", start=20.0)], LanguageRules()).rules) == {
        profile_rules("netflix-en")
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_profile_can_be_a_file_that_changes_another(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "bbc"\ntitle = "mine"\nmax_chars = 30\nmax_wpm = 150\n', encoding=encoding)
    rules = profile_rules(str(path))
    assert (rules.max_chars, rules.max_wpm, rules.max_lines) == (30, 150.0, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_chars = ", "not TOML"),
        ('max_chars = "x"', "max_chars must be a whole number"),
        ("max_chars = 4.5", "max_chars must be a whole number"),
        ("max_chars = true", "max_chars must be a whole number"),
        ("split_on_word = 1", "must be true or false"),
        ("max_cps = nan", "cannot be nan"),
        ("max_lines = -1", "cannot be -1"),
        ("colour = 3", "'colour', which is no rule"),
        ('base = "none"', "is no profile"),
        ("base = 3", "is no profile"),
        ("fps = 0.5", "no frame rate"),
        ("char_columns = 3", "does not exist"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=message) as caught:
        profile_rules(str(path))
    assert str(caught.value).startswith(str(path))


def test_a_profile_that_is_not_there_is_refused() -> None:
    with pytest.raises(OptionError, match="no profile is called"):
        profile_rules("nexflix")
    with pytest.raises(OptionError, match="cannot be read"):
        profile_rules("none.toml")


def test_rules_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(OptionError, match="below the shortest"):
        Rules(min_duration=2, max_duration=1)


def test_netflix_has_a_reading_speed_of_its_own_for_some_languages_and_audiences() -> None:
    assert [profile_rules("netflix", language).max_cps for language in ("de", "ar", "hi")] == [17, 20, 22]
    assert [profile_rules("netflix", "ar", audience).max_cps for audience in AUDIENCES] == [20, 17, 23, 20]
    assert [LanguageRules(audience="children").of(language).max_cps for language in ("en", "de", "zh")] == [17, 13, 7]
    assert LanguageRules(profile="netflix").of("en").max_cps == 17
    with pytest.raises(OptionError, match="says nothing of children"):
        profile_rules("bbc", audience="children")
    with pytest.raises(OptionError, match="says nothing of"):
        LanguageRules(audience="elephants")


def test_profiles_say_which_dash_begins_what_a_speaker_says() -> None:
    assert [LanguageRules().of(language).speaker_dash for language in ("en", "de", "fr", "ko")] == [
        "-",
        "-",
        "- ",
        "- ",
    ]
    with pytest.raises(OptionError, match="is no dash"):
        Rules(speaker_dash="x")
