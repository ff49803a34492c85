r"""Praat's spellings of characters beyond ASCII: a backslash and two characters, as in `caf\e'`."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["escape", "unescape"]

_MARKS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "v": "\u030c", ",": "\u0327"}
_ACCENTED = {
    "`": "aeiouAEIOU", "'": "aeiouyAEIOUYcnszCNSZ", "^": "aeiouAEIOU", "~": "anoANO", '"': "aeiouyAEIOUY",
    "v": "cnrszCNRSZ", ",": "csCS",
}  # fmt: skip
_SIGNS = {
    "ss": "ß", "ae": "æ", "Ae": "Æ", "o/": "ø", "O/": "Ø", "ao": "å", "Ao": "Å", "oe": "œ", "Oe": "Œ", "th": "θ",
    "dh": "ð", "Dh": "Ð", "!d": "¡", "?d": "¿", "bs": "\\", "bu": "•", "co": "©", "re": "®", "ct": "ɔ", "sh": "ʃ",
    "zh": "ʒ", "ng": "ŋ", "sw": "ə", "ep": "ɛ", "as": "ɑ", "ic": "ɪ", "hs": "ʊ", "vt": "ʌ", "gs": "ʔ", ":f": "ː",
}  # fmt: skip
_CHARACTERS = _SIGNS | {
    base + mark: unicodedata.normalize("NFC", base + _MARKS[mark])
    for mark, bases in _ACCENTED.items()
    for base in bases
}
_ESCAPE = re.compile(r"\\(..)", re.DOTALL)


def unescape(label: str) -> str:
    """`label` with characters for the spellings in it; what is none stays as it is."""
    if "\\" not in label:
        return label
    return _ESCAPE.sub(lambda match: _CHARACTERS.get(match.group(1), match.group()), label)


def escape(label: str) -> str:
    """`label` so that `unescape` gives it back: as it is, its backslashes spelt out where one begins a spelling."""
    return label.replace("\\", "\\bs") if unescape(label) != label else label
