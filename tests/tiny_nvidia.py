"""Tiny Parakeet and Canary checkpoints with random weights of transformers' own classes, the same bytes every time.

By hand: `python -m tests.tiny_nvidia parakeet-tdt DIR [--seed N]`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisp_align_backends.runtimes import EUROPEAN

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import CanaryForConditionalGeneration, ParakeetForTDT, ParakeetProcessor

WORD_MARK = "\u2581"
FRAME = 0.08  # s an encoder frame

# The head of NVIDIA's multilingual vocabulary: pad is 2, end of text 3, start of transcript 4, start of context 7.
CONTROLS = (
    "<unk>",
    "<|nospeech|>",
    "<pad>",
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|pnc|>",
    "<|nopnc|>",
    "<|startofcontext|>",
    "<|itn|>",
    "<|noitn|>",
    "<|timestamp|>",
    "<|notimestamp|>",
    "<|diarize|>",
    "<|nodiarize|>",
    "<|emo:undefined|>",
    *(f"<|{code}|>" for code in sorted(EUROPEAN)),
)
_WORDS = """
And so my fellow Americans ask not what your country can do for you the was first great sorrow his life
Das erschien mir nicht sinnvoll ganz gewiss fair est comme itinéraire de ski que o quinto quatro anos
"""
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789áéíóúäöüßçñèêà.,!?;:'-¿¡"
_TEMPLATE = """\
{%- for message in messages -%}{%- for part in message.content -%}{%- if part.type == 'text' -%}\
<|startofcontext|><|startoftranscript|><|emo:undefined|><|{{ part.source_language }}|><|{{ part.target_language }}|>\
{{ '<|pnc|>' if part.punctuation else '<|nopnc|>' }}<|noitn|><|notimestamp|><|nodiarize|>\
{%- endif -%}{%- endfor -%}{%- endfor -%}"""


def sentencepiece_tokenizer(controls: Sequence[str] = CONTROLS) -> Tokenizer:
    """A BPE tokenizer as transformers makes of a SentencePiece model."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    pieces = [*controls, WORD_MARK, *_LETTERS]
    merges: list[tuple[str, str]] = []
    for word in dict.fromkeys(_WORDS.split()):
        spelled = WORD_MARK + word
        for end in range(2, min(len(spelled), 5)):  # longer words are several pieces
            if spelled[:end] not in pieces:
                pieces.append(spelled[:end])
                merges.append((spelled[: end - 1], spelled[end - 1]))
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(WORD_MARK, "always")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(WORD_MARK, " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in controls])
    return tokenizer


def parakeet_processor(kind: str) -> ParakeetProcessor:
    """Features and tokenizer of a Parakeet; the blank comes last, and is the padding of a CTC model."""
    from transformers import ParakeetFeatureExtractor, ParakeetProcessor, ParakeetTokenizer

    tokenizer = ParakeetTokenizer(tokenizer_object=sentencepiece_tokenizer(), clean_up_tokenization_spaces=False)
    blank = "<pad>"
    if kind == "ctc":
        tokenizer = ParakeetTokenizer(
            tokenizer_object=sentencepiece_tokenizer([c for c in CONTROLS if c != "<pad>"]),
            clean_up_tokenization_spaces=False,
        )
        tokenizer.add_special_tokens({"pad_token": "<pad>", "unk_token": "<unk>"})
    else:
        tokenizer.add_tokens(["<blank>"], special_tokens=True)
        blank = "<pad>" if kind == "tdt" else "<blank>"
        tokenizer.add_special_tokens({"pad_token": blank, "unk_token": "<unk>"})
    return ParakeetProcessor(ParakeetFeatureExtractor(feature_size=80), tokenizer, decoder_type=kind)


def encoder_config(width: int = 48, layers: int = 2, mels: int = 80) -> Any:
    """A FastConformer of toy size."""
    from transformers import ParakeetEncoderConfig

    return ParakeetEncoderConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * width,
        subsampling_conv_channels=16,
        num_mel_bins=mels,
        dropout=0.0,
        layerdrop=0.0,
        activation_dropout=0.0,
        attention_dropout=0.0,
    )


