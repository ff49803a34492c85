"""Classes that installed packages publish under an entry-point group, found by name or by profile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crisp_align.errors import CrispAlignError, MissingDependencyError, ModelError, OptionError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["BACKENDS", "load_plugin", "loading", "plugin_names", "profiles"]

BACKENDS = "crisp_align.backends"
"""Entry-point group of the speech backends."""


def plugin_names(group: str) -> list[str]:
    """Return the names that are published in `group`, sorted."""
    return sorted(_points(group))


def load_plugin(group: str, name: str, noun: str) -> Any:
    """Return the class published as `name` in `group`; `noun` is what messages call it.

    Raises:
        OptionError: no installed package publishes it.
        MissingDependencyError: its module does not import, or the class has no profile.
    """
    points = _points(group)
    if name not in points:
        raise OptionError(f"no {noun} is called {name!r}", hint=f"installed: {', '.join(sorted(points)) or 'none'}")
    return _loaded(points[name], noun)


def profiles(group: str) -> dict[str, Any]:
    """Return the profile of each class in `group` that imports, by name; the highest rank first."""
    found: dict[str, Any] = {}
    for name, point in sorted(_points(group).items()):
        try:
            found[name] = _loaded(point, "plug-in").profile
        except MissingDependencyError:  # whoever asks for it by name gets this error
            continue
    return dict(sorted(found.items(), key=lambda item: -item[1].rank))


@contextmanager
def loading(noun: str, name: str) -> Iterator[None]:
    """Turn whatever an engine or a plug-in raises while it loads into an error of ours; memory that ran out stays.

    Raises:
        MissingDependencyError: a module is missing.
        ModelError: anything else went wrong.
    """
    try:
        yield
    except (CrispAlignError, MemoryError):
        raise
    except ImportError as error:
        raise MissingDependencyError(
            f"{noun} {name!r} does not load ({error})", hint="install what its package asks for"
        ) from error
    except Exception as error:
        raise ModelError(f"{noun} {name!r} does not load ({type(error).__name__}: {error})") from error


def _points(group: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # half of what importing this module would cost

    return {point.name: point for point in entry_points(group=group)}


def _loaded(point: EntryPoint, noun: str) -> Any:
    try:
        loaded = point.load()
    except Exception as error:  # a package of others, broken in any way
        reason = error if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise MissingDependencyError(
            f"{noun} {point.name!r} does not import ({reason})", hint="reinstall the package that provides it"
        ) from error
    if not hasattr(getattr(loaded, "profile", None), "rank"):
        raise MissingDependencyError(
            f"{noun} {point.name!r} has no profile", hint="update the package that provides it (docs/backends.md)"
        )
    return loaded
