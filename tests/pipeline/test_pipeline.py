from __future__ import annotations

import wave
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import ClassVar, Self

import pytest

from crisp_align import align, transcribe
from crisp_align.aligners.chain import AlignerChain
from crisp_align.backends import BackendProfile, Capabilities, DecodeOptions, LoadOptions, ModelChoice, Transcription
from crisp_align.errors import AlignmentError, MediaError, OptionError
from crisp_align.events import Advanced, ClipDone, ClipResult, Event, Failed, Finished, Noticed, SegmentReady, Started
from crisp_align.media.audio import MediaOptions
from crisp_align.pipeline.background import Background
from crisp_align.pipeline.pipeline import Pipeline, Settings
from crisp_align.pipeline.prefetch import ListFeed, Prefetcher, Task, read
from crisp_align.speech.clips import VadOptions
from crisp_align.transcript import MIN_WORD, SAMPLE_RATE, Clip, Transcript
from tests.conftest import SAMPLES
from tests.reels import sentences

JFK = "And so, my fellow Americans,\nask not what your country can do for you;\nask what you can do for your country."


class Parrot:
    """A backend for tests of the route: says the same words for every clip, and fails where it is told to."""

    name: ClassVar[str] = "parrot"
    translates: ClassVar[bool] = False
    native_words: ClassVar[bool] = False
    profile: ClassVar[BackendProfile] = BackendProfile(capabilities=Capabilities("Parrot"), max_clip=30.0)
    model = "none"
    max_clip = 30.0
    languages: frozenset[str] | None = None
    batch_size = 4

    def __init__(self, text: str = "polly wants a cracker.", fails_on: str = "") -> None:
        self.text, self.fails_on = text, fails_on
        self.batches: list[list[str]] = []

    @classmethod
    def load(cls, model: str, options: LoadOptions) -> Self:
        return cls()

    def check(self, options: DecodeOptions) -> None:
        if options.translate:
            raise OptionError("parrots do not translate")

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        self.batches.append([Path(clip.source).name for clip in clips])
        if self.fails_on and any(self.fails_on in clip.source for clip in clips):
            raise RuntimeError("the parrot is dead")
        return [Transcription(self.text, "en") for _ in clips]


def route(backend: Parrot, **settings: object) -> Pipeline:
    return Pipeline(Settings(**settings), backend, AlignerChain(ModelChoice("hmm")))  # type: ignore[arg-type]


def finished(events: Sequence[Event]) -> list[Transcript]:
    return [event.transcript for event in events if isinstance(event, Finished)]


def check_rules(transcript: Transcript) -> None:
    """The rules that hold everywhere."""
    edges = [edge for word in transcript.words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= transcript.duration for edge in edges)
    assert all(word.end - word.start >= MIN_WORD - 1e-9 for word in transcript.words)
    for segment in transcript.segments:
        assert "".join(word.text for word in segment.words) == segment.text
        assert (segment.start, segment.end) == (segment.words[0].start, segment.words[-1].end)


@pytest.mark.slow
def test_a_file_starts_advances_speaks_and_finishes_in_that_order() -> None:
    events = list(route(Parrot()).transcribe([str(SAMPLES / "jfk.wav")]))
    assert isinstance(events[0], Started)
    assert events[0].duration == pytest.approx(11.0, abs=0.1)
    assert isinstance(events[-1], Finished)
    assert [type(event) for event in events if isinstance(event, SegmentReady)] == [SegmentReady]
    assert isinstance(events[-2], Advanced)
    assert events[-2].position == pytest.approx(11.0, abs=0.1)
    check_rules(events[-1].transcript)


@pytest.mark.slow
def test_a_path_or_a_single_name_is_a_source_too() -> None:
    path = SAMPLES / "jfk.wav"
    for sources in ([path], path, str(path)):
        events = list(route(Parrot()).transcribe(sources))
        assert {event.source for event in events} == {str(path)}
        assert len(finished(events)) == 1
    *_, last = route(Parrot()).align(path, JFK)
    assert isinstance(last, Finished)
    assert last.source == last.transcript.source == str(path)


