"""A reference text timed against a recording of any length, whatever one has that the other has not.

The recording is read once; its clips wait in a temporary file. A backend transcribes them, the transcription and the
text are matched, and each clip is aligned to what is said in it: the words of the text, and between them the words that
the text lacks. Lines that nobody says get a moment of free time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Literal

import numpy as np

from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import COMMON_MAX_CLIP
from crisp_align.errors import AlignmentError, CrispAlignError, ModelError
from crisp_align.events import ClipResult, Event, Failed, Finished, Noticed, Staged, Started
from crisp_align.formats.document import SubtitleDocument
from crisp_align.languages import script_language
from crisp_align.pipeline.assembly import FileAssembly, conclude
from crisp_align.pipeline.partition import assign_by_asr, assign_by_duration
from crisp_align.pipeline.prefetch import Read, Task, read
from crisp_align.pipeline.reference_text import ReferenceText, mismatch_notices
from crisp_align.pipeline.residency import ModelResidency
from crisp_align.pipeline.stages import ClipTranscript, Transcriber, timed_words
from crisp_align.speech.coverage import gaps
from crisp_align.sync.given import GivenText, Unspoken
from crisp_align.sync.placing import UNSPOKEN_MARK, place_silent_lines, room_after, silent_words
from crisp_align.sync.plan import TextPlan, plan_text
from crisp_align.sync.subtitles import SubtitlesFinished, reference_lines, retime_by_words
from crisp_align.text.display import quoted
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip, ExtraSpeech, Segment, Unit, Word

__all__ = ["Unspoken", "align_given", "align_text"]

_ALIGN_BATCH = 16  # clips that are aligned in one call
_IN_MEMORY = 64 << 20  # bytes of sound that wait in memory; more waits on the disk
_UNRELATED = 0.15  # share of a text that is transcribed as given, below which its lines are not judged one by one
_SAME_STRETCH = 3.0  # s between two stretches of speech without text that count as one
_SHORTEST_EXTRA = 0.3  # s; speech without text that is shorter is not reported


class _ClipStore:
    """Clips of a recording, their sound in memory or, where it is much, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (closed in `close`)
        self._clips: list[Clip] = []
        self._places: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._clips)

    def append(self, clip: Clip) -> None:
        data = np.ascontiguousarray(clip.samples, np.float32).tobytes()
        self._places.append((self._places[-1][0] + self._places[-1][1] if self._places else 0, len(data)))
        self._file.seek(self._places[-1][0])
        self._file.write(data)
        self._clips.append(replace(clip, samples=np.zeros(0, np.float32)))

    def load(self, number: int) -> Clip:
        """The clip with its sound."""
        at, size = self._places[number]
        self._file.seek(at)
        return replace(self._clips[number], samples=np.frombuffer(self._file.read(size), np.float32))

    def close(self) -> None:
        self._file.close()


def align_given(models: ModelResidency, source: str, given: GivenText) -> Iterator[Event]:
    """Time a text, or subtitles whose cues stay cues; see `Pipeline.align_given`."""
    try:
        content = given.read()
        if isinstance(content, str):
            yield from align_text(models, source, content, given.unspoken)
        else:
            yield from align_document(models, source, content, given.unspoken, keeps_cues=given.keeps_cues)
    except CrispAlignError as error:
        yield Failed(source, error)


def align_document(
    models: ModelResidency, source: str, document: SubtitleDocument, unspoken: Unspoken, *, keeps_cues: bool = True
) -> Iterator[Event]:
    """Time subtitles by their words; the last event holds the document in time.

    Args:
        models: the aligners, and the backend.
        source: the recording.
        document: the subtitles.
        unspoken: what becomes of cues that nobody says.
        keeps_cues: False: only the words are wanted, to be laid out anew.
    """
    for event in align_text(models, source, [line for line in reference_lines(document.cues) if line], "keep"):
        if not isinstance(event, Finished):
            yield event
            continue
        retimed = retime_by_words(document, event.transcript, unspoken).document
        transcript = retimed.transcript or event.transcript
        transcript = replace(transcript, notices=(*document.notices, *transcript.notices))
        yield from (Noticed(source, notice) for notice in document.notices)
        if keeps_cues:
            yield SubtitlesFinished(source, transcript, replace(retimed, transcript=transcript))
        else:
            yield Finished(source, transcript)


def align_text(models: ModelResidency, source: str, text: str | Sequence[str], unspoken: Unspoken) -> Iterator[Event]:
    """Time a reference text; see `Pipeline.align`."""
    assembly = FileAssembly(Task(source))
    try:
        yield from _TextAlignment(models, assembly, text, unspoken).run()
    except CrispAlignError as error:
        yield Failed(source, error)
        return
    yield from conclude(assembly, models.provenance, models.settings)


