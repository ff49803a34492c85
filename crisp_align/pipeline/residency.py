"""Which models are in memory: the backend's and the aligners' together, or one side at a time where both do not fit."""

from __future__ import annotations

from dataclasses import dataclass

import crisp_align
from crisp_align.aligners import aligner_profiles
from crisp_align.aligners.chain import AlignerChain, check_pairing, fits_in_memory
from crisp_align.backends import Backend, backend_class, load_backend
from crisp_align.backends.profile import check_runtime
from crisp_align.events import Ready
from crisp_align.models.devices import release_memory
from crisp_align.models.store import better_model
from crisp_align.pipeline.assembly import Provenance
from crisp_align.pipeline.settings import Settings
from crisp_align.pipeline.stages import AlignmentStage, Transcriber

__all__ = ["BackendInfo", "ModelResidency"]


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What is known of a backend that was loaded once, in memory or not."""

    name: str
    model: str
    max_clip: float
    """s."""
    batch_size: int


class ModelResidency:
    """The models of a pipeline. Whoever needs one side asks for it here, and the other gives way where it must.

    Args:
        settings: what the user asked for.
        backend: loaded, the options checked against it; None: loaded when it is needed.
        aligners: loaded, or, with `one_at_a_time`, released.
        one_at_a_time: whether one side only may be in memory; `backend` is then None.
    """

    def __init__(
        self, settings: Settings, backend: Backend | None, aligners: AlignerChain, *, one_at_a_time: bool = False
    ) -> None:
        self.settings = settings
        self.aligners = aligners
        self.one_at_a_time = one_at_a_time
        self.loaded_backend: BackendInfo | None = None
        """Of the backend that was loaded last; None: it was never needed."""
        self._alignment = AlignmentStage(aligners)
        self._transcriber: Transcriber | None = None
        if backend is not None:
            self._hold(backend)

    @classmethod
    def load(cls, settings: Settings, *, transcribes: bool = True) -> ModelResidency:
        """Load the models and check the options against them, before any audio is read.

        Args:
            settings: what the user asked for.
            transcribes: False when only given texts are timed: the backend is then loaded if it is ever needed.

        Raises:
            OptionError: no such backend or aligner, or an option it cannot honour.
            ModelError: weights missing, damaged or of the wrong kind; an engine not installed.
        """
        profile = backend_class(settings.backend.name, settings.backend.model).profile
        check_runtime(profile.capabilities.title, profile, settings.backend.load.runtime)
        check_pairing(settings.aligner)
        aligner = aligner_profiles().get(settings.aligner.name)
        shared = aligner is not None and aligner.shares_backend_model and profile.has_cross_attention
        if settings.sequential and not shared:
            return cls._load_one_at_a_time(settings, transcribes=transcribes)
        backend = None
        if transcribes or shared:
            backend = _load_backend(settings)
            if not fits_in_memory(settings.aligner, native_words=backend.native_words):
                del backend
                release_memory()
                return cls._load_one_at_a_time(settings, transcribes=transcribes)
        return cls(settings, backend, AlignerChain(settings.aligner, backend, strict=settings.strict))

    @classmethod
    def _load_one_at_a_time(cls, settings: Settings, *, transcribes: bool) -> ModelResidency:
        """Load each side once, to be sure of it, and keep the one that is needed first."""
        residency = cls(settings, None, aligners_alone(settings, transcribes=transcribes), one_at_a_time=True)
        if transcribes:
            residency.use_backend()
        return residency

    def use_backend(self) -> Transcriber:
        """Return the backend at work, loaded by now; the aligners are freed where both are not to be in memory.

        Raises:
            ModelError: it was not needed before, and its weights are missing or damaged.
        """
        if self._transcriber is None:
            if self.one_at_a_time:
                self.aligners.release()
                release_memory()
            return self._hold(_load_backend(self.settings))
        return self._transcriber

    def use_aligners(self) -> AlignmentStage:
        """Return the aligners at work; the backend is freed where both are not to be in memory."""
        if self.one_at_a_time and self._transcriber is not None:
            self._transcriber = None
            release_memory()
        return self._alignment

    def _hold(self, backend: Backend) -> Transcriber:
        size = self.settings.decode.batch_size or backend.batch_size
        self.loaded_backend = BackendInfo(backend.name, backend.model, backend.max_clip, size)
        self._transcriber = Transcriber(backend, self.settings.decode, self.settings.units)
        return self._transcriber

    @property
    def backend_info(self) -> BackendInfo:
        """What is known of the backend, which is loaded if it never was.

        Raises:
            ModelError: its weights are missing or damaged.
        """
        if self.loaded_backend is None:
            self.use_backend()
        assert self.loaded_backend is not None  # noqa: S101 (for the type checker)
        return self.loaded_backend

    @property
    def max_clip(self) -> float:
        """s, the longest clip that backend and aligners take."""
        return min(self.backend_info.max_clip, self.aligners.max_clip)

    @property
    def provenance(self) -> Provenance:
        """How what comes out is made."""
        info = self.loaded_backend
        name, model = (info.name, info.model) if info else (None, None)
        return Provenance(name, model, self.aligners.names[0], crisp_align.__version__)

    @property
    def ready(self) -> Ready:
        """What was loaded."""
        aligner, info = self.aligners.names[0], self.loaded_backend
        if info is None:
            return Ready(f"aligner {aligner}", self._advice(), 1)
        described = f"{info.name} {info.model}, timed by {aligner}"
        return Ready(
            described + (", one after the other" if self.one_at_a_time else ""), self._advice(), info.batch_size
        )

    def _advice(self) -> str | None:
        ways, info = [], self.loaded_backend
        if self.settings.backend.model == "auto" and info is not None:
            family = backend_class(info.name).profile.family
            better = better_model(family, info.model, translate=self.settings.decode.translate)
            ways += [f"better text: crisp-align models pull {better}"] if better else []
        if self.aligners.unavailable is not None:
            name, error = self.aligners.unavailable
            ways.append(f"{name} is left out: {error.what}" + (f"; {error.hint}" if error.hint else ""))
        elif self.settings.aligner.name == "auto" and (better := self.aligners.better_model):
            ways.append(f"better times: crisp-align models pull {better}")
        return "; ".join(ways) or None


def aligners_alone(settings: Settings, *, transcribes: bool = True) -> AlignerChain:
    """Load the aligners without a backend whose model they could share, for clips that one transcribed elsewhere.

    Raises:
        OptionError: no such aligner, or an option it cannot honour.
        ModelError: weights missing, damaged or of the wrong kind.
    """
    kind = backend_class(settings.backend.name, settings.backend.model)
    return AlignerChain(
        settings.aligner,
        strict=settings.strict,
        native_words=transcribes and kind.native_words,
        shared_model=settings.backend.model if kind.profile.has_cross_attention else "auto",
    )


def _load_backend(settings: Settings) -> Backend:
    choice = settings.backend
    return load_backend(choice.name, choice.model, options=choice.load, decode=settings.decode)
