from __future__ import annotations

import pytest

from crisp_align.text.identify import identify
from crisp_align_backends.runtimes import EUROPEAN

SENTENCES = {
    "bg": "Днес времето е хубаво и отиваме на разходка.",
    "cs": "Dnes je hezké počasí a jdeme na procházku.",
    "da": "Vejret er godt i dag, og vi går en tur i skoven.",
    "de": "Heute ist das Wetter schön, und wir gehen spazieren.",
    "el": "Σήμερα ο καιρός είναι καλός και πάμε βόλτα.",
    "en": "The weather is fine today and we are going for a walk.",
    "es": "Hoy hace buen tiempo y vamos a dar un paseo.",
    "et": "Täna on ilus ilm ja me läheme jalutama.",
    "fi": "Tänään on kaunis ilma ja me lähdemme kävelylle.",
    "fr": "Il fait beau aujourd'hui et nous allons nous promener.",
    "hr": "Danas je lijepo vrijeme i idemo u šetnju.",
    "hu": "Ma szép idő van, és sétálni megyünk.",
    "it": "Oggi il tempo è bello e andiamo a fare una passeggiata.",
    "lt": "Šiandien gražus oras ir mes einame pasivaikščioti.",
    "lv": "Šodien ir jauks laiks, un mēs ejam pastaigāties.",
    "mt": "Illum it-temp huwa sabiħ u sejrin nimxu.",
    "nl": "Het weer is vandaag mooi en wij gaan wandelen.",
    "pl": "Dzisiaj jest ładna pogoda i idziemy na spacer.",
    "pt": "Hoje o tempo está bom e vamos dar um passeio.",
    "ro": "Astăzi vremea este frumoasă și mergem la plimbare.",
    "ru": "Сегодня хорошая погода, и мы идём гулять.",
    "sk": "Dnes je pekné počasie a ideme na prechádzku.",
    "sl": "Danes je lepo vreme in gremo na sprehod.",
    "sv": "Vädret är fint idag och vi går ut på promenad.",
    "uk": "Сьогодні гарна погода, і ми йдемо гуляти.",
}


@pytest.mark.parametrize("language", sorted(EUROPEAN))
def test_a_sentence_shows_its_language(language: str) -> None:
    assert identify(SENTENCES[language], EUROPEAN) == (language, True)


@pytest.mark.parametrize("text", ["1984.", "OK.", "?", "Mhm."])
def test_what_could_be_any_language_shows_none(text: str) -> None:
    assert identify(text, EUROPEAN) == (None, False)


def test_only_the_languages_there_are_to_choose_from_come_out() -> None:
    assert identify("La veturilo estas bela kaj nova.", EUROPEAN)[0] != "eo"
    assert identify("今日は天気がいいので散歩に行きます。") == ("ja", True)
