"""Where a sentence ends."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["sentence_ends"]

# Closing quotes and brackets may follow the full stop, in French after a space; in German “ and « close.
_ENDER = "[.!?…。．！？｡؟۔।॥။።‼⁇⁈⁉]"
_ENDS = re.compile(rf"(?<!{_ENDER}){_ENDER}++(?:\s?[\"'”’“‘»›«‹)\]}}」』】〉》）］｝])*+\s*$")
_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "jr",
        "sr",
        "vs",
        "etc",
        "gen",
        "col",
        "lt",
        "sgt",
        "capt",
        "rev",
        "hon",
        "gov",
        "sen",
        "rep",
        "pres",
        "inc",
        "ltd",
        "co",
        "corp",
        "al",
        "approx",
        "dept",
        "jan",
        "feb",
        "apr",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "tue",
        "thu",
        "fri",
        "hr",
        "fr",
        "frau",
        "bzw",
        "ca",
        "usw",
        "z.b",
        "d.h",
        "u.a",
        "m",
        "mme",
        "mlle",
        "sra",
        "srta",
        "e.g",
        "i.e",
        "a.m",
        "p.m",
        "u.s",
        "u.k",
        "ph.d",
    ]
)
_BEFORE_NUMBERS = frozenset({"no", "nos", "nr", "vol", "fig", "p", "pp", "art"})
_ORDINALS = frozenset(
    ["bs", "cs", "da", "de", "et", "fi", "fo", "hr", "hu", "is", "lv", "nn", "no", "pl", "sk", "sl", "sr", "tr"]
)
"""Languages that write 3rd as 3."""
_ORDINAL = re.compile(r"\d{1,2}\.")
_CLOSING = "\"'”’“‘»›«‹"
_OPENING = "\"'“‘„‚«‹»›”([{「『【〈《（［｛¿¡"


def sentence_ends(texts: Sequence[str], language: str | None = None) -> list[bool]:
    """Whether each unit's display text closes a sentence; the last one always does.

    A full stop does not close one after an abbreviation or an initial ("Dr. Smith", "J. F. Kennedy"), after a number
    of one or two digits where the language writes ordinals so ("am 3. Oktober"), nor where a lower-case word follows;
    no mark does inside a quote that one follows ("Why?" he asked).
    """
    ordinals = language in _ORDINALS
    return [
        _closes(text, texts[i + 1] if i + 1 < len(texts) else None, ordinals=ordinals) for i, text in enumerate(texts)
    ]


def _closes(text: str, following: str | None, *, ordinals: bool) -> bool:
    if following is None:
        return True
    if not _ENDS.search(text):
        return False
    stripped = text.strip().lstrip(_OPENING)
    head = following.strip().lstrip(_OPENING)
    if re.search(r"[!?。．！？｡؟۔।॥။।‼⁇⁈⁉]", stripped):
        return not (stripped[-1] in _CLOSING and head[:1].islower())
    bare = stripped.rstrip(f"{_CLOSING})]}} \u00a0\u202f")
    core = bare.rstrip(".…").lower()
    if bare.endswith(".") and (core in _ABBREVIATIONS or _is_initial(core)):
        return False
    if ordinals and _ORDINAL.fullmatch(bare):
        return False
    if core in _BEFORE_NUMBERS and head[:1].isdigit():
        return False
    return not head[:1].islower()


def _is_initial(core: str) -> bool:
    return len(core) == 1 and core.isalpha() and core not in "iao"
