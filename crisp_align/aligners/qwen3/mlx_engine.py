"""Qwen3-ForcedAligner in MLX, on the modules of mlx-audio: for Apple's processors, whose GPU multiplies packed weights.

mlx-audio's own loader leaves out what does not fit and keeps random numbers there. Here its modules are filled
strictly, from either layout of MLX tools, the makers' or transformers', with bits and group sizes by the shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from crisp_align.aligners.qwen3.engine import EngineFailure, MarkerLogits, SpokenClip
from crisp_align.aligners.qwen3.mel import log_mel
from crisp_align.aligners.qwen3.prompt import CHUNK, PromptBuilder, audio_positions
from crisp_align.errors import MissingDependencyError, ModelError, OptionError
from crisp_align.models.qwen3_checkpoint import thinker_config
from crisp_align.models.qwen3_tokenizer import load_tokenizer
from crisp_align.models.tensors import damaged_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.models.options import LoadOptions
    from crisp_align.models.qwen3_checkpoint import Checkpoint

__all__ = ["INSTALL", "MlxEngine"]

INSTALL = 'pip install "crisp-align[mlx]"'
_DTYPES = ("float32", "float16", "bfloat16")
_BITS = (2, 3, 4, 5, 6, 8)
_GROUPS = (32, 64, 128)
_NAMES = {
    "thinker.": "",
    "model.multi_modal_projector.linear_1.": "audio_tower.proj1.",
    "model.multi_modal_projector.linear_2.": "audio_tower.proj2.",
    "model.audio_tower.": "audio_tower.",
    "model.language_model.": "model.",
    "score.": "lm_head.",
}
"""What names begin with in the makers' layout and in transformers', and in mlx-audio's modules."""


class MlxEngine:
    """A loaded folder of any layout."""

    name: ClassVar[str] = "mlx"

    def __init__(self, model: Any, prompts: PromptBuilder, device: Any) -> None:
        self.model = model  # mlx_audio's ForcedAlignerModel
        self._prompts = prompts
        self._device = device

    @classmethod
    def load(cls, checkpoint: Checkpoint, options: LoadOptions) -> Self:
        """Load a folder.

        Args:
            checkpoint: what `inspect` found.
            options: device, and type: `auto` is the file's own on a GPU, and float32 on a CPU.

        Raises:
            MissingDependencyError: mlx-audio is not installed, or does not import.
            ModelError: a GGUF file, or a folder whose tensors are not those of the network.
            OptionError: a device that is not there, or a type that MLX does not compute in.
        """
        if checkpoint.gguf is not None:
            raise ModelError(
                "is a GGUF file, and MLX reads folders",
                subject=str(checkpoint.path),
                hint="use --align-runtime torch or ggml",
            )
        mx = _mlx()
        device = _device(mx, options.device)
        with mx.stream(device):
            model = _filled(checkpoint, _dtype(options.dtype, device == mx.cpu))
        audio_id, marker_id = model.config.audio_token_id, model.config.timestamp_token_id
        prompts = PromptBuilder(
            load_tokenizer(checkpoint), str(checkpoint.path), marker_id=marker_id, audio_id=audio_id
        )
        return cls(model, prompts, device)

    def marker_logits(self, clips: Sequence[SpokenClip]) -> Iterator[tuple[int, MarkerLogits | EngineFailure]]:
        """Run the network; see `MarkerEngine.marker_logits`."""
        mx = _mlx()
        for i, clip in enumerate(clips):
            try:
                with mx.stream(self._device):
                    logits: MarkerLogits | EngineFailure = self._logits(clip)
            except (RuntimeError, MemoryError) as error:  # MLX has no other for memory that ran out
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                logits = EngineFailure(f"is not run by MLX on this clip ({reason[:120]})", splittable=True)
            mx.clear_cache()
            yield i, logits

    def _logits(self, clip: SpokenClip) -> MarkerLogits:
        mx = _mlx()
        audio = self._encode(log_mel(clip.samples))
        prompt = self._prompts.build(clip.words, audio.shape[0])
        embedded = self.model.model.embed_tokens(mx.array(prompt.ids))
        (first, *_) = np.flatnonzero(prompt.ids == self._prompts.audio)
        states = mx.concatenate(
            [embedded[:first], audio.astype(embedded.dtype), embedded[first + audio.shape[0] :]], axis=0
        )
        states = self.model.model(inputs_embeds=states[None])[0, mx.array(prompt.markers)]
        logits: MarkerLogits = np.array(self.model.lm_head(states).astype(mx.float32))
        return logits[:, : clip.classes]

    def _encode(self, mel: NDArray[np.float32]) -> Any:
        """The audio encoder, shape (positions, width).

        mlx-audio pads chunks to the longest of the call, the network was trained on whole ones: a clip of less than a
        chunk shares its call with a chunk of silence.
        """
        mx = _mlx()
        frames = mel.shape[1]
        batch = np.zeros((2 if frames < CHUNK else 1, mel.shape[0], max(frames, CHUNK)), np.float32)
        batch[0, :, :frames] = mel
        mask = np.ones((len(batch), batch.shape[2]), np.int32)
        mask[0, frames:] = 0
        weights = self.model.audio_tower.conv2d1.weight
        encoded = self.model.audio_tower(mx.array(batch).astype(weights.dtype), mx.array(mask))
        return encoded[: audio_positions(frames)]


