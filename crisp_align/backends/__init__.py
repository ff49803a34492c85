"""What a speech backend is, and the registry that finds one by name.

A backend is any class that satisfies `Backend`, published under the entry-point group `crisp_align.backends`. Its
module must be cheap to import: the engine (ctranslate2, torch, …) is imported in `load`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, cast, runtime_checkable

from crisp_align.backends.capabilities import Limits
from crisp_align.backends.options import DecodeOptions, LoadOptions, ModelChoice
from crisp_align.errors import CrispAlignError, MissingDependencyError, ModelError, OptionError

if TYPE_CHECKING:
    from crisp_align.transcript import Clip, Word

__all__ = [
    "Backend",
    "DecodeOptions",
    "Engine",
    "LoadOptions",
    "ModelChoice",
    "Profile",
    "Transcription",
    "backend_class",
    "backend_names",
    "load_backend",
]

GROUP = "crisp_align.backends"


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a backend heard in one clip. Empty text: nothing was said."""

    text: str
    language: str | None = None
    """Code of the language that is spoken; a translation is in the one that was asked for."""
    words: tuple[Word, ...] | None = None
    """The backend's own word times, s from the clip's start; their texts concatenate to `text`. None: it has none."""
    notices: tuple[str, ...] = ()
    """What was dropped or cut, and why; told under -v and kept in the Transcript."""
    certain: bool = False
    """The language was given, is the only one the model knows, or was detected with confidence; False where it is a
    guess or follows an earlier clip. It says nothing of the text, which may be empty."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One way a backend can run."""

    name: str
    """As typed after --runtime."""
    modules: tuple[str, ...]
    """Modules that must be importable."""
    install: str
    """The command that installs them."""

    @property
    def is_installed(self) -> bool:
        """Whether its modules are there; none of them is imported."""
        try:
            return all(find_spec(module) is not None for module in self.modules)
        except (ImportError, ValueError):
            return False


@dataclass(frozen=True, slots=True)
class Profile:
    """What a backend says of itself before anything is loaded. A model may do less than its backend can."""

    limits: Limits
    """What none of its models can do is refused before weights are looked for."""
    engines: tuple[Engine, ...]
    """The preferred one first."""
    max_clip: float
    """s, the longest clip."""
    family: str | None = None
    """Its family in `crisp_align.models`, if its weights are found there."""


@runtime_checkable
class Backend(Protocol):
    """A loaded speech-to-text model.

    To write one: (1) a class with the five class attributes below, its module importing no engine at top level;
    (2) `load`, which imports the engine and the weights; (3) `transcribe`; (4) an entry point in the group
    `crisp_align.backends`, `name = "package.module:Class"`. A class attribute `profile`, a `Profile`, is not needed to
    run; it lets `crisp-align backends` say more, and options be refused before weights are looked for.
    """

    name: ClassVar[str]
    """As typed after --backend."""
    translates: ClassVar[bool]
    native_words: ClassVar[bool]
    """Whether `Transcription.words` is ever filled in."""

    model: str
    """What was loaded, for the record: a name, Hub id or path."""
    max_clip: float
    """s, the longest clip it takes."""
    languages: frozenset[str] | None
    """Codes it knows; None: any."""
    batch_size: int
    """Clips in one call that suit its device."""

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        """Load weights.

        Args:
            model: a name, Hub id, local path, or "auto": the best already on this machine.
            options: device, type, threads.

        Raises:
            ModelError: no such model, or damaged, or not loadable.
        """
        ...

    def check(self, options: DecodeOptions) -> None:
        """Refuse, before any audio is read, what this model cannot do.

        Raises:
            OptionError: naming the option and what would work.
        """
        ...

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        """One transcription a clip, in order. Clips may come from different sources."""
        ...


def backend_names() -> list[str]:
    """Names of every installed backend, sorted."""
    from importlib.metadata import entry_points  # half of what importing this module would cost

    return sorted({point.name for point in entry_points(group=GROUP)})


def backend_class(name: str) -> type[Backend]:
    """The backend published as `name`; "auto" is Whisper, the one whose weights can come with the package.

    Raises:
        OptionError: no installed package publishes it.
        MissingDependencyError: its module does not import.
    """
    return cast(type[Backend], plugin(GROUP, "whisper" if name == "auto" else name, "backend"))


def load_backend(
    name: str = "auto",
    model: str = "auto",
    *,
    options: LoadOptions | None = None,
    decode: DecodeOptions | None = None,
) -> Backend:
    """Load a backend by name; see `backend_class`.

    Args:
        name: as after --backend.
        model: a name, Hub id, local path, or "auto": the best already on this machine.
        options: where and how it runs.
        decode: what it will be asked for, refused if it cannot honour that: before its weights are looked for, if no
            model of the backend can.

    Raises:
        OptionError: no such backend, or an option it cannot honour.
        ModelError: weights missing, damaged or of the wrong kind.
    """
    kind = backend_class(name)
    profile = getattr(kind, "profile", None)
    if decode is not None and isinstance(profile, Profile):
        profile.limits.check(decode)
    with loading("backend", name):
        backend = kind.load(model, options or LoadOptions())
    if decode is not None:
        backend.check(decode)
    return backend


def plugin(group: str, name: str, noun: str) -> object:
    """Load the entry point `name` of `group`; `noun` is what messages call it.

    Raises:
        OptionError: no installed package publishes it.
        MissingDependencyError: its module does not import.
    """
    from importlib.metadata import entry_points

    points = {point.name: point for point in entry_points(group=group)}
    if name not in points:
        raise OptionError(f"no {noun} is called {name!r}", hint=f"installed: {', '.join(sorted(points)) or 'none'}")
    try:
        return points[name].load()
    except Exception as error:  # a package of others, broken in any way
        said = error if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise MissingDependencyError(
            f"{noun} {name!r} does not import ({said})", hint="reinstall the package that provides it"
        ) from error


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
