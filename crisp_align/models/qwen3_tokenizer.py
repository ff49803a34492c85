"""The tokenizer of a Qwen3-ForcedAligner or Qwen3-ASR, whatever kind of file it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from crisp_align.errors import ModelError
from crisp_align.models.devices import quiet, require_transformers
from crisp_align.models.qwen3_gguf import gguf_tokenizer

if TYPE_CHECKING:
    from crisp_align.models.qwen3_checkpoint import Checkpoint

__all__ = ["WordTokenizer", "load_tokenizer", "transformers_tokenizer"]

_AUDIO_TOKENS = {
    "audio_token": "<|audio_pad|>",
    "audio_bos_token": "<|audio_start|>",
    "audio_eos_token": "<|audio_end|>",
}
_END_TOKENS = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}


class WordTokenizer(Protocol):
    """A tokenizer that was loaded from any kind of file."""

    def vocabulary(self) -> Mapping[str, int]:
        """Token ids by their text, special tokens included."""
        ...

    def word_ids(self, words: Sequence[str]) -> list[list[int]]:
        """Token ids of each word by itself, without special tokens around it."""
        ...


class _TransformersTokenizer:
    """A tokenizer that transformers loaded."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def vocabulary(self) -> Mapping[str, int]:
        return self._tokenizer.get_vocab()  # type: ignore[no-any-return]

    def word_ids(self, words: Sequence[str]) -> list[list[int]]:
        return list(self._tokenizer(list(words), add_special_tokens=False, return_attention_mask=False)["input_ids"])


class _PlainTokenizer:
    """A tokenizer of the library tokenizers."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def vocabulary(self) -> Mapping[str, int]:
        return self._tokenizer.get_vocab()  # type: ignore[no-any-return]

    def word_ids(self, words: Sequence[str]) -> list[list[int]]:
        return [encoded.ids for encoded in self._tokenizer.encode_batch(list(words), add_special_tokens=False)]


def load_tokenizer(checkpoint: Checkpoint) -> WordTokenizer:
    """The tokenizer of a checkpoint.

    Raises:
        ModelError: its files are missing or damaged.
    """
    if checkpoint.gguf is not None:
        return _PlainTokenizer(gguf_tokenizer(checkpoint.gguf))
    return _TransformersTokenizer(transformers_tokenizer(checkpoint))


def transformers_tokenizer(checkpoint: Checkpoint) -> Any:
    """The tokenizer of a checkpoint, as transformers' processors expect it.

    Raises:
        ModelError: its files are missing or damaged.
        MissingDependencyError: transformers is not installed.
    """
    transformers = require_transformers("qwen", knows="AutoTokenizer")
    try:
        with quiet(transformers):
            if checkpoint.gguf is not None:
                return transformers.Qwen2TokenizerFast(
                    tokenizer_object=gguf_tokenizer(checkpoint.gguf),
                    extra_special_tokens=dict(_AUDIO_TOKENS),
                    **_END_TOKENS,
                )
            return transformers.AutoTokenizer.from_pretrained(
                checkpoint.path, local_files_only=True, trust_remote_code=False
            )
    except ModelError:
        raise
    except Exception as error:  # transformers and tokenizers each raise their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"its tokenizer does not load ({reason})", subject=str(checkpoint.path)) from error
