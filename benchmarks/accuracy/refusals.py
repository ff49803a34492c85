"""Whether `hmm` takes the text of a clip and refuses other texts, clean and in noise.

`python -m benchmarks.accuracy.refusals --data FOLDER [--noise 10] [--others 6]` prints, for English and for the other
languages, how many right texts were refused, and how many wrong ones were refused or scored under 0.5. The clips are
those of FOLDER (see `python -m benchmarks.accuracy`), whole and cut at pauses; wrong texts are those of other clips in
the same language, and six sentences a language.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.accuracy.labelled import UNSPACED, Labelled, labelled_clips, utterance
from crisp_align.aligners import Refusal
from crisp_align.aligners.hmm.aligner import HmmAligner
from crisp_align.backends import LoadOptions
from crisp_align.speech.clips import voice_activity
from crisp_align.transcript import SAMPLE_RATE, Clip
from tests.noise import in_noise

PAUSE, LONGEST, SHORTEST, MARGIN = 0.15, 4.0, 0.6, 0.15  # s
LEAST_SCORE = 0.5

Spoken = tuple[str, str, Clip, str]
"""Language, name of the recording, clip, text."""


def main() -> None:
    """Align every clip with its own and with other texts, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--noise", type=float, default=10.0, help="dB of the speech over the noise")
    parser.add_argument("--others", type=int, default=6, help="wrong texts a clip")
    asked = parser.parse_args()
    hmm = HmmAligner.load("auto", LoadOptions(threads=1), None)
    clips = [part for clip in labelled_clips(asked.data) for part in parts(clip)]
    lines = (Path(__file__).parent / "sentences.txt").read_text("utf-8").splitlines()
    sentences = [(line.split("\t")[0], line.split("\t")[1]) for line in lines]
    for name, noise in (("clean", None), (f"{asked.noise:.0f} dB", asked.noise)):
        for group, is_english in (("English", True), ("others", False)):
            members = [clip for clip in clips if (clip[0] == "en") == is_english]
            right, wrong = outcomes(hmm, members, sentences, noise, asked.others)
            refused = sum(score is None for score in right)
            rejected = sum(score is None or score < LEAST_SCORE for score in wrong)
            print(
                f"{name:6} {group:8} right texts refused: {refused} of {len(right)}; "
                f"wrong texts refused or scored under {LEAST_SCORE}: {rejected} of {len(wrong)} "
                f"({rejected / max(len(wrong), 1):.1%})",
                flush=True,
            )


def outcomes(
    hmm: HmmAligner, clips: Sequence[Spoken], sentences: Sequence[tuple[str, str]], noise: float | None, count: int
) -> tuple[list[float | None], list[float | None]]:
    """The mean scores of right and of wrong texts; None where they are refused."""
    chosen = np.random.default_rng(0)
    right: list[float | None] = []
    wrong: list[float | None] = []
    for language, name, clip, text in clips:
        sound = clip if noise is None else in_noise(clip, noise)
        right.append(score(hmm, sound, text, language))
        others = [other for code, source, _, other in clips if code == language and source != name]
        others += [sentence for code, sentence in sentences if code == language]
        wrong += [score(hmm, sound, str(other), language) for other in chosen.permutation(others)[:count]]
    return right, wrong


def score(hmm: HmmAligner, clip: Clip, text: str, language: str) -> float | None:
    """The mean score of a text's units; None where it is refused."""
    result = hmm.align([utterance(clip, text, language)])[0]
    if isinstance(result, Refusal):
        return None
    scores = [span.score for span in result if span.score is not None]
    return float(np.mean(scores)) if scores else 0.0


def parts(clip: Labelled) -> Iterator[Spoken]:
    """A clip, and the parts of it between pauses, or of 4 s."""
    language = clip.utterance.language or "en"
    yield language, clip.name, clip.utterance.clip, clip.utterance.text
    groups = [[0]]
    for index, ((_, before), (_, after)) in enumerate(pairwise(clip.labels), 1):
        first = clip.labels[groups[-1][0]][1].start
        if after.start - before.end > PAUSE or after.end - first > LONGEST:
            groups.append([])
        groups[-1].append(index)
    for group in groups if len(groups) > 1 else []:
        start, end = clip.labels[group[0]][1].start, clip.labels[group[-1]][1].end
        if end - start >= SHORTEST:
            cut = slice(round(max(start - MARGIN, 0) * SAMPLE_RATE), round((end + MARGIN) * SAMPLE_RATE))
            samples = clip.utterance.clip.samples[cut]
            text = ("" if language in UNSPACED else " ").join(clip.labels[index][0].strip() for index in group)
            yield language, clip.name, Clip(samples, 0.0, clip.name, voice_activity(samples)), text


if __name__ == "__main__":
    main()
