"""Media made on the fly with ffmpeg, and how far one sound lags behind another."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crisp_align.media.audio import find_ffmpeg
from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

ROOT = Path(__file__).parents[1]
JFK = ROOT / "samples" / "jfk.wav"
PICTURE = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=11")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=4:sample_rate=16000")


def make(path: Path, *arguments: str | Path) -> Path:
    """Run ffmpeg with `arguments` to write `path`, which may have any name at all."""
    command = [find_ffmpeg(), "-v", "error", "-nostdin", "-y", *map(str, arguments), f"file:{path}"]
    subprocess.run(command, check=True, capture_output=True)
    return path


def sentences(path: Path, count: int) -> Path:
    """A WAV of the first sentence of jfk.wav `count` times, 3 s of pause between."""
    with wave.open(str(JFK)) as file:
        speech = np.frombuffer(file.readframes(file.getnframes()), "<i2")[: 4 * SAMPLE_RATE]
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        for _ in range(count):
            out.writeframes(speech.tobytes() + bytes(3 * SAMPLE_RATE * 2))
    return path


def write_reel(path: Path, samples: Samples) -> Path:
    """Write sound as a WAV of 16 bits."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def lag(sound: Samples, reference: Samples) -> int:
    """By how many samples `sound` runs behind `reference`, by cross-correlation."""
    size = 1 << (len(sound) + len(reference)).bit_length()
    product = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(reference, size))
    best = int(np.fft.irfft(product).argmax())
    return best if best < size // 2 else best - size


def level(sound: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.square(sound, dtype=np.float64).mean()))


def seconds(sound: Samples) -> float:
    return len(sound) / SAMPLE_RATE
