"""Which engine runs a model that several can run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from crisp_align.backends import Engine, LoadOptions
from crisp_align.errors import MissingDependencyError, ModelError, OptionError
from crisp_align.models import store as models
from crisp_align.models.catalogue import RANKING

__all__ = ["EUROPEAN", "NEMO", "TRANSFORMERS", "Runtime", "locate", "require"]

Runtime: TypeAlias = Literal["transformers", "nemo"]

EUROPEAN = frozenset(
    {
        "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it",
        "lt", "lv", "mt", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "uk",
    }
)  # fmt: skip
"""Codes of the 25 languages of parakeet-tdt-0.6b-v3 and canary-1b-v2."""

_DTYPES = frozenset({"float32", "bfloat16", "float16"})
TRANSFORMERS = Engine("transformers", ("torch", "transformers"), 'pip install "crisp-align[nvidia]"', _DTYPES)
NEMO = Engine("nemo", ("torch", "nemo"), 'pip install "crisp-align[nemo]"', _DTYPES)


def locate(family: models.Family, model: str, options: LoadOptions) -> tuple[Runtime, str, Path]:
    """The engine for a model, the model's name and where its weights are, downloaded if need be.

    A .nemo archive runs on NeMo and everything else on transformers. Asked for NeMo, a name stands for its archive.

    Args:
        family: what kind of model it must be.
        model: a name, Hub id, folder, .nemo file, or "auto": the best that is already here.
        options: `runtime` is transformers, nemo or auto.

    Raises:
        OptionError: no such engine, or one that does not read these weights.
        MissingDependencyError: the engine is not installed.
        ModelError: no such model, or for "auto" none here.
    """
    runtime = options.runtime
    if runtime not in ("auto", "transformers", "nemo"):
        raise OptionError(f"no runtime {runtime!r} for this backend", hint="use transformers, nemo or auto")
    name = _best(family, runtime) if model == "auto" else _named(family, model, runtime)
    archived = name.endswith(".nemo")
    if runtime == "transformers" and archived:
        raise OptionError(f"{name} runs on NeMo, not on transformers", hint="leave out --runtime")
    chosen: Runtime = "nemo" if name.endswith(".nemo") else "transformers"
    engine = NEMO if chosen == "nemo" else TRANSFORMERS
    require(engine)  # before gigabytes are downloaded for nothing
    return chosen, name, models.ensure(family, name, offline=options.offline)


def _best(family: models.Family, runtime: str) -> str:
    """What "auto" means for an engine.

    Raises:
        MissingDependencyError: nothing is here, not even the engine.
        ModelError: no weights are here that it reads.
    """

    def suits(name: str) -> bool:
        return runtime == "auto" or name.endswith(".nemo") == (runtime == "nemo")

    name = models.best_local(family, suits)
    if name is None:
        require(NEMO if runtime == "nemo" else TRANSFORMERS)
        pull = next(filter(suits, RANKING[family]))
        reader = "" if runtime == "auto" else f" for {runtime}"
        raise ModelError(
            f"no {family.capitalize()} weights{reader} on this machine",
            hint=f"`crisp-align models pull {pull}` gets them",
        )
    return name


def _named(family: models.Family, model: str, runtime: str) -> str:
    """The name of the archive, where it is one that is meant; anything else as it is.

    Raises:
        OptionError: a folder was given, for NeMo.
    """
    if model.endswith(".nemo"):
        return model
    entry = models.lookup(model, family)
    if runtime == "nemo":
        if entry is None and Path(model).expanduser().is_dir():
            raise OptionError(f"{model} holds no .nemo archive, and NeMo reads no other", hint="leave out --runtime")
        archive = f"{model if entry is None else entry.repo}.nemo"
        entry = models.lookup(archive, family)
        return archive if entry is None else entry.name
    return entry.name if entry is not None and entry.archive else model


def require(engine: Engine) -> None:
    """Refuse to go on without an engine.

    Raises:
        MissingDependencyError: it is not installed; the hint is the command that installs it.
    """
    if not engine.is_installed:
        raise MissingDependencyError(f"{' or '.join(engine.modules)} is not installed", hint=engine.install)
