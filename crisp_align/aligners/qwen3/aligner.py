"""Qwen3-ForcedAligner: eleven languages, one forward pass a clip."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self, get_args

from crisp_align.aligners import AlignerProfile, Alignment, AlignmentWithWarning, Refusal, Result, Utterance
from crisp_align.aligners.division import expected, respread, split, split_in_two
from crisp_align.aligners.qwen3.decoding import agreement, best_path, collapsed_runs, refine, repair
from crisp_align.aligners.qwen3.engine import CLASS_S, EngineFailure, MarkerEngine, MarkerLogits, SpokenClip
from crisp_align.backends import Backend, Engine, LoadOptions
from crisp_align.errors import OptionError
from crisp_align.languages import language_name
from crisp_align.models import store as models
from crisp_align.models.devices import DeviceChoice, Dtype, choose_device, free_memory
from crisp_align.text.units import SPLITTER_LANGUAGES
from crisp_align.transcript import Span

if TYPE_CHECKING:
    from crisp_align.models.qwen3_checkpoint import Checkpoint

__all__ = ["Qwen3Aligner"]

DEFAULT = "qwen3-forcedaligner-0.6b"
SHORT_NAMES = frozenset({"auto", "qwen3", "qwen3-forced-aligner", "qwen3-forcedaligner"})

_MAX_LETTERS_PER_S = 40.0  # the fastest speakers stay under 30
_IMPOSSIBLE_DENSITY_FACTOR = 4  # times as dense: the model is not even asked
_MIN_LETTERS_PER_S = 0.5  # of speech; the slowest speakers reach about 3
_MIN_SPEECH_S = 10.0  # of speech before too little text is held against it
_MISFIT_SCORE_FACTOR = 0.5  # what scores are multiplied by where text and speech do not fit each other
_MAX_COLLAPSE_SPLITS = 2  # times that a clip whose words fell on one moment is halved
_MIN_SPLIT_S = 4.0  # shorter clips are not halved
_LETTERS_PER_IDEOGRAM = 2.5  # that a Han character, kana or Hangul syllable takes as long as
_WORKING_SPACE = 500_000_000  # bytes that a clip of 30 s needs on top of the weights, the engine itself included


def _footprint(model: str, options: LoadOptions) -> tuple[str, int]:
    """The device it would run on, and the bytes of memory that it needs there for one clip.

    Raises:
        ModelError: weights missing or of the wrong kind.
        MissingDependencyError: torch is not installed.
        OptionError: the device is not there or cannot compute in the type.
    """
    if options.servers:
        return "cpu", 0
    checkpoint = _checkpoint(model, options)[1]
    runtime = _runtime(checkpoint, options)
    if runtime == "ggml":
        return "cpu", checkpoint.path.stat().st_size + _WORKING_SPACE
    if runtime == "mlx":
        return "cpu", (4 if options.dtype == "float32" else 2) * checkpoint.size + _WORKING_SPACE
    placement = _placement(options, checkpoint)
    return placement.device, _torch_bytes(placement, checkpoint)


def _torch_bytes(placement: DeviceChoice, checkpoint: Checkpoint) -> int:
    return int(checkpoint.size * _bytes_a_weight(placement, checkpoint)) + _WORKING_SPACE


def _engine_for(model: str, options: LoadOptions) -> str:
    """The engine that runs a model; see `AlignerProfile.engine_for`."""
    return _runtime(_checkpoint(model, options)[1], options)


def _runtime(checkpoint: Checkpoint, options: LoadOptions) -> str:
    """The engine that was asked for, else the one that suits file and machine.

    That is ggml for a GGUF file where torch is not installed, or has not the memory that it needs for it; MLX for a
    folder that MLX tools have packed, on Apple's processors; torch for all else.

    Raises:
        OptionError: the engine that was asked for does not read the file.
    """
    is_gguf = checkpoint.gguf is not None
    if options.runtime in ("ggml", "mlx"):
        if is_gguf != (options.runtime == "ggml"):
            kind, readers = ("a GGUF file", "ggml or torch") if is_gguf else ("a folder", "torch or mlx")
            raise OptionError(
                f"{checkpoint.path} is {kind}, which {options.runtime} does not read",
                hint=f"use --align-runtime {readers}",
            )
        return options.runtime
    if options.runtime != "auto":
        return "torch"
    here = {engine.name: engine.is_installed for engine in Qwen3Aligner.profile.engines}
    if is_gguf and here["ggml"] and options.dtype == "auto" and options.device in ("auto", "cpu"):
        return "torch" if here["torch"] and _fits_torch(checkpoint, options) else "ggml"
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    packed = checkpoint.layout == "mlx" and checkpoint.is_quantized
    return "mlx" if apple and packed and here["mlx"] and options.device in ("auto", "mps") else "torch"


def _fits_torch(checkpoint: Checkpoint, options: LoadOptions) -> bool:
    placement = _placement(options, checkpoint)
    return _torch_bytes(placement, checkpoint) <= free_memory(placement.device)


class Qwen3Aligner:
    """A loaded Qwen3-ForcedAligner."""

    name: ClassVar[str] = "qwen3"
    profile: ClassVar[AlignerProfile] = AlignerProfile(
        rank=90,
        engines=(
            Engine(
                "torch",
                ("torch", "transformers"),
                'pip install "crisp-align[qwen]"',
                frozenset(get_args(Dtype)),
                optional=("nagisa",),  # Japanese
            ),
            Engine("ggml", ("crispasr",), 'pip install "crisp-align[gguf]"'),
            Engine(
                "mlx",
                ("mlx", "mlx_audio"),
                'pip install "crisp-align[mlx]"',
                frozenset({"float32", "float16", "bfloat16"}),
            ),
            Engine(
                "vllm",
                (),
                "pip install vllm, in an environment of its own",
                asks_servers=True,
                serve_command="crisp_align.aligners.qwen3.vllm_engine:serve_command",
                check_server="crisp_align.aligners.qwen3.vllm_engine:check_server",
            ),
        ),
        family="qwen3-aligner",
        default_model="qwen3-forcedaligner-0.6b-hf",
        footprint=_footprint,
        engine_for=_engine_for,
    )

    def __init__(self, engine: MarkerEngine, model: str, options: LoadOptions) -> None:
        self.model = model
        self.languages: frozenset[str] | None = SPLITTER_LANGUAGES
        self.max_clip = 180.0
        self.engine = engine
        self._options = options

    @classmethod
    def load(cls, model: str, options: LoadOptions, backend: Backend | None) -> Self:
        """Load weights in either published layout.

        Args:
            model: "auto" or "qwen3" (the best on this machine, else the published one), a name of the catalogue, a
                Hub id, or a folder.
            options: device, type, threads, and how to decode.
            backend: not used.

        Raises:
            ModelError: weights missing, damaged or of the wrong kind.
            MissingDependencyError: torch or transformers is not installed.
            OptionError: the device is not there or cannot compute in the type.
        """
        if options.runtime == "vllm" or (options.runtime == "auto" and options.servers):
            from crisp_align.aligners.qwen3.vllm_engine import VllmEngine

            server = VllmEngine.connect(options.servers, "auto" if model.lower() in SHORT_NAMES else model)
            return cls(server, server.model, options)
        from crisp_align.aligners.qwen3.torch_engine import TorchEngine

        name, checkpoint = _checkpoint(model, options)
        runtime = _runtime(checkpoint, options)
        if runtime == "ggml":
            from crisp_align.aligners.qwen3.ggml_engine import GgmlEngine

            return cls(GgmlEngine.load(checkpoint, options.cpu_threads), name, options)
        if runtime == "mlx":
            from crisp_align.aligners.qwen3.mlx_engine import MlxEngine

            return cls(MlxEngine.load(checkpoint, options), name, options)
        placement = _placement(options, checkpoint)
        engine = TorchEngine.load(checkpoint, placement, threads=options.threads, compiled=options.compile)
        return cls(engine, name, options)

    def align(self, utterances: Sequence[Utterance]) -> list[Result]:
        """One alignment or refusal an utterance, in order.

        Clips over `max_clip` are cut at pauses before the model sees them. A clip in which words pile up on one
        moment, or that takes more memory than there is even alone, is cut at a pause and its halves are timed anew;
        where that does not help, it is refused. An alignment is flagged where that happened, and where text and
        speech do not fit each other, which halves its scores.
        """
        refusals = {i: refusal for i, utterance in enumerate(utterances) if (refusal := _refusal(utterance))}
        found: list[list[tuple[float, Alignment]]] = [[] for _ in utterances]
        failures: list[list[_AlignmentFailure]] = [[] for _ in utterances]
        parts = [_Part(i, part) for i, whole in enumerate(utterances) for part in self._parts(whole, refusals.get(i))]
        while parts:
            halves: list[_Part] = []
            for at, output in self.engine.marker_logits([self._spoken(part.utterance) for part in parts]):
                part = parts[at]
                timed = self._timed(part.utterance, output)
                if not isinstance(timed, _AlignmentFailure):
                    offset = part.utterance.clip.start - utterances[part.owner].clip.start
                    found[part.owner].append((offset, timed))
                elif pair := part.halves(timed):
                    halves += pair
                    failures[part.owner] += [] if part.collapsed else [timed]
                else:
                    refusals.setdefault(part.owner, Refusal(timed.reason))
            parts = [half for half in halves if half.owner not in refusals]
        return [refusals.get(i) or _result(utterance, found[i], failures[i]) for i, utterance in enumerate(utterances)]

    def _parts(self, utterance: Utterance, refusal: Refusal | None) -> list[Utterance]:
        return [] if refusal else split(utterance, self.max_clip)

    def _spoken(self, utterance: Utterance) -> SpokenClip:
        """What the engine is given; by the best path no time after the clip's end is wanted."""
        ends_with_clip = self._options.align_decode == "path"
        limit = int(utterance.clip.duration / CLASS_S) + 1 if ends_with_clip else None
        return SpokenClip(utterance.clip.samples, tuple(unit.spoken for unit in utterance.units), limit)

    def _timed(self, utterance: Utterance, output: MarkerLogits | EngineFailure) -> Alignment | _AlignmentFailure:
        """Times from the logits at the markers."""
        if isinstance(output, EngineFailure):
            return _AlignmentFailure(output.reason, expected(utterance), splittable=output.splittable)
        classes = output.argmax(axis=1)
        if self._options.align_decode == "upstream":
            times = [ms / 1000 for ms in repair(classes)]
            return _spans(times, agreement(output, [round(time / CLASS_S) for time in times]))
        if (classes[:-1] > classes[1:]).any():
            classes = best_path(output)
        times = refine(output, classes) if self._options.align_refine else [c * CLASS_S for c in classes]
        spans = _spans(times, agreement(output, classes))
        if runs := collapsed_runs(classes):
            collapsed = sum(last - first for first, last in runs)
            reason = f"put {collapsed} of {len(utterance.units)} words on one moment"
            return _AlignmentFailure(reason, respread(utterance, spans, runs), collapsed)
        return spans


