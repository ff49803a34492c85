"""Qwen3-ForcedAligner and Qwen3-ASR checkpoints: which layout a folder holds, and loading either.

transformers reads the layout of the repositories that end in "-hf". The makers' own layout has the same tensors under
other names; transformers would take it without a word and fill in random weights. GGUF files and folders that MLX
tools have packed are unpacked tensor by tensor. Here all load into the same network, and a tensor that is missing or
left over is an error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from crisp_align.errors import ModelError
from crisp_align.models.devices import (
    DeviceChoice,
    choose_device,
    loading_error,
    quiet,
    require_torch,
    require_transformers,
)
from crisp_align.models.gguf import GgufFile, read_gguf
from crisp_align.models.mlx_weights import unpack_mlx
from crisp_align.models.qwen3_gguf import Head, gguf_config, gguf_head, gguf_tensors
from crisp_align.models.safetensors_file import RawTensor, read_headers
from crisp_align.models.weight_loading import empty_network, fill_network, in_int8

if TYPE_CHECKING:
    import torch

__all__ = [
    "Checkpoint",
    "DeviceChoice",
    "Head",
    "Layout",
    "choose_device",
    "inspect",
    "load_weights",
    "thinker_config",
]


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
_TIED = {"lm_head.weight": "model.language_model.embed_tokens.weight"}
_WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json")
_TOP_FIELDS = ("timestamp_token_id", "pad_token_id", "eos_token_id")
_CHUNK_POSITIONS = 13  # encoder positions of one second: 100 mel frames through three convolutions of stride 2


Layout: TypeAlias = Literal["hf", "original", "mlx", "gguf"]
"""transformers'; the makers'; what MLX tools write; CrispASR's GGUF."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder or a file holds."""

    path: Path
    """A folder, or a GGUF file."""
    layout: Layout
    head: Head
    config: dict[str, Any]
    """config.json as it is in the folder; empty for a GGUF file, which has its own metadata."""
    tensors: Mapping[str, RawTensor] = field(default_factory=dict, repr=False)
    """Of a folder: what its safetensors files hold."""
    gguf: GgufFile | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Number of weights."""
        if self.gguf is not None:
            return sum(tensor.size for tensor in self.gguf.tensors.values())
        per_word = 32 // _least_bits(self.config) if self.is_quantized else 1
        return sum(
            math.prod(tensor.shape) * (per_word if tensor.kind == "U32" else 1) for tensor in self.tensors.values()
        )

    @property
    def is_quantized(self) -> bool:
        """Whether its matrices are kept in 8 bits or fewer."""
        if self.gguf is not None:
            return any(tensor.quantized for tensor in self.gguf.tensors.values())
        return any(tensor.kind == "U32" for tensor in self.tensors.values())


def inspect(path: Path, head: Head) -> Checkpoint:
    """Look at a folder's files or at a GGUF file, without loading weights.

    Raises:
        ModelError: it is not a Qwen3-ASR checkpoint, has the other head, is damaged, or its weights are neither
            safetensors nor GGUF.
    """
    if path.is_file():
        file = read_gguf(path)
        checkpoint = Checkpoint(path, "gguf", gguf_head(file), {}, gguf=file)
    else:
        config = _read_config(path, head)
        held = _head_of(config)
        if held == head and not any((path / name).is_file() for name in _WEIGHT_FILES):
            raise ModelError("holds no weights as safetensors, the only kind that is read", subject=str(path))
        tensors = read_headers(path) if held == head else {}
        checkpoint = Checkpoint(path, _layout_of(config, tensors), held, config, tensors)
    if checkpoint.head != head:
        raise ModelError(
            f"holds a Qwen3 {_noun(checkpoint.head)}, and a Qwen3 {_noun(head)} is needed", subject=str(path)
        )
    return checkpoint


def _read_config(folder: Path, head: Head) -> dict[str, Any]:
    subject = str(folder)
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"its config.json cannot be read ({error})", subject=subject) from error
    if not isinstance(config, dict) or config.get("model_type") not in ("qwen3_asr", "qwen3_forced_aligner"):
        kind = config.get("model_type") if isinstance(config, dict) else None
        raise ModelError(f"holds a model of type {kind!r}, not a Qwen3 {_noun(head)}", subject=subject)
    if "quantization_config" in config and "quantization" not in config:
        raise ModelError(
            "holds weights quantised for another engine",
            subject=subject,
            hint="use the bfloat16 weights, a GGUF file, or a folder that MLX tools have packed",
        )
    return config


def _head_of(config: dict[str, Any]) -> Head:
    thinker = thinker_config(config)
    marks = f"{config.get('model_type')} {thinker.get('model_type')}"
    if "classify_num" in thinker or "forced_aligner" in marks:
        return "aligner"
    return "aligner" if "TokenClassification" in str(config.get("architectures")) else "asr"


def thinker_config(config: dict[str, Any]) -> dict[str, Any]:
    """The part of the makers' configuration that describes the network; some tools leave out the level around it."""
    thinker = config.get("thinker_config")
    return thinker if isinstance(thinker, dict) else config


