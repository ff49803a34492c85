"""Batched generation in which each clip has its own limit, so that its text does not hang on its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Rows", "row_limits"]


def row_limits(limits: Sequence[int], prompt: int) -> Any:
    """A stopping criterion of transformers: a row is done when it has as many new tokens as its limit.

    Args:
        limits: new tokens a row.
        prompt: tokens that every row begins with.
    """
    import torch
    from transformers import StoppingCriteria

    class RowLimits(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
            del scores, kwargs
            return torch.tensor([input_ids.shape[1] - prompt >= most for most in limits], device=input_ids.device)

    return RowLimits()


@dataclass(frozen=True, slots=True)
class Rows:
    """What was generated for each clip."""

    generated: list[list[int]]
    """New tokens, with whatever fills a row up after its end."""
    limits: Sequence[int]
    end: int | Sequence[int]
    """The token, or tokens, that end a text."""

    @property
    def tokens(self) -> list[list[int]]:
        """Tokens of each row before its end, or up to its limit."""
        return [row[: self._length(row, most)] for row, most in zip(self.generated, self.limits, strict=True)]

    @property
    def ended(self) -> list[bool]:
        """Whether each row came to an end before its limit."""
        return [self._length(row, most) < most for row, most in zip(self.generated, self.limits, strict=True)]

    def _length(self, row: list[int], most: int) -> int:
        ends = {self.end} if isinstance(self.end, int) else set(self.end)
        return next((i for i, token in enumerate(row[:most]) if token in ends), most)
