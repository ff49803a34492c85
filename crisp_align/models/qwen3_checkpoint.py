"""Qwen3-ForcedAligner and Qwen3-ASR checkpoints: which layout a folder holds, and loading either.

transformers reads the layout of the repositories that end in "-hf". The makers' own layout has the same tensors under
other names; transformers would take it without a word and fill in random weights. Here both load, and a tensor that
is missing or left over is an error.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from crisp_align.errors import ModelError
from crisp_align.models.devices import Placement, loading_error, place, require_torch, require_transformers

if TYPE_CHECKING:
    import torch

__all__ = ["Checkpoint", "Head", "Placement", "WordTokenizer", "inspect", "load_tokenizer", "load_weights", "place"]

Head: TypeAlias = Literal["aligner", "asr"]
"""aligner: 5000 time classes; asr: the text vocabulary."""

_RENAMES = {
    "aligner": {"thinker.lm_head.": "score."},
    "asr": {"thinker.lm_head.": "lm_head."},
}
_SHARED_RENAMES = {
    "thinker.audio_tower.proj1.": "model.multi_modal_projector.linear_1.",
    "thinker.audio_tower.proj2.": "model.multi_modal_projector.linear_2.",
    "thinker.audio_tower.": "model.audio_tower.",
    "thinker.model.": "model.language_model.",
}
_AUDIO_FIELDS = frozenset(
    {
        "activation_dropout", "activation_function", "attention_dropout", "d_model", "downsample_hidden_size",
        "dropout", "encoder_attention_heads", "encoder_ffn_dim", "encoder_layers", "initializer_range", "n_window",
        "n_window_infer", "num_mel_bins", "output_dim", "scale_embedding",
    }
)  # fmt: skip
_TEXT_FIELDS = frozenset(
    {
        "attention_bias", "attention_dropout", "head_dim", "hidden_act", "hidden_size", "initializer_range",
        "intermediate_size", "max_position_embeddings", "num_attention_heads", "num_hidden_layers",
        "num_key_value_heads", "rms_norm_eps", "tie_word_embeddings", "vocab_size",
    }
)  # fmt: skip
_TOP_FIELDS = ("timestamp_token_id", "pad_token_id", "eos_token_id")
_CHUNK_POSITIONS = 13  # encoder positions of one second: 100 mel frames through three convolutions of stride 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds."""

    path: Path
    layout: Literal["hf", "original"]
    head: Head
    config: dict[str, Any]
    """config.json as it is in the folder."""

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return sum(file.stat().st_size for file in self.path.glob("*.safetensors"))


def inspect(folder: Path, head: Head) -> Checkpoint:
    """Look at a folder's files, without loading weights.

    Raises:
        ModelError: it is not a Qwen3-ASR checkpoint, has the other head, or its weights are not safetensors.
    """
    subject = str(folder)
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"its config.json cannot be read ({error})", subject=subject) from error
    if not isinstance(config, dict) or config.get("model_type") != "qwen3_asr":
        kind = config.get("model_type") if isinstance(config, dict) else None
        raise ModelError(f"holds a model of type {kind!r}, not a Qwen3 {_noun(head)}", subject=subject)
    if "quantization" in config or "quantization_config" in config:
        raise ModelError("holds weights quantised for another engine", subject=subject, hint="use the bfloat16 weights")
    thinker = config.get("thinker_config")
    layout: Literal["hf", "original"] = "original" if isinstance(thinker, dict) else "hf"
    if isinstance(thinker, dict):
        held: Head = "aligner" if "classify_num" in thinker else "asr"
    else:
        held = "aligner" if "TokenClassification" in str(config.get("architectures")) else "asr"
    if held != head:
        raise ModelError(f"holds a Qwen3 {_noun(held)}, and a Qwen3 {_noun(head)} is needed", subject=subject)
    if not any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        raise ModelError("holds no weights as safetensors, the only kind that is read", subject=subject)
    return Checkpoint(folder, layout, head, config)


