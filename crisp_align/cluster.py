"""Many files on a cluster: reading, hearing and timing as three stages of Ray Data, and whoever owns the run, here.

Ray Data moves parts of files between the stages, with back-pressure, and does again what a crash or a lost node takes
along. Left alone it would try a file that kills its workers for ever: a board, beside us, knows who was at what when
it died, and the stages give such a file up (`cluster_stages`). What does not come out of the last stage all the same
is done in another round, from the last clip that came out on.

A part may be heard before the part in front of it, on another node. Where the language of its first clips is not
certain, they follow the last certain clip of their file, which only we know: a part that was heard in another language
than that is heard again in the next round.

Nothing here imports ray until a run begins.
"""

from __future__ import annotations

import logging
import math
import os
import re
import signal
import socket
import sys
import time
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import crisp_align
from crisp_align.errors import CrispAlignError, MissingDependencyError, ModelError, OptionError
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
    Staged,
    Started,
)
from crisp_align.reading import Feed, Read, Task
from crisp_align.transcript import Transcript
from crisp_align.workers import WorkerDiedError

if TYPE_CHECKING:
    from crisp_align.cluster_stages import Done, Models, Part
    from crisp_align.pipeline import Settings

__all__ = ["ClusterOptions", "Sizes", "fitting", "run"]

_TICK = 0.2  # s between two looks for new tasks
_CLIPS = 8  # in a part: 15 MB, four minutes of speech
_GROWTH = 4  # times as many from round to round, lest a file need as many rounds as it has parts
_ROWS = 8  # parts that are heard or timed in one call
_AHEAD = 4  # files that wait to be read, besides two for each that can be read at once
_LOSSES = 3  # rounds that a file may be lost in
_ANSWER = 10.0  # s that a cluster has to answer at all
_STALL = 15.0  # s in which nobody does anything after a node was lost: what is left is too small for all workers


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Which cluster, and how it is divided among the stages. 0, None: as suits it."""

    address: str | None = None
    """Of a running cluster: host:port, ray://host:port or "auto"; None: one on this machine, for this run."""
    asr_workers: int = 0
    asr_cpus: float | None = None
    asr_gpus: float | None = None
    align_workers: int = 0
    align_cpus: float | None = None
    align_gpus: float | None = None
    decode_workers: int = 0
    decode_cpus: float | None = None
    timeout: float = 1800.0
    """s after which a worker that is still at the same clips is taken for hung."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How a cluster is divided."""

    asr_workers: int
    asr_cpus: float
    asr_gpus: float
    align_workers: int
    align_cpus: float
    align_gpus: float
    decode_workers: int
    decode_cpus: float


