"""A cluster gives what one machine gives, whatever dies on it: two real nodes, the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crisp_align.backends import DecodeOptions
from crisp_align.batch.journal import Journal
from crisp_align.cli import main
from crisp_align.cluster import run as cluster
from crisp_align.cluster.sizes import ClusterOptions, ResourcePlan, plan_resources
from crisp_align.cluster.stages import Done, Models, Part
from crisp_align.cluster.tracker import TaskTracker
from crisp_align.errors import MissingDependencyError, OptionError
from crisp_align.events import ClipDone, ClipResult, Event, Failed, Finished, Noticed, Ready, Started
from crisp_align.pipeline.pipeline import Settings
from crisp_align.pipeline.prefetch import ListFeed, Read, Task
from crisp_align.transcript import Segment, Word
from tests.batch.test_workers import tone
from tests.command import COMMAND, excerpt
from tests.plugin import install_plugin

pytestmark = pytest.mark.engine

pytestmark = pytest.mark.xdist_group("ray")

# A backend that says how long each clip is, and misbehaves where the name of the file says so.
METER = """
import ctypes, os, time
from crisp_align.backends import BackendProfile, Capabilities, Transcription
from crisp_align.transcript import Word

class Meter:
    name = "meter"
    translates = False
    native_words = True
    profile = BackendProfile(capabilities=Capabilities("Meter"), max_clip=1.0)
    max_clip = 1.0
    languages = None
    batch_size = 4
    model = "meter"

    @classmethod
    def load(cls, model, options):
        return cls()

    def check(self, options):
        pass

    def transcribe(self, clips, options):
        for clip in clips:
            if "crash" in clip.source and clip.start > 0.5:
                with open(os.environ["SHELF"] + ".crashes", "a") as crashes:
                    crashes.write("x")
                ctypes.string_at(0)  # as native code does: at this very place, not some time later
            if "hang" in clip.source:
                time.sleep(1000)
            if "bug" in clip.source:
                raise KeyError("a mistake")
        return [Transcription("so long", "en", (Word("so", 0.1, 0.3, 0.5), Word(" long", 0.4, clip.duration, 0.25)),
                              certain=True) for clip in clips]
"""

# A file system that nobody has but fsspec: a folder under another name.
SHELF = """
import os
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

class Shelf(DirFileSystem):
    protocol = "shelf"
    cachable = False

    def __init__(self, **options):
        super().__init__(path=os.environ["SHELF"], fs=LocalFileSystem())

    @classmethod
    def _strip_protocol(cls, path):
        return path.removeprefix("shelf:").strip("/")

    def unstrip_protocol(self, name):
        return "shelf://" + self._strip_protocol(name)
