"""When which clips meet which model: clips of several files are gathered into batches, transcribed, and aligned.

    prefetched clips ──▶ gathering ──▶ transcribe ──▶ pending ──▶ align ──▶ events, file by file, in order
                        (batch_size)   (backend)      (batches)   (aligners)

Four policies decide how long clips gather, and how long batches are pending:

1. The first batch is one clip, aligned and given out at once, so that the first lines come soon; each batch after it
   may be four times as large as the one before, up to the backend's batch size.
2. Next to each other: an aligner that `runs_concurrently` aligns one batch in a thread while the backend transcribes
   the next; one batch is then pending.
3. One after the other: any other aligner aligns a batch as soon as it is transcribed; none is pending.
4. One model in memory at a time: batches are pending until they hold an hour of audio, since each change of models
   costs a load.

When nothing more is there to be read for now, everything pending is aligned and given out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import Timed
from crisp_align.errors import CrispAlignError
from crisp_align.events import Advanced, ClipResult, Event, Failed, Stage, Staged, Started
from crisp_align.pipeline.assembly import FileAssembly, conclude
from crisp_align.pipeline.prefetch import Prefetcher, Read, Step, Task
from crisp_align.pipeline.residency import ModelResidency
from crisp_align.pipeline.second_look import is_worth_timing, look_again, needs_second_look
from crisp_align.pipeline.settings import Settings
from crisp_align.pipeline.stages import ClipTranscript, timed_words
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip, Word

__all__ = ["Scheduler"]

_MAX_PENDING_AUDIO = 3600.0  # s that may be transcribed before it is aligned, with one model in memory: 230 MB


@dataclass(slots=True, eq=False)
class _File:
    """A source on its way, and how many of its clips are still in a batch."""

    assembly: FileAssembly
    waiting: int = 0
    ended: bool = False
    failed: bool = False

    def fail(self, error: CrispAlignError) -> Iterator[Event]:
        """Give it up; the event comes once."""
        if not self.failed:
            self.failed = True
            yield Failed(self.assembly.source, error)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A clip on its way."""

    file: _File
    clip: Clip


@dataclass(frozen=True, slots=True)
class _Batch:
    """Clips that were transcribed together, and are being aligned or wait for it."""

    entries: list[_Entry]
    transcripts: list[ClipTranscript | CrispAlignError]
    aligned: Future[list[ClipResult | CrispAlignError]] | None

    @property
    def spoken(self) -> list[ClipTranscript]:
        """The clips that did not fail."""
        return [transcript for transcript in self.transcripts if isinstance(transcript, ClipTranscript)]


