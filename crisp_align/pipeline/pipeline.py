"""The route from media to a timed transcript, once.

Files become clips, clips of any files share a batch, a batch is transcribed and aligned at once, and what comes out
is a stream of plain events. Nothing here prints, and nothing of a file is kept but its transcript.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

import crisp_align
from crisp_align.aligners import aligner_profiles
from crisp_align.aligners.chain import AlignerChain, fits
from crisp_align.backends import Backend, backend_class, load_backend
from crisp_align.backends.profile import check_runtime
from crisp_align.errors import CrispAlignError
from crisp_align.events import (
    Advanced,
    ClipDone,
    ClipResult,
    Event,
    Failed,
    Finished,
    Noticed,
    Ready,
    SegmentReady,
    Stage,
    Staged,
    Started,
)
from crisp_align.models.devices import release_memory
from crisp_align.models.store import better_model
from crisp_align.pipeline.prefetch import ROOM, Feed, Listed, Read, Reading, Step, Task
from crisp_align.pipeline.settings import Settings
from crisp_align.pipeline.stages import Heard, Hearing, Timing
from crisp_align.pipeline.text_alignment import TextAlignment, Unspoken
from crisp_align.transcript import Clip, ExtraSpeech, Segment, Transcript

__all__ = [
    "Advanced",
    "Event",
    "Failed",
    "Finished",
    "Noticed",
    "Pipeline",
    "SegmentReady",
    "Settings",
    "Staged",
    "Started",
    "run",
]

Source: TypeAlias = str | os.PathLike[str]

_GROUP = 3600.0  # s of sound that may be heard before it is timed, where the models take turns: 230 MB


@dataclass(slots=True)
class _File:
    """A source on its way: what has come out so far, and how many of its clips are still in a batch."""

    source: str
    segments: list[Segment] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    stand_ins: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    """What there is to say of the file as a whole."""
    unspoken: list[tuple[str, float]] = field(default_factory=list)
    """Lines of a reference text that nobody says, each with the end of the speech before it, s."""
    extra_speech: tuple[ExtraSpeech, ...] = ()
    """What is said that the reference text lacks."""
    waiting: int = 0
    ended: bool = False
    failed: bool = False
    position: float = 0.0

    def add(self, result: ClipResult) -> None:
        """Take over what came of a clip."""
        self.segments.extend(result.segments)
        self.notices.extend(result.notices)
        self.stand_ins.update(result.stand_ins)

    def fail(self, error: CrispAlignError) -> Iterator[Event]:
        """Give it up; said once."""
        if not self.failed:
            self.failed = True
            yield Failed(self.source, error)

    def remark(self, texts: Iterable[str], *, detail: bool = False) -> Iterator[Event]:
        """Say something of the file as a whole."""
        for text in texts:
            self.remarks.append(text)
            yield Noticed(self.source, text, detail)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A clip on its way."""

    file: _File
    number: int
    clip: Clip


@dataclass(frozen=True, slots=True)
class _HeardBy:
    """What is known of the backend, loaded or not."""

    name: str
    model: str
    max_clip: float
    batch_size: int


@dataclass(slots=True)
class _Batch:
    """Clips that were heard together and are being timed, or wait to be."""

    entries: list[_Entry]
    heard: list[Heard | CrispAlignError]
    timed: Future[list[ClipResult | CrispAlignError]] | None


