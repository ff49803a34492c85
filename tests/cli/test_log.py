"""Events for machines: the form of docs/log.md, and nothing else on stderr."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from crisp_align import __version__
from crisp_align.cli.command import log_json_requested
from crisp_align.cli.log import JsonLog
from crisp_align.cli.progress import Progress
from crisp_align.errors import MediaError
from tests.command import COMMAND, run

pytestmark = pytest.mark.engine

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "log.schema.json").read_text())
DRIVER = """
import os, subprocess, sys, threading, warnings
from crisp_align.cli.display import Display, Outcome
from crisp_align.cli.json_stderr import as_json
from crisp_align.errors import MediaError
with as_json() as log:
    display = Display(quiet=%s, verbose=False, progress=True, lines=True, files=3)
    %s
    log.finish(0)
"""


def events(text: str) -> list[dict[str, Any]]:
    """Every line, which is an event as documented."""
    found = [json.loads(line) for line in text.splitlines()]
    for event in found:
        jsonschema.validate(event, SCHEMA)
    return found


def driven(work: str, quiet: bool = False) -> list[dict[str, Any]]:
    code = DRIVER % (quiet, work.replace("\n", "\n    "))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return events(done.stderr)


class Clock:
    now = 1_700_000_000.123456

    def __call__(self) -> float:
        return self.now


class TestJsonLog:
    def test_the_schema_is_one(self) -> None:
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_times_are_utc_in_milliseconds(self) -> None:
        lines: list[str] = []
        JsonLog(lines.append, Clock()).emit("resumed")
        assert events("\n".join(lines)) == [{"time": "2023-11-14T22:13:20.123Z", "event": "resumed"}]

    def test_progress_is_logged_once_a_second_and_file(self) -> None:
        lines: list[str] = []
        clock, run = Clock(), Progress(2)
        log = JsonLog(lines.append, clock=clock)
        for source in ("a", "b"):
            run.started(source, 100.0)
        for step in range(100):
            clock.now += 0.1
            for source in ("a", "b"):
                run.advanced(source, step)
                log.progress(source, run)
        positions = [event["position"] for event in events("\n".join(lines)) if event["file"] == "a"]
        assert len(lines) in (20, 22) and positions == sorted(positions)

    @pytest.mark.parametrize("name", ["映画🎬.wav", "new\nline.wav", "latin\udce9.wav", "\x1b[31m.wav", '"\\.wav'])
    def test_any_name_stays_on_its_line_and_comes_back(self, name: str) -> None:
        lines: list[str] = []
        JsonLog(lines.append).failed(name, MediaError("is empty", subject=name))
        assert lines[0].isascii() and lines[0].isprintable()
        (event,) = events("\n".join(lines))
        assert event["file"] == name


class TestDisplay:
    def test_each_thing_that_happens_is_an_event(self) -> None:
        logged = driven(
            "display.say('crisp-align: tiny.en')\n"
            "display.skipped('done.wav', 'its outputs are newer')\n"
            "display.stage('a.wav', 'decoding')\n"
            "display.started('a.wav', 12.5)\n"
            "display.stage('a.wav', 'aligning')\n"
            "display.say('a gap', source='a.wav')\n"
            "display.say('a detail', source='a.wav', detail=True)\n"
            "display.paused('disk full')\n"
            "display.paused('disk full')\n"
            "display.resumed()\n"
            "display.resumed()\n"
            "display.line('a.wav', 'speech')\n"
            "display.done('a.wav', Outcome(('a.srt', 'a.vtt'), 2.0, 12.5, 31, 0.5))\n"
            "display.failed('b.wav', MediaError('is empty', subject='b.wav', hint='record it again'))\n"
            "display.finished()"
        )
        for event in logged:
            del event["time"]
        last = logged.pop()
        assert last.pop("seconds") >= 0
        error = {"what": "is empty", "subject": "b.wav", "hint": "record it again", "exit_code": 1}
        assert logged == [
            {"event": "run-started", "version": __version__, "files": 3},
            {"event": "notice", "file": None, "text": "crisp-align: tiny.en"},
            {"event": "skipped", "file": "done.wav", "reason": "its outputs are newer"},
            {"event": "started", "file": "a.wav", "audio_seconds": 12.5},
            {"event": "progress", "file": "a.wav", "stage": "aligning", "position": 0.0, "audio_seconds": 12.5},
            {"event": "notice", "file": "a.wav", "text": "a gap"},
            {"event": "paused", "reason": "disk full"},
            {"event": "resumed"},
            {"event": "done", "file": "a.wav", "outputs": ["a.srt", "a.vtt"], "seconds": 2.0,
             "audio_seconds": 12.5, "words": 31, "score": 0.5},
            {"event": "failed", "file": "b.wav", "error": {"kind": "MediaError", **error}},
        ]  # fmt: skip
        assert last == {"event": "run-finished", "exit_code": 0, "done": 1, "failed": 1, "skipped": 1, "left": 0,
                        "audio_seconds": 12.5, "words": 31}  # fmt: skip

    def test_it_is_not_hushed(self) -> None:
        logged = driven("display.started('a.wav', None)\ndisplay.done('a.wav', Outcome((), 1, 1, 1))", quiet=True)
        assert [event["event"] for event in logged] == ["run-started", "started", "done", "run-finished"]

    def test_what_others_write_to_stderr_becomes_notices(self) -> None:
        logged = driven(
            "warnings.warn('careful')\n"
            "os.write(2, b'a C library: \\xff\\n')\n"
            "print('10 %\\r20 %\\r30 %', file=sys.stderr)\n"
            "subprocess.run([sys.executable, '-c', 'import sys; sys.exit(\"a child\")'])"
        )
        texts = [event["text"] for event in logged if event["event"] == "notice"]
        assert any("careful" in text for text in texts)
        assert {"a C library: \\xff", "30 %", "a child"} <= set(texts)

    def test_a_mistake_of_our_own_ends_the_log_in_its_form(self) -> None:
        done = subprocess.run([sys.executable, "-c", DRIVER % (False, "1 / 0")], capture_output=True, text=True)
        assert done.returncode == 1
        logged = events(done.stderr)
        assert logged[-1]["event"] == "run-finished" and logged[-1]["exit_code"] == 1
        assert [event["error"]["kind"] for event in logged if event["event"] == "failed"] == ["ZeroDivisionError"]


class TestCommand:
    @pytest.mark.parametrize("args", [["-osr"], ["--no-such-option"], ["-ml", "x"], []])
    def test_wrong_usage_is_an_event(self, args: list[str]) -> None:
        done = run("--log-json", *args)
        assert done.returncode == 2
        failed, last = events(done.stderr)
        assert failed["event"] == "failed" and failed["file"] is None and failed["error"]["exit_code"] == 2
        assert last["event"] == "run-finished" and last["exit_code"] == 2

    def test_a_file_that_is_missing_is_an_event(self) -> None:
        done = run("nowhere.wav", "-osrt", "--log-json")
        first, *logged, last = events(done.stderr)
        assert done.returncode == last["exit_code"] == 1
        assert first["event"] == "run-started" and first["files"] == 1
        assert [event["error"]["what"] for event in logged if event["event"] == "failed"] == ["no such file"]
        assert done.stdout == ""

    def test_an_interrupt_still_ends_the_log(self) -> None:
        command = [*COMMAND, "-", "-m", "tiny.en", "--log-json"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as working:
            assert working.stderr is not None
            head = ""
            while "tiny.en" not in head:
                head += working.stderr.readline()
            working.send_signal(signal.SIGTERM)
            logged = events(head + working.stderr.read())
            assert working.wait(timeout=60) == 143
        assert logged[-1]["event"] == "run-finished" and logged[-1]["exit_code"] == 143
        assert any(event.get("text", "").startswith("interrupted") for event in logged)

    def test_it_is_looked_for_before_the_dashes_that_end_options(self) -> None:
        assert log_json_requested(["a.wav", "--log-json"])
        assert not log_json_requested(["a.wav", "--", "--log-json"])

    def test_it_is_looked_for_in_a_response_file(self, tmp_path: Path) -> None:
        (tmp_path / "args").write_text("-osrt --log-json\nnowhere.wav\n")
        assert log_json_requested(["-ml", "1", f"@{tmp_path / 'args'}"])
        assert not log_json_requested(["--", f"@{tmp_path / 'args'}"])
        assert not log_json_requested([f"@{tmp_path / 'none'}"])
        done = run(f"@{tmp_path / 'args'}")
        assert events(done.stderr)[0]["event"] == "run-started"
