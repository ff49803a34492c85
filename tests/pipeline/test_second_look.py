"""Speech that a backend leaves out is found by a second look, or named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

import pytest

from benchmarks.coverage import Score, Situation, run, scored, situations
from crisp_align.aligners.chain import AlignerChain
from crisp_align.backends import BackendProfile, Capabilities, DecodeOptions, LoadOptions, ModelChoice, Transcription
from crisp_align.events import Finished, Noticed
from crisp_align.pipeline.pipeline import Pipeline
from crisp_align.pipeline.settings import Settings
from crisp_align.transcript import Clip, Transcript
from tests.conftest import SAMPLES

ENDING = "Ask what you can do for your country."
MADE = {situation.name: situation for situation in situations(SAMPLES)}
JFK = MADE["inverted"].words


class Skipper:
    """A backend that writes only the end of a long clip, as Whisper does now and then."""

    name: ClassVar[str] = "skipper"
    translates: ClassVar[bool] = False
    native_words: ClassVar[bool] = False
    profile: ClassVar[BackendProfile] = BackendProfile(capabilities=Capabilities("Skipper"), max_clip=30.0)
    model = "none"
    max_clip = 30.0
    languages: frozenset[str] | None = None
    batch_size = 4

    def __init__(self, log_prob: float | None, other: str | None = None) -> None:
        self._log_prob, self._other = log_prob, other

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        return cls(None)

    def check(self, options: DecodeOptions) -> None:
        pass

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        texts = [ENDING if clip.duration > 9 else self._said_in(clip) for clip in clips]
        return [Transcription(text, "en", certain=True, log_prob=self._log_prob) for text in texts]

    def _said_in(self, clip: Clip) -> str:
        if self._other is not None:
            return self._other
        inside = [word.word for word in JFK if clip.start <= (word.start + word.end) / 2 < clip.end]
        return " ".join(inside)


class Trusted(Skipper):
    profile: ClassVar[BackendProfile] = replace(Skipper.profile, trusted_unrated=True)


def transcribed(backend: Skipper) -> tuple[Transcript, list[str]]:
    """The transcript, and what is said to a user who did not ask for details."""
    pipeline = Pipeline(Settings(), backend, AlignerChain(ModelChoice("hmm")))
    events = list(pipeline.transcribe(SAMPLES / "jfk.wav"))
    (transcript,) = [event.transcript for event in events if isinstance(event, Finished)]
    return transcript, [event.text for event in events if isinstance(event, Noticed) and not event.detail]


def score(transcript: Transcript) -> Score:
    return scored(JFK, transcript)


@pytest.mark.parametrize("backend", [Skipper(-0.3), Trusted(None)])
def test_a_beginning_that_was_skipped_is_found_and_timed(backend: Skipper) -> None:
    transcript, notices = transcribed(backend)
    assert score(transcript) == Score(lost=0, misheard=0, invented=0, astray=0, unreported=0)
    assert transcript.uncovered == ()
    assert notices == []


@pytest.mark.parametrize("backend", [Skipper(-1.5), Skipper(None), Trusted(None, "Thank you.")])
def test_what_is_not_to_be_believed_is_not_written_and_its_times_are_named(backend: Skipper) -> None:
    transcript, notices = transcribed(backend)
    assert transcript.text == ENDING
    assert transcript.uncovered
    assert [notice for notice in notices if "of what sounds like speech have no words: 0:0" in notice]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """Whisper base, as it comes with the extra `offline`."""
    return Pipeline.load(Settings(backend=ModelChoice("whisper", "base")))


@pytest.mark.parametrize(
    "situation",
    [MADE[name] for name in ("repeat-2", "inverted", "only-music")],
    ids=lambda situation: situation.name,
)
def test_every_word_comes_once_and_at_its_time(pipeline: Pipeline, situation: Situation, tmp_path: Path) -> None:
    assert scored(situation.words, run(pipeline, situation, tmp_path)) == Score(0, 0, 0, 0, 0)
