"""GGUF files of Qwen3 checkpoints, written as CrispASR's converter lays them out, and whatever else tests ask for."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisp_align.aligners.qwen3.mel import _filters

TYPES = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14,
    "BF16": 30,
}  # fmt: skip
BLOCKS = {"F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22),
          "Q5_1": (32, 24), "Q8_0": (32, 34), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210)}  # fmt: skip
ALIGNMENT = 32


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    """As torch orders it."""
    kind: int
    data: bytes


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def typed(value: Any) -> bytes:
    """A metadata value with its type in front."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))


def gguf_bytes(metadata: Mapping[str, Any], tensors: Iterable[Tensor], version: int = 3) -> bytes:
    """A whole file."""
    tensors = list(tensors)
    head = [b"GGUF", struct.pack("<IQQ", version, len(tensors), len(metadata))]
    head += [text(key) + typed(value) for key, value in metadata.items()]
    offset, body = 0, []
    for tensor in tensors:
        head.append(text(tensor.name) + struct.pack("<I", len(tensor.shape)))
        head.append(struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape)))
        head.append(struct.pack("<IQ", tensor.kind, offset))
        padded = tensor.data + bytes(-len(tensor.data) % ALIGNMENT)
        body.append(padded)
        offset += len(padded)
    start = b"".join(head)
    return start + bytes(-len(start) % ALIGNMENT) + b"".join(body)


def encode(values: NDArray[np.float32], kind: str) -> bytes:
    """Weights in one of ggml's formats; the K formats by ggml's own library, out of the wheel `crispasr`."""
    if kind.endswith("_K"):
        return _by_ggml(values, kind)
    import gguf

    return gguf.quants.quantize(values, gguf.GGMLQuantizationType[kind]).tobytes()


def ggml_library() -> Path | None:
    """ggml's library out of the wheel, if that is installed."""
    from importlib.util import find_spec

    spec = find_spec("crispasr")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.rglob("libggml-base*.so*"), None)


def _by_ggml(values: NDArray[np.float32], kind: str) -> bytes:
    library = ggml_library()
    assert library is not None
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    rows, columns = values.shape
    weights, size = BLOCKS[kind]
    out = np.empty(rows * columns // weights * size, np.uint8)
    source = np.ascontiguousarray(values)
    ggml.ggml_quantize_chunk(
        TYPES[kind],
        source.ctypes.data_as(ctypes.c_void_p),
        out.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(0),
        ctypes.c_int64(rows),
        ctypes.c_int64(columns),
        None,
    )
    return out.tobytes()


NAMES = (
    ("model.audio_tower.conv2d", "audio.conv."),
    ("model.audio_tower.conv_out.", "audio.conv_out."),
    ("model.audio_tower.ln_post.", "audio.ln_post."),
    ("model.multi_modal_projector.linear_1.", "audio.proj1."),
    ("model.multi_modal_projector.linear_2.", "audio.proj2."),
    ("model.audio_tower.layers.", "audio.blk."),
    ("model.language_model.layers.", "blk."),
    ("model.language_model.embed_tokens.", "token_embd."),
    ("model.language_model.norm.", "output_norm."),
    ("score.", "output."),
    ("lm_head.", "output."),
)
PARTS = (
    ("self_attn_layer_norm.", "attn_norm."), ("final_layer_norm.", "ffn_norm."), ("input_layernorm.", "attn_norm."),
    ("post_attention_layernorm.", "ffn_norm."), ("self_attn.q_proj.", "attn_q."), ("self_attn.k_proj.", "attn_k."),
    ("self_attn.v_proj.", "attn_v."), ("self_attn.out_proj.", "attn_out."), ("self_attn.o_proj.", "attn_output."),
    ("self_attn.q_norm.", "attn_q_norm."), ("self_attn.k_norm.", "attn_k_norm."), ("fc1.", "ffn_up."),
    ("fc2.", "ffn_down."), ("mlp.gate_proj.", "ffn_gate."), ("mlp.up_proj.", "ffn_up."),
    ("mlp.down_proj.", "ffn_down."),
)  # fmt: skip


def gguf_name(name: str) -> str:
    theirs, ours = next(pair for pair in NAMES if name.startswith(pair[0]))
    rest = name.removeprefix(theirs)
    for part, short in PARTS:
        rest = rest.replace(part, short)
    return ours + rest


def kind_for(name: str, shape: tuple[int, ...], kind: str) -> str:
    """As CrispASR's quantiser chooses: 2-D weights but norms; Q4_0 where rows are no whole blocks of 256."""
    if len(shape) == 1:
        return "F32"
    if kind in ("F32", "F16", "BF16"):
        return kind
    if len(shape) != 2 or "norm" in name or shape[-1] % 32:
        return "F16"
    return "Q4_0" if shape[-1] % BLOCKS[kind][0] else kind


def metadata_of(config: Any, tokenizer: Any) -> dict[str, Any]:
    """Of a transformers configuration and tokenizer."""
    import json

    audio, llm = config.audio_config, config.text_config
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    tokens = [""] * len(tokenizer)
    for token, number in tokenizer.get_vocab().items():
        tokens[number] = token
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in backend["model"]["merges"]]
    values = {
        "sample_rate": 16_000, "n_mels": audio.num_mel_bins, "n_fft": 400, "win_length": 400, "hop_length": 160,
        "audio.n_layers": audio.encoder_layers, "audio.d_model": audio.d_model,
        "audio.n_heads": audio.encoder_attention_heads,
        "audio.head_dim": audio.d_model // audio.encoder_attention_heads,
        "audio.ff_dim": audio.encoder_ffn_dim, "audio.conv_channels": audio.downsample_hidden_size,
        "audio.proj_dim": audio.output_dim, "audio.max_source_pos": 1500,
        "llm.n_layers": llm.num_hidden_layers, "llm.d_model": llm.hidden_size, "llm.n_heads": llm.num_attention_heads,
        "llm.n_kv_heads": llm.num_key_value_heads, "llm.head_dim": llm.head_dim, "llm.ff_dim": llm.intermediate_size,
        "llm.rope_theta": float(llm.rope_parameters["rope_theta"]), "llm.rms_norm_eps": float(llm.rms_norm_eps),
        "llm.vocab_size": llm.vocab_size, "llm.max_pos": llm.max_position_embeddings,
        "audio_start_token_id": tokenizer.convert_tokens_to_ids("<|audio_start|>"),
        "audio_end_token_id": tokenizer.convert_tokens_to_ids("<|audio_end|>"),
        "audio_pad_token_id": config.audio_token_id,
        "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    return {
        "general.architecture": "qwen3asr",
        **{f"qwen3asr.{key}": value for key, value in values.items()},
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": merges,
    }


