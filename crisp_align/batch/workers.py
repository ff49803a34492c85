"""Worker processes: each holds the models and goes through tasks; what kills one costs the file it was at, no other.

A worker works on several files at once, whose clips share batches. When it dies or hangs, all of them are tried again,
each alone, from their last finished clip on; the one over which a worker dies alone as well is given up.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from pickle import UnpicklingError
from queue import Empty, Queue
from threading import Lock, Thread
from typing import TYPE_CHECKING, TypeAlias

from crisp_align.batch.options import WorkerOptions
from crisp_align.errors import CrispAlignError, ModelError, OptionError, WorkerDiedError
from crisp_align.events import ClipDone, Event, Failed, Finished, Noticed, Ready, Staged
from crisp_align.files.atomic import sweep, temporary
from crisp_align.files.process_identity import resident_memory
from crisp_align.pipeline.prefetch import BUFFER_BYTES, Feed, Task

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from crisp_align.pipeline.pipeline import Settings

__all__ = ["WorkerOptions", "run"]

_UNOPENED = 4  # tasks that wait at a worker, in addition to those it has begun to read
_TICK = 0.2  # s between two checks of workers that send nothing
_IDLE = 0.5  # s for which a worker without work waits before it asks again
_SHUTDOWN_TIMEOUT = 5.0  # s that a worker is given to end by itself
_CPUS = 8  # threads a model on a CPU makes good use of
_SOUND = 8  # of a worker's memory, one part in so many may be sound that waits
# What NumPy, PyTorch and the like read when they are loaded: left alone, each takes all CPUs for every worker.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# Each file is read in a thread of its own; glibc would give many of them a heap that is never given back.
_MEMORY = {"MALLOC_ARENA_MAX": "2"}
_STARTS = 2  # times that a worker may die while it loads its models

_Message: TypeAlias = Ready | Event | CrispAlignError


def run(
    settings: Settings, feed: Feed, options: WorkerOptions | None = None, *, texts: bool = False
) -> Generator[Ready | Event | None]:
    """Run a feed of tasks through worker processes.

    Args:
        settings: for each worker, but that the CPU threads are divided among them and each has a GPU of its own.
        feed: of tasks, each source once.
        options: how many workers, and what is asked of them.
        texts: whether the tasks have texts to be timed.

    Yields:
        Ready, when the first worker is; then what `Pipeline.transcribe` gives. Files of one worker come in order. None:
        some time has passed.

    Raises:
        CrispAlignError: the models do not load, or do not fit into the workers' share of the memory.
    """
    pool = _WorkerPool(settings, feed, options or WorkerOptions(), texts=texts)
    try:
        yield from pool.work()
    finally:
        pool.shutdown()


def shares(settings: Settings, count: int) -> list[Settings]:
    """The settings of each of `count` workers (0: as many as suit the machine)."""
    devices, threads = {settings.backend.load.device, settings.aligner.load.device}, settings.backend.load.cpu_threads
    gpus = _cuda_devices() if devices & {"auto", "cuda"} else 0
    count = count or gpus or (max(threads // _CPUS, 1) if devices <= {"auto", "cpu"} else 1)

    def share(number: int) -> Settings:
        own = f"cuda:{number % gpus}" if gpus else "cuda"
        return settings.placed(
            max(threads // count, 1), lambda device: own if device == "cuda" or (gpus and device == "auto") else device
        )

    return [share(number) for number in range(count)]


@contextmanager
def _limited_env(threads: int) -> Iterator[None]:
    """Processes that are started within use so many threads and little memory, unless the user said otherwise."""
    variables = {**dict.fromkeys(_THREADS, str(threads)), **_MEMORY}
    variables = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


def _cuda_devices() -> int:
    try:
        import ctranslate2
    except ImportError:
        return 0
    return int(ctranslate2.get_cuda_device_count())


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker process as its owner sees it."""

    settings: Settings
    buffer_bytes: int
    """Bytes of sound that may wait in it."""
    process: SpawnProcess
    connection: Connection
    log: Path
    """What it and the libraries in it print."""
    tasks: dict[str, Task] = field(default_factory=dict)
    """What it was given and has not finished, by source."""
    unopened: int = 0
    alone: bool = False
    """It has a task that a worker died over, and gets no other."""
    ready: bool = False
    finished: int = 0
    """Files that came to an end in it."""
    retiring: bool = False
    """It gets no further task, and is replaced when it has finished those it has."""
    last_seen: float = field(default_factory=time.monotonic)
    """When it last gave a sign of life."""

    @classmethod
    def start(cls, settings: Settings, buffer_bytes: int, *, texts: bool) -> _Worker:
        ours, theirs = get_context("spawn").Pipe()
        sweep(tempfile.gettempdir())
        log = temporary(tempfile.gettempdir())
        process = get_context("spawn").Process(
            target=_serve, args=(theirs, settings, buffer_bytes, str(log), texts), daemon=True
        )
        with _limited_env(settings.backend.load.cpu_threads):
            process.start()
        theirs.close()
        return cls(settings, buffer_bytes, process, ours, log)

    def send(self, task: Task) -> None:
        self.tasks[task.source] = task
        self.unopened += 1
        self.last_seen = time.monotonic() if len(self.tasks) == 1 else self.last_seen
        with suppress(OSError):  # it has just died: that is found out in a moment
            self.connection.send(task)

    def messages(self) -> Iterator[_Message]:
        """What has arrived.

        Raises:
            EOFError: the worker has ended.
        """
        try:
            while self.connection.poll():
                yield self.connection.recv()
        except (OSError, UnpicklingError) as error:
            raise EOFError from error

    def track(self, event: Event) -> None:
        """Keep account of what an event means for the tasks."""
        self.last_seen = time.monotonic()
        match event:
            case Staged(stage="decoding"):
                self.unopened -= 1
            case ClipDone(source, _, result):
                task = self.tasks[source]
                self.tasks[source] = replace(task, finished=(*task.finished, result))
            case Finished(source) | Failed(source):
                del self.tasks[source]

    @property
    def resident(self) -> int:
        """Bytes of memory it holds."""
        return resident_memory(self.process.pid)

    def terminate(self) -> str:
        """Make sure that it has ended, and clean up after it; how it ended, in words."""
        self.connection.close()
        self.process.join(_TICK)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        printed = _last_line(self.log)
        self.log.unlink(missing_ok=True)
        self.process.close()
        if code == -signal.SIGKILL:
            return "was killed (SIGKILL), as the system does when memory runs out"
        if code < 0:
            return f"crashed ({signal.Signals(-code).name})"
        return f"ended with {printed}" if printed else f"ended with exit code {code}"


