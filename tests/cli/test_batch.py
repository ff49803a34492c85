"""Which files a command takes and which it leaves, as typed. Nothing here loads a model: transcripts are laid out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crisp_align.batch.summary import RunSummary
from crisp_align.cli import main
from crisp_align.cli.display import Display
from crisp_align.cli.show import reported
from crisp_align.errors import ModelError, OutputError
from crisp_align.formats import transcript_to_json
from crisp_align.transcript import Segment, Transcript, Word
from tests.command import run

pytestmark = pytest.mark.engine


def transcript(text: str = " hello") -> str:
    segment = Segment(text, 0.0, 1.0, "fr", (Word(text, 0.0, 1.0),))
    return transcript_to_json(Transcript((segment,), 1.0, "film.mkv"))


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "film.json"
    path.write_text(transcript(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return path


class TestOverwriting:
    def test_what_we_wrote_may_be_written_again_and_what_was_edited_may_not(
        self, film: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        subtitles = film.with_suffix(".srt")
        assert main(["render", "film.json", "-osrt"]) == main(["render", "film.json", "-osrt", "-ml", "1"]) == 0
        subtitles.write_text("edited by hand")
        assert main(["render", "film.json", "-osrt"]) == 1
        assert "film.srt: is already there, and not as crisp-align wrote it" in capsys.readouterr().err
        assert subtitles.read_text() == "edited by hand"
        assert main(["render", "film.json", "-osrt", "--overwrite"]) == 0
        assert "hello" in subtitles.read_text()

    def test_a_file_that_is_kept_costs_itself_alone(self, film: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (film.parent / "b.json").write_text(transcript())
        film.with_suffix(".srt").write_text("edited by hand")
        assert main(["render", "film.json", "b.json", "-osrt"]) == 1
        assert (film.parent / "b.srt").exists() and film.with_suffix(".srt").read_text() == "edited by hand"

    def test_what_is_there_is_skipped_if_that_is_asked_for(self, film: Path) -> None:
        film.with_suffix(".srt").write_text("edited by hand")
        assert main(["render", "film.json", "-osrt", "-ovtt", "--skip-existing"]) == 0
        assert film.with_suffix(".srt").read_text() == "edited by hand"
        assert film.with_suffix(".vtt").exists()

    def test_skipping_looks_into_the_folder_that_is_written_to(self, film: Path) -> None:
        film.with_suffix(".srt").write_text("next to it")
        assert main(["render", "film.json", "-osrt", "--skip-existing", "--output-dir", "subs"]) == 0
        assert "hello" in (film.parent / "subs" / "film.srt").read_text()


class TestNames:
    def test_a_pattern_names_the_language(self, film: Path) -> None:
        assert main(["render", "film.json", "-osrt", "--name", "{stem}.{lang}.{ext}", "--output-dir", "subs"]) == 0
        assert (film.parent / "subs" / "film.fr.srt").exists()

    @pytest.mark.parametrize("pattern", ["{stem}", "{nothing}.{ext}", "../{stem}.{ext}", "{stem.{ext}"])
    def test_a_bad_one_is_wrong_usage(self, film: Path, pattern: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["render", "film.json", "-osrt", "--name", pattern]) == 2
        assert capsys.readouterr().err.count("\n") == 1


class TestLists:
    def test_names_come_from_a_list_and_from_standard_input(self, film: Path) -> None:
        (film.parent / "list.txt").write_bytes(b"\xef\xbb\xbfnowhere.wav\r\n\r\n-dash.wav\r\n")
        done = run("--from-file", "list.txt", cwd=film.parent)
        assert done.returncode == 1
        assert "nowhere.wav: no such file" in done.stderr and "-dash.wav: no such file" in done.stderr
        done = run("--from-file", "-", "-0", cwd=film.parent, stdin=b"new\nline.wav\0\xff.wav\0")
        assert done.returncode == 1 and "new\\nline.wav: no such file" in done.stderr

    def test_an_empty_list_is_no_mistake(self, film: Path) -> None:
        assert run("--from-file", "-", cwd=film.parent).returncode == 0

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["--from-file", "nowhere"], "cannot be read"),
            (["-", "--from-file", "-"], "both come from standard input"),
            (["a.wav", "-0"], "-0 says how --from-file is read"),
        ],
    )
    def test_what_cannot_be_read_is_wrong_usage(self, film: Path, args: list[str], message: str) -> None:
        done = run(*args, cwd=film.parent)
        assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1


class TestJournal:
    @pytest.mark.parametrize(
        ("args", "message"),
        [(["-osrt", "-of", "-"], "not for standard output"), ([], "none is asked for"), (["-osrt"], None)],
    )
    def test_what_no_file_holds_is_not_kept_as_done(
        self, film: Path, args: list[str], message: str | None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["film.json", *args, "--journal", "journal", "-np"]) == (2 if message else 1)
        printed = capsys.readouterr()
        assert (message or "film.json: ") in printed.err and printed.err.count("\n") == 1 and not printed.out
        assert (film.parent / "journal").exists() is (message is None)


class TestReport:
    def test_one_that_cannot_be_written_is_reported_at_once(
        self, film: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (film.parent / "mine.html").write_text("my own page")
        for name in ("nowhere/report.json", "mine.html"):
            assert (
                main(["a.wav", "-osrt", "--report", name, "-np"])
                == main(["watch", ".", "-osrt", "--report", name])
                == 1
            )
            printed = capsys.readouterr().err
            assert printed.count(name) == 2 == printed.count("\n") and "a.wav" not in printed

    def test_one_that_fails_in_the_end_hides_no_error(self, film: Path, capsys: pytest.CaptureFixture[str]) -> None:
        display = Display(quiet=False, verbose=False, progress=False, lines=False, files=1)
        report, summary = "gone/report.json", RunSummary(1)
        with (
            pytest.raises(ModelError, match="what happened"),
            reported(report, summary, display, overwrite=False),
        ):
            raise ModelError("what happened")
        assert "gone/report.json: cannot be written" in capsys.readouterr().err
        with (
            pytest.raises(OutputError, match="cannot be written"),
            reported(report, summary, display, overwrite=False),
        ):
            pass


class TestResponseFiles:
    def test_options_and_names_are_put_in_its_place(self, film: Path) -> None:
        (film.parent / "args").write_bytes(b"\xef\xbb\xbf-osrt --output-dir\n 'sub titles'\nfilm.json\n")
        assert main(["render", "@args"]) == 0
        assert (film.parent / "sub titles" / "film.srt").exists()

    def test_a_file_of_that_name_and_a_value_are_taken_as_they_are(self, film: Path) -> None:
        film.rename(film.parent / "@args.json")
        (film.parent / "args.json").write_text("--nonsense")
        assert main(["render", "@args.json", "-osrt", "--font", "@home"]) == 0
        assert (film.parent / "@args.srt").exists()

    def test_after_two_dashes_it_is_a_file(self, film: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (film.parent / "args").write_text("--nonsense")
        assert main(["render", "--", "@args"]) == 1
        assert "@args: no such file" in capsys.readouterr().err

    @pytest.mark.parametrize("content", [None, b"'unbalanced", b"RIFF\0\0", b"-osr"])
    def test_one_that_is_none_is_wrong_usage(
        self, film: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if content is not None:
            (film.parent / "args").write_bytes(content)
        assert main(["render", "film.json", "@args"]) == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_names_that_are_not_utf8_go_through(self, film: Path) -> None:
        name = os.fsdecode(b"\xff\xfe.json")
        film.rename(film.parent / name)
        (film.parent / "args").write_bytes(b"\xff\xfe.json -osrt")
        assert main(["render", "@args"]) == 0
        assert (film.parent / os.fsdecode(b"\xff\xfe.srt")).exists()
