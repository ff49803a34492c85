"""Pre-tokenization: a text cut into units that each get a time, without losing a character of it.

What a unit says (`Unit.spoken`) is what Qwen3-ForcedAligner was trained on: letters, numbers and apostrophes; one
unit a Han character; Japanese by nagisa's words; Korean and everything else by white space. What it shows
(`Unit.text`) is the stretch of the original text around it, white space and punctuation included.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from crisp_align.languages import script_language
from crisp_align.text.marks import DASHES, opening_note
from crisp_align.transcript import Unit

__all__ = ["SPLITTER_LANGUAGES", "UnitMode", "dictionary_notice", "needs_dictionary", "split_units"]

UnitMode: TypeAlias = Literal["word", "char"]

SPLITTER_LANGUAGES = frozenset({"de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru", "yue", "zh"})
"""Codes of the languages Qwen3-ForcedAligner was trained on; their spoken forms follow its own splitter."""

# Ideographs that upstream makes a unit each. 々 〆 〇 are not among them.
_HAN = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
# What `char` mode adds: iteration marks, kana, bopomofo, Hangul syllables and jamo, half-width forms, Ext F and later.
_CJK = (
    *_HAN,
    (0x1100, 0x11FF),
    (0x3005, 0x3007),
    (0x3041, 0x318E),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0xA960, 0xA97C),
    (0xAC00, 0xD7FB),
    (0xFF66, 0xFF9D),
    (0xFFA0, 0xFFDC),
    (0x1AFF0, 0x1B16F),
    (0x2CEB0, 0x2EE5D),
    (0x30000, 0x323AF),
)
# Thai, Lao, Myanmar, Khmer: scripts without spaces whose words only a dictionary finds.
_DICTIONARY_SCRIPTS = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F))
_DICTIONARY_LANGUAGES = frozenset({"km", "lo", "my", "th"})
_LEADING_VOWELS = frozenset("เแโใไເແໂໃໄ")  # written before the consonant they follow in speech
_STACKERS = frozenset("\u1039\u17d2")  # put the next consonant under this one
_TSHEG = "\u0f0b"  # ends a Tibetan syllable
_HALF_WIDTH_SOUND_MARKS = frozenset("\uff9e\uff9f")  # half-width kana compose with them in NFKC only
_OPENING = frozenset("¿¡")
_TURN = re.compile(
    rf"[.!?…؟—-][\"'”’»)\]]*(?=\s{{1,9}}[{DASHES}]\s{{1,9}}\W{{0,9}}$)"
)  # then a dash, before another speaker's words


_NEEDS_DICTIONARY = re.compile(f"[{''.join(f'{chr(low)}-{chr(high)}' for low, high in _DICTIONARY_SCRIPTS)}]")


def needs_dictionary(text: str) -> bool:
    """Whether `text` holds Thai, Lao, Khmer or Burmese, whose words only a dictionary finds."""
    return bool(_NEEDS_DICTIONARY.search(text))


def dictionary_notice(text: str) -> str | None:
    """What to install where `text` needs a dictionary and there is none; None: nothing is missing."""
    if not needs_dictionary(text) or importlib.util.find_spec("icu4py"):
        return None
    return 'no dictionary for Thai, Lao, Khmer and Burmese: words are guessed; pip install "crisp-align[asian]"'


@dataclass(frozen=True, slots=True)
class _Normal:
    """A normalised text that knows where each of its characters came from."""

    text: str
    starts: list[int]
    """For each character of `text`, where in the source the piece it came from begins."""
    ends: list[int]
    """And where that piece ends."""


_Token: TypeAlias = tuple[int, int]
"""A stretch [i, j) of a `_Normal.text`."""


def split_units(text: str, language: str | None, mode: UnitMode = "word") -> list[Unit]:
    """Cut `text` into units.

    The texts of the units concatenate to `text`, whatever the string. White space, opening punctuation and the dash of
    another speaker belong to the unit after them, all else that is not spoken to the unit before.

    The spoken forms are, in the languages of `SPLITTER_LANGUAGES` and for None, those of the model's own splitter, with
    two differences: the text is NFC-normalised first, so that a combining mark is kept where a composed letter
    exists, and ’ counts as '. One source character is never divided: ㍿, which nagisa reads as the two words 株式
    and 会社, is one unit that says 株式会社. In other languages combining marks are spoken too, Tibetan is cut at its
    syllable mark, and Thai, Lao, Khmer and Burmese into the words of ICU's dictionaries (the package icu4py);
    without it, into syllable-like clusters. Japanese without the package nagisa is cut as in mode "char".

    Args:
        text: any string.
        language: a code as in `crisp_align.languages`, or None: white space and Han characters decide.
        mode: "char" makes every Han, kana, bopomofo and Hangul character a unit of its own.

    Returns:
        The units; empty if nothing in `text` can be spoken (it is empty, or all space, punctuation and symbols): the
        caller then keeps the text with its neighbour, or drops it.
    """
    if language is None and (of_script := script_language(text)) in _DICTIONARY_LANGUAGES:
        language = of_script
    japanese = _japanese_words(text) if mode == "word" and language == "ja" else None
    if japanese is not None:
        normal, tokens = japanese
    else:
        mode = "char" if language == "ja" else mode
        normal = _normalise(text, "NFC")
        tokens = list(_plain_tokens(normal.text, language, mode))
    marks = language is not None and language not in SPLITTER_LANGUAGES
    return _attach(text, _cores(normal, tokens, marks))


def _among(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    code = ord(char)
    return any(low <= code <= high for low, high in ranges)


def _is_spoken(char: str) -> bool:
    # Every ideograph is a letter (Lo), unassigned ones in a Han block excepted: upstream keeps those as well.
    return char == "'" or unicodedata.category(char)[0] in "LN" or _among(char, _HAN)


def _normalise(text: str, form: Literal["NFC", "NFKC"]) -> _Normal:
    text = text.replace("’", "'")
    if unicodedata.is_normalized(form, text):
        return _Normal(text, list(range(len(text))), list(range(1, len(text) + 1)))
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    begin = 0
    for end in _composition_ends(text, form):
        piece = unicodedata.normalize(form, text[begin:end])
        chars.append(piece)
        starts.extend([begin] * len(piece))
        ends.extend([end] * len(piece))
        begin = end
    return _Normal("".join(chars), starts, ends)


def _composition_ends(text: str, form: Literal["NFC", "NFKC"]) -> Iterator[int]:
    """Ends of the shortest pieces of `text` that normalise independently of one another."""
    begin = 0
    normal = unicodedata.normalize(form, text[:1])
    for position in range(1, len(text)):
        char = text[position]
        alone = unicodedata.normalize(form, char)
        if unicodedata.combining(alone[:1] or char) or unicodedata.combining(char):
            continue  # a combining mark never starts a piece
        if position - begin > 1:
            normal = unicodedata.normalize(form, text[begin:position])
        if unicodedata.normalize(form, text[begin : position + 1]) == normal + alone:
            yield position
            begin, normal = position, alone
    if text:
        yield len(text)


def _plain_tokens(text: str, language: str | None, mode: UnitMode) -> Iterator[_Token]:
    """Words between white space; a Han character (in "char" mode every CJK one) alone, except in Korean words."""
    singles = _CJK if mode == "char" else () if language == "ko" else _HAN
    others = language not in SPLITTER_LANGUAGES
    begin = 0
    for position, char in enumerate(text):
        if position < begin:
            continue
        if char.isspace() or (others and char == _TSHEG):
            yield from _words((begin, position), text, language)
            begin = position + 1
        elif singles and _among(char, singles):
            yield from _words((begin, position), text, language)
            begin = position + 1
            if mode == "char" and text[begin : begin + 1] in _HALF_WIDTH_SOUND_MARKS:
                begin += 1
            yield position, begin
    yield from _words((begin, len(text)), text, language)


def _words(token: _Token, text: str, language: str | None) -> Iterator[_Token]:
    """The token itself, or its words where its script writes them together."""
    begin, end = token
    if begin == end:
        return
    divides = language in _DICTIONARY_LANGUAGES or (language is not None and language not in SPLITTER_LANGUAGES)
    if not divides or not any(_among(char, _DICTIONARY_SCRIPTS) for char in text[begin:end]):
        yield token
        return
    try:
        breakers: Any = importlib.import_module("icu4py.breakers")
    except ImportError:
        yield from _clusters(token, text)
        return
    piece = text[begin:end].encode("utf-8", "replace").decode("utf-8")  # ICU takes no lone surrogates
    position = begin
    for word in breakers.WordBreaker(piece, language):
        yield position, position + len(word)
        position += len(word)


def _clusters(token: _Token, text: str) -> Iterator[_Token]:
    """A consonant with its vowels, tones and stacked consonants; runs of other scripts whole."""
    begin, end = token
    start = begin
    for position in range(begin + 1, end):
        before, char = text[position - 1], text[position]
        ours = _among(char, _DICTIONARY_SCRIPTS)
        if not ours and not _among(before, _DICTIONARY_SCRIPTS):
            continue
        if unicodedata.category(char)[0] == "M" or before in _LEADING_VOWELS or before in _STACKERS:
            continue
        yield start, position
        start = position
    yield start, end


def _japanese_words(text: str) -> tuple[_Normal, list[_Token]] | None:
    """Words as nagisa finds them; None where it is not installed or what it returns cannot be traced back."""
    try:
        nagisa: Any = importlib.import_module("nagisa")
    except ImportError:
        return None
    left = len(text) - len(text.lstrip())
    source = text.strip().replace("’", "'")
    normal = _normalise(source, "NFKC")
    # nagisa composes as NFKC does, then writes İ as I and a space as U+3000: one character for one.
    rewritten = normal.text.replace("İ", "I").replace(" ", "\u3000")
    words: list[str] = nagisa.tagging(source).words if source else []
    if not rewritten.startswith("".join(words)):
        return None
    tokens: list[_Token] = []
    begin = 0
    for word in words:
        tokens.append((begin, begin + len(word)))
        begin += len(word)
    return _Normal(rewritten, [left + start for start in normal.starts], [left + end for end in normal.ends]), tokens


@dataclass(frozen=True, slots=True)
class _Core:
    """The stretch of the source that a unit speaks."""

    start: int
    end: int
    spoken: str


def _cores(normal: _Normal, tokens: Iterable[_Token], marks: bool) -> list[_Core]:
    cores: list[_Core] = []
    for begin, end in tokens:
        kept = [i for i in range(begin, end) if _is_spoken(normal.text[i])]
        if not kept:
            continue
        if marks:
            kept = [
                i
                for i in range(kept[0], end)
                if _is_spoken(normal.text[i]) or unicodedata.category(normal.text[i])[0] == "M"
            ]
        core = _Core(normal.starts[kept[0]], normal.ends[kept[-1]], "".join(normal.text[i] for i in kept))
        if cores and core.start < cores[-1].end:  # both come from one source character
            core = _Core(cores[-1].start, core.end, cores.pop().spoken + core.spoken)
        cores.append(core)
    return cores


def _attach(text: str, cores: list[_Core]) -> list[Unit]:
    cuts = [0, *(_cut(text, left.end, right.start) for left, right in itertools.pairwise(cores)), len(text)]
    return [Unit(text[cuts[i] : cuts[i + 1]], core.spoken) for i, core in enumerate(cores)]


def _cut(text: str, begin: int, end: int) -> int:
    """Where, between two spoken stretches, the first unit stops and the second begins."""
    gap = text[begin:end]
    if (note := opening_note(text, begin, end)) is not None and text[note - 1 : note].isspace():
        end = note
        while text[end - 1 : end].isspace() and end > begin:
            end -= 1
        return end
    if not any(char.isspace() for char in gap):
        position = end
        while position > begin and _opens(text[position - 1]):
            position -= 1
        return position
    if "\n" in gap:  # a dash or bracket that begins a line belongs to the line
        position = begin + gap.rindex("\n")
    elif turn := _TURN.search(gap):
        position = begin + turn.end()
    else:
        position = end
        while not text[position - 1].isspace():
            position -= 1
        while position > begin and (text[position - 1].isspace() or _opens(text[position - 1])):
            position -= 1
    # Of a piece such as ?!« the walk took only the opening end; the space between pieces goes with what follows.
    while position > begin and text[position - 1].isspace():
        position -= 1
    return position


def _opens(char: str) -> bool:
    return char in _OPENING or unicodedata.category(char) in ("Ps", "Pi", "Sc")