class _WorkerPool:
    """The workers, and what is still to do."""

    def __init__(self, settings: Settings, feed: Feed, options: WorkerOptions, *, texts: bool) -> None:
        self.feed, self.options, self.texts = feed, options, texts
        self.retry_alone: deque[Task] = deque()
        self.deaths_at_start = 0
        """In a row, of workers that were loading their models."""
        self.announced = False
        self.warned = False
        """Whether users know that a worker's share of the memory is too small for a file."""
        self.settings = settings
        self.workers: list[_Worker] = []
        self.first: Task | None = None
        """A task that was taken before there was a worker."""

    def work(self) -> Generator[Ready | Event | None]:
        while self.first is None:  # without work no models are loaded
            if self.feed.ended:
                return
            self.first = self.feed.take(wait=True)
            yield None
        divided = shares(self.settings, self.options.count)
        memory = self.options.share(len(divided))
        buffer_bytes = BUFFER_BYTES if memory is None else min(memory // _SOUND, BUFFER_BYTES)
        self.workers = [_Worker.start(share, buffer_bytes, texts=self.texts) for share in divided]
        while True:
            self.hand_out()
            if not self.more() and not any(worker.tasks for worker in self.workers):
                return
            yield None
            arrived = wait([worker.connection for worker in self.workers], _TICK)
            for worker in list(self.workers):
                exit_reason = None
                if worker.connection in arrived:
                    exit_reason = yield from self.listen(worker)
                if exit_reason is None and worker.tasks and worker.ready:
                    silent = time.monotonic() - worker.last_seen
                    if silent > self.options.timeout:
                        worker.process.kill()
                        exit_reason = f"made no progress for {silent:.0f} s"
                if exit_reason is not None:
                    yield from self.replace(worker, exit_reason)
                elif worker.retiring and not worker.tasks:
                    self.restart(worker)

    def hand_out(self) -> None:
        """Give every worker what it has room for; what is suspect goes to one that has nothing else."""
        for worker in self.workers:
            if not worker.ready or worker.retiring or worker.alone:
                continue
            if self.retry_alone and not worker.tasks:
                worker.alone = True
                worker.send(self.retry_alone.popleft())
                continue
            while worker.unopened < _UNOPENED:
                task = self.next_task()
                if task is None:
                    break
                worker.send(task)

    def more(self) -> bool:
        """Whether anything waits, or may still come."""
        return self.first is not None or bool(self.retry_alone) or not self.feed.ended

    def next_task(self) -> Task | None:
        """What comes next, if anything is there."""
        task, self.first = self.first, None
        if task is None and not self.feed.ended:
            asked = time.monotonic()
            task = self.feed.take(wait=not any(worker.tasks for worker in self.workers))
            self.extend_deadlines(time.monotonic() - asked)
        return task

    def listen(self, worker: _Worker) -> Generator[Ready | Event, None, str | None]:
        """Pass on what a worker says; how it ended, if it did."""
        try:
            for message in worker.messages():
                if isinstance(message, CrispAlignError):
                    if not self.announced:
                        raise message
                    worker.terminate()
                    return f"ended ({message.what})"
                if isinstance(message, Ready):
                    worker.ready, self.deaths_at_start = True, 0
                    if not self.announced:
                        self.announced = True
                        self.check_share(worker)
                        yield message
                    continue
                worker.track(message)
                asked = time.monotonic()
                yield message
                self.extend_deadlines(time.monotonic() - asked)
                if isinstance(message, Finished | Failed):
                    worker.alone = False
                    worker.finished += 1
                    yield from self.check_memory(worker, message.source)
        except EOFError:
            return worker.terminate()
        return None

    def extend_deadlines(self, spent: float) -> None:
        """Nobody listened for a while, so nobody could give a sign of life."""
        if spent > _TICK:
            for worker in self.workers:
                worker.last_seen += spent

    def check_share(self, worker: _Worker) -> None:
        """Refuse a share of the memory in which the models alone do not fit: they would be loaded for every file.

        Raises:
            OptionError: it is one.
        """
        count = len(self.workers)
        share, held = self.options.share(count), worker.resident
        if share is not None and held > share:
            whose = "the worker" if count == 1 else f"each of {count} workers"
            raise OptionError(
                f"--memory gives {whose} {share / 1e6:.0f} MB, and the models alone take {held / 1e6:.0f}",
                hint=f"give more than {count * held / 1e6:.0f}" + (", or use fewer --workers" if count > 1 else ""),
            )

    def check_memory(self, worker: _Worker, source: str) -> Iterator[Event]:
        """Retire a worker that has outgrown its share of the memory."""
        share, held = self.options.share(len(self.workers)), worker.resident
        worker.retiring = share is not None and held > share
        if share is not None and worker.retiring and worker.finished == 1 and not self.warned:
            self.warned = True
            text = f"took its worker to {held / 1e6:.0f} MB, above its {share / 1e6:.0f} MB of --memory"
            yield Noticed(source, f"{text}; such workers are replaced, and the models loaded again, every few files")

    def replace(self, worker: _Worker, exit_reason: str) -> Iterator[Event]:
        """Put a new worker in the place of one that has ended, and see to what it leaves.

        Raises:
            ModelError: it died while it loaded its models, as the one before it did.
        """
        if not worker.ready:
            self.deaths_at_start += 1
            if self.deaths_at_start >= _STARTS:
                raise ModelError(f"the worker that loads the models {exit_reason}", hint="see: crisp-align doctor")
        for task in worker.tasks.values():
            if worker.alone:
                error = WorkerDiedError(
                    f"its worker {exit_reason}, twice", subject=task.source, hint="left out from now on"
                )
                yield Failed(task.source, error, quarantined=True)
            else:
                self.retry_alone.append(task)
                yield Noticed(task.source, f"its worker {exit_reason}; tried again, alone")
        self.restart(worker)

    def restart(self, worker: _Worker) -> None:
        with suppress(OSError, ValueError):
            worker.terminate()
        self.workers[self.workers.index(worker)] = _Worker.start(worker.settings, worker.buffer_bytes, texts=self.texts)

    def shutdown(self) -> None:
        """End all workers; those that are still at work at once."""
        for worker in self.workers:
            with suppress(OSError):
                worker.connection.send(None)
        deadline = time.monotonic() + _SHUTDOWN_TIMEOUT
        for worker in self.workers:
            if worker.ready and not worker.tasks:
                worker.process.join(max(deadline - time.monotonic(), 0))
            with suppress(OSError, ValueError):
                if worker.process.is_alive():
                    worker.process.kill()
                worker.terminate()


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


class _Piped:
    """A feed of tasks that come through a pipe. The process ends when the other side has ended.

    Args:
        connection: the pipe.
        emit: passes on that a task was taken.
    """

    def __init__(self, connection: Connection, emit: Callable[[Event], None]) -> None:
        self.ended = False
        self._emit = emit
        self._tasks: Queue[Task | None] = Queue()
        # Its own thread, so that the other side is never kept waiting.
        Thread(target=self._receive, args=(connection,), daemon=True).start()

    def _receive(self, connection: Connection) -> None:
        while True:
            try:
                task: Task | None = connection.recv()
            except (EOFError, OSError):
                os._exit(1)
            self._tasks.put(task)
            if task is None:
                return

    def take(self, *, wait: bool) -> Task | None:
        """The next task."""
        try:
            task = self._tasks.get(timeout=_IDLE) if wait else self._tasks.get_nowait()
        except Empty:
            return None
        if task is None:
            self.ended = True
        else:
            self._emit(Staged(task.source, "decoding"))
        return task


def _serve(connection: Connection, settings: Settings, buffer_bytes: int, log: str, texts: bool) -> None:
    """A worker process."""
    import faulthandler

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever owns the workers ends them
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for number in (1, 2):
        os.dup2(descriptor, number)
    faulthandler.enable(descriptor)

    from crisp_align.pipeline import pipeline

    sending = Lock()

    def emit(message: _Message) -> None:
        with sending:  # also whoever begins to read a file, in a thread of its own
            connection.send(message)

    try:
        feed = _Piped(connection, emit)
        for event in pipeline.run_texts(settings, feed) if texts else pipeline.run(settings, feed, buffer_bytes):
            emit(event)
    except CrispAlignError as error:
        emit(error)
    connection.close()
    os._exit(0)  # a library's threads must not keep the process
