"""`crisp-align models`: which weights exist, which are here, and how to get and check them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crisp_align.cli.command import CONTEXT, Command
from crisp_align.cli.fields import OptionGroup, argument, flag, group, option
from crisp_align.errors import ModelError, OptionError

if TYPE_CHECKING:
    from crisp_align.models.catalogue import Family, Weights

__all__ = ["command"]

_OPTIONS = "Options"  # the heading


@dataclass(frozen=True, eq=False, repr=False)
class _HereGroup(OptionGroup):
    here: bool = flag("--here", help="only those on this machine")


@dataclass(frozen=True, eq=False, repr=False)
class _FamilyGroup(OptionGroup):
    family: str | None = option(
        "--family", metavar="NAME", help="what kind of model a Hub id or folder is, if not the default backend's"
    )


@dataclass(frozen=True, eq=False, repr=False)
class _OfflineGroup(OptionGroup):
    offline: bool = flag("--offline", help="do not download; only see whether it is here")


@dataclass(frozen=True, eq=False, repr=False)
class ListOptions:
    """Which models to list."""

    which: _HereGroup = group(_HereGroup, _OPTIONS)


@dataclass(frozen=True, eq=False, repr=False)
class PathOptions:
    """Which model to look for."""

    name: str = argument(metavar="MODEL")
    kind: _FamilyGroup = group(_FamilyGroup, _OPTIONS)


@dataclass(frozen=True, eq=False, repr=False)
class PullOptions(PathOptions):
    """Which model to download."""

    network: _OfflineGroup = group(_OfflineGroup, _OPTIONS)


@dataclass(frozen=True, eq=False, repr=False)
class VerifyOptions:
    """Which models to check."""

    name: str | None = argument(required=False, metavar="[MODEL]")
    kind: _FamilyGroup = group(_FamilyGroup, _OPTIONS)


def _list(options: ListOptions) -> int:
    """A line a model: where it is, or how big the download is."""
    from crisp_align.models import store as models

    for family in models.FAMILIES:
        click.echo(f"{family}:")
        for weights in (entry for entry in models.CATALOGUE if entry.family == family):
            place = _place(weights)
            if place is None and options.which.here:
                continue
            state = f"not here, about {weights.megabytes} MB" if place is None else place
            click.echo(f"  {weights.name:28} {state:32} {weights.repo}")
    return 0


def _place(weights: Weights) -> str | None:
    """bundled, cached, or what is wrong with it; None: not on this machine."""
    from crisp_align.models import store as models

    try:
        path = models.find_local(weights.family, weights.name)
    except ModelError as error:
        return f"unusable: {error.what}"
    return None if path is None else models.source_of(path)


def _path(options: PathOptions) -> int:
    """The folder of a model that is here."""
    click.echo(os.fspath(_present(_family(options.kind.family, options.name), options.name)))
    return 0


def _present(family: Family, name: str) -> Path:
    """Where a model is on this machine.

    Raises:
        ModelError: it is not, or not whole.
    """
    from crisp_align.models import store as models

    path = models.find_local(family, name)
    if path is None:
        raise ModelError("is not on this machine", subject=name, hint=f"crisp-align models pull {name}")
    return path


def _pull(options: PullOptions) -> int:
    """Download a model, if it is not here yet."""
    from crisp_align.models import store as models

    family = _family(options.kind.family, options.name)
    path = models.ensure(family, options.name, offline=options.network.offline)
    click.echo(os.fspath(path))
    return 0


def _verify(options: VerifyOptions) -> int:
    """Check models by their hashes; all that are here, where none is named. 3 if one is damaged."""
    from crisp_align.models import store as models

    code = 0
    for name, path in _verified(options):
        verdict = models.verify(path)
        if verdict.problems:
            code = 3
            click.echo(f"{name}: {'; '.join(verdict.problems)}; delete {path} and fetch it again")
        elif verdict.hashed:
            click.echo(f"{name}: intact, {verdict.hashed} files checked by their hashes")
        else:
            click.echo(
                f"{name}: nothing amiss; its publisher's hashes are not known here, so only its form was checked"
            )
    return code


def _verified(options: VerifyOptions) -> list[tuple[str, Path]]:
    """Names and folders of the models to check."""
    from crisp_align.models import store as models

    if options.name is not None:
        return [(options.name, _present(_family(options.kind.family, options.name), options.name))]
    here = [(weights, models.find_local(weights.family, weights.name)) for weights in models.CATALOGUE]
    found = {path: weights.name for weights, path in here if path is not None}
    return [(name, path) for path, name in found.items()]


def _family(named: str | None, model: str) -> Family:
    """The family of the model that was named: the catalogue's, or the one given; Whisper else.

    Raises:
        OptionError: there is no such family.
    """
    from crisp_align.models import store as models

    for family in models.FAMILIES:
        if named == family:
            return family
    if named is not None:
        raise OptionError(f"no family is called {named!r}", hint=f"families: {', '.join(models.FAMILIES)}")
    weights = models.lookup(model)
    return weights.family if weights is not None else models.FAMILIES[0]


command = click.Group(
    "models",
    help="List, find, fetch and verify weights. Fetched ones lie in the ordinary Hugging Face cache.",
    context_settings=dict(CONTEXT),
    commands=[
        Command("list", _list, ListOptions, text="List the models known by name, and which are on this machine."),
        Command("path", _path, PathOptions, text="Print where a model is on this machine."),
        Command("pull", _pull, PullOptions, text="Download a model, unless it is here already, and print where it is."),
        Command(
            "verify",
            _verify,
            VerifyOptions,
            text="Read a model, or every one on this machine, whole, and compare it with its publisher's hashes.",
        ),
    ],
)
