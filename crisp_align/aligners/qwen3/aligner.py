"""Qwen3-ForcedAligner: eleven languages, one forward pass a clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from crisp_align.aligners import Alignment, Flagged, Refusal, Result, Utterance
from crisp_align.aligners.division import divided, expected, halved, placed_anew
from crisp_align.backends import Backend, LoadOptions
from crisp_align.languages import language_name
from crisp_align.models import store as models
from crisp_align.models.devices import free_memory, is_out_of_memory, place
from crisp_align.text.units import QWEN3_LANGUAGES
from crisp_align.transcript import Span

if TYPE_CHECKING:
    import torch

    from crisp_align.aligners.qwen3.decoding import Classes
    from crisp_align.aligners.qwen3.network import Encoded, Network
    from crisp_align.models.qwen3_checkpoint import Checkpoint

__all__ = ["Qwen3Aligner"]

CLASS = 0.08  # s
DEFAULT = "qwen3-forcedaligner-0.6b"
SHORT_NAMES = frozenset({"auto", "qwen3", "qwen3-forced-aligner", "qwen3-forcedaligner"})

_SCORED = 1  # classes on either side of the chosen one whose probability counts as agreement: 80 ms
_REFINED = 2  # classes on either side that a refined time is the mean of
_DENSEST = 40.0  # letters a second; the fastest speakers stay under 30
_ABSURD = 4  # times as dense: not even asked about
_SPARSEST = 0.5  # letters a second of speech; the slowest say about 3
_ENOUGH_SPEECH = 10.0  # s of speech before too little text is held against it
_DOUBT = 0.5  # what scores are multiplied by where text and speech do not fit each other
_CUTS = 2  # times that a clip whose words fell on one moment is halved
_SHORTEST_CUT = 4.0  # s; shorter clips are not halved
_IDEOGRAM = 2.5  # letters that a Han character, kana or Hangul syllable takes as long as
_TOKENS_AT_ONCE = 65_536  # at most, on a GPU
_WORKING_SPACE = 500_000_000  # bytes beside the weights that a clip of 30 s needs, and the engine itself
_BYTES_A_TOKEN = 65_536  # activations of a token in the widest layer, rounded up


class Qwen3Aligner:
    """A loaded Qwen3-ForcedAligner."""

    name: ClassVar[str] = "qwen3"

    def __init__(self, network: Network, model: str, options: LoadOptions) -> None:
        self.model = model
        self.languages: frozenset[str] | None = QWEN3_LANGUAGES
        self.max_clip = 180.0
        self._network = network
        self._options = options
        self._budget = _token_budget(str(network.device))

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
        from crisp_align.models.qwen3_checkpoint import load_weights

        placement = place(options)
        name, checkpoint = _checkpoint(model, options)

        import torch

        from crisp_align.aligners.qwen3.network import Network

        if options.threads > 0:
            torch.set_num_threads(options.threads)
        weights = load_weights(checkpoint, placement)
        if not (options.compile and placement.family == "cuda"):
            return cls(Network(checkpoint, weights), name, options)
        network = Network(checkpoint, weights, compiler="inductor")
        _warm_up(network)
        return cls(network, name, options)

    @classmethod
    def footprint(cls, model: str, options: LoadOptions) -> tuple[str, int]:
        """The device it would run on, and the bytes of memory that it needs there for one clip.

        Raises:
            ModelError: weights missing or of the wrong kind.
            MissingDependencyError: torch is not installed.
            OptionError: the device is not there or cannot compute in the type.
        """
        placement = place(options)
        checkpoint = _checkpoint(model, options)[1]
        widened = 2 if placement.dtype in ("float32", "int8") else 1  # as published it is bfloat16
        return placement.device, checkpoint.size * widened + _WORKING_SPACE

    def align(self, utterances: Sequence[Utterance]) -> list[Result]:
        """One alignment or refusal an utterance, in order.

        Clips over `max_clip` are cut at pauses before the model sees them. A clip in which words pile up on one
        moment, or that takes more memory than there is even alone, is cut at a pause and its halves are timed anew;
        where that does not help, it is refused. An alignment is flagged where that happened, and where text and
        speech do not fit each other, which halves its scores.
        """
        refusals = {i: refusal for i, utterance in enumerate(utterances) if (refusal := _refusal(utterance))}
        found: list[list[tuple[float, Alignment]]] = [[] for _ in utterances]
        troubles: list[list[_Trouble]] = [[] for _ in utterances]
        parts = [_Part(i, part) for i, whole in enumerate(utterances) for part in self._parts(whole, refusals.get(i))]
        while parts:
            waiting: list[_Part] = []
            for at, logits in self._run([part.utterance for part in parts]):
                part = parts[at]
                read = _short_of_memory(part.utterance) if logits is None else self._read(part.utterance, logits)
                if not isinstance(read, _Trouble):
                    offset = part.utterance.clip.start - utterances[part.owner].clip.start
                    found[part.owner].append((offset, read))
                elif halves := part.halves(read):
                    waiting += halves
                    troubles[part.owner] += [] if part.piled else [read]
                else:
                    refusals.setdefault(part.owner, Refusal(read.reason))
            parts = [part for part in waiting if part.owner not in refusals]
        return [refusals.get(i) or _result(utterance, found[i], troubles[i]) for i, utterance in enumerate(utterances)]

    def _parts(self, utterance: Utterance, refusal: Refusal | None) -> list[Utterance]:
        return [] if refusal else divided(utterance, self.max_clip)

    def _run(self, utterances: Sequence[Utterance]) -> Iterator[tuple[int, torch.Tensor | None]]:
        """Logits at the markers of each utterance, in any order; None: it takes too much memory."""
        for batch, encoded in self._encoded(self._batches(utterances), utterances):
            yield from zip(batch, self._forward(encoded), strict=True)

    def _forward(self, batch: list[Encoded]) -> list[torch.Tensor | None]:
        """One call of the model; where memory runs out, two of half the size; None for a clip too large alone."""
        try:
            return list(self._network.logits(batch))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        self._network.release_memory()
        if len(batch) == 1:
            return [None]
        self._budget = max(self._budget // 2, 1)
        middle = len(batch) // 2
        return self._forward(batch[:middle]) + self._forward(batch[middle:])

    def _batches(self, utterances: Sequence[Utterance]) -> Iterator[list[int]]:
        """Indices of what runs together: like lengths under the token budget; on a CPU one by one.

        A CPU gains nothing from a batch of unequal clips and pays for its padding.
        """
        sizes = [self._network.estimate(utterance.clip.duration, len(utterance.units)) for utterance in utterances]
        batch: list[int] = []
        for i in sorted(range(len(utterances)), key=lambda i: sizes[i], reverse=True):
            if batch and sizes[batch[0]] * (len(batch) + 1) > self._budget:
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch

    def _encoded(
        self, batches: Iterator[list[int]], utterances: Sequence[Utterance]
    ) -> Iterator[tuple[list[int], list[Encoded]]]:
        """Batches with their inputs; beside a GPU the next one is prepared while this one runs."""

        def encode(batch: list[int]) -> list[Encoded]:
            return [
                self._network.encode(utterances[i].clip.samples, [unit.spoken for unit in utterances[i].units])
                for i in batch
            ]

        if self._network.device.type == "cpu":
            for batch in batches:
                yield batch, encode(batch)
            return
        with ThreadPoolExecutor(1, "qwen3-inputs") as pool:
            waiting: tuple[list[int], Future[list[Encoded]]] | None = None
            for batch in batches:
                following = (batch, pool.submit(encode, batch))
                if waiting is not None:
                    yield waiting[0], waiting[1].result()
                waiting = following
            if waiting is not None:
                yield waiting[0], waiting[1].result()

    def _read(self, utterance: Utterance, logits: torch.Tensor) -> Alignment | _Trouble:
        """Times from the logits at the markers, shape (2 · units, classes)."""
        from crisp_align.aligners.qwen3.decoding import best_path, crowds, repair

        if self._options.align_decode == "upstream":
            times = [ms / 1000 for ms in repair(logits.argmax(dim=-1).cpu().numpy())]
            return _spans(times, _agreement(logits, [round(time / CLASS) for time in times]))
        limit = min(int(utterance.clip.duration / CLASS) + 1, logits.shape[1])  # no time after the clip's end
        classes: Classes = logits[:, :limit].argmax(dim=-1).cpu().numpy()
        if (classes[:-1] > classes[1:]).any():
            classes = best_path(logits[:, :limit].cpu().numpy())
        times = _refined(logits[:, :limit], classes) if self._options.align_refine else [c * CLASS for c in classes]
        spans = _spans(times, _agreement(logits, classes))
        if lost := crowds(classes):
            piled = sum(last - first for first, last in lost)
            reason = f"put {piled} of {len(utterance.units)} words on one moment"
            return _Trouble(reason, placed_anew(utterance, spans, lost), piled)
        return spans


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a clip has no times, though its halves may have some."""

    reason: str
    guess: Sequence[Span]
    """Where the units probably are."""
    piled: int = 0
    """Units on one moment with others; 0: memory ran out."""


