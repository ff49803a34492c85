"""Folders as MLX tools pack Qwen3 checkpoints, in both layouts that are about: mlx-audio's and speech-swift's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np

GROUP = 64


def pack(weights: Any, bits: int) -> tuple[Any, Any, Any]:
    """Words, scales and biases of affine packing in groups of 64 columns."""
    import torch

    groups = weights.float().view(len(weights), -1, GROUP).numpy()
    low, high = groups.min(axis=2), groups.max(axis=2)
    scales = np.maximum((high - low) / (2**bits - 1), 1e-7).astype(np.float16)
    biases = low.astype(np.float16)
    wide = scales.astype(np.float32)[..., None]
    values = np.rint((groups - biases.astype(np.float32)[..., None]) / wide).clip(0, 2**bits - 1).astype(np.uint32)
    per_word = 32 // bits
    words = values.reshape(len(weights), -1, per_word)
    packed = np.bitwise_or.reduce(words << np.arange(0, 32, bits, dtype=np.uint32), axis=2)
    return (
        torch.from_numpy(packed.view(np.int32)).view(torch.uint32),
        torch.from_numpy(scales),
        torch.from_numpy(biases),
    )


def to_mlx(original: Path, folder: Path, bits: int, style: Literal["mlx-audio", "speech-swift"]) -> Path:
    """Pack a checkpoint of the makers' layout."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(original, folder)
    weights: dict[str, Any] = {}
    for name, tensor in load_file(original / "model.safetensors").items():
        made = name.removeprefix("thinker.") if style == "mlx-audio" else name
        tower = "audio_tower" in name
        if tensor.ndim == 2 and not tower and "lm_head" not in name and tensor.shape[1] % GROUP == 0:
            base = made.removesuffix(".weight")
            weights[made], weights[f"{base}.scales"], weights[f"{base}.biases"] = pack(tensor, bits)
        elif tensor.ndim == 4 and style == "mlx-audio":
            weights[made] = tensor.permute(0, 2, 3, 1).contiguous()
        else:
            weights[made] = tensor.to(torch.float16) if tensor.ndim == 2 and style == "speech-swift" else tensor
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    how = {"group_size": GROUP, "bits": bits, "mode": "affine"}
    if style == "mlx-audio":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"quantization": how, "quantization_config": how}))
    else:
        (folder / "quantize_config.json").write_text(json.dumps(how))
        (folder / "preprocessor_config.json").unlink()
    return folder
