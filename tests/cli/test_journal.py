"""Batches of the real command that are killed, shared and resumed; a backend of a few lines keeps them quick."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.batch import kills
from benchmarks.batch.bare import CODE, MODEL
from benchmarks.batch.command import events, start
from benchmarks.batch.material import VAD, joined, make_hostile, pieces, write_wav
from crisp_align.batch.journal import Journal, Stamp, journal_key
from crisp_align.formats import read_format
from crisp_align.models.catalogue import lookup
from tests.plugin import install_plugin

pytestmark = pytest.mark.engine


@pytest.fixture
def sayer(tmp_path: Path) -> dict[str, str]:
    """Environment in which the backend is installed."""
    return {"PYTHONPATH": install_plugin(tmp_path / "site", "bare", CODE, "Bare")}


def speech(folder: Path, count: int) -> list[str]:
    """Recordings of a clip each, in a folder `in`."""
    (folder / "in").mkdir()
    for number, piece in enumerate(pieces(count)):
        write_wav(folder / "in" / f"{number:02d}.wav", piece)
    return [f"in/{number:02d}.wav" for number in range(count)]


def all_events(process: Any) -> list[dict[str, Any]]:
    """All events of a command, which has ended then."""
    with process:
        return list(events(iter(process.stderr)))


@contextmanager
def next_to_another_run(
    folder: Path, name: str, environment: dict[str, str]
) -> Iterator[tuple[Any, Iterator[dict[str, Any]]]]:
    """A command over the folder `in`, and its events after the one which says that another run has `name`.

    The other run gives it up at the end.
    """
    with Journal(folder / "j.sqlite") as other:
        other.claim(journal_key(str(folder / name)), Stamp.of(folder / name), "of another run")
        args = ["in", *MODEL, *VAD, "-osrt", "--journal", "j.sqlite", "--report", "report.json"]
        process = start(args, folder, None, environment)
        assert process.stderr is not None
        log = events(iter(process.stderr))
        assert next(event for event in log if "another run" in event.get("text", ""))["event"] == "notice"
        yield process, log


def test_kills_lose_nothing_repeat_nothing_and_show_nothing_partial(tmp_path: Path, sayer: dict[str, str]) -> None:
    outcome = kills.run(6, tmp_path, 1, kills.Batch(files=12, clips=12, model=MODEL, environment=sayer))
    assert outcome.kills
    assert outcome.outputs == 2 * (12 + 1)


def test_two_commands_share_a_folder_and_a_journal(tmp_path: Path, sayer: dict[str, str]) -> None:
    names = speech(tmp_path, 24)
    args = ["in", *MODEL, *VAD, "-osrt", "-oj", "--output-dir", "out", "--journal", "both.sqlite", "--workers", "1"]
    both = [start(args, tmp_path, tmp_path / f"{number}.log", sayer) for number in range(2)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    logs = [list(events(iter((tmp_path / f"{number}.log").open("rb")))) for number in range(2)]
    done = [Counter(event["file"] for event in log if event["event"] == "done") for log in logs]
    assert done[0] + done[1] == Counter(names)
    for log in logs:
        assert log[-1]["done"] + log[-1]["skipped"] == 24
    outputs = {path.name for path in (tmp_path / "out").iterdir()}
    assert outputs == {f"{number:02d}.{ending}" for number in range(24) for ending in ("srt", "json")}
    for path in (tmp_path / "out").glob("*.json"):
        assert read_format(path).words


def test_a_file_that_another_run_gives_up_is_waited_for_and_done(tmp_path: Path, sayer: dict[str, str]) -> None:
    names = speech(tmp_path, 3)
    with next_to_another_run(tmp_path, names[0], sayer) as (process, log):
        pass
    ended = list(log)
    assert process.wait(timeout=60) == 0
    assert [event["file"] for event in ended if event["event"] == "done"] == [names[0]]
    assert not [event for event in ended if "another run" in event.get("text", "")]
    assert ended[-1]["done"] == 3 and ended[-1]["left"] == 0
    assert {path.name for path in (tmp_path / "in").glob("*.srt")} == {"00.srt", "01.srt", "02.srt"}


def test_what_another_run_has_when_this_one_is_ended_is_reported(tmp_path: Path, sayer: dict[str, str]) -> None:
    names = speech(tmp_path, 2)
    with next_to_another_run(tmp_path, names[0], sayer) as (process, _):
        process.send_signal(signal.SIGINT)
        all_events(process)
    rows = json.loads((tmp_path / "report.json").read_text())["files"]
    assert {row["file"]: row["outcome"] for row in rows} == {names[0]: "busy", names[1]: "done"}


def test_what_an_earlier_run_did_counts_as_done_but_not_for_this_one(tmp_path: Path, sayer: dict[str, str]) -> None:
    write_wav(tmp_path / "long.wav", joined(list(pieces(40))))
    args = ["long.wav", *MODEL, *VAD, "-osrt", "--journal", "j.sqlite"]
    process = start(args, tmp_path, None, sayer)
    assert process.stderr is not None
    for event in events(iter(process.stderr)):
        if event["event"] == "progress" and event["position"]:
            break
    os.killpg(process.pid, signal.SIGKILL)
    all_events(process)
    again = all_events(start(args, tmp_path, None, sayer))
    (notice,) = (event for event in again if event["event"] == "notice" and "done by an earlier run" in event["text"])
    assert notice["file"] == "long.wav"
    (done,) = (event for event in again if event["event"] == "done")
    (started,) = (event for event in again if event["event"] == "started")
    assert 0 < done["audio_seconds"] < started["audio_seconds"] - 2
    assert (tmp_path / "long.srt").exists()


def test_what_is_done_is_known_again_by_any_name_and_in_any_process(tmp_path: Path, sayer: dict[str, str]) -> None:
    speech(tmp_path, 3)
    given = ("--max-lines", "2", "--max-cps", "15", "--linger", "1")
    for number, (folder, out) in enumerate(
        [("in", "out"), ("./in/../in", f"{tmp_path}/out"), (f"{tmp_path}/in", "out/")]
    ):
        args = [folder, *MODEL, *VAD, *given, "-osrt", "--output-dir", out, "--journal", "j.sqlite"]
        log = all_events(start(args, tmp_path, None, {**sayer, "PYTHONHASHSEED": str(number + 1)}))
        assert (log[-1]["done"], log[-1]["skipped"]) == ((3, 0) if number == 0 else (0, 3))


def test_a_model_that_is_fetched_between_two_runs_finishes_no_file_of_another(
    tmp_path: Path, sayer: dict[str, str]
) -> None:
    speech(tmp_path, 2)
    sayer = {**sayer, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    args = ["in", *MODEL, *VAD, "-osrt", "--journal", "j.sqlite"]
    assert all_events(start(args, tmp_path, None, sayer))[-1]["done"] == 2
    aligner = lookup("qwen3-forcedaligner-0.6b-hf")
    assert aligner is not None
    snapshot = tmp_path / "hub" / f"models--{aligner.repo.replace('/', '--')}" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    for need in aligner.required:
        (snapshot / need.partition("|")[0]).write_text("{}")
    assert all_events(start(args, tmp_path, None, sayer))[-1]["done"] == 2
    assert all_events(start(args, tmp_path, None, sayer))[-1]["skipped"] == 2


@pytest.mark.parametrize("pattern", ["{stem}.{ext}", "{stem}.{lang}.{ext}"])
def test_what_a_journal_records_is_ours_though_the_record_of_files_is_lost(
    pattern: str, tmp_path: Path, sayer: dict[str, str]
) -> None:
    speech(tmp_path, 2)
    args = ["in", *MODEL, *VAD, "-osrt", "--name", pattern, "--journal", "j.sqlite"]
    assert all_events(start(args, tmp_path, None, sayer))[-1]["done"] == 2
    for layout, state in (((), "second"), (("--max-lines", "1"), "third")):
        (tmp_path / ".state").rename(tmp_path / state)
        log = all_events(start([*args, *layout], tmp_path, None, sayer))
        assert (log[-1]["failed"], log[-1]["done"]) == (0, 2 if layout else 0), log
    (tmp_path / ".state").rename(tmp_path / "fourth")
    edited = sorted((tmp_path / "in").glob("*.srt"))[0]
    edited.write_text("edited by hand")
    log = all_events(start(args, tmp_path, None, sayer))
    assert (log[-1]["failed"], log[-1]["done"]) == (1, 1) and edited.read_text() == "edited by hand"


def test_hostile_files_among_good_ones_cost_themselves_alone(tmp_path: Path, sayer: dict[str, str]) -> None:
    good = speech(tmp_path, 6)
    bad = [str(path.relative_to(tmp_path)) for path in make_hostile(tmp_path / "in", 16)]
    args = [*sorted([*good, *bad]), *MODEL, *VAD, "-osrt", "--output-dir", "out", "--report", "report.json"]
    process = start(args, tmp_path, None, sayer)
    log = all_events(process)
    assert process.returncode == 1
    assert sorted(event["file"] for event in log if event["event"] == "done") == good
    assert sorted(event["file"] for event in log if event["event"] == "failed") == sorted(bad)
    rows = json.loads((tmp_path / "report.json").read_text())["files"]
    assert {row["file"] for row in rows if row["outcome"] == "failed" and row["error"]} == set(bad)
    assert len(list((tmp_path / "out").rglob("*.srt"))) == 6


class Halfway:
    """A batch of which one file is done, and whose folder of outputs something is done to."""

    def __init__(self, folder: Path, environment: dict[str, str], *args: str) -> None:
        speech(folder, 12)
        args = ("in", *MODEL, *VAD, "-osrt", "--output-dir", "out", "--journal", "j.sqlite", *args)
        self.process = start(args, folder, None, environment)
        assert self.process.stderr is not None
        self.events = events(iter(self.process.stderr))

    def until(self, event: str) -> dict[str, Any]:
        return next(found for found in self.events if found["event"] == event)


def test_a_folder_that_vanishes_pauses_a_batch_until_it_is_back(tmp_path: Path, sayer: dict[str, str]) -> None:
    batch = Halfway(tmp_path, sayer)
    batch.until("done")
    (tmp_path / "out").rename(tmp_path / "away")
    assert "no such folder" in batch.until("paused")["reason"]
    (tmp_path / "away").rename(tmp_path / "out")
    batch.until("resumed")
    assert batch.until("run-finished")["done"] == 12
    assert batch.process.wait(timeout=60) == 0
    assert len(list((tmp_path / "out").iterdir())) == 12


def test_a_subfolder_that_is_moved_away_costs_its_files_alone(tmp_path: Path, sayer: dict[str, str]) -> None:
    speech(tmp_path, 3)
    for number, folder in enumerate("abb"):
        (tmp_path / "in" / folder).mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number:02d}.wav").rename(tmp_path / "in" / folder / f"{number:02d}.wav")
    args = ["in", "-R", *MODEL, *VAD, "-osrt", "--journal", "j.sqlite", "--workers", "1"]
    process = start(args, tmp_path, None, {**sayer, "BARE_SECONDS": "1"})
    assert process.stderr is not None
    log = events(iter(process.stderr))
    assert next(event for event in log if event["event"] == "started")["file"] == "in/a/00.wav"
    (tmp_path / "in" / "a").rename(tmp_path / "elsewhere")
    ended = list(log)
    assert process.wait(timeout=60) == 1
    assert [event["file"] for event in ended if event["event"] == "failed"] == ["in/a/00.wav"]
    assert not [event for event in ended if event["event"] == "paused"]
    assert ended[-1]["done"] == 2


def test_a_batch_that_cannot_write_ends_and_the_next_run_does_the_rest(tmp_path: Path, sayer: dict[str, str]) -> None:
    batch = Halfway(tmp_path, sayer, "--patience", "0")
    batch.until("done")
    (tmp_path / "out").rename(tmp_path / "away")
    assert "no such folder" in batch.until("failed")["error"]["what"]
    assert batch.until("run-finished")["failed"] == 0
    assert batch.process.wait(timeout=60) == 1
    (tmp_path / "away").rename(tmp_path / "out")
    args = ["in", *MODEL, *VAD, "-osrt", "--output-dir", "out", "--journal", "j.sqlite"]
    again = start(args, tmp_path, None, sayer)
    log = all_events(again)
    assert again.returncode == 0
    assert log[-1]["failed"] == 0 and log[-1]["done"] + log[-1]["skipped"] == 12
    assert len(list((tmp_path / "out").iterdir())) == 12


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    (tmp_path / "out").mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path / "out"))
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield tmp_path / "out"
    subprocess.run(("umount", "-l", str(tmp_path / "out")), check=True)


def test_a_full_disk_pauses_a_batch_until_there_is_room(
    tmp_path: Path, small_disk: Path, sayer: dict[str, str]
) -> None:
    (small_disk / "in").mkdir()
    (small_disk / "in" / "filler").write_bytes(bytes(56_000))
    batch = Halfway(tmp_path, sayer)
    assert "the disk is full" in batch.until("paused")["reason"]
    assert not [path for path in (small_disk / "in").glob("*.srt") if not path.stat().st_size]
    (small_disk / "in" / "filler").unlink()
    assert batch.until("run-finished")["done"] == 12
    assert batch.process.wait(timeout=60) == 0
    assert len(list(small_disk.rglob("*.srt"))) == 12 and not list(small_disk.rglob(".crisp*"))
