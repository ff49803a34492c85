"""The route from media to a timed transcript, once.

Files become clips, clips of any files share a batch, a batch is transcribed and aligned at once, and what comes out
is a stream of plain events. Nothing here prints, and nothing of a file is kept but its transcript.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import crisp_align
from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import EVERYONES_CLIP, AlignerChain, Timed
from crisp_align.backends import Backend, DecodeOptions, LoadOptions, Transcription, load_backend
from crisp_align.errors import AlignmentError, CrispAlignError, ModelError
from crisp_align.events import Advanced, Event, Failed, Finished, Noticed, SegmentReady, Started
from crisp_align.given import GivenText, fit, script_language
from crisp_align.media import AudioStream, MediaOptions, open_audio
from crisp_align.partition import by_hearing, by_voice
from crisp_align.segments import cut, one_line
from crisp_align.speech import VadOptions, clips
from crisp_align.text.units import UnitMode, split_units
from crisp_align.timing import settle
from crisp_align.transcript import SAMPLE_RATE, Clip, Segment, Transcript, Unit, Word

if TYPE_CHECKING:
    from crisp_align.transcript import Samples

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
    waiting: int = 0
    ended: bool = False
    failed: bool = False
    position: float = 0.0

    def count(self, timed: Timed) -> None:
        """Remember which aligners could not time a clip."""
        for name, reason in timed.refusals:
            self.stand_ins[(name, timed.aligner, reason)] += 1


_Batch: TypeAlias = list[tuple[_File, Clip]]


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
    def description(self) -> str:
        """One line: which backend, model and aligner are at work."""
        aligner = self.aligners.names[0]
        return (
            f"{self._backend.name} {self._backend.model}, timed by {aligner}" if self._backend else f"aligner {aligner}"
        )

    @property
    def advice(self) -> str | None:
        """What would give better results than "auto" could find here; None where nothing is missing."""
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
            Started, then Advanced, SegmentReady and Noticed in any number, then Finished; or Failed at any point.
        """
        batch: _Batch = []
        files: list[_File] = []
        size = 1  # batches grow from one clip, so that the first lines come soon
        for source in sources:
            file = _File(source)
            files.append(file)
            try:
                for step in self._clips(file, min(self.backend.max_clip, self.aligners.max_clip)):
                    if not isinstance(step, Clip):
                        yield step
                        continue
                    file.waiting += 1
                    batch.append((file, step))
                    if len(batch) >= size:
                        yield from self._process(batch)
                        size = min(size * 4, self.batch_size)
                        yield from self._finished(files)
            except CrispAlignError as error:
                yield from self._process([entry for entry in batch if entry[0] is not file])
                batch.clear()
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
        for step in self._clips(file, EVERYONES_CLIP):
            if isinstance(step, Clip):
                voiced.append(step)
            else:
                yield step
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
        yield from self._notice(file, fit(file.segments, share))

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
            file.count(result)
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

    def _clips(self, file: _File, max_clip: float) -> Iterator[Clip | Event]:
        with closing(open_audio(file.source, self.settings.media)) as stream:
            yield Started(file.source, stream.duration)
            file.position = stream.start
            yield from clips(
                _counted(stream, file),
                file.source,
                start=stream.start,
                max_clip=max_clip,
                options=self.settings.vad,
            )
            yield from self._notice(file, stream.notices)

    def _process(self, batch: _Batch) -> Iterator[Event]:
        """Transcribe, align and cut into segments what has gathered; empties `batch`."""
        entries = [entry for entry in batch if not entry[0].failed]
        batch.clear()
        heard: list[tuple[_File, Utterance]] = []
        for (file, clip), result in zip(entries, self._hear([clip for _, clip in entries]), strict=True):
            file.waiting -= 1
            if isinstance(result, CrispAlignError):
                yield from self._fail(file, result)
                continue
            yield from self._notice(file, result.notices, detail=True)
            utterance = self._utterance(clip, result)
            if utterance.units:
                heard.append((file, utterance))
            elif result.text.strip():
                said = f"at {clip.start:.1f} s nothing but {result.text.strip()!r} was heard; left out"
                yield from self._notice(file, (said,), detail=True)
        yield from self._align([entry for entry in heard if not entry[0].failed])
        for source in dict.fromkeys(file.source for file, _ in entries if not file.failed):
            yield Advanced(source, max(clip.end for owner, clip in entries if owner.source == source))

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

    def _align(self, heard: Sequence[tuple[_File, Utterance]]) -> Iterator[Event]:
        try:
            timed = self.aligners.align([utterance for _, utterance in heard])
        except CrispAlignError as error:
            if len({file.source for file, _ in heard}) == 1:
                yield from self._fail(heard[0][0], error)
                return
            for entry in heard:
                if not entry[0].failed:
                    yield from self._align([entry])
            return
        for (file, utterance), result in zip(heard, timed, strict=True):
            file.count(result)
            for segment in cut(words(utterance, result), utterance.language, result.aligner):
                file.segments.append(segment)
                yield SegmentReady(file.source, segment)

    def _finished(self, files: list[_File]) -> Iterator[Event]:
        """Finish, in order, the files at the head of the queue whose last clip is done."""
        while files and (files[0].failed or (files[0].ended and files[0].waiting == 0)):
            file = files.pop(0)
            if file.failed:
                continue
            for (asked, used, reason), count in file.stand_ins.items():
                clips_ = "1 clip" if count == 1 else f"{count} clips"
                said = f"{clips_} timed by {used}, not {asked}: {reason}"
                yield from self._notice(file, (said,), detail=self.settings.aligner == "auto")
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
            notices=tuple(file.notices),
        )

    @staticmethod
    def _fail(file: _File, error: CrispAlignError) -> Iterator[Event]:
        if not file.failed:
            file.failed = True
            yield Failed(file.source, error)

    @staticmethod
    def _notice(file: _File, texts: Iterable[str], *, detail: bool = False) -> Iterator[Event]:
        for text in texts:
            file.notices.append(text)
            yield Noticed(file.source, text, detail)


def words(utterance: Utterance, timed: Timed) -> list[Word]:
    """The units of an utterance as words in the time of their source."""
    spans = settle(timed.alignment, utterance.clip.start, utterance.clip.end)
    return [Word(u.text, s.start, s.end, s.score) for u, s in zip(utterance.units, spans, strict=True)]


def _counted(stream: AudioStream, file: _File) -> Iterator[Samples]:
    """Pass blocks on and keep the file's position."""
    read = 0
    for block in stream:
        read += len(block)
        file.position = stream.start + read / SAMPLE_RATE
        yield block
