"""Voice activity: how likely it is, every 32 ms, that somebody speaks, and the regions that follow from it.

The model is Silero VAD v6, the ONNX file that faster-whisper carries; it is run on a stream with its state carried
along, so that memory does not grow and block borders leave no trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crisp_align.errors import MissingDependencyError, ModelError
from crisp_align.speech.options import VadOptions
from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crisp_align.transcript import Samples

__all__ = ["FRAME", "SpeechRegions", "VadOptions", "VoiceDetector", "voice_activity"]

FRAME = 512  # samples the model judges at once: 32 ms
CONTEXT_SAMPLES = 64  # samples of the frame before that it sees, too
STATE_SHAPE = (1, 1, 128)  # shape of each of the LSTM's two states
BATCH_FRAMES = 1024  # frames in one call of the model: half a minute, 2.4 MB


DEFAULTS = VadOptions()


@lru_cache(maxsize=1)
def _session() -> Any:
    """The model, on one thread.

    Raises:
        MissingDependencyError: faster-whisper or onnxruntime is not installed.
        ModelError: the file does not load.
    """
    spec = find_spec("faster_whisper")  # found, not imported: that takes a second
    path = Path(spec.origin).parent / "assets" / "silero_vad_v6.onnx" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingDependencyError(
            "the voice activity model is missing", hint='pip install "faster-whisper>=1.2.1", or use --no-vad'
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            f"onnxruntime does not import ({error})", hint="pip install onnxruntime, or use --no-vad"
        ) from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no base class but this
        raise ModelError(
            "the voice activity model does not load",
            subject=str(path),
            hint="pip install --force-reinstall faster-whisper, or use --no-vad",
        ) from error


class VoiceDetector:
    """Silero VAD on one stream of sound.

    Args:
        every: judge only the first of so many frames; the others take its probability. 2 halves the time and finds
            onsets to 64 ms.
    """

    def __init__(self, every: int = 1) -> None:
        self._every = every
        self._model = _session()
        self._hidden = np.zeros(STATE_SHAPE, np.float32)
        self._cell = np.zeros(STATE_SHAPE, np.float32)
        self._rest: Samples = np.zeros(CONTEXT_SAMPLES, np.float32)  # the context, then what does not fill a frame

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        """Speech probability of every frame that these samples complete: float32, shape (k,), in [0, 1]."""
        joined = np.concatenate([self._rest, samples])
        step = FRAME * self._every
        count = (len(joined) - CONTEXT_SAMPLES) // step
        self._rest = joined[count * step :].copy()
        if not count:
            return np.zeros(0, np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(joined, CONTEXT_SAMPLES + FRAME)[::step][:count]
        probabilities = np.concatenate(
            [self._run_model(frames[first : first + BATCH_FRAMES]) for first in range(0, count, BATCH_FRAMES)]
        )
        return probabilities.repeat(self._every) if self._every > 1 else probabilities

    def flush(self) -> NDArray[np.float32]:
        """The probability of the last, incomplete frame, filled up with silence; shape (0,) or (every,)."""
        step = FRAME * self._every
        missing = CONTEXT_SAMPLES + step - len(self._rest)
        return self.feed(np.zeros(missing if missing < step else 0, np.float32))

    def _run_model(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        state = {"h": self._hidden, "c": self._cell}
        output, self._hidden, self._cell = self._model.run(None, {"input": np.ascontiguousarray(frames), **state})
        return np.asarray(output, np.float32).reshape(-1)


class SpeechRegions:
    """Speech regions, in samples, from probabilities in the order of the stream."""

    def __init__(self, options: VadOptions) -> None:
        self._options = options
        self._min_speech = options.min_speech * SAMPLE_RATE
        self._min_silence = max(options.min_silence * SAMPLE_RATE, 1)
        self._start: int | None = None
        self._silence_start: int | None = None
        self._split = False
        self.position = 0
        """Samples judged so far."""

    @property
    def open(self) -> tuple[int, int] | None:
        """Speech that still goes on and is long enough to count, as far as it reaches; None: there is none."""
        if self._start is None:
            return None
        end = self.position if self._silence_start is None else self._silence_start
        return (self._start, end) if self._counts(end) else None

    @property
    def candidate(self) -> int | None:
        """Where sound began that is, or may yet turn out to be, speech; None: it is quiet."""
        return self._start

    def advance(self, probability: float) -> tuple[int, int] | None:
        """Judge the next frame; the region that ends with it, if one does."""
        here = self.position
        self.position += FRAME
        if probability >= self._options.threshold:
            self._start = here if self._start is None else self._start
            self._silence_start = None
        elif self._start is not None and probability < self._options.off_threshold:
            self._silence_start = here if self._silence_start is None else self._silence_start
            if self.position - self._silence_start >= self._min_silence:
                return self._close(self._silence_start)
        return None

    def finish(self, total: int) -> tuple[int, int] | None:
        """The region that the end of the sound, after `total` samples, closes, if there is one."""
        self.position = total
        return self._close(total if self._silence_start is None else self._silence_start)

    def split(self, position: int) -> None:
        """Let the open region begin at `position`; what is left of it counts, however short it stays."""
        self._start = position
        self._split = True

    def _counts(self, end: int) -> bool:
        length = 0 if self._start is None else end - self._start
        return length > 0 and (self._split or length >= self._min_speech)

    def _close(self, end: int) -> tuple[int, int] | None:
        region = (self._start, end) if self._start is not None and self._counts(end) else None
        self._start = self._silence_start = None
        self._split = False
        return region


def voice_activity(samples: Samples, options: VadOptions = DEFAULTS) -> tuple[tuple[float, float], ...]:
    """Where somebody speaks: ordered, disjoint (start, end) in s, not padded, on a grid of 32 ms.

    Args:
        samples: float32, shape (n,), 16 kHz mono, in [-1, 1].
        options: thresholds; with `enabled` False all of it is speech.

    Raises:
        ModelError: the model is missing or damaged.
    """
    if not options.enabled:
        return ((0.0, len(samples) / SAMPLE_RATE),) if len(samples) else ()
    return tuple((start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in _regions(samples, options))


def _regions(samples: Samples, options: VadOptions) -> Iterator[tuple[int, int]]:
    detector = VoiceDetector()
    regions = SpeechRegions(options)
    for probability in np.concatenate([detector.feed(samples), detector.flush()]).tolist():
        if region := regions.advance(probability):
            yield region
    if region := regions.finish(len(samples)):
        yield region
