"""What Qwen3-ASR can do, is asked and answers, whichever engine runs it."""

from __future__ import annotations

import math
import re
from typing import get_args

from crisp_align.backends import BackendProfile, Capabilities, DecodeOptions, Engine, Transcription
from crisp_align.errors import OptionError
from crisp_align.languages import language_code
from crisp_align.models.devices import Dtype

__all__ = ["ENGINE", "LANGUAGES", "MARK", "PROFILE", "context_of", "most_tokens", "read_answer"]

LANGUAGES = frozenset(
    {
        "ar", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fil", "fr", "hi", "hu", "id", "it",
        "ja", "ko", "mk", "ms", "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "vi", "yue", "zh",
    }
)  # fmt: skip
"""Codes of the 30 languages; Chinese dialects come out as zh or yue."""

MARK = "<asr_text>"
"""Stands between the language and the text of an answer."""

ENGINE = Engine(
    "transformers", ("torch", "transformers"), 'pip install "crisp-align[qwen]"', frozenset(get_args(Dtype))
)

_SERVERS = Engine(
    "vllm",
    (),
    "pip install vllm, in an environment of its own",
    asks_servers=True,
    serve_command="crisp_align_backends.qwen3_server:serve_command",
    check_server="crisp_align_backends.qwen3_server:check_server",
)
_MAX_CLIP = 180.0  # s; upstream takes 1200, but a clip this long already holds all the context that helps
_TOKENS_PER_SECOND = 25  # fast speech in a script whose letters are two tokens each, such as Devanagari
_TOKENS_AT_LEAST = 32
_CONTROL = re.compile(r"<\|[^|<>]*\|>|<asr_text>|<timestamp>")

PROFILE = BackendProfile(
    rank=80,
    capabilities=Capabilities("Qwen3-ASR", LANGUAGES, prompts=True),
    engines=(ENGINE, _SERVERS),
    max_clip=_MAX_CLIP,
    family="qwen3-asr",
    default_model="qwen3-asr-0.6b-hf",
)


def read_answer(raw: str, text: str, named: object, ended: bool, options: DecodeOptions) -> Transcription:
    """What an answer such as "language German<asr_text>Guten Tag." says; empty audio answers "language None".

    Args:
        raw: the answer.
        text: what it says was spoken, without loops.
        named: the language that it names, if it names one.
        ended: whether it came to an end before its limit.
        options: what was asked for.
    """
    head, _, said = raw.partition(MARK) if MARK in raw else ("", "", raw)
    language, notices = options.language, []
    if language is None and named is not None:
        try:
            language = language_code(str(named))
        except OptionError:
            notices.append(f"a language was named that is not known: {named!r}")
    if head.strip().lower() == "language none":
        return Transcription("", None, notices=(f"text for silence, left out: {text[:80]!r}",) if text else ())
    if len(text) < len(said.strip()):
        notices.append(f"cut a loop: {text[:80]!r}")
    if not ended:
        notices.append(f"cut off, having become too long for the clip: {text[-80:]!r}")
    return Transcription(text, language, notices=tuple(notices), certain=language is not None)


def context_of(options: DecodeOptions) -> str:
    """Prompt and hotwords as one text, without control tokens."""
    return _CONTROL.sub("", " ".join(part.strip() for part in (options.prompt, options.hotwords) if part))


def most_tokens(seconds: float) -> int:
    """The most tokens that the text of a clip may have."""
    return _TOKENS_AT_LEAST + math.ceil(seconds * _TOKENS_PER_SECOND)
