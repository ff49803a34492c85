"""Tiny checkpoints with random weights of the real classes, built in seconds, the same bytes every time.

By hand: `python -m tests.tiny qwen3-aligner DIR [--layout original|hf] [--seed N]`.

To add a family: write a function `(folder, layout, seed) -> None` and enter it in `FAMILIES`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen3ASRConfig

Layout: TypeAlias = Literal["hf", "original"]
Build: TypeAlias = Callable[[Path, Layout, int], None]

CLASSES = 5000

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|audio_start|>",
    "<|audio_end|>",
    "<|audio_pad|>",
    "<asr_text>",
    "<timestamp>",
)
_AUDIO_TOKENS = {
    "audio_token": "<|audio_pad|>",
    "audio_bos_token": "<|audio_start|>",
    "audio_eos_token": "<|audio_end|>",
}
# Words whose pieces the tiny tokenizer knows, so that a word is one to several tokens, as it is in the real one.
_WORDS = """
the and you ask what your country can do for not fellow Americans so my was first great sorrow his life hopes dreams
ist nicht das erschien mir sinnvoll ganz gewiss fair est comme itinéraire de ski que el la muy bien per il молоко это
世界 你好 电柱 キャンプ の が 학교 에 안녕 language English None system user assistant
"""
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_ALIGNER_TEMPLATE = """\
{%- for message in messages -%}{%- for part in message.content -%}\
{%- if part.type == 'audio' -%}<|audio_start|><|audio_pad|><|audio_end|>{%- endif -%}\
{%- if part.type == 'text' -%}{{ part.text }}<timestamp><timestamp>{%- endif -%}\
{%- endfor -%}{%- endfor -%}"""
_ASR_TEMPLATE = r"""
{%- set system = namespace(context='') -%}
{%- for message in messages if message.role == 'system' -%}
{%- set system.context = message.content[0].text -%}
{%- endfor -%}
{{- '<|im_start|>system\n' + system.context + '<|im_end|>\n<|im_start|>user\n' -}}
{{- '<|audio_start|><|audio_pad|><|audio_end|><|im_end|>\n' -}}
{%- for message in messages if message.role == 'assistant' -%}
{{- '<|im_start|>assistant\n' + message.content[0].text + '<|im_end|>\n' -}}
{%- endfor -%}"""


@dataclass(frozen=True, slots=True)
class Size:
    """Dimensions of a Qwen3-ASR body."""

    audio_width: int = 48
    audio_layers: int = 2
    audio_heads: int = 4
    audio_ffn: int = 96
    channels: int = 8
    width: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    ffn: int = 128
    vocabulary: int | None = None
    """None: as many as the tokenizer has."""


FULL = Size(1024, 24, 16, 4096, 480, 1024, 28, 16, 8, 128, 3072, 152_064)
"""Qwen3-ForcedAligner-0.6B."""


def qwen_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with the rules and special tokens of Qwen's and a few hundred pieces."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import Qwen2TokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    vocabulary = {char: i for i, char in enumerate(alphabet)}
    merges: list[tuple[str, str]] = []
    for word in _WORDS.split():
        pieces = to_bytes.pre_tokenize_str(word)[0][0]
        for end in range(2, len(pieces)):  # the whole word stays two pieces
            if pieces[:end] not in vocabulary:
                vocabulary[pieces[:end]] = len(vocabulary)
                merges.append((pieces[: end - 1], pieces[end - 1]))
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_PATTERN), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_tokens(
        [AddedToken(token, special=token != "<asr_text>", normalized=False) for token in SPECIAL_TOKENS]
    )  # the real one, too, keeps <asr_text> when special tokens are left out
    return wrap_qwen_tokenizer(backend, Qwen2TokenizerFast)


def wrap_qwen_tokenizer(backend: object, kind: Callable[..., PreTrainedTokenizerFast]) -> PreTrainedTokenizerFast:
    """`backend` as a transformers tokenizer with the attributes Qwen3ASRProcessor asks for."""
    return kind(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=_AUDIO_TOKENS,
    )


def qwen_config(tokenizer: PreTrainedTokenizerFast, size: Size, labels: int | None) -> Qwen3ASRConfig:
    """The configuration of an aligner with `labels` classes, or of a recogniser (None)."""
    from transformers import Qwen3ASRConfig

    audio = {
        "num_mel_bins": 128,
        "encoder_layers": size.audio_layers,
        "encoder_attention_heads": size.audio_heads,
        "encoder_ffn_dim": size.audio_ffn,
        "d_model": size.audio_width,
        "downsample_hidden_size": size.channels,
        "output_dim": size.width,
    }
    text = {
        "vocab_size": size.vocabulary or len(tokenizer),
        "hidden_size": size.width,
        "intermediate_size": size.ffn,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "head_dim": size.head_dim,
        "max_position_embeddings": 65_536,
        "tie_word_embeddings": labels is None,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    }
    config = Qwen3ASRConfig(
        audio_config=audio,
        text_config=text,
        audio_token_id=tokenizer.convert_tokens_to_ids("<|audio_pad|>"),
        timestamp_token_id=tokenizer.convert_tokens_to_ids("<timestamp>"),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    if labels is not None:
        config.num_labels = labels
    return config


def qwen3_aligner(
    folder: Path, layout: Layout = "hf", seed: int = 0, size: Size | None = None, spread: float = 6.0
) -> None:
    """A Qwen3-ForcedAligner that knows nothing, in either layout."""
    import torch
    from transformers import Qwen3ASRForTokenClassification

    tokenizer = qwen_tokenizer()
    config = qwen_config(tokenizer, size or Size(), CLASSES)
    torch.manual_seed(seed)
    model = Qwen3ASRForTokenClassification(config).eval()
    with torch.no_grad():  # weights of the usual size would answer every marker with the same class
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 or name.endswith("q_norm.weight"):
                parameter.mul_(spread)
    save_qwen3_aligner(folder, layout, model, tokenizer)


def save_qwen3_aligner(
    folder: Path, layout: Layout, model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast
) -> None:
    """Write an aligner as transformers does (`hf`) or as its makers did (`original`)."""
    from transformers import Qwen3ASRFeatureExtractor, Qwen3ASRProcessor

    folder.mkdir(parents=True, exist_ok=True)
    if layout == "hf":
        processor = Qwen3ASRProcessor(Qwen3ASRFeatureExtractor(), tokenizer, chat_template=_ALIGNER_TEMPLATE)
        processor.save_pretrained(folder)
        model.save_pretrained(folder)
    else:
        _save_original(folder, model, tokenizer)


def _save_original(folder: Path, model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> None:
    from safetensors.torch import save_file
    from transformers import WhisperFeatureExtractor

    WhisperFeatureExtractor(feature_size=128, return_attention_mask=True).save_pretrained(folder)
    _save_old_tokenizer(folder, tokenizer)
    weights = {_original_name(name): tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_original_config(model.config), indent=1))


def _save_old_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write vocab.json, merges.txt and tokenizer_config.json, without the tokenizer.json of newer releases."""
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    (folder / "vocab.json").write_text(json.dumps(whole["model"]["vocab"], ensure_ascii=False))
    (folder / "merges.txt").write_text("\n".join(" ".join(pair) for pair in whole["model"]["merges"]) + "\n")
    settings = {
        "added_tokens_decoder": {str(token.pop("id")): token for token in whole["added_tokens"]},
        "extra_special_tokens": _AUDIO_TOKENS,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1))


