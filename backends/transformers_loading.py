"""A transformers checkpoint that came from anywhere, loaded without running its code and without noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crisp_align.errors import ModelError
from crisp_align.models.devices import DeviceChoice, loading_error, quiet, require_torch, require_transformers

__all__ = ["load_model", "load_processor", "load_tokenizer", "model_type"]


def model_type(folder: Path) -> str:
    """What the config.json of a folder says it holds.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"its config.json cannot be read ({error})", subject=str(folder)) from error
    return str(config.get("model_type")) if isinstance(config, dict) else "none"


def load_model(folder: Path, kind: str, placement: DeviceChoice, extra: str) -> Any:
    """A model in evaluation mode.

    Args:
        folder: config.json and safetensors.
        kind: its class in transformers.
        placement: device and type.
        extra: the extra of this package that brings transformers.

    Raises:
        ModelError: it does not load, or tensors are missing, left over or of another shape, or more than memory holds.
        MissingDependencyError: torch or transformers is not installed, or too old.
    """
    torch = require_torch(extra)
    transformers = require_transformers(extra, knows=kind)
    try:
        with quiet(transformers):
            model, report = getattr(transformers, kind).from_pretrained(
                folder,
                dtype=getattr(torch, placement.dtype),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # transformers, safetensors and torch each raise their own
        raise loading_error(error, folder) from error
    for which, verb in (
        ("missing_keys", "lacks"),
        ("unexpected_keys", "has left over"),
        ("mismatched_keys", "misfits"),
    ):
        names = sorted(str(name) for name in report.get(which) or ())
        if names:
            raise ModelError(
                f"is not a whole model: it {verb} {len(names)} tensors, such as {names[0]}",
                subject=str(folder),
                hint="download it again",
            )
    try:
        return model.to(placement.device).eval()
    except (MemoryError, RuntimeError) as error:
        trouble = loading_error(error, folder)
    del model  # nor may the trouble keep it in memory, by the traceback of its cause
    raise trouble


def load_processor(folder: Path, kind: str, extra: str) -> Any:
    """The processor (audio features and tokenizer) that comes with a model.

    Raises:
        ModelError: files are missing or damaged.
        MissingDependencyError: transformers is not installed, or too old.
    """
    transformers = require_transformers(extra, knows=kind)
    try:
        with quiet(transformers):
            return getattr(transformers, kind).from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ModelError(f"its processor does not load ({_first_line(error)})", subject=str(folder)) from error


def load_tokenizer(folder: Path, extra: str) -> Any:
    """The tokenizer that comes with a model, whatever files it is kept in.

    Raises:
        ModelError: files are missing or damaged.
        MissingDependencyError: transformers is not installed.
    """
    transformers = require_transformers(extra, knows="AutoTokenizer")
    try:
        with quiet(transformers):
            return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ModelError(f"its tokenizer does not load ({_first_line(error)})", subject=str(folder)) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