@dataclass(frozen=True, slots=True)
class _AlignmentFailure:
    """Why a clip has no times, though its halves may have some."""

    reason: str
    guess: Sequence[Span]
    """Where the units probably are."""
    collapsed: int = 0
    """Units on one moment with others; 0: the engine failed."""
    splittable: bool = True
    """Whether its halves are worth a try."""


@dataclass(frozen=True, slots=True)
class _Part:
    """All of an utterance, or the units that are said in a part of its clip."""

    owner: int
    """Number of the utterance."""
    utterance: Utterance
    collapsed: int = 0
    """Times that it was cut because words collapsed onto one moment."""

    def halves(self, failure: _AlignmentFailure) -> list[_Part]:
        """Both halves, or the one in which all is said; none where it has been cut enough."""
        collapsed = self.collapsed + bool(failure.collapsed)
        short = self.utterance.clip.duration < _MIN_SPLIT_S
        if not failure.splittable or short or collapsed > _MAX_COLLAPSE_SPLITS:
            return []
        return [
            _Part(self.owner, half, collapsed) for half in split_in_two(self.utterance, failure.guess) if half.units
        ]


def _refusal(utterance: Utterance) -> Refusal | None:
    """Why the model should not even be asked; None: it should."""
    if utterance.translated:
        return Refusal("cannot time a translation")
    if utterance.language is not None and utterance.language not in SPLITTER_LANGUAGES:
        return Refusal(f"does not speak {language_name(utterance.language)}")
    if _density(utterance) > _IMPOSSIBLE_DENSITY_FACTOR * _MAX_LETTERS_PER_S:
        return Refusal("finds many times the text that can be said in the time")
    return None


