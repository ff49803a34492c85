"""The backend's model and the aligner's: at work side by side, or in memory in turn."""

from __future__ import annotations

import resource
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event as Signal
from typing import ClassVar, Self

import pytest

from crisp_align.aligners import Alignment, Utterance
from crisp_align.aligners.chain import AlignerChain, fits_in_memory
from crisp_align.backends import BackendProfile, Capabilities, DecodeOptions, LoadOptions, ModelChoice, Transcription
from crisp_align.events import Advanced, Event, Finished, SegmentReady
from crisp_align.models.devices import free_memory
from crisp_align.pipeline import scheduler
from crisp_align.pipeline.pipeline import Pipeline, Settings
from crisp_align.transcript import Clip, Span, Transcript
from tests.command import run
from tests.conftest import SAMPLES
from tests.reels import sentences

pytestmark = pytest.mark.engine

CHECKPOINT = Path(__file__).parents[1] / "data" / "qwen3-aligner-jfk"
TINY = ModelChoice(model="tiny.en")
SMALL = Settings(TINY, decode=DecodeOptions(language="en", batch_size=1))


def transcript(events: Sequence[Event]) -> Transcript:
    (last,) = [event for event in events if isinstance(event, Finished)]
    return last.transcript


class TestSideBySide:
    class Speaker:
        """A backend that tells when it has begun a batch."""

        name: ClassVar[str] = "speaker"
        translates: ClassVar[bool] = False
        native_words: ClassVar[bool] = False
        profile: ClassVar[BackendProfile] = BackendProfile(capabilities=Capabilities("Speaker"), max_clip=30.0)
        model = "none"
        max_clip = 30.0
        languages: frozenset[str] | None = None
        batch_size = 1

        def __init__(self) -> None:
            self.begun = [Signal() for _ in range(5)]
            self.calls = 0

        @classmethod
        def load(cls, model: str, options: LoadOptions) -> Self:
            return cls()

        def check(self, options: DecodeOptions) -> None:
            pass

        def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
            self.begun[self.calls].set()
            self.calls += 1
            return [Transcription(f"clip {self.calls}.", "en") for _ in clips]

    class Clock:
        """An aligner that goes on with a batch only when the next is being heard."""

        def __init__(self, speaker: TestSideBySide.Speaker) -> None:
            self.speaker = speaker
            self.max_clip = 30.0

        def align(self, utterances: Sequence[Utterance]) -> list[Alignment]:
            (utterance,) = utterances
            number = int(utterance.text.strip(" clip."))
            if 2 <= number <= 4:  # the first is told at once, and nothing follows the last
                assert self.speaker.begun[number].wait(20), "nothing is heard meanwhile"
            return [tuple(Span(0.2 * i, 0.2 * i + 0.1) for i, _ in enumerate(utterance.units))]

    def test_a_batch_is_timed_while_the_next_is_heard_and_told_in_order(self, tmp_path: Path) -> None:
        speaker = self.Speaker()
        chain = AlignerChain(ModelChoice("hmm"))
        chain._loaded["hmm"] = self.Clock(speaker)  # type: ignore[assignment]
        path = str(sentences(tmp_path / "a.wav", 5))
        events = list(
            Pipeline(Settings(aligner=ModelChoice(load=LoadOptions(threads=2))), speaker, chain).transcribe([path])
        )
        assert [segment.text.strip() for segment in transcript(events).segments] == [f"clip {n}." for n in range(1, 6)]
        told = [type(event) for event in events if isinstance(event, SegmentReady | Advanced)]
        assert told == [SegmentReady, Advanced] * 5 + [Advanced]


class TestInTurn:
    def test_gives_the_same_and_never_holds_both_models(self, tmp_path: Path) -> None:
        path = str(sentences(tmp_path / "a.wav", 3))
        together = transcript(list(Pipeline.load(SMALL).transcribe([path])))
        taking_turns = Pipeline.load(Settings(TINY, decode=SMALL.decode, sequential=True))
        backend = weakref.ref(taking_turns.models.use_backend().backend)
        events: list[Event] = []
        for event in taking_turns.transcribe([path]):
            if isinstance(event, SegmentReady):
                assert backend() is None
            events.append(event)
        assert transcript(events) == together

    def test_sound_is_timed_group_by_group(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scheduler, "_MAX_PENDING_AUDIO", 6.0)
        path = str(sentences(tmp_path / "a.wav", 4))
        taking_turns = Pipeline.load(Settings(TINY, decode=SMALL.decode, sequential=True))
        loaded = [
            taking_turns.models._transcriber is not None
            for event in taking_turns.transcribe([path])
            if isinstance(event, SegmentReady | Finished)
        ]
        assert len(loaded) >= 3
        assert not any(loaded)
        assert taking_turns.models.loaded_backend is not None

    def test_attention_shares_the_model_whatever_is_asked(self) -> None:
        asked = Settings(TINY, ModelChoice("attention"), decode=SMALL.decode, sequential=True)
        assert not Pipeline.load(asked).models.one_at_a_time

    def test_a_given_text_is_timed_in_turn_as_well(self, tmp_path: Path) -> None:
        words = "And so my fellow Americans ask not what your country can do for you"
        ways = (["--sequential"], [])
        outputs = []
        for number, more in enumerate(ways):
            base = str(tmp_path / str(number))
            jfk = str(SAMPLES / "jfk.wav")
            done = run("align", jfk, "--text", words, "-m", "tiny.en", "-am", "hmm", "-osrt", "-of", base, *more)
            assert done.returncode == 0, done.stderr
            outputs.append((tmp_path / f"{number}.srt").read_bytes())
        assert outputs[0] == outputs[1]


class TestQwen3:
    @pytest.fixture
    def narrow(self) -> Iterator[None]:
        """Address space for little more than what this process has already."""
        pytest.importorskip("torch")
        pytest.importorskip("transformers", minversion="5.17")
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 450_000_000, hard))
        yield
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    def test_the_command_takes_turns_when_asked_and_writes_the_same(self, tmp_path: Path) -> None:
        pytest.importorskip("torch")
        outputs = []
        for number, more in enumerate((["--sequential"], [])):
            base = str(tmp_path / str(number))
            jfk = str(SAMPLES / "jfk.wav")
            done = run(
                jfk, "-m", "tiny.en", "-l", "en", "-am", str(CHECKPOINT), "-osrt", "-ml", "1", "-of", base, *more
            )
            assert done.returncode == 0, done.stderr
            assert ("one after the other" in done.stderr) == bool(more)
            outputs.append((tmp_path / f"{number}.srt").read_bytes())
        assert outputs[0] == outputs[1]

    def test_fits_where_there_is_memory(self) -> None:
        pytest.importorskip("torch")
        assert fits_in_memory(ModelChoice(str(CHECKPOINT), load=LoadOptions(device="cpu")), native_words=False)
        assert fits_in_memory(ModelChoice("hmm"), native_words=False)

    def test_models_take_turns_by_themselves_where_both_do_not_fit(self, narrow: None) -> None:
        assert free_memory("cpu") < 500_000_000
        pipeline = Pipeline.load(Settings(TINY, ModelChoice(str(CHECKPOINT)), decode=SMALL.decode))
        assert pipeline.models.one_at_a_time
