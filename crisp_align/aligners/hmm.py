"""English forced alignment with the hidden Markov models that ship inside PocketSphinx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from crisp_align.aligners import Alignment, Refusal, Utterance
from crisp_align.backends import Backend, LoadOptions
from crisp_align.languages import language_name
from crisp_align.text.spoken import spoken_words
from crisp_align.transcript import SAMPLE_RATE, Span

if TYPE_CHECKING:
    import pocketsphinx

__all__ = ["HmmAligner"]

FRAME = 0.01  # s, one step of the acoustic model
CENTRE = 0.008  # s, from a frame's first sample to the middle of what it hears, less half a step


class HmmAligner:
    """PocketSphinx's English acoustic model, aligned to one text a clip."""

    name: ClassVar[str] = "hmm"

    def __init__(self, decoder: pocketsphinx.Decoder) -> None:
        self._decoder = decoder
        self.languages: frozenset[str] | None = frozenset({"en"})
        self.max_clip = 60.0

    @classmethod
    def load(cls, model: str, options: LoadOptions, backend: Backend | None) -> Self:
        """Load the model that PocketSphinx carries; `model`, `options` and `backend` do not matter to it."""
        import pocketsphinx

        return cls(pocketsphinx.Decoder(lm=None, loglevel="FATAL"))

    def align(self, utterances: Sequence[Utterance]) -> list[Alignment | Refusal]:
        """One alignment or refusal an utterance, in order."""
        return [self._align(utterance) for utterance in utterances]

    def _align(self, utterance: Utterance) -> Alignment | Refusal:
        if utterance.translated:
            return Refusal("cannot time a translation")
        if utterance.language not in (None, "en"):
            return Refusal(f"speaks English only, not {language_name(utterance.language)}")
        words = [self._known(spoken_words(unit.text)) for unit in utterance.units]
        if not any(words):
            return Refusal("finds nothing it can pronounce in the text")
        heard = self._decode(utterance, [word for group in words for word in group])
        if not heard:
            return Refusal("finds that the text does not fit the audio")
        return _spans(words, heard)

    def _known(self, words: list[str]) -> list[str]:
        """The words, those that the dictionary lacks spelled out by letters."""
        known: list[str] = []
        for word in words:
            known += [word] if self._decoder.lookup_word(word) else [char for char in word if char != "'"]
        return known

    def _decode(self, utterance: Utterance, words: list[str]) -> list[tuple[float, float]]:
        """Start and end (s) of each word; empty where the search found no way through."""
        import numpy as np

        samples = (np.clip(utterance.clip.samples, -1.0, 1.0) * 32767).astype(np.int16)
        if len(samples) < SAMPLE_RATE // 10:
            return []
        decoder = self._decoder
        decoder.set_align_text(" ".join(words))
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        heard = [
            (segment.start_frame * FRAME + CENTRE, (segment.end_frame + 1) * FRAME + CENTRE)
            for segment in decoder.seg() or ()
            if not segment.word.startswith(("<", "["))
        ]
        return heard if len(heard) == len(words) else []


def _spans(words: list[list[str]], heard: list[tuple[float, float]]) -> Alignment:
    """One span a unit; a unit without words sits where its left neighbour ended."""
    spans: list[Span] = []
    at, edge = 0, heard[0][0]
    for group in words:
        if group:
            spans.append(Span(heard[at][0], heard[at + len(group) - 1][1]))
            at, edge = at + len(group), spans[-1].end
        else:
            spans.append(Span(edge, edge))
    return tuple(spans)