def _result(
    utterance: Utterance, found: list[tuple[float, Alignment]], failures: list[_AlignmentFailure]
) -> Alignment | AlignmentWithWarning:
    """The spans of all parts, s from the clip's start, with what the user must know about them."""
    spans = tuple(
        replace(span, start=round(offset + span.start, 3), end=round(offset + span.end, 3)) if offset else span
        for offset, part in sorted(found, key=lambda pair: pair[0])
        for span in part
    )
    notices = []
    if misfit := _misfit(utterance):
        spans = tuple(
            replace(span, score=None if span.score is None else span.score * _MISFIT_SCORE_FACTOR) for span in spans
        )
        notices.append(misfit)
    if collapsed := sum(failure.collapsed for failure in failures):
        total = len(utterance.units)
        notices.append(f"put {collapsed} of {total} words on one moment; cut at a pause, they were parted")
    if not all(failure.collapsed for failure in failures):
        notices.append("ran out of memory; cut at a pause, the clip was timed in parts")
    return AlignmentWithWarning(spans, "; ".join(notices)) if notices else spans


def _misfit(utterance: Utterance) -> str | None:
    """How text and speech do not fit each other; None: they do."""
    if _density(utterance) > _MAX_LETTERS_PER_S:
        return "finds more text than can be said in the time"
    speech = sum(end - start for start, end in utterance.clip.speech or ())
    letters = sum(_letters(unit.spoken) for unit in utterance.units)
    return (
        "finds far less text than is spoken"
        if speech > _MIN_SPEECH_S and letters < _MIN_LETTERS_PER_S * speech
        else None
    )


