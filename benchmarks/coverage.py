"""Words lost and invented over made situations: repeats, pauses, seams, channels, sound without speech.

    python -m benchmarks.coverage FOLDER [--only NAME] [--limit N]

FOLDER holds jfk.wav and en-librispeech-1995-1837-0001.wav (samples/ does). Each situation is made from them, run
through the pipeline with Whisper base, and compared with what is said in it: words lost (with and without a notice),
words invented, words whose times are wrong, CPU seconds. The last line sums them up.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Sequence
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

# s in the recordings, by hmm on the clean clips
JFK = """and .32 .64 so .64 .98 my .98 1.25 fellow 1.25 1.64 americans 1.64 2.18 ask 3.29 3.78 not 4.0 4.4
what 5.41 5.59 your 5.59 5.86 country 5.86 6.43 can 6.43 6.67 do 6.67 6.9 for 6.9 7.06 you 7.06 7.53
ask 8.19 8.53 what 8.53 8.84 you 8.84 9.18 can 9.21 9.4 do 9.4 9.63 for 9.63 9.79 your 9.79 10.0
country 10.0 10.47"""
LIBRI = """it .14 .25 was .25 .41 the .41 .49 first .49 .86 great .86 1.13 sorrow 1.13 1.6 of 1.6 1.73 his 1.73 1.94
life 1.94 2.3 it 2.76 2.83 was 2.83 2.97 not 2.97 3.21 so 3.21 3.37 much 3.37 3.64 the 3.64 3.77 loss 3.77 4.18
of 4.18 4.26 the 4.26 4.34 cotton 4.34 4.81 itself 4.81 5.37 but 5.37 5.52 the 5.52 5.62 fantasy 5.62 6.3
the 6.55 6.62 hopes 6.62 7.13 the 7.13 7.26 dreams 7.26 7.74 built 7.74 8.0 around 8.0 8.42 it 8.42 8.59"""
TOLERANCE_S = 0.15
"""s by which a word's start or end may lie from where it is said."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word and where it is said, s."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Sound whose words are known."""

    samples: Samples
    """float32, shape (n,)."""
    words: tuple[Said, ...]

    def part(self, start: float, end: float) -> Speech:
        """Return what lies from `start` to `end`, s."""
        inside = (Said(w.word, w.start - start, w.end - start) for w in self.words if start <= w.start and w.end <= end)
        return Speech(self.samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)], tuple(inside))

    @property
    def duration(self) -> float:
        """In s."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Situation:
    """A sound and what is said in it."""

    name: str
    make: Callable[[], Samples]
    """float32, shape (n,) or (n, channels)."""
    words: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """What came of a situation."""

    lost: int
    """Words in whose time nothing is written."""
    misheard: int
    """Words in whose time there is another one."""
    invented: int
    """Words in whose time nothing is said."""
    astray: int
    """Words, of those found, that start or end more than 0.15 s from where they are said."""
    unreported: int
    """Words lost where no stretch is named that lacks words."""


def recording(folder: Path, name: str, words: str) -> Speech:
    """Return a recording with its words."""
    parts = words.split()
    said = tuple(Said(w, float(s), float(e)) for w, s, e in zip(parts[::3], parts[1::3], parts[2::3], strict=True))
    return Speech(read_audio(folder / name), said)


def joined(*parts: Speech) -> Speech:
    """Return sounds one after the other."""
    words: list[Said] = []
    at = 0.0
    for part in parts:
        words += [Said(w.word, w.start + at, w.end + at) for w in part.words]
        at += part.duration
    return Speech(np.concatenate([part.samples for part in parts]), tuple(words))


def silence(seconds: float) -> Speech:
    """Return digital silence."""
    return Speech(np.zeros(round(seconds * SAMPLE_RATE), np.float32), ())


def without_pauses(speech: Speech) -> Speech:
    """Return speech whose pauses of 0.15 s and more are cut out, but for 0.08 s."""
    edges = [0.0, *(t for w in speech.words for t in (w.start, w.end)), speech.duration]
    cuts = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 0.15]
    bounds = [0.0, *(t for a, b in cuts for t in (a + 0.04, b - 0.04)), speech.duration]
    return joined(*(speech.part(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True)))


def situations(folder: Path) -> list[Situation]:
    """Return all situations, made from the recordings of a folder."""
    jfk = recording(folder, "jfk.wav", JFK)
    libri = recording(folder, "en-librispeech-1995-1837-0001.wav", LIBRI)
    found: list[Situation] = []

    def add(name: str, speech: Speech, sound: Callable[[Samples], Samples] = lambda samples: samples) -> None:
        found.append(Situation(name, lambda: sound(speech.samples), speech.words))

    for n in range(2, 9):
        add(f"repeat-{n}", joined(*[jfk] * n))
    for n in range(2, 9):
        add(f"chorus-{n}", joined(*[jfk.part(7.9, jfk.duration)] * n))
    level = _level(jfk.samples)
    grounds: dict[str, Callable[[Samples], Samples]] = {
        "silence": lambda samples: samples,
        "noise-20dB": lambda samples: samples + _noise(len(samples), 0.1 * level),
        "noise-10dB": lambda samples: samples + _noise(len(samples), 0.316 * level),
        "music": lambda samples: samples + _music(len(samples), 0.2 * level),
    }
    for ground, sound in grounds.items():
        for pause in (0.5, 1.0, 2.0, 3.0, 5.0, 20.0):
            paused = joined(jfk.part(0.0, 2.85), silence(pause), jfk.part(2.85, jfk.duration))
            add(f"pause-{pause:g}-{ground}", paused, sound)
        add(f"only-{ground}", silence(20.0), sound)
    dense = without_pauses(joined(libri, jfk))
    for n in (2, 3, 4):
        add(f"seam-{n}", joined(*[dense] * n))
    add("inverted", jfk, lambda samples: np.stack([samples, -samples], axis=1))
    add("left-only", jfk, lambda samples: np.stack([samples, 0 * samples], axis=1))
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


def written(path: Path, sound: Samples) -> Path:
    """Write a sound as a WAV file of 16 bits."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1 if sound.ndim == 1 else sound.shape[1], 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def scored(said: Sequence[Said], transcript: Transcript) -> Score:
    """Return how a transcript compares with what is said."""
    found = [
        Said(match, word.start, word.end)
        for word in transcript.words
        for match in re.findall(r"[a-z']+", word.text.lower())
    ]
    pairs = [(first + i, other + i) for first, other, size in _matches(said, found) for i in range(size)]
    missing = [word for i, word in enumerate(said) if i not in {one for one, _ in pairs}]
    extra = [word for i, word in enumerate(found) if i not in {other for _, other in pairs}]
    misheard = sum(any(_overlap(word, other) for other in extra) for word in missing)
    invented = sum(not any(_overlap(word, other) for other in missing) for word in extra)
    astray = sum(
        max(abs(said[i].start - found[j].start), abs(said[i].end - found[j].end)) > TOLERANCE_S for i, j in pairs
    )
    reported = any("no words" in notice or "no speech" in notice for notice in transcript.notices)
    lost = len(missing) - misheard
    return Score(lost, misheard, invented, astray, 0 if reported else lost)


