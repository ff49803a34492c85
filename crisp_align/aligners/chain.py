"""Several aligners, asked in turn: what the first cannot time goes to the next, and the last resort never refuses."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from crisp_align.aligners import Aligner, Alignment, Flagged, Refusal, Result, Utterance, aligner_class, aligner_names
from crisp_align.backends import Backend, LoadOptions, ModelChoice, loading
from crisp_align.errors import AlignmentError, CrispAlignError, ModelError, OptionError
from crisp_align.models import store as models
from crisp_align.models.catalogue import lookup
from crisp_align.models.devices import free_memory
from crisp_align.timing import spread

__all__ = ["EVERYONES_CLIP", "SPREAD", "AlignerChain", "Timed", "fits", "load_aligner"]

SPREAD = "spread"
"""Name of the last resort in `Segment.aligner`: words share the voice activity evenly."""

EVERYONES_CLIP = 30.0
"""s, what every aligner takes: Whisper's window."""


@dataclass(frozen=True, slots=True)
class Timed:
    """The spans of one utterance, who found them, and who could not."""

    aligner: str
    alignment: Alignment
    refusals: tuple[tuple[str, str], ...]
    """(aligner, reason) of each that was asked before."""
    notices: tuple[str, ...] = ()
    """What the user is told about this alignment, each a sentence with its time."""


class AlignerChain:
    """The aligner asked for, already loaded, and behind it the ones that stand in, loaded when first needed."""

    def __init__(
        self,
        choice: ModelChoice,
        backend: Backend | None = None,
        *,
        strict: bool = False,
        native_words: bool | None = None,
        attention: str = "auto",
    ) -> None:
        """Load the first aligner.

        Args:
            choice: which aligner, by its name or by its model, and where and how it runs.
            backend: the loaded backend, if there is one that aligners may share.
            strict: refuse to stand in: what the first aligner cannot do is an error.
            native_words: whether utterances may come with a backend's own times; None: if `backend` gives any.
            attention: the Whisper model that `attention` loads where there is none to share.

        Raises:
            OptionError: no such aligner, or its device or type is not there.
            ModelError: its weights are missing, damaged or of the wrong kind. Under "auto" the next one is taken then.
        """
        asked = choice.name
        self._options, self._backend, self.strict = choice.load, backend, strict
        if native_words is None:
            native_words = backend is not None and backend.native_words
        self.names = _order(asked, native_words=native_words)
        """Of the aligners, in the order they are asked."""
        self._models = {"attention": attention, self.names[0]: _model(choice, attention)}
        self._loaded: dict[str, Aligner] = {}
        self._missing: dict[str, str] = {}
        self.left_out: tuple[str, CrispAlignError] | None = None
        """The best aligner here, and why it cannot be used, where nobody asked for it by name."""
        try:
            first = self._ready(self.names[0])
        except (ModelError, OptionError) as error:
            if asked != "auto" or strict or len(self.names) == 1:
                raise
            self.left_out = (self.names.pop(0), copy(error))  # without traceback and cause, which would keep a model
            first = self._ready(self.names[0])
        keeps_times = self.names[0] == "native" and native_words
        self.max_clip = first.max_clip if keeps_times else min(first.max_clip, EVERYONES_CLIP)
        """s, the longest clip that everyone who may be asked takes.

        A backend's own times come with any clip; whoever stands in for an aligner may be one that takes 30 s.
        """

    @property
    def first(self) -> Aligner:
        """The aligner that is asked first."""
        return self._ready(self.names[0])

    @property
    def first_class(self) -> type[Aligner]:
        """Its class, loaded or not."""
        return aligner_class(self.names[0])

    def release(self) -> None:
        """Let go of all that is loaded; it is loaded again when it is needed."""
        self._loaded.clear()

    def align(self, utterances: Sequence[Utterance]) -> list[Timed]:
        """Time every utterance, in order.

        Raises:
            AlignmentError: under `strict`, where the first aligner refuses; or an aligner gave more or fewer results
                than it was asked for, or spans than there are units.
        """
        done: list[Timed | None] = [None] * len(utterances)
        refusals: list[list[tuple[str, str]]] = [[] for _ in utterances]
        for name in self.names:
            left = [i for i, timed in enumerate(done) if timed is None]
            if not left:
                break
            for i, result in zip(left, self._ask(name, [utterances[i] for i in left]), strict=True):
                if not isinstance(result, Refusal):
                    done[i] = _timed(name, result, utterances[i], tuple(refusals[i]))
                    continue
                refusals[i].append((name, result.reason))
                if self.strict:
                    raise AlignmentError(
                        f"{name} cannot time the clip at {utterances[i].clip.start:.2f} s: {result.reason}",
                        subject=utterances[i].clip.source,
                        hint="leave out --strict to let another aligner stand in",
                    )
        return [
            timed or _spread(utterance, tuple(reasons))
            for timed, utterance, reasons in zip(done, utterances, refusals, strict=True)
        ]

    def _ask(self, name: str, utterances: Sequence[Utterance]) -> Sequence[Result]:
        if name not in self._missing:
            try:
                self._ready(name)
            except (ModelError, OptionError) as error:  # a device or type may suit the first aligner alone
                self._missing[name] = error.what
        if name in self._missing:
            return [Refusal(self._missing[name])] * len(utterances)
        results = list(self._loaded[name].align(utterances))
        if len(results) != len(utterances):
            raise AlignmentError(
                f"{name} gave {len(results)} results, not {len(utterances)}", subject=utterances[0].clip.source
            )
        return results

    def _ready(self, name: str) -> Aligner:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Aligner:
        kind = aligner_class(name)
        with loading("aligner", name):
            return kind.load(self._models.get(name, "auto"), self._options, self._backend)