def load_weights(checkpoint: Checkpoint, placement: Placement) -> torch.nn.Module:
    """The transformers model of a checkpoint, in evaluation mode.

    Returns:
        Qwen3ASRForTokenClassification for an aligner, Qwen3ASRForConditionalGeneration for a recogniser.

    Raises:
        ModelError: tensors missing, left over, damaged or of another shape, or more than memory holds.
        MissingDependencyError: torch or transformers is not installed, or too old.
    """
    torch = require_torch("qwen")
    transformers = require_transformers("qwen", knows="Qwen3ASRForTokenClassification")
    auto = {"aligner": "AutoModelForTokenClassification", "asr": "AutoModelForMultimodalLM"}[checkpoint.head]
    native = {"aligner": "Qwen3ASRForTokenClassification", "asr": "Qwen3ASRForConditionalGeneration"}[checkpoint.head]
    changes: dict[str, Any] = {}
    if checkpoint.layout == "original":
        renames = _RENAMES[checkpoint.head] | _SHARED_RENAMES
        changes = {
            "config": _native_config(checkpoint),
            "key_mapping": {f"^{re.escape(theirs)}": ours for theirs, ours in renames.items()},
        }
    loader = getattr(transformers, auto if checkpoint.layout == "hf" and checkpoint.head == "aligner" else native)
    dtype = torch.float32 if placement.dtype == "int8" else getattr(torch, placement.dtype)
    try:
        with _quiet(transformers):
            model, report = loader.from_pretrained(
                checkpoint.path,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **changes,
            )
    except Exception as error:  # transformers, safetensors and torch each raise their own
        raise loading_error(error, checkpoint.path) from error
    _check_report(checkpoint, report)
    try:
        model = model.to(placement.device).eval()
        return _in_int8(model) if placement.dtype == "int8" else model
    except (MemoryError, RuntimeError) as error:
        trouble = loading_error(error, checkpoint.path)
    del model  # nor may the trouble keep it in memory, by the traceback of its cause
    raise trouble


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


def load_tokenizer(checkpoint: Checkpoint) -> WordTokenizer:
    """The tokenizer of a checkpoint.

    Raises:
        ModelError: its files are missing or damaged.
    """
    from transformers import AutoTokenizer

    try:
        return _TransformersTokenizer(
            AutoTokenizer.from_pretrained(checkpoint.path, local_files_only=True, trust_remote_code=False)
        )
    except Exception as error:  # transformers and tokenizers each raise their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"its tokenizer does not load ({reason})", subject=str(checkpoint.path)) from error


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No progress bar and no warnings of transformers' own while it loads."""
    logging = transformers.utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def _in_int8(model: torch.nn.Module) -> torch.nn.Module:
    """Linear layers in int8: weights a channel, activations a call."""
    torch = require_torch("qwen")
    quantize: Any = torch.ao.quantization.quantize_dynamic
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torchao, which is slower here, will take over from it
        return quantize(model, {torch.nn.Linear}, dtype=torch.qint8)  # type: ignore[no-any-return]


def _check_report(checkpoint: Checkpoint, report: dict[str, Any]) -> None:
    for kind, verb in (("missing_keys", "lacks"), ("unexpected_keys", "has left over"), ("mismatched_keys", "misfits")):
        names = sorted(str(name) for name in report.get(kind) or ())
        if names:
            raise ModelError(
                f"is not a whole Qwen3 {_noun(checkpoint.head)}: it {verb} {len(names)} tensors, such as {names[0]}",
                subject=str(checkpoint.path),
                hint="download it again",
            )


def _native_config(checkpoint: Checkpoint) -> Any:
    """The transformers configuration that says what the makers' config.json says.

    Raises:
        ModelError: a part is missing or has values that make no model.
    """
    transformers = require_transformers("qwen", knows="Qwen3ASRForTokenClassification")
    thinker = checkpoint.config["thinker_config"]
    try:
        audio = {key: value for key, value in thinker["audio_config"].items() if key in _AUDIO_FIELDS}
        text = {key: value for key, value in thinker["text_config"].items() if key in _TEXT_FIELDS}
        # All positions of a token are equal here, which makes the makers' three-part rotary embedding the plain one.
        rope = {"rope_type": "default", "rope_theta": thinker["text_config"].get("rope_theta", 1_000_000.0)}
        top = {key: checkpoint.config[key] for key in _TOP_FIELDS if key in checkpoint.config}
        config = transformers.Qwen3ASRConfig(
            audio_config=audio | {"max_position_embeddings": _CHUNK_POSITIONS},
            text_config=text | {"rope_parameters": rope},
            audio_token_id=thinker["audio_token_id"],
            tie_word_embeddings=bool(text.get("tie_word_embeddings", False)),
            **top,
        )
        if checkpoint.head == "aligner":
            config.num_labels = int(thinker["classify_num"])
    except Exception as error:  # missing keys here, transformers' own kinds of validation error there
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"its config.json describes no model ({reason})", subject=str(checkpoint.path)) from error
    return config


def _noun(head: Head) -> str:
    return "forced aligner" if head == "aligner" else "speech recogniser"
