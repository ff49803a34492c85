"""The route from media to a timed transcript, once.

Files become clips, clips of any files share a batch, a batch is transcribed and aligned, and what comes out is a
stream of plain events. Nothing here prints, and nothing of a file is kept but its transcript.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeAlias

from crisp_align.aligners.chain import AlignerChain
from crisp_align.backends import Backend
from crisp_align.events import Event, Ready
from crisp_align.formats.document import SubtitleDocument
from crisp_align.pipeline.prefetch import BUFFER_BYTES, Feed, ListFeed, Prefetcher, Task
from crisp_align.pipeline.residency import ModelResidency
from crisp_align.pipeline.scheduler import Scheduler
from crisp_align.pipeline.settings import Settings
from crisp_align.pipeline.text_alignment import align_document, align_given, align_text
from crisp_align.sync.given import GivenText, Unspoken

__all__ = ["Pipeline", "Settings", "run", "run_texts"]

Source: TypeAlias = str | os.PathLike[str]


class Pipeline:
    """Loaded models and the route through them. One thread at a time may use it; another thread loads its own.

    >>> pipeline = Pipeline.load(Settings(ModelChoice(model="small")))
    >>> for event in pipeline.transcribe(["a.mp3", "b.mkv"]):
    ...     if isinstance(event, Finished):
    ...         print(event.transcript.text)

    Args:
        settings: what the user asked for.
        backend: loaded, the options checked against it; None: loaded when it is needed.
        aligners: loaded.
    """

    def __init__(self, settings: Settings, backend: Backend | None, aligners: AlignerChain) -> None:
        self.settings = settings
        """What the user asked for."""
        self.models = ModelResidency(settings, backend, aligners)

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
        pipeline = cls.__new__(cls)
        pipeline.settings, pipeline.models = settings, ModelResidency.load(settings, transcribes=transcribes)
        return pipeline

    @property
    def ready(self) -> Ready:
        """What was loaded."""
        return self.models.ready

    @property
    def max_clip(self) -> float:
        """s, the longest clip that backend and aligners take."""
        return self.models.max_clip

    @property
    def batch_size(self) -> int:
        """Clips in one call of the models."""
        return self.models.backend_info.batch_size

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
        feed = ListFeed(Task(os.fspath(source)) for source in listed)
        with Prefetcher(feed, self.settings.media, self.settings.vad, limit) as reading:
            yield from self.route(reading)

    def route(self, reading: Prefetcher) -> Iterator[Event]:
        """What `transcribe` does, with sources that are being read already."""
        yield from Scheduler(self.models, self.settings).run(reading)

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
        yield from align_text(self.models, os.fspath(source), text, unspoken)

    def align_given(self, source: Source, given: GivenText) -> Iterator[Event]:
        """Time the text of a file: a plain one line by line, subtitles cue by cue.

        Args:
            source: a path; "-" is standard input.
            given: where the text is, and what becomes of it.

        Yields:
            The same events as `transcribe`; where cues stay cues, the last is SubtitlesFinished.
        """
        yield from align_given(self.models, os.fspath(source), given)

    def align_document(
        self, source: Source, document: SubtitleDocument, unspoken: Unspoken = "keep"
    ) -> Iterator[Event]:
        """Time subtitles by their words; the last event, SubtitlesFinished, holds them in time."""
        yield from align_document(self.models, os.fspath(source), document, unspoken)


def run(settings: Settings, feed: Feed, buffer_bytes: int = BUFFER_BYTES) -> Generator[Ready | Event]:
    """Load the models and run a feed of tasks through them; the first files are decoded meanwhile.

    Args:
        settings: what the user asked for.
        feed: of tasks.
        buffer_bytes: bytes of sound that may wait for the models.

    Yields:
        Ready, then what `Pipeline.transcribe` gives.

    Raises:
        OptionError: no such backend or aligner, or an option it cannot honour.
        ModelError: weights missing, damaged or of the wrong kind; an engine not installed.
    """
    limit: Future[float] = Future()
    with Prefetcher(feed, settings.media, settings.vad, limit, buffer_bytes) as reading:
        pipeline = Pipeline.load(settings)
        reading.batch_size = pipeline.batch_size
        limit.set_result(pipeline.max_clip)
        yield pipeline.ready
        yield from pipeline.route(reading)


def run_texts(settings: Settings, feed: Feed) -> Generator[Ready | Event]:
    """Load the models and time the texts of a feed of tasks, one after the other.

    Args:
        settings: what the user asked for.
        feed: of tasks that have texts.

    Yields:
        Ready, then what `Pipeline.align_given` gives.

    Raises:
        OptionError: no such backend or aligner, or an option it cannot honour.
        ModelError: weights missing, damaged or of the wrong kind; an engine not installed.
    """
    pipeline = Pipeline.load(settings, transcribes=False)
    yield pipeline.ready
    while not feed.ended:
        task = feed.take(wait=True)
        if task is not None and task.text is not None:
            yield from pipeline.align_given(task.source, task.text)
