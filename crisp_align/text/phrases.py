"""The phrases of Chinese, Japanese and Thai, and how they and those of Korean hold together."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, Literal, TypeAlias

__all__ = ["Bond", "bond_in_phrase", "japanese_bond", "korean_bond", "phrase_starts"]

Bond: TypeAlias = Literal["fast", "close", "plain", "loose"]
"""How two phrases hold together: as if one, as what qualifies does with what is qualified, as any two do, or less."""

_PARSERS = {"ja": "japanese", "zh": "simplified_chinese", "yue": "traditional_chinese", "th": "thai"}
_DICTIONARY = frozenset({"th", "yue", "zh"})  # whose words ICU's dictionary finds better than BudouX
_TRADITIONAL = re.compile("[們這個來時為說國會對過學後點開關門間問聽讓還進運動電車書長東風飛馬魚鳥龍]")
_KANJI = re.compile("[\u3400-\u9fff々\uf900-\ufaff]")
_KATAKANA = re.compile("[ァ-ヺー]")

# Nouns without a meaning of their own, auxiliaries and compound particles: they lean on the phrase before.
_LEANING = re.compile(
    r"(?:い(?:る|た|て|ます|ました|ない|なかった|ません)|い(?:う|った|って|い|えば)|[云言]う|あ(?:る|り|った|って|れば|ります|りません|ろう)"
    r"|な(?:い|く|かった|る|って|った|り|ります|りません)|す(?:る|れば)|し(?:て|た|ない|ます|ました|まう|まった|まい|よう|ている|ていた)"
    r"|く(?:る|れる|れた|ださい)|お(?:く|いて|ける)|み(?:る|た|て)|つい|よ(?:る|り|って|う)|対して?|関して?|関する"
    r"|ため|為|こと|事|もの|物|者|ところ|所|とき|時|頃|ふう|わけ|訳|はず|つもり|まま|ほう|方|の|だけ|ほど|くらい|ぐらい|まで|でしょう|だろう|です)"
    r"(?:[はがをにへとでもやのねよかなぞさらばりしたてきまいう]{0,4})"
)
_QUALIFYING = re.compile(r"(?:.*[のな]|[こそあどか]の|[こそあど]んな|同じ|ある|いわゆる|あらゆる|大きな|小さな)")
_ATTRIBUTIVE = re.compile(r".*[ぁ-ん一-鿿](?:[るたいむぶぐぬすつくうだ]|ない)")
_LINKING = re.compile(r".*(?:[てで]|ば|から|ので|のに|けど|けれど|けれども|たら|なら|ながら|つつ|たり|ても|でも|は)")

_KOREAN_QUALIFYING = re.compile(r".+(?:의|와|과|한|할|적인|던|[하되있없]는)")
_KOREAN_LINKING = re.compile(r".+(?:고|며|면서|아서|어서|해서|면|니까|으니|므로|지만|는데|도록|거나|어도|아도|라도)")


@lru_cache(maxsize=4)
def phrase_starts(text: str, language: str | None) -> dict[int, str] | None:
    """Where in `text` each phrase begins, and the phrase; None for languages whose phrases spaces show.

    BudouX finds them. In Chinese and Thai none begins inside a word of ICU's dictionary, where the package icu4py is
    installed.
    """
    if language not in _PARSERS:
        return None
    name = _PARSERS[language]
    if name == "simplified_chinese" and _TRADITIONAL.search(text):
        name = "traditional_chinese"
    words = _words(text, language) if language in _DICTIONARY else None
    starts: dict[int, str] = {}
    begin = offset = 0
    for piece in _parser(name).parse(text):
        apart = (words is None or offset in words) and not starts.get(begin, "-").isspace()
        if apart or not starts:
            begin = offset
            starts[begin] = piece
        else:
            starts[begin] += piece
        offset += len(piece)
    return starts


def japanese_bond(left: str, right: str) -> Bond:
    """How two Japanese phrases, without punctuation around them, hold together."""
    if _LEANING.fullmatch(right):
        return "fast"
    if _QUALIFYING.fullmatch(left):
        return "close"
    if _LINKING.fullmatch(left):
        return "loose"
    noun = _KANJI.match(right) or _KATAKANA.match(right)
    return "close" if noun and _ATTRIBUTIVE.fullmatch(left) else "plain"


def korean_bond(left: str) -> Bond:
    """How a Korean phrase, without punctuation around it, holds to the next."""
    return "loose" if _KOREAN_LINKING.fullmatch(left) else "close" if _KOREAN_QUALIFYING.fullmatch(left) else "plain"


def bond_in_phrase(before: str, after: str) -> Bond:
    """How two neighbouring characters of one phrase hold together: least where hiragana ends."""
    if "ぁ" <= before <= "ん" and (_KANJI.match(after) or _KATAKANA.match(after)):
        return "loose"
    same = any(kind.match(before) and kind.match(after) for kind in (_KANJI, _KATAKANA))
    return "fast" if same or (before.isascii() and after.isascii()) else "plain"


def _words(text: str, language: str) -> frozenset[int] | None:
    try:
        breakers: Any = importlib.import_module("icu4py.breakers")
    except ImportError:
        return None
    pieces: Iterator[str] = breakers.WordBreaker(text.encode("utf-8", "replace").decode("utf-8"), language)
    starts, offset = {0}, 0
    for piece in pieces:
        offset += len(piece)
        starts.add(offset)
    return frozenset(starts)


@cache
def _parser(name: str) -> Any:
    import budoux

    return getattr(budoux, f"load_default_{name}_parser")()
