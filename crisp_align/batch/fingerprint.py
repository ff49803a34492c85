"""What decides a result, as a digest: a record in the journal counts as long as its digest is the same.

Values are taken by the names of their fields, and a field at its default is left out. So records outlive a release that
adds fields, moves or renames classes, or changes nothing that matters; one that does change words, times or outputs
for the same options raises a version below.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from crisp_align.aligners import aligner_profiles
from crisp_align.backends import backend_class, backend_profiles
from crisp_align.batch.naming import Output
from crisp_align.batch.options import OutputLayout
from crisp_align.errors import CrispAlignError, ModelError
from crisp_align.formats.encodings import read_bytes
from crisp_align.languages import NAMES
from crisp_align.layout import LanguageRules, default_profile, profile_rules
from crisp_align.models.catalogue import Family
from crisp_align.models.store import best_local
from crisp_align.sync.given import GivenText

if TYPE_CHECKING:
    from crisp_align.pipeline.pipeline import Settings

__all__ = ["fingerprint", "layout_fingerprint", "outputs_fingerprint", "settings_fingerprint"]

WORDS_VERSION = 1
"""Raised by a release whose words or times differ for the same settings."""
OUTPUTS_VERSION = 1
"""Raised by a release whose layout or formats differ for the same transcript."""
# Where and when a model runs does not change its words.
_WITHOUT_EFFECT = frozenset({"threads", "device", "offline", "compile", "sequential"})


def fingerprint(**values: object) -> str:
    """Digest of named values: dataclasses, strings, numbers, None, and sets, tuples, lists and dicts of such.

    Fields without effect on words (threads, device, offline, compile, sequential) are left out.
    """
    text = json.dumps(_plain(values), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        shown = {}
        for field in fields(value):
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            if field.name not in _WITHOUT_EFFECT and (current := getattr(value, field.name)) != default:
                plain = _plain(current)
                if plain != {} or not is_dataclass(current):  # it differs in fields without effect only
                    shown[field.name] = plain
        return shown
    if isinstance(value, dict):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(entry) for entry in value), key=repr)  # no two processes share the order of a set
    if callable(value):  # a stage; its repr would hold an address
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def settings_fingerprint(settings: Settings) -> str:
    """Digest of what decides the words of a file and their times."""
    return fingerprint(version=WORDS_VERSION, settings=settings, auto=_resolve_auto(settings))


def layout_fingerprint(layout: OutputLayout) -> str:
    """Digest of what decides how a transcript is laid out and written."""
    by_language = isinstance(layout.rules, LanguageRules)
    profiles = sorted({default_profile(language) for language in (None, *NAMES)}) if by_language else []
    return fingerprint(
        version=OUTPUTS_VERSION,
        rules=layout.rules,
        profiles={name: profile_rules(name) for name in profiles},
        style=layout.style,
    )


def outputs_fingerprint(layout: str, outputs: Sequence[Output], text: GivenText | None = None) -> str:
    """Digest of what more decides the outputs of a file: `layout_fingerprint`, formats and names, a text to time."""
    places = [(output.format, output.address, output.parts[1::2]) for output in outputs]
    if text is None:
        return fingerprint(layout=layout, places=places)
    try:
        content = hashlib.sha256(read_bytes(text.source) if text.content is None else text.content).hexdigest()
    except CrispAlignError:  # whoever times it will report it
        content = ""
    return fingerprint(layout=layout, places=places, text=replace(text, content=None), content=content)


def _resolve_auto(settings: Settings) -> list[object]:
    """What "auto" stands for here and now: a model that is fetched between two runs must not finish another's file."""
    aligners = aligner_profiles()
    families = [profile.family for profile in aligners.values()]
    try:
        backend = backend_class(settings.backend.name, settings.backend.model)
    except CrispAlignError:  # whoever loads it will report it
        return [*aligners]
    if settings.backend.model == "auto":
        families.append(backend.profile.family)
    if any(profile.shares_backend_model for profile in aligners.values()):  # or loads a model that came bundled
        families += [profile.family for profile in backend_profiles().values() if profile.bundled_by]
    known = dict.fromkeys(family for family in families if family is not None)
    return [backend.name, *aligners, *((family, _best(family)) for family in known)]


def _best(family: Family) -> str | None:
    try:
        return best_local(family)
    except ModelError:  # whoever loads it will report it
        return None
