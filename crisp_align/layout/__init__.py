"""From words with times to cues: what a viewer reads at once, and when."""

from crisp_align.layout.layout import Layout, cues, lay_out, live_cues
from crisp_align.layout.profiles import (
    AUDIENCES,
    LanguageRules,
    default_profile,
    has_languages,
    profile_names,
    profile_rules,
)
from crisp_align.layout.reading_speed import ReadingSpeed
from crisp_align.layout.rules import Rules

__all__ = [
    "AUDIENCES",
    "LanguageRules",
    "Layout",
    "ReadingSpeed",
    "Rules",
    "cues",
    "default_profile",
    "has_languages",
    "lay_out",
    "live_cues",
    "profile_names",
    "profile_rules",
]
