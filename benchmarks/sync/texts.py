"""How well a long text is timed that is not quite what is said: lines that nobody says, and speech that it lacks.

    python -m benchmarks.sync.texts --data ../shared/audio --minutes 60 --language en --refrains

A film is made on the spot of short recordings, cut at their pauses into phrases and joined to lines that mostly occur
once, with pauses and noise. From its text 10 % of the lines are taken and 10 % others put in; `--refrains` makes a
third of the lines repeat one that came before. The table says how far the lines lie from where they are said.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from benchmarks.sync.material import BLOCK, Line, write_wav
from crisp_align.backends.options import DecodeOptions
from crisp_align.events import Failed, Finished
from crisp_align.media.audio import read_audio
from crisp_align.pipeline.pipeline import Pipeline, Settings
from crisp_align.transcript import SAMPLE_RATE, Transcript

if TYPE_CHECKING:
    from crisp_align.transcript import Samples


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words said in a row, cut out at the silence around them."""

    text: str
    samples: Samples
    first: float
    """s in `samples` at which the first word begins."""
    last: float
    """s at which the last one ends."""


@dataclass(frozen=True, slots=True)
class Case:
    """A film, its text as somebody has it, and the truth."""

    samples: Samples
    said: tuple[Line, ...]
    """Every line that is said."""
    text: tuple[tuple[str, int | None], ...]
    """The lines of the text, each with its number among those said; None: nobody says it."""

    @property
    def missing(self) -> list[Line]:
        """Lines that are said and that the text lacks."""
        there = {number for _, number in self.text}
        return [line for number, line in enumerate(self.said) if number not in there]


def make_case(phrases: Sequence[Phrase], seconds: float, seed: int, *, refrains: bool, rate: float = 0.1) -> Case:
    """A film of at least `seconds` of lines made of phrases, and a text that is wrong in 2 · `rate` of its lines."""
    order = random.Random(seed)
    parts: list[Samples] = [np.zeros(SAMPLE_RATE, np.float32)]
    said: list[tuple[Line, tuple[int, ...]]] = []
    position = 1.0
    while position < seconds:
        if refrains and len(said) > 5 and order.random() < 1 / 3:
            chosen = order.choice(said)[1]
        else:
            chosen = tuple(order.sample(range(len(phrases)), order.choice((1, 2, 2, 3))))
        start = None
        for number in chosen:
            phrase = phrases[number]
            start = position + phrase.first if start is None else start
            end = position + phrase.last
            gap = np.zeros(round(order.uniform(0.1, 0.35) * SAMPLE_RATE), np.float32)
            parts += [phrase.samples, gap]
            position += (len(phrase.samples) + len(gap)) / SAMPLE_RATE
        said.append((Line(" ".join(phrases[n].text for n in chosen), start or 0.0, end), chosen))
        pause = order.choice((order.uniform(0.2, 1.0), order.uniform(0.2, 1.0), order.uniform(1, 6)))
        parts.append(np.zeros(round(pause * SAMPLE_RATE), np.float32))
        position += len(parts[-1]) / SAMPLE_RATE
    text: list[tuple[str, int | None]] = []
    for number, (line, chosen) in enumerate(said):
        if order.random() < rate:
            text.append((_other_text(order, phrases, chosen), None))
        if order.random() >= rate:
            text.append((line.text, number))
    return Case(_with_noise(np.concatenate(parts), seed), tuple(line for line, _ in said), tuple(text))


_WORDS = {
    "en": "the weather in mountains had been terrible for whole of that winter nobody knew why chapter seven footnote "
    "river stood higher than ever before they left without a word enter from left with lantern page forty see also "
    "market closed early because snow was expected every morning she walked down hill to buy bread and milk",
    "de": "das Wetter in den Bergen war schlecht Kapitel sieben Fußnote siehe auch der Fluss stand höher als je zuvor "
    "niemand wusste warum sie gingen ohne ein Wort der Markt schloss früh weil Schnee erwartet wurde jeden Morgen",
}


def _other_text(order: random.Random, phrases: Sequence[Phrase], chosen: Sequence[int]) -> str:
    language = "de" if any("ü" in phrase.text or "ß" in phrase.text for phrase in phrases) else "en"
    words = _WORDS[language].split()
    return " ".join(order.choice(words) for _ in range(order.randint(4, 14))).capitalize() + "."


