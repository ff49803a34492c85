"""Which engine runs a model that several can run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from crisp_align import models
from crisp_align.backends import Engine, LoadOptions
from crisp_align.errors import MissingDependencyError, OptionError

__all__ = ["EUROPEAN", "NEMO", "TRANSFORMERS", "Runtime", "locate"]

Runtime: TypeAlias = Literal["transformers", "nemo"]

EUROPEAN = frozenset(
    {
        "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it",
        "lt", "lv", "mt", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "uk",
    }
)  # fmt: skip
"""Codes of the 25 languages of parakeet-tdt-0.6b-v3 and canary-1b-v2."""

TRANSFORMERS = Engine("transformers", ("torch", "transformers"), 'pip install "crisp-align[nvidia]"')
NEMO = Engine("nemo", ("torch", "nemo"), 'pip install "crisp-align[nemo]"')


def locate(family: models.Family, name: str, options: LoadOptions) -> tuple[Runtime, Path]:
    """The engine for a model and where its weights are, downloaded if need be.

    A .nemo archive runs on NeMo and everything else on transformers. Asked for NeMo, a name stands for its archive.

    Raises:
        OptionError: no such engine, or one that does not read these weights.
        MissingDependencyError: the engine is not installed.
        ModelError: no such model.
    """
    runtime = options.runtime
    if runtime not in ("auto", "transformers", "nemo"):
        raise OptionError(f"no runtime {runtime!r} for this backend", hint="use transformers, nemo or auto")
    archived = name.endswith(".nemo")
    if runtime == "transformers" and archived:
        raise OptionError(f"{name} runs on NeMo, not on transformers", hint="leave out --runtime")
    if runtime == "nemo" and not archived:
        if Path(name).expanduser().is_dir():
            raise OptionError(f"{name} holds no .nemo archive, and NeMo reads no other", hint="leave out --runtime")
        name += ".nemo"
    chosen: Runtime = "nemo" if name.endswith(".nemo") else "transformers"
    engine = NEMO if chosen == "nemo" else TRANSFORMERS
    if not engine.is_installed:  # before gigabytes are downloaded for nothing
        raise MissingDependencyError(f"{engine.name} is not installed", hint=engine.install)
    return chosen, models.obtain(family, name, offline=options.offline)
