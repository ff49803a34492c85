"""`crisp-align doctor`: what is here, what is missing, and the one command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from crisp_align.cli.command import Command
from crisp_align.cli.fields import OptionGroup, group, option
from crisp_align.errors import CrispAlignError, printable

if TYPE_CHECKING:
    from crisp_align.backends import Engine
    from crisp_align.backends.profile import Profile

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


_VOICE_ACTIVITY = "onnxruntime"  # a package, and its module


@dataclass(frozen=True, eq=False, repr=False)
class ServersGroup(OptionGroup):
    """Servers that are looked at."""

    servers: tuple[str, ...] = option(
        "--server", metavar="URL", multiple=True, default=(), help="check a server of models too; may be given again"
    )


@dataclass(frozen=True, eq=False, repr=False)
class DoctorOptions:
    """Arguments and options of the command."""

    servers: ServersGroup = group(ServersGroup, "Servers")


def run(options: DoctorOptions) -> int:
    """Look at everything; 3 if the main job would not work."""
    broken = False
    for heading, look in (
        ("System", _system),
        ("Engines", _engines),
        ("Devices", _devices),
        ("Models", _models),
        ("Caches", _caches),
        ("Servers", partial(_servers, options.servers.servers or ())),
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
    yield from _ffmpeg()


def _ffmpeg() -> Iterator[Finding]:
    from crisp_align.media.ffmpeg import fallback_notice, find_ffmpeg

    try:
        path = find_ffmpeg()
        reply = subprocess.run(
            [path, "-version"], capture_output=True, timeout=20, check=True, stdin=subprocess.DEVNULL
        )
    except (CrispAlignError, OSError, subprocess.SubprocessError) as error:
        yield Finding("ffmpeg", "broken", f"none that runs ({error})", "pip install --force-reinstall imageio-ffmpeg")
        return
    if (notice := fallback_notice()) is not None:
        yield Finding("ffmpeg", "gap", notice, "reinstall it, e.g. apt install --reinstall ffmpeg")
    yield Finding("ffmpeg", "ok", f"{reply.stdout.decode(errors='replace').partition(' Copyright')[0]} ({path})")


def _engines() -> Iterator[Finding]:
    """Look for the modules that the engines of all backends and aligners need, and for the one of voice activity."""
    from crisp_align.aligners import aligner_profiles
    from crisp_align.backends import backend_profiles

    needed: dict[str, list[str]] = {_VOICE_ACTIVITY: ["voice activity"]}
    required, install = {_VOICE_ACTIVITY}, {_VOICE_ACTIVITY: f"pip install --force-reinstall {_VOICE_ACTIVITY}"}
    for name, profile in [*backend_profiles().items(), *aligner_profiles().items()]:
        for engine in profile.engines:
            for module in (*engine.modules, *engine.optional):
                needed.setdefault(module, []).append(name)
                install.setdefault(module, engine.install)
                required |= {module} if engine.required else set()
    packages = packages_distributions()
    for module, users in needed.items():
        bad: Literal["broken", "gap"] = "broken" if module in required else "gap"
        what, serves = packages.get(module, [module])[0], ", ".join(dict.fromkeys(users))
        if module not in packages:
            yield Finding(what, bad, f"not installed; needed by {serves}", install[module])
            continue
        # Those that are not required take seconds to import; that they are installed must do.
        trouble = _import_trouble(module) if module in required else None
        if trouble is not None:
            yield Finding(what, bad, f"{version(what)} does not import ({trouble})", install[module])
        else:
            yield Finding(what, "ok", f"{version(what)} ({serves})")


def _import_trouble(module: str) -> str | None:
    try:
        import_module(module)
    except Exception as error:  # a broken native library raises what it likes
        return (str(error) or type(error).__name__).partition("\n")[0]
    return None


def _devices() -> Iterator[Finding]:
    yield Finding("CTranslate2", "ok", _probed(_ctranslate2_devices))
    try:
        version("torch")
    except PackageNotFoundError:
        return
    yield Finding("torch", "ok", _probed(_torch_devices))


def _probed(look: Callable[[], str]) -> str:
    """What `look` returns; an error of a driver becomes a text, not an exception."""
    try:
        return look()
    except Exception as error:  # drivers raise what they like
        return f"unknown ({(str(error) or type(error).__name__).partition(chr(10))[0]})"


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
    from crisp_align.aligners import aligner_profiles
    from crisp_align.backends import backend_profiles
    from crisp_align.models import store as models

    ranked = backend_profiles()
    main = next(iter(ranked.values()), None)
    for profile in [*ranked.values(), *aligner_profiles().values()]:
        family = profile.family
        if family is None:
            continue
        bad: Literal["broken", "gap"] = "broken" if profile is main else "gap"
        better = f"crisp-align models pull {profile.default_model}" + (f" ({profile.remark})" if profile.remark else "")
        try:
            name = models.best_local(family)
            path = models.find_local(family, name) if name is not None else None
        except CrispAlignError as error:
            yield Finding(family, bad, str(error), profile.bundled_by or better)
            continue
        if name is None or path is None:
            yield Finding(family, bad, "none on this machine", profile.bundled_by or better)
            continue
        more = f"; a better one: {better}" if models.better_model(family, name) else ""
        yield Finding(family, "ok", f"{name} ({models.source_of(path)}){_engine_of(profile, name)}{more}")


def _engine_of(profile: Profile, model: str) -> str:
    """Which engine `auto` takes for a model, where there are several."""
    from crisp_align.aligners import AlignerProfile
    from crisp_align.backends import LoadOptions

    if not isinstance(profile, AlignerProfile) or profile.engine_for is None:
        return ""
    try:
        return f", runs on {profile.engine_for(model, LoadOptions(offline=True))}"
    except CrispAlignError as error:
        return f", does not run ({error.what})"


def _servers(urls: Sequence[str]) -> Iterator[Finding]:
    """Look at what each address serves, and say how the servers are started that some engine needs."""
    from crisp_align.aligners import aligner_profiles
    from crisp_align.backends import backend_profiles

    profiles = [*backend_profiles().items(), *aligner_profiles().items()]
    engines = [(name, engine) for name, profile in profiles for engine in profile.engines if engine.asks_servers]
    for url in urls:
        yield from _server(url, engines)
    for name, engine in engines:
        if engine.serve_command:
            yield Finding(f"for {name}", "ok", f"start one with: {_function(engine.serve_command)()}")


def _function(place: str) -> Callable[..., str]:
    """The function at `module:function`."""
    module, _, name = place.partition(":")
    function: Callable[..., str] = getattr(import_module(module), name)
    return function


def _server(url: str, engines: Sequence[tuple[str, Engine]]) -> Iterator[Finding]:
    """Look at what one address serves: each engine that asks servers sends it something short."""
    refusals: list[str] = []
    served = False
    for name, engine in engines:
        if not engine.check_server:
            continue
        try:
            yield Finding(url, "ok", _function(engine.check_server)(url))
            served = True
        except CrispAlignError as error:
            refusals.append(f"{name}: {error.what}")
    if not served:
        whys = list(dict.fromkeys(text.partition(": ")[2] for text in refusals))
        yield Finding(url, "broken", whys[0] if len(whys) == 1 else "; ".join(refusals))


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