def _with_noise(samples: Samples, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    for first in range(0, len(samples), round(BLOCK * SAMPLE_RATE)):
        block = samples[first : first + round(BLOCK * SAMPLE_RATE)]
        block += rng.normal(0, 0.002, len(block)).astype(np.float32)
    return np.clip(samples, -1, 1)


def cut_phrases(samples: Samples, transcript: Transcript) -> list[Phrase]:
    """The phrases of a recording whose words are timed: runs of words between pauses, of two words or more."""
    runs: list[list[tuple[str, float, float]]] = [[]]
    for word in transcript.words:
        if runs[-1] and word.start - runs[-1][-1][2] >= 0.15:
            runs.append([])
        runs[-1].append((word.text.strip(), word.start, word.end))
    found = []
    for number, run in enumerate(runs):
        if len(run) < 2:
            continue
        low = max(run[0][1] - 0.06, runs[number - 1][-1][2] if number else 0.0)
        high = min(run[-1][2] + 0.06, runs[number + 1][0][1] if number + 1 < len(runs) else len(samples) / SAMPLE_RATE)
        part = samples[round(low * SAMPLE_RATE) : round(high * SAMPLE_RATE)].copy()
        part *= np.float32(0.5 / max(float(np.abs(part).max()), 1e-6))
        found.append(Phrase(" ".join(text for text, _, _ in run), part, run[0][1] - low, run[-1][2] - low))
    return found


_KENNEDY = (
    "And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your country."
)
_COTTON = (
    "It was the first great sorrow of his life. It was not so much the loss of the cotton itself, but the fantasy, "
    "the hopes, the dreams built around it."
)
_SOURCES: dict[str, tuple[tuple[str, str | None], ...]] = {
    "en": (
        ("jfk.wav", _KENNEDY),
        ("en-librispeech-1995-1837-0001.wav", _COTTON),
        ("multilingual.mp3", None),
        ("labelled/en-polyglot-acoustic_corpus.flac", None),
    ),
    "de": (
        ("de-fleurs.wav", "Das erschien mir nicht sinnvoll; es war ganz gewiss nicht fair."),
        ("multilingual.mp3", None),
    ),
}


def phrases_of(data: Path, language: str) -> list[Phrase]:
    """All phrases of the recordings in a language; those without a text are transcribed."""
    settings = Settings(decode=DecodeOptions(language=language))
    pipeline, found = Pipeline.load(settings), []
    for name, text in _SOURCES[language]:
        samples = read_audio(data / name)
        if name == "multilingual.mp3":
            edge = 28 * SAMPLE_RATE
            samples = samples[:edge] if language == "en" else samples[edge + SAMPLE_RATE :]
        with TemporaryDirectory() as folder:
            write_wav(Path(folder) / "a.wav", samples)
            source = str(Path(folder) / "a.wav")
            events = pipeline.transcribe([source]) if text is None else pipeline.align(source, text)
            transcript = next(event.transcript for event in events if isinstance(event, Finished))
        found += cut_phrases(samples, transcript)
    return found


def score(case: Case, transcript: Transcript) -> dict[str, float]:
    """The figures of a timed text."""
    spoken, added, caught = [], 0, 0
    wrong = []
    for segment, (text, number) in zip(transcript.segments, case.text, strict=True):
        if number is None:
            added += 1
            caught += segment.match == "unspoken"
            continue
        line = case.said[number]
        error = max(abs(segment.start - line.start), abs(segment.end - line.end))
        spoken.append(error)
        if error > 0.1:
            wrong.append((error, line.start, segment.match, segment.start, segment.end, line.end, text))
    named = 0
    for line in case.missing:
        inside = sum(
            max(0.0, min(part.end, line.end) - max(part.start, line.start)) for part in transcript.extra_speech
        )
        named += inside >= 0.6 * (line.end - line.start)
    for entry in sorted(wrong)[::-1][:12]:
        print("  {:6.2f} s at {:.1f} {} {:.2f}-{:.2f} (right end {:.2f}) {}".format(*entry))
    errors = np.array(spoken)
    return {
        "lines": len(errors),
        "within 0.1 s": float((errors <= 0.1).mean()),
        "over 1 s": float((errors > 1).sum()),
        "median": float(np.median(errors)),
        "worst": float(errors.max()),
        "added": added,
        "marked": caught / max(added, 1),
        "missing": len(case.missing),
        "named": named / max(len(case.missing), 1),
    }


def main() -> None:
    """Make a film, time its text, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--language", default="en", choices=sorted(_SOURCES))
    parser.add_argument("--refrains", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="auto")
    asked = parser.parse_args()
    phrases = phrases_of(asked.data, asked.language)
    case = make_case(phrases, asked.minutes * 60, asked.seed, refrains=asked.refrains)
    settings = Settings(decode=DecodeOptions(language=asked.language))
    settings = replace(settings, backend=replace(settings.backend, model=asked.model))
    console = Console()
    console.print(f"{len(phrases)} phrases, {len(case.said)} lines said, {len(case.text)} in the text")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.wav"
        write_wav(path, case.samples)
        began = time.process_time()
        transcript = None
        for event in Pipeline.load(settings, transcribes=False).align(path, "\n".join(text for text, _ in case.text)):
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Finished):
                transcript = event.transcript
        spent = time.process_time() - began
    assert transcript is not None
    for name, value in score(case, transcript).items():
        console.print(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"{spent:.0f} s of CPU, {peak:.0f} MiB")


if __name__ == "__main__":
    main()
