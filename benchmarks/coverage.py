"""Words lost and invented over made situations: repeats, pauses, seams, channels, sound without speech.

    python -m benchmarks.coverage FOLDER [--only NAME] [--limit N]

FOLDER holds jfk.wav and en-librispeech-1995-1837-0001.wav (samples/ does). Each situation is made from them, run
through the pipeline with Whisper base, and compared with what is said in it: words lost (with and without a notice),
words invented, CPU seconds. The last line sums them up.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rapidfuzz.distance import Indel

from crisp_align.events import Finished
from crisp_align.media.audio import read_audio
from crisp_align.pipeline.pipeline import Pipeline
from crisp_align.pipeline.settings import Settings
from crisp_align.transcript import SAMPLE_RATE, Transcript

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
LIBRI = (
    "it was the first great sorrow of his life it was not so much the loss of the cotton itself but the fantasy the "
    "hopes the dreams built around it"
)


@dataclass(frozen=True, slots=True)
class Situation:
    """A sound and what is said in it."""

    name: str
    make: Callable[[], Samples]
    """float32, shape (n,) or (n, channels)."""
    words: list[str]


def situations(folder: Path) -> list[Situation]:
    """Return all situations, made from the recordings of a folder."""
    jfk = read_audio(folder / "jfk.wav")
    libri = read_audio(folder / "en-librispeech-1995-1837-0001.wav")
    said, told = JFK.split(), LIBRI.split()
    found = [Situation(f"repeat-{n}", lambda n=n: np.tile(jfk, n), said * n) for n in range(2, 9)]
    phrase = jfk[int(7.9 * SAMPLE_RATE) :]
    found += [Situation(f"chorus-{n}", lambda n=n: np.tile(phrase, n), said[14:] * n) for n in range(2, 9)]
    grounds: dict[str, Callable[[int], Samples]] = {
        "silence": lambda size: np.zeros(size, np.float32),
        "noise-20dB": lambda size: _noise(size, 0.1 * _level(jfk)),
        "noise-10dB": lambda size: _noise(size, 0.316 * _level(jfk)),
        "music": lambda size: _music(size, 0.2 * _level(jfk)),
    }
    for ground, sound in grounds.items():
        for pause in (0.5, 1.0, 2.0, 3.0, 5.0, 20.0):
            found.append(Situation(f"pause-{pause:g}-{ground}", lambda p=pause, s=sound: _paused(jfk, p, s), said))
        found.append(Situation(f"only-{ground}", lambda s=sound: s(20 * SAMPLE_RATE), []))
    dense = np.concatenate([libri[: int(8.6 * SAMPLE_RATE)], jfk[int(0.3 * SAMPLE_RATE) : int(10.4 * SAMPLE_RATE)]])
    for n in (2, 3, 4):
        found.append(Situation(f"seam-{n}", lambda n=n: np.tile(_without_pauses(dense), n), [*told, *said] * n))
    found.append(Situation("inverted", lambda: np.stack([jfk, -jfk], axis=1), said))
    found.append(Situation("left-only", lambda: np.stack([jfk, 0 * jfk], axis=1), said))
    return found


def _level(sound: Samples) -> float:
    return float(np.sqrt(np.square(sound, dtype=np.float64).mean()))


def _noise(size: int, level: float) -> Samples:
    return (np.random.default_rng(0).normal(0, 1, size) * level).astype(np.float32)


def _music(size: int, level: float) -> Samples:
    """Chords of plucked tones, four a second."""
    at = np.arange(size) / SAMPLE_RATE
    step, beat = np.floor(at * 4).astype(int), np.exp(-6 * (at * 4 % 1))
    roots = 220 * 2 ** (np.array([0, 3, 7, 10, 5, 8, 0, 7])[step % 8] / 12)
    tones = sum(np.sin(2 * np.pi * np.cumsum(roots * ratio) / SAMPLE_RATE) for ratio in (1, 1.25, 1.5))
    sound = np.asarray(tones) * beat
    return (sound * level / _level(sound)).astype(np.float32)


def _paused(jfk: Samples, pause: float, ground: Callable[[int], Samples]) -> Samples:
    at = int(2.85 * SAMPLE_RATE)
    whole = np.concatenate([jfk[:at], np.zeros(int(pause * SAMPLE_RATE), np.float32), jfk[at:]])
    return whole + ground(len(whole))


def _without_pauses(sound: Samples) -> Samples:
    from crisp_align.speech.voice import voice_activity

    regions = voice_activity(sound)
    return np.concatenate([sound[int(s * SAMPLE_RATE) : int(e * SAMPLE_RATE)] for s, e in regions])


def written(path: Path, sound: Samples) -> Path:
    """Write a sound as a WAV file of 16 bits."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1 if sound.ndim == 1 else sound.shape[1], 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def lost_and_invented(words: list[str], transcript: Transcript) -> tuple[int, int]:
    """Return how many words are missing, and how many are there that nobody said; a misheard word is both."""
    found = re.findall(r"[a-z']+", transcript.text.lower())
    common = (len(words) + len(found) - Indel.distance(words, found)) // 2
    return len(words) - common, len(found) - common


def results(folder: Path, only: str, limit: int) -> Iterator[str]:
    """Run situations, and give a line for each and one for all."""
    pipeline = Pipeline.load(Settings())
    total = lost_in_all = invented_in_all = unreported = 0
    chosen = [situation for situation in situations(folder) if only in situation.name][: limit or None]
    with tempfile.TemporaryDirectory() as scratch:
        for situation in chosen:
            path = written(Path(scratch, f"{situation.name}.wav"), situation.make())
            before = time.process_time()
            (transcript,) = [e.transcript for e in pipeline.transcribe(path) if isinstance(e, Finished)]
            spent = time.process_time() - before
            lost, invented = lost_and_invented(situation.words, transcript)
            reported = any("no words" in notice or "no speech" in notice for notice in transcript.notices)
            total, lost_in_all, invented_in_all = (
                total + len(situation.words),
                lost_in_all + lost,
                invented_in_all + invented,
            )
            unreported += lost > 0 and not reported
            counts = f"{len(situation.words):4} words, {lost:3} lost, {invented:3} invented"
            yield f"{situation.name:22} {counts}, {spent:6.1f} CPU s"
    yield (
        f"{len(chosen)} situations, {total} words: {lost_in_all} lost ({100 * lost_in_all / max(total, 1):.2f} %), "
        f"{invented_in_all} invented; {unreported} situations lost words without a notice"
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="situations whose names hold this")
    parser.add_argument("--limit", type=int, default=0)
    options = parser.parse_args()
    for line in results(options.folder, options.only, options.limit):
        print(line, flush=True)


if __name__ == "__main__":
    main()
