"""Parakeet on NeMo: .nemo files, with the times and confidences that NeMo gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crisp_align.backends import LoadOptions, Transcription
from crisp_align.models.devices import DeviceChoice, free_memory
from crisp_align.transcript import Word

from .nemo_loading import autocast, quiet, restore
from .runtimes import EUROPEAN

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["NemoParakeet"]

_CLASSES = ("EncDecRNNTBPEModel", "EncDecCTCModelBPE", "EncDecHybridRNNTCTCBPEModel")
_BYTES_PER_SECOND = 40e6  # of audio, at the peak of the 0.6B encoder in float32


class NemoParakeet:
    """A loaded EncDecRNNTBPEModel (RNN-T, TDT), EncDecCTCModelBPE or hybrid of both."""

    def __init__(self, model: Any, placement: DeviceChoice) -> None:
        self._model, self._placement = model, placement
        self.device = placement.device
        # The multilingual tokenizer has a token for each language; that of the English models has none.
        self.languages = EUROPEAN if "<|de|>" in set(model.tokenizer.vocab) else None

    @classmethod
    def load(cls, path: Path, options: LoadOptions) -> Self:
        """Load a .nemo file.

        Raises:
            ModelError: it is damaged, not to be trusted, or another kind of model.
            OptionError: a device or type that is not there.
            MissingDependencyError: NeMo is not installed.
        """
        model, placement = restore(path, _CLASSES, options)
        with quiet():
            _ask_for_times(model)
            if hasattr(model, "change_subsampling_conv_chunking_factor"):
                model.change_subsampling_conv_chunking_factor(1)  # long clips: convolve a piece at a time
        return cls(model, placement)

    @property
    def budget(self) -> float:
        """s of audio, padding counted, in one call: what a third of the free memory takes."""
        return max(free_memory(self.device) / 3 / _BYTES_PER_SECOND, 30.0)

    def transcribe(self, clips: Sequence[Samples]) -> list[Transcription]:
        """One transcription a clip; see `ParakeetEngine.transcribe`."""
        from nemo.collections.asr.parts.mixins.transcription import TranscribeConfig

        config = TranscribeConfig(
            batch_size=len(clips), return_hypotheses=True, num_workers=0, timestamps=True, verbose=False
        )
        config.pad_min_duration = 0.0  # it would pad in front, too, and all times would be late
        with quiet(), autocast(self._placement):
            results = self._model.transcribe(list(clips), override_config=config)
        best = results[0] if isinstance(results, tuple) else results
        return [_transcription(one[0] if isinstance(one, list) else one) for one in best]


def _ask_for_times(model: Any) -> None:
    """Set decoding to keep the times and the confidence of words."""
    from omegaconf import OmegaConf, open_dict

    decoding = OmegaConf.create(OmegaConf.to_container(model.cfg.decoding))
    with open_dict(decoding):
        decoding.compute_timestamps = True
        decoding.preserve_alignments = True
        decoding.confidence_cfg = {
            "preserve_frame_confidence": True,
            "preserve_token_confidence": True,
            "preserve_word_confidence": True,
            "exclude_blank": True,
            "aggregation": "mean",
            "method_cfg": {"name": "max_prob"},
        }
    model.change_decoding_strategy(decoding)


def _transcription(hypothesis: Any) -> Transcription:
    text = str(hypothesis.text).strip()
    timed = (hypothesis.timestamp or {}).get("word") or [] if isinstance(hypothesis.timestamp, dict) else []
    if not text or " ".join(str(word["word"]).strip() for word in timed) != " ".join(text.split()):
        return Transcription(text)
    scores = [float(score) for score in hypothesis.word_confidence or ()]
    words = []
    for i, (spelled, word) in enumerate(zip(_words(text), timed, strict=True)):
        score = min(max(scores[i], 0.0), 1.0) if len(scores) == len(timed) else None
        words.append(Word(spelled, float(word["start"]), float(word["end"]), score))
    return Transcription(text, words=tuple(words))


def _words(text: str) -> list[str]:
    """Words with the space before them."""
    first, *rest = text.split()
    return [first, *(f" {word}" for word in rest)]
