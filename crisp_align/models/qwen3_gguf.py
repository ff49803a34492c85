"""Qwen3-ForcedAligner and Qwen3-ASR as CrispASR's converter writes them into GGUF: names, configuration, tokenizer.

The file leaves out what the published models have in common: the marker's id, the pre-tokenizer, sometimes the text
of special tokens.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

from crisp_align.errors import ModelError
from crisp_align.models.gguf import GgufFile
from crisp_align.models.tensors import StoredTensor, damaged_file

__all__ = ["ARCHITECTURE", "Head", "gguf_config", "gguf_head", "gguf_tensors", "gguf_token_ids", "gguf_tokenizer"]

ARCHITECTURE = "qwen3asr"

Head: TypeAlias = Literal["aligner", "asr"]
"""aligner: 5000 time classes; asr: the text vocabulary."""

_OTHER_KINDS = {"whisper": "a Whisper model", "llama": "a language model", "qwen3": "a language model"}
_SPECIAL_TOKENS = {
    151_643: "<|endoftext|>", 151_644: "<|im_start|>", 151_645: "<|im_end|>", 151_669: "<|audio_start|>",
    151_670: "<|audio_end|>", 151_676: "<|audio_pad|>", 151_704: "<asr_text>", 151_705: "<timestamp>",
}  # fmt: skip
_SPECIAL = re.compile(r"<\|[^|]*\|>|<timestamp>|\[PAD\d+\]")
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_NOT_WEIGHTS = frozenset({"audio.mel_filters", "audio.mel_window"})
_TOP_NAMES = {
    "audio.ln_post": "model.audio_tower.ln_post",
    "audio.conv_out": "model.audio_tower.conv_out",
    "audio.proj1": "model.multi_modal_projector.linear_1",
    "audio.proj2": "model.multi_modal_projector.linear_2",
    "token_embd": "model.language_model.embed_tokens",
    "output_norm": "model.language_model.norm",
}
_AUDIO_NAMES = {
    "attn_norm": "self_attn_layer_norm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_out": "self_attn.out_proj", "ffn_norm": "final_layer_norm", "ffn_up": "fc1",
    "ffn_down": "fc2",
}  # fmt: skip
_TEXT_NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
_LAYER = re.compile(r"(audio\.)?blk\.(\d{1,4})\.(\w+)", re.ASCII)
_CONVOLUTION = re.compile(r"audio\.conv\.([123])", re.ASCII)


def gguf_head(file: GgufFile) -> Head:
    """What a file's model is for: the head of a recogniser has a row for each token, an aligner's one a time class.

    Raises:
        ModelError: it holds another kind of model, or lacks the tensors that say it.
    """
    subject = str(file.path)
    if file.architecture != ARCHITECTURE:
        name = file.architecture or "none"
        kind = _OTHER_KINDS.get(name, "another kind of model")
        raise ModelError(
            f"holds {kind} (GGUF architecture {name[:40]!r}), not a Qwen3-ASR or Qwen3-ForcedAligner",
            subject=subject,
            hint=f"as a speech recogniser it may run with --backend ggml -m {file.path.name}",
        )
    embedding, output = file.tensors.get("token_embd.weight"), file.tensors.get("output.weight")
    if embedding is None or len(embedding.shape) != 2 or (output is not None and len(output.shape) != 2):
        raise damaged_file(file.path, "it has no token embedding")
    return "asr" if output is None or output.shape[0] == embedding.shape[0] else "aligner"


def gguf_tensors(file: GgufFile, head: Head) -> dict[str, StoredTensor]:
    """The weights by the names that transformers has for them; a name that nobody knows stays as it is."""
    return {_native_name(name, head): tensor for name, tensor in file.tensors.items() if name not in _NOT_WEIGHTS}


def _native_name(name: str, head: Head) -> str:
    base, _, leaf = name.rpartition(".")
    if base == "output":
        return f"{'score' if head == 'aligner' else 'lm_head'}.{leaf}"
    if base in _TOP_NAMES:
        return f"{_TOP_NAMES[base]}.{leaf}"
    if convolution := _CONVOLUTION.fullmatch(base):
        return f"model.audio_tower.conv2d{convolution[1]}.{leaf}"
    if layer := _LAYER.fullmatch(base):
        parts, stem = (_AUDIO_NAMES, "model.audio_tower") if layer[1] else (_TEXT_NAMES, "model.language_model")
        if layer[3] in parts:
            return f"{stem}.layers.{int(layer[2])}.{parts[layer[3]]}.{leaf}"
    return name


def gguf_config(file: GgufFile, head: Head) -> Any:
    """The transformers configuration of a file's model.

    Raises:
        ModelError: an entry of the metadata is missing, of another type or impossible.
        MissingDependencyError: transformers is not installed, or too old.
    """
    from crisp_align.models.devices import require_transformers

    transformers = require_transformers("qwen", knows="Qwen3ASRForTokenClassification")
    values = _Metadata(file)
    audio = {
        "num_mel_bins": values.whole("n_mels", 1024),
        "encoder_layers": values.layers("audio.n_layers"),
        "encoder_attention_heads": values.whole("audio.n_heads", 1024),
        "encoder_ffn_dim": values.whole("audio.ff_dim"),
        "d_model": values.whole("audio.d_model"),
        "downsample_hidden_size": values.whole("audio.conv_channels"),
        "output_dim": values.whole("audio.proj_dim"),
    }
    text = {
        "vocab_size": file.tensors["token_embd.weight"].shape[0],
        "hidden_size": values.whole("llm.d_model"),
        "intermediate_size": values.whole("llm.ff_dim"),
        "num_hidden_layers": values.layers("llm.n_layers"),
        "num_attention_heads": values.whole("llm.n_heads", 1024),
        "num_key_value_heads": values.whole("llm.n_kv_heads", 1024),
        "head_dim": values.whole("llm.head_dim"),
        "max_position_embeddings": values.whole("llm.max_pos"),
        "rms_norm_eps": values.real("llm.rms_norm_eps"),
        "rope_parameters": {"rope_type": "default", "rope_theta": values.real("llm.rope_theta")},
    }
    tied = head == "asr" and "output.weight" not in file.tensors
    marker, audio_id = gguf_token_ids(file)
    try:
        config = transformers.Qwen3ASRConfig(
            audio_config=audio | {"max_position_embeddings": 13},
            text_config=text | {"tie_word_embeddings": tied},
            audio_token_id=audio_id,
            timestamp_token_id=marker,
            tie_word_embeddings=tied,
        )
        if head == "aligner":
            config.num_labels = file.tensors["output.weight"].shape[0]
    except Exception as error:  # transformers' own kinds of validation error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"its metadata describes no model ({reason[:200]})", subject=str(file.path)) from error
    return config


class _Metadata:
    """Checked access to the entries of a Qwen3-ASR model."""

    def __init__(self, file: GgufFile) -> None:
        self._file = file

    def whole(self, key: str, most: int = 1 << 24) -> int:
        value = self._file.metadata.get(f"{ARCHITECTURE}.{key}")
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise damaged_file(self._file.path, f"its metadata says {str(value)[:40]} for {ARCHITECTURE}.{key}")
        return value

    def layers(self, key: str) -> int:
        """A number of layers: each has tensors."""
        return self.whole(key, max(len(self._file.tensors), 1))

    def real(self, key: str) -> float:
        value = self._file.metadata.get(f"{ARCHITECTURE}.{key}")
        if not isinstance(value, float) or not 0 < value < 1e12:
            raise damaged_file(self._file.path, f"its metadata says {str(value)[:40]} for {ARCHITECTURE}.{key}")
        return value


def _tokens(file: GgufFile) -> list[str]:
    """The text of each token, the special ones by the names that the published models give them.

    Raises:
        ModelError: there is no vocabulary of the kind that is read.
    """
    tokens, kind = file.metadata.get("tokenizer.ggml.tokens"), file.metadata.get("tokenizer.ggml.model")
    if kind != "gpt2" or not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise damaged_file(file.path, "it has no tokenizer of the kind that Qwen3 has")
    named = list(tokens)
    absent = set(_SPECIAL_TOKENS.values()).difference(tokens)
    for number, text in _SPECIAL_TOKENS.items():
        if text in absent and number < len(named):
            named[number] = text
    return named


def gguf_token_ids(file: GgufFile) -> tuple[int, int]:
    """Ids of the marker and of an audio position; the published models' where the file has no such token.

    Raises:
        ModelError: there is no vocabulary of the kind that is read.
    """
    tokens = _tokens(file)
    marker = tokens.index("<timestamp>") if "<timestamp>" in tokens else 151_705
    audio = file.metadata.get(f"{ARCHITECTURE}.audio_pad_token_id", 151_676)
    return marker, audio if isinstance(audio, int) else 151_676


def gguf_tokenizer(file: GgufFile) -> Any:
    """The tokenizer in a file, a `tokenizers.Tokenizer` with Qwen's rules.

    Raises:
        ModelError: its vocabulary or its merges are damaged.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    tokens, merges = _tokens(file), file.metadata.get("tokenizer.ggml.merges")
    if not isinstance(merges, list) or not all(isinstance(merge, str) and merge.count(" ") == 1 for merge in merges):
        raise damaged_file(file.path, "the merges of its tokenizer are no pairs")
    vocabulary = {token: number for number, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise damaged_file(file.path, "its tokenizer has a token twice")
    try:
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(merge.split(" ")) for merge in merges]))
    except Exception as error:  # tokenizers raises bare exceptions
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise damaged_file(file.path, f"its tokenizer does not load ({reason[:120]})") from error
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token in tokens if _SPECIAL.fullmatch(token)]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    if "<asr_text>" in vocabulary:  # kept when special tokens are left out
        tokenizer.add_tokens([AddedToken("<asr_text>", special=False, normalized=False)])
    return tokenizer