def test_clips_of_several_files_share_a_batch_and_files_finish_in_order(tmp_path: Path) -> None:
    names = [str(sentences(tmp_path / f"{i}.wav", 3)) for i in range(3)]
    parrot = Parrot()
    events = list(route(parrot).transcribe(names))
    assert [event.source for event in events if isinstance(event, Finished)] == names
    assert [len(batch) for batch in parrot.batches] == [1, 4, 4]
    assert parrot.batches[1] == ["0.wav", "0.wav", "1.wav", "1.wav"]
    assert [len(transcript.segments) for transcript in finished(events)] == [3, 3, 3]


def test_a_broken_file_costs_itself_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_text("not media at all")
    names = [str(SAMPLES / "jfk.wav"), str(broken), str(tmp_path / "missing.wav"), str(SAMPLES / "fr-fleurs.wav")]
    events = list(route(Parrot()).transcribe(names))
    assert [event.source for event in events if isinstance(event, Failed)] == names[1:3]
    assert [event.source for event in events if isinstance(event, Finished)] == [names[0], names[3]]
    assert all(isinstance(event.error, MediaError) for event in events if isinstance(event, Failed))


def test_a_clip_that_breaks_the_backend_costs_its_file_alone(tmp_path: Path) -> None:
    names = [str(sentences(tmp_path / name, 2)) for name in ("good.wav", "bad.wav", "fine.wav")]
    events = list(route(Parrot(fails_on="bad")).transcribe(names))
    failures = [event for event in events if isinstance(event, Failed)]
    assert [event.source for event in failures] == [names[1]]
    assert "the parrot is dead" in str(failures[0].error)
    assert len(finished(events)) == 2


@pytest.mark.parametrize("error", [KeyError("seed"), OSError("no seed"), StopIteration(), AssertionError()])
def test_whatever_a_backend_raises_costs_its_file_alone_and_is_named(tmp_path: Path, error: Exception) -> None:
    class Choking(Parrot):
        def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
            if any("bad" in clip.source for clip in clips):
                raise error
            return super().transcribe(clips, options)

    names = [str(sentences(tmp_path / name, 2)) for name in ("good.wav", "bad.wav")]
    events = list(route(Choking()).transcribe(names))
    (failure,) = [event.error for event in events if isinstance(event, Failed)]
    assert failure.subject == names[1]
    assert f"parrot failed at 0.0 s: {type(error).__name__}" in failure.what
    assert failure.__cause__ is error
    assert [transcript.source for transcript in finished(events)] == names[:1]


@pytest.mark.parametrize("count", [0, 2])
def test_a_backend_that_gives_more_or_fewer_results_than_clips_fails_the_file(count: int) -> None:
    class Muddled(Parrot):
        def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
            return [Transcription("polly", "en")] * count

    *_, last = route(Muddled()).transcribe([str(SAMPLES / "jfk.wav")])
    assert isinstance(last, Failed)
    assert last.error.what == f"parrot gave {count} results, not 1"


def test_times_count_from_the_start_of_the_file_whatever_the_offset() -> None:
    path = str(SAMPLES / "jfk.wav")
    late = finished(list(route(Parrot(), media=MediaOptions(offset=5.0)).transcribe([path])))[0]
    assert late.segments[0].start >= 5.0
    assert late.duration == pytest.approx(11.0, abs=0.01)
    check_rules(late)


def test_nothing_but_punctuation_gives_no_segment_and_is_told() -> None:
    events = list(route(Parrot("...")).transcribe([str(SAMPLES / "jfk.wav")]))
    assert finished(events)[0].segments == ()
    assert any("nothing but '...'" in event.text for event in events if isinstance(event, Noticed))


def test_a_stand_in_is_told_once_and_marked(whisper: object) -> None:
    settings = Settings(aligner=ModelChoice("hmm"), decode=DecodeOptions(language="fi"))
    transcript = transcribe(SAMPLES / "de-fleurs.wav", settings=settings)
    assert {segment.aligner for segment in transcript.segments} == {"attention"}
    assert len([notice for notice in transcript.notices if "not hmm" in notice]) == 1
    check_rules(transcript)


