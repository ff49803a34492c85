"""The route from media to a timed transcript, once.

Files become clips, clips of any files share a batch, a batch is transcribed and aligned at once, and what comes out
is a stream of plain events. Nothing here prints, and nothing of a file is kept but its transcript.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import crisp_align
from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import EVERYONES_CLIP, AlignerChain, Timed
from crisp_align.backends import Backend, DecodeOptions, LoadOptions, Transcription, load_backend
from crisp_align.errors import AlignmentError, CrispAlignError, ModelError
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
    Started,
)
from crisp_align.given import GivenText, fit, script_language
from crisp_align.media import MediaOptions
from crisp_align.partition import by_hearing, by_voice
from crisp_align.reading import Feed, Listed, Read, Reading, Task, read
from crisp_align.segments import cut, one_line
from crisp_align.speech import VadOptions
from crisp_align.text.units import UnitMode, split_units
from crisp_align.timing import settle
from crisp_align.transcript import Clip, Segment, Transcript, Unit, Word

__all__ = [
    "Advanced",
    "Event",
    "Failed",
    "Finished",
    "Noticed",
    "Pipeline",
    "SegmentReady",
    "Settings",
    "Started",
    "run",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what comes out, made once at the edge."""

    backend: str = "auto"
    model: str = "auto"
    aligner: str = "auto"
    """An aligner's name, or the path or Hub id of an aligner's model."""
    load: LoadOptions = field(default_factory=LoadOptions)
    decode: DecodeOptions = field(default_factory=DecodeOptions)
    media: MediaOptions = field(default_factory=MediaOptions)
    vad: VadOptions = field(default_factory=VadOptions)
    units: UnitMode = "word"
    """char: every ideograph, kana and Hangul syllable is a unit of its own."""
    strict: bool = False
    """An aligner that cannot do a clip is an error, not a reason to ask the next."""


