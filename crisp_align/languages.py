"""Language codes, their English names, and which of them are written without spaces."""

from __future__ import annotations

from collections import Counter

from crisp_align.errors import OptionError

__all__ = ["NAMES", "UNSPACED", "is_spaced", "language_code", "language_name", "script_language"]

NAMES: dict[str, str] = {
    line.split(" ", 1)[0]: line.split(" ", 1)[1]
    for line in """
af Afrikaans
am Amharic
ar Arabic
as Assamese
az Azerbaijani
ba Bashkir
be Belarusian
bg Bulgarian
bn Bengali
bo Tibetan
br Breton
bs Bosnian
ca Catalan
cs Czech
cy Welsh
da Danish
de German
el Greek
en English
es Spanish
et Estonian
eu Basque
fa Persian
fi Finnish
fil Filipino
fo Faroese
fr French
gl Galician
gu Gujarati
ha Hausa
haw Hawaiian
he Hebrew
hi Hindi
hr Croatian
ht Haitian Creole
hu Hungarian
hy Armenian
id Indonesian
is Icelandic
it Italian
ja Japanese
jw Javanese
ka Georgian
kk Kazakh
km Khmer
kn Kannada
ko Korean
la Latin
lb Luxembourgish
ln Lingala
lo Lao
lt Lithuanian
lv Latvian
mg Malagasy
mi Maori
mk Macedonian
ml Malayalam
mn Mongolian
mr Marathi
ms Malay
mt Maltese
my Burmese
ne Nepali
nl Dutch
nn Nynorsk
no Norwegian
oc Occitan
pa Punjabi
pl Polish
ps Pashto
pt Portuguese
ro Romanian
ru Russian
sa Sanskrit
sd Sindhi
si Sinhala
sk Slovak
sl Slovenian
sn Shona
so Somali
sq Albanian
sr Serbian
su Sundanese
sv Swedish
sw Swahili
ta Tamil
te Telugu
tg Tajik
th Thai
tk Turkmen
tl Tagalog
tr Turkish
tt Tatar
uk Ukrainian
ur Urdu
uz Uzbek
vi Vietnamese
yi Yiddish
yo Yoruba
yue Cantonese
zh Chinese
""".strip().splitlines()
}
"""Code → English name: every language that a backend here knows. Codes are those Whisper and Qwen3 use."""

UNSPACED = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})
"""Languages written without a space between words."""

_ALIASES = {
    "burmese": "my",
    "castilian": "es",
    "cmn": "zh",
    "farsi": "fa",
    "flemish": "nl",
    "haitian": "ht",
    "iw": "he",
    "jp": "ja",
    "jv": "jw",
    "kr": "ko",
    "mandarin": "zh",
    "moldavian": "ro",
    "moldovan": "ro",
    "myanmar": "my",
    "nb": "no",
    "panjabi": "pa",
    "pushto": "ps",
    "sinhalese": "si",
    "valencian": "ca",
}
_CODES = {name.lower(): code for code, name in NAMES.items()} | _ALIASES


def language_code(name: str) -> str:
    """The code for a code, an English name or a BCP 47 tag ("en", "English", "en-US", "zh_Hant").

    Raises:
        OptionError: no such language.
    """
    key = name.strip().lower()
    primary = key.replace("_", "-").split("-", 1)[0]
    for candidate in (key, primary):
        if candidate in NAMES:
            return candidate
        if candidate in _CODES:
            return _CODES[candidate]
    raise OptionError(
        f"unknown language {name!r}", hint="use a code or an English name, e.g. en, de, Japanese; or auto"
    )


def language_name(code: str | None) -> str:
    """The English name of a code; the code itself where it has none; "an unknown language" for None."""
    if code is None:
        return "an unknown language"
    return NAMES.get(code, code)


def is_spaced(code: str | None) -> bool:
    """Whether the language is written with spaces between words; an unknown one is taken to be."""
    return code not in UNSPACED


_SCRIPTS = (
    ("ja", 0x3041, 0x30FF),
    ("ko", 0xAC00, 0xD7A3),
    ("zh", 0x4E00, 0x9FFF),
    ("th", 0x0E00, 0x0E7F),
    ("lo", 0x0E80, 0x0EFF),
    ("my", 0x1000, 0x109F),
    ("ka", 0x10A0, 0x10FF),
    ("km", 0x1780, 0x17FF),
    ("el", 0x0370, 0x03FF),
    ("hy", 0x0530, 0x058F),
    ("he", 0x0590, 0x05FF),
)
"""Scripts that one language of ours owns."""

_IDEOGRAPH = 3  # letters of an alphabet that one takes to write
_KANA = 0.1  # share of kana from which a text in Han is Japanese


def script_language(text: str) -> str | None:
    """The language that most of a text's letters give away; None for scripts that many share."""
    if text.isascii():
        return None
    counts = Counter(_script(char) for char in text if char.isalpha())
    counts["zh"] *= _IDEOGRAPH
    if counts["ja"] >= _KANA * (counts["ja"] + counts["zh"] / _IDEOGRAPH) > 0:  # it is written in both
        counts["ja"] += counts.pop("zh")
    language, count = max(counts.items(), key=lambda item: item[1], default=(None, 0))
    return language if 2 * count > counts.total() else None


def _script(letter: str) -> str | None:
    return next((code for code, low, high in _SCRIPTS if low <= ord(letter) <= high), None)
