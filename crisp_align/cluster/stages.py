"""What runs on the nodes of a cluster: files are read, transcribed and aligned as stages of Ray Data.

Between the stages travel parts of files: some clips in config, and what is known of the file's beginning and end. What
goes wrong with a file is part of a part, so that nothing but a crash ever stops a stage. What a crash or a lost node
takes along, Ray does again; a tracker knows which steps were in progress when a worker died, so that what died together
with others is tried alone the second time, and not a third time.
"""

from __future__ import annotations

import faulthandler
import itertools
import os
import pickle
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import crisp_align
from crisp_align.backends import load_backend
from crisp_align.cluster.tracker import COLUMN, Step
from crisp_align.errors import CrispAlignError, ModelError, WorkerDiedError
from crisp_align.events import ClipResult, Ready, Stage, Started
from crisp_align.media.remote import local_copy
from crisp_align.pipeline.pipeline import Pipeline, Settings
from crisp_align.pipeline.prefetch import Read, Task, read
from crisp_align.pipeline.residency import aligners_alone
from crisp_align.pipeline.stages import AlignmentStage, ClipTranscript, Transcriber
from crisp_align.transcript import Clip

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "AlignStage",
    "Done",
    "LoadFailure",
    "Models",
    "Part",
    "StageConfig",
    "TranscribeStage",
    "probe_models",
    "read_parts",
    "unpacked",
]

T = TypeVar("T")
U = TypeVar("U")

_TRIES = 2  # times that a worker may die over a part


@dataclass(frozen=True, slots=True)
class Models:
    """What was loaded; the same on every node."""

    ready: Ready
    max_clip: float
    """s, the longest clip that backend and aligners take."""
    backend: str
    model: str
    aligner: str