def _original_name(name: str) -> str:
    for ours, theirs in (
        ("model.language_model.", "thinker.model."),
        ("model.multi_modal_projector.linear_1.", "thinker.audio_tower.proj1."),
        ("model.multi_modal_projector.linear_2.", "thinker.audio_tower.proj2."),
        ("model.audio_tower.", "thinker.audio_tower."),
        ("score.", "thinker.lm_head."),
        ("lm_head.", "thinker.lm_head."),
    ):
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise ValueError(name)


_AUDIO_KEYS = """
num_mel_bins encoder_layers encoder_attention_heads encoder_ffn_dim d_model n_window n_window_infer output_dim
downsample_hidden_size activation_function dropout attention_dropout activation_dropout scale_embedding
"""
_TEXT_KEYS = """
vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim
max_position_embeddings tie_word_embeddings rms_norm_eps hidden_act attention_bias
"""


def _original_config(config: Qwen3ASRConfig) -> dict[str, object]:
    """config.json as the makers' package `qwen-asr` writes and reads it."""
    audio = {key: getattr(config.audio_config, key) for key in _AUDIO_KEYS.split()}
    text = {key: getattr(config.text_config, key) for key in _TEXT_KEYS.split()}
    half = config.text_config.head_dim // 2
    side = half // 4
    text |= {
        "rope_theta": config.text_config.rope_parameters["rope_theta"],
        "rope_scaling": {
            "rope_type": "default",
            "type": "default",
            "interleaved": True,
            "mrope_interleaved": True,
            "mrope_section": [half - 2 * side, side, side],
        },
    }
    aligner = "TokenClassification" in config.architectures[0] if config.architectures else config.num_labels > 2
    thinker = {
        "model_type": "qwen3_forced_aligner" if aligner else "qwen3_asr_thinker",
        "audio_config": audio | {"model_type": "qwen3_asr_audio_encoder", "max_source_positions": 1500},
        "text_config": text | {"model_type": "qwen3_asr_text"},
        "audio_token_id": config.audio_token_id,
    }
    whole: dict[str, object] = {
        "architectures": ["Qwen3ASRForConditionalGeneration"],
        "model_type": "qwen3_asr",
        "dtype": "float32",
        "thinker_config": thinker,
    }
    if aligner:
        thinker["classify_num"] = config.num_labels
        whole |= {"timestamp_token_id": config.timestamp_token_id, "timestamp_segment_time": 80}
    return whole


