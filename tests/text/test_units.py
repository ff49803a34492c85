from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.text.units import SPLITTER_LANGUAGES, UnitMode, split_units

GOLDEN = Path(__file__).parents[1] / "goldens" / "units.jsonl"
SENTENCES = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").split("\n") if line]

# Characters that text goes wrong with: marks that compose, several scripts, quotes, all kinds of space, half-width
# kana, compatibility forms, ideographs of every block, surrogates, bidirectional and zero-width controls.
ODD = (
    "aB7 '’‘“”«»-–—.,!?¿¡…\n\t\u00a0\u3000\u2028\u0301\u0323\u0308éÅK漢々〆ヶㇰ𠮷𪚥豈㍿㌔½ﬁ"
    "かガｶﾞﾟｱー한ᄀ\u1161\u11a8한글กเแา่ກຂမ\u1039្ខབ་नि\u200d\u200b\u200e\u202b\ud800🎉👨<>$€()[]{}"
)
TEXTS = st.text(st.one_of(st.sampled_from(ODD), st.characters(codec=None)), max_size=24)
LANGUAGES = st.sampled_from([None, *sorted(SPLITTER_LANGUAGES - {"ja"}), "hi", "bo", "xx"])


def texts(text: str, language: str | None, mode: UnitMode = "word") -> list[str]:
    return [unit.text for unit in split_units(text, language, mode)]


def spoken(text: str, language: str | None, mode: UnitMode = "word") -> list[str]:
    return [unit.spoken for unit in split_units(text, language, mode)]


def assert_lossless(text: str, language: str | None, mode: UnitMode) -> None:
    units = split_units(text, language, mode)
    assert all(unit.spoken for unit in units)
    assert not units or "".join(unit.text for unit in units) == text


@pytest.mark.parametrize("language", sorted(SPLITTER_LANGUAGES))
def test_every_golden_sentence_is_spoken_as_upstream_splits_it(language: str) -> None:
    if language == "ja":
        pytest.importorskip("nagisa")
    sentences = [(text, words) for code, text, words in SENTENCES if code == language]
    assert len(sentences) >= 200
    assert [text for text, words in sentences if "\t".join(spoken(text, language)) != words] == []


@given(TEXTS, LANGUAGES, st.sampled_from(["word", "char"]))
@settings(max_examples=10_000, deadline=None)
def test_no_character_of_any_text_is_lost(text: str, language: str | None, mode: UnitMode) -> None:
    assert_lossless(text, language, mode)


@given(TEXTS, st.sampled_from(["ja", "th", "lo", "km", "my"]), st.sampled_from(["word", "char"]))
@settings(max_examples=1_000, deadline=None)
def test_no_character_is_lost_in_languages_cut_by_dictionary(text: str, language: str, mode: UnitMode) -> None:
    assert_lossless(text, language, mode)


@given(TEXTS, LANGUAGES)
@settings(max_examples=1_000, deadline=None)
def test_a_text_gives_no_units_only_where_nothing_in_it_can_be_spoken(text: str, language: str | None) -> None:
    spoken = any(char == "’" or char == "'" or unicodedata.category(char)[0] in "LN" for char in text)
    assert bool(split_units(text, language)) >= spoken


@given(TEXTS, st.sampled_from([None, *sorted(SPLITTER_LANGUAGES - {"ja"})]))
@settings(max_examples=1_000, deadline=None)
def test_speech_is_that_of_the_composed_text_with_plain_apostrophes(text: str, language: str | None) -> None:
    plain = unicodedata.normalize("NFC", text.replace("’", "'"))
    assert spoken(text, language) == spoken(plain, language)


def test_a_combining_mark_is_spoken_where_a_composed_letter_exists() -> None:
    assert spoken("cafe\u0301 Zoe\u0308", "fr") == ["café", "Zoë"]
    assert texts("cafe\u0301 Zoe\u0308", "fr") == ["cafe\u0301", " Zoe\u0308"]


def test_a_curly_apostrophe_speaks_as_a_straight_one_and_stays_on_the_screen() -> None:
    assert spoken("I don’t", "en") == ["I", "don't"]
    assert texts("I don’t", "en") == ["I", " don’t"]


def test_closing_punctuation_stays_with_the_word_before_it() -> None:
    assert texts("Ask not; what?! (Yes.) Done…", "en") == ["Ask", " not;", " what?!", " (Yes.)", " Done…"]


