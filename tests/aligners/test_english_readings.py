from __future__ import annotations

import re
from pathlib import Path

import pocketsphinx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.letters import dictionary, distance, is_held_out
from crisp_align.aligners.hmm.english.letters import grapheme_to_phoneme
from crisp_align.aligners.hmm.english.lexicon import Lexicon
from crisp_align.aligners.hmm.english.readings import UNKNOWN, spoken_words, unit_readings
from crisp_align.errors import ModelError

DICTIONARY = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
VOWELS = {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"}
PHONES = VOWELS | set("BDFGKLMNPRSTVWYZ") | {"CH", "DH", "HH", "JH", "NG", "SH", "TH", "ZH"}


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return Lexicon(DICTIONARY)


def readings(text: str, known: Lexicon | frozenset[str] = frozenset()) -> list[str]:
    return [" ".join(said) for said in unit_readings(text, known)]


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (" hello,", "hello"),
        (' "World!"', "world"),
        (" don’t", "don't"),
        (" state-of-the-art", "state of the art"),
        (" café", "cafe"),
        (" Łódź", "lodz"),
        (" ﬁne", "fine"),
        (" Ｆｕｌｌ", "full"),
        (" 0", "zero"),
        (" 42", "forty two"),
        (" 101", "one hundred one"),
        (" 1,000,000", "one million"),
        (" 1961", "nineteen sixty one"),
        (" 1905", "nineteen oh five"),
        (" 2000", "two thousand"),
        (" 2024", "twenty twenty four"),
        (" 1500", "fifteen hundred"),
        (" 1,500", "one thousand five hundred"),
        (" 007", "zero zero seven"),
        (" ٣", "three"),
        (" 3.14", "three point one four"),
        (" .5", "point five"),
        (" 21st", "twenty first"),
        (" 1990s", "nineteen nineties"),
        (" ’60s", "sixties"),
        (" 1/2", "a half"),
        (" 3/4", "three quarters"),
        (" ½", "a half"),
        (" 1½", "one and a half"),
        (" 24/7", "twenty four seven"),
        (" 9/11", "nine eleven"),
        (" 10–20", "ten to twenty"),
        (" 555-1234", "five five five one two three four"),
        (" 1.2.3", "one point two point three"),
        (" $20,", "twenty dollars"),
        (" $1", "one dollar"),
        (" $20.50", "twenty dollars and fifty cents"),
        (" £5m", "five million pounds"),
        (" 20€", "twenty euros"),
        (" 50%", "fifty percent"),
        (" -5", "minus five"),
        (" −5°C", "minus five degrees celsius"),
        (" 100km/h", "one hundred kilometers per hour"),
        (" 5kg", "five kilograms"),
        (" 5G", "five g"),
        (" m²", "square meters"),
        (" 7:30", "seven thirty"),
        (" 7:05pm", "seven oh five p m"),
        (" 2024-01-15", "january fifteenth twenty twenty four"),
        (" 12/25/2024", "december twenty fifth twenty twenty four"),
        (" Dr.", "doctor"),
        (" Mrs.", "missus"),
        (" vs", "versus"),
        (" etc.", "et cetera"),
        (" e.g.,", "for example"),
        (" a.m.", "a m"),
        (" Ph.D.", "p h d"),
        (" U.S.", "u s"),
        (" FBI", "f b i"),
        (" NASA", "nasa"),
        (" GPUs", "g p u's"),
        (" HTML", "h t m l"),
        (" ChatGPT", "chat g p t"),
        (" iPhone15", "i phone fifteen"),
        (" MP3", "m p three"),
        (" COVID-19,", "covid nineteen"),
        (" Henry VIII", "henry eight"),
        (" AT&T", "a t and t"),
        (" C++", "c plus plus"),
        (" #1", "hashtag one"),
        (" @user", "at user"),
        (" example.com", "example dot com"),
        (" https://example.com/a-b", "example dot com slash a dash b"),
        (" me@example.co.uk", "me at example dot co dot uk"),
        (" α-helix", "alpha helix"),
        (" 12345678901234567890", "one two three four five six seven eight nine zero " * 2),
    ],
)
def test_the_likeliest_reading_is_what_most_people_say(shown: str, said: str) -> None:
    assert spoken_words(shown) == said.split()


