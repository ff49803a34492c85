"""WAV files in the form that models read, 16 kHz mono in 16 bits, read as they are.

Starting ffmpeg, once to look and once to decode, takes as long as a small model takes over a clip: for archives of
short recordings, which come in this form as a rule, that is time worth saving. What is in any way unusual is left to
ffmpeg; what is read here gives the same samples.
"""

from __future__ import annotations

import wave
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from crisp_align.media.probe import MediaInfo, Stream
from crisp_align.transcript import SAMPLE_RATE

__all__ = ["WavReader"]

_WIDTH = 2  # bytes of a sample


class WavReader:
    """An open WAV file; in place of a `Decoder`."""

    def __init__(self, file: wave.Wave_read, stack: ExitStack) -> None:
        self._file, self._stack = file, stack
        stream = Stream(index=0, kind="audio", codec="pcm_s16le", language=None, layout="mono", default=False)
        length = file.getnframes() / SAMPLE_RATE
        self.info = MediaInfo("wav", length, 0.0, estimated=False, truncated=False, streams=(stream,))

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """The file, if it is whole and of that form; None: ffmpeg is to look at it."""
        with ExitStack() as stack:
            try:
                raw = stack.enter_context(path.open("rb"))
                head = raw.read(8)
                size = raw.seek(0, 2)
                if head[:4] != b"RIFF" or int.from_bytes(head[4:], "little") + 8 != size:
                    return None
                raw.seek(0)
                file = stack.enter_context(wave.open(raw))
            except (OSError, EOFError, wave.Error, ValueError):
                return None
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getcomptype())
            there = 0 < file.getnframes() * _WIDTH <= size - raw.tell()
            return cls(file, stack.pop_all()) if form == (1, _WIDTH, SAMPLE_RATE, "NONE") and there else None

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of float32 samples; fewer only at the end."""
        import numpy as np

        samples = np.frombuffer(self._file.readframes(size // 4), "<i2")
        return (samples.astype(np.float32) / 32768).tobytes()

    def finish(self) -> int:
        """The exit status: all is well."""
        return 0

    def messages(self) -> list[str]:
        """Nothing is ever amiss."""
        return []

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._stack.close()
