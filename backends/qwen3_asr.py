"""Qwen3-ASR: 30 languages and 22 Chinese dialects, detected clip by clip; takes context and hotwords."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from crisp_align.backends import BackendProfile, DecodeOptions, LoadOptions, Transcription
from crisp_align.errors import ModelError, OptionError
from crisp_align.languages import language_name
from crisp_align.models import store as models
from crisp_align.models.batching import in_batches
from crisp_align.models.devices import (
    DeviceChoice,
    choose_device,
    free_memory,
    quiet,
    require_torch,
    require_transformers,
)
from crisp_align.models.qwen3_checkpoint import Checkpoint, inspect, load_weights
from crisp_align.models.qwen3_tokenizer import transformers_tokenizer
from crisp_align.transcript import SAMPLE_RATE, Clip

from .generation import Rows, row_limits
from .qwen3_answers import ENGINE, LANGUAGES, MARK, PROFILE, context_of, most_tokens, read_answer
from .runtimes import require

__all__ = ["Qwen3Asr"]

_EXTRA = "qwen"
_SHORT = {"0.6b": "qwen3-asr-0.6b-hf", "1.7b": "qwen3-asr-1.7b-hf"}
_SHORTEST = 0.1  # s
_BATCH = {"cpu": 8, "mps": 8}  # clips; elsewhere 32
_AUDIO_TOKENS = 13  # a second
_WORKING_SPACE = 3  # times a token's keys and values, for what else is computed at it


class Qwen3Asr:
    """A loaded Qwen3-ASR model."""

    name: ClassVar[str] = "qwen3-asr"
    translates: ClassVar[bool] = False
    native_words: ClassVar[bool] = False
    profile: ClassVar[BackendProfile] = PROFILE
    max_clip: float = PROFILE.max_clip
    languages: frozenset[str] | None = LANGUAGES

    def __init__(self, checkpoint: Checkpoint, network: Any, placement: DeviceChoice, model: str) -> None:
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
        require(ENGINE)  # before gigabytes are downloaded for nothing
        name = models.best_local("qwen3-asr") if model == "auto" else _SHORT.get(model.lower(), model)
        if name is None:
            raise ModelError(
                "no Qwen3-ASR weights on this machine", hint="`crisp-align models pull qwen3-asr-0.6b-hf` gets them"
            )
        folder = models.ensure("qwen3-asr", name, offline=options.offline)
        placement = choose_device(options, extra=_EXTRA)
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
            lambda batch: self._transcribe_batch([clips[long_enough[i]] for i in batch], options),
        )
        by_clip = dict(zip(long_enough, found, strict=True))
        silence = Transcription("", options.language, certain=options.language is not None)
        return [by_clip.get(i, silence) for i in range(len(clips))]

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

    def _transcribe_batch(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
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


def _request(options: DecodeOptions) -> str:
    """The conversation up to the answer: context as the system's words, the clip as the user's, maybe the language.

    It is what the chat template of the published models makes; control tokens in the context lose their meaning.
    """
    context = context_of(options)
    forced = f"language {language_name(options.language)}{MARK}" if options.language else ""
    return (
        f"<|im_start|>system\n{context}<|im_end|>\n"
        "<|im_start|>user\n<|audio_start|><|audio_pad|><|audio_end|><|im_end|>\n"
        f"<|im_start|>assistant\n{forced}"
    )
