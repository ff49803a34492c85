"""Worker processes: what they give is what one process gives, and what kills one costs one file."""

from __future__ import annotations

import json
import os
import wave
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crisp_align.backends import ModelChoice
from crisp_align.batch import workers
from crisp_align.errors import ModelError, OptionError
from crisp_align.events import Event, Failed, Finished, Noticed, Ready, Staged
from crisp_align.pipeline.pipeline import Pipeline, Settings
from crisp_align.pipeline.prefetch import ListFeed, Task
from crisp_align.speech.voice import VadOptions
from crisp_align.transcript import SAMPLE_RATE, Transcript
from tests.plugin import install_plugin

pytestmark = pytest.mark.engine

# A backend that says how loud each clip is, and misbehaves where the name of the file says so.
GAUGE = """
import os, signal, time
from pathlib import Path
from crisp_align.backends import BackendProfile, Capabilities, Transcription
from crisp_align.errors import ModelError
from crisp_align.transcript import Word

held = []

class Gauge:
    name = "gauge"
    translates = False
    native_words = True
    profile = BackendProfile(capabilities=Capabilities("Gauge"), max_clip=1.0)
    max_clip = 1.0
    languages = None
    batch_size = 4

    def __init__(self, model):
        self.model = model

    @classmethod
    def load(cls, model, options):
        if model == "missing":
            raise ModelError("no such gauge")
        if model == "broken":
            os.kill(os.getpid(), signal.SIGSEGV)
        if model.startswith("/"):  # what happens at each start, a line each
            starts = Path(model).read_text().splitlines()
            Path(model).write_text("\\n".join(starts[1:]))
            if starts[:1] == ["crash"]:
                os.kill(os.getpid(), signal.SIGSEGV)
            if starts[:1] == ["refuse"]:
                raise ModelError("no memory left")
        return cls(model)

    def check(self, options):
        pass

    def transcribe(self, clips, options):
        for clip in clips:
            name = Path(clip.source).name
            once = Path(clip.source + ".once")
            if "once" in name and clip.start > 1.2 and not once.exists():
                once.touch()
                os.abort()
            if "crash" in name and clip.start > 1.2:
                os.kill(os.getpid(), signal.SIGSEGV)
            if "hang" in name:
                time.sleep(1000)
            if "threads" in name:
                from threadpoolctl import threadpool_info
                Path(clip.source + ".threads").write_text(f"{[pool['num_threads'] for pool in threadpool_info()]}")
            if "grow" in name:
                Path(clip.source + ".pid").write_text(str(os.getpid()))
                if clip.start == 0:
                    held.append(b"x" * 150_000_000)
            if "bug" in name:
                raise KeyError("a mistake")
            with open(clip.source + ".log", "a") as log:
                log.write(f"{clip.start:.3f}\\n")
        return [said(clip) for clip in clips]

def said(clip):
    text = f"level {round(1000 * float(abs(clip.samples).mean()))}"
    first = Word("level", 0.1, 0.4, 0.5)
    return Transcription(text, "en", (first, Word(text[5:], 0.5, clip.duration, 0.25)))
"""


@pytest.fixture
def gauge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.syspath_prepend(install_plugin(tmp_path / "site", "gauge", GAUGE, "Gauge"))
    return Settings(ModelChoice("gauge"), ModelChoice("native"), vad=VadOptions(enabled=False))


def tone(path: Path, seconds: float) -> str:
    """A WAV of noise, louder from second to second."""
    count = int(seconds * SAMPLE_RATE)
    rising = np.random.default_rng(len(path.name)).uniform(-1, 1, count) * np.linspace(100, 20_000, count)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes(rising.astype("<i2").tobytes())
    return str(path)


def tones(folder: Path, names: Iterable[str]) -> list[str]:
    return [tone(folder / f"{name}.wav", 2.5 + i % 3) for i, name in enumerate(names)]


def run(settings: Settings, sources: Sequence[str], **options: float) -> list[Ready | Event]:
    chosen = workers.WorkerOptions(**options)  # type: ignore[arg-type]
    feed = ListFeed(Task(source) for source in sources)
    return [event for event in workers.run(settings, feed, chosen) if event is not None]


def transcripts(events: Iterable[Ready | Event]) -> dict[str, Transcript]:
    return {event.source: event.transcript for event in events if isinstance(event, Finished)}


def failures(events: Iterable[Ready | Event]) -> dict[str, Failed]:
    return {Path(event.source).name: event for event in events if isinstance(event, Failed)}


@pytest.mark.parametrize("count", [1, 3])
def test_workers_give_what_one_process_gives(tmp_path: Path, gauge: Settings, count: int) -> None:
    sources = tones(tmp_path, "abcdefg")
    alone = transcripts(Pipeline.load(gauge).transcribe(sources))
    events = run(gauge, sources, count=count)
    assert transcripts(events) == alone
    assert len(alone) == 7
    assert [type(event) for event in events].count(Ready) == 1
    if count == 1:
        assert list(transcripts(events)) == sources


def test_a_crash_costs_its_file_alone_and_nothing_is_transcribed_twice(tmp_path: Path, gauge: Settings) -> None:
    sources = tones(tmp_path, ["a", "b", "crash", "c", "d"])
    events = run(gauge, sources)
    failed = failures(events)
    assert list(failed) == ["crash.wav"]
    assert failed["crash.wav"].quarantined
    assert "crashed (SIGSEGV), twice" in str(failed["crash.wav"].error)
    done = transcripts(events)
    good = [source for source in sources if not source.endswith("crash.wav")]
    assert sorted(done) == good
    assert done == transcripts(Pipeline.load(gauge).transcribe(good))
    retried = {
        Path(event.source).name for event in events if isinstance(event, Noticed) and "tried again" in event.text
    }
    assert "crash.wav" in retried