class Scheduler:
    """One run of sources through the models; see the module."""

    def __init__(self, models: ModelResidency, settings: Settings) -> None:
        self._models, self._settings = models, settings
        self._first = True
        self._size = 1
        self._gathering: list[_Entry] = []
        self._files: list[_File] = []
        self._pending: deque[_Batch] = deque()
        concurrently = models.aligners.runs_concurrently and not models.one_at_a_time
        concurrently = concurrently and settings.aligner.load.cpu_threads > 1  # else they only slow each other down
        self._thread = ThreadPoolExecutor(1, "aligning") if concurrently else None

    def run(self, reading: Prefetcher) -> Iterator[Event]:
        """Give the events of everything that is read, in order."""
        try:
            for entry in reading:
                if entry is None:  # nothing more for now
                    yield from self._flush()
                else:
                    yield from self._process(*entry)
            yield from self._flush()
        finally:
            if self._thread is not None:
                self._thread.shutdown(wait=False, cancel_futures=True)

    def _process(self, task: Task, steps: Iterator[Step]) -> Iterator[Event]:
        file = _File(FileAssembly(task))
        self._files.append(file)
        while not file.failed:
            try:
                step = next(steps, None)
            except CrispAlignError as error:
                yield from file.fail(error)
                break
            if step is None:
                break
            yield from self._accept(file, step)
        file.ended = True
        yield from self._concluded()

    def _accept(self, file: _File, step: Step) -> Iterator[Event]:
        match step:
            case Started():
                yield step
                yield from file.assembly.resumption()
            case Read(position, notices):
                file.assembly.position = position
                yield from file.assembly.remark(notices)
            case (_, clip):
                file.waiting += 1
                self._gathering.append(_Entry(file, clip))
        if len(self._gathering) >= self._size:
            yield from self._transcribe()
            yield from self._align(everything=self._first and not self._models.one_at_a_time)
            self._first = False
            self._size = min(self._size * 4, self._models.backend_info.batch_size)

    def _flush(self) -> Iterator[Event]:
        yield from self._transcribe()
        yield from self._align(everything=True)

    def _transcribe(self) -> Iterator[Event]:
        """Transcribe the batch that has gathered, and begin to align it where a thread does that."""
        entries = [entry for entry in self._gathering if not entry.file.failed]
        self._gathering.clear()
        if not entries:
            return
        yield from _staged(entries, "transcribing")
        batch = _Batch(entries, self._models.use_backend().transcribe([entry.clip for entry in entries]), None)
        if self._thread is not None:
            aligned = self._thread.submit(self._models.use_aligners().align, batch.spoken)
            batch = _Batch(entries, batch.transcripts, aligned)
        self._pending.append(batch)
        if batch.aligned is not None:
            yield from _staged(entries, "aligning")

    def _align(self, *, everything: bool) -> Iterator[Event]:
        """Align pending batches and give out what came of them, until few enough are pending."""
        while self._pending and (everything or self._is_too_much()):
            yield from self._emit(self._pending.popleft())
        yield from self._concluded()

    def _is_too_much(self) -> bool:
        if self._models.one_at_a_time:
            return sum(e.clip.duration for batch in self._pending for e in batch.entries) >= _MAX_PENDING_AUDIO
        return len(self._pending) > (0 if self._thread is None else 1)

    def _emit(self, batch: _Batch) -> Iterator[Event]:
        if batch.aligned is not None:
            aligned = iter(batch.aligned.result())
        else:
            yield from _staged(batch.entries, "aligning")
            aligned = iter(self._models.use_aligners().align(batch.spoken))
        for entry, transcript in zip(batch.entries, batch.transcripts, strict=True):
            result = transcript if isinstance(transcript, CrispAlignError) else next(aligned)
            entry.file.waiting -= 1
            if isinstance(result, CrispAlignError):
                yield from entry.file.fail(result)
            elif not entry.file.failed:
                if isinstance(transcript, ClipTranscript):
                    result = self._second_look(entry.clip, transcript, result)
                yield from entry.file.assembly.add(result, self._settings.script)
        for file in _files(batch.entries):
            end = max(entry.clip.end for entry in batch.entries if entry.file is file)
            yield Advanced(file.assembly.source, end)

    def _second_look(self, clip: Clip, first: ClipTranscript, result: ClipResult) -> ClipResult:
        """Return the result with what a second look at uncovered speech finds, where the backend is to be believed."""
        if first.utterance.translated or not needs_second_look(clip, result):
            return result
        rated = first.transcription.log_prob is not None
        if not rated and not self._models.use_backend().backend.profile.trusted_unrated:
            return result

        def align(clip: Clip, text: str, language: str | None) -> tuple[list[Word], str] | None:
            units = tuple(split_units(text, language, self._settings.units))
            utterance = replace(first.utterance, clip=clip, units=units, language=language, words=())
            (timed,) = self._time([utterance])
            if not isinstance(timed, Timed) or timed.refusals:
                return None
            return timed_words(utterance, timed), timed.aligner

        return look_again(clip, result, self._recognize, align)

    def _recognize(self, clips: Sequence[Clip], language: str | None) -> list[tuple[list[Word], float | None]]:
        """Transcribe and time parts of a clip; nothing comes of one that fails, or whose text does not fit."""
        transcripts = self._models.use_backend().in_language(language).transcribe(clips)
        worth = [t for t in transcripts if isinstance(t, ClipTranscript) and is_worth_timing(t)]
        utterances = [transcript.utterance for transcript in worth]
        timed = self._time(utterances)
        found = {
            id(transcript): (timed_words(transcript.utterance, result), transcript.transcription.log_prob)
            for transcript, result in zip(worth, timed, strict=True)
            if isinstance(result, Timed) and not result.refusals
        }
        return [found.get(id(transcript), ([], None)) for transcript in transcripts]

    def _time(self, utterances: Sequence[Utterance]) -> list[Timed | CrispAlignError]:
        """Time utterances, in the thread of the aligners where there is one."""
        align = self._models.use_aligners().align_utterances
        return align(utterances) if self._thread is None else self._thread.submit(align, utterances).result()

    def _concluded(self) -> Iterator[Event]:
        """Conclude, in order, the files at the head of the queue whose last clip is done."""
        while self._files and (self._files[0].failed or (self._files[0].ended and self._files[0].waiting == 0)):
            file = self._files.pop(0)
            if not file.failed:
                yield from conclude(file.assembly, self._models.provenance, self._settings)


def _files(entries: Iterable[_Entry]) -> list[_File]:
    """The files of a batch that have not failed, in order."""
    return list(dict.fromkeys(entry.file for entry in entries if not entry.file.failed))


def _staged(entries: Sequence[_Entry], stage: Stage) -> Iterator[Event]:
    return (Staged(file.assembly.source, stage) for file in _files(entries))