"""


@dataclass
class Nodes:
    """A running cluster."""

    address: str
    folder: Path
    cluster: Any
    second: Any

    def command(self, *args: str) -> subprocess.Popen[str]:
        words = [*COMMAND, *args, "--engine", "ray", "--ray-address", self.address]
        return subprocess.Popen(words, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, state: Path) -> Iterator[Nodes]:
    """Two nodes of two CPUs each, with a hostile backend and a file system of their own."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from ray.cluster_utils import Cluster

    folder = tmp_path_factory.mktemp("ray")
    site = install_plugin(folder / "site", "meter", METER, "Meter")
    (folder / "site" / "shelf.py").write_text(SHELF)
    (folder / "site" / "shelf-1.0.dist-info").mkdir()
    (folder / "site" / "shelf-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: shelf\nVersion: 1\n"
    )
    (folder / "site" / "shelf-1.0.dist-info" / "entry_points.txt").write_text("[fsspec.specs]\nshelf = shelf:Shelf\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([site, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))
        patch.setenv("SHELF", str(folder / "shelf"))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("HF_HUB_OFFLINE", "1")
        quick = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_timeout_ms": 500}
        size = {"num_cpus": 2, "object_store_memory": 100 << 20, "include_dashboard": False}
        running = Cluster(initialize_head=True, head_node_args={**size, "_system_config": quick})
        try:
            second = running.add_node(num_cpus=2, object_store_memory=100 << 20)
            yield Nodes(running.address, folder, running, second)
        finally:
            running.shutdown()


def report(path: Path) -> dict[str, dict[str, Any]]:
    """Name of the source → what a report says of it."""
    return {Path(row["file"]).name: row for row in json.loads(path.read_text())["files"]}


def test_a_node_that_dies_costs_nothing_and_the_bytes_are_those_of_one_machine(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{i}.wav" for i in range(10)]
    for i, name in enumerate(names):
        excerpt(nodes.folder / name, 4 + i % 3, start=i % 4, repeat=1 + i % 2)
    asked = ("-m", "tiny.en", "-l", "en", "-osrt", "-oj")
    kept = ("--journal", "journal", "--report", "report.json")
    run = nodes.command(*names, *asked, "--output-dir", "cluster", *kept, "--batch-size", "1")
    printed: list[str] = []
    assert run.stderr is not None
    for line in run.stderr:
        printed.append(line)
        if "× real time" in line and nodes.second is not None:
            nodes.cluster.remove_node(nodes.second, allow_graceful=False)
            nodes.second = None
            assert "9.wav: " not in "".join(printed), "there is something to lose"
    assert run.wait(300) == 0, "".join(printed)
    assert [row["outcome"] for row in report(nodes.folder / "report.json").values()] == ["done"] * len(names)
    done = [line.partition(":")[0] for line in printed if "× real time) →" in line]
    assert sorted(done) == names, "each file is written once"
    assert all(line.startswith(("crisp-align: ", *names, "10 of 10 done")) for line in printed), "Ray says nothing"

    monkeypatch.chdir(nodes.folder)
    assert main([*names, *asked, "--output-dir", "local", "-np"]) == 0
    written = sorted(path.name for path in (nodes.folder / "local").iterdir())
    assert sorted(path.name for path in (nodes.folder / "cluster").iterdir()) == written
    for name in written:
        assert (nodes.folder / "cluster" / name).read_bytes() == (nodes.folder / "local" / name).read_bytes(), name
    with Journal(nodes.folder / "journal") as journal:
        assert journal.counts() == {"done": len(names)}


# Gives the first round up in the middle of its work, as where nobody can go on after a node was lost.
GIVES_UP = """
import sys
from crisp_align.cluster import run as cluster
from crisp_align.cli import main
judge, given_up = cluster.StallDetector.is_over, []
def is_over(stall, alive, busy, now):
    if busy and not given_up:
        given_up.append(now)
        return True
    return judge(stall, alive, busy, now)
cluster.StallDetector.is_over = is_over
code = main(sys.argv[1:])
assert given_up
sys.exit(code)
"""


def test_a_round_that_is_given_up_is_done_again_over_a_new_connection(nodes: Nodes) -> None:
    for i in range(6):
        tone(nodes.folder / f"stalled{i}.wav", 6.5)
    words = [f"stalled{i}.wav" for i in range(6)]
    asked = ("--backend", "meter", "-am", "native", "--no-vad", "-osrt", "--output-dir", "again", "--engine", "ray")
    run = subprocess.run(
        [sys.executable, "-c", GIVES_UP, *words, *asked, "--ray-address", nodes.address],
        cwd=nodes.folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert "lost on the cluster; tried again" in run.stderr
    assert sorted(path.stem for path in (nodes.folder / "again").iterdir()) == sorted(Path(word).stem for word in words)


def test_hostile_files_on_another_file_system_cost_themselves_alone(nodes: Nodes) -> None:
    shelf = nodes.folder / "shelf"
    (shelf / "in" / "more").mkdir(parents=True)
    for name in ("a", "crash", "bug", "hang", "more/b"):
        tone(shelf / "in" / f"{name}.wav", 2.5)
    (shelf / "in" / "broken.wav").write_text("no media")
    asked = ("--backend", "meter", "-am", "native", "--no-vad", "-osrt", "-r", "--output-dir", "shelf://out")
    kept = ("--journal", "hostile.journal", "--report", "hostile.json", "--timeout", "10")
    run = nodes.command("shelf://in", *asked, *kept)
    _, printed = run.communicate(timeout=560)
    assert run.returncode == 1, printed
    rows = report(nodes.folder / "hostile.json")
    outcomes = {name: row["outcome"] for name, row in rows.items()}
    assert outcomes == {
        "a.wav": "done",
        "b.wav": "done",
        "broken.wav": "failed",
        "bug.wav": "failed",
        "crash.wav": "quarantined",
        "hang.wav": "quarantined",
    }
    assert len((nodes.folder / "shelf.crashes").read_text()) == 2, "who was given up is not tried again for others"
    assert "KeyError: 'a mistake'" in rows["bug.wav"]["error"]
    assert "crashed or hung, twice" in rows["crash.wav"]["error"]
    written = sorted(str(path.relative_to(shelf / "out")) for path in (shelf / "out").rglob("*") if path.is_file())
    assert written == ["a.srt", "more/b.srt"], "and nothing half done next to them"
    assert rows["a.wav"]["outputs"] == ["shelf://out/a.srt"]

    again = nodes.command("shelf://in", *asked, *kept)
    _, printed = again.communicate(timeout=560)
    assert again.returncode == 1 and "killed its workers before" in printed and "it is done already" not in printed
    assert report(nodes.folder / "hostile.json")["a.wav"]["outcome"] == "skipped"


class TestDividing:
    def test_a_machine_without_gpus_transcribes_on_most_of_its_cpus(self) -> None:
        assert plan_resources(ClusterOptions(), [2], []) == ResourcePlan(1, 1, 0, 1, 0.5, 0, 1, 0.5)
        assert plan_resources(ClusterOptions(), [16] * 4, [0] * 4) == ResourcePlan(14, 4, 0, 7, 0.5, 0, 7, 0.5)

    def test_each_gpu_has_a_worker_of_each_kind(self) -> None:
        sizes = plan_resources(ClusterOptions(), [16] * 4, [1] * 4)
        assert (sizes.asr_workers, sizes.asr_gpus, sizes.align_workers, sizes.align_gpus) == (4, 0.5, 4, 0.5)

    def test_what_is_asked_for_stays_as_long_as_it_fits(self) -> None:
        sizes = plan_resources(ClusterOptions(asr_workers=3, asr_cpus=2, align_workers=2, decode_workers=1), [8, 8], [])
        assert (sizes.asr_workers, sizes.asr_cpus, sizes.align_workers, sizes.decode_workers) == (3, 2, 2, 1)
        assert plan_resources(ClusterOptions(asr_workers=9), [2, 2], []).asr_workers == 2

    def test_a_cluster_that_is_too_small_is_refused(self) -> None:
        with pytest.raises(OptionError, match="the cluster has 2 CPUs and 0 GPUs"):
            plan_resources(ClusterOptions(asr_cpus=2), [2], [])
        with pytest.raises(OptionError, match="no node of the cluster has more than 2 CPUs, and a worker needs 4"):
            plan_resources(ClusterOptions(asr_cpus=4), [2, 2, 2], [])
        with pytest.raises(OptionError, match="GPUs"):
            plan_resources(ClusterOptions(asr_gpus=1), [8], [0])


class TestAccount:
    """What is made of the parts that come out of the cluster, in whatever order they do."""

    def test_parts_that_overtake_each_other_are_put_in_order(self) -> None:
        account = Account()
        assert account.take(2, ["en"], ended=True) == []
        events = account.take(0, ["en", "en"])
        assert [event.number for event in events if isinstance(event, ClipDone)] == [0, 1, 2]
        (finished,) = (event for event in events if isinstance(event, Finished))
        assert finished.transcript.text.split() == ["0", "1", "2"]
        assert account.take(0, ["en", "en"]) == [], "what comes twice counts once"

    def test_a_part_in_another_language_than_its_file_is_transcribed_again(self) -> None:
        account = Account()
        account.take(0, ["de"])
        assert not any(isinstance(event, ClipDone) for event in account.take(1, ["en?", "de"]))
        assert account.take(3, ["de"], ended=True) == []
        (file,) = account.run.files.values()
        task = file.remaining()
        assert len(task.finished) == 1 and task.language == "de"
        events = account.take(1, ["de?", "de"]) + account.take(3, ["de"], ended=True)
        assert isinstance(events[-1], Finished)

    def test_a_file_that_never_comes_out_is_given_up(self) -> None:
        account = Account()
        events = [event for _ in range(3) for event in account.run.retry_lost()]
        assert [type(event) for event in events] == [Noticed, Noticed, Failed] and not account.run.files


class TestTracker:
    """Which steps a worker died in."""

    @pytest.fixture(autouse=True)
    def alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
        monkeypatch.setattr(
            ray, "nodes", lambda: [{"NodeID": "here", "Alive": True}, {"NodeID": "lost", "Alive": False}]
        )

    def test_who_never_leaves_has_died(self) -> None:
        tracker = TaskTracker()
        steps: list[Any] = [("aligning", "a.wav", 0), ("aligning", "b.wav", 0)]
        assert tracker.begin(steps, "here") == [0, 0]
        assert tracker.begin(steps, "here") == [1, 1]
        tracker.end(steps, "here", done=False)
        assert tracker.begin(steps[:1], "here") == [1]
        assert tracker.begin(steps[1:], "here") == [1]
        tracker.end(steps[1:], "here", done=True)
        assert tracker.begin(steps, "here") == [2, 0]

    def test_who_went_down_with_a_node_is_no_sign(self) -> None:
        tracker = TaskTracker()
        assert tracker.begin([("aligning", "a.wav", 0)], "lost") == [0]
        assert tracker.begin([("aligning", "a.wav", 0)], "here") == [0]


class TestStallDetector:
    def test_a_whole_cluster_may_take_its_time(self) -> None:
        stall = cluster.StallDetector({"a", "b"}, 0.0)
        assert not stall.is_over({"a", "b", "c"}, set(), 1000.0)

    def test_what_is_left_may_take_its_time_while_it_works(self) -> None:
        stall = cluster.StallDetector({"a", "b"}, 0.0)
        assert not stall.is_over({"a"}, {"a"}, 1000.0)
        assert not stall.is_over({"a"}, set(), 1010.0)
        stall.progress_made(1012.0)
        assert not stall.is_over({"a"}, set(), 1025.0)

    def test_a_lost_node_and_nobody_at_work_is_the_end(self) -> None:
        stall = cluster.StallDetector({"a", "b"}, 0.0)
        assert not stall.is_over({"a"}, {"b"}, 10.0)
        assert stall.is_over({"a"}, {"b"}, 20.0), "who was at work on the lost node is not"


class Account:
    """A run with one file, whose parts are handed to it."""

    def __init__(self) -> None:
        self.run = cluster._Run(Settings(decode=DecodeOptions()), ListFeed([]), ClusterOptions(), Task("a.wav"))
        self.run.models = Models(Ready("", None, 4), 30.0, "meter", "meter", "native")
        self.run.more(1)

    def take(self, first: int, languages: list[str], *, ended: bool = False) -> list[Event]:
        clips = []
        for number, language in enumerate(languages, first):
            tongue = language.rstrip("?")
            word = Word(f" {number}", number, number + 1.0)
            result = ClipResult(
                (Segment(word.text, word.start, word.end, tongue, (word,)),),
                language=None if language.endswith("?") else tongue,
            )
            clips.append(Done(result, number + 1.0, tongue, silent=False))
        read = Read(9.0, ()) if ended else None
        started = Started("a.wav", 9.0) if first == 0 else None
        return list(self.run.take(Part("a.wav", first, tuple(clips), started, read)))


class TestOptions:
    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["--asr-workers", "2"], "--asr-workers is for a cluster; add --engine ray"),
            (["--ray-address", "auto"], "--ray-address is for a cluster"),
            (["--engine", "ray", "--workers", "2"], "--workers is for worker processes"),
            (["--engine", "spark"], "spark"),
        ],
    )
    def test_options_of_another_engine_are_refused(
        self, args: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["a.wav", *args]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1

    def test_a_cluster_that_does_not_answer_is_named(self) -> None:
        pytest.importorskip("ray", reason="the extra `ray` is not installed")
        with pytest.raises(OptionError, match="127.0.0.1:1: no Ray cluster answers"):
            list(cluster.run(Settings(), ListFeed([Task("a.wav")]), ClusterOptions("127.0.0.1:1")))

    def test_without_ray_the_message_names_the_command_that_installs_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "ray", None)
        with pytest.raises(MissingDependencyError, match=r'pip install "crisp-align\[ray\]"'):
            list(cluster.run(Settings(), ListFeed([Task("a.wav")])))