def qwen3_asr(folder: Path, layout: Layout = "hf", seed: int = 0, size: Size | None = None) -> None:
    """A Qwen3-ASR that knows nothing, in either layout."""
    import torch
    from transformers import Qwen3ASRFeatureExtractor, Qwen3ASRForConditionalGeneration, Qwen3ASRProcessor

    tokenizer = qwen_tokenizer()
    config = qwen_config(tokenizer, size or Size(), None)
    # Untied, since an untrained network with tied embeddings writes its last token again for ever.
    config.tie_word_embeddings = config.text_config.tie_word_embeddings = False
    torch.manual_seed(seed)
    model = Qwen3ASRForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
        model.model.multi_modal_projector.linear_2.weight.mul_(30)  # so that the audio matters
        model.model.language_model.embed_tokens.weight.mul_(10)  # … and what was written before
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    model.generation_config.pad_token_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
    folder.mkdir(parents=True, exist_ok=True)
    if layout == "hf":
        Qwen3ASRProcessor(Qwen3ASRFeatureExtractor(), tokenizer, chat_template=_ASR_TEMPLATE).save_pretrained(folder)
        model.save_pretrained(folder)
    else:
        _save_original(folder, model, tokenizer)


FAMILIES: dict[str, Build] = {"qwen3-aligner": qwen3_aligner, "qwen3-asr": qwen3_asr}


def main() -> None:
    """Build one checkpoint."""
    parser = argparse.ArgumentParser(description="Build a tiny random checkpoint of a real model class.")
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layout", choices=get_args(Layout), default="hf")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    FAMILIES[given.family](given.folder, given.layout, given.seed)
    total = sum(file.stat().st_size for file in given.folder.iterdir())
    print(f"{given.family} ({given.layout}) in {given.folder}, {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
