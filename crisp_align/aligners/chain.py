"""Several aligners, asked in turn: what the first cannot time goes to the next, and the last resort never refuses."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

from crisp_align.aligners import (
    Aligner,
    AlignerProfile,
    Alignment,
    AlignmentWithWarning,
    Refusal,
    Result,
    Utterance,
    aligner_class,
    aligner_names,
    aligner_profiles,
)
from crisp_align.backends import Backend, LoadOptions, ModelChoice
from crisp_align.backends.plugins import loading
from crisp_align.backends.profile import check_runtime
from crisp_align.errors import AlignmentError, CrispAlignError, ModelError, OptionError
from crisp_align.models.catalogue import CATALOGUE, lookup
from crisp_align.models.devices import free_memory
from crisp_align.timing import distribute

__all__ = [
    "COMMON_MAX_CLIP",
    "INTERPOLATED",
    "AlignerChain",
    "Timed",
    "aligner_load",
    "check_pairing",
    "fits_in_memory",
    "load_aligner",
]

INTERPOLATED = "spread"
"""Name of the last resort in `Segment.aligner`: words share the voice activity evenly."""

COMMON_MAX_CLIP = 30.0
"""s, what every aligner takes: Whisper's window."""


@dataclass(frozen=True, slots=True)
class Timed:
    """The spans of one utterance, who found them, and who could not."""

    aligner: str
    alignment: Alignment
    refusals: tuple[tuple[str, str], ...]
    """(aligner, reason) of each that was asked before."""
    notices: tuple[str, ...] = ()
    """What is reported to the user about this alignment, each a sentence with its time."""


class AlignerChain:
    """The aligner asked for, already loaded, and behind it the fallbacks, loaded when first needed."""

    def __init__(
        self,
        choice: ModelChoice,
        backend: Backend | None = None,
        *,
        strict: bool = False,
        native_words: bool | None = None,
        shared_model: str = "auto",
    ) -> None:
        """Load the first aligner.

        Args:
            choice: which aligner, by its name or by its model, and where and how it runs.
            backend: the loaded backend, if there is one that aligners may share.
            strict: without fallbacks: what the first aligner cannot do is an error.
            native_words: whether utterances may come with a backend's own times; None: if `backend` gives any.
            shared_model: the model that an aligner which shares the backend's loads where there is none to share.

        Raises:
            OptionError: no such aligner, or its device or type is not there.
            ModelError: its weights are missing, damaged or of the wrong kind. Under "auto" the next one is taken then.
        """
        self._options, self._backend, self.strict = choice.load, backend, strict
        if native_words is None:
            native_words = backend is not None and backend.native_words
        self._profiles = aligner_profiles()
        self.names = _order(choice.name, native_words=native_words)
        """Of the aligners, in the order they are asked."""
        shares = [name for name, profile in self._profiles.items() if profile.shares_backend_model]
        self._models = dict.fromkeys(shares, shared_model)
        if (named := _named_model(choice)) != "auto":
            self._models[self.names[0]] = named
        self._loaded: dict[str, Aligner] = {}
        self._missing: dict[str, str] = {}
        self.unavailable: tuple[str, CrispAlignError] | None = None
        """The best aligner here, and why it cannot be used, where nobody asked for it by name."""
        try:
            first = self._ready(self.names[0])
        except (ModelError, OptionError) as error:
            if choice.name != "auto" or strict or len(self.names) == 1:
                raise
            self.unavailable = (self.names.pop(0), copy(error))  # without traceback and cause, which would keep a model
            first = self._ready(self.names[0])
        keeps_times = self._profiles[self.names[0]].keeps_backend_times and native_words
        self.max_clip = first.max_clip if keeps_times else min(first.max_clip, COMMON_MAX_CLIP)
        """s, the longest clip that everyone who may be asked takes.

        A backend's own times come with any clip; a fallback may be one that takes 30 s.
        """

    @property
    def first(self) -> Aligner:
        """The aligner that is asked first."""
        return self._ready(self.names[0])

    @property
    def runs_concurrently(self) -> bool:
        """Whether the aligner that is asked first may work in a thread while the backend transcribes."""
        return self._profiles[self.names[0]].runs_concurrently

    @property
    def better_model(self) -> str | None:
        """The model to get for an aligner of a higher rank than the first, where one is installed."""
        first = self._profiles[self.names[0]].rank
        better = (p.default_model for p in self._profiles.values() if p.default_model and p.rank > first)
        return next(better, None)

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
                        hint="leave out --strict to fall back to another aligner",
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
        kind, options = aligner_class(name), self._options
        if name == self.names[0]:
            check_runtime(name, kind.profile, options.runtime)
        else:  # nobody named it
            options = _followed(options, kind.profile)
        with loading("aligner", name):
            return kind.load(self._models.get(name, "auto"), options, self._backend)


def load_aligner(name: str = "auto", *, options: LoadOptions | None = None, backend: Backend | None = None) -> Aligner:
    """Load one aligner by name, or by the path or Hub id of its model.

    Raises:
        OptionError: no such aligner.
        ModelError: its weights are missing, damaged or of the wrong kind.
    """
    return AlignerChain(ModelChoice(name, load=options or LoadOptions()), backend).first


def fits_in_memory(choice: ModelChoice, *, native_words: bool) -> bool:
    """Whether the aligner that is asked first fits into the memory left on its device.

    Args:
        choice: as for `AlignerChain`.
        native_words: whether the backend gives times of its own.

    Raises:
        OptionError: no such aligner, or the device is not there.
        ModelError: its weights are missing or of the wrong kind. Under "auto" the chain will take another.
    """
    name = _order(choice.name, native_words=native_words)[0]
    footprint = aligner_class(name).profile.footprint
    if footprint is None:
        return True
    try:
        device, size = footprint(_named_model(choice), choice.load)
    except (ModelError, OptionError):
        if choice.name != "auto":
            raise
        return True
    return size <= free_memory(device)


