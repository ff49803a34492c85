"""Text that a decoder repeats without end, cut back to one round."""

from __future__ import annotations

import re

__all__ = ["cut_loops"]

# Twenty is where Qwen3-ASR's own clean-up begins; refrains and laughter stay well below.
_LOOP = re.compile(r"(.{1,60}?)\1{19,}", re.DOTALL)


def cut_loops(text: str) -> str:
    """`text` with every stretch of up to 60 characters that comes twenty times or more in a row left once."""
    return _LOOP.sub(r"\1", text)
