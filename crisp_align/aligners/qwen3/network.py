"""One forward pass of Qwen3-ForcedAligner over several clips: from samples and words to logits at the markers.

The weights and the layers are transformers' own; what differs is the work that is left out. The audio of all clips is
packed without padding, text is padded at its end, where a causal model needs no mask, and the classification head
sees the markers only. Nothing is cached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - everyone's name for it

from crisp_align.aligners.qwen3.prompt import CHUNK, CHUNK_POSITIONS, HOP, SHORTEST, PromptBuilder, audio_positions
from crisp_align.errors import ModelError
from crisp_align.models.qwen3_checkpoint import Checkpoint
from crisp_align.models.qwen3_tokenizer import load_tokenizer
from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.transcript import Samples

__all__ = ["WARM_UPS", "Encoded", "Network"]

_FFT = 400  # samples
_CONVOLVED = {"cpu": 8}  # chunks in one call: few, so that memory stays flat
_CONVOLVED_ELSEWHERE = 128
_COMPILED_MULTIPLE = 64  # tokens; sequences are padded to it when compiled, so that few shapes are compiled
WARM_UPS = (1, 2)  # clips; code for two serves all larger batches


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One clip and its words, ready for the model."""

    ids: NDArray[np.int64]
    """Token ids, shape (tokens,): the audio's positions, then each word followed by two markers."""
    markers: NDArray[np.int64]
    """Where the markers are in `ids`, shape (2 · words,)."""
    mel: torch.Tensor
    """Log-mel spectrogram, float32, shape (bands, frames)."""

    @property
    def tokens(self) -> int:
        """Length of `ids`."""
        return len(self.ids)


