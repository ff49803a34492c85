"""Whisper's cross-attention as a forced aligner, its edges snapped to voice activity."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Protocol, Self, runtime_checkable
from unicodedata import category

from crisp_align.aligners import AlignerProfile, Alignment, Refusal, Utterance
from crisp_align.backends import Backend, LoadOptions, backend_class, backend_profiles
from crisp_align.errors import ModelError
from crisp_align.languages import language_name
from crisp_align.transcript import Clip, Span, Unit

__all__ = ["AttentionAligner", "CrossAttention"]

REACH = 0.5  # s, the furthest that an edge is moved to meet voice activity


@runtime_checkable
class CrossAttention(Protocol):
    """A backend whose decoder can be forced to emit a text, and shows which audio it attended to."""

    @property
    def languages(self) -> frozenset[str] | None:
        """Codes it knows; None: any."""
        ...

    @property
    def max_clip(self) -> float:
        """s, the longest clip it takes."""
        ...

    @property
    def batch_size(self) -> int:
        """Clips in one call that suit its device."""
        ...

    def token_times(
        self, clips: Sequence[Clip], texts: Sequence[Sequence[str]], language: str, *, translated: bool = False
    ) -> list[list[Span] | None]:
        """One span a piece of text, s from the clip's start; None where there is more text than the decoder takes."""
        ...


class AttentionAligner:
    """Teacher-forces the text through the Whisper model that is already loaded, or through the best one here."""

    name: ClassVar[str] = "attention"
    profile: ClassVar[AlignerProfile] = AlignerProfile(rank=20, shares_backend_model=True)

    def __init__(self, engine: CrossAttention, *, translates: bool = True) -> None:
        """Force texts through `engine`; `translates`: it wrote the translations itself that it may be asked to time."""
        self._engine = engine
        self._translates = translates
        self.languages = engine.languages
        self.max_clip = engine.max_clip

    @classmethod
    def load(cls, model: str, options: LoadOptions, backend: Backend | None) -> Self:
        """Share the backend's model where it is Whisper, else load one; see `Aligner.load`.

        Raises:
            ModelError: there is no Whisper model to use.
        """
        shared: object = backend
        if not isinstance(shared, CrossAttention):
            shared = _backend_with_attention().load(model, options)
        return cls(_attentive(shared), translates=shared is backend)

    def align(self, utterances: Sequence[Utterance]) -> list[Alignment | Refusal]:
        """One result an utterance; clips of one language share a call."""
        results: list[Alignment | Refusal | None] = [self._refusal(utterance) for utterance in utterances]
        groups: dict[tuple[str, bool], list[int]] = {}
        for i, utterance in enumerate(utterances):
            if results[i] is None:
                language = utterance.spoken_language if utterance.translated else utterance.language
                groups.setdefault((language or "en", utterance.translated), []).append(i)
        for (language, translated), members in groups.items():
            for at in range(0, len(members), self._engine.batch_size):
                batch = members[at : at + self._engine.batch_size]
                texts = [spoken_pieces(utterances[i].units) for i in batch]
                times = self._engine.token_times(
                    [utterances[i].clip for i in batch],
                    [pieces for pieces, _ in texts],
                    language,
                    translated=translated,
                )
                for i, spans, (_, spoken) in zip(batch, times, texts, strict=True):
                    if spans is None:
                        results[i] = Refusal("has more text than Whisper's decoder takes")
                    else:
                        results[i] = snapped([spans[k] for k in spoken], utterances[i].clip.speech)
        return [result if result is not None else Refusal("no times came back") for result in results]

    def _refusal(self, utterance: Utterance) -> Refusal | None:
        if utterance.translated and not self._translates:
            return Refusal("a translation is other words than the audio's")
        if utterance.clip.duration > self.max_clip + 0.001:
            return Refusal(f"takes {self.max_clip:.0f} s at most, not {utterance.clip.duration:.0f} s")
        if utterance.language is not None and self.languages and utterance.language not in self.languages:
            return Refusal(f"does not know {language_name(utterance.language)}")
        return None


def _backend_with_attention() -> type[Backend]:
    """The backend of the highest rank whose decoder has cross-attention to read.

    Raises:
        ModelError: none is installed.
    """
    name = next((name for name, profile in backend_profiles().items() if profile.has_cross_attention), None)
    if name is None:
        raise ModelError("no installed backend has cross-attention", hint="use another aligner")
    return backend_class(name)


def _attentive(engine: object) -> CrossAttention:
    if isinstance(engine, CrossAttention):
        return engine
    raise ModelError(
        f"the backend {getattr(engine, 'name', engine)!r} gives no cross-attention", hint="use another aligner"
    )


def spoken_pieces(units: Sequence[Unit]) -> tuple[list[str], list[int]]:
    """Units cut in two where punctuation trails, since its token takes the pause that follows a word.

    Returns:
        The pieces, and for each unit the index of the piece that is spoken.
    """
    pieces: list[str] = []
    spoken: list[int] = []
    for unit in units:
        stop = len(unit.text)
        while stop > 0 and category(unit.text[stop - 1])[0] not in "LMN":  # vowel signs are marks
            stop -= 1
        stop = stop or len(unit.text)  # nothing but signs: they are the word
        spoken.append(len(pieces))
        pieces.extend(piece for piece in (unit.text[:stop], unit.text[stop:]) if piece)
    return pieces, spoken


def snapped(spans: Sequence[Span], speech: Sequence[tuple[float, float]] | None) -> Alignment:
    """Move the edges at pauses to where voice begins and ends.

    Args:
        spans: one a unit, in order, s from the clip's start.
        speech: voice activity, s from the clip's start; None or empty: nothing to snap to.
    """
    starts = [span.start for span in spans]
    ends = [span.end for span in spans]
    for silence in _silences(speech or ()):
        at = _nearest_boundary(starts, ends, silence)
        if at is not None:
            ends[at], starts[at + 1] = silence
    if speech and starts:
        if abs(starts[0] - speech[0][0]) < REACH:
            starts[0] = speech[0][0]
        if 0 < ends[-1] - speech[-1][1] < REACH:
            ends[-1] = speech[-1][1]
    return tuple(Span(s, max(s, e), span.score) for s, e, span in zip(starts, ends, spans, strict=True))


def _silences(speech: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The pauses between stretches of speech, longest first, so that the clearest claims its boundary last."""
    gaps = [(before[1], after[0]) for before, after in pairwise(speech)]
    return sorted(gaps, key=lambda gap: gap[1] - gap[0])


def _nearest_boundary(starts: Sequence[float], ends: Sequence[float], silence: tuple[float, float]) -> int | None:
    """Index of the word after which the silence falls; None where every boundary is too far from it."""
    distances = [max(0.0, silence[0] - starts[i + 1], ends[i] - silence[1]) for i in range(len(starts) - 1)]
    if not distances or min(distances) > REACH:
        return None
    return distances.index(min(distances))
