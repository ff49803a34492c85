"""What came of the clips of one file, put together into its transcript, wherever the clips were done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from crisp_align.errors import CrispAlignError
from crisp_align.events import Advanced, ClipDone, ClipResult, Event, Failed, Finished, Noticed, SegmentReady
from crisp_align.media.audio import MediaOptions
from crisp_align.pipeline.prefetch import Task
from crisp_align.pipeline.second_look import joined_at_seam, uncovered_notice
from crisp_align.pipeline.settings import MediaSource, Settings, WholeFileStage
from crisp_align.speech.speakers import merged_by_time
from crisp_align.text.script import Script, in_script
from crisp_align.transcript import ExtraSpeech, Segment, Transcript

__all__ = ["FileAssembly", "Provenance", "conclude"]

_RECENT = 16  # clips that decide in which script Chinese is written


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a transcript was made, for the record."""

    backend: str | None
    model: str | None
    aligner: str
    version: str


class FileAssembly:
    """The results of a file's clips so far, in order, and what there is to say of the file as a whole.

    Args:
        task: the source, with the results of its first clips where an earlier run did them.
    """

    def __init__(self, task: Task) -> None:
        self.source = task.source
        self.results: list[ClipResult] = list(task.finished)
        self.position = max((segment.end for segment in self._segments()), default=0.0)
        """s in the source up to which it is done."""
        self._resumed = len(self.results)
        self._remarks: list[str] = []
        self.extra_speech: tuple[ExtraSpeech, ...] = ()
        """What is said that a reference text lacks."""

    @property
    def task(self) -> Task:
        """What is left of the file."""
        return Task(self.source, tuple(self.results))

    @property
    def language(self) -> str | None:
        """The last language that was certain."""
        return self.task.language

    def resumption(self) -> Iterator[Event]:
        """Give the events of a file whose first clips an earlier run did; none for any other."""
        if self._resumed:
            yield Noticed(self.source, f"{self._resumed} clips were done by an earlier run; the rest follows")
            yield Advanced(self.source, self.position)

    def add(self, result: ClipResult, script: Script = "auto") -> Iterator[Event]:
        """Take the result of the next clip, and give the events it causes.

        Args:
            result: of the clip; words that the clip before it has, too, are left out.
            script: in which Chinese is written.
        """
        number = len(self.results)
        earlier = [segment for before in self.results[-_RECENT:] for segment in before.segments]
        result = joined_at_seam(earlier, result)
        result = replace(result, segments=in_script(result.segments, script, earlier))
        self.results.append(result)
        yield from (Noticed(self.source, text, detail=True) for text in result.notices)
        yield from (SegmentReady(self.source, segment) for segment in result.segments)
        yield ClipDone(self.source, number, result)

    def remark(self, texts: Iterable[str], *, detail: bool = False) -> Iterator[Event]:
        """Keep what there is to say of the file as a whole, and give the events that say it."""
        for text in texts:
            self._remarks.append(text)
            yield Noticed(self.source, text, detail)

    def fallbacks(self) -> list[str]:
        """Return a sentence for each way in which clips were timed by another aligner than the one asked."""
        counts = Counter(fallback for result in self.results for fallback in result.fallbacks)
        return [
            f"{'1 clip' if count == 1 else f'{count} clips'} timed by {used}, not {asked}: {reason}"
            for (asked, used, reason), count in counts.items()
        ]

    @property
    def uncovered(self) -> list[tuple[float, float]]:
        """(start, end), s in the source, of voice without words, in order."""
        return sorted(part for result in self.results for part in result.uncovered)

    def finish(self, provenance: Provenance, stages: Iterable[WholeFileStage], media: MediaOptions) -> Transcript:
        """Return the transcript of the file, through all stages that want the whole of it.

        Raises:
            CrispAlignError: a stage failed.
        """
        segments = tuple(self._segments())
        transcript = Transcript(
            segments=merged_by_time(segments, self.position) if media.channel == "each" else segments,
            duration=round(self.position, 3),
            source=self.source,
            backend=provenance.backend,
            model=provenance.model,
            aligner=provenance.aligner,
            version=provenance.version,
            notices=(*(notice for result in self.results for notice in result.notices), *self._remarks),
            extra_speech=self.extra_speech,
            uncovered=tuple((round(a, 3), round(b, 3)) for a, b in self.uncovered),
        )
        for stage in stages:
            try:
                transcript = stage(transcript, MediaSource(self.source, media))
            except CrispAlignError:
                raise
            except Exception as error:  # a stage of others raises what it likes
                name = getattr(stage, "__qualname__", type(stage).__qualname__)
                reason = f"{type(error).__name__}: {error}"
                raise CrispAlignError(f"the stage {name} failed ({reason})", subject=self.source) from error
        return transcript

    def _segments(self) -> Iterator[Segment]:
        return (segment for result in self.results for segment in result.segments)


def conclude(assembly: FileAssembly, provenance: Provenance, settings: Settings) -> Iterator[Event]:
    """Give the last events of a file whose clips are all done."""
    # To a user who named no aligner it is a detail which one it was.
    yield from assembly.remark(assembly.fallbacks(), detail=settings.aligner.name == "auto")
    yield from assembly.remark(uncovered_notice(assembly.uncovered))
    try:
        transcript = assembly.finish(provenance, settings.stages, settings.media)
    except CrispAlignError as error:
        yield Failed(assembly.source, error)
        return
    yield Advanced(assembly.source, assembly.position)
    yield Finished(assembly.source, transcript)
