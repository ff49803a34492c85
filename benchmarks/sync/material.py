"""Films made of short recordings with pauses, music and noise, with the true times of every line.

    python -m benchmarks.sync.material --data ../shared/audio --out /tmp/films --minutes 60

A film is a WAV of 16 kHz mono; its lines are known to some hundredths of a second, because they were timed once, alone.
"""

from __future__ import annotations

import argparse
import random
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crisp_align.media.audio import read_audio
from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

BLOCK = 60.0  # s of a film that are made at once


@dataclass(frozen=True, slots=True)
class Line:
    """What is said, and when, s."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A stretch of a recording with its lines, s from the beginning of its file."""

    file: str
    language: str
    start: float
    end: float
    lines: tuple[Line, ...]


RECORDINGS = (
    Recording(
        "jfk.wav",
        "en",
        0.1,
        10.9,
        (
            Line("And so, my fellow Americans,", 0.32, 2.2),
            Line("ask not", 3.31, 4.32),
            Line("what your country can do for you;", 5.41, 7.55),
            Line("ask what you can do for your country.", 8.2, 10.48),
        ),
    ),
    Recording(
        "en-librispeech-1995-1837-0001.wav",
        "en",
        0.0,
        8.73,
        (
            Line("It was the first great sorrow of his life.", 0.14, 2.32),
            Line("It was not so much the loss of the cotton itself, but the fantasy,", 2.76, 6.3),
            Line("the hopes, the dreams built around it.", 6.56, 8.6),
        ),
    ),
    Recording(
        "de-fleurs.wav",
        "de",
        0.7,
        4.8,
        (Line("Das erschien mir nicht sinnvoll; es war ganz gewiss nicht fair.", 0.93, 4.42),),
    ),
    Recording(
        "fr-fleurs.wav",
        "fr",
        0.0,
        3.5,
        (Line("Pensez à l'itinéraire de ski comme à un itinéraire de randonnée similaire.", 0.16, 2.98),),
    ),
    Recording("pt-fleurs.wav", "pt", 0.2, 4.4, (Line("É o quinto CEP do Martelly em quatro anos.", 0.45, 3.9),)),
    Recording(
        "ja-commonvoice-24511055.mp3",
        "ja",
        0.7,
        6.0,
        (Line("真っ昼間なのにキャンプの外れの電柱に電球がともっていた", 0.99, 5.63),),
    ),
    Recording("zh-aishell-BAC009S0724W0121.wav", "zh", 0.3, 3.9, (Line("广州市房地产中介协会分析", 0.51, 3.65),)),
)


def mixed(recordings: Sequence[Recording], seconds: float, seed: int) -> Iterator[tuple[Recording | None, float]]:
    """What follows what: a recording, or a scene without speech (None), and the pause after it, s."""
    order = random.Random(seed)
    done = 0.0
    while done < seconds:
        if order.random() < 0.06:
            length = order.uniform(8, 40)
            yield None, length
            done += length
            continue
        recording = order.choice(recordings)
        pause = order.choice((order.uniform(0.3, 1.2), order.uniform(0.3, 1.2), order.uniform(1, 6)))
        yield recording, pause
        done += recording.end - recording.start + pause


@dataclass(frozen=True, slots=True)
class Film:
    """A sound and its lines."""

    samples: Samples
    lines: tuple[Line, ...]


def make(data: Path, seconds: float, languages: Sequence[str], seed: int = 1, noise: float = 0.003) -> Film:
    """A film of at least `seconds`: speech of some languages, music in a third of it, noise under all of it."""
    chosen = [recording for recording in RECORDINGS if recording.language in languages]
    sounds = {recording: _sound(data, recording) for recording in chosen}
    parts: list[Samples] = [np.zeros(2 * SAMPLE_RATE, np.float32)]
    lines: list[Line] = []
    position = 2.0
    for recording, pause in mixed(chosen, seconds, seed):
        if recording is not None:
            sound = sounds[recording]
            shift = position - recording.start
            lines += [replace(line, start=line.start + shift, end=line.end + shift) for line in recording.lines]
            parts.append(sound)
            position += len(sound) / SAMPLE_RATE
        silence = np.zeros(round(pause * SAMPLE_RATE), np.float32)
        parts.append(silence)
        position += len(silence) / SAMPLE_RATE
    samples = np.concatenate(parts)
    rng = np.random.default_rng(seed)
    for first in range(0, len(samples), round(BLOCK * SAMPLE_RATE)):
        block = samples[first : first + round(BLOCK * SAMPLE_RATE)]
        block += rng.normal(0, noise, len(block)).astype(np.float32)
        if rng.random() < 1 / 3:
            block += _music(len(block), rng)
    return Film(np.clip(samples, -1, 1), tuple(lines))


def _sound(data: Path, recording: Recording) -> Samples:
    samples = read_audio(data / recording.file)
    part = samples[round(recording.start * SAMPLE_RATE) : round(recording.end * SAMPLE_RATE)].copy()
    return part * np.float32(0.5 / max(float(np.abs(part).max()), 1e-6))


def _music(count: int, rng: np.random.Generator) -> Samples:
    """Chords of three tones, a new one every half second, quieter than speech."""
    time = np.arange(count) / SAMPLE_RATE
    steps = (time * 2).astype(int)
    roots = 110 * 2 ** (rng.integers(0, 12, steps.max() + 1 if count else 1) / 12)
    sound = np.zeros(count)
    for ratio in (1, 1.25, 1.5):
        sound += np.sin(2 * np.pi * roots[steps] * ratio * time)
    return (0.012 * sound * (1 - (time * 2) % 1 * 0.7)).astype(np.float32)


def write_wav(path: Path, samples: Samples) -> None:
    """Write sound, 16 bits."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes((samples * 32767).astype("<i2").tobytes())


def write_srt(path: Path, lines: Sequence[Line]) -> None:
    """Write lines as a SubRip file."""
    from datetime import timedelta

    import srt

    entries = [
        srt.Subtitle(number, timedelta(seconds=line.start), timedelta(seconds=line.end), line.text)
        for number, line in enumerate(lines, start=1)
    ]
    path.write_text(srt.compose(entries, reindex=False), encoding="utf-8")


def main() -> None:
    """Make a film and its subtitles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--languages", default="en,de,fr,pt,ja,zh")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    film = make(asked.data, asked.minutes * 60, asked.languages.split(","), asked.seed)
    write_wav(asked.out / "film.wav", film.samples)
    write_srt(asked.out / "film.srt", film.lines)


if __name__ == "__main__":
    main()