def test_strict_fails_the_file_instead(whisper: object) -> None:
    with pytest.raises(AlignmentError, match="Finnish"):
        transcribe(
            SAMPLES / "de-fleurs.wav", language="Finnish", settings=Settings(aligner=ModelChoice("hmm"), strict=True)
        )


def test_the_same_input_gives_the_same_transcript() -> None:
    first, second = (transcribe(SAMPLES / "jfk.wav", model="tiny.en") for _ in range(2))
    assert first == second
    check_rules(first)


class TestGivenText:
    def test_every_line_is_a_segment_at_its_place(self) -> None:
        transcript = align(SAMPLES / "jfk.wav", JFK, language="en")
        assert [segment.text.strip() for segment in transcript.segments] == JFK.splitlines()
        assert [segment.start for segment in transcript.segments] == pytest.approx([0.3, 3.25, 8.16], abs=0.15)
        assert transcript.segments[2].end == pytest.approx(10.46, abs=0.15)
        check_rules(transcript)

    @pytest.mark.parametrize(
        ("name", "text", "language"),
        [
            ("zh-aishell-BAC009S0724W0121.wav", "广州市房地产\n中介协会分析", "zh"),
            ("ja-commonvoice-24511055.mp3", "真っ昼間なのにキャンプの外れの電柱に電球がともっていた", "ja"),
            ("de-fleurs.wav", "Das erschien mir nicht sinnvoll;\nes war ganz gewiss nicht fair.", "de"),
        ],
    )
    def test_other_languages_are_timed_and_named(self, name: str, text: str, language: str) -> None:
        transcript = align(SAMPLES / name, text)
        assert [segment.text.strip() for segment in transcript.segments] == text.splitlines()
        assert transcript.language == language
        check_rules(transcript)

    def test_a_text_longer_than_a_clip_is_shared_out_by_what_is_heard(self, tmp_path: Path) -> None:
        path = tmp_path / "long.wav"
        with wave.open(str(path), "wb") as out:
            out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            for name in ("jfk.wav", "en-librispeech-1995-1837-0001.wav") * 3:
                with wave.open(str(SAMPLES / name)) as file:
                    out.writeframes(file.readframes(file.getnframes()) + bytes(SAMPLE_RATE * 2))
        libri = "It was the first great sorrow of his life."
        rest = (
            "It was not so much the loss of the cotton itself, but the fantasy, the hopes, the dreams built around it."
        )
        text = "\n".join([JFK, libri, rest] * 3)
        transcript = align(path, text, language="en")
        assert [segment.text.strip() for segment in transcript.segments] == text.splitlines()
        starts = [segment.start for segment in transcript.segments]
        period = 11.0 + 1 + 8.735 + 1
        assert starts[5] - starts[0] == pytest.approx(period, abs=0.2)
        assert starts[10] - starts[0] == pytest.approx(2 * period, abs=0.2)
        assert starts[12] - starts[2] == pytest.approx(2 * period, abs=0.2)
        check_rules(transcript)

    def test_a_text_that_was_not_said_is_timed_and_told(self) -> None:
        other = "Das erschien mir nicht sinnvoll und es war ganz gewiss nicht fair, sagte der alte Mann zum Wirt."
        transcript = align(SAMPLES / "jfk.wav", other, language="de")
        assert transcript.text == other
        assert any("may not be what is said" in notice for notice in transcript.notices)

    def test_silence_and_empty_texts_are_errors(self, tmp_path: Path) -> None:
        silent = tmp_path / "silent.wav"
        with wave.open(str(silent), "wb") as out:
            out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            out.writeframes(bytes(SAMPLE_RATE * 4))
        with pytest.raises(AlignmentError, match="no speech"):
            align(silent, "hello")
        with pytest.raises(AlignmentError, match="nothing that can be said"):
            align(SAMPLES / "jfk.wav", "\n… ♪\n")


