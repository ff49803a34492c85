"""Subtitles edited: pure functions that take a `SubtitleDocument` and return another one."""

from crisp_align.edit.fix import fix
from crisp_align.edit.sdh import strip_sdh
from crisp_align.edit.structure import cut, join, merge, renumber
from crisp_align.edit.timing import change_frame_rate, shift, stretch, through_points

__all__ = [
    "change_frame_rate",
    "cut",
    "fix",
    "join",
    "merge",
    "renumber",
    "shift",
    "stretch",
    "strip_sdh",
    "through_points",
]
