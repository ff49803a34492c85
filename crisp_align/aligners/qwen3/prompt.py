"""The token ids that Qwen3-ForcedAligner reads: the audio's positions, then each word followed by two markers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crisp_align.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.models.qwen3_tokenizer import WordTokenizer

__all__ = [
    "CHUNK",
    "CHUNK_POSITIONS",
    "HOP",
    "SHORTEST",
    "Prompt",
    "PromptBuilder",
    "audio_positions",
    "estimate_tokens",
    "plain_word",
]

HOP = 160  # samples a mel frame
SHORTEST = 8000  # samples; shorter clips are padded with silence, as upstream does
CHUNK = 100  # mel frames that the convolutions see at once
CHUNK_POSITIONS = 13  # what three convolutions of stride 2 leave of a chunk

# By their role in the input.
_TOKENS = {"start": "<|audio_start|>", "audio": "<|audio_pad|>", "end": "<|audio_end|>", "marker": "<timestamp>"}


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """The input of one clip."""

    ids: NDArray[np.int64]
    """Token ids, shape (tokens,)."""
    markers: NDArray[np.int64]
    """Where the markers are in `ids`, shape (2 · words,)."""


class PromptBuilder:
    """Makes prompts with one model's tokenizer."""

    def __init__(self, tokenizer: WordTokenizer, subject: str, *, marker_id: int, audio_id: int) -> None:
        """Look up the special tokens.

        Args:
            tokenizer: the model's.
            subject: the model's path, for messages.
            marker_id: the id of the marker by the model's configuration.
            audio_id: the id of an audio position by the model's configuration.

        Raises:
            ModelError: the tokenizer lacks a token, or numbers the marker or the audio otherwise than the model.
        """
        known = tokenizer.vocabulary()
        absent = [token for token in _TOKENS.values() if token not in known]
        if absent:
            raise ModelError(f"its tokenizer has no {' and no '.join(absent)}: not a forced aligner's", subject=subject)
        ids = {role: int(known[token]) for role, token in _TOKENS.items()}
        if (ids["marker"], ids["audio"]) != (marker_id, audio_id):
            raise ModelError("its tokenizer belongs to another model", subject=subject)
        self._tokenizer = tokenizer
        self.start, self.audio, self.end, self.marker = ids["start"], ids["audio"], ids["end"], ids["marker"]

    def build(self, words: Sequence[str], positions: int) -> Prompt:
        """Make one clip's input.

        Args:
            words: what is spoken, at least one. One that spells out a marker or another special token is read without
                its "<".
            positions: of the audio encoder, see `audio_positions`.
        """
        ids = [self.start, *[self.audio] * positions, self.end]
        markers = []
        for pieces in self._tokenizer.word_ids([plain_word(word) for word in words]):
            ids += [*pieces, self.marker, self.marker]
            markers += [len(ids) - 2, len(ids) - 1]
        return Prompt(np.array(ids), np.array(markers))


def plain_word(word: str) -> str:
    """The word without what could spell out a special token; a hyphen where nothing is left."""
    return word.replace("<", "") or "-"


def audio_positions(frames: int) -> int:
    """Positions that the audio encoder makes of that many mel frames: 13 a second."""
    rest = frames % CHUNK
    for _ in range(3):
        rest = (rest + 1) // 2
    return frames // CHUNK * CHUNK_POSITIONS + rest


def estimate_tokens(duration: float, words: int) -> int:
    """About how many tokens a clip of `duration` s with that many words takes."""
    return int(duration * CHUNK_POSITIONS) + words * 4 + 2
