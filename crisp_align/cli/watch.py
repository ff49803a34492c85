"""`crisp-align watch DIR`: files are done as they finish arriving, until the process is asked to end."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from crisp_align.batch.driver import run as run_batch
from crisp_align.batch.events import Refused
from crisp_align.batch.feed import Entry
from crisp_align.batch.inputs import Input
from crisp_align.batch.options import BatchOptions, OutputLayout
from crisp_align.batch.planning import Job
from crisp_align.batch.preparation import make_folder, prepare
from crisp_align.batch.summary import RunSummary
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
from crisp_align.events import Noticed
from crisp_align.media.remote import from_file_url, is_url

if TYPE_CHECKING:
    from types import FrameType

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
    """Entries of a batch as files arrive; an iterator that gives None when none is there now, and ends with `stop`.

    A thread looks at the folder, so that a share which answers late, or not at all, holds up nobody.

    Args:
        watch: of the folder.
        prepare: a file's job, or the event that says why there is none.
        interval: s between two looks.
        stop: set when it is to end.
    """

    def __init__(self, watch: Watch, prepare: Callable[[Arrival], Entry], *, interval: float, stop: Event) -> None:
        self._watch, self._prepare = watch, prepare
        self._interval, self._stop = interval, stop
        self._news: SimpleQueue[Arrival | Vanished | Returned] = SimpleQueue()
        self._unprepared: Arrival | None = None
        """A file for which nothing could be written when it was its turn."""
        self._at_work: set[str] = set()
        self._changed: dict[str, Arrival] = {}
        """Source → its file, which was written again while it was worked on."""
        Thread(target=self._look, name="watch", daemon=True).start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Entry | None:
        """The next entry.

        Raises:
            OutputError: the output folder has vanished; the same file is next when this is called again.
        """
        while not self._stop.is_set():
            try:
                news = self._unprepared or self._news.get_nowait()
            except Empty:
                return None
            match news:
                case Vanished(reason):
                    return self._notice(f"cannot be listed ({reason}); waiting until it can")
                case Returned():
                    return self._notice("is back")
                case Arrival() as file if (source := os.fspath(file.path)) in self._at_work:
                    self._changed[source] = file
                case Arrival() as file:
                    self._unprepared = file
                    entry = self._prepare(file)
                    self._unprepared = None
                    if isinstance(entry, Job):
                        self._at_work.add(entry.source)
                    return entry
        raise StopIteration

    def _notice(self, text: str) -> Noticed:
        return Noticed("", f"crisp-align: {self._watch.folder} {text}")

    def finished(self, source: str) -> None:
        """A file is done with; if it was written again meanwhile, it comes again."""
        self._at_work.discard(source)
        if (file := self._changed.pop(source, None)) is not None:
            self._news.put(replace(file, again=True))

    def _look(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            for news in self._watch.poll():
                self._news.put(news)
            self._stop.wait(max(self._interval, _SHARE * (time.monotonic() - began)))


class _Preparation:
    """What becomes of a file that has arrived.

    Args:
        options: of the command.
        batch: how the batch is worked through.
    """

    def __init__(self, options: WatchOptions, batch: BatchOptions) -> None:
        self._options, self._batch, self._top = options, batch, _output_folder(options.output)
        self._writers: dict[Path, str] = {}
        """Output → the source it is of."""
        self._remembered = _WRITERS

    def __call__(self, file: Arrival) -> Entry:
        """The job, or why there is none: it was done before, or something visible keeps it from being done.

        Raises:
            OutputError: the output folder has vanished.
        """
        if (top := self._top) is not None:
            _check_folder(top)
        options, source = self._options, os.fspath(file.path)
        try:
            (job,) = options.output.plan(
                [Input(source, file.path.relative_to(options.folder))], options.speech.output_code
            )
            self._keep_apart(job)
            # What was done before is skipped, but not what was changed under our eyes.
            (entry,) = prepare([job], replace(self._batch, skip_existing=not file.again), top=top)
        except CrispAlignError as error:
            return Refused(source, error)
        return entry

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
        if len(self._writers) > self._remembered:
            self._writers = {path: source for path, source in self._writers.items() if os.path.lexists(source)}
            self._remembered = max(_WRITERS, 2 * len(self._writers))


def _output_folder(output: OutputGroup) -> Path | None:
    """The folder on this machine that outputs go to, if one was named."""
    named = output.output_dir
    return None if named is None or is_url(named) else Path(from_file_url(named))


def _check_folder(folder: Path) -> None:
    """Raise OutputError where the output folder is gone, or what is left of it is not for us to write."""
    code = errno.ENOENT if not folder.is_dir() else errno.EACCES if not os.access(folder, os.W_OK) else None
    if code is not None:
        error = OSError(code, os.strerror(code))
        raise OutputError(f"cannot be written ({error.strerror})", subject=os.fspath(folder)) from error


def run(options: WatchOptions) -> int:
    """Watch until asked to stop; 0."""
    folder, output = options.folder, options.output
    if not os.path.isdir(folder):  # noqa: PTH112 (a Path would drop ./)
        raise MediaError("is not a folder" if os.path.lexists(folder) else "no such folder", subject=folder)
    if not output.formats:
        raise OptionError("no format to write was named", hint="e.g. -osrt")
    chosen = settings(options.models, options.sound, options.voice, options.timing, options.speech)
    rules, style = options.layout.rules(), options.style.write_options()

    from crisp_align.cli.show import reported, show
    from crisp_align.cli.start import start

    output.plan([])  # a pattern that names no file is refused at once
    batch, report = batch_options(output, options.batch), options.batch.report
    summary, stop = RunSummary(keep_rows=report is not None), Event()
    if (top := _output_folder(output)) is not None:
        make_folder(top)
    display = start(options.console, [], None, options.sound.origin)
    display.say(f"crisp-align: watching {folder}")
    try:
        with reported(report, summary, display, overwrite=output.overwrite), _set_by_signal(stop):
            arriving = Arriving(
                Watch(Path(folder), recursive=options.watch.recursive, stable_after=options.watch.settle),
                _Preparation(options, batch),
                interval=options.watch.interval,
                stop=stop,
            )
            events = run_batch(arriving, chosen, OutputLayout(rules, style), batch, stop=stop.is_set)
            show(events, display, summary, rules, writes=True, on_finished=arriving.finished)
    finally:
        stop.set()
    display.say("crisp-align: stopped; what is unfinished is done at the next start")
    display.finished()
    return 0


@contextmanager
def _set_by_signal(stop: Event) -> Iterator[None]:
    """The first signal that asks the process to end sets `stop`; a second one does what it does everywhere."""

    def ask(number: int, frame: FrameType | None) -> None:
        restore()
        stop.set()

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
