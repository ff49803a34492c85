"""From words with times to cues: what a viewer reads at once, and when."""

from crisp_align.layout.layout import Layout, cues, lay_out, live_cues
from crisp_align.layout.profiles import LanguageRules, default_profile, profile_names, profile_rules
from crisp_align.layout.reading_speed import ReadingSpeed
from crisp_align.layout.rules import Rules

__all__ = [
    "LanguageRules",
    "Layout",
    "ReadingSpeed",
    "Rules",
    "cues",
    "default_profile",
    "lay_out",
    "live_cues",
    "profile_names",
    "profile_rules",
]
