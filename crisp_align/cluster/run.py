"""Many files on a cluster: reading, transcription and alignment as three stages of Ray Data, and their run.

Ray Data moves parts of files between the stages, with back-pressure, and does again what a crash or a lost node takes
along. Left alone it would try a file that kills its workers for ever: a tracker, on the node of the run, knows which
steps were in progress when a worker died, and the stages give such a file up (`cluster.stages`). What does not come out
of the last stage all the same is done in another round, from the last clip that came out on.

A part may be transcribed before the part in front of it, on another node. Where the language of its first clips is not
certain, they follow the last certain clip of their file, which only the run knows: a part that was transcribed in
another language than that is transcribed again in the next round.

Nothing here imports ray until a run begins.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import crisp_align
from crisp_align.cluster.ray import build_dataset, connected, drain, import_ray, last_line, living_nodes, probe_models
from crisp_align.cluster.sizes import ClusterOptions, ResourcePlan, plan_resources
from crisp_align.errors import CrispAlignError, WorkerDiedError
from crisp_align.events import (
    Advanced,
    Event,
    Failed,
    Noticed,
    Ready,
    Staged,
    Started,
)
from crisp_align.pipeline.assembly import FileAssembly, Provenance, conclude
from crisp_align.pipeline.prefetch import Feed, Read, Task

if TYPE_CHECKING:
    from crisp_align.cluster.stages import Done, Models, Part
    from crisp_align.pipeline.pipeline import Settings

__all__ = ["ClusterOptions", "run"]

_TICK = 0.2  # s between two polls for new tasks
_CLIPS = 8  # in a part: 15 MB, four minutes of speech
_GROWTH = 4  # times as many from round to round, lest a file need as many rounds as it has parts
_QUEUE = 64  # tables that may wait for the run
_AHEAD = 4  # files that wait to be read, besides two for each that can be read at once
_LOSSES = 3  # rounds that a file may be lost in
_STALL = 15.0  # s in which nobody does anything after a node was lost: what is left is too small for all workers


def run(settings: Settings, feed: Feed, options: ClusterOptions | None = None) -> Generator[Ready | Event | None]:
    """Run a feed of tasks on a Ray cluster.

    Args:
        settings: for each worker, but that each has the CPUs and GPUs of its stage.
        feed: of tasks, each source once.
        options: which cluster, and how it is divided.

    Yields:
        Ready, then what `workers.run` gives, None too; files come in any order.

    Raises:
        MissingDependencyError: Ray is not installed.
        OptionError: no cluster answers, or it is too small.
        ModelError: the models do not load.
    """
    first = None
    while first is None:  # without work nothing is started
        if feed.ended:
            return
        first = feed.take(wait=True)
        yield None
    yield from _Run(settings, feed, options or ClusterOptions(), first).work()


@dataclass(slots=True)
class _File:
    """A file on its way."""

    assembly: FileAssembly
    base: int
    """Clips that it begins after in this round."""
    parts: dict[int, Part[Done | CrispAlignError]] = field(default_factory=dict)
    """That came before those in front of them, by the number of their first clip."""
    begun: bool = False
    closed: bool = False
    """Nothing more of it counts in this round."""
    losses: int = 0

    def remaining(self) -> Task:
        """What is left of it."""
        self.base, self.closed = len(self.assembly.results), False
        self.parts.clear()
        return self.assembly.task


class StallDetector:
    """Detects when what is left of a cluster makes no progress: a node was lost, and nothing was done since.

    What the lost node held is then waiting for room that the others do not have.

    Args:
        nodes: that live in the beginning.
        now: s, as all times here.
    """

    def __init__(self, nodes: set[str], now: float) -> None:
        self._nodes, self._last_progress = nodes, now

    def progress_made(self, now: float) -> None:
        """Note that something was done."""
        self._last_progress = now

    def is_over(self, alive: set[str], busy: set[str], now: float) -> bool:
        """Whether waiting longer is of no use.

        Args:
            alive: nodes that live.
            busy: nodes with a step in progress, dead ones maybe among them.
            now: this moment.
        """
        if busy & alive or self._nodes <= alive:
            self._last_progress = now
        return now - self._last_progress > _STALL


class _Run:
    """What is still to do, and the rounds that do it."""

    def __init__(self, settings: Settings, feed: Feed, options: ClusterOptions, first: Task) -> None:
        self.settings, self.feed, self.options = settings, feed, options
        self.first: Task | None = first
        self.files: dict[str, _File] = {}
        self.models: Models | None = None
        self.drainer: Thread | None = None

    def work(self) -> Generator[Ready | Event | None]:
        """All rounds."""
        ray = import_ray()
        number, left = 0, list[_File]()
        while True:
            # What a round leaves hanging when it is given up ends with its connection.
            with connected(ray, self.options.address):
                if self.models is None:
                    self.models = probe_models(ray, self.settings, self.sizes(ray))
                    yield self.models.ready
                whole = True
                while whole:
                    whole = yield from self.round(ray, number, [file.remaining() for file in left])
                    number += 1
                    yield from self.retry_lost()
                    left = list(self.files.values())
                    if not left and self.feed.ended and self.first is None:
                        return
            if self.drainer is not None:  # what it still holds belongs to the connection that has ended
                self.drainer.join(_STALL)

    def sizes(self, ray: Any) -> ResourcePlan:
        """How the cluster is divided as it is now."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = [float(node.get("CPU", 0)) for node in nodes]
        devices = {self.settings.backend.load.device, self.settings.aligner.load.device}
        gpus = [0.0 if devices == {"cpu"} else float(node.get("GPU", 0)) for node in nodes]
        return plan_resources(self.options, cpus, gpus)

    def round(self, ray: Any, number: int, tasks: list[Task]) -> Generator[Event | None, None, bool]:
        """Do tasks, or those of the feed where there are none; False: it was given up before its end."""
        from crisp_align.cluster.stages import StageConfig
        from crisp_align.cluster.tracker import TaskTracker

        assert self.models is not None  # noqa: S101 (for the type checker)
        sizes, ended = self.sizes(ray), bool(tasks)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        tracker = ray.remote(num_cpus=0, scheduling_strategy=here)(TaskTracker).remote()
        tracker.put.remote(tasks, ended=ended)
        clips = _CLIPS * _GROWTH ** min(number, 2)
        home = os.getcwd()  # noqa: PTH109 (the very name)
        config = StageConfig(self.settings, self.models, clips, self.options.timeout, home, tracker)
        arrived: Queue[Any] = Queue(_QUEUE)
        dataset = build_dataset(ray, config, sizes)
        self.drainer = Thread(target=drain, args=(dataset, arrived), name="cluster", daemon=True)
        self.drainer.start()
        given, ahead = len(tasks), _AHEAD + 2 * sizes.decode_workers
        stall, anything = StallDetector(living_nodes(ray), time.monotonic()), False
        while True:
            yield None
            begun, busy, happened = ray.get(tracker.poll.remote())
            yield from self.forward(happened)
            if not ended and given - begun < ahead:
                more = self.more(ahead)
                ended = self.feed.ended and self.first is None
                given += len(more)
                tracker.put.remote(more, ended=ended)
            try:
                values = arrived.get(timeout=_TICK)
            except Empty:
                if stall.is_over(living_nodes(ray), busy, time.monotonic()):
                    return False
                continue
            if isinstance(values, Exception) and not anything:
                raise CrispAlignError(f"the cluster failed ({last_line(values)})") from values
            if not isinstance(values, list):
                return True
            anything = True
            stall.progress_made(time.monotonic())
            for value in values:
                yield from self.take(value)

    def forward(self, events: Iterable[Started | Staged | Noticed]) -> Iterator[Event]:
        """Pass on what happened to files that are on their way."""
        for event in events:
            file = self.files.get(event.source)
            if file is None or (file.begun and isinstance(event, Started)):
                continue
            yield event
            if isinstance(event, Started):
                file.begun = True
                yield from file.assembly.resumption()

    def more(self, count: int) -> list[Task]:
        """The next tasks, as far as they are there."""
        tasks: list[Task] = []
        while len(tasks) < count:
            task, self.first = self.first, None
            if task is None and not self.feed.ended:
                task = self.feed.take(wait=not self.files and not tasks)
            if task is None:
                break
            self.files[task.source] = _File(FileAssembly(task), len(task.finished))
            tasks.append(task)
        return tasks

    def take(self, value: Any) -> Iterator[Event]:
        """What came out of the last stage."""
        from crisp_align.cluster.stages import LoadFailure

        if isinstance(value, LoadFailure):
            raise value.error
        file = self.files.get(value.source)
        if file is None or file.closed:
            return
        file.parts[value.first] = value
        while not file.closed and (part := file.parts.pop(len(file.assembly.results), None)) is not None:
            yield from self.add(file, part)

    def add(self, file: _File, part: Part[Done | CrispAlignError]) -> Iterator[Event]:
        """Take over the next part of a file."""
        assembly, source = file.assembly, file.assembly.source
        if part.started is not None and not file.begun:
            file.begun = True
            yield part.started
            yield from assembly.resumption()
        if part.first > file.base and not self.settings.decode.language and not _in_language(part, assembly.language):
            file.closed = True
            return
        for done in part.clips:
            if isinstance(done, CrispAlignError):
                yield from self.fail(file, done)
                return
            yield from assembly.add(done.result, self.settings.script)
            yield Advanced(source, done.end)
        if isinstance(part.ended, CrispAlignError):
            yield from self.fail(file, part.ended)
        elif isinstance(part.ended, Read):
            file.closed = True
            del self.files[source]
            assembly.position = part.ended.position
            yield from assembly.remark(part.ended.notices)
            yield from conclude(assembly, self.provenance, self.settings)

    def fail(self, file: _File, error: CrispAlignError) -> Iterator[Event]:
        """Give a file up."""
        file.closed = True
        del self.files[file.assembly.source]
        yield Failed(file.assembly.source, error, quarantined=isinstance(error, WorkerDiedError))

    @property
    def provenance(self) -> Provenance:
        """How what comes out is made."""
        assert self.models is not None  # noqa: S101 (for the type checker)
        return Provenance(self.models.backend, self.models.model, self.models.aligner, crisp_align.__version__)

    def retry_lost(self) -> Iterator[Event]:
        """See to the files that did not come out of a round."""
        for file in list(self.files.values()):
            if file.closed:  # a part of it is to be transcribed in another language
                continue
            file.losses += 1
            if file.losses >= _LOSSES:
                error = WorkerDiedError(f"lost on the cluster {file.losses} times", subject=file.assembly.source)
                yield from self.fail(file, error)
            else:
                yield Noticed(file.assembly.source, "lost on the cluster; tried again")


def _in_language(part: Part[Done | CrispAlignError], language: str | None) -> bool:
    """Whether the first clips of a part are in the language they would be in after what comes before them."""
    for done in part.clips:
        if isinstance(done, CrispAlignError) or done.result.language is not None or language is None:
            break
        if done.language != language and not (done.silent and done.language is None):
            return False
    return True