class Network:
    """The loaded model with its tokenizer and mel filters."""

    def __init__(self, checkpoint: Checkpoint, model: Any, *, compiler: str | None = None) -> None:
        """Bring model and tokenizer together.

        Args:
            checkpoint: where the tokenizer is.
            model: a transformers Qwen3ASRForTokenClassification.
            compiler: the backend of torch.compile that the decoder is compiled with; None: it is not. See `warm_up`.

        Raises:
            ModelError: the tokenizer cannot be read, or lacks a token that the aligner needs.
        """
        self.model = model
        self.device = torch.device(model.device)
        self.classes: int = model.config.num_labels
        self._prompts = PromptBuilder(
            load_tokenizer(checkpoint),
            str(checkpoint.path),
            marker_id=model.config.timestamp_token_id,
            audio_id=model.config.audio_token_id,
        )
        self._tower = model.model.audio_tower
        audio = model.config.audio_config
        if audio.n_window * 2 != CHUNK or audio.n_window_infer % CHUNK:
            raise ModelError("cuts audio into chunks of an unknown length", subject=str(checkpoint.path))
        self._window_chunks: int = audio.n_window_infer // CHUNK
        self._filters = _mel_filters(audio.num_mel_bins).to(self.device)
        self._decoder: Any = model.model.language_model
        self._multiple = 1
        if compiler is not None:
            self._decoder = torch.compile(self._decoder, dynamic=True, backend=compiler)
            self._multiple = _COMPILED_MULTIPLE

    def warm_up(self) -> Iterator[int]:
        """Have compiled what later calls run, which takes minutes; yields the number of clips each time."""
        # Its length is no width of the network: torch would take the two for one, and compile for that length only.
        clip = self.encode(np.zeros(10 * SAMPLE_RATE, np.float32), ["-"])
        for count in WARM_UPS:
            self.logits([clip] * count)
            yield count

    def encode(self, samples: Samples, words: Sequence[str]) -> Encoded:
        """Make one clip's spectrogram and tokens.

        Args:
            samples: float32, shape (n,), 16 kHz mono.
            words: what is spoken, at least one, none empty.
        """
        mel = self._spectrogram(samples)
        prompt = self._prompts.build(words, audio_positions(mel.shape[1]))
        return Encoded(prompt.ids, prompt.markers, mel)

    @torch.inference_mode()
    def logits(self, batch: Sequence[Encoded]) -> list[torch.Tensor]:
        """Run the model.

        Returns:
            For each clip float32, shape (2 · words, classes), on the model's device.
        """
        length = -(-max(clip.tokens for clip in batch) // self._multiple) * self._multiple
        ids = np.full((len(batch), length), self._prompts.marker)
        for row, clip in zip(ids, batch, strict=True):
            row[: clip.tokens] = clip.ids
        audio = self.model.model.multi_modal_projector(self._encode_audio([clip.mel for clip in batch]))
        embedded = self.model.get_input_embeddings()(torch.from_numpy(ids).to(self.device))
        at = np.flatnonzero(ids == self._prompts.audio)
        embedded.view(-1, embedded.shape[-1]).index_copy_(0, self._index(at), audio)
        # Padding stands at the end, where no earlier token looks in a causal model: no mask is needed.
        states = self._decoder(inputs_embeds=embedded, use_cache=False).last_hidden_state
        at = np.concatenate([clip.markers + row * length for row, clip in enumerate(batch)])
        marked = states.reshape(-1, states.shape[-1]).index_select(0, self._index(at))
        logits = self.model.score(marked).float()
        return list(torch.split(logits, [len(clip.markers) for clip in batch]))

    def _index(self, positions: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(positions).to(self.device)

    @torch.inference_mode()
    def _spectrogram(self, samples: Samples) -> torch.Tensor:
        """Whisper's log-mel features, shape (bands, frames), as transformers' extractor computes them for one clip."""
        wave = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32)).to(self.device)
        wave = F.pad(wave, (0, max(SHORTEST - len(wave), 0)))
        window = torch.hann_window(_FFT, device=self.device)
        power = torch.stft(wave, _FFT, HOP, window=window, return_complex=True)[:, :-1].abs() ** 2
        mel = torch.clamp(self._filters.T @ power, min=1e-10).log10()
        return (torch.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0

    def _encode_audio(self, mels: Sequence[torch.Tensor]) -> torch.Tensor:
        """The audio encoder over all clips at once, packed: shape (positions of all clips, width)."""
        chunks, frames = _chunks(mels)
        states = self._convolve(chunks, torch.tensor(frames))
        layout = _Windows(mels, self._window_chunks, self.device)
        for layer in self._tower.layers:
            states = states + _attend(layer.self_attn, layer.self_attn_layer_norm(states), layout)
            states = states + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(states))))
            if states.dtype == torch.float16:
                limit = torch.finfo(states.dtype).max - 1000
                states = torch.clamp(states, min=-limit, max=limit)
        return self._tower.ln_post(states)  # type: ignore[no-any-return]

    def _convolve(self, chunks: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Convolutions chunk by chunk; of each chunk only the positions that saw audio, packed."""
        tower = self._tower
        step = _CONVOLVED.get(self.device.type, _CONVOLVED_ELSEWHERE)
        parts = []
        for part in torch.split(chunks.to(tower.conv2d1.weight.dtype), step):
            part = part.unsqueeze(1)
            for convolution in (tower.conv2d1, tower.conv2d2, tower.conv2d3):
                part = F.gelu(convolution(part))
            parts.append(tower.conv_out(part.permute(0, 3, 1, 2).flatten(2)))
        states = torch.cat(parts)
        states += tower.positional_embedding.positional_embedding[: states.shape[1]].to(states.dtype)
        counts = torch.tensor([audio_positions(count) for count in frames.tolist()])
        kept = (torch.arange(states.shape[1]) < counts[:, None]).flatten().nonzero().squeeze(1)
        return states.flatten(0, 1).index_select(0, kept.to(self.device))


class _Windows:
    """Where the packed positions of several clips lie in windows of 8 s, within which the encoder attends."""

    def __init__(self, mels: Sequence[torch.Tensor], window_chunks: int, device: torch.device) -> None:
        size = window_chunks * CHUNK_POSITIONS
        lengths: list[int] = []
        for mel in mels:
            positions = audio_positions(mel.shape[1])
            lengths += [size] * (positions // size) + ([positions % size] if positions % size else [])
        self.lengths = lengths
        self.size = min(size, max(lengths))
        counts = torch.tensor(lengths)
        inside = torch.arange(self.size) < counts[:, None]
        starts = counts.cumsum(0) - counts
        self.uniform = bool(inside.all())
        gather = (starts[:, None] + torch.arange(self.size)) * inside
        self.gather = gather.flatten().to(device)  # window position → packed position, 0 where there is none
        self.scatter = inside.flatten().nonzero().squeeze(1).to(device)  # packed position → window position
        self.mask = inside[:, None, None, :].to(device)


def _attend(attention: Any, states: torch.Tensor, windows: _Windows) -> torch.Tensor:
    """Self-attention inside each window. states: shape (positions, width)."""
    heads, width = attention.num_heads, states.shape[-1]

    def windowed(projection: Any) -> torch.Tensor:
        packed = projection(states)
        padded = packed if windows.uniform else packed.index_select(0, windows.gather)
        split: torch.Tensor = padded.view(-1, windows.size, heads, width // heads)
        return split.transpose(1, 2)

    attended = F.scaled_dot_product_attention(
        windowed(attention.q_proj),
        windowed(attention.k_proj),
        windowed(attention.v_proj),
        attn_mask=None if windows.uniform else windows.mask,
        scale=attention.scaling,
    )
    attended = attended.transpose(1, 2).reshape(-1, width)
    return attention.out_proj(attended if windows.uniform else attended.index_select(0, windows.scatter))  # type: ignore[no-any-return]


def _chunks(mels: Sequence[torch.Tensor]) -> tuple[torch.Tensor, list[int]]:
    """Spectrograms cut into chunks, shape (chunks, bands, 100), zeros after the last frame; frames in each."""
    chunks, frames = [], []
    for mel in mels:
        count = -(-mel.shape[1] // CHUNK)
        padded = F.pad(mel, (0, count * CHUNK - mel.shape[1]))
        chunks.append(padded.view(len(mel), count, CHUNK).transpose(0, 1))
        frames += [CHUNK] * (count - 1) + [mel.shape[1] - CHUNK * (count - 1)]
    return torch.cat(chunks), frames


def _mel_filters(bands: int) -> torch.Tensor:
    """Slaney mel filters, shape (bins, bands), as transformers' extractor has them."""
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(1 + _FFT // 2, bands, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    return torch.from_numpy(filters).to(torch.float32)
