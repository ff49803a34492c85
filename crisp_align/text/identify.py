"""Which language a text is in, where nothing but the text shows it."""

from __future__ import annotations

from functools import cache
from typing import Any

from crisp_align.languages import NAMES

__all__ = ["identify", "language_of_words"]

# Of py3langid's probability, over the first words of sentences in 24 European languages that it had not seen: at 0.7
# and above 99.4 % are right from three words on; from 0.5 on, 96.5 %; all together, 88 %.
_SURE = 0.7
_LIKELY = 0.5
_MIN_LETTERS = 40  # letters; fewer may be those of many languages
_ENOUGH = 1000  # characters; from there on py3langid's probabilities lose by rounding what they gain by text


def identify(text: str, languages: frozenset[str] | None = None) -> tuple[str | None, bool]:
    """The language of a text, and whether that is sure.

    Args:
        text: any length; a few words mostly suffice.
        languages: codes to choose from; None: all there are.

    Returns:
        A code of `crisp_align.languages` or None where the text shows none, and whether to rely on it.
    """
    language, probability = _identifier(languages).classify(text[:_ENOUGH])
    if probability < _LIKELY:
        return None, False
    return str(language), bool(probability >= _SURE)


def language_of_words(text: str) -> str | None:
    """The language that a text of some length is surely in."""
    if sum(map(str.isalpha, text)) < _MIN_LETTERS:
        return None
    language, sure = identify(text)
    return language if sure else None


@cache
def _identifier(languages: frozenset[str] | None) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(set(identifier.labels) & (languages or NAMES.keys()))
    return identifier
