"""Rules by name, or from a TOML file."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from crisp_align.errors import OptionError
from crisp_align.layout.rules import Rules

__all__ = ["AUDIENCES", "LanguageRules", "default_profile", "has_languages", "profile_names", "profile_rules"]

AUDIENCES = ("adults", "children", "sdh", "sdh-children")
"""Whom subtitles are for; SDH: the deaf and hard of hearing."""

_BY_LANGUAGE = {"en": "netflix-en", "ja": "netflix-ja", "ko": "netflix-ko", "zh": "netflix-zh", "yue": "netflix-zh"}


@dataclass(frozen=True, slots=True)
class LanguageRules(Rules):
    """The rules of the profile for the language that is laid out, but for the fields named in `given`.

    Raises:
        OptionError: what is given contradicts the profile of some language.
    """

    given: frozenset[str] = frozenset()
    """Names of fields whose value here stands whatever the language."""
    profile: str | None = None
    """The built-in profile whose rules for the language are meant; None: Netflix's profile for the language."""
    audience: str = "adults"
    """One of `AUDIENCES`, whose reading speed is meant."""

    def __post_init__(self) -> None:
        Rules.__post_init__(self)
        for language in (None, "de", *_BY_LANGUAGE) if self.given or self.profile or self.audience != "adults" else ():
            self.of(language)

    def of(self, language: str | None) -> Rules:
        """The rules for text in `language`."""
        kept = {name: getattr(self, name) for name in self.given}
        return replace(profile_rules(self.profile or default_profile(language), language, self.audience), **kept)


def default_profile(language: str | None) -> str:
    """The profile for a language: Netflix's rules for it; those for English where it is unknown."""
    return _BY_LANGUAGE.get(language or "en", "netflix")


def profile_names() -> dict[str, str]:
    """Name → one line about it, of every built-in profile."""
    return {name: str(table["title"]) for name, table in _built_in().items()}


def profile_rules(profile: str, language: str | None = None, audience: str = "adults") -> Rules:
    """The rules of a built-in profile, or of a TOML file that holds one.

    A file holds fields of `Rules` at its top level, and `base`, the name of the profile that it changes, if any.

    Args:
        profile: a name, or the path of a file that ends in .toml.
        language: whose own numbers are meant, where the profile has any.
        audience: one of `AUDIENCES`.

    Raises:
        OptionError: no such profile; or the file cannot be read, or sets what there is not; or the profile says nothing
            of the audience.
    """
    if profile in _built_in():
        return _rules(_table(profile, language, audience), Rules(), profile)
    if audience != "adults":
        raise OptionError(
            f"a profile of one's own says nothing of {audience}", subject=profile, hint="set max_cps in it"
        )
    if not profile.lower().endswith(".toml"):
        raise OptionError(f"no profile is called {profile!r}", hint=f"{', '.join(_built_in())}, or a .toml file")
    table = _read(profile)
    base = table.pop("base", None)
    if base is not None and base not in _built_in():
        raise OptionError(f"its base {base!r} is no profile", subject=profile, hint=f"one of {', '.join(_built_in())}")
    return _rules(table, profile_rules(str(base)) if base else Rules(), profile)


@cache
def _built_in_rules(profile: str, language: str | None, audience: str) -> Rules:
    return _rules(_table(profile, language, audience), Rules(), profile)


def _table(profile: str, language: str | None, audience: str) -> dict[str, object]:
    """What a built-in profile sets for a language and an audience."""
    table: dict[str, Any] = dict(_built_in()[profile])
    audiences = table.pop("audiences", {})
    own_numbers = dict(table.pop("languages", {}).get(language, {}))
    audiences = {**audiences, **own_numbers.pop("audiences", {})}
    table |= own_numbers
    if audience != "adults":
        if audience not in audiences:
            known = ", ".join(audiences) or "none"
            raise OptionError(f"the profile {profile} says nothing of {audience}", hint=f"what it knows: {known}")
        table["max_cps"] = audiences[audience]
    return table


def has_languages(profile: str) -> bool:
    """Whether a built-in profile has numbers of their own for some languages."""
    return "languages" in _built_in().get(profile, {})


def _read(path: str | os.PathLike[str]) -> dict[str, object]:
    name = os.fsdecode(path)
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"not TOML: {error}", subject=name) from error
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise OptionError(f"cannot be read as a profile: {reason.lower()}", subject=name) from error


def _rules(table: dict[str, object], base: Rules, name: str) -> Rules:
    values: dict[str, float | bool | str] = {field.name: getattr(base, field.name) for field in fields(Rules)}
    for key, value in table.items():
        if key == "title":
            continue
        if key not in values:
            raise OptionError(f"sets {key!r}, which is no rule", subject=name, hint=f"rules: {', '.join(values)}")
        values[key] = _typed(key, value, values[key], name)
    try:
        return Rules(**values)  # type: ignore[arg-type]  # each has the type of its default
    except OptionError as error:
        raise OptionError(error.what, subject=name, hint=error.hint) from error


def _typed(key: str, value: object, default: float | bool | str, name: str) -> float | bool | str:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise OptionError(f"{key} must be true or false", subject=name)
    if isinstance(default, str):
        if isinstance(value, str):
            return value
        raise OptionError(f"{key} must be text", subject=name)
    if isinstance(value, bool) or not isinstance(value, int | float) or (type(default) is int and type(value) is float):
        kind = "a whole number" if type(default) is int else "a number"
        raise OptionError(f"{key} must be {kind}", subject=name)
    return type(default)(value)


@cache
def _built_in() -> dict[str, dict[str, object]]:
    return tomllib.loads(files("crisp_align.layout").joinpath("profiles.toml").read_text(encoding="utf-8"))
