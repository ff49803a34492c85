"""Canary on NeMo: .nemo files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crisp_align.backends import LoadOptions
from crisp_align.models.devices import DeviceChoice, free_memory

from .nemo_loading import autocast, quiet, restore
from .runtimes import EUROPEAN

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["NemoCanary"]

_BYTES_PER_SECOND = 60e6  # of audio, at the peak of the 1B model in float32
_FLASH = frozenset({"de", "en", "es", "fr"})
"""What the flash models know."""


class NemoCanary:
    """A loaded EncDecMultiTaskModel."""

    def __init__(self, model: Any, placement: DeviceChoice) -> None:
        self._model, self._placement = model, placement
        self.device = placement.device
        # Their tokenizers are put together of one for control tokens and one a language; v2 has one for all.
        parts = getattr(model.tokenizer, "langs", None)
        self.languages = frozenset(parts) & _FLASH if parts else EUROPEAN

    @classmethod
    def load(cls, path: Path, options: LoadOptions) -> Self:
        """Load a .nemo file.

        Raises:
            ModelError: it is damaged, not to be trusted, or another kind of model.
            OptionError: a device or type that is not there.
            MissingDependencyError: NeMo is not installed.
        """
        return cls(*restore(path, ("EncDecMultiTaskModel",), options))

    @property
    def budget(self) -> float:
        """s of audio, padding counted, in one call: what a third of the free memory takes."""
        return max(free_memory(self.device) / 3 / _BYTES_PER_SECOND, 40.0)

    def transcribe(
        self, clips: Sequence[Samples], source: str, target: str, *, punctuation: bool
    ) -> list[tuple[str, bool]]:
        """(text, True) a clip, since NeMo does not say where it cut off; see `CanaryEngine.transcribe`."""
        from nemo.collections.asr.models.aed_multitask_models import MultiTaskTranscriptionConfig

        config = MultiTaskTranscriptionConfig(
            batch_size=len(clips),
            return_hypotheses=False,
            num_workers=0,
            verbose=False,
            enable_chunking=False,  # clips are short enough
            prompt={"source_lang": source, "target_lang": target, "pnc": "yes" if punctuation else "no"},
        )
        config.pad_min_duration = 0.0
        with quiet(), autocast(self._placement):
            results = self._model.transcribe(list(clips), override_config=config)
        return [(str(getattr(one, "text", one)), True) for one in results]
