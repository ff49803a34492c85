"""`crisp-align backends`: what can transcribe and what can align here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import click

from crisp_align.cli.command import Command
from crisp_align.errors import CrispAlignError, printable

__all__ = ["command"]


@dataclass(frozen=True, eq=False, repr=False)
class BackendsOptions:
    """The command takes none."""


def run(options: BackendsOptions) -> int:
    """Print both lists."""
    from crisp_align.aligners import aligner_class, aligner_names
    from crisp_align.backends import backend_class, backend_names

    for heading, names, load in (
        ("Backends (--backend)", backend_names(), backend_class),
        ("Aligners (-am)", aligner_names(), aligner_class),
    ):
        click.echo(f"{heading}:")
        width = max(map(len, names), default=0)
        for name in names:
            plugin = _loaded(load, name)
            click.echo(f"  {name:{width}}  {plugin if isinstance(plugin, str) else _about(plugin)}")
            if load is backend_class and not isinstance(plugin, str):
                for line in _abilities(plugin):
                    click.echo(f"  {'':{width}}    {printable(line)}")
    return 0


def _loaded(load: Callable[[str], object], name: str) -> object:
    """The plugin; why it cannot be used, where it does not import."""
    try:
        return load(name)
    except CrispAlignError as error:
        return str(error)


def _about(plugin: object) -> str:
    """The first line of what its module, or else the class, says about itself."""
    text = inspect.getdoc(inspect.getmodule(plugin)) or inspect.getdoc(plugin) or ""
    return printable(text.partition("\n")[0])


def _abilities(plugin: object) -> list[str]:
    """What a backend can do, in lines; nothing for an aligner."""
    from crisp_align.backends import BackendProfile

    profile = getattr(plugin, "profile", None)
    if not isinstance(profile, BackendProfile):
        return []
    limits = profile.capabilities
    count = "any language" if limits.languages is None else f"{len(limits.languages)} languages"
    does = [
        f"{count}, {'detected' if limits.detects else 'to be named with -l'}",
        "times of its own" if getattr(plugin, "native_words", False) else "timed by an aligner",
        *(["translates"] if getattr(plugin, "translates", False) else []),
        *(["takes prompts"] if limits.prompts else []),
        f"clips of up to {profile.max_clip:g} s",
    ]
    runs = [f"{engine.name}: {'installed' if engine.is_installed else engine.install}" for engine in profile.engines]
    return ["; ".join(does), *runs, *([f"models here: {_present(profile.family)}"] if profile.family else [])]


def _present(family: str) -> str:
    """Names of the models of a family that are on this machine."""
    from crisp_align.models import store as models

    here = []
    for weights in models.CATALOGUE:
        try:
            if weights.family == family and models.find_local(weights.family, weights.name) is not None:
                here.append(weights.name)
        except CrispAlignError:
            here.append(f"{weights.name} (damaged)")
    return ", ".join(here) or "none"


command = Command("backends", run, BackendsOptions, text="List speech backends and aligners.")