def _density(utterance: Utterance) -> float:
    """Letters a second of the clip."""
    return sum(_letters(unit.spoken) for unit in utterance.units) / max(utterance.clip.duration, 1.0)


def _spans(times: Sequence[float], agreements: Sequence[float]) -> Alignment:
    """Pairs of markers as spans; the score is the geometric mean of the agreement on start and end."""
    return tuple(
        Span(
            round(float(times[i]), 3),
            round(float(times[i + 1]), 3),
            round((agreements[i] * agreements[i + 1]) ** 0.5, 6),
        )
        for i in range(0, len(times), 2)
    )


def _letters(word: str) -> float:
    """How long a word is to say, in letters of an alphabet."""
    return sum(_LETTERS_PER_IDEOGRAM if char >= "\u1100" and char.isalpha() else 1.0 for char in word)


def _checkpoint(model: str, options: LoadOptions) -> tuple[str, Checkpoint]:
    """What is meant by `model`, and its files."""
    from crisp_align.models.qwen3_checkpoint import inspect

    name = (models.best_local("qwen3-aligner") or DEFAULT) if model.lower() in SHORT_NAMES else model
    return name, inspect(models.ensure("qwen3-aligner", name, offline=options.offline), "aligner")


def _placement(options: LoadOptions, checkpoint: Checkpoint) -> DeviceChoice:
    """Device and type; `auto` keeps the matrices of a file of few bits in few bits on a CPU."""
    placement = choose_device(options, extra="qwen")
    if options.dtype == "auto" and placement == DeviceChoice("cpu", "float32") and checkpoint.is_quantized:
        return DeviceChoice("cpu", "int8")
    return placement


def _bytes_a_weight(placement: DeviceChoice, checkpoint: Checkpoint) -> float:
    """Most memory that a weight takes while the network is loaded and once it is."""
    if placement.dtype == "int8":
        return 1.75 if checkpoint.layout in ("gguf", "mlx") else 4.0  # the embedding stays in float32
    return 4.0 if placement.dtype == "float32" else 2.0