@dataclass(frozen=True, slots=True)
class _Part:
    """All of an utterance, or the units that are said in a part of its clip."""

    owner: int
    """Number of the utterance."""
    utterance: Utterance
    piled: int = 0
    """Times that it was cut because words piled up."""

    def halves(self, trouble: _Trouble) -> list[_Part]:
        """Both halves, or the one in which all is said; none where it has been cut enough."""
        piled = self.piled + bool(trouble.piled)
        if self.utterance.clip.duration < _SHORTEST_CUT or piled > _CUTS:
            return []
        return [_Part(self.owner, half, piled) for half in halved(self.utterance, trouble.guess) if half.units]


def _short_of_memory(utterance: Utterance) -> _Trouble:
    return _Trouble(f"runs out of memory on {utterance.clip.duration:.0f} s of audio", expected(utterance))


def _refusal(utterance: Utterance) -> Refusal | None:
    """Why the model should not even be asked; None: it should."""
    if utterance.translated:
        return Refusal("cannot time a translation")
    if utterance.language is not None and utterance.language not in QWEN3_LANGUAGES:
        return Refusal(f"does not speak {language_name(utterance.language)}")
    if _density(utterance) > _ABSURD * _DENSEST:
        return Refusal("finds many times the text that can be said in the time")
    return None