def parakeet_model(kind: str, processor: ParakeetProcessor, seed: int, *, balanced: bool = True) -> Any:
    """A Parakeet of random weights, sharpened so that rounding cannot change which token is likeliest."""
    import torch
    import transformers

    torch.manual_seed(seed)
    size = len(processor.tokenizer)
    if kind == "ctc":
        pad = processor.tokenizer.pad_token_id
        config: Any = transformers.ParakeetCTCConfig(vocab_size=size, encoder_config=encoder_config(), pad_token_id=pad)
        model: Any = transformers.ParakeetForCTC(config)
        head = model.ctc_head
    else:
        made = {"tdt": transformers.ParakeetTDTConfig, "rnnt": transformers.ParakeetRNNTConfig}[kind]
        config = made(
            vocab_size=size,
            decoder_hidden_size=32,
            num_decoder_layers=1,
            encoder_config=encoder_config(),
            pad_token_id=processor.tokenizer.pad_token_id,
            blank_token_id=size - 1,
            max_symbols_per_step=10,
        )
        model = {"tdt": transformers.ParakeetForTDT, "rnnt": transformers.ParakeetForRNNT}[kind](config)
        head = model.joint.head
        model.generation_config.decoder_start_token_id = size - 1
        if kind == "tdt":
            model.generation_config.suppress_tokens = list(range(size, size + len(config.durations)))
    if balanced:
        balance(model.eval(), head, processor, blank=config.pad_token_id if kind == "ctc" else size - 1)
    return model.eval()


def balance(model: Any, head: Any, processor: ParakeetProcessor, blank: int) -> None:
    """Take from each token what it gets whatever is heard, so that the audio decides, and a blank comes half the time
    (mostly, for RNN-T, which stays at a frame until one does).

    Without this an untrained network says one token for ever.
    """
    import torch

    noise = torch.randn(6 * 16_000, generator=torch.Generator().manual_seed(1)).cumsum(0)
    inputs = processor([noise.sub(noise.mean()).div(noise.std()).mul(0.1).numpy()], sampling_rate=16_000)
    with torch.no_grad():
        is_ctc, is_tdt = hasattr(model, "ctc_head"), hasattr(model.config, "durations")
        if is_ctc:
            logits = model(**inputs).logits[0]
        else:
            encoded = model.get_audio_features(**inputs).pooler_output
            context = model.decoder.decoder_projector.weight
            context.mul_((0.5 if is_tdt else 0.1) * encoded.std() / context.std())
            said = torch.randint(0, blank, (1, encoded.shape[1]), generator=torch.Generator().manual_seed(2))
            logits = model.joint(decoder_hidden_states=model.decoder(said), encoder_hidden_states=encoded)[0]
        scale = 4 / (logits - logits.mean(0)).std(0).mean()
        head.weight.mul_(scale)
        head.bias.sub_(head.bias + (logits - head.bias).mean(0) * scale)
        logits = (logits - logits.mean(0)) * scale
        others = torch.cat([logits[:, :blank], logits[:, blank + 1 : model.config.vocab_size]], 1).amax(1)
        share = 0.5 if is_tdt or is_ctc else 0.9
        head.bias[blank] += (others - logits[:, blank]).quantile(share)
        head.bias[model.config.vocab_size :][:1] -= 1e4  # TDT: no token without a duration


def parakeet(kind: str) -> Callable[[Path, int], None]:
    """Builds a Parakeet of one kind in a folder."""

    def build(folder: Path, seed: int = 0) -> None:
        processor = parakeet_processor(kind)
        processor.save_pretrained(folder)
        parakeet_model(kind, processor, seed).save_pretrained(folder)

    return build


@dataclass(frozen=True, slots=True)
class Step:
    """What a TDT model does at one encoder frame."""

    token: int
    frames: int
    """How many frames it moves on, 0 to 4."""