def test_a_file_goes_on_after_its_last_finished_clip(tmp_path: Path, gauge: Settings) -> None:
    source = tone(tmp_path / "once.wav", 6.5)
    cut_off = transcripts(run(gauge, [source]))
    transcribed = Path(source + ".log").read_text().split()
    assert transcribed.count("0.000") == 1
    assert cut_off == transcripts(Pipeline.load(gauge).transcribe([source]))


def test_a_hang_costs_its_file_alone(tmp_path: Path, gauge: Settings) -> None:
    sources = tones(tmp_path, ["a", "hang", "b"])
    events = run(gauge, sources, timeout=2.0)
    failed = failures(events)
    assert list(failed) == ["hang.wav"]
    assert "made no progress for 2 s, twice" in str(failed["hang.wav"].error)
    assert len(transcripts(events)) == 2


def test_a_mistake_in_a_backend_costs_its_file_alone(tmp_path: Path, gauge: Settings) -> None:
    events = run(gauge, tones(tmp_path, ["a", "bug", "b"]))
    assert "KeyError: 'a mistake'" in str(failures(events)["bug.wav"].error)
    assert len(transcripts(events)) == 2


def test_media_that_is_none_is_reported_in_its_own_words(tmp_path: Path, gauge: Settings) -> None:
    sources = tones(tmp_path, ["a", "b"])
    Path(sources[0]).write_text("no media")
    failed = failures(run(gauge, sources))
    assert list(failed) == ["a.wav"]
    assert not failed["a.wav"].quarantined


@pytest.mark.parametrize(("model", "message"), [("missing", "no such gauge"), ("broken", "crashed")])
def test_a_model_that_does_not_load_ends_the_run(tmp_path: Path, gauge: Settings, model: str, message: str) -> None:
    settings = Settings(ModelChoice("gauge", model), ModelChoice("native"), vad=gauge.vad)
    with pytest.raises(ModelError, match=message):
        run(settings, tones(tmp_path, "a"))


def starting(gauge: Settings, folder: Path, *starts: str) -> Settings:
    """A model that fares so at each start, and well at all later ones."""
    (folder / "starts").write_text("\n".join(starts))
    return replace(gauge, backend=ModelChoice("gauge", str(folder / "starts")))


@pytest.mark.parametrize("second", ["crash", "refuse"])
def test_workers_that_die_as_they_load_count_only_in_a_row(tmp_path: Path, gauge: Settings, second: str) -> None:
    settings = starting(gauge, tmp_path, "crash", "load", second, "load")
    sources = tones(tmp_path, ["a", "once", "b"])
    assert sorted(transcripts(run(settings, sources, count=1))) == sorted(sources)


def test_a_model_that_no_longer_loads_ends_the_run(tmp_path: Path, gauge: Settings) -> None:
    settings = starting(gauge, tmp_path, "load", "refuse", "refuse")
    with pytest.raises(ModelError, match="no memory left"):
        run(settings, tones(tmp_path, ["once"]), count=1)


def test_a_worker_that_outgrows_its_memory_is_replaced_between_files(tmp_path: Path, gauge: Settings) -> None:
    sources = tones(tmp_path, [f"grow{number}" for number in range(10)])
    events = run(gauge, sources, memory=230_000_000, count=1)
    assert list(transcripts(events)) == sources
    assert len({Path(f"{source}.pid").read_text() for source in sources}) > 1
    (notice,) = [event for event in events if isinstance(event, Noticed) and "--memory" in event.text]
    assert notice.source == sources[0] and "above its 230 MB of --memory" in notice.text


def test_memory_that_does_not_hold_the_models_is_refused(tmp_path: Path, gauge: Settings) -> None:
    with pytest.raises(OptionError, match="gives each of 2 workers 2 MB, and the models alone take"):
        run(gauge, tones(tmp_path, "ab"), memory=4_000_000, count=2)


def test_leaving_early_ends_the_workers(tmp_path: Path, gauge: Settings) -> None:
    work = workers.run(gauge, ListFeed(Task(source) for source in tones(tmp_path, "abcdef")))
    assert isinstance(next(event for event in work if event is not None), Ready)
    next(work)
    work.close()


def on_cpu(threads: int) -> Settings:
    return Settings().placed(threads, lambda _: "cpu")


def test_threads_and_devices_are_divided() -> None:
    settings = on_cpu(threads=20)
    assert [share.backend.load.threads for share in workers.shares(settings, 0)] == [10, 10]
    assert [share.backend.load.threads for share in workers.shares(settings, 4)] == [5, 5, 5, 5]
    assert [share.backend.load.threads for share in workers.shares(on_cpu(threads=1), 3)] == [1] * 3


def test_the_libraries_in_a_worker_keep_to_its_share_of_the_threads(
    tmp_path: Path, gauge: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    settings = gauge.placed(2, lambda _: "cpu")
    sources = tones(tmp_path, ["threads-a", "threads-b"])
    options = workers.WorkerOptions(count=2)
    for _ in workers.run(settings, ListFeed(Task(source) for source in sources), options):
        pass
    for source in sources:
        pools = json.loads(Path(source + ".threads").read_text())
        assert pools and set(pools) == {1}
    assert "OMP_NUM_THREADS" not in os.environ


def test_each_stage_of_a_file_is_reported(tmp_path: Path, gauge: Settings) -> None:
    source = tone(tmp_path / "a.wav", 2.5)
    stages = [event.stage for event in run(gauge, [source]) if isinstance(event, Staged)]
    assert stages[:3] == ["decoding", "transcribing", "aligning"]
    assert set(stages[3:]) <= {"transcribing", "aligning"}