REAL_IDS = {
    "<|endoftext|>": 151_643, "<|im_start|>": 151_644, "<|im_end|>": 151_645, "<|audio_start|>": 151_669,
    "<|audio_end|>": 151_670, "<|audio_pad|>": 151_676, "<asr_text>": 151_704, "<timestamp>": 151_705,
}  # fmt: skip
REAL_SIZE = 151_936


def to_gguf(model: Any, tokenizer: Any, path: Path, kind: str = "F32", *, real_ids: bool = False) -> Path:
    """A transformers model of either head as a GGUF file.

    With `real_ids` its special tokens have the numbers of the published models, which crispasr takes for granted, and
    its vocabulary their size.
    """
    import torch

    metadata = metadata_of(model.config, tokenizer)
    tokens = metadata["tokenizer.ggml.tokens"]
    numbers = [REAL_IDS.get(token, number) for number, token in enumerate(tokens)]
    if real_ids:
        named = [f"unused{number}" for number in range(REAL_SIZE)]
        for token, number in zip(tokens, numbers, strict=True):
            named[number] = token
        metadata |= {
            "tokenizer.ggml.tokens": named,
            "qwen3asr.llm.vocab_size": REAL_SIZE,
            "qwen3asr.audio_start_token_id": REAL_IDS["<|audio_start|>"],
            "qwen3asr.audio_end_token_id": REAL_IDS["<|audio_end|>"],
            "qwen3asr.audio_pad_token_id": REAL_IDS["<|audio_pad|>"],
            "qwen3asr.eos_token_id": REAL_IDS["<|im_end|>"],
            "qwen3asr.pad_token_id": REAL_IDS["<|endoftext|>"],
        }
    tensors = []
    tied = bool(getattr(model.config, "tie_word_embeddings", False))
    for native, value in model.state_dict().items():
        if tied and native == "lm_head.weight":
            continue
        name, weights = gguf_name(native), value.detach().to(torch.float32).numpy()
        if real_ids and native.endswith(("embed_tokens.weight", "lm_head.weight")):
            spread = np.zeros((REAL_SIZE, weights.shape[1]), np.float32)
            spread[numbers] = weights[: len(numbers)]
            weights = spread
        chosen = kind_for(name, weights.shape, kind)
        data = encode(weights if weights.ndim > 1 else weights[None], chosen)
        tensors.append(Tensor(name, weights.shape, TYPES[chosen], data))
    filters = np.ascontiguousarray(_filters().T, "<f4")  # shape (bins, bands)
    tensors.append(Tensor("audio.mel_filters", filters.shape, 0, filters.tobytes()))
    tensors.append(Tensor("audio.mel_window", (400,), 0, np.hanning(401)[:-1].astype("<f4").tobytes()))
    path.write_bytes(gguf_bytes(metadata, tensors))
    return path