@pytest.mark.parametrize(
    ("shown", "others"),
    [
        (" 1961", ["one thousand nine hundred sixty one", "one nine six one"]),
        (" 911", ["nine eleven", "nine one one"]),
        (" 1,500", ["fifteen hundred"]),
        (" 2024", ["two thousand and twenty four"]),
        (" 105", ["one oh five", "one hundred and five"]),
        (" $20.50", ["twenty fifty", "twenty dollars fifty"]),
        (" $3", ["three"]),
        (" 7:00", ["seven o'clock"]),
        (" St.", ["street"]),
        (" No.", ["no"]),
        (" SQL", ["sql"]),
        (" Henry VIII", ["henry the eighth"]),
        (" 5GB", ["five gigs"]),
        (" and/or", ["and slash or"]),
        (" 東京", [""]),
    ],
)
def test_other_likely_readings_are_offered_too(shown: str, others: list[str]) -> None:
    assert set(others) <= set(readings(shown))


def test_money_before_a_magnitude_says_its_currency_after_it() -> None:
    assert unit_readings(" million.", before=" $3")[0] == ("million", "dollars")
    assert unit_readings(" million.", before=" 3") == [("million",)]


@pytest.mark.parametrize("shown", ["", " ", " —", " …", " 😀", " ♪", " -", " \ud800", " “”", "\u200b"])
def test_what_is_not_said_has_one_silent_reading(shown: str) -> None:
    assert unit_readings(shown) == [()]


@pytest.mark.parametrize("shown", [" 東京", " Привет", " שלום", " नमस्ते"])
def test_letters_an_english_reader_cannot_sound_are_marked(shown: str) -> None:
    assert set(unit_readings(shown)[0]) == {UNKNOWN}
    assert spoken_words(shown) == []


def test_capitals_that_the_dictionary_has_are_words_first(lexicon: Lexicon) -> None:
    assert readings(" FBI", lexicon) == ["fbi", "f b i"]
    assert readings(" YouTube", lexicon) == ["youtube"]


@given(st.text(max_size=40))
def test_any_text_has_one_to_ten_readings_of_plain_words(text: str) -> None:
    said = unit_readings(text)
    assert 1 <= len(said) <= 10
    assert len(set(said)) == len(said)
    assert all(word == UNKNOWN or re.fullmatch(r"[a-z][a-z']*|'[a-z]+", word) for words in said for word in words)


@given(st.text("0123456789.,:/-$£%€°CFkmst ’'\"", max_size=25))
def test_any_mess_of_figures_and_signs_can_be_read(text: str) -> None:
    assert all(word.strip("'").isalpha() for word in spoken_words(text))


@pytest.mark.parametrize("piece", ["1", "a", "a.", "1,", "-", "1/", "A", "$1", "http://", "@", "東"])
def test_a_very_long_word_is_read_in_part(piece: str) -> None:
    assert len(spoken_words(piece * 100_000)) <= 1000


def test_listed_words_have_all_their_pronunciations(lexicon: Lexicon) -> None:
    assert lexicon.pronunciations("read") == (("R", "EH", "D"), ("R", "IY", "D"))
    assert len(lexicon.pronunciations("and")) == 2


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("james'", "JH EY M Z"),
        ("youtuber's", "Y UW T Y UW B ER Z"),
        ("googling", "G UW G L IH NG"),
        ("blogged", "B L AO G D"),
        ("photoshopping", "F OW T OW SH AA P IH NG"),
        ("rainmaker", "R EY N M EY K ER"),
    ],
)
def test_unlisted_words_are_made_of_listed_ones(word: str, phones: str, lexicon: Lexicon) -> None:
    assert tuple(phones.split()) in lexicon.pronunciations(word)


@settings(deadline=None)
@given(word=st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=30).filter(lambda word: word.strip("'")))
def test_every_word_with_a_letter_has_one_pronunciation_at_least(word: str, lexicon: Lexicon) -> None:
    pronunciations = lexicon.pronunciations(word)
    assert pronunciations
    assert all(phones and set(phones) <= PHONES for phones in pronunciations)


def test_a_word_without_letters_has_no_pronunciation(lexicon: Lexicon) -> None:
    assert lexicon.pronunciations("'") == ()


def test_words_never_seen_are_sounded_out_with_few_wrong_phones() -> None:
    words = dictionary()
    held_out = sorted(word for word in words if is_held_out(word))[::80]
    errors, phones = 0, 0
    for word in held_out:
        off, length = min((distance(grapheme_to_phoneme(word)[0], said), len(said)) for said in words[word])
        errors, phones = errors + off, phones + length
    assert len(held_out) > 60
    assert errors / phones < 0.12


def test_a_missing_dictionary_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no-such\.dict: .*pip install"):
        Lexicon(tmp_path / "no-such.dict")
