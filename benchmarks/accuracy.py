"""How well words are timed: every aligner on hand-labelled clips, beside what others make of the same words.

`python -m benchmarks.accuracy [--data FOLDER] [--threads 2]` prints a table. FOLDER holds pairs of NAME.wav and
NAME.TextGrid with a tier of English words; its default is the two clips in tests/data. Everyone is given the right
text. Speed is measured on the two longer English clips of samples/, the fastest of several runs.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from crisp_align.aligners import Aligner, Refusal, Utterance, aligner_class, aligner_names
from crisp_align.backends import Backend, LoadOptions
from crisp_align.errors import ModelError
from crisp_align.media.audio import read_audio
from crisp_align.models.bundled import bundled_tiny_en, bundled_whisper
from crisp_align.speech.clips import voice_activity
from crisp_align.text.units import split_units
from crisp_align.transcript import SAMPLE_RATE, Clip, Span
from crisp_align_backends.whisper import Whisper

ROOT = Path(__file__).parents[1]
TIERS = ("word", "words", "Text")
SPEECH = {
    "jfk.wav": " And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your "
    "country.",
    "en-librispeech-1995-1837-0001.wav": " It was the first great sorrow of his life. It was not so much the loss of "
    "the cotton itself, but the fantasy, the hopes, the dreams built around it.",
}
REPEATS = 4
CLOSE = 0.050  # s

Timer = Callable[[Sequence[Utterance]], list[Sequence[Span] | str]]
"""Spans of the words of each utterance, or why there are none."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A clip and where its words are."""

    utterance: Utterance
    words: tuple[Span, ...]


def main() -> None:
    """Measure everyone and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "tests" / "data")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    labelled = list(labelled_clips(asked.data))
    speech = [utterance(ROOT / "samples" / name, text) for name, text in SPEECH.items()]
    table = Table("timed by", "model", "mean error", "median", "within 50 ms", "x real time")
    for name, model, load in contestants(LoadOptions(device="cpu", threads=asked.threads)):
        try:
            timer = load()
        except ModelError:
            table.add_row(name, model, "no weights here")
            continue
        table.add_row(name, model, *accuracy(timer, labelled), speed(timer, speech))
    words = sum(len(clip.words) for clip in labelled)
    Console().print(f"{len(labelled)} clips, {words} words, each with a start and an end labelled by hand")
    Console().print(table)


def labelled_clips(folder: Path) -> Iterator[Labelled]:
    """Every clip of a folder that has a TextGrid beside it."""
    from praatio import textgrid

    for path in sorted(folder.glob("*.TextGrid")):
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
        tier = next(name for name in grid.tierNames if name in TIERS)
        entries = [entry for entry in grid.getTier(tier).entries if entry.label.strip(" *")]
        said = " ".join(entry.label.strip() for entry in entries)
        text = said.lower() if said.isupper() else said
        yield Labelled(
            utterance(path.with_suffix(".wav"), f" {text[0].upper()}{text[1:]}."),
            tuple(Span(entry.start, entry.end) for entry in entries),
        )


def utterance(path: Path, text: str) -> Utterance:
    """A recording of English and its text."""
    samples = read_audio(path)
    return Utterance(Clip(samples, 0.0, path.name, voice_activity(samples)), tuple(split_units(text, "en")), "en")


def contestants(options: LoadOptions) -> Iterator[tuple[str, str, Callable[[], Timer]]]:
    """Name, model, and what loads it."""
    whispers = {"base": bundled_whisper(), "tiny.en": bundled_tiny_en()}
    for name in aligner_names():
        if name == "attention":
            for model, folder in whispers.items():
                if folder:
                    yield (
                        name,
                        f"Whisper {model}",
                        lambda f=str(folder): ours("attention", Whisper.load(f, options), options),
                    )
        elif name != "native":
            yield name, "", lambda n=name: ours(n, None, options)
    for model, folder in whispers.items():
        if folder:
            yield "faster-whisper word_timestamps", f"Whisper {model}", lambda f=str(folder): faster_whisper(f, options)
    yield "PocketSphinx set_align_text", "", pocketsphinx


def ours(name: str, backend: Backend | None, options: LoadOptions) -> Timer:
    """One of our aligners."""
    aligner: Aligner = aligner_class(name).load("auto", options, backend)
    return lambda utterances: [
        result.reason if isinstance(result, Refusal) else result for result in aligner.align(utterances)
    ]


def faster_whisper(folder: str, options: LoadOptions) -> Timer:
    """The word times faster-whisper gives with `word_timestamps`, its decoder made to say the right text."""
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=options.threads)
    tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language="en")

    def time_words(one: Utterance) -> Sequence[Span]:
        features = model.feature_extractor(one.clip.samples)
        frames = features.shape[-1] - 1
        window = np.pad(features[:, : model.feature_extractor.nb_max_frames], ((0, 0), (0, max(0, 3000 - frames - 1))))
        segment = {
            "seek": 0,
            "start": 0.0,
            "end": one.clip.duration,
            "tokens": [*tokenizer.encode(one.text), tokenizer.eot],
        }
        model.add_word_timestamps(
            [[segment]],
            tokenizer,
            model.encode(window),
            min(frames, 3000),
            "\"'“¿([{-",
            "\"'.。,，!！?？:：”)]}、",
            0.0,
        )
        return [Span(word["start"], word["end"]) for word in segment["words"]]

    return lambda utterances: [time_words(one) for one in utterances]


def pocketsphinx() -> Timer:
    """PocketSphinx's own aligner, one pass, words of its dictionary only."""
    from pocketsphinx import Decoder

    decoder = Decoder(lm=None, loglevel="FATAL")

    def time_words(one: Utterance) -> Sequence[Span] | str:
        decoder.set_align_text(" ".join(unit.spoken.lower() for unit in one.units))
        decoder.start_utt()
        decoder.process_raw((np.clip(one.clip.samples, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        found = [part for part in decoder.seg() or () if not part.word.startswith(("<", "["))]
        if len(found) != len(one.units):
            return "found no way through"
        return [Span(part.start_frame / 100, (part.end_frame + 1) / 100) for part in found]

    return lambda utterances: [time_words(one) for one in utterances]


def accuracy(timer: Timer, labelled: Sequence[Labelled]) -> tuple[str, str, str]:
    """Mean and median distance of word boundaries from their labels, and the share that is close."""
    errors: list[float] = []
    missing = 0
    for clip in labelled:
        found = timer([clip.utterance])[0]
        if isinstance(found, str) or len(found) != len(clip.words):
            missing += 1
            continue
        for span, label in zip(found, clip.words, strict=True):
            errors += [abs(span.start - label.start), abs(span.end - label.end)]
    if not errors:
        return "-", "-", "-"
    distances: NDArray[np.float64] = np.array(errors)
    note = f" ({missing} clips missed)" if missing else ""
    return (
        f"{distances.mean() * 1000:.1f} ms{note}",
        f"{np.median(distances) * 1000:.1f} ms",
        f"{(distances <= CLOSE).mean():.1%}",
    )


def speed(timer: Timer, speech: Sequence[Utterance]) -> str:
    """Seconds of audio timed in a second, in a batch of both clips twice over."""
    batch = list(itertools.chain(speech, speech))
    fastest = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        timer(batch)
        fastest = min(fastest, time.perf_counter() - started)
    return f"{sum(len(one.clip.samples) for one in batch) / SAMPLE_RATE / fastest:.0f}"


if __name__ == "__main__":
    main()
