"""Greedy decoding of RNN-T and TDT models from transformers, for clips of unequal length side by side.

The `generate` of transformers 5.23 goes on writing tokens for a clip that has ended while a longer one in the batch
has not, has no way out of a TDT token that takes no time and repeats for ever, and does not give probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Step", "greedy_steps"]


@dataclass(frozen=True, slots=True)
class Step:
    """One decision of the joint network."""

    token: int
    """The blank included."""
    frame: int
    """Encoder frame it was taken at."""
    frames: int
    """How far it moved on."""
    score: float
    """Probability of the token."""
    forced: bool = False
    """It moved on only because too many tokens had been written at one frame."""


def greedy_steps(model: Any, encoded: torch.Tensor, lengths: torch.Tensor) -> list[list[Step]]:
    """The likeliest token, and for TDT the likeliest duration, step by step until each clip is at its end.

    Args:
        model: ParakeetForRNNT or ParakeetForTDT.
        encoded: projected encoder frames, shape (clips, frames, hidden).
        lengths: valid frames of each clip.
    """
    import torch
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    config = model.config
    blank, size = config.blank_token_id, config.vocab_size
    durations = torch.tensor(getattr(config, "durations", ()), device=encoded.device)  # empty for RNN-T
    rows = torch.arange(len(encoded), device=encoded.device)
    frame, written = torch.zeros_like(rows), torch.zeros_like(rows)
    token = torch.full_like(rows, blank)
    active = frame < lengths
    cache, trace, scores = None, [], []
    while bool(active.any()):
        here = encoded[rows, frame.clamp(max=encoded.shape[1] - 1), None]
        output = model(
            decoder_input_ids=token[:, None],
            encoder_outputs=BaseModelOutputWithPooling(pooler_output=here),
            decoder_cache=cache,
            use_decoder_cache=True,
        )
        cache = output.decoder_cache
        logits = output.logits[:, -1, :].float()
        score, token = logits[:, :size].softmax(-1).max(-1)
        token = torch.where(active, token, blank)  # a finished clip keeps its state
        is_blank = token == blank
        moved = durations[logits[:, size:].argmax(-1)] if len(durations) else torch.zeros_like(rows)
        moved = torch.where(is_blank, moved.clamp(min=1), moved)
        written = torch.where(is_blank | (moved > 0), 0, written + 1)
        forced = written >= config.max_symbols_per_step
        moved, written = moved + forced, torch.where(forced, 0, written)
        trace.append(torch.stack([token, frame, moved, forced.long(), active.long()]))
        scores.append(score)
        frame = frame + torch.where(active, moved, 0)
        active = frame < lengths
    return _paths(torch.stack(trace, 1), torch.stack(scores)) if trace else [[] for _ in rows]


def _paths(trace: torch.Tensor, scores: torch.Tensor) -> list[list[Step]]:
    """Steps clip by clip from (token, frame, moved, forced, active) × steps × clips."""
    tokens, frames, moved, forced, active = trace.transpose(1, 2).tolist()
    likelihoods = scores.T.tolist()
    return [
        [
            Step(tokens[i][k], frames[i][k], moved[i][k], likelihoods[i][k], bool(forced[i][k]))
            for k, alive in enumerate(active[i])
            if alive
        ]
        for i in range(len(tokens))
    ]