def _overlap(one: Said, other: Said) -> bool:
    return min(one.end, other.end) + TOLERANCE_S > max(one.start, other.start)


def _matches(said: Sequence[Said], found: Sequence[Said]) -> list[tuple[int, int, int]]:
    """The longest common subsequence of the words: (first, first, length) of its runs."""
    blocks = Indel.opcodes([w.word for w in said], [w.word for w in found])
    return [(o.src_start, o.dest_start, o.src_end - o.src_start) for o in blocks if o.tag == "equal"]


def run(pipeline: Pipeline, situation: Situation, folder: Path) -> Transcript:
    """Return the transcript of a situation, whose sound is written to a folder."""
    path = written(folder / f"{situation.name}.wav", situation.make())
    (transcript,) = [e.transcript for e in pipeline.transcribe(path) if isinstance(e, Finished)]
    return transcript


def results(folder: Path, only: str, limit: int) -> Iterator[str]:
    """Run situations, and give a line for each and one for all."""
    pipeline = Pipeline.load(Settings())
    total, scores = 0, list[Score]()
    chosen = [situation for situation in situations(folder) if only in situation.name][: limit or None]
    with tempfile.TemporaryDirectory() as scratch:
        for situation in chosen:
            before = time.process_time()
            score = scored(situation.words, run(pipeline, situation, Path(scratch)))
            spent = time.process_time() - before
            scores.append(score)
            total += len(situation.words)
            counts = f"{len(situation.words):4} words, {score.lost:3} lost, {score.misheard:3} misheard"
            counts = f"{counts}, {score.invented:3} invented, {score.astray:3} astray"
            yield f"{situation.name:22} {counts}, {spent:6.1f} CPU s"
    lost = sum(score.lost for score in scores)
    yield (
        f"{len(chosen)} situations, {total} words: {lost} lost ({100 * lost / max(total, 1):.2f} %), "
        f"{sum(score.unreported for score in scores)} of them without a notice; "
        f"{sum(score.misheard for score in scores)} misheard; "
        f"{sum(score.invented for score in scores)} invented; "
        f"{sum(score.astray for score in scores)} more than {TOLERANCE_S} s from where they are said"
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