@dataclass(slots=True)
class _File:
    """A source on its way: what has come out so far, and how many of its clips are still in a batch."""

    source: str
    segments: list[Segment] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    stand_ins: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    """What there is to say of the file as a whole."""
    waiting: int = 0
    ended: bool = False
    failed: bool = False
    position: float = 0.0

    def add(self, result: ClipResult) -> None:
        """Take over what came of a clip."""
        self.segments.extend(result.segments)
        self.notices.extend(result.notices)
        self.stand_ins.update(result.stand_ins)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A clip on its way."""

    file: _File
    number: int
    clip: Clip


class Pipeline:
    """Loaded models and the route through them."""

    def __init__(self, settings: Settings, backend: Backend | None, aligners: AlignerChain) -> None:
        self.settings = settings
        self.aligners = aligners
        self._backend = backend

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
        backend = None
        if transcribes or settings.aligner == "attention":
            backend = load_backend(settings.backend, settings.model, options=settings.load)
            backend.check(settings.decode)
        aligners = AlignerChain(settings.aligner, settings.load, backend, strict=settings.strict)
        return cls(settings, backend, aligners)

    @property
    def backend(self) -> Backend:
        """The speech backend, loaded by now.

        Raises:
            ModelError: it was not needed before, and its weights are missing or damaged.
        """
        if self._backend is None:
            self._backend = load_backend(self.settings.backend, self.settings.model, options=self.settings.load)
            self._backend.check(self.settings.decode)
        return self._backend

    @property
    def ready(self) -> Ready:
        """What was loaded."""
        aligner = self.aligners.names[0]
        if self._backend is None:
            return Ready(f"aligner {aligner}", self._advice(), 1)
        described = f"{self._backend.name} {self._backend.model}, timed by {aligner}"
        return Ready(described, self._advice(), self.batch_size)

    def _advice(self) -> str | None:
        ways = []
        if self._backend is not None and self.settings.model == "auto" and self._backend.model in ("base", "tiny.en"):
            ways.append("better text: crisp-align models pull large-v3-turbo")
        if self.settings.aligner == "auto" and self.aligners.names[0] != "qwen3":
            ways.append("better times: crisp-align models pull qwen3-forcedaligner-0.6b-hf")
        return "; ".join(ways) or None

    def transcribe(self, sources: Iterable[str]) -> Iterator[Event]:
        """Run files through, in order; clips of several share a batch.

        Args:
            sources: paths; "-" is standard input.

        Yields:
            Started, then Advanced, SegmentReady, ClipDone and Noticed in any number, then Finished; or Failed at any
            point.
        """
        limit: Future[float] = Future()
        limit.set_result(self.max_clip)
        feed = Listed(Task(source) for source in sources)
        with Reading(feed, self.settings.media, self.settings.vad, limit) as reading:
            yield from self.route(reading)

    @property
    def max_clip(self) -> float:
        """s, the longest clip that backend and aligners take."""
        return min(self.backend.max_clip, self.aligners.max_clip)

    def route(self, reading: Reading) -> Iterator[Event]:
        """What `transcribe` does, with sources that are being read already."""
        batch: list[_Entry] = []
        files: list[_File] = []
        size = 1  # batches grow from one clip, so that the first lines come soon
        for entry in reading:
            if entry is None:  # nothing more for now
                yield from self._process(batch)
                yield from self._finished(files)
                continue
            task, steps = entry
            file = _File(task.source)
            files.append(file)
            try:
                for step in steps:
                    match step:
                        case Started():
                            yield step
                            yield from _gone_on_with(file, task)
                        case Read(position, notices):
                            file.position = position
                            yield from self._remark(file, notices)
                        case (number, clip):
                            file.waiting += 1
                            batch.append(_Entry(file, number, clip))
                    if len(batch) >= size:
                        yield from self._process(batch)
                        size = min(size * 4, self.batch_size)
                        yield from self._finished(files)
                    if file.failed:
                        break
            except CrispAlignError as error:
                yield from self._fail(file, error)
            file.ended = True
            yield from self._finished(files)
        yield from self._process(batch)
        yield from self._finished(files)

    def align(self, source: str, text: str) -> Iterator[Event]:
        """Time a given text: every word of it once, in order, each line a segment.

        Args:
            source: a path; "-" is standard input.
            text: what is said in it; lines that hold nothing to say stay with the line before.

        Yields:
            The same events as `transcribe`.
        """
        file = _File(source)
        try:
            yield from self._align_given(file, text)
        except CrispAlignError as error:
            yield from self._fail(file, error)
            return
        file.ended = True
        yield from self._finished([file])

    def _align_given(self, file: _File, text: str) -> Iterator[Event]:
        voiced: list[Clip] = []
        limit: Future[float] = Future()
        limit.set_result(EVERYONES_CLIP)
        for step in read(Task(file.source), self.settings.media, self.settings.vad, limit):
            match step:
                case Started():
                    yield step
                case Read(position, notices):
                    file.position = position
                    yield from self._remark(file, notices)
                case (_, clip):
                    voiced.append(clip)
        if not voiced:
            raise AlignmentError("no speech was found", subject=file.source, hint="lower -vt, or use --no-vad")
        language, heard = self._listen(voiced, text)
        given = GivenText.read(text, language, self.settings.units)
        if not given.units:
            raise AlignmentError("the text holds nothing that can be said", subject=file.source)
        numbers, share = [0] * len(given.units), 1.0
        if heard is not None:
            numbers, share = by_hearing(given.units, heard)
        elif len(voiced) > 1:
            numbers = by_voice(given.units, given.line_ends, voiced)
        placed = [
            Utterance(clip, tuple(u for u, n in zip(given.units, numbers, strict=True) if n == number), language)
            for number, clip in enumerate(voiced)
        ]
        placed = [utterance for utterance in placed if utterance.units]
        timed = self.aligners.align(placed)
        for segment in self._lines(file, given, placed, timed):
            file.segments.append(segment)
            yield SegmentReady(file.source, segment)
        yield from self._remark(file, fit(file.segments, share))

    def _listen(self, voiced: Sequence[Clip], text: str) -> tuple[str | None, list[list[Unit]] | None]:
        """Language of a given text and, where there are several clips, the units heard in each.

        Without a backend's weights the language stays unknown unless the script tells, and nothing is heard.
        """
        language = self.settings.decode.language or script_language(text)
        if language is not None and len(voiced) == 1:
            return language, None
        try:
            self.backend  # noqa: B018 (loads it)
        except ModelError:
            return language, None
        size = self.batch_size
        wanted = voiced if len(voiced) > 1 else voiced[:1]
        results = [r for i in range(0, len(wanted), size) for r in self._hear(wanted[i : i + size])]
        transcriptions = [r if isinstance(r, Transcription) else Transcription("") for r in results]
        language = language or next((t.language for t in transcriptions if t.text and t.language), None)
        if len(voiced) == 1:
            return language, None
        return language, [split_units(t.text, language, self.settings.units) for t in transcriptions]

    def _lines(
        self, file: _File, given: GivenText, placed: Sequence[Utterance], timed: Sequence[Timed]
    ) -> list[Segment]:
        spoken: list[Word] = []
        aligners: list[str] = []
        for utterance, result in zip(placed, timed, strict=True):
            file.stand_ins.update((name, result.aligner, reason) for name, reason in result.refusals)
            file.notices.extend(result.notices)
            spoken.extend(words(utterance, result))
            aligners.extend([result.aligner] * len(utterance.units))
        made, at = [], 0
        for segment in cut(spoken, placed[0].language, "", given.line_ends):
            made.append(replace(segment, aligner=aligners[at]))
            at += len(segment.words)
        return made

    @property
    def batch_size(self) -> int:
        """Clips in one call of the models."""
        return self.settings.decode.batch_size or self.backend.batch_size

    def _process(self, batch: list[_Entry]) -> Iterator[Event]:
        """Transcribe, align and cut into segments what has gathered; empties `batch`."""
        entries = [entry for entry in batch if not entry.file.failed]
        batch.clear()
        heard: list[tuple[_Entry, Transcription, Utterance]] = []
        for entry, result in zip(entries, self._hear([entry.clip for entry in entries]), strict=True):
            if isinstance(result, CrispAlignError):
                yield from self._fail(entry.file, result)
            else:
                heard.append((entry, result, self._utterance(entry.clip, result)))
        timed = iter(self._time([utterance for _, _, utterance in heard if utterance.units]))
        for entry, transcription, utterance in heard:
            outcome = next(timed) if utterance.units else None
            if isinstance(outcome, CrispAlignError):
                yield from self._fail(entry.file, outcome)
            elif not entry.file.failed:
                yield from self._done(entry, transcription, utterance, outcome)
        for entry in entries:
            entry.file.waiting -= 1
        for file in {id(entry.file): entry.file for entry in entries if not entry.file.failed}.values():
            yield Advanced(file.source, max(entry.clip.end for entry in entries if entry.file is file))

    def _done(
        self, entry: _Entry, transcription: Transcription, utterance: Utterance, timed: Timed | None
    ) -> Iterator[Event]:
        notices = transcription.notices
        if timed is None and transcription.text.strip():
            nothing = transcription.text.strip()
            notices = (*notices, f"at {entry.clip.start:.1f} s nothing but {nothing!r} was heard; left out")
        if timed is not None:
            notices = (*notices, *timed.notices)
        result = ClipResult(
            segments=() if timed is None else tuple(cut(words(utterance, timed), utterance.language, timed.aligner)),
            notices=notices,
            stand_ins=() if timed is None else tuple((name, timed.aligner, why) for name, why in timed.refusals),
            language=transcription.language if transcription.certain else None,
        )
        entry.file.add(result)
        source = entry.file.source
        yield from (Noticed(source, text, detail=True) for text in result.notices)
        yield from (SegmentReady(source, segment) for segment in result.segments)
        yield ClipDone(source, entry.number, result)

    def _hear(self, batch: Sequence[Clip]) -> list[Transcription | CrispAlignError]:
        """Transcribe a batch; where it fails, each clip alone, so that a failure costs one file only."""
        if not batch:
            return []
        try:
            return list(self.backend.transcribe(batch, self.settings.decode))
        except (RuntimeError, ValueError, MemoryError, CrispAlignError) as error:
            if len(batch) > 1:
                return [result for clip in batch for result in self._hear([clip])]
            if isinstance(error, CrispAlignError):
                return [error]
            what = f"{self.backend.name} failed at {batch[0].start:.1f} s: {error}"
            return [CrispAlignError(what, subject=batch[0].source)]

    def _utterance(self, clip: Clip, heard: Transcription) -> Utterance:
        language = heard.language or self.settings.decode.language
        text = one_line(heard.text, language)
        return Utterance(
            clip=clip,
            units=tuple(split_units(text, language, self.settings.units)) if text else (),
            language=language,
            words=heard.words,
            translated=self.settings.decode.translate,
        )

    def _time(self, utterances: Sequence[Utterance]) -> list[Timed | CrispAlignError]:
        """Align a batch; where that fails, each utterance alone."""
        try:
            return list(self.aligners.align(utterances)) if utterances else []
        except (RuntimeError, ValueError, MemoryError, CrispAlignError) as error:
            if len(utterances) > 1:
                return [result for utterance in utterances for result in self._time([utterance])]
            if isinstance(error, CrispAlignError):
                return [error]
            clip = utterances[0].clip
            return [CrispAlignError(f"alignment failed at {clip.start:.1f} s: {error}", subject=clip.source)]

    def _finished(self, files: list[_File]) -> Iterator[Event]:
        """Finish, in order, the files at the head of the queue whose last clip is done."""
        while files and (files[0].failed or (files[0].ended and files[0].waiting == 0)):
            file = files.pop(0)
            if file.failed:
                continue
            for (asked, used, reason), count in file.stand_ins.items():
                clips_ = "1 clip" if count == 1 else f"{count} clips"
                said = f"{clips_} timed by {used}, not {asked}: {reason}"
                yield from self._remark(file, (said,), detail=self.settings.aligner == "auto")
            yield Advanced(file.source, file.position)
            yield Finished(file.source, self._transcript(file))

    def _transcript(self, file: _File) -> Transcript:
        return Transcript(
            segments=tuple(file.segments),
            duration=round(file.position, 3),
            source=file.source,
            backend=self._backend.name if self._backend else None,
            model=self._backend.model if self._backend else None,
            aligner=self.aligners.names[0],
            version=crisp_align.__version__,
            notices=(*file.notices, *file.remarks),
        )

    @staticmethod
    def _fail(file: _File, error: CrispAlignError) -> Iterator[Event]:
        if not file.failed:
            file.failed = True
            yield Failed(file.source, error)

    @staticmethod
    def _remark(file: _File, texts: Iterable[str], *, detail: bool = False) -> Iterator[Event]:
        for text in texts:
            file.remarks.append(text)
            yield Noticed(file.source, text, detail)


def run(settings: Settings, feed: Feed) -> Generator[Ready | Event]:
    """Load the models and run a feed of tasks through them; the first files are decoded meanwhile.

    Yields:
        Ready, then what `Pipeline.transcribe` gives.

    Raises:
        OptionError: no such backend or aligner, or an option it cannot honour.
        ModelError: weights missing, damaged or of the wrong kind; an engine not installed.
    """
    limit: Future[float] = Future()
    with Reading(feed, settings.media, settings.vad, limit) as reading:
        pipeline = Pipeline.load(settings)
        limit.set_result(pipeline.max_clip)
        yield pipeline.ready
        yield from pipeline.route(reading)


def words(utterance: Utterance, timed: Timed) -> list[Word]:
    """The units of an utterance as words in the time of their source."""
    spans = settle(timed.alignment, utterance.clip.start, utterance.clip.end)
    return [
        # What lies beyond four digits is rounding of the engines: it may differ from batch to batch.
        Word(u.text, s.start, s.end, None if s.score is None else round(s.score, 4))
        for u, s in zip(utterance.units, spans, strict=True)
    ]


def _gone_on_with(file: _File, task: Task) -> Iterator[Event]:
    """Take over what an earlier run finished."""
    for result in task.finished:
        file.add(result)
    if task.finished:
        file.position = max((segment.end for segment in file.segments), default=0.0)
        yield Noticed(file.source, f"{len(task.finished)} clips were done before; goes on after them")
        yield Advanced(file.source, file.position)