def _result(
    utterance: Utterance, found: list[tuple[float, Alignment]], troubles: list[_Trouble]
) -> Alignment | Flagged:
    """The spans of all parts, s from the clip's start, with what the user must know about them."""
    spans = tuple(
        replace(span, start=round(offset + span.start, 3), end=round(offset + span.end, 3)) if offset else span
        for offset, part in sorted(found, key=lambda pair: pair[0])
        for span in part
    )
    notices = []
    if misfit := _misfit(utterance):
        spans = tuple(replace(span, score=None if span.score is None else span.score * _DOUBT) for span in spans)
        notices.append(misfit)
    if piled := sum(trouble.piled for trouble in troubles):
        notices.append(f"put {piled} of {len(utterance.units)} words on one moment; cut at a pause, they were parted")
    if not all(trouble.piled for trouble in troubles):
        notices.append("ran out of memory; cut at a pause, the clip was timed in parts")
    return Flagged(spans, "; ".join(notices)) if notices else spans


def _misfit(utterance: Utterance) -> str | None:
    """How text and speech do not fit each other; None: they do."""
    if _density(utterance) > _DENSEST:
        return "finds more text than can be said in the time"
    speech = sum(end - start for start, end in utterance.clip.speech or ())
    letters = sum(_letters(unit.spoken) for unit in utterance.units)
    return "finds far less text than is spoken" if speech > _ENOUGH_SPEECH and letters < _SPARSEST * speech else None