def test_opening_punctuation_goes_with_the_word_after_it() -> None:
    assert texts('He said: "Hola, ¿qué tal?" $5', "es") == ["He", " said:", ' "Hola,', " ¿qué", ' tal?"', " $5"]


def test_french_spaced_punctuation_clings_to_its_word() -> None:
    assert texts("Il dit : « Bonjour ! » Ça va ?", "fr") == ["Il", " dit :", " « Bonjour ! »", " Ça", " va ?"]


def test_a_dash_that_begins_a_line_belongs_to_the_line() -> None:
    assert texts("- One.\n- Two", "en") == ["- One.", "\n- Two"]


def test_a_dash_that_begins_what_another_speaker_says_goes_with_it() -> None:
    assert texts("Well? - No. — « Oui » – hm", "en") == ["Well?", " - No.", " — « Oui » –", " hm"]


def test_chinese_quotes_open_with_the_next_character_and_close_with_the_last() -> None:
    assert texts("他说：“好！”走", "zh") == ["他", "说：", "“好！”", "走"]


def test_outer_space_and_punctuation_are_kept() -> None:
    assert texts("  … hello  ", "en") == ["  … hello  "]


@pytest.mark.parametrize("text", ["", "  ", "... — !", "🎉", "<>|"])
def test_what_cannot_be_spoken_gives_no_units(text: str) -> None:
    assert split_units(text, "en") == []


def test_a_marker_spelled_out_is_not_a_marker() -> None:
    assert spoken("a <timestamp> b", "en") == ["a", "timestamp", "b"]


def test_japanese_units_are_words_mapped_back_to_the_text_as_written() -> None:
    pytest.importorskip("nagisa")
    assert split_units("ﾃｽﾄ　です！", "ja")[0].text == "ﾃｽﾄ"
    assert [(unit.text, unit.spoken) for unit in split_units("ﾃﾚﾋﾞを見た！", "ja")] == [
        ("ﾃﾚﾋﾞ", "テレビ"),
        ("を", "を"),
        ("見", "見"),
        ("た！", "た"),
    ]


def test_one_source_character_is_never_divided() -> None:
    pytest.importorskip("nagisa")
    assert [(unit.text, unit.spoken) for unit in split_units("㍿トヨタ", "ja")] == [
        ("㍿", "株式会社"),
        ("トヨタ", "トヨタ"),
    ]


def test_japanese_without_nagisa_is_cut_by_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nagisa", None)
    assert texts("東京は、ＯＫ", "ja") == ["東", "京", "は、", "ＯＫ"]


def test_char_mode_gives_each_cjk_character_a_unit_and_leaves_other_words_whole() -> None:
    assert texts("カー、한국 東京 GPT-4", "ja", "char") == ["カ", "ー、", "한", "국", " 東", "京", " GPT-4"]


def test_a_half_width_sound_mark_stays_with_its_kana() -> None:
    assert texts("ﾊﾟﾝ", "ja", "char") == ["ﾊﾟ", "ﾝ"]


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("th", "สวัสดีครับ ผมชื่อจอห์น", ["สวัสดี", "ครับ", " ผม", "ชื่อ", "จอห์น"]),
        ("lo", "ຂ້ອຍຢາກໄປຕະຫຼາດ", ["ຂ້ອຍ", "ຢາກ", "ໄປ", "ຕະຫຼາດ"]),
        ("km", "ខ្ញុំចង់ទៅផ្សារ", ["ខ្ញុំ", "ចង់ទៅ", "ផ្សារ"]),
        ("my", "သွားချင်တယ်", ["သွား", "ချင်", "တယ်"]),
    ],
)
def test_unspaced_scripts_are_cut_into_words(language: str, text: str, words: list[str]) -> None:
    pytest.importorskip("icu4py")
    assert texts(text, language) == words


def test_without_a_dictionary_unspaced_scripts_are_cut_into_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)
    assert texts("ผมชื่อเก้า", "th") == ["ผ", "ม", "ชื่", "อ", "เก้", "า"]
    assert texts("ខ្ញុំ", "km") == ["ខ្ញុំ"]


def test_vowel_signs_are_spoken_in_languages_that_write_with_them() -> None:
    assert spoken("हिन्दी में", "hi") == ["हिन्दी", "में"]


def test_tibetan_is_cut_at_its_syllable_mark() -> None:
    assert texts("བོད་ཡིག", "bo") == ["བོད་", "ཡིག"]
