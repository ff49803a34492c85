"""How well words are timed: every aligner on hand-labelled clips, and what others make of the same words.

`python -m benchmarks.accuracy [--data FOLDER] [--languages cs fr]` prints a table a language. FOLDER holds
pairs of NAME.wav or NAME.flac and NAME.TextGrid with a tier of words, NAME beginning with the language ("fr-…"), else
English; its default is the two clips in tests/data. Everyone is given the right text. Speed is measured on the two
longer English clips of samples/, in CPU seconds, the least of several runs.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy.labelled import CLOSE, Labelled, Timed, errors, labelled_clips, spoken_clip, utterance
from crisp_align.aligners import (
    Aligner,
    Alignment,
    AlignmentWithWarning,
    Refusal,
    Result,
    Utterance,
    aligner_class,
    aligner_names,
)
from crisp_align.backends import Backend, LoadOptions
from crisp_align.errors import ModelError
from crisp_align.models.bundled import bundled_tiny_en, bundled_whisper
from crisp_align.transcript import SAMPLE_RATE, Span
from crisp_align_backends.whisper import Whisper

ROOT = Path(__file__).parents[2]
SPEECH = {
    "jfk.wav": " And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your "
    "country.",
    "en-librispeech-1995-1837-0001.wav": " It was the first great sorrow of his life. It was not so much the loss of "
    "the cotton itself, but the fantasy, the hopes, the dreams built around it.",
}
REPEATS = 4

Timer = Callable[[Sequence[Utterance]], list[list[Timed] | str]]
"""The pieces of the text of each utterance with their times, or why there are none."""


def main() -> None:
    """Measure everyone and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "tests" / "data")
    parser.add_argument("--languages", nargs="*", default=())
    parser.add_argument("--only", nargs="*", default=(), help="first words of the names to measure, e.g. hmm")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-speed", action="store_true")
    asked = parser.parse_args()
    clips = [clip for clip in labelled_clips(asked.data) if not asked.languages or language_of(clip) in asked.languages]
    speech = [utterance(spoken_clip(ROOT / "samples" / name), text, "en") for name, text in SPEECH.items()]
    rows: list[tuple[str, str, str, list[NDArray[np.float64] | None]]] = []
    for name, model, load in contestants(LoadOptions(device="cpu", threads=asked.threads)):
        if asked.only and not name.startswith(tuple(asked.only)):
            continue
        try:
            timer = load()
        except ModelError:
            Console().print(f"{name} {model}: no weights here")
            continue
        found = [distances(timer, clip, name, model) for clip in clips]
        rows.append((name, model, "" if asked.no_speed else speed(timer, speech), found))
    for language in dict.fromkeys(map(language_of, clips)):
        members = [at for at, clip in enumerate(clips) if language_of(clip) == language]
        report(language, [(name, model, fast, [found[at] for at in members]) for name, model, fast, found in rows])


def language_of(clip: Labelled) -> str:
    """The code of a clip's language."""
    return clip.utterance.language or "en"


def report(language: str, rows: Sequence[tuple[str, str, str, list[NDArray[np.float64] | None]]]) -> None:
    """Print the table of a language."""
    table = Table(
        "timed by", "model", "edges", "mean error", "median", "within 50 ms", "x real time (English)", title=language
    )
    for name, model, fast, found in rows:
        timed = [part for part in found if part is not None]
        if timed:
            table.add_row(name, model, *summary(np.concatenate(timed), len(found) - len(timed)), fast)
    Console(width=120).print(table)


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
    yield "hmm, edges not trimmed", "", lambda: untrimmed(options)
    for model, folder in whispers.items():
        if folder:
            yield "faster-whisper word_timestamps", f"Whisper {model}", lambda f=str(folder): faster_whisper(f, options)
    yield "PocketSphinx set_align_text", "", pocketsphinx