def load_aligner(name: str = "auto", *, options: LoadOptions | None = None, backend: Backend | None = None) -> Aligner:
    """Load one aligner by name, or by the path or Hub id of its model.

    Raises:
        OptionError: no such aligner.
        ModelError: its weights are missing, damaged or of the wrong kind.
    """
    return AlignerChain(ModelChoice(name, load=options or LoadOptions()), backend).first


def fits(choice: ModelChoice, *, native_words: bool) -> bool:
    """Whether the aligner that is asked first fits into the memory left on its device.

    Args:
        choice: as for `AlignerChain`.
        native_words: whether the backend gives times of its own.

    Raises:
        OptionError: no such aligner, or the device is not there.
        ModelError: its weights are missing or of the wrong kind. Under "auto" the chain will take another.
    """
    aligner = aligner_class(_order(choice.name, native_words=native_words)[0])
    footprint = getattr(aligner, "footprint", None)
    if footprint is None:  # too small to ask
        return True
    try:
        device, size = footprint(_model(choice, "auto"), choice.load)
    except (ModelError, OptionError):
        if choice.name != "auto":
            raise
        return True
    return bool(size <= free_memory(device))


def _model(choice: ModelChoice, attention: str) -> str:
    """The model that is meant by what was asked for."""
    if choice.model != "auto":
        return choice.model
    if choice.name == "attention":
        return attention
    return "auto" if choice.name == "auto" or choice.name in aligner_names() else choice.name


def _order(asked: str, *, native_words: bool) -> list[str]:
    """Names in the order they are asked: the one asked for, then the rest by measured accuracy.

    Raises:
        OptionError: what was asked for is the name of no aligner, and cannot be meant as a model.
    """
    installed = aligner_names()
    if asked != "auto" and asked not in installed and not _may_be_model(asked):
        raise OptionError(
            f"no aligner is called {asked!r}",
            hint=f"installed: {', '.join(installed)}; or the path or Hub id of an aligner's model",
        )
    ranking = ["hmm", "native", "attention"] if native_words else ["hmm", "attention", "native"]
    if "qwen3" in installed and models.best_local("qwen3-aligner") is not None:
        ranking.insert(0, "qwen3")
    first = [] if asked == "auto" else [asked if asked in installed else "qwen3"]
    return list(dict.fromkeys([*first, *(name for name in ranking if name in installed)]))


def _may_be_model(asked: str) -> bool:
    """Whether this is a path, a Hub id or a model's name, about which `models` knows best what is wrong."""
    named = "/" in asked or "qwen" in asked.lower() or lookup(asked) is not None
    return named or os.path.exists(asked)  # noqa: PTH110 (Path's own raises for a name too long)


def _timed(
    name: str, result: Alignment | Flagged, utterance: Utterance, refusals: tuple[tuple[str, str], ...]
) -> Timed:
    at = f"at {utterance.clip.start:.1f} s"
    spans, notices = (
        (result.alignment, (f"{at} {name} {result.notice}",)) if isinstance(result, Flagged) else (result, ())
    )
    if len(spans) != len(utterance.units):
        raise AlignmentError(
            f"{at} {name} gave {len(spans)} times for {len(utterance.units)} words", subject=utterance.clip.source
        )
    return Timed(name, spans, refusals, notices)


def _spread(utterance: Utterance, refusals: tuple[tuple[str, str], ...]) -> Timed:
    spans = spread(utterance.units, utterance.clip.speech, utterance.clip.duration)
    return Timed(SPREAD, tuple(spans), refusals)