def _filled(checkpoint: Checkpoint, dtype: str | None) -> Any:
    """mlx-audio's modules with the weights of a folder.

    Raises:
        ModelError: tensors are missing, left over, of another shape or packed in a way that MLX does not know.
    """
    import mlx.core as mx
    from mlx import nn
    from mlx_audio.stt.models.qwen3_asr.qwen3_forced_aligner import ForcedAlignerConfig, ForcedAlignerModel

    subject = str(checkpoint.path)
    weights = _weights(checkpoint)
    try:
        model = ForcedAlignerModel(ForcedAlignerConfig.from_dict(_config(checkpoint, weights)))
        nn.quantize(model, class_predicate=lambda name, module: _packing(name, module, weights))
        shapes = dict(_flat(model))
        model.load_weights([(name, _fitted(value, shapes.get(name))) for name, value in weights.items()], strict=True)
        if dtype is not None:
            model.set_dtype(getattr(mx, dtype))
        mx.eval(model.parameters())
    except (ValueError, TypeError, RuntimeError, OverflowError, ZeroDivisionError, MemoryError) as error:
        reason = " ".join((str(error).strip() or type(error).__name__).split())
        raise ModelError(
            f"does not load into MLX ({reason[:200]})", subject=subject, hint="download it again"
        ) from error
    model.eval()
    return model


def _weights(checkpoint: Checkpoint) -> dict[str, Any]:
    """The tensors by the names of mlx-audio's modules; none is read yet."""
    import mlx.core as mx

    weights: dict[str, Any] = {}
    for path in sorted({tensor.path for tensor in checkpoint.tensors.values()}):
        for name, value in mx.load(str(path)).items():
            theirs, ours = next((pair for pair in _NAMES.items() if name.startswith(pair[0])), ("", ""))
            weights[ours + name.removeprefix(theirs)] = value
    return weights


def _config(checkpoint: Checkpoint, weights: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that mlx-audio's configuration has, in its names, held to the tensors before anything is built.

    Raises:
        ModelError: they describe another network than the tensors are of.
    """
    thinker = thinker_config(checkpoint.config)
    audio, text = thinker.get("audio_config"), thinker.get("text_config")
    if not isinstance(audio, dict) or not isinstance(text, dict):
        raise ModelError("its config.json describes no model", subject=str(checkpoint.path))
    norm, head = weights.get("audio_tower.ln_post.weight"), weights.get("lm_head.weight")
    if norm is None or head is None or list(norm.shape) != [audio.get("d_model")] or len(head.shape) != 2:
        raise damaged_file(checkpoint.path, "its tensors are not those of its config.json")
    for part, key in ((audio, "encoder_layers"), (text, "num_hidden_layers")):
        if not isinstance(part.get(key), int) or part[key] > len(weights):
            raise damaged_file(checkpoint.path, f"its config.json says {str(part.get(key))[:40]} for {key}")
    rope = text.get("rope_parameters")
    theta = text.get("rope_theta") or (rope.get("rope_theta") if isinstance(rope, dict) else None) or 1_000_000.0
    return {
        "audio_config": audio | {"max_source_positions": 13},
        "text_config": text | {"rope_theta": theta, "rope_scaling": None},
        "audio_token_id": thinker.get("audio_token_id", 151_676),
        "timestamp_token_id": checkpoint.config.get("timestamp_token_id", 151_705),
        "classify_num": head.shape[0],
    }


def _packing(name: str, module: Any, weights: Mapping[str, Any]) -> bool | dict[str, int]:
    """Bits and group size of a layer's weights by their shapes; False: they are not packed."""
    scales, words = weights.get(f"{name}.scales"), weights.get(f"{name}.weight")
    if scales is None or words is None or not hasattr(module, "to_quantized"):
        return False
    columns = module.weight.shape[-1]
    bits, group = 32 * words.shape[-1] / columns, columns / max(scales.shape[-1], 1)
    if bits not in _BITS or group not in _GROUPS:
        raise ValueError(f"{name} has {bits:g} bits in groups of {group:g}")
    return {"bits": int(bits), "group_size": int(group)}


def _flat(model: Any) -> list[tuple[str, tuple[int, ...]]]:
    from mlx.utils import tree_flatten

    return [(name, value.shape) for name, value in tree_flatten(model.parameters())]


def _fitted(value: Any, shape: tuple[int, ...] | None) -> Any:
    """A convolution that lies as torch has it, (out, in, height, width), as MLX has it, (out, height, width, in)."""
    return value.transpose(0, 2, 3, 1) if value.ndim == 4 and value.shape != shape else value


def _mlx() -> Any:
    """The module mlx.core.

    Raises:
        MissingDependencyError: mlx or mlx-audio is not installed, or does not import.
    """
    try:
        import mlx.core as mx
        import mlx_audio.stt.models.qwen3_asr.qwen3_forced_aligner
    except (ImportError, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise MissingDependencyError(f"mlx-audio is not installed ({reason})", hint=INSTALL) from error
    del mlx_audio
    return mx


def _device(mx: Any, asked: str) -> Any:
    if asked == "auto":
        return mx.gpu if mx.metal.is_available() else mx.cpu
    if asked == "cpu":
        return mx.cpu
    if asked == "mps" and mx.metal.is_available():
        return mx.gpu
    raise OptionError(f"MLX has no device {asked!r} here", hint="use auto or cpu")


def _dtype(asked: str, on_cpu: bool) -> str | None:
    """Type to compute in; None: the file's own."""
    if asked == "auto":
        return "float32" if on_cpu else None
    if asked not in _DTYPES:
        raise OptionError(f"dtype {asked!r} does not work in MLX", hint=f"use {', '.join(_DTYPES)}")
    return asked
