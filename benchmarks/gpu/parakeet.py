"""Parakeet-TDT-0.6B on random weights of full size: `python -m benchmarks.gpu.parakeet [--device cuda] [--tiny]`.

The weights write a token at every other step, about as often as a speaker of much text would make a trained model do.
"""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.gpu.clips import cost_of, speech_clips
from crisp_align.backends import DecodeOptions, LoadOptions
from crisp_align.models.devices import choose_device, require_torch
from crisp_align_backends.parakeet import Parakeet
from crisp_align_backends.parakeet_transformers import TransformersParakeet
from tests.tiny_nvidia import balance, parakeet_model, parakeet_processor

SECONDS = 11.0


def main() -> None:
    """Measure every batch and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.parakeet", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--tiny", action="store_true")
    asked = parser.parse_args()
    backend = _backend(LoadOptions(device=asked.device, dtype=asked.dtype), tiny=asked.tiny)
    table = Table(title=f"Parakeet-TDT, {asked.dtype} on {asked.device}, clips of {SECONDS:g} s")
    for column in ("batch", "s", "audio-s/s", "peak MB"):
        table.add_column(column, justify="right")
    for batch in (1, 2) if asked.tiny else (1, 4, 16, 64):
        clips = speech_clips(batch, SECONDS)
        cost = cost_of(lambda clips=clips: backend.transcribe(clips, DecodeOptions(language="en")), asked.device)
        row = (str(batch), f"{cost.seconds:.2f}", f"{batch * SECONDS / cost.seconds:.0f}", f"{cost.peak:.0f}")
        table.add_row(*row)
    Console(width=100).print(table)


def _backend(options: LoadOptions, *, tiny: bool) -> Parakeet:
    torch = require_torch("nvidia")
    placement = choose_device(options, extra="nvidia", int8=False)
    processor = parakeet_processor("tdt")
    model = parakeet_model("tdt", processor, 0) if tiny else _full_size(processor)
    model = model.to(placement.device, getattr(torch, placement.dtype)).eval()
    return Parakeet(TransformersParakeet(model, processor, "tdt", placement), "random")


def _full_size(processor: Any) -> Any:
    import torch
    from transformers import ParakeetEncoderConfig, ParakeetForTDT, ParakeetTDTConfig

    torch.manual_seed(0)
    size = len(processor.tokenizer)
    encoder = ParakeetEncoderConfig(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=8,
        intermediate_size=4096,
        subsampling_conv_channels=256,
        num_mel_bins=80,  # as many as the processor of the tests gives; 128 in the released one, in its first layer
    )
    config = ParakeetTDTConfig(
        vocab_size=size,
        decoder_hidden_size=640,
        num_decoder_layers=2,
        encoder_config=encoder,
        pad_token_id=processor.tokenizer.pad_token_id,
        blank_token_id=size - 1,
        max_symbols_per_step=10,
    )
    model: Any = ParakeetForTDT(config).eval()
    model.generation_config.decoder_start_token_id = size - 1
    model.generation_config.suppress_tokens = list(range(size, size + len(config.durations)))
    balance(model, model.joint.head, processor, blank=size - 1)
    return model


if __name__ == "__main__":
    main()
