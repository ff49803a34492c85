from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.aligners import Refusal, Utterance
from crisp_align.aligners.hmm.acoustic_model import Position, load_acoustic_model
from crisp_align.aligners.hmm.aligner import HmmAligner
from crisp_align.aligners.hmm.composite import CompositeModel, slots
from crisp_align.aligners.hmm.language import UNPRONOUNCEABLE, Reading
from crisp_align.aligners.hmm.languages import LANGUAGES, Languages
from crisp_align.aligners.hmm.spelling import Rules
from crisp_align.backends import LoadOptions
from crisp_align.languages import NAMES
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip
from tests.noise import in_noise

MODEL = Path(pocketsphinx.get_model_path()) / "en-us"
RULES = sorted(path.name for path in (files("crisp_align.aligners.hmm") / "rules").iterdir())
SPOKEN = {
    "de-fleurs.wav": ("de", "Das erschien mir nicht sinnvoll; es war ganz gewiss nicht fair."),
    "fr-fleurs.wav": ("fr", "Pensez à l'itinéraire de ski comme à un itinéraire de randonnée similaire."),
    "pt-fleurs.wav": ("pt", "É o quinto CEP do Martelly em quatro anos."),
    "zh-aishell-BAC009S0724W0121.wav": ("zh", "广州市房地产中介协会分析"),
    "ja-commonvoice-24511055.mp3": ("ja", "真っ昼間なのにキャンプの外れの電柱に電球がともっていた"),
}
OTHERS = {
    "de": "Morgen fahren wir mit dem Zug nach Hamburg und besuchen meine Großeltern.",
    "fr": "Demain nous partirons en vacances à la montagne avec nos enfants.",
    "pt": "O meu irmão trabalha numa fábrica de carros.",
    "zh": "明天下午三点请给我打电话好吗",
    "ja": "政府は昨日新しい法律を発表しました",
}

Sample = Callable[[str], Clip]


@pytest.fixture(scope="session")
def languages() -> Languages:
    return Languages(MODEL)


@pytest.fixture(scope="session")
def hmm() -> HmmAligner:
    return HmmAligner.load("auto", LoadOptions(threads=1), None)


def spoken(reading: Reading) -> str:
    """The likeliest pronunciation of each word, words apart."""
    return ", ".join(" ".join(word[0]) for word in reading)


def test_every_language_has_a_name() -> None:
    assert set(NAMES) >= LANGUAGES
    assert {"de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru", "zh"} <= LANGUAGES


@pytest.mark.parametrize("name", RULES)
def test_every_sound_of_every_rule_is_in_the_table_of_sounds(name: str) -> None:
    text = (files("crisp_align.aligners.hmm") / "rules" / name).read_text("utf-8")
    rules = Rules(text)
    lines = [
        line.split(" ", 1)[1] for line in text.splitlines() if line and line.split(" ")[0] not in ("#", "let", "say")
    ]
    sounds = {sound for line in lines for sound in line.split() if sound not in ("|", "-")}
    assert all(slots(sound) for sound in sounds)
    assert all(rules.pronunciations(word.lower()) for ways in rules.signs.values() for words in ways for word in words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "text", "sounds"),
    [
        ("de", " schön", "ʃ ø/œ n"),
        ("de", " „Sprache“", "s/ʃ p ʁ a x ə"),
        ("de", " 21", "ai n u/ʊ n d ts v a n ts ɪ ç/k"),
        ("fr", " l’itinéraire", "l i t i n e ʁ ɛ/e ʁ ə?"),
        ("fr", " enfants,", "ɑ̃ f ɑ̃ t? z?"),
        ("fr", " 12", "d u z ə?"),
        ("es", " ¿Qué", "k e/ɛ"),
        ("es", " jamón", "x a m o/ɔ n"),
        ("it", " ghiaccio", "ɡ j/i a tʃ ɔ/o"),
        ("it", " famiglia", "f a m i ʎ a"),
        ("pt", " coração", "k ɔ/o/u ɾ/r a/ɐ s ã w?"),
        ("nl", " huis", "h œ/au/oi s"),
        ("ru", " что", "ʃ t ɔ/a/ə"),
        ("ru", " 3", "t r i/ɪ"),
        ("uk", " їжа", "j i ʒ a"),
        ("pl", " szczęście", "ʃ tʃ ɛ n/ŋ/w? ɕ tʃ ɛ/e"),
        ("cs", " řeka", "r̝ ɛ/e k a"),
        ("sv", " tjugo", "ɕ/tʃ ʏ/ʊ/u ɡ u/ɔ/o"),
        ("da", " og", "ɔ w?"),
        ("tr", " çocuk", "tʃ o/ɔ dʒ u/ʊ k"),
        ("ko", " 한국말", "h a n k/ɡ u/ʊ ŋ m a l"),
        ("ko", " 좋아요", "tʃ/dʒ o/u a j o/u"),
        ("zh", "中", "dʒ/tʃ u/o ŋ"),
        ("zh", "3", "s a n"),
        ("yue", "香", "h œ ŋ/n"),
        ("ja", "東京", "t o/ɔ k j o/ɔ"),
        ("ja", "です", "d e/ɛ s ɯ/u?"),
    ],
)
def test_spelling_gives_the_sounds(language: str, text: str, sounds: str, languages: Languages) -> None:
    assert spoken(languages[language].readings([text])[0][0]) == sounds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "text", "sounds"),
    [
        ("fr", " parlent", "p a/ɑ ʁ l ə? t?"),
        ("de", " Weg", "v ɛ/e/ə k/ɡ"),
        ("zh", "行", "x/h a ŋ"),
        ("ja", "は", "w a"),
        ("de", " ARD", "a, ɛ/e/ə ʁ, d e"),
    ],
)
def test_other_pronunciations_are_offered_too(language: str, text: str, sounds: str, languages: Languages) -> None:
    ways = [
        ", ".join(" ".join(word[min(choice, len(word) - 1)]) for word in reading)
        for reading in languages[language].readings([text])[0]
        for choice in range(4)
    ]
    assert sounds in ways