def _density(utterance: Utterance) -> float:
    """Letters a second of the clip."""
    return sum(_letters(unit.spoken) for unit in utterance.units) / max(utterance.clip.duration, 1.0)


def _spans(times: Sequence[float], agreement: Sequence[float]) -> Alignment:
    """Pairs of markers as spans; the score is the geometric mean of the agreement on start and end."""
    return tuple(
        Span(round(float(times[i]), 3), round(float(times[i + 1]), 3), (agreement[i] * agreement[i + 1]) ** 0.5)
        for i in range(0, len(times), 2)
    )


def _agreement(logits: torch.Tensor, classes: Sequence[int] | Classes) -> list[float]:
    """For each marker the probability, in [0, 1], that its time is within 80 ms of the chosen class."""
    near, inside = _around(logits, classes, _SCORED)
    masses = (near - logits.logsumexp(dim=1, keepdim=True)).exp() * inside
    return [min(mass, 1.0) for mass in masses.sum(dim=1).tolist()]


def _refined(logits: torch.Tensor, classes: Classes) -> list[float]:
    """Mean time, in s, of the classes up to two away from the chosen one, weighted by probability; in order."""
    import torch

    near, inside = _around(logits, classes, _REFINED)
    weights = near.masked_fill(~inside, float("-inf")).softmax(dim=1)
    offsets = torch.arange(-_REFINED, _REFINED + 1, device=weights.device, dtype=weights.dtype)
    means = torch.from_numpy(classes).to(weights.device) + (weights * offsets).sum(dim=1)
    return [mean * CLASS for mean in means.cummax(dim=0).values.tolist()]


def _around(logits: torch.Tensor, classes: Sequence[int] | Classes, reach: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of the classes up to `reach` away from the chosen ones, and which of them exist."""
    import torch

    chosen = torch.as_tensor(classes, device=logits.device)[:, None]
    wanted = chosen + torch.arange(-reach, reach + 1, device=logits.device)
    inside = (wanted >= 0) & (wanted < logits.shape[1])
    return logits.gather(1, wanted.clamp(0, logits.shape[1] - 1)), inside


def _letters(word: str) -> float:
    """How long a word is to say, in letters of an alphabet."""
    return sum(_IDEOGRAM if char >= "\u1100" and char.isalpha() else 1.0 for char in word)


def _checkpoint(model: str, options: LoadOptions) -> tuple[str, Checkpoint]:
    """What is meant by `model`, and its files."""
    from crisp_align.models.qwen3_checkpoint import inspect

    name = (models.best_local("qwen3-aligner") or DEFAULT) if model.lower() in SHORT_NAMES else model
    return name, inspect(models.ensure("qwen3-aligner", name, offline=options.offline), "aligner")


def _warm_up(network: Network) -> None:
    """Compile the model, and say on stderr how far that is and how long it took, as downloads do."""
    from huggingface_hub.utils.tqdm import tqdm

    from crisp_align.aligners.qwen3.network import WARM_UPS

    what = f"compiling qwen3 for {network.device}"
    shape = "{desc}: {n_fmt} of {total_fmt}, {elapsed}"
    with tqdm(total=len(WARM_UPS), desc=what, bar_format=shape) as progress:  # type: ignore[no-untyped-call]
        for _ in network.warm_up():
            progress.update()


def _token_budget(device: str) -> int:
    """Tokens in one call: what the memory that is free takes; on a CPU 1, so that each clip runs alone."""
    if device == "cpu":
        return 1
    return max(min(free_memory(device) // 2 // _BYTES_A_TOKEN, _TOKENS_AT_ONCE), 1)