def events_of(pipeline: Pipeline, *tasks: Task) -> list[Event]:
    limit: Future[float] = Future()
    limit.set_result(pipeline.max_clip)
    with Prefetcher(ListFeed(tasks), pipeline.settings.media, pipeline.settings.vad, limit) as reading:
        return list(pipeline.route(reading))


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_file_can_be_gone_on_with_after_any_of_its_clips(tmp_path: Path, done: int) -> None:
    path = str(sentences(tmp_path / "a.wav", 3))
    whole = events_of(route(Parrot()), Task(path))
    results = [event.result for event in whole if isinstance(event, ClipDone)]
    assert [event.number for event in whole if isinstance(event, ClipDone)] == [0, 1, 2]
    parrot = Parrot()
    rest = events_of(route(parrot), Task(path, tuple(results[:done])))
    assert finished(rest) == finished(whole)
    assert sum(map(len, parrot.batches)) == 3 - done
    assert [event.number for event in rest if isinstance(event, ClipDone)] == list(range(done, 3))


def test_what_is_gone_on_with_knows_the_language_before() -> None:
    task = Task("", (ClipResult((), language="de"), ClipResult(())))
    assert task.language == "de"


def test_a_feed_that_runs_dry_gets_its_files_finished_before_the_next_come(tmp_path: Path) -> None:
    class Trickle:
        """Gives a file, and the next when nothing is left to do."""

        def __init__(self) -> None:
            self.ended = False
            self.left = [str(sentences(tmp_path / f"{i}.wav", 1)) for i in range(3)]
            self.given = 0
            self.done: list[str] = []

        def take(self, *, wait: bool) -> Task | None:
            if self.given and not wait:
                return None
            assert len(self.done) == self.given
            self.ended = self.given == 3
            self.given += 1
            return None if self.ended else Task(self.left[self.given - 1])

    feed, limit = Trickle(), Future()  # type: ignore[var-annotated]
    limit.set_result(30.0)
    pipeline = route(Parrot())
    with Prefetcher(feed, pipeline.settings.media, pipeline.settings.vad, limit) as reading:
        for event in pipeline.route(reading):
            if isinstance(event, Finished):
                feed.done.append(event.source)
    assert len(feed.done) == 3


def test_reading_begins_before_the_models_are_there(tmp_path: Path) -> None:
    path = str(SAMPLES / "jfk.wav")
    limit: Future[float] = Future()
    steps = Background(read(Task(path), MediaOptions(), VadOptions(), limit))
    assert isinstance(next(steps), Started)
    limit.set_result(5.0)
    clips = [step for step in steps if isinstance(step, tuple)]
    assert [number for number, _ in clips] == [0, 1, 2]
    assert all(clip.duration <= 5.0 for _, clip in clips)


class Interpreter(Parrot):
    """Hears Japanese and writes it in English, as Whisper does: it names the language that is spoken."""

    def check(self, options: DecodeOptions) -> None:
        pass

    def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
        return [Transcription(self.text, options.language or "ja", certain=True) for _ in clips]


def test_a_translation_is_in_the_language_it_was_translated_into() -> None:
    translating = DecodeOptions(translate=True)
    made = finished(list(route(Interpreter(), decode=translating).transcribe([str(SAMPLES / "jfk.wav")])))[0]
    assert (made.language, made.text) == ("en", "polly wants a cracker.")
    assert [word.text for word in made.words] == [" polly", " wants", " a", " cracker."]
    assert {segment.aligner for segment in made.segments} == {"spread"}


@pytest.mark.parametrize(
    ("named", "code"), [("en", "en"), ("en-US", "en"), ("English", "en"), ("", None), ("klingon", "klingon")]
)
def test_a_language_that_a_backend_names_otherwise_is_known_by_its_code(named: str, code: str | None) -> None:
    class Linguist(Parrot):
        def transcribe(self, clips: Sequence[Clip], options: DecodeOptions) -> list[Transcription]:
            return [Transcription(self.text, named, certain=True) for _ in clips]

    events = list(route(Linguist()).transcribe(SAMPLES / "jfk.wav"))
    assert finished(events)[0].language == code
    assert [event.result.language for event in events if isinstance(event, ClipDone)] == [code]


def test_what_was_said_in_the_language_asked_for_is_no_translation() -> None:
    translating = DecodeOptions(translate=True, language="en")
    said = (
        "And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your country."
    )
    made = finished(list(route(Interpreter(said), decode=translating).transcribe([str(SAMPLES / "jfk.wav")])))[0]
    assert {segment.aligner for segment in made.segments} == {"hmm"}
