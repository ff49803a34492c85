"""What the user asks of a model: which it is, and how it decodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from crisp_align.languages import language_code
from crisp_align.models.options import LoadOptions

__all__ = ["DecodeOptions", "LoadOptions", "ModelChoice"]


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which backend or aligner runs, with which model, where and how."""

    name: str = "auto"
    """A backend's or an aligner's name; for an aligner also the path or Hub id of its model."""
    model: str = "auto"
    """A name, Hub id or path; auto: the best that is already on this machine."""
    load: LoadOptions = field(default_factory=LoadOptions)


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What the user asks of a transcription. A backend refuses what it cannot honour in `check`."""

    language: str | None = None
    """Code of the language spoken, or what `language_code` knows it by; None or "auto": detect it in every clip."""
    translate: bool = False
    target_language: str | None = None
    """Language to translate into, likewise; None: English."""
    prompt: str | None = None
    """Text that sets the style or names the context."""
    hotwords: str | None = None
    """Words to expect, separated by commas or spaces."""
    punctuation: bool = True
    """False: plain words, without punctuation and capitals, from the models that can be asked for that."""
    beam_size: int = 5
    batch_size: int = 0
    """Clips in one call of the model; 0: the backend's choice for the device."""
    temperature: float = 0.0
    no_speech_threshold: float = 0.6
    """Above this no-speech probability, with a log-probability below the next threshold, a clip is dropped."""
    log_prob_threshold: float = -1.0
    """Mean log-probability a token below which a clip is suspect."""
    compression_ratio_threshold: float = 2.4
    """Text that compresses better than this is a loop."""

    def __post_init__(self) -> None:
        """Keep languages by their codes.

        Raises:
            OptionError: an unknown language.
        """
        auto = self.language is None or self.language.strip().lower() == "auto"
        object.__setattr__(self, "language", None if auto else language_code(str(self.language)))
        if self.target_language is not None:
            object.__setattr__(self, "target_language", language_code(self.target_language))