@dataclass(frozen=True, slots=True)
class StageConfig:
    """What every stage is given."""

    settings: Settings
    models: Models
    clips: int
    """In a part, at most."""
    timeout: float
    """s after which a stage that is still at the same parts ends its process."""
    home: str
    """The folder that paths begin in."""
    tracker: Any
    """The `TaskTracker`, where each step is noted when it begins and ends."""


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Some clips of a file, in config, or what became of them."""

    source: str
    first: int
    """Number of its first clip in its source."""
    clips: tuple[T, ...]
    started: Started | None = None
    """In the first part."""
    ended: Read | CrispAlignError | None = None
    """In the last part: how reading ended; a mistake in a stage, in any."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a clip."""

    result: ClipResult
    end: float
    """s in its source."""
    language: str | None
    """It was transcribed in, certain or not."""
    silent: bool
    """Its transcription is empty."""


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A node whose models do not load."""

    error: CrispAlignError


_ReadPart: TypeAlias = Part[Clip]
_TranscribedPart: TypeAlias = Part[ClipTranscript | CrispAlignError]
_DonePart: TypeAlias = Part[Done | CrispAlignError]


def packed(values: Iterable[object]) -> pa.Table:
    """Values as rows of a table."""
    import pyarrow as pa

    return pa.table({COLUMN: pa.array([pickle.dumps(value, 5) for value in values], pa.large_binary())})


def unpacked(table: pa.Table) -> list[Any]:
    """The values in a table that `packed` made."""
    return [pickle.loads(value.as_buffer()) for value in table.column(COLUMN)]  # noqa: S301 (our own processes')


def probe_models(settings: Settings, version: str) -> Models | CrispAlignError:
    """Load all models once and return what they are, before anything else is started."""
    if version != crisp_align.__version__:
        return _on_this_node(ModelError(f"has crisp-align {crisp_align.__version__}, not {version}"))
    try:
        pipeline = Pipeline.load(settings)
    except CrispAlignError as error:
        return error
    backend = pipeline.models.backend_info
    return Models(pipeline.ready, pipeline.max_clip, backend.name, backend.model, pipeline.models.aligners.names[0])


def read_parts(table: pa.Table, config: StageConfig) -> Iterator[pa.Table]:
    """Read files and cut them into clips."""
    for number, task in unpacked(table):
        config.tracker.task_begun.remote(number)
        with closing(_parts(task, config)) as parts:
            for count in itertools.count():
                # Only our own steps are timed, not how long the next stage lets us wait.
                watch = _StepWatchdog(config, [("decoding", task.source, count)])
                with watch as deaths:
                    if deaths[0] >= _TRIES:
                        watch.done = False
                        yield packed([Part(task.source, len(task.finished), (), ended=_death(task.source))])
                        break
                    part = next(parts, None)
                if part is None:
                    break
                yield packed([part])


def _parts(task: Task, config: StageConfig) -> Generator[_ReadPart]:
    first, clips, started, ended = len(task.finished), list[Clip](), None, None
    limit: Future[float] = Future()
    limit.set_result(config.models.max_clip)
    try:
        with local_copy(task.source) as path:
            # Nodes work in folders of their own.
            there = Task(os.path.join(config.home, path), task.finished)  # noqa: PTH118 (a name need not be a Path's)
            for step in read(there, config.settings.media, config.settings.vad, limit):
                match step:
                    case Started(_, duration):
                        started = Started(task.source, duration)
                        config.tracker.publish.remote(started)
                    case Read():
                        ended = step
                    case (_, clip):
                        if len(clips) == config.clips:
                            yield Part(task.source, first, tuple(clips), started)
                            first, clips, started = first + len(clips), [], None
                        clips.append(replace(clip, source=task.source))
    except CrispAlignError as error:
        named = type(error)(error.what, subject=task.source, hint=error.hint)
        yield Part(task.source, first, (), started, named)
        return
    yield Part(task.source, first, tuple(clips), started, ended)


class TranscribeStage:
    """The backend as a stage: parts of clips become parts of clip transcripts."""

    def __init__(self, config: StageConfig) -> None:
        self.config = config
        self.transcriber = _loaded(self._load, config)

    def _load(self) -> Transcriber:
        settings, choice = self.config.settings, self.config.settings.backend
        backend = load_backend(choice.name, choice.model, options=choice.load, decode=settings.decode)
        if (backend.name, backend.model) != (self.config.models.backend, self.config.models.model):
            raise ModelError(
                f"finds {backend.name} {backend.model}, another node {self.config.models.model}",
                hint="name the model with -m, and have it on every node",
            )
        return Transcriber(backend, settings.decode, settings.units)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Do one step of the stage."""
        if isinstance(self.transcriber, LoadFailure):
            return packed([self.transcriber])
        return packed(_map_parts(unpacked(table), self._transcribe, self.config, "transcribing"))

    def _transcribe(self, clips: Sequence[Clip]) -> Iterator[ClipTranscript | CrispAlignError]:
        assert isinstance(self.transcriber, Transcriber)  # noqa: S101 (for the type checker)
        size = self.config.models.ready.batch_size
        for begin in range(0, len(clips), size):
            yield from self.transcriber.transcribe(clips[begin : begin + size])


