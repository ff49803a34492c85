"""Canary on transformers: checkpoints of the Hub's own layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crisp_align.backends import LoadOptions
from crisp_align.errors import ModelError
from crisp_align.models.devices import (
    DeviceChoice,
    choose_device,
    free_memory,
    quiet,
    require_torch,
    require_transformers,
)
from crisp_align.transcript import SAMPLE_RATE

from .generation import Rows, row_limits
from .runtimes import EUROPEAN
from .transformers_loading import load_model, load_processor, model_type

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["TransformersCanary"]

_EXTRA = "nvidia"
_BYTES_PER_SECOND = 60e6  # of audio, at the peak of the 1B model in float32
_TOKENS_PER_SECOND = 12  # four times what fast speech takes
_TOKENS_AT_LEAST = 32


class TransformersCanary:
    """A loaded CanaryForConditionalGeneration."""

    languages = EUROPEAN

    def __init__(self, model: Any, processor: Any, placement: DeviceChoice) -> None:
        self._model, self._processor = model, processor
        self.device = placement.device
        self._room = model.config.decoder_config.max_position_embeddings

    @classmethod
    def load(cls, folder: Path, options: LoadOptions) -> Self:
        """Load a folder.

        Raises:
            ModelError: it holds something else, or is not whole.
            OptionError: a device or type that is not there.
        """
        held = model_type(folder)
        if held != "canary":
            raise ModelError(f"holds a model of type {held!r}, not a Canary", subject=str(folder))
        placement = choose_device(options, extra=_EXTRA, int8=False)
        if placement.family == "cpu":
            require_torch(_EXTRA).set_num_threads(options.cpu_threads)
        processor = load_processor(folder, "CanaryProcessor", _EXTRA)
        return cls(load_model(folder, "CanaryForConditionalGeneration", placement, _EXTRA), processor, placement)

    @property
    def budget(self) -> float:
        """s of audio, padding counted, in one call: what a third of the free memory takes."""
        return max(free_memory(self.device) / 3 / _BYTES_PER_SECOND, 40.0)

    def transcribe(
        self, clips: Sequence[Samples], source: str, target: str, *, punctuation: bool
    ) -> list[tuple[str, bool]]:
        """(text, whether it ended by itself) a clip; see `CanaryEngine.transcribe`."""
        torch = require_torch(_EXTRA)
        with torch.inference_mode(), quiet(require_transformers(_EXTRA, knows="CanaryForConditionalGeneration")):
            inputs = self._processor.apply_transcription_request(
                list(clips),
                source_language=source,
                target_language=target,
                punctuation=punctuation,
                sampling_rate=SAMPLE_RATE,
            ).to(self.device, dtype=self._model.dtype)
            prompt = inputs["decoder_input_ids"].shape[1]
            limits = [min(_most_tokens(len(clip) / SAMPLE_RATE), self._room - prompt) for clip in clips]
            sequences = self._model.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                max_new_tokens=max(limits),
                stopping_criteria=[row_limits(limits, prompt)],
            )
        rows = Rows(sequences[:, prompt:].tolist(), limits, self._model.generation_config.eos_token_id)
        texts = self._processor.tokenizer.batch_decode(rows.tokens, skip_special_tokens=True)
        return list(zip(texts, rows.ended, strict=True))


def _most_tokens(seconds: float) -> int:
    return _TOKENS_AT_LEAST + math.ceil(seconds * _TOKENS_PER_SECOND)
