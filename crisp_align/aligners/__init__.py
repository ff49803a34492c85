"""What a forced aligner is, and the registry that finds one by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, TypeAlias, cast, runtime_checkable

from crisp_align.backends import Backend, LoadOptions
from crisp_align.backends.plugins import load_plugin, plugin_names, profiles
from crisp_align.backends.profile import Profile
from crisp_align.transcript import Clip, Span, Unit, Word

__all__ = [
    "Aligner",
    "AlignerProfile",
    "Alignment",
    "AlignmentWithWarning",
    "Refusal",
    "Result",
    "Utterance",
    "aligner_class",
    "aligner_names",
    "aligner_profiles",
]

ALIGNERS = "crisp_align.aligners"
"""Entry-point group of the aligners."""


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """A clip and the text that is said in it: what an aligner is asked to time."""

    clip: Clip
    units: tuple[Unit, ...]
    """Never empty; their texts concatenate to the utterance's text."""
    language: str | None
    """Code of the language the text is in."""
    words: tuple[Word, ...] | None = None
    """The backend's own word times, s from the clip's start, where it has them."""
    translated: bool = False
    """The text is a translation: other words than the audio's."""
    spoken_language: str | None = None
    """Code of the language that is spoken, where the text is a translation."""

    @property
    def text(self) -> str:
        """The text the units were split from."""
        return "".join(unit.text for unit in self.units)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An aligner's word that it cannot time this utterance; the next aligner is asked."""

    reason: str
    """A clause for the user, e.g. "aligns English only, not German"."""


Alignment: TypeAlias = tuple[Span, ...]
"""One span a unit, in order, s from the clip's start. `timing` cleans it; an aligner need not."""


@dataclass(frozen=True, slots=True)
class AlignmentWithWarning:
    """An alignment that the aligner gives with a reservation, which is reported to the user."""

    alignment: Alignment
    notice: str
    """A clause whose subject is the aligner, e.g. "finds more text than can be said in the time"."""


Result: TypeAlias = Alignment | AlignmentWithWarning | Refusal
"""What an aligner says to one utterance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignerProfile(Profile):
    """What an aligner says of itself before anything of it is loaded."""

    runs_concurrently: bool = False
    """Whether `align` may run in a thread while the backend transcribes, as it needs little and not its device."""
    shares_backend_model: bool = False
    """Whether it runs the backend's own model where that has cross-attention, and else loads one that has."""
    keeps_backend_times: bool = False
    """Whether it carries over the backend's own word times, and so is of use only where the backend gives them."""
    footprint: Callable[[str, LoadOptions], tuple[str, int]] | None = None
    """Returns, for a model, its device and the bytes that it takes there, loaded; None: too little to ask."""
    engine_for: Callable[[str, LoadOptions], str] | None = None
    """Returns the name of the engine that runs a model, and raises OptionError where the one that was asked for does
    not read it; nothing is loaded. None: there is one engine."""


@runtime_checkable
class Aligner(Protocol):
    """A loaded forced aligner.

    >>> aligner = load_aligner("hmm")
    >>> aligner.align([Utterance(clip, tuple(split_units(" And so", "en")), "en")])
    [(Span(start=0.31, end=0.56, …), Span(start=0.56, end=0.87, …))]

    To write one: (1) a class with `name` and `profile`, its module importing no engine at top level; (2) `load`;
    (3) `align`; (4) an entry point in the group `crisp_align.aligners`.
    """

    name: ClassVar[str]
    """As typed after -am."""
    profile: ClassVar[AlignerProfile]
    """What it says of itself before anything is loaded."""

    languages: frozenset[str] | None
    """Codes it knows; None: any."""
    max_clip: float
    """s, the longest clip it takes."""

    @classmethod
    def load(cls, model: str, options: LoadOptions, backend: Backend | None) -> Self:
        """Load weights.

        Args:
            model: "auto", or a name, Hub id or path where the aligner has several models.
            options: device, type, threads.
            backend: the loaded backend, for aligners that share its model; None when a given text is timed.

        Raises:
            ModelError: weights missing, damaged or of the wrong kind.
        """
        ...

    def align(self, utterances: Sequence[Utterance]) -> Sequence[Result]:
        """One result an utterance, in order."""
        ...


def aligner_names() -> list[str]:
    """Names of every installed aligner, sorted."""
    return plugin_names(ALIGNERS)


def aligner_profiles() -> dict[str, AlignerProfile]:
    """Profile of every installed aligner that imports, the highest rank first."""
    return profiles(ALIGNERS)


def aligner_class(name: str) -> type[Aligner]:
    """The aligner published as `name`.

    Raises:
        OptionError: no installed package publishes it.
        MissingDependencyError: its module does not import.
    """
    return cast(type[Aligner], load_plugin(ALIGNERS, name, "aligner"))
