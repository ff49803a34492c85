"""What a backend or an aligner says of itself before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from crisp_align.backends.capabilities import Capabilities
from crisp_align.errors import ModelError, OptionError

if TYPE_CHECKING:
    from crisp_align.models.catalogue import Family

__all__ = ["BackendProfile", "Engine", "Profile", "best_here", "check_runtime"]


@dataclass(frozen=True, slots=True)
class Engine:
    """One way a backend or an aligner can run."""

    name: str
    """As typed after --runtime or --align-runtime."""
    modules: tuple[str, ...]
    """Modules that must be importable."""
    install: str
    """The command that installs them."""
    dtypes: frozenset[str] = frozenset()
    """Number types it computes in, on some device, as typed after --dtype."""
    optional: tuple[str, ...] = ()
    """Modules that it needs for some languages only."""
    required: bool = False
    """Whether crisp-align itself depends on the modules, so that without them the installation is broken."""

    asks_servers: bool = False
    """Whether the model runs on servers whose addresses are given."""
    serve_command: str = ""
    """`module:function` of what returns the command that starts a server for it; empty: any server will do."""
    check_server: str = ""
    """`module:function` of what, given an address, asks its server for a trifle and returns what it serves; it raises
    ModelError where that is nothing for this engine."""

    @property
    def is_installed(self) -> bool:
        """Whether its modules are there; none of them is imported."""
        try:
            return all(find_spec(module) is not None for module in self.modules)
        except (ImportError, ValueError):
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What backends and aligners have in common: "auto", `crisp-align doctor` and the advice to users read it."""

    rank: int = 0
    """"auto" takes the highest rank of what is here. Whisper has 100 among the backends, Qwen3-ForcedAligner 90 among
    the aligners."""
    engines: tuple[Engine, ...] = ()
    """The preferred one first."""
    family: Family | None = None
    """Its family in `crisp_align.models.catalogue`; None: it finds its weights by itself, and counts as here."""
    default_model: str | None = None
    """Name of the model to get for it, where none is here or only a small one."""
    remark: str = ""
    """What `crisp-align doctor` adds to that advice."""
    bundled_by: str | None = None
    """The command that installs a package with a model of it, where one exists."""
    extra: frozenset[str] = frozenset()
    """Names of the options of its own that `LoadOptions.extra` may hold."""

    @property
    def is_here(self) -> bool:
        """Whether weights of it are on this machine. Damaged ones count: whoever loads them says so."""
        from crisp_align.models.store import best_local

        if self.family is None:
            return not self.engines or not all(engine.asks_servers for engine in self.engines)
        try:
            return best_local(self.family) is not None
        except ModelError:
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendProfile(Profile):
    """What a backend says of itself. A model may do less than its backend can."""

    capabilities: Capabilities
    """What none of its models can do is refused before weights are looked for."""
    max_clip: float
    """s, the longest clip."""
    gguf_of: frozenset[str] = frozenset()
    """Names of kinds of models whose GGUF files it runs; see `backend_class`."""
    has_cross_attention: bool = False
    """Whether it is a `CrossAttention`, so that an aligner may share its model."""
    trusted_unrated: bool = False
    """Whether a second look at voice without words may believe it where it gives no log-probability: it seldom writes
    what nobody says. Its text must fit the voice in length, and the aligner that was asked for must time it."""


P = TypeVar("P", bound=Profile)


def best_here(profiles: Mapping[str, P]) -> str | None:
    """Return the first name, in the order given, whose weights are here; where none are, the first of all."""
    return next((name for name, profile in profiles.items() if profile.is_here), next(iter(profiles), None))


def check_runtime(title: str, profile: Profile, runtime: str) -> None:
    """Refuse a runtime that is none of its engines.

    Raises:
        OptionError: naming the engines there are.
    """
    names = [engine.name for engine in profile.engines]
    if runtime not in ("auto", *names):
        raise OptionError(f"{title} has no runtime {runtime!r}", hint=f"use {', '.join([*names, 'auto'])}")