class _TextAlignment:
    """One text against one recording.

    Args:
        models: the aligners, and the backend.
        assembly: takes what comes of it.
        text: the reference text, or its lines, which may be broken: cues.
        unspoken: what becomes of lines that nobody says.
    """

    def __init__(
        self, models: ModelResidency, assembly: FileAssembly, text: str | Sequence[str], unspoken: Unspoken
    ) -> None:
        self._models, self._file, self._text, self._unspoken = models, assembly, text, unspoken
        self._clips = _ClipStore()
        self._unspoken_lines: list[tuple[str, float]] = []
        """Lines that nobody says, each with the end of the speech before it, s."""
        self._notices: list[str] = []
        self._fallbacks: list[tuple[str, str, str]] = []

    def run(self) -> Iterator[Event]:
        """Time the text.

        Raises:
            MediaError: the recording cannot be read.
            AlignmentError: no speech in it, or nothing to say in the text.
        """
        try:
            yield from self._read()
            yield from self._align()
        finally:
            self._clips.close()

    def _read(self) -> Iterator[Event]:
        file, settings = self._file, self._models.settings
        limit: Future[float] = Future()
        limit.set_result(COMMON_MAX_CLIP)
        for step in read(Task(file.source), settings.media, settings.vad, limit, overlap=False):
            match step:
                case Started():
                    yield step
                case Read(position, notices):
                    file.position = position
                    yield from file.remark(notices)
                case (_, clip):
                    self._clips.append(clip)
        if not len(self._clips):
            raise AlignmentError("no speech was found", subject=file.source, hint="lower -vt, or use --no-vad")

    def _align(self) -> Iterator[Event]:
        file = self._file
        given = self._models.settings.decode.language or script_language(
            self._text if isinstance(self._text, str) else "\n".join(self._text)
        )
        if given is not None and len(self._clips) == 1:  # nothing to find out, unless the text does not fit
            reference = self._reference(given)
            segments = self._by_number(reference, [0] * len(reference.units), given)
            spoken = [word for segment in segments if segment.match != "sound" for word in segment.words]
            fits = not mismatch_notices(segments, 1.0) and not gaps(self._clips.load(0), spoken)
            if fits or not self._can_transcribe():
                yield from self._report(segments, reference, 1.0)
                return
        transcripts, language = yield from self._transcribe(given)
        reference = self._reference(language)
        if transcripts is None:
            numbers = assign_by_duration(reference.units, reference.line_ends, self._all_clips())
            yield from self._report(self._by_number(reference, numbers, language), reference, 1.0)
            return
        plan = self._plan(reference, transcripts, language)
        plan, transcripts = self._second_chance(reference, plan, transcripts, language)
        if plan.share < _UNRELATED:
            numbers, share = assign_by_asr(reference.units, transcripts)
            yield from self._report(self._by_number(reference, numbers, language), reference, share)
            return
        self._fallbacks.clear()
        self._notices.clear()
        words, extra, aligners = yield from self._time(plan, language)
        segments = self._segments(reference, plan, words, aligners, language)
        file.extra_speech = extra
        yield from self._report(segments, reference, plan.share)

    def _reference(self, language: str | None) -> ReferenceText:
        reference = ReferenceText.read(self._text, language, self._models.settings.units)
        if not reference.units:
            raise AlignmentError("the text holds nothing that can be said", subject=self._file.source)
        return reference

    def _can_transcribe(self) -> bool:
        try:
            self._models.use_backend()
        except ModelError:
            return False
        return True

    def _transcribe(self, language: str | None) -> Generator[Event, None, tuple[list[list[Unit]] | None, str | None]]:
        """The units transcribed in each clip, and the language; None where no backend's weights are here.

        Each batch gives an event: a sign of life.
        """
        try:
            transcriber = self._models.use_backend()
        except ModelError:
            if self._models.settings.backend.model != "auto":
                raise
            return None, language
        found: list[ClipTranscript | CrispAlignError] = []
        for first in range(0, len(self._clips), self._models.backend_info.batch_size):
            last = min(first + self._models.backend_info.batch_size, len(self._clips))
            yield Staged(self._file.source, "transcribing")
            batch = transcriber.transcribe([self._clips.load(number) for number in range(first, last)])
            found += [_without_sound(result) for result in batch]
        texts = [result.transcription.text if isinstance(result, ClipTranscript) else "" for result in found]
        named = [
            result.transcription.language
            for result in found
            if isinstance(result, ClipTranscript) and result.utterance.units
        ]
        language = language or next((code for code in named if code), None)
        return [split_units(text, language, self._models.settings.units) for text in texts], language

    def _all_clips(self) -> list[Clip]:
        """The clips without their sound, as long as they are."""
        return [self._clips.load(number) for number in range(len(self._clips))]

    def _plan(self, reference: ReferenceText, transcripts: Sequence[Sequence[Unit]], language: str | None) -> TextPlan:
        lines = [(line.first, line.last) for line in reference.lines if not line.is_sound]
        return plan_text(reference.audible, lines, transcripts, language)

    def _second_chance(
        self, reference: ReferenceText, plan: TextPlan, transcripts: list[list[Unit]], language: str | None
    ) -> tuple[TextPlan, list[list[Unit]]]:
        """Transcribe clips again whose lines fit badly, the lines as prompt; what fits better is taken."""
        settings, transcriber = self._models.settings, self._models.use_backend()
        paired, offsets = set(plan.paired), np.cumsum([0, *(len(units) for units in transcripts)])
        lines = [line for line in reference.lines if not line.is_sound]
        changed = list(transcripts)
        for number in range(len(transcripts)):
            doubtful = [
                line.text.strip()
                for line, status, (low, high) in zip(lines, plan.lines, plan.places, strict=True)
                if status == "unspoken" and low <= number <= high and high - low <= 2
            ]
            unmatched = sum(at not in paired for at in range(offsets[number], offsets[number + 1]))
            if not doubtful or unmatched < 2:
                continue
            prompt = " ".join(doubtful)[:400]
            try:
                decode = replace(settings.decode, prompt=prompt, hotwords=None)
                again = Transcriber(transcriber.backend, decode, settings.units).transcribe([self._clips.load(number)])[
                    0
                ]
            except CrispAlignError:
                return plan, transcripts
            if isinstance(again, ClipTranscript):
                changed[number] = split_units(again.transcription.text, language, settings.units)
        if changed == transcripts:
            return plan, transcripts
        better = self._plan(reference, changed, language)
        lost = any(a != "unspoken" and b == "unspoken" for a, b in zip(plan.lines, better.lines, strict=True))
        return (plan, transcripts) if lost or better.share <= plan.share else (better, changed)

    def _aligned(self, utterances: Iterable[Utterance]) -> Iterator[tuple[list[Word], str]]:
        """The words of each utterance, and who timed them."""
        batch: list[Utterance] = []
        for utterance in utterances:
            batch.append(utterance)
            if len(batch) == _ALIGN_BATCH:
                yield from self._aligned_batch(batch)
                batch = []
        yield from self._aligned_batch(batch)

    def _aligned_batch(self, batch: Sequence[Utterance]) -> Iterator[tuple[list[Word], str]]:
        for utterance, result in zip(
            batch, self._models.use_aligners().align_utterances(batch) if batch else (), strict=True
        ):
            if isinstance(result, CrispAlignError):
                raise result
            self._fallbacks += [(name, result.aligner, reason) for name, reason in result.refusals]
            self._notices += result.notices
            yield list(timed_words(utterance, result)), result.aligner

    def _by_number(self, reference: ReferenceText, numbers: Sequence[int], language: str | None) -> list[Segment]:
        """Every line timed, each unit in the clip that `numbers` says."""
        owners = sorted(set(numbers))
        utterances = (
            Utterance(
                self._clips.load(number),
                tuple(u for u, n in zip(reference.audible, numbers, strict=True) if n == number),
                language,
            )
            for number in owners
        )
        words: list[Word] = []
        aligners: list[str] = []
        for found, aligner in self._aligned(utterances):
            words += found
            aligners += [aligner] * len(found)
        placed: list[Word | None] = list(words)
        return self._segments(reference, None, placed, aligners, language)

    def _time(
        self, plan: TextPlan, language: str | None
    ) -> Generator[Event, None, tuple[list[Word | None], tuple[ExtraSpeech, ...], list[str]]]:
        """The words of the text, None where they are not spoken; speech that the text lacks; who timed each word."""
        count = 1 + max(
            (item.given for clip in plan.clips for item in clip.items if item.given is not None), default=-1
        )
        words: list[Word | None] = [None] * count
        aligners = [""] * count
        extra: list[list[Word]] = [[]]
        utterances = (
            Utterance(self._clips.load(clip.number), tuple(item.unit for item in clip.items), language)
            for clip in plan.clips
        )
        for clip, (found, aligner) in zip(plan.clips, self._aligned(utterances), strict=True):
            yield Staged(self._file.source, "aligning")
            for item, word in zip(clip.items, found, strict=True):
                if item.given is None:
                    extra[-1].append(word)
                    continue
                words[item.given], aligners[item.given] = word, aligner
                if extra[-1]:
                    extra.append([])
        return words, _stretches(extra), aligners

    def _segments(
        self,
        reference: ReferenceText,
        plan: TextPlan | None,
        words: Sequence[Word | None],
        aligners: Sequence[str],
        language: str | None,
    ) -> list[Segment]:
        """A segment for each line, in the order of the text."""
        statuses = iter(plan.lines if plan else ())
        found: list[Segment] = []
        waiting: list[tuple[str, Literal["unspoken", "sound"]]] = []
        for line in reference.lines:
            spoken = [
                replace(word, text=unit.text)  # with its label, which the aligner was not given
                for word, unit in zip(
                    words[line.first : line.last], reference.units[line.first : line.last], strict=False
                )
                if word is not None
            ]
            status = next(statuses) if plan and not line.is_sound else None
            if line.is_sound or status == "unspoken" or not spoken:
                waiting.append((line.text, "sound" if line.is_sound else "unspoken"))
                continue
            self._place(found, waiting, spoken[0].start, language)
            waiting = []
            text = "".join(word.text for word in spoken)
            found.append(
                Segment(text, spoken[0].start, spoken[-1].end, language, tuple(spoken), aligners[line.first], status)
            )
        self._place(found, waiting, max(self._file.position, found[-1].end if found else 0.0), language)
        return found

    def _place(
        self,
        found: list[Segment],
        waiting: Sequence[tuple[str, Literal["unspoken", "sound"]]],
        end: float,
        language: str | None,
    ) -> None:
        """Put lines that take no speech between the last segment found and `end`."""
        for text, kind in waiting:
            if kind == "unspoken":
                self._unspoken_lines.append((text.strip(), found[-1].end if found else 0.0))
        shown = [(t, kind) for t, kind in waiting if kind == "sound" or self._unspoken != "drop"]
        if not shown:
            return
        if found and (room := room_after(found[-1].words[-1], end)):
            last = found[-1].words[-1]
            words = (*found[-1].words[:-1], replace(last, end=round(last.end - room, 3)))
            found[-1] = replace(found[-1], words=words, end=words[-1].end)
        start = found[-1].end if found else 0.0
        texts = [
            f"{text[: len(text) - len(text.lstrip())]}{UNSPOKEN_MARK} {text.lstrip()}"
            if kind == "unspoken" and self._unspoken == "mark"
            else text
            for text, kind in shown
        ]
        for text, (_, kind), (first, last_) in zip(texts, shown, place_silent_lines(texts, start, end), strict=True):
            made = silent_words(text, first, last_)
            found.append(Segment("".join(w.text for w in made), first, last_, language, made, None, kind))

    def _report(self, segments: Sequence[Segment], reference: ReferenceText, share: float) -> Iterator[Event]:
        file = self._file
        yield from file.add(ClipResult(tuple(segments), tuple(self._notices), tuple(self._fallbacks)))
        spoken = [segment for segment in segments if segment.match not in ("unspoken", "sound")]
        yield from file.remark(mismatch_notices(spoken, share))
        yield from file.remark(_summary(self._unspoken_lines, file.extra_speech))