def fitting(options: ClusterOptions, cpus: float, gpus: float, smallest: float) -> Sizes:
    """Divide a cluster; what is asked for stays, as long as all stages find a place.

    With GPUs there is an ASR and an alignment worker for each, which share it. Without, an ASR worker takes up to four
    CPUs, and there is an alignment worker and a file being read, of half a CPU, for every two of them.

    Args:
        options: what is asked for.
        cpus: of all nodes.
        gpus: of all nodes.
        smallest: CPUs of the node that has fewest.

    Raises:
        OptionError: one worker of each stage is more than the cluster has.
    """
    share = 0.5 if gpus else 0.0
    asr_gpus = share if options.asr_gpus is None else options.asr_gpus
    align_gpus = share if options.align_gpus is None else options.align_gpus
    asr_cpus = (
        (1.0 if asr_gpus else min(4.0, max(1.0, smallest // 2))) if options.asr_cpus is None else options.asr_cpus
    )
    align_cpus = 0.5 if options.align_cpus is None else options.align_cpus
    decode_cpus = 0.5 if options.decode_cpus is None else options.decode_cpus
    if asr_gpus:
        asr = int(gpus / (asr_gpus + align_gpus)) if options.asr_gpus is None else int(gpus / asr_gpus)
    else:
        asr = int(cpus / (asr_cpus + (align_cpus + decode_cpus) / 2))
    asr = max(options.asr_workers or asr, 1)
    align = options.align_workers or (asr if align_gpus else math.ceil(asr / 2))

    def cpus_left(asr: int, align: int) -> float:
        return cpus - asr * asr_cpus - align * align_cpus

    def fits(asr: int, align: int) -> bool:
        return cpus_left(asr, align) >= decode_cpus and asr * asr_gpus + align * align_gpus <= gpus

    while not fits(asr, align) and max(asr, align) > 1:  # the larger pool gives way
        asr, align = (asr - 1, align) if asr >= align else (asr, align - 1)
    if not fits(asr, align):
        raise OptionError(
            f"the cluster has {cpus:g} CPUs and {gpus:g} GPUs, and one worker of each stage needs "
            f"{asr_cpus + align_cpus + decode_cpus:g} and {asr_gpus + align_gpus:g}",
            hint="lower --asr-cpus, --align-cpus, --decode-cpus, --asr-gpus or --align-gpus, or add nodes",
        )
    room = int(cpus_left(asr, align) / decode_cpus) if decode_cpus else asr
    decode = min(options.decode_workers or max(math.ceil(asr / 2), 1), max(room, 1))
    return Sizes(asr, asr_cpus, asr_gpus, align, align_cpus, align_gpus, decode, decode_cpus)


def run(settings: Settings, feed: Feed, options: ClusterOptions | None = None) -> Generator[Ready | Event]:
    """Run a feed of tasks on a Ray cluster.

    Args:
        settings: for each worker, but that each has the CPUs and GPUs of its stage.
        feed: of tasks, each source once.
        options: which cluster, and how it is divided.

    Yields:
        Ready, then what `workers.run` gives; files come in any order.

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
    yield from _Run(settings, feed, options or ClusterOptions(), first).work()


@dataclass(slots=True)
class _File:
    """A file on its way."""

    task: Task
    results: list[ClipResult]
    """Of its first clips."""
    base: int
    """Clips that it begins after in this round."""
    parts: dict[int, Part[Done | CrispAlignError]] = field(default_factory=dict)
    """That came before those in front of them, by the number of their first clip."""
    begun: bool = False
    closed: bool = False
    """Nothing more of it counts in this round."""
    remarks: list[str] = field(default_factory=list)
    position: float = 0.0
    losses: int = 0

    @property
    def language(self) -> str | None:
        """The last language that was certain."""
        return Task("", tuple(self.results)).language

    def again(self) -> Task:
        """What is left of it."""
        self.base, self.closed = len(self.results), False
        self.parts.clear()
        return Task(self.task.source, tuple(self.results))


class _Run:
    """What is still to do, and the rounds that do it."""

    def __init__(self, settings: Settings, feed: Feed, options: ClusterOptions, first: Task) -> None:
        self.settings, self.feed, self.options = settings, feed, options
        self.first: Task | None = first
        self.files: dict[str, _File] = {}
        self.models: Models | None = None

    def work(self) -> Generator[Ready | Event]:
        """All rounds."""
        ray = _ray()
        number, left = 0, list[_File]()
        while True:
            # What a round leaves hanging when it is given up ends with its connection.
            with _connected(ray, self.options.address):
                if self.models is None:
                    self.models = _look(ray, self.settings, self.sizes(ray))
                    yield self.models.ready
                whole = True
                while whole:
                    whole = yield from self.round(ray, number, [file.again() for file in left])
                    number += 1
                    yield from self.weigh()
                    left = list(self.files.values())
                    if not left and self.feed.ended and self.first is None:
                        return

    def sizes(self, ray: Any) -> Sizes:
        """How the cluster is divided as it is now."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = [float(node.get("CPU", 0)) for node in nodes]
        gpus = sum(float(node.get("GPU", 0)) for node in nodes)
        if self.settings.load.device == "cpu":
            gpus = 0.0
        return fitting(self.options, sum(cpus), gpus, min((count for count in cpus if count), default=1.0))

    def round(self, ray: Any, number: int, tasks: list[Task]) -> Generator[Event, None, bool]:
        """Do tasks, or those of the feed where there are none; False: it was given up before its end."""
        from crisp_align.cluster_stages import Order, TaskBoard

        assert self.models is not None  # noqa: S101 (for the type checker)
        sizes, ended = self.sizes(ray), bool(tasks)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        board = ray.remote(num_cpus=0, scheduling_strategy=here)(TaskBoard).remote()
        board.put.remote(tasks, ended=ended)
        clips = _CLIPS * _GROWTH ** min(number, 2)
        home = os.getcwd()  # noqa: PTH109 (the very name)
        order = Order(self.settings, self.models, clips, self.options.timeout, home, board)
        arrived: Queue[Any] = Queue(_ROWS * _ROWS)
        Thread(target=_pump, args=(_dataset(ray, order, sizes), arrived), name="cluster", daemon=True).start()
        given, ahead = len(tasks), _AHEAD + 2 * sizes.decode_workers
        nodes, heard, anything = _nodes(ray), time.monotonic(), False
        while True:
            begun, busy, news = ray.get(board.look.remote())
            yield from self.told(news)
            if not ended and given - begun < ahead:
                more = self.more(ahead)
                ended = self.feed.ended and self.first is None
                given += len(more)
                board.put.remote(more, ended=ended)
            try:
                values = arrived.get(timeout=_TICK)
            except Empty:
                alive = _nodes(ray)
                if busy & alive or nodes <= alive:
                    heard = time.monotonic()
                elif time.monotonic() - heard > _STALL:
                    return False
                continue
            if isinstance(values, Exception) and not anything:
                raise CrispAlignError(f"the cluster failed ({_last_line(values)})") from values
            if not isinstance(values, list):
                return True
            anything, heard = True, time.monotonic()
            for value in values:
                yield from self.take(value)

    def told(self, news: Iterable[Started | Staged | Noticed]) -> Iterator[Event]:
        """Pass on what happened to files that are on their way."""
        for event in news:
            file = self.files.get(event.source)
            if file is None or (file.begun and isinstance(event, Started)):
                continue
            yield event
            if isinstance(event, Started):
                yield from self.begin(file)

    def begin(self, file: _File) -> Iterator[Event]:
        """A file is open."""
        file.begun = True
        if file.results:
            yield Noticed(file.task.source, f"{len(file.results)} clips were done before; goes on after them")

    def more(self, count: int) -> list[Task]:
        """The next tasks, as far as they are there."""
        tasks: list[Task] = []
        while len(tasks) < count:
            task, self.first = self.first, None
            if task is None and not self.feed.ended:
                task = self.feed.take(wait=not self.files and not tasks)
            if task is None:
                break
            self.files[task.source] = _File(task, list(task.finished), len(task.finished))
            tasks.append(task)
        return tasks

    def take(self, value: Any) -> Iterator[Event]:
        """What came out of the last stage."""
        from crisp_align.cluster_stages import Unready

        if isinstance(value, Unready):
            raise value.error
        file = self.files.get(value.source)
        if file is None or file.closed:
            return
        file.parts[value.first] = value
        while not file.closed and (part := file.parts.pop(len(file.results), None)) is not None:
            yield from self.add(file, part)

    def add(self, file: _File, part: Part[Done | CrispAlignError]) -> Iterator[Event]:
        """Take over the next part of a file."""
        source = file.task.source
        if part.started is not None and not file.begun:
            yield part.started
            yield from self.begin(file)
        if part.first > file.base and not self.settings.decode.language and not _is_settled(part, file.language):
            file.closed = True
            return
        for done in part.clips:
            if isinstance(done, CrispAlignError):
                yield from self.fail(file, done)
                return
            file.results.append(done.result)
            yield from (Noticed(source, text, detail=True) for text in done.result.notices)
            yield from (SegmentReady(source, segment) for segment in done.result.segments)
            yield ClipDone(source, len(file.results) - 1, done.result)
            yield Advanced(source, done.end)
        if isinstance(part.ended, CrispAlignError):
            yield from self.fail(file, part.ended)
        elif isinstance(part.ended, Read):
            yield from self.finish(file, part.ended)

    def fail(self, file: _File, error: CrispAlignError) -> Iterator[Event]:
        """Give a file up."""
        file.closed = True
        del self.files[file.task.source]
        yield Failed(file.task.source, error, quarantined=isinstance(error, WorkerDiedError))

    def finish(self, file: _File, read: Read) -> Iterator[Event]:
        """A file is whole."""
        assert self.models is not None  # noqa: S101 (for the type checker)
        file.closed = True
        source = file.task.source
        del self.files[source]
        remarks = list(read.notices)
        yield from (Noticed(source, text) for text in remarks)
        stand_ins = Counter(stand_in for result in file.results for stand_in in result.stand_ins)
        for (asked, used, reason), count in stand_ins.items():
            said = f"{'1 clip' if count == 1 else f'{count} clips'} timed by {used}, not {asked}: {reason}"
            remarks.append(said)
            yield Noticed(source, said, detail=self.settings.aligner == "auto")
        yield Advanced(source, read.position)
        yield Finished(
            source,
            Transcript(
                segments=tuple(segment for result in file.results for segment in result.segments),
                duration=round(read.position, 3),
                source=source,
                backend=self.models.backend,
                model=self.models.model,
                aligner=self.models.aligner,
                version=crisp_align.__version__,
                notices=(*(notice for result in file.results for notice in result.notices), *remarks),
            ),
        )

    def weigh(self) -> Iterator[Event]:
        """See to the files that did not come out of a round."""
        for file in list(self.files.values()):
            if file.closed:  # a part of it is to be heard in another language
                continue
            file.losses += 1
            if file.losses >= _LOSSES:
                error = WorkerDiedError(f"lost on the cluster {file.losses} times", subject=file.task.source)
                yield from self.fail(file, error)
            else:
                yield Noticed(file.task.source, "lost on the cluster; tried again")


def _is_settled(part: Part[Done | CrispAlignError], language: str | None) -> bool:
    """Whether the first clips of a part are in the language they would be in after what comes before them."""
    for done in part.clips:
        if isinstance(done, CrispAlignError) or done.result.language is not None or language is None:
            break
        if done.language != language and not (done.silent and done.language is None):
            return False
    return True


def _divided(settings: Settings, cpus: float) -> Settings:
    """The settings of a worker with so many CPUs; of GPUs it sees none but its own."""
    device = settings.load.device.partition(":")[0]
    return replace(settings, load=replace(settings.load, threads=max(int(cpus), 1), device=device))


def _look(ray: Any, settings: Settings, sizes: Sizes) -> Models:
    """Load the models once, somewhere.

    Raises:
        CrispAlignError: they do not load.
    """
    from crisp_align.cluster_stages import look

    remote = ray.remote(num_cpus=sizes.asr_cpus, num_gpus=sizes.asr_gpus, max_calls=1, max_retries=1)(look)
    try:
        found = ray.get(remote.remote(_divided(settings, sizes.asr_cpus), crisp_align.__version__))
    except ray.exceptions.RayError as error:
        what = _last_line(error)
        hint = f'on every node: pip install "crisp-align[ray]=={crisp_align.__version__}"'
        raise ModelError(f"the node that loads the models failed ({what})", hint=hint) from error
    if isinstance(found, CrispAlignError):
        raise found
    models: Models = found
    return models


def _dataset(ray: Any, order: Any, sizes: Sizes) -> Any:
    """Files → parts of clips → heard → timed."""
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    from crisp_align.cluster_stages import Hear, Time, files_of, read_parts

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # every row travels by itself, as soon as it is there
    context.max_errored_blocks = -1  # what is lost for good is done again in the next round
    hearing = replace(order, settings=_divided(order.settings, sizes.asr_cpus))
    timing = replace(order, settings=_divided(order.settings, sizes.align_cpus))
    rows = min(order.models.ready.batch_size, _ROWS)

    def pool(size: int) -> Any:
        return ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=2)

    return (
        ray.data.read_datasource(files_of(order.board), override_num_blocks=1, num_cpus=0, concurrency=1)
        .map_batches(
            read_parts,
            fn_kwargs={"order": order},
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=sizes.decode_cpus,
            compute=TaskPoolStrategy(size=sizes.decode_workers),
        )
        .map_batches(
            Hear,
            fn_constructor_args=(hearing,),
            batch_size=rows,
            batch_format="pyarrow",
            num_cpus=sizes.asr_cpus,
            num_gpus=sizes.asr_gpus,
            compute=pool(sizes.asr_workers),
        )
        .map_batches(
            Time,
            fn_constructor_args=(timing,),
            batch_size=rows,
            batch_format="pyarrow",
            num_cpus=sizes.align_cpus,
            num_gpus=sizes.align_gpus,
            compute=pool(sizes.align_workers),
        )
    )


def _pump(dataset: Any, arrived: Queue[Any]) -> None:
    """Put what comes out of a dataset into a queue, and at its end None, or what ended it."""
    from crisp_align.cluster_stages import unpacked

    try:
        for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            arrived.put(unpacked(table))
        arrived.put(None)
    except Exception as error:  # what is missing is found out by whoever takes this
        arrived.put(error)


def _nodes(ray: Any) -> set[str]:
    """Nodes that live."""
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def _last_line(error: BaseException) -> str:
    lines: Iterable[str] = (line.strip() for line in str(error).splitlines())
    return [line for line in lines if line][-1:][0] if str(error).strip() else type(error).__name__


def _ray() -> Any:
    """The package, told to be silent.

    Raises:
        MissingDependencyError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise MissingDependencyError("Ray is not installed", hint='pip install "crisp-align[ray]"') from error
    warnings.filterwarnings("ignore", module=r"ray\b")  # advice to people who write pipelines
    for name in ("ray", "ray.data"):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.CRITICAL + 1)
    return ray


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """A connection to a cluster; closing it ends all that was started through it.

    Raises:
        OptionError: none answers.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if address is not None and (port := re.search(r"([^/]+):(\d+)$", address)):
            # Ray itself would try for minutes.
            socket.create_connection((port[1].strip("[]"), int(port[2])), timeout=_ANSWER).close()
        with _hushed():
            if address is None:
                ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL + 1)
            else:
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL + 1)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        hint = "start one with `ray start --head`, and name its host:port"
        raise OptionError(f"no Ray cluster answers ({_last_line(error)})", subject=address, hint=hint) from error
    finally:
        with suppress(ValueError):  # not the main thread: nobody's handlers were changed
            for number, handler in handlers.items():
                signal.signal(number, handler)
    try:
        yield
    finally:
        with suppress(Exception):
            ray.shutdown()


@contextmanager
def _hushed() -> Iterator[None]:
    """Nothing that native code prints on standard error is seen: Ray greets on it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
