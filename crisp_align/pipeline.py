"""The route from media to a timed transcript, once.

Files become clips, clips of any files share a batch, a batch is transcribed and aligned at once, and what comes out
is a stream of plain events. Nothing here prints, and nothing of a file is kept but its transcript.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias
from unicodedata import category

import crisp_align
from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import AlignerChain, Timed
from crisp_align.backends import Backend, DecodeOptions, LoadOptions, Transcription, load_backend
from crisp_align.errors import CrispAlignError
from crisp_align.languages import is_spaced
from crisp_align.media import AudioStream, MediaOptions, open_audio
from crisp_align.speech import VadOptions, clips
from crisp_align.text.sentences import sentence_ends
from crisp_align.text.units import split_units
from crisp_align.timing import settle
from crisp_align.transcript import SAMPLE_RATE, Clip, Segment, Transcript, Word

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

_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, lone surrogate, line and paragraph separators
SEGMENT_PAUSE = 1.5  # s of silence between words that ends a segment even inside a sentence


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
    units: Literal["word", "char"] = "word"
    """char: every ideograph, kana and Hangul syllable is a unit of its own."""
    strict: bool = False
    """An aligner that cannot do a clip is an error, not a reason to ask the next."""


@dataclass(frozen=True, slots=True)
class Started:
    """A file was opened and holds audio."""

    source: str
    duration: float | None
    """s of audio to come, where the container says so."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """A file is done up to `position`, s in the source."""

    source: str
    position: float


@dataclass(frozen=True, slots=True)
class SegmentReady:
    """A segment is final. Segments of one file come in order."""

    source: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something a user may want to know; `detail` marks what only a curious one does."""

    source: str
    text: str
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """A file is done."""

    source: str
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Failed:
    """A file could not be done; the others go on."""

    source: str
    error: CrispAlignError


Event: TypeAlias = Started | Advanced | SegmentReady | Noticed | Finished | Failed


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


_Batch: TypeAlias = list[tuple[_File, Clip]]


class Pipeline:
    """Loaded models and the route through them."""

    def __init__(self, settings: Settings, backend: Backend, aligners: AlignerChain) -> None:
        self.settings = settings
        self.backend = backend
        self.aligners = aligners

    @classmethod
    def load(cls, settings: Settings) -> Pipeline:
        """Load the models and check the options against them, before any audio is read.

        Raises:
            OptionError: no such backend or aligner, or an option it cannot honour.
            ModelError: weights missing, damaged or of the wrong kind; an engine not installed.
        """
        backend = load_backend(settings.backend, settings.model, options=settings.load)
        backend.check(settings.decode)
        aligners = AlignerChain(settings.aligner, settings.load, backend, strict=settings.strict)
        return cls(settings, backend, aligners)

    @property
    def description(self) -> str:
        """One line: which backend, model and aligner are at work."""
        return f"{self.backend.name} {self.backend.model}, timed by {self.aligners.names[0]}"

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
                for step in self._clips(file):
                    if not isinstance(step, Clip):
                        yield step
                        continue
                    file.waiting += 1
                    batch.append((file, step))
                    if len(batch) >= size:
                        yield from self._process(batch)
                        size = min(size * 2, self.batch_size)
                        yield from self._finished(files)
            except CrispAlignError as error:
                yield from self._process([entry for entry in batch if entry[0] is not file])
                batch.clear()
                yield from self._fail(file, error)
            file.ended = True
            yield from self._finished(files)
        yield from self._process(batch)
        yield from self._finished(files)

    @property
    def batch_size(self) -> int:
        """Clips in one call of the models."""
        return self.settings.decode.batch_size or self.backend.batch_size

    def _clips(self, file: _File) -> Iterator[Clip | Started]:
        with closing(open_audio(file.source, self.settings.media)) as stream:
            yield Started(file.source, stream.duration)
            file.position = stream.start
            yield from clips(
                _counted(stream, file),
                file.source,
                start=stream.start,
                max_clip=self.backend.max_clip,
                options=self.settings.vad,
            )
            file.notices.extend(stream.notices)

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
        for file in dict.fromkeys(file.source for file, _ in entries if not file.failed):
            yield Advanced(file, max(clip.end for owner, clip in entries if owner.source == file))

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
            for name, reason in result.refusals:
                file.stand_ins[(name, result.aligner, reason)] += 1
            for segment in segments(utterance, result):
                file.segments.append(segment)
                yield SegmentReady(file.source, segment)

    def _finished(self, files: list[_File]) -> Iterator[Event]:
        """Finish, in order, the files at the head of the queue whose last clip is done."""
        while files and (files[0].failed or (files[0].ended and files[0].waiting == 0)):
            file = files.pop(0)
            if file.failed:
                continue
            for notice in file.notices:
                yield Noticed(file.source, notice)
            for (asked, used, reason), count in file.stand_ins.items():
                clips_ = "1 clip" if count == 1 else f"{count} clips"
                yield from self._notice(file, (f"{clips_} timed by {used}, not {asked}: {reason}",))
            yield Advanced(file.source, file.position)
            yield Finished(file.source, self._transcript(file))

    def _transcript(self, file: _File) -> Transcript:
        return Transcript(
            segments=tuple(file.segments),
            duration=round(file.position, 3),
            source=file.source,
            backend=self.backend.name,
            model=self.backend.model,
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


def segments(utterance: Utterance, timed: Timed, ends: Sequence[bool] | None = None) -> list[Segment]:
    """Words with times in the source, cut into segments.

    Args:
        utterance: the clip and its units.
        timed: one span a unit.
        ends: whether a segment ends after each unit; None: where a sentence ends or a pause of 1.5 s follows.
    """
    clip = utterance.clip
    spans = settle(timed.alignment, clip.start, clip.end)
    words = [Word(u.text, s.start, s.end, s.score) for u, s in zip(utterance.units, spans, strict=True)]
    cuts = list(ends) if ends is not None else sentence_ends([word.text for word in words])
    made, first = [], 0
    for i, word in enumerate(words):
        last = i + 1 == len(words)
        if last or cuts[i] or (ends is None and words[i + 1].start - word.end >= SEGMENT_PAUSE):
            part = tuple(words[first : i + 1])
            text = "".join(w.text for w in part)
            made.append(Segment(text, part[0].start, word.end, utterance.language, part, timed.aligner))
            first = i + 1
    return made


def one_line(text: str, language: str | None) -> str:
    """Text as a segment holds it: one line, no outer white space but the space that spaced languages begin with."""
    line = "".join(" " if category(char) in _BREAKING else char for char in text).strip()
    return f" {line}" if line and is_spaced(language) else line


def _counted(stream: AudioStream, file: _File) -> Iterator[Samples]:
    """Pass blocks on and keep the file's position."""
    read = 0
    for block in stream:
        read += len(block)
        file.position = stream.start + read / SAMPLE_RATE
        yield block
