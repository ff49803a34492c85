"""Qwen3-ForcedAligner in ggml, by the C functions of the package crispasr: little memory, and loaded in a second.

The functions are exported but no documented interface, so the package's version is pinned and they are looked for
before anything is loaded. The encoder of the library attends over all that it is given: it is given 8 s at a time, as
the network was trained.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from crisp_align.aligners.qwen3.engine import EngineFailure, MarkerLogits, SpokenClip
from crisp_align.aligners.qwen3.mel import log_mel
from crisp_align.aligners.qwen3.prompt import PromptBuilder
from crisp_align.errors import MissingDependencyError, ModelError
from crisp_align.models.qwen3_gguf import gguf_token_ids
from crisp_align.models.qwen3_tokenizer import load_tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.models.qwen3_checkpoint import Checkpoint

__all__ = ["GgmlEngine"]

INSTALL = 'pip install "crisp-align[gguf]"'
_VERSIONS = ((0, 8, 45), (0, 9))
_WINDOW = 800  # mel frames that the encoder attends over: 8 s
_CONTEXT = 4096  # tokens, at least, that the cache is made for

_FLOATS = ctypes.POINTER(ctypes.c_float)
_INTS = ctypes.POINTER(ctypes.c_int32)


class _Params(ctypes.Structure):
    _fields_ = (
        ("n_threads", ctypes.c_int),
        ("verbosity", ctypes.c_int),
        ("use_gpu", ctypes.c_bool),
        ("flash_attn", ctypes.c_bool),
    )


_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "qwen3_asr_init_from_file": (ctypes.c_void_p, (ctypes.c_char_p, _Params)),
    "qwen3_asr_free": (None, (ctypes.c_void_p,)),
    "qwen3_asr_lm_head_dim": (ctypes.c_int, (ctypes.c_void_p,)),
    "qwen3_asr_kv_init": (ctypes.c_bool, (ctypes.c_void_p, ctypes.c_int)),
    "qwen3_asr_embed_tokens": (ctypes.c_void_p, (ctypes.c_void_p, _INTS, ctypes.c_int)),
    "qwen3_asr_run_encoder": (
        ctypes.c_void_p,
        (ctypes.c_void_p, _FLOATS, ctypes.c_int, ctypes.c_int, _INTS, _INTS),
    ),
    "qwen3_asr_run_aligner": (ctypes.c_void_p, (ctypes.c_void_p, _FLOATS, ctypes.c_int, _INTS, _INTS)),
}


class GgmlEngine:
    """A loaded GGUF file."""

    name: ClassVar[str] = "ggml"

    def __init__(self, library: Any, handle: int, prompts: PromptBuilder, classes: int) -> None:
        self._library = library
        self._handle = handle
        self._prompts = prompts
        self._classes = classes
        self._context = _CONTEXT

    @classmethod
    def load(cls, checkpoint: Checkpoint, threads: int) -> Self:
        """Load a GGUF file of the aligner.

        Args:
            checkpoint: what `inspect` found.
            threads: CPU threads.

        Raises:
            MissingDependencyError: the package is not installed, or of a version that is not known.
            ModelError: no GGUF file, or one that the library does not load.
        """
        if checkpoint.gguf is None:
            raise ModelError("is no GGUF file, and ggml reads no other", subject=str(checkpoint.path))
        library = _library()
        marker, audio = gguf_token_ids(checkpoint.gguf)
        prompts = PromptBuilder(load_tokenizer(checkpoint), str(checkpoint.path), marker_id=marker, audio_id=audio)
        params = _Params(max(threads, 1), 0, False, True)
        handle = library.qwen3_asr_init_from_file(os.fsencode(checkpoint.path), params)
        if not handle:
            raise ModelError(
                "is not loaded by ggml", subject=str(checkpoint.path), hint="leave out --align-runtime ggml"
            )
        if not library.qwen3_asr_kv_init(handle, _CONTEXT):
            library.qwen3_asr_free(handle)
            raise ModelError("does not fit into the memory that is free", subject=str(checkpoint.path))
        return cls(library, handle, prompts, int(library.qwen3_asr_lm_head_dim(handle)))

    def __del__(self) -> None:
        with suppress(AttributeError, TypeError):  # the interpreter ends
            self._library.qwen3_asr_free(self._handle)

    def marker_logits(self, clips: Sequence[SpokenClip]) -> Iterator[tuple[int, MarkerLogits | EngineFailure]]:
        """Run the network; see `MarkerEngine.marker_logits`."""
        for i, clip in enumerate(clips):
            yield i, self._logits(clip)

    def _logits(self, clip: SpokenClip) -> MarkerLogits | EngineFailure:
        mel = log_mel(clip.samples)
        windows = [self._encode(mel[:, first : first + _WINDOW]) for first in range(0, mel.shape[1], _WINDOW)]
        encoded = [window for window in windows if window is not None]
        if len(encoded) < len(windows):
            return EngineFailure("is not run by ggml on this clip", splittable=True)
        audio = np.concatenate(encoded)
        prompt = self._prompts.build(clip.words, len(audio))
        ids = np.ascontiguousarray(prompt.ids, np.int32)
        states = self._taken(
            self._library.qwen3_asr_embed_tokens(self._handle, ids.ctypes.data_as(_INTS), len(ids)),
            (len(ids), audio.shape[1]),
        )
        if states is None or not self._make_room(len(ids)):
            return EngineFailure("runs out of memory", splittable=True)
        states[prompt.ids == self._prompts.audio] = audio
        rows, classes = ctypes.c_int32(), ctypes.c_int32()
        found = self._library.qwen3_asr_run_aligner(
            self._handle, states.ctypes.data_as(_FLOATS), len(ids), ctypes.byref(rows), ctypes.byref(classes)
        )
        if found and (rows.value, classes.value) != (len(ids), self._classes):
            _free(found)
            return EngineFailure("gets logits of another shape from ggml")
        logits = self._taken(found, (len(ids), self._classes))
        if logits is None:
            return EngineFailure("is not run by ggml on this clip", splittable=True)
        return logits[prompt.markers, : clip.classes]

    def _make_room(self, tokens: int) -> bool:
        """Make the cache large enough for that many tokens."""
        if tokens + 16 <= self._context:
            return True
        self._context = tokens + 16
        return bool(self._library.qwen3_asr_kv_init(self._handle, self._context))

    def _encode(self, mel: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The audio encoder over one window, shape (positions, width)."""
        window = np.ascontiguousarray(mel)
        positions, width = ctypes.c_int32(), ctypes.c_int32()
        found = self._library.qwen3_asr_run_encoder(
            self._handle, window.ctypes.data_as(_FLOATS), *window.shape, ctypes.byref(positions), ctypes.byref(width)
        )
        return self._taken(found, (positions.value, width.value))

    @staticmethod
    def _taken(found: int | None, shape: tuple[int, int]) -> NDArray[np.float32] | None:
        """A copy of numbers that the library allocated, which are freed."""
        if not found:
            return None
        made = np.ctypeslib.as_array(ctypes.cast(found, _FLOATS), shape).copy()
        _free(found)
        return made


def _free(address: int) -> None:
    libc = ctypes.CDLL(None)
    libc.free.argtypes = (ctypes.c_void_p,)
    libc.free(address)


def _library() -> Any:
    """The library with the functions that are called.

    Raises:
        MissingDependencyError: not installed, another version, or without the functions.
    """
    try:
        found = version("crispasr")
        numbers = tuple(int(part) for part in found.split(".")[:3])
    except (PackageNotFoundError, ValueError) as error:
        raise MissingDependencyError("crispasr is not installed", hint=INSTALL) from error
    if not _VERSIONS[0] <= numbers < _VERSIONS[1]:
        raise MissingDependencyError(f"crispasr {found} is not known here", hint=INSTALL)
    try:
        from crispasr._binding import _find_lib

        library = ctypes.CDLL(str(_find_lib()))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (ImportError, OSError, AttributeError) as error:
        reason = str(error).splitlines()[0][:120]
        raise MissingDependencyError(f"crispasr {found} does not load ({reason})", hint=INSTALL) from error
    return library
