"""Text that a decoder repeats without end, cut back to one repetition."""

from __future__ import annotations

import re

__all__ = ["collapse_repeats"]

# Qwen3-ASR's clean-up begins at twenty, too; refrains and laughter stay well below.
_LOOP = re.compile(r"(.{1,60}?)\1{19,}", re.DOTALL)


def collapse_repeats(text: str) -> str:
    """`text` with every stretch of up to 60 characters that comes twenty times or more in a row left once."""
    return _LOOP.sub(r"\1", text)
