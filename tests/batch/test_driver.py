"""A batch from Python alone: what it reports, and what is left of it when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.batch.bare import CODE
from benchmarks.batch.material import joined, pieces, write_wav
from crisp_align import Settings
from crisp_align.backends import DecodeOptions, ModelChoice
from crisp_align.batch import (
    BatchEvent,
    BatchOptions,
    Input,
    Job,
    OutputLayout,
    Refused,
    RunSummary,
    Skipped,
    WorkerOptions,
    Written,
    gather,
    plan,
    prepare,
    run,
)
from crisp_align.events import ClipDone, Finished, Noticed, Ready
from crisp_align.formats import WriteOptions
from crisp_align.layout import Rules
from crisp_align.speech.options import VadOptions
from tests.plugin import install_plugin

pytestmark = pytest.mark.engine

SETTINGS = Settings(
    ModelChoice("bare"), ModelChoice("native"), DecodeOptions(language="en"), vad=VadOptions(max_pause=0.8)
)
LAYOUT = OutputLayout(Rules(), WriteOptions())
SCRIPT = """
import sys
from tests.batch.test_driver import LAYOUT, SETTINGS, jobs
from crisp_align.batch import BatchOptions, WorkerOptions, Written, run
from crisp_align.events import ClipDone

if __name__ == "__main__":  # workers import this module, too
    for event in run(jobs("in"), SETTINGS, LAYOUT, BatchOptions(WorkerOptions(1), journal="j.sqlite")):
        if isinstance(event, Written | ClipDone):
            print(type(event).__name__, event.source, flush=True)
"""


@pytest.fixture
def speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: six short recordings and a long one in `in`, and the backend is installed."""
    site = install_plugin(tmp_path / "site", "bare", CODE, "Bare")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{Path(__file__).parents[2]}")
    monkeypatch.setenv("BARE_SECONDS", "0.1")
    (tmp_path / "in").mkdir()
    for number, piece in enumerate(pieces(6)):
        write_wav(tmp_path / "in" / f"{number}.wav", piece)
    write_wav(tmp_path / "in" / "9-long.wav", joined(list(pieces(24))))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def jobs(*names: str) -> list[Job]:
    return plan([found for found in gather(names) if isinstance(found, Input)], ["srt"])


def written(events: Sequence[BatchEvent]) -> list[str]:
    return [event.source for event in events if isinstance(event, Written)]


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.srt")}


def test_a_batch_killed_by_kill_9_is_resumed_from_python_alone(speech: Path) -> None:
    (speech / "batch.py").write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, "batch.py"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    seen: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line.strip())
        if seen.count("ClipDone in/9-long.wav") >= 4:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    done = {line.split()[1] for line in seen if line.startswith("Written")}
    assert done and "in/9-long.wav" not in done

    summary = RunSummary()
    events = []
    for event in run(jobs("in"), SETTINGS, LAYOUT, BatchOptions(WorkerOptions(1), journal="j.sqlite")):
        summary.take(event)
        events.append(event)
    assert {event.source for event in events if isinstance(event, Skipped)} >= done
    assert set(written(events)).isdisjoint(done)
    assert any("done by an earlier run" in event.text for event in events if isinstance(event, Noticed))
    assert summary.exit_code == 0
    assert Counter(row.outcome for row in summary.rows).total() == 7
    resumed = outputs(speech / "in")
    assert len(resumed) == 7

    undisturbed = BatchOptions(WorkerOptions(1), overwrite=True)
    assert len(written(list(run(jobs("in"), SETTINGS, LAYOUT, undisturbed)))) == 7
    assert outputs(speech / "in") == resumed


def test_without_workers_the_same_is_done_in_this_process(speech: Path) -> None:
    (job,) = jobs("in/0.wav")
    events = list(run([job], SETTINGS, LAYOUT, BatchOptions(workers=None, journal="j.sqlite")))
    kinds = [type(event) for event in events]
    assert kinds[0] is Ready and kinds[-1] is Written
    assert kinds.index(ClipDone) < kinds.index(Finished)
    again = list(run([job], SETTINGS, LAYOUT, BatchOptions(workers=None, journal="j.sqlite")))
    assert [type(event) for event in again] == [Skipped]  # and no model was loaded


def test_what_cannot_be_done_is_refused_before_a_model_is_loaded(speech: Path) -> None:
    (speech / "in" / "0.srt").write_text("somebody's work")
    (speech / "in" / "empty.wav").touch()
    found = list(prepare(jobs("in/0.wav", "in/1.wav", "in/empty.wav"), BatchOptions()))
    assert [type(entry) for entry in found] == [Refused, Job, Refused]
    kept = list(prepare(jobs("in/0.wav"), BatchOptions(skip_existing=True)))
    assert kept == [Skipped("in/0.wav", "its outputs are there")]
    assert [type(entry) for entry in prepare(jobs("in/0.wav"), BatchOptions(overwrite=True))] == [Job]
    (refused,) = run(jobs("in/0.wav"), SETTINGS, LAYOUT)
    assert isinstance(refused, Refused) and "already there" in refused.error.what


def test_a_run_ends_when_it_is_asked_to_and_the_next_one_does_the_rest(speech: Path) -> None:
    first: list[BatchEvent] = []
    options = BatchOptions(WorkerOptions(1), journal="j.sqlite")
    for event in run(jobs("in"), SETTINGS, LAYOUT, options, stop=lambda: bool(written(first))):
        first.append(event)  # noqa: PERF402 (it is read meanwhile)
    assert 1 <= len(written(first)) < 7
    closed: list[BatchEvent] = []
    rest = run(jobs("in"), SETTINGS, LAYOUT, options)
    for event in rest:
        closed.append(event)
        if written(closed):
            break
    rest.close()  # type: ignore[attr-defined]  # a generator
    last = list(run(jobs("in"), SETTINGS, LAYOUT, options))
    assert len(written(first) + written(closed) + written(last)) == 7
