"""What runs the network of Qwen3-ForcedAligner: clips and their words in, scores of the time classes out.

The aligner knows nothing of how the scores come about: on torch, in ggml, in MLX or on a server. An engine is one
small class in a file of its own next to this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["CLASSES", "CLASS_S", "EngineFailure", "MarkerEngine", "MarkerLogits", "SpokenClip"]

CLASS_S = 0.08
"""Seconds a time class stands for."""

CLASSES = 5000
"""Time classes of the published model: 400 s."""

MarkerLogits: TypeAlias = NDArray[np.float32]
"""float32, shape (2 · units, classes): for the start and the end of each unit the unnormalised log-probability of each
time class."""


@dataclass(frozen=True, slots=True, eq=False)
class SpokenClip:
    """What an engine is given of one clip."""

    samples: Samples
    """float32, shape (n,), 16 kHz mono, in [-1, 1]."""
    words: tuple[str, ...]
    """What is spoken, a word a unit; at least one, none empty."""
    classes: int | None = None
    """Only that many of the first time classes are wanted; None: all."""


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """Why an engine has no logits for a clip."""

    reason: str
    """A clause whose subject is the aligner, e.g. "gets no answer from the server"."""
    splittable: bool = False
    """Whether the halves of the clip may fare better, as they do where memory ran out."""


class MarkerEngine(Protocol):
    """A loaded network, wherever it runs."""

    name: ClassVar[str]
    """As typed after --align-runtime."""

    def marker_logits(self, clips: Sequence[SpokenClip]) -> Iterator[tuple[int, MarkerLogits | EngineFailure]]:
        """Run the network over clips.

        Returns:
            For each clip once, in any order, its position in `clips` and its logits, or why there are none.
        """
        ...