class Pipeline:
    """Loaded models and the route through them. One thread at a time may use it; another thread loads its own.

    Args:
        settings: what the user asked for.
        backend: loaded, the options checked against it; None: loaded when it is needed.
        aligners: loaded, or, with `in_turn`, released.
        in_turn: have the model of one side only in memory at a time; `backend` is then None.
    """

    def __init__(
        self, settings: Settings, backend: Backend | None, aligners: AlignerChain, *, in_turn: bool = False
    ) -> None:
        self.settings = settings
        self.aligners = aligners
        self.in_turn = in_turn
        self._timing = Timing(aligners)
        self._hearing: Hearing | None = None
        self._heard_by: _HeardBy | None = None
        if backend is not None:
            self._hearing, self._heard_by = self._take(backend)

    @classmethod
    def load(cls, settings: Settings, *, transcribes: bool = True) -> Pipeline:
        """Load the models and check the options against them, before any audio is read.

        Args:
            settings: what the user asked for.
            transcribes: False when only given texts are timed: the backend is then loaded if it is ever needed.

        Raises:
            OptionError: no such backend or aligner, or an option it cannot honour.
            ModelError: weights missing, damaged or of the wrong kind; an engine not installed.
        """
        kind = backend_class(settings.backend.name, settings.backend.model)
        check_runtime(kind.profile.capabilities.title, kind.profile, settings.backend.load.runtime)
        aligner = aligner_profiles().get(settings.aligner.name)
        attentive = aligner is not None and aligner.shares_backend_model and kind.profile.has_cross_attention
        if settings.sequential and not attentive:
            return cls._load_in_turn(settings, transcribes=transcribes)
        backend = None
        if transcribes or attentive:
            backend = _loaded_backend(settings)
            if not fits(settings.aligner, native_words=backend.native_words):
                del backend
                release_memory()
                return cls._load_in_turn(settings, transcribes=transcribes)
        aligners = AlignerChain(settings.aligner, backend, strict=settings.strict)
        return cls(settings, backend, aligners)

    @classmethod
    def _load_in_turn(cls, settings: Settings, *, transcribes: bool) -> Pipeline:
        """Load each side once, to be sure of it, and keep the one that is needed first."""
        kind = backend_class(settings.backend.name, settings.backend.model)
        aligners = AlignerChain(
            settings.aligner,
            strict=settings.strict,
            native_words=transcribes and kind.native_words,
            shared_model=settings.backend.model if kind.profile.has_cross_attention else "auto",
        )
        pipeline = cls(settings, None, aligners, in_turn=True)
        if transcribes:
            pipeline.hearing  # noqa: B018 (loads it)
        return pipeline

    def _take(self, backend: Backend) -> tuple[Hearing, _HeardBy]:
        size = self.settings.decode.batch_size or backend.batch_size
        known = _HeardBy(backend.name, backend.model, backend.max_clip, size)
        return Hearing(backend, self.settings.decode, self.settings.units), known

    @property
    def hearing(self) -> Hearing:
        """The backend at work, loaded by now.

        Raises:
            ModelError: it was not needed before, and its weights are missing or damaged.
        """
        if self._hearing is None:
            if self.in_turn:
                self.aligners.release()
                release_memory()
            self._hearing, self._heard_by = self._take(_loaded_backend(self.settings))
        return self._hearing

    @property
    def timing(self) -> Timing:
        """The aligners at work."""
        if self.in_turn and self._hearing is not None:
            self._hearing = None
            release_memory()
        return self._timing

    @property
    def backend(self) -> Backend:
        """The speech backend, loaded by now.

        Raises:
            ModelError: it was not needed before, and its weights are missing or damaged.
        """
        return self.hearing.backend

    @property
    def _backend(self) -> _HeardBy:
        return self._heard_by or self._take(self.backend)[1]

    @property
    def ready(self) -> Ready:
        """What was loaded."""
        aligner = self.aligners.names[0]
        if self._heard_by is None:
            return Ready(f"aligner {aligner}", self._advice(), 1)
        described = f"{self._heard_by.name} {self._heard_by.model}, timed by {aligner}"
        return Ready(described + (", one after the other" if self.in_turn else ""), self._advice(), self.batch_size)

    def _advice(self) -> str | None:
        ways = []
        if self.settings.backend.model == "auto" and self._heard_by is not None:
            family = backend_class(self._heard_by.name).profile.family
            better = better_model(family, self._heard_by.model, translate=self.settings.decode.translate)
            ways += [f"better text: crisp-align models pull {better}"] if better else []
        if self.aligners.left_out is not None:
            name, error = self.aligners.left_out
            ways.append(f"{name} is left out: {error.what}" + (f"; {error.hint}" if error.hint else ""))
        elif self.settings.aligner.name == "auto" and (better := self.aligners.better_model):
            ways.append(f"better times: crisp-align models pull {better}")
        return "; ".join(ways) or None

    def transcribe(self, sources: Source | Iterable[Source]) -> Iterator[Event]:
        """Run files through, in order; clips of several share a batch.

        Args:
            sources: paths, or a single one; "-" is standard input. Only so many are taken as are read ahead.

        Yields:
            Started, then Advanced, SegmentReady, ClipDone and Noticed in any number, then Finished; or Failed at any
            point.
        """
        limit: Future[float] = Future()
        limit.set_result(self.max_clip)
        listed = [sources] if isinstance(sources, str | os.PathLike) else sources
        feed = Listed(Task(os.fspath(source)) for source in listed)
        with Reading(feed, self.settings.media, self.settings.vad, limit) as reading:
            yield from self.route(reading)

    @property
    def max_clip(self) -> float:
        """s, the longest clip that backend and aligners take."""
        return min(self._backend.max_clip, self.aligners.max_clip)

    def route(self, reading: Reading) -> Iterator[Event]:
        """What `transcribe` does, with sources that are being read already."""
        yield from _Route(self).go(reading)

    def align(self, source: Source, text: str, unspoken: Unspoken = "keep") -> Iterator[Event]:
        """Time a reference text: every word of it once, in order, each line a segment.

        Args:
            source: a path; "-" is standard input.
            text: what is said in it, more or less; lines that hold nothing to say stay with the line before.
            unspoken: what becomes of lines that nobody says: they keep their place in free time, are marked there too,
                or are dropped.

        Yields:
            The same events as `transcribe`.
        """
        file = _File(os.fspath(source))
        try:
            yield from TextAlignment(self, file, text, unspoken).run()
        except CrispAlignError as error:
            yield from file.fail(error)
            return
        yield from self._finish(file)

    @property
    def batch_size(self) -> int:
        """Clips in one call of the models."""
        return self._backend.batch_size

    def _finish(self, file: _File) -> Iterator[Event]:
        for (asked, used, reason), count in file.stand_ins.items():
            clips_ = "1 clip" if count == 1 else f"{count} clips"
            said = f"{clips_} timed by {used}, not {asked}: {reason}"
            yield from file.remark((said,), detail=self.settings.aligner.name == "auto")
        yield Advanced(file.source, file.position)
        yield Finished(file.source, self._transcript(file))

    def _transcript(self, file: _File) -> Transcript:
        return Transcript(
            segments=tuple(file.segments),
            duration=round(file.position, 3),
            source=file.source,
            backend=self._heard_by.name if self._heard_by else None,
            model=self._heard_by.model if self._heard_by else None,
            aligner=self.aligners.names[0],
            version=crisp_align.__version__,
            notices=(*file.notices, *file.remarks),
            extra_speech=file.extra_speech,
        )


