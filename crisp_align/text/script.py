"""Chinese in one script: simplified (hans) or traditional (hant) characters, through OpenCC.

Models write either for the same speech, and mix both within a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from crisp_align.errors import MissingDependencyError
from crisp_align.transcript import Segment, Word

if TYPE_CHECKING:
    from opencc import OpenCC

__all__ = ["Script", "check_script", "in_script", "script_of"]

Script = Literal["auto", "hans", "hant"]
"""auto: the one that most of a file's text is in so far."""

_CHINESE = frozenset(("zh", "yue"))
_CONVERSIONS = {"hans": "t2s", "hant": "s2t"}


def check_script(script: Script) -> None:
    """Refuse a script that was asked for by name where OpenCC is missing.

    Raises:
        MissingDependencyError: it is.
    """
    if script != "auto" and find_spec("opencc") is None:
        raise MissingDependencyError("--script needs OpenCC", hint='pip install "crisp-align[asian]"')


def script_of(text: str) -> Literal["hans", "hant"] | None:
    """The script that more of the characters of a text belong to; None: it holds none that differ."""
    simplified = sum(one != other for one, other in zip(text, _converted(text, "hant"), strict=False))
    traditional = sum(one != other for one, other in zip(text, _converted(text, "hans"), strict=False))
    if simplified == traditional:
        return None
    return "hans" if simplified > traditional else "hant"


def in_script(segments: Sequence[Segment], script: Script, earlier: Sequence[Segment] = ()) -> tuple[Segment, ...]:
    """Segments with their Chinese in one script; times, and what is in other languages, stay as they are.

    Args:
        segments: as the models wrote them.
        script: to write.
        earlier: the segments before them, which decide what "auto" is.
    """
    if not any(segment.language in _CHINESE for segment in segments) or find_spec("opencc") is None:
        return tuple(segments)
    wanted = script_of(_chinese([*earlier, *segments])) if script == "auto" else script
    if wanted is None:
        return tuple(segments)
    return tuple(_rewritten(segment, wanted) if segment.language in _CHINESE else segment for segment in segments)


def _chinese(segments: Sequence[Segment]) -> str:
    return "".join(segment.text for segment in segments if segment.language in _CHINESE)


def _rewritten(segment: Segment, script: Literal["hans", "hant"]) -> Segment:
    text = _converted(segment.text, script)
    if len(text) == len(segment.text):  # characters are converted in the context of their words
        texts, at = list[str](), 0
        for word in segment.words:
            texts.append(text[at : at + len(word.text)])
            at += len(word.text)
    else:
        texts = [_converted(word.text, script) for word in segment.words]
    words: tuple[Word, ...] = tuple(replace(word, text=said) for word, said in zip(segment.words, texts, strict=True))
    return replace(segment, text="".join(texts), words=words)


def _converted(text: str, script: Literal["hans", "hant"]) -> str:
    converted: str = _converter(_CONVERSIONS[script]).convert(text)
    return converted


@lru_cache(maxsize=2)
def _converter(name: str) -> OpenCC:
    from opencc import OpenCC

    return OpenCC(name)
