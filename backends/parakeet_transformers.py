"""Parakeet on transformers: CTC, RNN-T and TDT checkpoints from the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crisp_align.backends import LoadOptions, Transcription
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

from .runtimes import EUROPEAN
from .token_words import Token, words_of
from .transducer import Step, greedy_steps
from .transformers_loading import load_model, load_processor, model_type

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

__all__ = ["TransformersParakeet"]

_KINDS = {"parakeet_ctc": "ParakeetForCTC", "parakeet_rnnt": "ParakeetForRNNT", "parakeet_tdt": "ParakeetForTDT"}
_EXTRA = "nvidia"
_BYTES_PER_SECOND = 40e6  # of audio, at the peak of the 0.6B encoder in float32


class TransformersParakeet:
    """A loaded ParakeetForCTC, ParakeetForRNNT or ParakeetForTDT."""

    def __init__(self, model: Any, processor: Any, kind: str, placement: DeviceChoice) -> None:
        self._model, self._processor, self._kind = model, processor, kind
        self.device = placement.device
        self._dtype = model.dtype
        extractor = processor.feature_extractor
        encoder = model.config.encoder_config
        self._frame = encoder.subsampling_factor * extractor.hop_length / extractor.sampling_rate  # s an encoder frame
        tokenizer = processor.tokenizer
        controls = [i for i, token in tokenizer.added_tokens_decoder.items() if token.special]
        self._silent = {*controls, tokenizer.pad_token_id, processor.blank_token_id}
        vocabulary = tokenizer.get_vocab()
        # The multilingual tokenizer has a token for each language; that of the English models has none.
        self.languages = EUROPEAN if "<|de|>" in vocabulary else None

    @classmethod
    def load(cls, folder: Path, options: LoadOptions) -> Self:
        """Load a folder.

        Raises:
            ModelError: it holds something else, or is not whole.
            OptionError: a device or type that is not there.
        """
        held = model_type(folder)
        if held not in _KINDS:
            raise ModelError(f"holds a model of type {held!r}, not a Parakeet", subject=str(folder))
        placement = choose_device(options, extra=_EXTRA, int8=False)
        if placement.family == "cpu":
            require_torch(_EXTRA).set_num_threads(options.cpu_threads)
        processor = load_processor(folder, "ParakeetProcessor", _EXTRA)
        model = load_model(folder, _KINDS[held], placement, _EXTRA)
        return cls(model, processor, held.removeprefix("parakeet_"), placement)

    @property
    def budget(self) -> float:
        """s of audio, padding counted, in one call: what a third of the free memory takes."""
        return max(free_memory(self.device) / 3 / _BYTES_PER_SECOND, 30.0)

    def transcribe(self, clips: Sequence[Samples]) -> list[Transcription]:
        """One transcription a clip; see `ParakeetEngine.transcribe`."""
        torch = require_torch(_EXTRA)
        inputs = self._processor(list(clips), sampling_rate=SAMPLE_RATE).to(self.device, dtype=self._dtype)
        with torch.inference_mode():
            return self._by_frames(inputs) if self._kind == "ctc" else self._by_steps(inputs)

    def _by_frames(self, inputs: Any) -> list[Transcription]:
        """CTC: the likeliest token of every frame; equal neighbours are one token."""
        torch = require_torch(_EXTRA)
        with quiet(require_transformers(_EXTRA, knows="ParakeetForCTC")):
            output = self._model.generate(**inputs, return_dict_in_generate=True)
        likelihoods = torch.softmax(output.logits.float(), -1).amax(-1)
        results = []
        for ids, scores in zip(output.sequences.tolist(), likelihoods.tolist(), strict=True):
            tokens: list[Token] = []
            for frame, (token, score) in enumerate(zip(ids, scores, strict=True)):
                if token in self._silent:
                    continue
                if tokens and frame and ids[frame - 1] == token:
                    before = tokens.pop()
                    start, score = before.start, max(before.score or 0.0, score)
                else:
                    start = frame * self._frame
                tokens.append(Token(token, self._piece(token), start, (frame + 1) * self._frame, score))
            results.append(self._transcription(ids, tokens))
        return results

    def _by_steps(self, inputs: Any) -> list[Transcription]:
        """RNN-T and TDT: a token or a blank a step, each with the frames it takes."""
        encoded = self._model.get_audio_features(**inputs)
        results = []
        for path in greedy_steps(self._model, encoded.pooler_output, encoded.attention_mask.sum(-1)):
            tokens = [
                # An RNN-T token has no length of its own.
                self._token(step, frames=step.frames if self._kind == "tdt" else 1)
                for step in path
                if step.token not in self._silent
            ]
            forced = [step.frame * self._frame for step in path if step.forced]
            notices = (f"cut a loop at {forced[0]:.1f} s of the clip",) if forced else ()
            results.append(replace(self._transcription([step.token for step in path], tokens), notices=notices))
        return results

    def _token(self, step: Step, frames: int) -> Token:
        start, end = step.frame * self._frame, (step.frame + frames) * self._frame
        return Token(step.token, self._piece(step.token), start, end, step.score)

    def _transcription(self, ids: list[int], tokens: list[Token]) -> Transcription:
        text = self._spell(ids, grouped=self._kind == "ctc").strip()
        words = words_of(tokens, text, self._spell) if text else ()
        return Transcription(text, words=words)

    def _spell(self, ids: list[int], *, grouped: bool = False) -> str:
        """Text of token ids; `grouped`: equal neighbours are one token."""
        text: str = self._processor.tokenizer.decode(ids, skip_special_tokens=True, group_tokens=grouped)
        return text

    def _piece(self, token: int) -> str:
        piece: str = self._processor.tokenizer.convert_ids_to_tokens(token)
        return piece
