"""`crisp-align doctor`: what is here, what is missing, and the one command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import click

from crisp_align.cli.command import Command
from crisp_align.errors import CrispAlignError, printable

__all__ = ["Finding", "command"]

_SPACE = 2e9  # bytes free, below which the larger models do not fit


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    state: Literal["ok", "gap", "broken"]
    """gap: works without; broken: the main job does not."""
    text: str
    mend: str | None = None
    """The command that mends it."""


@dataclass(frozen=True, slots=True)
class _Engine:
    """A package that does the heavy work."""

    package: str
    module: str
    serves: str
    mend: str
    essential: bool = False


_QWEN = 'pip install "crisp-align[qwen]"'
_ENGINES = (
    _Engine("faster-whisper", "faster_whisper", "Whisper", "pip install faster-whisper", essential=True),
    _Engine("ctranslate2", "ctranslate2", "Whisper", "pip install --force-reinstall ctranslate2", essential=True),
    _Engine(
        "onnxruntime", "onnxruntime", "voice activity", "pip install --force-reinstall onnxruntime", essential=True
    ),
    _Engine("pocketsphinx", "pocketsphinx", "the hmm aligner", "pip install pocketsphinx", essential=True),
    _Engine("torch", "torch", "Qwen3, Parakeet and Canary", _QWEN),
    _Engine("transformers", "transformers", "Qwen3, Parakeet and Canary", _QWEN),
    _Engine("nagisa", "nagisa", "Japanese text for Qwen3", _QWEN),
    _Engine("nemo_toolkit", "nemo", ".nemo files", 'pip install "crisp-align[nemo]"'),
)


@dataclass(frozen=True, eq=False, repr=False)
class DoctorOptions:
    """The command takes none."""


def run(options: DoctorOptions) -> int:
    """Look at everything; 3 if the main job would not work."""
    broken = False
    for heading, look in (
        ("System", _system),
        ("Engines", _engines),
        ("Devices", _devices),
        ("Models", _models),
        ("Caches", _caches),
    ):
        click.echo(f"{heading}:")
        for finding in look():
            broken |= finding.state == "broken"
            _show(finding)
    click.echo("Something essential is missing." if broken else "Ready.")
    return 3 if broken else 0


def _show(finding: Finding) -> None:
    mark = {"ok": "ok     ", "gap": "-      ", "broken": "MISSING"}[finding.state]
    click.echo(f"  {mark}  {finding.what:16} {printable(finding.text)}")
    if finding.mend is not None:
        click.echo(f"  {'':7}  {'':16} mend: {finding.mend}")


def _system() -> Iterator[Finding]:
    from crisp_align import __version__

    yield Finding("crisp-align", "ok", __version__)
    yield Finding("Python", "ok", f"{platform.python_version()} ({sys.executable})")
    yield Finding("Platform", "ok", f"{platform.platform()}, {os.cpu_count()} CPUs")
    yield _ffmpeg()


def _ffmpeg() -> Finding:
    from crisp_align.media.ffmpeg import find_ffmpeg

    try:
        path = find_ffmpeg()
        told = subprocess.run([path, "-version"], capture_output=True, timeout=20, check=True, stdin=subprocess.DEVNULL)
    except (CrispAlignError, OSError, subprocess.SubprocessError) as error:
        return Finding("ffmpeg", "broken", f"none that runs ({error})", "pip install --force-reinstall imageio-ffmpeg")
    return Finding("ffmpeg", "ok", f"{told.stdout.decode(errors='replace').partition(' Copyright')[0]} ({path})")


def _engines() -> Iterator[Finding]:
    for engine in _ENGINES:
        bad: Literal["broken", "gap"] = "broken" if engine.essential else "gap"
        try:
            number = version(engine.package)
        except PackageNotFoundError:
            yield Finding(engine.package, bad, f"not installed; {engine.serves} would need it", engine.mend)
            continue
        # Those that are not essential take seconds to import; that they are installed must do.
        trouble = _import_trouble(engine.module) if engine.essential else None
        if trouble is not None:
            yield Finding(engine.package, bad, f"{number} does not import ({trouble})", engine.mend)
        else:
            yield Finding(engine.package, "ok", f"{number} ({engine.serves})")


def _import_trouble(module: str) -> str | None:
    try:
        import_module(module)
    except Exception as error:  # a broken native library raises what it likes
        return (str(error) or type(error).__name__).partition("\n")[0]
    return None


def _devices() -> Iterator[Finding]:
    yield Finding("CTranslate2", "ok", _told(_ctranslate2_devices))
    try:
        version("torch")
    except PackageNotFoundError:
        return
    yield Finding("torch", "ok", _told(_torch_devices))


def _told(look: Callable[[], str]) -> str:
    """What `look` says; a driver in trouble is told, not raised."""
    try:
        return look()
    except Exception as error:  # drivers raise what they like
        return f"cannot tell ({(str(error) or type(error).__name__).partition(chr(10))[0]})"


def _ctranslate2_devices() -> str:
    import ctranslate2

    count = ctranslate2.get_cuda_device_count()
    types = ", ".join(sorted(ctranslate2.get_supported_compute_types("cuda" if count else "cpu")))
    return f"{f'{count} CUDA device(s)' if count else 'CPU only'} ({types})"


def _torch_devices() -> str:
    import torch

    if torch.cuda.is_available():
        return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    return "Apple GPU (mps)" if torch.backends.mps.is_available() else "CPU only"


def _models() -> Iterator[Finding]:
    from crisp_align.models import store as models

    better = {
        "whisper": "crisp-align models pull large-v3-turbo (or large-v3, which translates)",
        "qwen3-aligner": "crisp-align models pull qwen3-forcedaligner-0.6b-hf",
        "qwen3-asr": "crisp-align models pull qwen3-asr-0.6b-hf",
        "parakeet": "crisp-align models pull parakeet-tdt-0.6b-v3",
        "canary": "crisp-align models pull canary-1b-v2",
    }
    for family in models.FAMILIES:
        bad: Literal["broken", "gap"] = "broken" if family == "whisper" else "gap"
        mend = 'pip install "crisp-align[offline]"' if family == "whisper" else better[family]
        try:
            name = models.best_local(family)
            path = models.find_local(family, name) if name is not None else None
        except CrispAlignError as error:
            yield Finding(family, bad, str(error), mend)
            continue
        if name is None or path is None:
            yield Finding(family, bad, "none on this machine", mend)
        elif family == "whisper" and name in ("base", "tiny", "tiny.en", "base.en"):
            yield Finding(family, "ok", f"{name} ({models.source_of(path)}); a better one: {better[family]}")
        else:
            yield Finding(family, "ok", f"{name} ({models.source_of(path)})")


def _caches() -> Iterator[Finding]:
    from crisp_align.models.bundled import cache_folder
    from crisp_align.models.store import hub_cache

    for what, folder, variable in (
        ("crisp-align", cache_folder(), "CRISP_ALIGN_CACHE"),
        ("Hugging Face", hub_cache(), "HF_HOME"),
    ):
        present = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not os.access(present, os.W_OK):
            yield Finding(what, "gap", f"{folder} cannot be written", f"export {variable}=/a/folder/that/can")
            continue
        yield _room(what, folder, present, variable)


def _room(what: str, folder: Path, present: Path, variable: str) -> Finding:
    free = shutil.disk_usage(present).free
    text = f"{folder}, {free / 1e9:.1f} GB free"
    if free < _SPACE:
        return Finding(what, "gap", text, f"export {variable}=/a/folder/with/room")
    return Finding(what, "ok", text)


command = Command(
    "doctor",
    run,
    DoctorOptions,
    text="Look for what is missing, and say what mends it. Exit code 3: the main job would fail.",
)