def _layout_of(config: dict[str, Any], tensors: Mapping[str, RawTensor]) -> Layout:
    packed = any(name.endswith(".scales") or tensor.kind == "U32" for name, tensor in tensors.items())
    if packed or "quantization" in config or any(name.startswith("audio_tower.") for name in tensors):
        return "mlx"
    return "original" if isinstance(config.get("thinker_config"), dict) else "hf"


def _least_bits(config: dict[str, Any]) -> int:
    """Bits of a packed weight, as far as the configuration says; only for an estimate of memory."""
    quantization = config.get("quantization")
    bits = quantization.get("bits") if isinstance(quantization, dict) else None
    return bits if bits in (2, 4, 8) else 4


def load_weights(checkpoint: Checkpoint, placement: DeviceChoice) -> torch.nn.Module:
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
    if checkpoint.layout in ("gguf", "mlx"):
        return _load_unpacked(checkpoint, placement, getattr(transformers, native))
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
        with quiet(transformers):
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
        return in_int8(model) if placement.dtype == "int8" else model  # type: ignore[no-any-return]
    except (MemoryError, RuntimeError) as error:
        trouble = loading_error(error, checkpoint.path)
    del model  # nor may the trouble keep it in memory, by the traceback of its cause
    raise trouble


def _load_unpacked(checkpoint: Checkpoint, placement: DeviceChoice, kind: Any) -> torch.nn.Module:
    """A network filled from a GGUF file or from what MLX tools have packed."""
    if checkpoint.gguf is not None:
        config = gguf_config(checkpoint.gguf, checkpoint.head)
        tensors = gguf_tensors(checkpoint.gguf, checkpoint.head)
    else:
        config = _native_config(checkpoint)
    try:
        network = empty_network(lambda: kind(config))
    except Exception as error:  # dimensions that make no network
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"describes no network ({reason[:200]})", subject=str(checkpoint.path)) from error
    if checkpoint.gguf is None:
        shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        renamed = {_from_mlx(name, checkpoint.head): tensor for name, tensor in checkpoint.tensors.items()}
        tensors = unpack_mlx(renamed, shapes)
    tied = {} if checkpoint.head == "aligner" or "lm_head.weight" in tensors else dict(_TIED)
    try:
        return fill_network(network, tensors, placement, checkpoint.path, tied=tied)
    except (MemoryError, RuntimeError) as error:
        trouble = loading_error(error, checkpoint.path)
    del network, tensors
    raise trouble


def _from_mlx(name: str, head: Head) -> str:
    """The name that transformers has for a tensor of the makers', with or without their prefix."""
    whole = name if name.startswith("thinker.") else f"thinker.{name}"
    for theirs, ours in (_RENAMES[head] | _SHARED_RENAMES).items():
        if whole.startswith(theirs):
            return ours + whole.removeprefix(theirs)
    return name


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
    thinker = thinker_config(checkpoint.config)
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
            config.num_labels = int(thinker.get("classify_num", 5000))
    except Exception as error:  # missing keys here, transformers' own kinds of validation error there
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"its config.json describes no model ({reason})", subject=str(checkpoint.path)) from error
    return config


def _noun(head: Head) -> str:
    return "forced aligner" if head == "aligner" else "speech recogniser"