def tdt_path(words: Sequence[tuple[str, float, float]], frames: int, processor: ParakeetProcessor) -> list[Step]:
    """The steps that say words at their times: (text, start, end) in s, in order."""
    blank = processor.tokenizer.convert_tokens_to_ids("<blank>")
    path: list[Step] = []
    at = 0

    def move(token: int, to: int) -> None:
        nonlocal at
        path.append(Step(token, min(max(to - at, 0), 4)))
        at += path[-1].frames

    for text, start, end in words:
        while at < round(start / FRAME):
            move(blank, round(start / FRAME))
        ids = processor.tokenizer(text, add_special_tokens=False).input_ids
        length = max(round(end / FRAME) - at, len(ids))
        for i, token in enumerate(ids):
            move(token, round(start / FRAME) + (i + 1) * length // len(ids))
    while at < frames:
        move(blank, frames)
    return path


def overfitted_tdt(folder: Path, samples: Any, words: Sequence[tuple[str, float, float]], steps: int = 600) -> None:
    """A Parakeet TDT that has learnt one recording by heart: what is said, when, and for how long."""
    import torch

    processor = parakeet_processor("tdt")
    model: ParakeetForTDT = parakeet_model("tdt", processor, 0, balanced=False).train()
    inputs = processor(samples, sampling_rate=16_000)
    with torch.no_grad():
        frames = int(model.get_audio_features(**inputs).attention_mask.sum())
    path = tdt_path(words, frames, processor)
    blank = model.config.blank_token_id
    at = torch.tensor([sum(step.frames for step in path[:i]) for i in range(len(path))])
    said = torch.tensor([[blank, *(step.token for step in path if step.token != blank)]])
    history = torch.tensor([sum(step.token != blank for step in path[:i]) for i in range(len(path))])
    tokens = torch.tensor([step.token for step in path])
    durations = torch.tensor([step.frames for step in path])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.eval()  # running statistics are what inference sees
    for _ in range(steps):
        encoded = model.get_audio_features(**inputs).pooler_output[0, at]
        decoded = model.decoder(said)[0, history]
        logits = model.joint(decoder_hidden_states=decoded, encoder_hidden_states=encoded)
        size = model.config.vocab_size
        loss = torch.nn.functional.cross_entropy(logits[:, :size], tokens) + torch.nn.functional.cross_entropy(
            logits[:, size:], durations
        )
        if loss.item() < 0.02:  # how many steps that takes depends on the machine
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    processor.save_pretrained(folder)
    model.eval().save_pretrained(folder)


def canary(folder: Path, seed: int = 0) -> None:
    """A Canary that knows nothing."""
    import torch
    from transformers import (
        CanaryConfig,
        CanaryForConditionalGeneration,
        CanaryProcessor,
        ParakeetFeatureExtractor,
        TokenizersBackend,
    )

    tokenizer = TokenizersBackend(
        tokenizer_object=sentencepiece_tokenizer(),
        clean_up_tokenization_spaces=False,
        bos_token="<|startoftranscript|>",
        eos_token="<|endoftext|>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    processor = CanaryProcessor(ParakeetFeatureExtractor(feature_size=128), tokenizer, chat_template=_TEMPLATE)
    torch.manual_seed(seed)
    decoder = {
        "vocab_size": len(tokenizer),
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 12,
        "max_position_embeddings": 256,
    }
    config = CanaryConfig(
        encoder_config=encoder_config(mels=128).to_dict(),
        decoder_config=decoder,
        vocab_size=len(tokenizer),
        tie_word_embeddings=False,  # an untrained network with tied embeddings writes its last token again for ever
    )
    model: CanaryForConditionalGeneration = CanaryForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.proj_out.weight.mul_(40)
        for layer in model.model.decoder.layers:
            layer.encoder_attn.o_proj.weight.mul_(30)  # so that what is heard matters, …
            layer.self_attn.o_proj.weight.mul_(400)  # … and what was asked
        model.proj_out.bias[: len(CONTROLS)] = -1e4  # it writes letters, not controls, …
        model.proj_out.bias[config.eos_token_id] = 2.0  # … and ends now and then
    for name in ("decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(model.generation_config, name, getattr(config, name))
    processor.save_pretrained(folder)
    model.save_pretrained(folder)


FAMILIES: dict[str, Callable[[Path, int], None]] = {
    "parakeet-tdt": parakeet("tdt"),
    "parakeet-rnnt": parakeet("rnnt"),
    "parakeet-ctc": parakeet("ctc"),
    "canary": canary,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    FAMILIES[given.family](given.folder, given.seed)