def _without_sound(result: ClipTranscript | CrispAlignError) -> ClipTranscript | CrispAlignError:
    """A result that does not keep the sound of its clip in memory."""
    if isinstance(result, CrispAlignError):
        return result
    clip = replace(result.utterance.clip, samples=np.zeros(0, np.float32))
    return replace(result, utterance=replace(result.utterance, clip=clip))


def _stretches(runs: Sequence[Sequence[Word]]) -> tuple[ExtraSpeech, ...]:
    """Speech without text, a stretch a run, divided at long pauses."""
    found: list[ExtraSpeech] = []
    for run in runs:
        part: list[Word] = []
        for word in run:
            if part and word.start - part[-1].end > _SAME_STRETCH:
                found.append(_stretch(part))
                part = []
            part.append(word)
        if part:
            found.append(_stretch(part))
    return tuple(stretch for stretch in found if stretch.end - stretch.start >= _SHORTEST_EXTRA)


def _stretch(words: Sequence[Word]) -> ExtraSpeech:
    return ExtraSpeech(words[0].start, words[-1].end, "".join(word.text for word in words).strip())


def _summary(unspoken: Sequence[tuple[str, float]], extra: Sequence[ExtraSpeech]) -> list[str]:
    """What to say of lines that nobody says, and of speech that the text lacks."""
    notices = []
    if unspoken:
        count = "1 line is" if len(unspoken) == 1 else f"{len(unspoken)} lines are"
        text, time = unspoken[0]
        notices.append(f"{count} not spoken; the first near {time:.1f} s: {quoted(text)}")
    if extra:
        count = "1 stretch" if len(extra) == 1 else f"{len(extra)} stretches"
        seconds = sum(stretch.end - stretch.start for stretch in extra)
        first = extra[0]
        notices.append(
            f"{count} of speech ({seconds:.1f} s) that the text lacks; the first at {first.start:.1f} to "
            f"{first.end:.1f} s: {quoted(first.text)}"
        )
    return notices
