"""What a backend or a model of it cannot honour, refused before any audio is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from crisp_align.backends.options import DecodeOptions
from crisp_align.backends.plugins import BACKENDS, profiles
from crisp_align.errors import OptionError
from crisp_align.languages import language_name

__all__ = ["Capabilities"]

_SEARCH = {
    "temperature": "--temperature",
    "beam_size": "--beam-size",
    "no_speech_threshold": "--no-speech-thold",
    "log_prob_threshold": "--logprob-thold",
    "compression_ratio_threshold": "--compression-ratio-threshold",
}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Which of the decode options a backend honours. Those not named here need no model."""

    title: str
    """As messages call it, e.g. "Parakeet"."""
    languages: frozenset[str] | None = None
    """Codes it knows, for a backend those of its models all together; None: any."""
    detects: bool = True
    """Whether it works without being given the language."""
    translations: frozenset[str] | None = frozenset()
    """Codes it translates into; None: any."""
    pivot: str | None = None
    """Code that a translation must come from or go into; None: any pair will do."""
    prompts: bool = False
    """Whether a prompt and hotwords reach it."""
    switches_punctuation: bool = False
    """Whether it can leave punctuation and capitals out."""
    has_beam_search: bool = False
    """Whether it searches by beam and temperature, and judges its drafts by thresholds; others take the likeliest
    token."""

    def of(self, model: str, languages: frozenset[str] | None) -> Capabilities:
        """The same for one model of the backend."""
        return replace(self, title=f"{self.title} {model}", languages=languages)

    def check(self, options: DecodeOptions) -> None:
        """Refuse what it does not do.

        Raises:
            OptionError: naming the option and what would work.
        """
        if options.language is None and not self.detects:
            raise OptionError(
                f"{self.title} cannot detect which language is spoken", hint="name it with -l, e.g. -l en"
            )
        if options.language is not None:
            self._check_language(options.language)
        self._check_translation(options)
        if (options.prompt or options.hotwords) and not self.prompts:
            given = "--prompt" if options.prompt else "--hotwords"
            raise OptionError(f"{self.title} takes no {given}", hint=_able(lambda it: it.prompts))
        if not options.punctuation and not self.switches_punctuation:
            hint = _able(lambda it: it.switches_punctuation)
            raise OptionError(f"{self.title} cannot leave punctuation out", hint=hint)
        if not self.has_beam_search:
            self._check_search(options)

    def _check_language(self, code: str) -> None:
        if self.languages is None or code in self.languages:
            return
        raise OptionError(
            f"{self.title} does not know {language_name(code)}", hint=f"it knows {', '.join(sorted(self.languages))}"
        )

    def _check_translation(self, options: DecodeOptions) -> None:
        into = self.translations
        if options.target_language is not None and not options.translate:
            raise OptionError("a target language was given without asking for a translation", hint="add --translate")
        if not options.translate or into is None:
            return
        target = options.target_language or "en"
        if not into:
            raise OptionError(f"{self.title} does not translate", hint=_able(lambda it: it.translations != frozenset()))
        if target not in into:
            raise OptionError(
                f"{self.title} does not translate into {language_name(target)}",
                hint=f"it translates into {', '.join(sorted(into))}",
            )
        if self.pivot is not None and options.language == target:
            named = language_name(target)
            raise OptionError(
                f"{self.title} cannot translate from {named} into {named}",
                hint="leave out --translate, or name another --target-language",
            )
        if self.pivot is not None and options.language is not None and self.pivot not in (options.language, target):
            pivot = language_name(self.pivot)
            raise OptionError(
                f"{self.title} translates from or into {pivot}, not from {language_name(options.language)} "
                f"into {language_name(target)}",
                hint=f"translate into {pivot}",
            )

    def _check_search(self, options: DecodeOptions) -> None:
        usual = type(options)()
        for name, flag in _SEARCH.items():
            asked = getattr(options, name)
            if asked != getattr(usual, name) and (name, asked) != ("beam_size", 1):
                raise OptionError(
                    f"{self.title} takes no {flag}",
                    hint=f"it always takes the likeliest token; {_able(lambda it: it.has_beam_search)}",
                )


def _able(has: Callable[[Capabilities], bool]) -> str:
    """Return the advice to use one of the installed backends that have a capability."""
    able = sorted(name for name, profile in profiles(BACKENDS).items() if has(profile.capabilities))
    return f"use --backend {' or '.join(able)}" if able else "no installed backend can"