def ours(name: str, backend: Backend | None, options: LoadOptions) -> Timer:
    """One of our aligners."""
    aligner: Aligner = aligner_class(name).load("auto", options, backend)
    return lambda utterances: [
        result.reason if isinstance(result, Refusal) else pieces(one, result)
        for one, result in zip(utterances, map(plain, aligner.align(utterances)), strict=True)
    ]


def plain(result: Result) -> Alignment | Refusal:
    """A result without its notice."""
    return result.alignment if isinstance(result, AlignmentWithWarning) else result


def pieces(one: Utterance, spans: Sequence[Span]) -> list[Timed]:
    """The units of an utterance with their spans."""
    return [(unit.text, span) for unit, span in zip(one.units, spans, strict=True)]


def untrimmed(options: LoadOptions) -> Timer:
    """The aligner `hmm`, but the edges of words at pauses stay where the model has them."""
    timer = ours("hmm", None, options)

    def time_words(utterances: Sequence[Utterance]) -> list[list[Timed] | str]:
        with patch("crisp_align.aligners.hmm.aligner.trim_silence", lambda spans, samples: tuple(spans)):
            return timer(utterances)

    return time_words


def faster_whisper(folder: str, options: LoadOptions) -> Timer:
    """The word times faster-whisper gives with `word_timestamps`, its decoder made to say the right text."""
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=options.threads)

    def time_words(one: Utterance) -> list[Timed]:
        language = one.language or "en"
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
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
        return [(word["word"], Span(word["start"], word["end"])) for word in segment["words"]]

    return lambda utterances: [time_words(one) for one in utterances]


def pocketsphinx() -> Timer:
    """PocketSphinx's own aligner, one pass, words of its dictionary only."""
    from pocketsphinx import Decoder

    decoder = Decoder(lm=None, loglevel="FATAL")

    def time_words(one: Utterance) -> list[Timed] | str:
        try:
            decoder.set_align_text(" ".join(unit.spoken.lower() for unit in one.units))
        except RuntimeError:
            return "has a word that its dictionary lacks"
        decoder.start_utt()
        decoder.process_raw((np.clip(one.clip.samples, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        found = [part for part in decoder.seg() or () if not part.word.startswith(("<", "["))]
        if len(found) != len(one.units):
            return "found no way through"
        return pieces(one, [Span(part.start_frame / 100, (part.end_frame + 1) / 100) for part in found])

    return lambda utterances: [time_words(one) for one in utterances]


def distances(timer: Timer, clip: Labelled, name: str, model: str) -> NDArray[np.float64] | None:
    """How far the edges of a clip's labels are from where they are found; None where it is not timed at all."""
    if language_of(clip) != "en" and (model.endswith(".en") or name.startswith("PocketSphinx")):
        return None
    found = timer([clip.utterance])[0]
    if isinstance(found, str):
        Console(stderr=True).print(f"{name} {model} {clip.name}: {found}")
        return None
    return errors(found, clip.labels)


def summary(found: NDArray[np.float64], missing: int) -> tuple[str, str, str, str]:
    """How many edges, their mean and median distance from their labels, and the share that is close."""
    note = f" ({missing} clips missed)" if missing else ""
    return (
        f"{len(found)}{note}",
        f"{found.mean() * 1000:.1f} ms",
        f"{np.median(found) * 1000:.1f} ms",
        f"{(found <= CLOSE).mean():.1%}",
    )


def speed(timer: Timer, speech: Sequence[Utterance]) -> str:
    """Seconds of audio timed in a CPU second, in a batch of both clips twice over."""
    batch = list(itertools.chain(speech, speech))
    fastest = float("inf")
    for _ in range(REPEATS):
        started = time.process_time()
        timer(batch)
        fastest = min(fastest, time.process_time() - started)
    return f"{sum(len(one.clip.samples) for one in batch) / SAMPLE_RATE / fastest:.0f}"


if __name__ == "__main__":
    main()