class _Route:
    """One way through the pipeline: what gathers, what is being heard, what is being timed.

    An aligner that needs nothing of the backend times one batch beside it while it hears the next. Where the models
    are in memory in turn, batches wait for the aligner until they hold an hour of sound.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.first = True  # the first batch is one clip and told at once, so that the first lines come soon
        self.size = 1
        self.batch: list[_Entry] = []
        self.files: list[_File] = []
        self.waiting: deque[_Batch] = deque()
        beside = pipeline.aligners.runs_concurrently
        beside = beside and pipeline.settings.aligner.load.cpu_threads > 1  # else they only slow each other down
        self.beside = ThreadPoolExecutor(1, "timing") if beside and not pipeline.in_turn else None

    def go(self, reading: Reading) -> Iterator[Event]:
        """Everything that is read, in order."""
        try:
            for entry in reading:
                if entry is None:  # nothing more for now
                    yield from self._catch_up()
                else:
                    yield from self._go_through(*entry)
            yield from self._catch_up()
        finally:
            if self.beside is not None:
                self.beside.shutdown(wait=False, cancel_futures=True)

    def _go_through(self, task: Task, steps: Iterator[Step]) -> Iterator[Event]:
        file = _File(task.source)
        self.files.append(file)
        while not file.failed:
            try:
                step = next(steps, None)
            except CrispAlignError as error:
                yield from file.fail(error)
                break
            if step is None:
                break
            yield from self._take(file, task, step)
        file.ended = True
        yield from self._finished()

    def _take(self, file: _File, task: Task, step: Step) -> Iterator[Event]:
        match step:
            case Started():
                yield step
                yield from _gone_on_with(file, task)
            case Read(position, notices):
                file.position = position
                yield from file.remark(notices)
            case (number, clip):
                file.waiting += 1
                self.batch.append(_Entry(file, number, clip))
        if len(self.batch) >= self.size:
            yield from self._hear()
            yield from self._time(all_of_them=self.first and not self.pipeline.in_turn)
            self.first = False
            self.size = min(self.size * 4, self.pipeline.batch_size)

    def _catch_up(self) -> Iterator[Event]:
        yield from self._hear()
        yield from self._time(all_of_them=True)

    def _hear(self) -> Iterator[Event]:
        """Have the batch that has gathered heard, and begin to time it where that can be done beside."""
        entries = [entry for entry in self.batch if not entry.file.failed]
        self.batch.clear()
        if not entries:
            return
        yield from _staged(entries, "transcribing")
        heard = self.pipeline.hearing.hear([entry.clip for entry in entries])
        said = [each for each in heard if isinstance(each, Heard)]
        begun = None if self.beside is None else self.beside.submit(self.pipeline.timing.time, said)
        self.waiting.append(_Batch(entries, heard, begun))
        if begun is not None:
            yield from _staged(entries, "aligning")

    def _time(self, *, all_of_them: bool) -> Iterator[Event]:
        """Tell of what was heard and has its times; see to it that not too much is waiting for them."""
        while self.waiting and (all_of_them or self._is_too_much()):
            yield from self._told(self.waiting.popleft())
        yield from self._finished()

    def _is_too_much(self) -> bool:
        if self.pipeline.in_turn:
            return sum(entry.clip.duration for batch in self.waiting for entry in batch.entries) >= _GROUP
        return len(self.waiting) > (0 if self.beside is None else 1)

    def _told(self, batch: _Batch) -> Iterator[Event]:
        if batch.timed is not None:
            results = batch.timed.result()
        else:
            yield from _staged(batch.entries, "aligning")
            results = self.pipeline.timing.time([each for each in batch.heard if isinstance(each, Heard)])
        timed = iter(results)
        for entry, each in zip(batch.entries, batch.heard, strict=True):
            result = each if isinstance(each, CrispAlignError) else next(timed)
            entry.file.waiting -= 1
            if isinstance(result, CrispAlignError):
                yield from entry.file.fail(result)
            elif not entry.file.failed:
                yield from _done(entry, result)
        for file in {id(entry.file): entry.file for entry in batch.entries if not entry.file.failed}.values():
            yield Advanced(file.source, max(entry.clip.end for entry in batch.entries if entry.file is file))

    def _finished(self) -> Iterator[Event]:
        """Finish, in order, the files at the head of the queue whose last clip is done."""
        while self.files and (self.files[0].failed or (self.files[0].ended and self.files[0].waiting == 0)):
            file = self.files.pop(0)
            if not file.failed:
                yield from self.pipeline._finish(file)


def _staged(entries: Sequence[_Entry], stage: Stage) -> Iterator[Event]:
    """Tell what becomes of the files of a batch."""
    for source in dict.fromkeys(entry.file.source for entry in entries if not entry.file.failed):
        yield Staged(source, stage)


def _done(entry: _Entry, result: ClipResult) -> Iterator[Event]:
    entry.file.add(result)
    source = entry.file.source
    yield from (Noticed(source, text, detail=True) for text in result.notices)
    yield from (SegmentReady(source, segment) for segment in result.segments)
    yield ClipDone(source, entry.number, result)


def _loaded_backend(settings: Settings) -> Backend:
    choice = settings.backend
    return load_backend(choice.name, choice.model, options=choice.load, decode=settings.decode)


def run(settings: Settings, feed: Feed, room: int = ROOM) -> Generator[Ready | Event]:
    """Load the models and run a feed of tasks through them; the first files are decoded meanwhile.

    Args:
        settings: what the user asked for.
        feed: of tasks.
        room: bytes of sound that may wait for the models.

    Yields:
        Ready, then what `Pipeline.transcribe` gives.

    Raises:
        OptionError: no such backend or aligner, or an option it cannot honour.
        ModelError: weights missing, damaged or of the wrong kind; an engine not installed.
    """
    limit: Future[float] = Future()
    with Reading(feed, settings.media, settings.vad, limit, room) as reading:
        pipeline = Pipeline.load(settings)
        reading.batch_size = pipeline.batch_size
        limit.set_result(pipeline.max_clip)
        yield pipeline.ready
        yield from pipeline.route(reading)


def _gone_on_with(file: _File, task: Task) -> Iterator[Event]:
    """Take over what an earlier run finished."""
    for result in task.finished:
        file.add(result)
    if task.finished:
        file.position = max((segment.end for segment in file.segments), default=0.0)
        yield Noticed(file.source, f"{len(task.finished)} clips were done before; goes on after them")
        yield Advanced(file.source, file.position)
