"""Qwen3-ASR: 30 languages and 22 Chinese dialects, detected clip by clip; takes context and hotwords."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast, get_args

from crisp_align.backends import BackendProfile, Capabilities, DecodeOptions, Engine, LoadOptions, Transcription
from crisp_align.errors import ModelError, OptionError
from crisp_align.languages import language_code, language_name
from crisp_align.models import store as models
from crisp_align.models.devices import Dtype, Placement, free_memory, place, require_torch, require_transformers
from crisp_align.models.qwen3_checkpoint import Checkpoint, inspect, load_weights
from crisp_align.models.qwen3_tokenizer import transformers_tokenizer
from crisp_align.transcript import SAMPLE_RATE, Clip

from .batching import in_batches
from .generation import Rows, row_limits
from .runtimes import require
from .transformers_loading import quiet

__all__ = ["LANGUAGES", "Qwen3Asr", "context_of", "most_tokens", "read_answer"]

LANGUAGES = frozenset(
    {
        "ar", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fil", "fr", "hi", "hu", "id", "it",
        "ja", "ko", "mk", "ms", "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "vi", "yue", "zh",
    }
)  # fmt: skip
"""Codes of the 30 languages; Chinese dialects come out as zh or yue."""

_EXTRA = "qwen"
_ENGINE = Engine(
    "transformers", ("torch", "transformers"), 'pip install "crisp-align[qwen]"', frozenset(get_args(Dtype))
)
_SERVERS = Engine("vllm", (), "pip install vllm, in an environment of its own", asks_servers=True)
_SHORT = {"0.6b": "qwen3-asr-0.6b-hf", "1.7b": "qwen3-asr-1.7b-hf"}
_MAX_CLIP = 180.0  # s; upstream takes 1200, but a clip this long already holds all the context that helps
_SHORTEST = 0.1  # s
_BATCH = {"cpu": 8, "mps": 8}  # clips; elsewhere 32
_AUDIO_TOKENS = 13  # a second
_TOKENS_PER_SECOND = 25  # fast speech in a script whose letters are two tokens each, such as Devanagari
_TOKENS_AT_LEAST = 32
_WORKING_SPACE = 3  # times a token's keys and values, for what else is computed at it
_MARK = "<asr_text>"
_CONTROL = re.compile(r"<\|[^|<>]*\|>|<asr_text>|<timestamp>")


class Qwen3Asr:
    """A loaded Qwen3-ASR model."""

    name: ClassVar[str] = "qwen3-asr"
    translates: ClassVar[bool] = False
    native_words: ClassVar[bool] = False
    profile: ClassVar[BackendProfile] = BackendProfile(
        rank=80,
        capabilities=Capabilities("Qwen3-ASR", LANGUAGES, prompts=True),
        engines=(_ENGINE, _SERVERS),
        max_clip=_MAX_CLIP,
        family="qwen3-asr",
        default_model="qwen3-asr-0.6b-hf",
    )
    max_clip: float = _MAX_CLIP
    languages: frozenset[str] | None = LANGUAGES

    def __init__(self, checkpoint: Checkpoint, network: Any, placement: Placement, model: str) -> None:
        self._network = network  # transformers.Qwen3ASRForConditionalGeneration
        self.model = model
        self.device = placement.device
        self.batch_size = _BATCH.get(placement.family, 32)
        transformers = require_transformers(_EXTRA, knows="Qwen3ASRProcessor")
        tokenizer = transformers_tokenizer(checkpoint)
        self._ends = [tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "<|endoftext|>")]
        try:
            self._processor = transformers.Qwen3ASRProcessor(transformers.Qwen3ASRFeatureExtractor(), tokenizer)
        except AttributeError as error:  # the tokenizer knows no audio token
            raise ModelError("its tokenizer is no speech recogniser's", subject=str(checkpoint.path)) from error

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        """Load weights in either layout; see `Backend.load`.

        Args:
            model: 0.6b, 1.7b, a name of the catalogue, a Hub id, a folder, or "auto": the best already here.
            options: device and type.

        Raises:
            ModelError: no such model, or it does not load; an engine is not installed.
            OptionError: a runtime, device or type that does not exist.
        """
        if options.runtime not in ("auto", "transformers", "vllm"):
            raise OptionError(f"no runtime {options.runtime!r} for this backend", hint="use transformers, vllm or auto")
        if options.runtime == "vllm" or (options.runtime == "auto" and options.servers):
            from .qwen3_server import VllmAsr

            return cast(Self, VllmAsr.load(model, options))  # the same members, another engine
        require(_ENGINE)  # before gigabytes are downloaded for nothing
        name = models.best_local("qwen3-asr") if model == "auto" else _SHORT.get(model.lower(), model)
        if name is None:
            raise ModelError(
                "no Qwen3-ASR weights on this machine", hint="`crisp-align models pull qwen3-asr-0.6b-hf` gets them"
            )
        folder = models.ensure("qwen3-asr", name, offline=options.offline)
        placement = place(options, extra=_EXTRA)
        if placement.family == "cpu":
            require_torch(_EXTRA).set_num_threads(options.cpu_threads)
        checkpoint = inspect(folder, "asr")
        with quiet(require_transformers(_EXTRA, knows="Qwen3ASRForConditionalGeneration")):
            return cls(checkpoint, load_weights(checkpoint, placement), placement, name)

    def check(self, options: DecodeOptions) -> None:
        """Refuse translation and languages the model lacks; see `Backend.check`."""
        self.profile.capabilities.of(Path(self.model).name, LANGUAGES).check(options)

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        """Transcribe clips, each in its own language; see `Backend.transcribe`."""
        long_enough = [i for i, clip in enumerate(clips) if clip.duration >= _SHORTEST]
        found = in_batches(
            [self._tokens(clips[i].duration, options) for i in long_enough],
            self._budget,
            lambda batch: self._hear([clips[long_enough[i]] for i in batch], options),
        )
        heard = dict(zip(long_enough, found, strict=True))
        silence = Transcription("", options.language, certain=options.language is not None)
        return [heard.get(i, silence) for i in range(len(clips))]

    def _tokens(self, seconds: float, options: DecodeOptions) -> int:
        """About how many tokens a clip may come to: context, audio and text."""
        context = len(options.prompt or "") + len(options.hotwords or "")
        return context + int(seconds * _AUDIO_TOKENS) + most_tokens(seconds)

    @property
    def _budget(self) -> float:
        """Tokens, padding counted, that one call may take: what a third of the free memory holds."""
        text = self._network.config.text_config
        keys = 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim
        return free_memory(self.device) / 3 / float(keys * self._network.dtype.itemsize * _WORKING_SPACE)

    def _hear(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        torch = require_torch(_EXTRA)
        transformers = require_transformers(_EXTRA, knows="Qwen3ASRForConditionalGeneration")
        request = _request(options)
        with torch.inference_mode(), quiet(transformers):
            inputs = self._processor(
                text=[request] * len(clips), audio=[clip.samples for clip in clips], sampling_rate=SAMPLE_RATE
            ).to(self.device, dtype=self._network.dtype)
            prompt = inputs["input_ids"].shape[1]
            limits = [most_tokens(clip.duration) for clip in clips]
            sequences = self._network.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                max_new_tokens=max(limits),
                eos_token_id=self._ends,
                pad_token_id=self._ends[0],
                stopping_criteria=[row_limits(limits, prompt)],
            )
        rows = Rows(sequences[:, prompt:].tolist(), limits, self._ends)
        return [
            self._transcription(self._processor.tokenizer.decode(ids, skip_special_tokens=True), ended, options)
            for ids, ended in zip(rows.tokens, rows.ended, strict=True)
        ]

    def _transcription(self, raw: str, ended: bool, options: DecodeOptions) -> Transcription:
        parsed = self._processor.parse_output(raw)
        return read_answer(raw, str(parsed["transcription"]), parsed["language"], ended, options)


def read_answer(raw: str, text: str, named: object, ended: bool, options: DecodeOptions) -> Transcription:
    """What an answer such as "language German<asr_text>Guten Tag." says; empty audio answers "language None".

    Args:
        raw: the answer.
        text: what it says was spoken, without loops.
        named: the language that it names, if it names one.
        ended: whether it came to an end before its limit.
        options: what was asked for.
    """
    head, _, said = raw.partition(_MARK) if _MARK in raw else ("", "", raw)
    language, notices = options.language, []
    if language is None and named is not None:
        try:
            language = language_code(str(named))
        except OptionError:
            notices.append(f"a language was named that is not known: {named!r}")
    if head.strip().lower() == "language none":
        return Transcription("", None, notices=(f"heard in silence, left out: {text[:80]!r}",) if text else ())
    if len(text) < len(said.strip()):
        notices.append(f"cut a loop: {text[:80]!r}")
    if not ended:
        notices.append(f"cut off, having become too long for the clip: {text[-80:]!r}")
    return Transcription(text, language, notices=tuple(notices), certain=language is not None)


def _request(options: DecodeOptions) -> str:
    """The conversation up to the answer: context as the system's words, the clip as the user's, maybe the language.

    It is what the chat template of the published models makes; control tokens in the context lose their meaning.
    """
    context = context_of(options)
    forced = f"language {language_name(options.language)}{_MARK}" if options.language else ""
    return (
        f"<|im_start|>system\n{context}<|im_end|>\n"
        "<|im_start|>user\n<|audio_start|><|audio_pad|><|audio_end|><|im_end|>\n"
        f"<|im_start|>assistant\n{forced}"
    )


def context_of(options: DecodeOptions) -> str:
    """Prompt and hotwords as one text, without control tokens."""
    return _CONTROL.sub("", " ".join(part.strip() for part in (options.prompt, options.hotwords) if part))


def most_tokens(seconds: float) -> int:
    """The most tokens that the text of a clip may have."""
    return _TOKENS_AT_LEAST + math.ceil(seconds * _TOKENS_PER_SECOND)
