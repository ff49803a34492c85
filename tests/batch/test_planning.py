"""Inputs become jobs; clashes are found before any work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.batch.planning import (
    STDOUT,
    Input,
    Job,
    Output,
    gather,
    missing_outputs,
    plan,
    sweep,
    write,
    write_problem,
)
from crisp_align.batch.written_files import Ledger
from crisp_align.errors import CrispAlignError, OptionError, OutputError
from crisp_align.files.process_identity import tag
from crisp_align.formats import read_format
from crisp_align.layout import Rules, cues
from crisp_align.transcript import Cue, Segment, Transcript, Word


def inputs(*names: str) -> list[Input]:
    return [Input(name, Path(Path(name).name)) for name in names]


def outputs(job: Job) -> list[str]:
    return [os.fspath(output.path()) for output in job.outputs]


def at(format: str, path: str | Path) -> Output:
    return Output.at(format, path)


def transcript(words: int = 3) -> Transcript:
    said = tuple(Word(f" word{i}", i, i + 0.5) for i in range(words))
    segment = Segment("".join(word.text for word in said), 0.0, words - 0.5, "en", said)
    return Transcript((segment,), float(words), "a.wav")


def blocks(said: Transcript, rules: Rules | None = None) -> list[Cue]:
    return cues(said.segments, rules or Rules())


class TestPlan:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("a.mkv", "a.srt"),
            ("dir/a.b.mkv", "dir/a.b.srt"),
            ("noext", "noext.srt"),
            (".hidden", ".hidden.srt"),
            ("a.", "a..srt"),
            ("with space'\"%$.mp4", "with space'\"%$.srt"),
            ("new\nline.mp4", "new\nline.srt"),
            ("映画.mkv", "映画.srt"),
            ("-dash.wav", "-dash.srt"),
            ("a\udcff.wav", "a\udcff.srt"),
        ],
    )
    def test_an_output_lies_next_to_its_input(self, source: str, expected: str) -> None:
        (job,) = plan(inputs(source), ["srt"])
        assert outputs(job) == [expected]

    def test_several_formats_come_at_once(self) -> None:
        (job,) = plan(inputs("a.mkv"), ["srt", "vtt", "json"])
        assert job.outputs == (at("srt", "a.srt"), at("vtt", "a.vtt"), at("json", "a.json"))

    def test_without_a_format_nothing_is_written(self) -> None:
        assert plan(inputs("a.mkv", "b.mkv"), []) == [Job("a.mkv", ()), Job("b.mkv", ())]

    @pytest.mark.parametrize(("base", "expected"), [("out", "out.srt"), ("out.v1", "out.v1.srt"), ("x.srt", "x.srt")])
    def test_a_base_gets_the_extension_once(self, base: str, expected: str) -> None:
        (job,) = plan(inputs("a.mkv"), ["srt"], base=base)
        assert outputs(job) == [expected]

    def test_a_base_lies_inside_the_output_folder(self) -> None:
        (job,) = plan(inputs("a.mkv"), ["srt"], base="x", folder="subs")
        assert outputs(job) == ["subs/x.srt"]

    def test_a_named_output_has_the_format_of_its_extension(self) -> None:
        (job,) = plan(inputs("in/a.mkv"), ["ass"], named=["b.VTT", "x/c.json"])
        assert job.outputs == (at("ass", "in/a.ass"), at("vtt", "b.VTT"), at("json", "x/c.json"))
        (job,) = plan(inputs("in/a.mkv"), [], named=["b.vtt"], folder="subs")
        assert outputs(job) == ["subs/b.vtt"]

    @pytest.mark.parametrize(
        ("names", "named", "message"),
        [
            (["a.mkv", "b.mkv"], ["a.srt"], "-o names an output of one input, and there are 2"),
            (["a.mkv"], ["a.docx"], "no format has the extension '.docx'"),
            (["a.mkv"], ["srt"], "without an extension"),
            (["a.mkv"], ["subs/"], "this is a folder"),
            (["a.srt"], ["./a.srt"], "would overwrite an input"),
            (["a.mkv"], ["b.srt", "./b.srt"], "two formats would write this file"),
            (["a.mkv"], ["a.vtt"], "two formats would write this file"),
        ],
    )
    def test_a_named_output_that_cannot_be_is_an_error(self, names: list[str], named: list[str], message: str) -> None:
        with pytest.raises(OptionError, match=message):
            plan(inputs(*names), ["vtt"], named=named)

    def test_a_folder_keeps_the_places_of_its_files(self) -> None:
        entries = [Input("in/one/a.mkv", Path("one/a.mkv")), Input("in/two/a.mkv", Path("two/a.mkv"))]
        assert [outputs(job) for job in plan(entries, ["vtt"], folder="subs")] == [
            ["subs/one/a.vtt"],
            ["subs/two/a.vtt"],
        ]

    @pytest.mark.parametrize(
        ("names", "hint"),
        [(("1/a.mkv", "1/a.mp3"), "{name} in --name"), (("1/a.mkv", "2/a.mkv"), "name the folder that both are in")],
    )
    def test_a_clash_is_reported_with_what_helps(self, names: tuple[str, ...], hint: str) -> None:
        with pytest.raises(OptionError) as caught:
            plan([Input(name, Path(Path(name).name)) for name in names], ["srt"], folder="subs")
        assert hint in str(caught.value)

    def test_standard_input_goes_to_standard_output(self) -> None:
        (job,) = plan([Input("-", Path("stdin"))], ["srt"])
        assert job.outputs == (at("srt", STDOUT),)

    def test_standard_input_gets_a_name_in_an_output_folder(self) -> None:
        (job,) = plan([Input("-", Path("stdin"))], ["srt", "vtt"], folder="subs")
        assert outputs(job) == ["subs/stdin.srt", "subs/stdin.vtt"]

    def test_a_base_of_dash_is_standard_output(self) -> None:
        (job,) = plan(inputs("a.mkv"), ["vtt"], base="-")
        assert job.outputs == (at("vtt", STDOUT),)

    @pytest.mark.parametrize(
        ("names", "formats", "base", "message"),
        [
            (["a.mkv", "b.mkv"], ["srt"], "out", "-of names the outputs of one input"),
            (["a.mkv", "a.mp3"], ["srt"], None, "both a.mkv and a.mp3 would write"),
            (["a.mkv", "./x/../a.mp3"], ["srt"], None, "would write"),
            (["a.srt"], ["srt"], None, "would overwrite an input"),
            (["talk.mkv", "talk.vtt"], ["vtt"], None, "would overwrite an input"),
            (["-"], ["srt", "vtt"], None, "standard output takes one format"),
            (["a.mkv"], ["srt", "vtt"], "-", "standard output takes one format"),
            (["a.mkv"], ["json", "json-full"], None, "two formats would write this file"),
            (["a.mkv"], ["srt"], "out/", "this is a folder"),
            (["a.mkv"], ["docx"], None, "no format is called 'docx'"),
        ],
    )
    def test_a_clash_is_an_error_before_work_starts(
        self, names: list[str], formats: list[str], base: str | None, message: str
    ) -> None:
        with pytest.raises(OptionError, match=message) as caught:
            plan(inputs(*names), formats, base=base)
        assert caught.value.exit_code == 2

    def test_an_output_that_links_to_an_input_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.wav").write_bytes(b"sound")
        (tmp_path / "a.srt").symlink_to(tmp_path / "a.wav")
        with pytest.raises(OptionError, match="would overwrite an input"):
            plan(inputs(str(tmp_path / "a.wav")), ["srt"])

    def test_an_existing_folder_is_no_base(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="--output-dir"):
            plan(inputs("a.mkv"), ["srt"], base=str(tmp_path))

    @given(st.lists(st.text("ab./-", min_size=1, max_size=6), unique=True, max_size=8), st.booleans())
    def test_no_two_outputs_are_one_file_and_none_is_an_input(self, names: list[str], in_folder: bool) -> None:
        names = [name for name in names if Path(name).name not in ("", "..")]
        try:
            jobs = plan(inputs(*names), ["srt", "json"], folder="subs" if in_folder else None)
        except OptionError:
            return
        written = [os.path.realpath(path) for job in jobs for path in outputs(job) if path != "-"]
        assert len(written) == len(set(written))
        assert not {os.path.realpath(name) for name in names if name != "-"} & set(written)


class TestPatterns:
    def test_outputs_are_named_where_they_would_have_gone(self) -> None:
        entry = Input("in/one/film.mkv", Path("one/film.mkv"))
        for folder, expected in ((None, "in/one/film.de.srt"), ("subs", "subs/one/film.de.srt")):
            (job,) = plan([entry], ["srt"], folder=folder, pattern="{stem}.{lang}.{ext}", language="de")
            assert outputs(job) == [expected]

    def test_what_came_from_standard_input_has_a_name_then(self) -> None:
        (job,) = plan([Input("-", Path("stdin"))], ["srt"], pattern="{stem}.{ext}")
        assert outputs(job) == ["stdin.srt"]

    def test_named_outputs_keep_their_names(self) -> None:
        (job,) = plan(inputs("a.mkv"), ["srt"], named=["b.vtt"], pattern="{stem}.{lang}.{ext}")
        assert outputs(job) == ["a.{lang}.srt", "b.vtt"]

    @pytest.mark.parametrize(
        ("names", "formats", "pattern", "message"),
        [
            (["a.mkv", "a.mp3"], ["srt"], "{stem}.{lang}.{ext}", "both a.mkv and a.mp3 would write"),
            (["a.mkv", "b.mkv"], ["srt"], "{lang}.{ext}", "both a.mkv and b.mkv would write"),
            (["a.mkv"], ["json", "json-full"], "{stem}.{lang}.{ext}", "two formats would write"),
            (["a.srt"], ["srt"], "{stem}.{ext}", "would overwrite an input"),
            (["a.mkv"], ["srt"], "{stem}.{tongue}.{ext}", "knows no {tongue}"),
        ],
    )
    def test_a_clash_is_seen_before_any_language_is_resolved(
        self, names: list[str], formats: list[str], pattern: str, message: str
    ) -> None:
        with pytest.raises(OptionError, match=message):
            plan(inputs(*names), formats, pattern=pattern)

    def test_extensions_of_inputs_keep_outputs_apart(self) -> None:
        jobs = plan(inputs("a.mkv", "a.mp3"), ["srt"], pattern="{name}.{lang}.{ext}")
        assert [outputs(job) for job in jobs] == [["a.mkv.{lang}.srt"], ["a.mp3.{lang}.srt"]]

    def test_two_names_for_the_outputs_are_one_too_many(self) -> None:
        with pytest.raises(OptionError, match="-of and --name"):
            plan(inputs("a.mkv"), ["srt"], base="b", pattern="{stem}.{ext}")

    def test_a_gap_is_filled_and_its_folder_made_when_the_file_is_written(self, tmp_path: Path) -> None:
        entries = [Input("in/film.mkv", Path("film.mkv"))]
        (job,) = plan(entries, ["srt"], folder=str(tmp_path), pattern="{lang}/{stem}.{lang}.{ext}")
        assert write_problem(job) is None
        write(job, transcript(), blocks(transcript()))
        assert (tmp_path / "en" / "film.en.srt").is_file()

    def test_a_folder_that_is_gone_is_not_made_again(self, tmp_path: Path) -> None:
        gone = tmp_path / "disk"
        for pattern in (None, "{lang}/{stem}.{ext}"):
            (job,) = plan(inputs("film.mkv"), ["srt"], folder=str(gone), pattern=pattern)
            with pytest.raises(OutputError, match="no such folder"):
                write(job, transcript(), blocks(transcript()))
            assert not gone.exists()


class TestExisting:
    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Ledger:
        return Ledger(tmp_path / "ledger")

    @pytest.fixture
    def film(self, tmp_path: Path) -> Path:
        (tmp_path / "subs").mkdir()
        path = tmp_path / "film.mkv"
        path.write_bytes(b"")
        os.utime(path, (1000, 1000))
        return path

    def planned(self, film: Path, *formats: str, pattern: str | None = None) -> Job:
        entries = [Input(str(film), Path(film.name))]
        (job,) = plan(entries, formats, folder=str(film.parent / "subs"), pattern=pattern)
        return job

    def there(self, film: Path, name: str, age: int = 0, data: bytes = b"x") -> None:
        path = film.parent / "subs" / name
        path.write_bytes(data)
        os.utime(path, (1000 - age, 1000 - age))

    def test_what_is_there_and_newer_is_left(self, film: Path, ledger: Ledger) -> None:
        job = self.planned(film, "srt", "vtt")
        assert missing_outputs(job, ledger) == job
        self.there(film, "film.srt")
        assert outputs(missing_outputs(job, ledger) or job) == [str(film.parent / "subs" / "film.vtt")]
        self.there(film, "film.vtt")
        assert missing_outputs(job, ledger) is None
        self.there(film, "film.vtt", age=5)
        assert outputs(missing_outputs(job, ledger) or job) == [str(film.parent / "subs" / "film.vtt")]

    def test_only_the_folder_that_is_written_to_counts(self, film: Path, ledger: Ledger) -> None:
        film.with_suffix(".srt").write_bytes(b"x")
        job = self.planned(film, "srt")
        assert missing_outputs(job, ledger) == job

    def test_any_language_will_do_where_none_is_resolved(self, film: Path, ledger: Ledger) -> None:
        self.there(film, "film.ja.srt")
        assert missing_outputs(self.planned(film, "srt", pattern="{stem}.{lang}.{ext}"), ledger) is None

    def test_an_empty_file_counts_only_if_it_is_ours(self, film: Path, ledger: Ledger) -> None:
        job, path = self.planned(film, "srt"), film.parent / "subs" / "film.srt"
        self.there(film, "film.srt", data=b"")
        assert missing_outputs(job, ledger) == job
        ledger.remember({path: b""})
        assert missing_outputs(job, ledger) is None

    def test_standard_input_is_always_to_be_done(self, ledger: Ledger) -> None:
        job = Job("-", (at("srt", STDOUT),))
        assert missing_outputs(job, ledger) == job

    def test_only_what_we_wrote_is_written_over(self, film: Path, ledger: Ledger) -> None:
        job, path = self.planned(film, "srt"), film.parent / "subs" / "film.srt"
        path.write_bytes(b"somebody's work")
        problem = write_problem(job, ledger)
        assert problem is not None and str(path) in str(problem)
        assert write_problem(job, Ledger(film.parent / "ledger", overwrite=True)) is None
        path.unlink()
        for words in (3, 4):
            assert write_problem(job, ledger) is None
            write(job, transcript(words), blocks(transcript(words)), ledger=ledger)
        path.write_bytes(path.read_bytes() + b"edited")
        assert write_problem(job, ledger) is not None

    def test_a_name_that_is_resolved_late_is_looked_at_late(self, film: Path, ledger: Ledger) -> None:
        job = self.planned(film, "srt", pattern="{stem}.{lang}.{ext}")
        self.there(film, "film.en.srt", data=b"somebody's work")
        assert write_problem(job, ledger) is None
        with pytest.raises(OutputError, match="film.en.srt: is already there"):
            write(job, transcript(), blocks(transcript()), ledger=ledger)
        assert (film.parent / "subs" / "film.en.srt").read_bytes() == b"somebody's work"


class TestSweep:
    def test_what_a_killed_process_left_half_written_goes(self, tmp_path: Path) -> None:
        code = (
            "import os, sys; from crisp_align.files import atomic\n"
            "os.fsync = lambda descriptor: os.kill(os.getpid(), 9)\n"
            "atomic.write_atomically(sys.argv[1], b'half')"
        )
        path = tmp_path / "a.srt"
        subprocess.run([sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[2], check=False)
        (part,) = tmp_path.iterdir()
        assert part.name.startswith(".crisp-align-") and part.name.endswith(".part")
        sweep([Job("a.wav", (at("srt", path),))])
        assert list(tmp_path.iterdir()) == []

    def test_what_others_are_writing_stays(self, tmp_path: Path) -> None:
        mine = tmp_path / f".crisp-align-{tag()}-x.part"
        elsewhere = tmp_path / ".crisp-align-otherhost-abcdef-1-abcdef-x.part"
        old = tmp_path / ".crisp-align-otherhost-abcdef-2-abcdef-x.part"
        not_ours = tmp_path / "film.part"
        for path in (mine, elsewhere, old, not_ours):
            path.write_bytes(b"half")
        os.utime(old, (1, 1))
        os.utime(not_ours, (1, 1))
        sweep([Job("a.wav", (at("srt", tmp_path / "a.srt"), at("vtt", tmp_path / "nowhere" / "a.vtt")))])
        assert set(tmp_path.iterdir()) == {mine, elsewhere, not_ours}


class TestGather:
    def test_files_come_in_the_order_they_were_named_and_once(self, tmp_path: Path) -> None:
        for name in "ab":
            (tmp_path / f"{name}.wav").write_bytes(b"")
        (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
        named = [
            str(tmp_path / name) for name in ("b.wav", "a.wav", "b.wav", "link.wav", "../" + tmp_path.name + "/a.wav")
        ]
        found = [entry.source for entry in gather([*named, "-", "-"]) if isinstance(entry, Input)]
        assert found == [named[0], named[1], "-"]

    def test_a_missing_file_is_left_to_whoever_opens_it(self) -> None:
        assert list(gather(["nowhere.wav"])) == [Input("nowhere.wav", Path("nowhere.wav"))]

    def test_an_empty_name_is_an_error_of_its_own(self) -> None:
        (error,) = gather([""])
        assert isinstance(error, CrispAlignError) and error.exit_code == 1


class TestWrite:
    def test_each_format_is_written_and_reads_back(self, tmp_path: Path) -> None:
        job = Job("a.wav", (at("srt", tmp_path / "a.srt"), at("json", tmp_path / "a.json")))
        assert write(job, transcript(), blocks(transcript(), Rules(max_chars=1))) == b""
        assert read_format(tmp_path / "a.json") == transcript()
        assert len(read_format(tmp_path / "a.srt").segments) == 3

    def test_standard_output_is_handed_back(self, tmp_path: Path) -> None:
        shown = write(Job("-", (at("vtt", STDOUT),)), transcript(), blocks(transcript()))
        assert shown.startswith(b"WEBVTT")

    def test_a_file_that_cannot_be_written_is_an_output_error(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="no such folder"):
            write(Job("a.wav", (at("srt", tmp_path / "nowhere" / "a.srt"),)), transcript(), blocks(transcript()))

    def test_what_blocks_a_job_is_seen_beforehand(self, tmp_path: Path) -> None:
        missing = write_problem(Job("a.wav", (at("srt", tmp_path / "nowhere" / "a.srt"),)))
        assert missing is not None and "no such folder" in str(missing)
        assert write_problem(Job("a.wav", (at("srt", tmp_path / "a.srt"),))) is None
        assert write_problem(Job("-", (at("srt", STDOUT),))) is None

    @pytest.mark.slow
    def test_a_process_killed_at_any_moment_leaves_whole_files_only(self, tmp_path: Path) -> None:
        # Two transcripts are written over one another for ever: whatever the moment, one of them is there, whole.
        code = (
            "import sys; from pathlib import Path; from crisp_align.batch.planning import Job, write\n"
            "from tests.batch.test_planning import at, blocks, transcript\n"
            "job = Job('a.wav', (at('srt', Path(sys.argv[1], 'a.srt')), at('json', Path(sys.argv[1], 'a.json'))))\n"
            "first, second = transcript(400), transcript(700)\n"
            "one, two = blocks(first), blocks(second)\n"
            "write(job, first, one); print('go', flush=True)\n"
            "while True: write(job, second, two); write(job, first, one)"
        )
        chance = random.Random(20)
        for _ in range(5):
            command = [sys.executable, "-c", code, str(tmp_path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as writing:
                assert writing.stdout is not None and writing.stdout.readline() == b"go\n"
                time.sleep(chance.uniform(0, 0.05))
                writing.send_signal(signal.SIGKILL)
            assert read_format(tmp_path / "a.json") in (transcript(400), transcript(700))
            assert len(read_format(tmp_path / "a.srt").words) in (400, 700)
