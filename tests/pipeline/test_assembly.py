"""One file's results, put together into its transcript."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from crisp_align.backends import ModelChoice
from crisp_align.errors import CrispAlignError
from crisp_align.events import Advanced, ClipDone, ClipResult, Event, Failed, Finished, Noticed, SegmentReady
from crisp_align.pipeline.assembly import FileAssembly, Provenance, conclude
from crisp_align.pipeline.prefetch import Task
from crisp_align.pipeline.settings import MediaSource, Settings, WholeFileStage
from crisp_align.transcript import Segment, Transcript, Word

MADE = Provenance("parrot", "polly", "hmm", "1")


def result(text: str, start: float, language: str | None = None) -> ClipResult:
    word = Word(f" {text}", start, start + 0.5)
    segment = Segment(word.text, word.start, word.end, "en", (word,), "attention")
    return ClipResult((segment,), (f"noted {text}",), (("hmm", "attention", "why not"),), language)


def assembled(*results: ClipResult) -> FileAssembly:
    assembly = FileAssembly(Task("a.wav"))
    for each in results:
        list(assembly.add(each))
    assembly.position = 9.0
    return assembly


def last(assembly: FileAssembly, **settings: object) -> list[Event]:
    return list(conclude(assembly, MADE, replace(Settings(), **settings)))  # type: ignore[arg-type]


def test_the_result_of_a_clip_is_told_as_events_in_this_order() -> None:
    one = result("one", 1.0)
    assert list(FileAssembly(Task("a.wav")).add(one)) == [
        Noticed("a.wav", "noted one", detail=True),
        SegmentReady("a.wav", one.segments[0]),
        ClipDone("a.wav", 0, one),
    ]


def test_a_file_ends_with_all_that_its_clips_left_and_how_it_was_made() -> None:
    one, two = result("one", 1.0), result("two", 2.0)
    fallback = "2 clips timed by attention, not hmm: why not"
    assert last(assembled(one, two)) == [
        Noticed("a.wav", fallback, detail=True),
        Advanced("a.wav", 9.0),
        Finished(
            "a.wav",
            Transcript(
                (*one.segments, *two.segments),
                9.0,
                "a.wav",
                "parrot",
                "polly",
                "hmm",
                "1",
                ("noted one", "noted two", fallback),
            ),
        ),
    ]


def test_that_another_aligner_was_used_is_no_detail_to_whoever_named_one() -> None:
    events = last(assembled(result("one", 1.0)), aligner=ModelChoice("hmm"))
    assert events[0] == Noticed("a.wav", "1 clip timed by attention, not hmm: why not", detail=False)


def test_what_an_earlier_run_did_is_part_of_the_file() -> None:
    assembly = FileAssembly(Task("a.wav", (result("one", 1.0, "en"), result("two", 2.0))))
    assert [type(event) for event in assembly.resumption()] == [Noticed, Advanced]
    assert (assembly.position, assembly.language) == (2.5, "en")
    three = list(assembly.add(result("three", 3.0)))
    assert isinstance(three[-1], ClipDone)
    assert three[-1].number == 2
    assert [segment.text for segment in assembly.finish(MADE, (), Settings().media).segments] == [
        " one",
        " two",
        " three",
    ]


def test_a_file_without_an_earlier_run_resumes_nothing() -> None:
    assert list(FileAssembly(Task("a.wav")).resumption()) == []


def test_stages_get_the_whole_file_one_after_the_other() -> None:
    def stage(name: str) -> WholeFileStage:
        return lambda transcript, media: replace(transcript, notices=(*transcript.notices, f"{name} {media.name}"))

    *_, finished = last(assembled(), stages=(stage("first"), stage("second")))
    assert isinstance(finished, Finished)
    assert finished.transcript.notices == ("first a.wav", "second a.wav")


def test_a_stage_that_fails_costs_its_file() -> None:
    def broken(transcript: Transcript, media: MediaSource) -> Transcript:
        raise ValueError("no voices")

    def refusing(transcript: Transcript, media: MediaSource) -> Transcript:
        raise CrispAlignError("two voices at most", subject=media.name)

    cases: list[tuple[Callable[[Transcript, MediaSource], Transcript], str]] = [
        (broken, "broken failed (ValueError: no voices)"),
        (refusing, "a.wav: two voices at most"),
    ]
    for stage, said in cases:
        *_, failed = last(assembled(), stages=(stage,))
        assert isinstance(failed, Failed)
        assert said in str(failed.error)