def test_the_phrase_chooses_the_reading_of_a_character(languages: Languages) -> None:
    bank, _, walk = (languages["zh"].readings([text, "行"])[1][0][0][0] for text in ("银", "步", "步"))
    assert "a" in bank
    assert "i" in walk


def test_a_word_of_several_characters_gives_each_its_part(languages: Languages) -> None:
    assert [spoken(unit[0]) for unit in languages["ja"].readings(list("電柱"))] == ["d e/ɛ n/ŋ/m", "tʃ ɯ/u?"]


def test_latin_words_in_other_scripts_are_read_as_english(languages: Languages) -> None:
    assert spoken(languages["ru"].readings([" Google"])[0][0]) == "G UW G AH L"
    assert spoken(languages["ja"].readings(["Google"])[0][0]) == "G UW G AH L"


def test_letters_of_a_foreign_script_are_unpronounceable(languages: Languages) -> None:
    assert languages["de"].readings([" привет"]) == [[(UNPRONOUNCEABLE,)]]


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(LANGUAGES))
@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_any_text_has_readings_of_known_sounds(code: str, texts: list[str], languages: Languages) -> None:
    found = languages[code].readings(texts)
    assert len(found) == len(texts)
    assert all(1 <= len(readings) <= 10 for readings in found)
    sounds = {sound for unit in found for reading in unit for word in reading for phones in word for sound in phones}
    assert all(slots(sound) for sound in sounds)
    assert all(word and all(word) for unit in found for reading in unit for word in reading)


def test_a_composite_is_as_likely_as_the_likeliest_of_its_phones_less_its_cost() -> None:
    base = load_acoustic_model(MODEL / "en-us")
    model = CompositeModel(base)
    y = model.number(slots("y")[0])  # UW IY IH:0.3 Y:0.5
    silence = base.silence
    composite = model.sequence(y, silence, silence, Position.ONLY)[1]
    parts = {
        name: base.sequence(base.phones[name], silence, silence, Position.ONLY)[1] for name in ("UW", "IY", "IH", "Y")
    }
    senones = np.unique([*base.plain_senones.tolist(), *parts.values(), composite])
    frames = np.random.default_rng(0).normal(0, 1, (20, 39)).astype(np.float32)
    scores = dict(zip(senones.tolist(), model.log_likelihood(frames, senones).T, strict=True))
    costs = {"UW": 0.0, "IY": 0.0, "IH": 0.3, "Y": 0.5}
    expected = np.max([scores[parts[name]] - cost for name, cost in costs.items()], axis=0)
    assert np.allclose(scores[composite], expected, atol=1e-4)
    assert model.is_optional(model.number(slots("ʔ")[0]))
    assert not model.is_optional(y)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_in_noise_too_the_right_text_is_taken_and_another_not(name: str, hmm: HmmAligner, sample: Sample) -> None:
    language, text = SPOKEN[name]
    clip = in_noise(sample(name), 10)
    right, wrong = (
        hmm.align([Utterance(clip, tuple(split_units(words, language)), language)])[0]
        for words in (text, OTHERS[language])
    )
    assert not isinstance(right, Refusal), right.reason
    assert isinstance(wrong, Refusal) or np.mean([span.score for span in wrong if span.score is not None]) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_the_right_text_is_taken_and_another_refused_or_scored_low(name: str, hmm: HmmAligner, sample: Sample) -> None:
    language, text = SPOKEN[name]
    clip = sample(name)
    right, wrong = (
        hmm.align([Utterance(clip, tuple(split_units(words, language)), language)])[0]
        for words in (text, OTHERS[language])
    )
    assert not isinstance(right, Refusal), right.reason
    assert np.mean([span.score for span in right if span.score is not None]) > 0.6
    assert (
        re.search(r"does not fit|too long", wrong.reason)
        if isinstance(wrong, Refusal)
        else (np.mean([span.score for span in wrong if span.score is not None]) < 0.5)
    )
