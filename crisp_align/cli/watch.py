"""`crisp-align watch DIR`: files are done as they finish arriving, until the process is asked to end."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from crisp_align.batch.remote import is_url, local
from crisp_align.batch.watch import Arrival, Returned, Vanished, Watch
from crisp_align.cli.command import Command
from crisp_align.cli.fields import OptionGroup, argument, flag, group, number
from crisp_align.cli.options import (
    BatchGroup,
    ConsoleGroup,
    LayoutGroup,
    MediaGroup,
    ModelGroup,
    OutputGroup,
    SpeechGroup,
    StyleGroup,
    TimingGroup,
    VoiceGroup,
    batch_options,
    settings,
)
from crisp_align.errors import CrispAlignError, MediaError, OptionError, OutputError

if TYPE_CHECKING:
    from types import FrameType

    from crisp_align.batch.plan import Job
    from crisp_align.batch.written_files import Ledger
    from crisp_align.cli.crew import Stop, Tally
    from crisp_align.cli.display import Display

__all__ = ["Arriving", "command"]

_SHARE = 9  # times as long as a look took is waited at least before the next: a slow share is left time to breathe
_WRITERS = 10_000  # outputs remembered before those of files that have left are forgotten


@dataclass(frozen=True, eq=False, repr=False)
class WatchGroup(OptionGroup):
    """How the folder is looked at."""

    recursive: bool = flag("-R", "-r", "--recursive", help="watch its subfolders, too")
    interval: float = number(
        "--interval", metavar="S", help="seconds between two looks ({default})", low=0.1, high=86_400, default=10.0
    )
    settle: float = number(
        "--settle",
        metavar="S",
        help="seconds for which a file stays as it is before it counts as whole ({default})",
        low=0,
        high=86_400,
        default=5.0,
    )


@dataclass(frozen=True, eq=False, repr=False)
class WatchOptions:
    """Which folder to watch, and what becomes of its files."""

    folder: str = argument(metavar="DIR")
    watch: WatchGroup = group(WatchGroup, "Input")
    sound: MediaGroup = group(MediaGroup, "Input")
    # -o and -of are for one input; what is there already is skipped anyway.
    output: OutputGroup = group(OutputGroup, "Output", without=("named", "base", "skip_existing"))
    layout: LayoutGroup = group(LayoutGroup, "Layout")
    style: StyleGroup = group(StyleGroup, "Style")
    models: ModelGroup = group(ModelGroup, "Models")
    speech: SpeechGroup = group(SpeechGroup, "Speech")
    voice: VoiceGroup = group(VoiceGroup, "Voice activity")
    timing: TimingGroup = group(TimingGroup, "Word times")
    batch: BatchGroup = group(BatchGroup, "Batch")
    console: ConsoleGroup = group(ConsoleGroup, "Screen")


class Arriving:
    """Jobs as their files arrive; an iterator that gives None when none is there now, and ends when it is told to.

    A thread looks at the folder, so that a share which answers late, or not at all, holds up nobody.

    Args:
        watch: of the folder.
        prepare: a file's job; None where there is nothing to do.
        tell: says something in a line.
        interval: s between two looks.
        stop: set when it is to end.
    """

    def __init__(
        self,
        watch: Watch,
        prepare: Callable[[Arrival], Job | None],
        tell: Callable[[str], None],
        *,
        interval: float,
        stop: Event,
    ) -> None:
        self._watch, self._prepare, self._tell = watch, prepare, tell
        self._interval, self._stop = interval, stop
        self._told: SimpleQueue[Arrival | Vanished | Returned] = SimpleQueue()
        self._at_work: set[str] = set()
        self._again: dict[str, Arrival] = {}
        """Source → its file, which was written again while it was worked on."""
        Thread(target=self._look, name="watch", daemon=True).start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Job | None:
        while not self._stop.is_set():
            try:
                told = self._told.get_nowait()
            except Empty:
                return None
            match told:
                case Vanished(reason):
                    self._tell(f"{self._watch.folder} cannot be listed ({reason}); waiting until it can")
                case Returned():
                    self._tell(f"{self._watch.folder} is back")
                case Arrival() as file if (source := os.fspath(file.path)) in self._at_work:
                    self._again[source] = file
                case Arrival() as file if (job := self._prepare(file)) is not None:
                    self._at_work.add(job.source)
                    return job
        raise StopIteration

    def over(self, source: str) -> None:
        """A job is done or has failed; if its file was written again meanwhile, the next one comes."""
        self._at_work.discard(source)
        if (file := self._again.pop(source, None)) is not None:
            self._told.put(replace(file, again=True))

    def _look(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            for told in self._watch.look():
                self._told.put(told)
            self._stop.wait(max(self._interval, _SHARE * (time.monotonic() - began)))


class _Preparation:
    """What becomes of a file that has arrived.

    Args:
        options: of the command.
        tally: counts what cannot be done.
        display: tells it.
        ledger: which outputs may be written over.
        await_folder: does what it is given, when an output folder that vanished is back.
    """

    def __init__(
        self,
        options: WatchOptions,
        tally: Tally,
        display: Display,
        ledger: Ledger,
        await_folder: Callable[[Callable[[], None]], None],
    ) -> None:
        self._options, self._tally, self._display, self._ledger = options, tally, display, ledger
        self._await_folder, self._top = await_folder, _output_folder(options.output)
        self._writers: dict[Path, str] = {}
        """Output → the source it is of."""
        self._room = _WRITERS

    def __call__(self, file: Arrival) -> Job | None:
        """The job, unless it was done before or something visible stands in its way.

        Raises:
            OutputError: the output folder vanished and did not come back.
        """
        from crisp_align.batch.inputs import Input
        from crisp_align.cli.transcribe import ready, refuse

        if (top := self._top) is not None:
            self._await_folder(lambda: _check_folder(top))
        try:
            options = self._options
            entry = Input(os.fspath(file.path), file.path.relative_to(options.folder))
            (job,) = options.output.plan([entry], options.speech.output_code)
            self._keep_apart(job)
            # What was done before is passed over, but not what was changed under our eyes.
            output, journal = replace(options.output, skip_existing=not file.again), options.batch.journal
            todo = ready([job], output, self._tally, self._display, self._ledger, top=self._top, journal=journal)
            return next(iter(todo), None)
        except CrispAlignError as error:
            refuse(self._tally, self._display, [error])
            return None

    def _keep_apart(self, job: Job) -> None:
        """Raise OutputError where another file that is there has an output of the same name."""
        for path in (output.path() for output in job.outputs):
            other = self._writers.setdefault(path, job.source)
            if other != job.source and os.path.lexists(other):
                raise OutputError(
                    f"both {other} and {job.source} would write this file",
                    subject=os.fspath(path),
                    hint="{name} in --name keeps them apart",
                )
            self._writers[path] = job.source
        if len(self._writers) > self._room:
            self._writers = {path: source for path, source in self._writers.items() if os.path.lexists(source)}
            self._room = max(_WRITERS, 2 * len(self._writers))


def _output_folder(output: OutputGroup) -> Path | None:
    """The folder on this machine that outputs go to, if one was named."""
    named = output.output_dir
    return None if named is None or is_url(named) else Path(local(named))


def _check_folder(folder: Path) -> None:
    """Raise OutputError where the output folder is gone, or what is left of it is not for us to write."""
    code = errno.ENOENT if not folder.is_dir() else errno.EACCES if not os.access(folder, os.W_OK) else None
    if code is not None:
        error = OSError(code, os.strerror(code))
        raise OutputError(f"cannot be written ({error.strerror})", subject=os.fspath(folder)) from error


class _Stopped(BaseException):
    """A signal asked the process to end."""


def run(options: WatchOptions) -> int:
    """Watch until asked to stop; 0."""
    folder = options.folder
    if not os.path.isdir(folder):  # noqa: PTH112 (a Path would drop ./)
        raise MediaError("is not a folder" if os.path.lexists(folder) else "no such folder", subject=folder)
    if not options.output.formats:
        raise OptionError("no format to write was named", hint="e.g. -osrt")
    chosen = settings(options.models, options.sound, options.voice, options.timing, options.speech)
    rules, style, ledger = options.layout.rules(), options.style.write_options(), options.output.ledger()
    report = options.batch.report

    from crisp_align.cli.crew import Stop, Tally, patiently
    from crisp_align.cli.transcribe import check_report_path, make_folder, reported, start
    from crisp_align.cli.work import carry_out_batch

    options.output.plan([])  # a pattern that names no file is told at once
    check_report_path(report, options.output, ledger)
    batch = batch_options(options.batch)
    tally, stop, asked = Tally(reports=report is not None), Event(), Stop()
    if (top := _output_folder(options.output)) is not None:
        make_folder(top)
    display = start(options.console, [], None, options.sound.origin)
    display.say(f"crisp-align: watching {folder}")
    try:
        with reported(report, tally, ledger, display), suppress(_Stopped), _asked_to_stop(asked):
            arriving = Arriving(
                Watch(Path(folder), recursive=options.watch.recursive, settle=options.watch.settle),
                _Preparation(
                    options, tally, display, ledger, lambda action: patiently(action, display, batch.patience, asked)
                ),
                lambda text: display.say(f"crisp-align: {text}"),
                interval=options.watch.interval,
                stop=stop,
            )
            carry_out_batch(arriving, chosen, display, rules, style, tally, ledger, batch, arriving.over, asked)
    finally:
        stop.set()
    display.say("crisp-align: stopped; what is unfinished is done at the next start")
    display.finished()
    return 0


@contextmanager
def _asked_to_stop(stop: Stop) -> Iterator[None]:
    """The first signal that asks the process to end raises `_Stopped`, or, while a file is written, is noted for after.

    A second one does what it does everywhere.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        restore()
        stop.asked = True
        if not stop.writing:
            raise _Stopped

    def restore() -> None:
        for name, handler in before.items():
            signal.signal(name, handler)

    names = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    names = [name for name in names if signal.getsignal(name) != signal.SIG_IGN]
    before = {name: signal.signal(name, ask) for name in names}
    try:
        yield
    finally:
        restore()


command = Command(
    "watch",
    run,
    WatchOptions,
    text="Watch a folder, and transcribe files as they finish arriving.\n\n"
    "What is there already is done, too, unless its outputs are. SIGTERM or Ctrl-C ends it when what is being written "
    "is whole; unfinished files are done at the next start.",
)
