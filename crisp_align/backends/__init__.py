"""What a speech backend is, and the registry that finds one by name.

A backend is any class that satisfies `Backend`, published under the entry-point group `crisp_align.backends`. Its
module must be cheap to import: the engine (ctranslate2, torch, …) is imported in `load`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, cast, runtime_checkable

from crisp_align.backends.options import DecodeOptions, LoadOptions, ModelChoice
from crisp_align.backends.plugins import BACKENDS, load_plugin, loading, plugin_names, profiles

if TYPE_CHECKING:
    from crisp_align.backends.capabilities import Capabilities
    from crisp_align.backends.profile import BackendProfile, Engine
    from crisp_align.transcript import Clip, Word

__all__ = [
    "Backend",
    "BackendProfile",
    "Capabilities",
    "DecodeOptions",
    "Engine",
    "LoadOptions",
    "ModelChoice",
    "Transcription",
    "backend_class",
    "backend_names",
    "backend_profiles",
    "load_backend",
]

_HOMES = {"BackendProfile": "profile", "Capabilities": "capabilities", "Engine": "profile"}


def __getattr__(name: str) -> object:
    # The command line reads the options of this package for every --help; what no option needs loads on first use.
    if name in _HOMES:
        return getattr(import_module(f"crisp_align.backends.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a backend transcribed in one clip. Empty text: nothing was said."""

    text: str
    language: str | None = None
    """Code of the language that is spoken; a translation is in the one that was asked for."""
    words: tuple[Word, ...] | None = None
    """The backend's own word times, s from the clip's start; their texts concatenate to `text`. None: it has none."""
    notices: tuple[str, ...] = ()
    """What was dropped or cut, and why; shown under -v and kept in the Transcript."""
    certain: bool = False
    """The language was given, is the only one the model knows, or was detected with confidence; False where it is a
    guess or follows an earlier clip. It says nothing of the text, which may be empty."""
    log_prob: float | None = None
    """Mean log-probability a token of the text; None: the backend does not say."""


@runtime_checkable
class Backend(Protocol):
    """A loaded speech-to-text model.

    >>> backend = load_backend("whisper", "small")
    >>> backend.transcribe([clip], DecodeOptions(language="en"))
    [Transcription(text=" And so, …", language="en", …)]

    To write one: (1) a class with the class attributes below, its module importing no engine at top level;
    (2) `load`, which imports the engine and the weights; (3) `transcribe`; (4) an entry point in the group
    `crisp_align.backends`, `name = "package.module:Class"`.
    """

    name: ClassVar[str]
    """As typed after --backend."""
    translates: ClassVar[bool]
    native_words: ClassVar[bool]
    """Whether `Transcription.words` is ever filled in."""
    profile: ClassVar[BackendProfile]
    """What it says of itself before anything is loaded."""

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
    return plugin_names(BACKENDS)


def backend_profiles() -> dict[str, BackendProfile]:
    """Profile of every installed backend that imports, the highest rank first."""
    return profiles(BACKENDS)


def backend_class(name: str, model: str = "auto") -> type[Backend]:
    """The backend published as `name`.

    Args:
        name: as typed; "auto": the one of the highest rank that has weights here, or, where a model is named or none
            has any, the one of the highest rank.
        model: what it will be asked to load. A GGUF file goes to the backend that runs GGUF files of that name.

    Raises:
        OptionError: no installed package publishes it.
        MissingDependencyError: its module does not import.
    """
    from crisp_align.backends.profile import best_here

    if name not in ("auto", *backend_names()) or model.lower().partition(":")[0].endswith(("gguf", ".ggml")):
        name = next((each for each, held in backend_profiles().items() if name in held.gguf_of), name)

    if name == "auto":
        ranked = backend_profiles()
        name = (best_here(ranked) if model == "auto" else next(iter(ranked), None)) or name
    return cast(type[Backend], load_plugin(BACKENDS, name, "backend"))


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
    kind = backend_class(name, model)
    if decode is not None:
        kind.profile.capabilities.check(decode)
    with loading("backend", name):
        backend = kind.load(model, options or LoadOptions())
    if decode is not None:
        backend.check(decode)
    return backend
