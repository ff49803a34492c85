"""What a model cannot honour, refused before any audio is read."""

from __future__ import annotations

from dataclasses import dataclass

from crisp_align.backends import DecodeOptions
from crisp_align.errors import OptionError
from crisp_align.languages import language_name

__all__ = ["Limits"]

_DEFAULTS = DecodeOptions()
_THRESHOLDS = {
    "no_speech_threshold": "--no-speech-thold",
    "log_prob_threshold": "--logprob-thold",
    "compression_ratio_threshold": "--compression-ratio-threshold",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Which of the decode options a model honours. Those not named here need no model."""

    model: str
    """As messages call it, e.g. "Parakeet parakeet-tdt-0.6b-v3"."""
    languages: frozenset[str] | None
    """Codes it knows; None: any."""
    detects: bool = True
    """Whether it works without being told the language."""
    translates: bool = False
    prompts: bool = False
    """Whether a prompt and hotwords reach it."""
    switches_punctuation: bool = False
    """Whether it can leave punctuation and capitals out."""

    def check(self, options: DecodeOptions) -> None:
        """Refuse what the model does not do.

        Raises:
            OptionError: naming the option and what would work.
        """
        self._check_languages(options)
        if options.translate and not self.translates:
            raise OptionError(f"{self.model} does not translate", hint="use --backend canary or whisper")
        if options.target_language is not None and not options.translate:
            raise OptionError("a target language was given without asking for a translation", hint="add --translate")
        if (options.prompt or options.hotwords) and not self.prompts:
            given = "--prompt" if options.prompt else "--hotwords"
            raise OptionError(f"{self.model} takes no {given}", hint="use --backend qwen3-asr or whisper")
        if not options.punctuation and not self.switches_punctuation:
            raise OptionError(f"{self.model} cannot leave punctuation out", hint="use --backend canary")
        if options.temperature != _DEFAULTS.temperature:
            raise OptionError(f"{self.model} takes no --temperature", hint="it always takes the likeliest token")
        if options.beam_size not in (1, _DEFAULTS.beam_size):
            raise OptionError(f"{self.model} takes no --beam-size", hint="it always takes the likeliest token")
        for name, flag in _THRESHOLDS.items():
            if getattr(options, name) != getattr(_DEFAULTS, name):
                raise OptionError(f"{self.model} takes no {flag}", hint="leave it out, or use --backend whisper")

    def _check_languages(self, options: DecodeOptions) -> None:
        if options.language is None and not self.detects:
            raise OptionError(
                f"{self.model} cannot detect which language is spoken", hint="name it with -l, e.g. -l en"
            )
        for code in (options.language, options.target_language):
            if code is not None and self.languages is not None and code not in self.languages:
                raise OptionError(
                    f"{self.model} does not know {language_name(code)}",
                    hint=f"it knows {', '.join(sorted(self.languages))}",
                )
