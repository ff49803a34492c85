"""Where a line may break, where it must not, and where it reads best."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files

from crisp_align.languages import is_spaced
from crisp_align.text.marks import DASHES, OPENERS
from crisp_align.text.phrases import Bond, bond_in_phrase, japanese_bond, korean_bond, phrase_starts
from crisp_align.text.sentences import sentence_ends
from crisp_align.text.width import columns

__all__ = [
    "BAD",
    "BOUND",
    "BRACKETED",
    "CLAUSE",
    "FORBIDDEN",
    "IN_PHRASE",
    "NEUTRAL",
    "SENTENCE",
    "SPACE",
    "break_costs",
    "extends",
    "kinsoku_end",
    "kinsoku_start",
    "speaker_dashes",
    "unbreakable",
    "word_starts",
]

# What it costs to break between two words; the layout weighs these against its other costs.
SENTENCE = -30.0  # after a sentence
CLAUSE = -12.0  # after a comma, colon, dash
OPENING = 2.0  # before a conjunction or preposition
SPACE = -4.0  # at a space, where words are written without
NEUTRAL = 10.0
BRACKETED = 8.0  # added inside quotes or brackets
BOUND = 24.0  # auxiliary or pronoun | verb, adjective | noun
BAD = 30.0  # article | noun, first | last name, number | unit, noun | postposition
IN_PHRASE = 240.0  # inside a phrase of Chinese, Japanese or Thai, which only one longer than a line gives reason for
FORBIDDEN = 400.0  # kinsoku; inside a word

_JOINERS = frozenset("\u200d\u2060\ufeff\u00a0\u202f\u2007")
_CLOSERS = "\"'”’“‘»›«‹)]}」』】〉》〕）］｝"
_OPENERS = f"\"'{OPENERS}"
_DASH = re.compile(rf"\s*[{DASHES}]")
_TURN = re.compile(rf"\s*[{DASHES}]\s?[{re.escape(_OPENERS)}♪]*[^\W\d_]")
_BROKEN_OFF = re.compile(rf"(?:[-–—…]|\.\.)[{re.escape(_CLOSERS)}]*\s*$")
_CLAUSE = re.compile(rf"(?:[,;:，；：、،؛·]|[—–-]){'[' + re.escape(_CLOSERS) + ']*'}$")
_NO_LINE_START = frozenset(
    "、。，．・：；？！,.:;?!…‥゛゜ヽヾゝゞ々〻ー–~〜～%％‰℃°"
    "」』】〉》〕）］｝〙〗\u201d\u2019)]}»›ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿｧｨｩｪｫｬｭｮｯｰฯๆ។៕"
)
_LET_BE = frozenset("-–~～….‥・")
_CLINGING = (_NO_LINE_START | frozenset("”’»›")) - _LET_BE
_OPENING_ALONE = frozenset("«‹“‘„‚([{¿¡")
_NO_LINE_END = frozenset("「『【〈《〔（［｛〘〖“‘([{«‹¿¡＄$￥¥£€#＃")
_ALWAYS_OPEN = frozenset("「『【〈《〔（［｛〘〖([{")
_OPEN_AFTER_WIDE = frozenset("“‘")  # close what „ and ‚ open where letters are narrow
_BRACKETS_OPEN, _BRACKETS_CLOSE = frozenset("([{「『【〈《〔（［｛"), frozenset(")]}」』】〉》〕）］｝")
_QUOTES = frozenset('"“”„«»‹›')
_NUMBER = re.compile(r"[^\w]*\d[\d.,:/ ]*")
_NUMERAL = re.compile(r"[第约約]?[\d一二三四五六七八九十百千万萬亿億两兩几幾]+")
_BONDS: dict[Bond, float] = {"fast": BAD, "close": NEUTRAL + 8, "plain": NEUTRAL, "loose": OPENING + 2}


def unbreakable(left: str, right: str, *, spaced: bool = False) -> bool:
    """Whether nothing may come between `left` and `right`, the texts of two neighbouring words.

    So it is where `right` is blank, a grapheme cluster runs across, a no-break space or joiner stands there, a mark
    stands alone behind a space, as in « fais ? », though it closes what is before it or opens what is after, or, with
    `spaced`, where there is no white space between two letters of a script that is written with it.
    """
    if not right.strip() or extends(left, right):
        return True
    if not left:
        return False
    before, after = left[-1], right[0]
    shown = left.strip()
    if after.isspace() and (_CLINGING.issuperset(right.strip()) or (shown and _OPENING_ALONE.issuperset(shown))):
        return True
    return spaced and _inside_word(before, after)


def extends(left: str, right: str) -> bool:
    """Whether a grapheme cluster, or a joiner, runs from `left` into `right`."""
    if not left or not right:
        return False
    return left[-1] in _JOINERS or right[0] in _JOINERS or unicodedata.category(right[0])[0] == "M"


def kinsoku_start(above: str, line: str) -> bool:
    """Whether kinsoku forbids `line` to follow `above`, which ends with a wide character; dashes and dots are let be.

    They begin the words of a second speaker, or what goes on from the cue before.
    """
    first = line.strip()[:1]
    return first in _NO_LINE_START - _LET_BE and bool(above.strip()) and columns(above.strip()[-1]) == 2


def speaker_dashes(texts: Sequence[str], closes: Sequence[bool]) -> list[bool]:
    """Whether each text begins what another speaker says: with a dash, after a sentence or speech that breaks off.

    Args:
        texts: of words in a row.
        closes: whether each closes a sentence.
    """
    found: list[bool] = []
    for number, text in enumerate(texts):
        begins = number == 0 or closes[number - 1] or bool(_BROKEN_OFF.search(texts[number - 1]))
        if begins and _DASH.fullmatch(text.rstrip()):
            text += "".join(texts[number + 1 : number + 2])
        found.append(begins and bool(_TURN.match(text)))
    return found


def kinsoku_end(line: str) -> bool:
    """Whether `line` ends with an opening bracket or quote, which belongs to what follows."""
    shown = line.strip()
    wide = columns(shown[-2:-1]) == 2
    return len(shown) > 1 and (shown[-1] in _ALWAYS_OPEN or (wide and shown[-1] in _OPEN_AFTER_WIDE))


def break_costs(texts: Sequence[str], language: str | None) -> list[float]:
    """What a break before each text costs; the first costs nothing.

    Args:
        texts: of words in a row, lossless: they join to what was said.
        language: code; None: unknown.
    """
    ends = sentence_ends(texts, language)
    phrases = _phrase_costs(tuple(texts), language)
    binding = _function_words().get(language or "", {})
    spaced = is_spaced(language)
    cores = [_core(text) for text in texts]
    begun = speaker_dashes(texts, ends)
    costs = [0.0]
    depth = _depth_after(texts[0], 0) if texts else 0
    for number in range(1, len(texts)):
        left, right = texts[number - 1], texts[number]
        if _is_forbidden(left, right) or (begun[number - 1] and _DASH.fullmatch(left.rstrip())):
            cost = FORBIDDEN
        elif begun[number] or ends[number - 1]:
            cost = SENTENCE
        elif _CLAUSE.search(left.rstrip()):
            cost = CLAUSE
        elif phrases is not None:
            cost = phrases[number] if number in phrases else _cost_in_phrase(left, right)
        elif spaced and _inside_word(left[-1:], right[:1]):
            cost = FORBIDDEN
        else:
            cost = _word_cost(cores[number - 1], cores[number], left, binding, first=number == 1 or ends[number - 2])
            if not spaced and (left[-1:].isspace() or right[:1].isspace()):
                cost = min(cost, SPACE)
            elif language == "ko" and cost == NEUTRAL:
                cost = _BONDS[korean_bond(cores[number - 1])]
        costs.append(cost + (BRACKETED if depth > 0 and SENTENCE < cost < FORBIDDEN / 2 else 0.0))
        depth = _depth_after(right, depth)
    return costs if texts else []


def _core(text: str) -> str:
    return text.strip().strip(_OPENERS + _CLOSERS + ".,;:!?…、。，．！？：；")


def _word_cost(left: str, right: str, shown: str, binding: dict[str, frozenset[str]], *, first: bool) -> float:
    before, after = left.lower().replace("’", "'"), right.lower().replace("’", "'")
    none: frozenset[str] = frozenset()
    shared = _function_words()["*"]
    if _NUMBER.fullmatch(left) and (after in shared["unit"] or right[:1].isdigit()):
        return BAD
    if before in shared["title"] and (right[:1].isupper() or shown.rstrip()[-1:] == "."):
        return BAD
    if before in binding.get("article", none) or before in binding.get("preposition", none):
        return BAD
    if left[:1].isupper() and right[:1].isupper() and not first and before not in binding.get("auxiliary", none):
        return BAD  # first | last name
    if before in binding.get("conjunction", none):
        return BAD - 5
    if after in binding.get("enclitic", none):
        return BAD
    if before in binding.get("auxiliary", none) or before in binding.get("bound", none):
        return BOUND
    if after in binding.get("conjunction", none):
        return OPENING
    if after in binding.get("preposition", none):
        return OPENING + 2
    return NEUTRAL


def _is_forbidden(left: str, right: str) -> bool:
    before, after = left.rstrip()[-1:], right.lstrip()[:1]
    closes = before in _CLOSERS and right[:1].isspace() and any(char.isalnum() for char in left)  # „so“, »so«
    if before in _NO_LINE_END and before and not left[-1:].isspace() and not closes:
        return True
    return bool(after) and after in _NO_LINE_START and not right[:1].isspace() and not left[-1:].isspace()


def _inside_word(before: str, after: str) -> bool:
    if not before or not after or before.isspace() or after.isspace():
        return False
    return all("\uac00" <= char <= "\ud7a3" or columns(char) < 2 for char in (before, after))


def _depth_after(text: str, depth: int) -> int:
    letters = [place for place, char in enumerate(text) if char.isalnum()]
    for place, char in enumerate(text):
        # Languages differ in which quotes open and which close: „so“, »so«, ”so”. Their place decides.
        before, behind = bool(letters) and place < letters[0], bool(letters) and place > letters[-1]
        if char in _BRACKETS_OPEN or (char in _QUOTES and (before or (char in "“„«‹" and not behind))):
            depth += 1
        elif char in _BRACKETS_CLOSE or (char in _QUOTES and (behind or char in "”»›")):
            depth -= 1
    # An unbalanced bracket binds a sentence at most.
    return 0 if depth < 0 or text.rstrip()[-1:] in ".!?。！？" else depth


def word_starts(texts: Sequence[str], language: str | None) -> list[bool]:
    """Whether each text begins what a reader takes for a word; in Chinese, Japanese and Thai, for a phrase.

    What leans on the phrase before or after it is not one of its own.
    """
    phrases = _phrase_costs(tuple(texts), language)
    if phrases is not None:
        return [phrases.get(number, BAD) < BAD and bool(text.strip()) for number, text in enumerate(texts)]
    return [
        any(map(str.isalnum, text)) and (number == 0 or not _inside_word(texts[number - 1][-1:], text[:1]))
        for number, text in enumerate(texts)
    ]


@cache
def _function_words() -> dict[str, dict[str, frozenset[str]]]:
    table: dict[str, dict[str, frozenset[str]]] = {}
    for line in files("crisp_align.text").joinpath("function_words.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            language, kind, *words = line.split()
            table.setdefault(language, {})[kind] = frozenset(words)
    return table


@lru_cache(maxsize=4)
def _phrase_costs(texts: tuple[str, ...], language: str | None) -> dict[int, float] | None:
    """What a break costs before each of the texts that begin a phrase; None for languages whose phrases spaces show."""
    starts = phrase_starts("".join(texts), language)
    if starts is None:
        return None
    binding = _function_words().get("zh" if language == "yue" else str(language), {})
    costs: dict[int, float] = {}
    left, offset = "", 0
    for number, text in enumerate(texts):
        right = starts.get(offset)
        if right is not None or text[:1].isspace():
            costs[number] = _phrase_cost(left, right or text, binding, language)
        left, offset = right or left, offset + len(text)
    return costs


def _phrase_cost(left: str, right: str, binding: dict[str, frozenset[str]], language: str | None) -> float:
    before, after = _core(left), _core(right)
    if left[-1:].isspace() or right[:1].isspace():
        # A name in Latin letters ("iPhone 15 Pro"), or a number and what it counts ("50,000 บาท").
        joined = before[-1:].isalnum() and before[-1:].isascii() and after[:1].isalnum()
        return BAD if joined and (after[:1].isascii() or _NUMBER.fullmatch(before)) else SPACE
    if language == "ja":
        return _BONDS[japanese_bond(before, after)]
    if _NUMERAL.fullmatch(before):
        return BAD
    return _word_cost(before, after, left, binding, first=True)


def _cost_in_phrase(left: str, right: str) -> float:
    last = _core(right)
    if len(last) == 1 and last != right.strip():  # one character and a mark would be left over
        return IN_PHRASE + BAD
    return IN_PHRASE + _BONDS[bond_in_phrase(left[-1:], right[:1])]