class AlignStage:
    """The aligners as a stage: parts of clip transcripts become parts of what is done."""

    def __init__(self, config: StageConfig) -> None:
        self.config = config
        self.aligner = _loaded(self._load, config)

    def _load(self) -> AlignmentStage:
        backend = replace(self.config.settings.backend, name=self.config.models.backend)
        aligners = aligners_alone(replace(self.config.settings, backend=backend))
        if aligners.names[0] != self.config.models.aligner:
            raise ModelError(
                f"finds the aligner {aligners.names[0]}, another node {self.config.models.aligner}",
                hint="name the aligner with -am, and have it on every node",
            )
        return AlignmentStage(aligners)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Do one step of the stage."""
        if isinstance(self.aligner, LoadFailure):
            return packed([self.aligner])
        return packed(_map_parts(unpacked(table), self._align, self.config, "aligning"))

    def _align(self, clips: Sequence[ClipTranscript | CrispAlignError]) -> Iterator[Done | CrispAlignError]:
        assert isinstance(self.aligner, AlignmentStage)  # noqa: S101 (for the type checker)
        transcribed = [clip for clip in clips if isinstance(clip, ClipTranscript)]
        results = iter(self.aligner.align(transcribed))
        for clip in clips:
            if isinstance(clip, CrispAlignError):
                yield clip
                continue
            said, result = clip.transcription, next(results)
            if isinstance(result, CrispAlignError):
                yield result
            else:
                yield Done(result, clip.utterance.clip.end, said.language, silent=not said.text.strip())


def _loaded(load: Callable[[], T], config: StageConfig) -> T | LoadFailure:
    """Return what `load` does; an error comes back as a value, which the stage passes on with its first part."""
    try:
        with _StepWatchdog(config, [("loading", f"{os.getpid()}@{socket.gethostname()}", 0)], timed=False):
            return load()
    except CrispAlignError as error:
        return LoadFailure(_on_this_node(error))
    except Exception as error:  # whatever a plug-in raises
        return LoadFailure(_on_this_node(ModelError(f"the models do not load: {type(error).__name__}: {error}")))


def _on_this_node(error: CrispAlignError) -> CrispAlignError:
    return type(error)(f"{error.what} (on node {socket.gethostname()})", subject=error.subject, hint=error.hint)


def _map_parts(
    parts: Sequence[Part[T] | LoadFailure],
    work: Callable[[Sequence[T]], Iterable[U]],
    config: StageConfig,
    stage: Stage,
) -> list[Part[U] | LoadFailure]:
    """Put the clips of parts through `work` together, or each alone where that once went wrong."""
    whole = [part for part in parts if isinstance(part, Part)]
    if not whole:
        return [part for part in parts if isinstance(part, LoadFailure)]
    results: list[U] | None = None
    mistake: CrispAlignError | None = None
    watch = _StepWatchdog(config, [(stage, part.source, part.first) for part in whole])
    with watch as deaths:
        if len(whole) == 1 and deaths[0] >= _TRIES:
            mistake = _death(whole[0].source)
            watch.done = False  # another part of the same call may yet take this answer along
        elif len(whole) == 1 or not any(deaths):
            try:
                results = list(work([clip for part in whole for clip in part.clips]))
            except Exception as error:  # whatever a plug-in raises
                mistake = CrispAlignError(f"{type(error).__name__}: {error}", subject=whole[0].source)
        else:
            watch.done = False
    if results is None and len(whole) > 1:
        return [done for part in parts for done in _map_parts([part], work, config, stage)]
    if results is None:
        return [Part(part.source, part.first, (), part.started, mistake) for part in whole]
    given = iter(results)
    return [
        part
        if isinstance(part, LoadFailure)
        else Part(part.source, part.first, tuple(islice(given, len(part.clips))), part.started, part.ended)
        for part in parts
    ]


def _death(source: str) -> WorkerDiedError:
    return WorkerDiedError("its worker crashed or hung, twice", subject=source, hint="left out from now on")


class _StepWatchdog:
    """Notes at the tracker which steps are in progress, and ends a process where they take too long, wherever it hangs.

    Entering gives, for each step, how often a worker died in it before.
    """

    def __init__(self, config: StageConfig, steps: Sequence[Step], *, timed: bool = True) -> None:
        self._config, self._steps, self._timed = config, steps, timed
        self.done = True
        """Unset where the steps are not tried after all; the deaths in them stay known."""

    def __enter__(self) -> list[int]:
        import ray

        self._node = ray.get_runtime_context().get_node_id()
        # When this is answered it is known, whatever crashes next.
        deaths: list[int] = ray.get(self._config.tracker.begin.remote(self._steps, self._node))
        if self._timed:
            faulthandler.dump_traceback_later(self._config.timeout, exit=True, file=2)
        return deaths

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._config.tracker.end.remote(self._steps, self._node, done=self.done)