def check_pairing(choice: ModelChoice) -> None:
    """Refuse an engine that was asked for and does not read the aligner's model; nothing is loaded.

    Raises:
        OptionError: naming the engines that do.
        ModelError: the model is missing or of the wrong kind.
    """
    if choice.name == "auto" or choice.load.runtime == "auto" or choice.load.servers:
        return
    profile = aligner_class(_order(choice.name, native_words=False)[0]).profile
    if profile.engine_for is not None and choice.load.runtime in {engine.name for engine in profile.engines}:
        profile.engine_for(_named_model(choice), choice.load)


def aligner_load(
    asked: str,
    load: LoadOptions,
    *,
    device: str | None = None,
    dtype: str | None = None,
    runtime: str | None = None,
    servers: tuple[str, ...] = (),
) -> LoadOptions:
    """Where and how an aligner's model runs: as the backend's, but for what is given for the aligner alone.

    A runtime follows the backend's only where the aligner has one of that name; servers never do, since a server runs
    one model. An aligner that shares the backend's model follows in nothing but the device, since it chooses by itself
    how a model of its own runs.

    Args:
        asked: as `ModelChoice.name`.
        load: the backend's.
        device: the aligner's own; None: the backend's, and likewise below.
        dtype: number type.
        runtime: engine.
        servers: addresses of servers that run it; with them the engine is one that asks servers, if none is named.

    Raises:
        OptionError: no such aligner, or it runs on no servers.
    """
    name = _order(asked, native_words=False)[0]
    profile = aligner_profiles().get(name, AlignerProfile())
    followed = _followed(load, profile)
    chosen = followed.runtime if runtime is None else runtime
    if servers:
        remote = [engine.name for engine in profile.engines if engine.asks_servers]
        if not remote or chosen not in ("auto", *remote):
            able = [each for each, held in aligner_profiles().items() if any(e.asks_servers for e in held.engines)]
            what = name if not remote else f"{name} on {chosen}"
            raise OptionError(f"{what} runs on no server", hint=f"use -am {' or '.join(able)} with --align-server")
        chosen = remote[0] if chosen == "auto" else chosen
    return replace(
        followed,
        device=followed.device if device is None else device,
        dtype=followed.dtype if dtype is None else dtype,
        runtime=chosen,
        servers=servers,
    )


def _followed(load: LoadOptions, profile: AlignerProfile) -> LoadOptions:
    """The backend's options as far as they mean something to an aligner for which nothing was said."""
    if profile.shares_backend_model:
        return replace(
            load, device="auto" if load.device == "mps" else load.device, dtype="auto", runtime="auto", servers=()
        )
    if load.servers:
        return replace(load, runtime="auto", servers=())
    has_runtime = any(engine.name == load.runtime for engine in profile.engines)
    return load if has_runtime else replace(load, runtime="auto")


def _named_model(choice: ModelChoice) -> str:
    """The model that is meant by what was asked for; "auto": none in particular."""
    if choice.model != "auto" or choice.name == "auto" or choice.name in aligner_names():
        return choice.model
    return choice.name


def _order(asked: str, *, native_words: bool) -> list[str]:
    """Names in the order they are asked: the one asked for, then the rest that are here by rank.

    Raises:
        OptionError: what was asked for is the name of no aligner, and cannot be meant as a model.
    """
    profiles, installed = aligner_profiles(), aligner_names()
    here = [name for name, profile in profiles.items() if profile.is_here]
    if not native_words:  # whoever keeps the backend's times comes last then
        here.sort(key=lambda name: profiles[name].keeps_backend_times)
    if asked == "auto":
        return here
    if asked in installed:
        return list(dict.fromkeys([asked, *here]))
    trained = {name: profile.family for name, profile in profiles.items() if profile.family is not None}
    if not trained or not _may_be_model(asked, set(trained.values())):
        raise OptionError(
            f"no aligner is called {asked!r}",
            hint=f"installed: {', '.join(installed)}; or the path or Hub id of an aligner's model",
        )
    entry = lookup(asked)
    first = next((name for name, family in trained.items() if entry and entry.family == family), next(iter(trained)))
    return list(dict.fromkeys([first, *here]))


def _may_be_model(asked: str, families: set[str]) -> bool:
    """Whether this is a path, a Hub id or a model's name, about which `models` knows best what is wrong."""
    beginnings = {weights.name.partition("-")[0] for weights in CATALOGUE if weights.family in families}
    named = "/" in asked or asked.lower().startswith(tuple(beginnings)) or lookup(asked) is not None
    return named or os.path.exists(asked)  # noqa: PTH110 (Path's own raises for a name too long)


def _timed(
    name: str, result: Alignment | AlignmentWithWarning, utterance: Utterance, refusals: tuple[tuple[str, str], ...]
) -> Timed:
    at = f"at {utterance.clip.start:.1f} s"
    spans, notices = (
        (result.alignment, (f"{at} {name} {result.notice}",))
        if isinstance(result, AlignmentWithWarning)
        else (result, ())
    )
    if len(spans) != len(utterance.units):
        raise AlignmentError(
            f"{at} {name} gave {len(spans)} times for {len(utterance.units)} words", subject=utterance.clip.source
        )
    return Timed(name, spans, refusals, notices)


def _spread(utterance: Utterance, refusals: tuple[tuple[str, str], ...]) -> Timed:
    spans = distribute(utterance.units, utterance.clip.speech, utterance.clip.duration)
    return Timed(INTERPOLATED, tuple(spans), refusals)
