"""`crisp-align backends`: what can transcribe and what can align here."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import click

from crisp_align.cli.command import Command, Params
from crisp_align.errors import CrispAlignError, printable

__all__ = ["command"]


def run(params: Params) -> int:
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
            click.echo(f"  {name:{width}}  {_about(load, name)}")
    return 0


def _about(load: Callable[[str], object], name: str) -> str:
    """The first line of what a plugin's module says about itself; why it cannot be used, where it does not import."""
    try:
        plugin = load(name)
    except CrispAlignError as error:
        return str(error)
    text = inspect.getdoc(inspect.getmodule(plugin)) or ""
    return printable(text.partition("\n")[0])


command = Command("backends", run, text="List speech backends and aligners.")
