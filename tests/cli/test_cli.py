"""The command line as typed: help, spelling, numbers, clashes. Nothing here loads a model."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.core import ParameterSource
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisp_align import __version__
from crisp_align.cli import main, program
from crisp_align.cli.options import OutputGroup
from crisp_align.formats import FORMATS, read_format, transcript_to_json
from crisp_align.transcript import Segment, Transcript, Word
from tests.command import run

COMMANDLINE = ParameterSource.COMMANDLINE

FORMAT_FLAGS = next(field for field in fields(OutputGroup) if field.name == "formats").metadata["flags"]
"""Name of a format → how its flag is declared."""


def said(*lines: str) -> Transcript:
    segments, time = [], 0.0
    for line in lines:
        words = tuple(Word(f" {word}", time + i, time + i + 0.5) for i, word in enumerate(line.split()))
        segments.append(Segment(f" {line}", time, words[-1].end, "en", words))
        time += len(words)
    return Transcript(tuple(segments), time, "talk.mp4")


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.json"
    path.write_text(transcript_to_json(said("ask not what", "your country can do")), encoding="utf-8")
    return path


class TestHelp:
    def test_it_needs_no_engine(self) -> None:
        code = (
            "import sys; from crisp_align.cli import main; main(['--help'])\n"
            "heavy = {'numpy', 'torch', 'ctranslate2', 'onnxruntime', 'transformers', 'faster_whisper', 'rich'}\n"
            "sys.exit(f'imported: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("name", list(program.homes))
    def test_every_command_has_one(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([name, "--help"]) == 0
        assert f"Usage: crisp-align {name}" in capsys.readouterr().out

    def test_it_groups_the_options_and_lists_the_exit_codes(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["-h"]) == 0
        printed = capsys.readouterr().out
        for heading in ("Commands:", "Input:", "Output:", "Layout:", "Models:", "Speech:", "Exit codes:", "Examples:"):
            assert f"\n{heading}\n" in printed
        for code in ("0 ", "1 ", "2 ", "3 ", "130"):
            assert f"\n  {code}" in printed

    def test_every_option_says_what_it_is_for(self) -> None:
        for group in program.get_command(None, "transcribe").groups.values():  # type: ignore[arg-type, union-attr]
            assert all(option.help for option in group)

    def test_the_version_is_the_package_s(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--version"]) == 0
        assert capsys.readouterr().out == f"crisp-align {__version__}\n"

    def test_every_format_has_its_option(self) -> None:
        assert set(FORMAT_FLAGS) == {name for name, format in FORMATS.items() if format.writer}

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_each_shell_has_its_completion_script(self, shell: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["completion", shell]) == 0
        assert "_CRISP_ALIGN_COMPLETE" in capsys.readouterr().out

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("crisp-align mod", "plain,models"),
            ("crisp-align -os", "plain,-osrt"),
            ("crisp-align a.wav --out", "plain,--output-dir"),
            ("crisp-align a.wav -l ", "plain,ja"),
            ("crisp-align a.wav --backend w", "plain,whisper"),
            ("crisp-align models p", "plain,pull"),
            ("crisp-align ", "file,"),
        ],
    )
    def test_completion_knows_commands_options_and_values(self, words: str, expected: str) -> None:
        count = len(words.split()) - (not words.endswith(" "))
        done = run(env={"_CRISP_ALIGN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)})
        assert expected in done.stdout.splitlines(), done.stdout + done.stderr


class TestSpelling:
    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("-ml1", "-ml 1"),
            ("-ml42", "-ml 42"),
            ("-osr", "-osrt"),
            ("-osrtt", "-osrt"),
            ("-vosrt", "-v -osrt"),
            ("-ofsrt", "-of srt"),
            ("-osrtovtt", "-osrt -ovtt"),
            ("-npp", "-np"),
            ("-t4", "-t 4"),
            ("-lde", "-l de"),
            ("-mbase", "-m base"),
            ("-offline", "--offline"),
            ("-translate", "--translate"),
            ("-o=a.srt", "-o a.srt"),
            ("-oa.srt", "-o a.srt"),
            ("-osub.en.vtt", "-o sub.en.vtt"),
            ("--max-length", "--max-len"),
            ("--outputsrt", "--output-srt"),
        ],
    )
    def test_what_click_would_misread_is_an_error_with_a_suggestion(
        self, typed: str, meant: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["a.wav", typed]) == 2
        printed = capsys.readouterr().err
        assert meant in printed.partition("did you mean")[2] or meant in printed.partition("Did you mean")[2]
        assert printed.count("\n") == 1

    def test_one_letter_flags_may_be_bundled(self, talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["-vR", str(talk.parent / "nowhere")]) != 2
        assert "no such option" not in capsys.readouterr().err

    @pytest.mark.parametrize("args", [["-ml", "-osr"], ["--prompt", "-osr", "-ml", "x"], ["-ml=x"]])
    def test_a_value_is_never_taken_for_an_option(self, args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["a.wav", *args]) == 2
        assert "is not a whole number" in capsys.readouterr().err

    def test_after_two_dashes_everything_is_a_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["render", "--", "-osr"]) == 1
        assert "-osr: no such file" in capsys.readouterr().err

    def test_a_file_whose_name_begins_with_a_dash_gets_a_hint(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "-my talk.wav").touch()
        assert main(["-my talk.wav"]) == 2
        assert "for the file of that name type './-my talk.wav';" in capsys.readouterr().err

    @pytest.mark.parametrize("typed", ["–osrt", "—osrt", "−osrt"])
    def test_a_long_dash_is_recognised(self, typed: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["a.wav", typed]) == 2
        assert "type -osrt" in capsys.readouterr().err

    @pytest.mark.parametrize(("typed", "meant"), [("modles", "models"), ("rendr", "render"), ("doctr", "doctor")])
    def test_a_misspelled_command_is_not_taken_for_a_file(
        self, typed: str, meant: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([typed]) == 2
        assert f"did you mean {meant}?" in capsys.readouterr().err

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text("-abcdfijlmnoprstvwxyz019=", min_size=1, max_size=8).map(lambda word: f"-{word}"))
    def test_only_options_spelled_out_are_ever_set(self, word: str) -> None:
        command = program.get_command(None, "transcribe")  # type: ignore[arg-type]
        assert command is not None
        try:
            context = command.make_context("crisp-align", [word, "1", "a.wav"])
        except (click.UsageError, click.exceptions.Exit):
            return
        for param in command.params:
            if isinstance(param, click.Option) and context.get_parameter_source(param.name or "") is COMMANDLINE:
                letters = [o for o in param.opts if len(o) == 2 and o[1] in word]
                assert word.partition("=")[0] in param.opts or (param.is_flag and letters), param.opts


class TestNumbers:
    @pytest.mark.parametrize(
        "args",
        [
            ["-ml", "-1"],
            ["-ml", "nan"],
            ["-ml", "1.5"],
            ["-ml", ""],
            ["-ml", "9" * 5000],
            ["-ot", "-5"],
            ["-ot", "1e3"],
            ["-d", "99999999999999"],
            ["-t", "-1"],
            ["-t", "1000000"],
            ["-bs", "0"],
            ["-vt", "nan"],
            ["-vt", "inf"],
            ["-vt", "0"],
            ["-vt", "1.5"],
            ["-tp", "-0.1"],
            ["-nth", "nan"],
            ["-lpt", "inf"],
            ["--compression-ratio-threshold", "-inf"],
            ["--audio-track", "-1"],
            ["--batch-size", "-1"],
            ["-vsd", "-1"],
            ["--units", "sentence"],
        ],
    )
    def test_a_value_out_of_range_is_refused_with_its_range(
        self, args: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["a.wav", *args]) == 2
        printed = capsys.readouterr().err
        assert args[0] in printed and printed.count("\n") == 1 and len(printed) < 300

    @pytest.mark.parametrize("args", [["-l", "klingon"], ["-l", ""], ["--target-language", "xx"], ["-l", "\x1b[31m"]])
    def test_an_unknown_language_is_reported(self, args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["a.wav", *args]) == 2
        printed = capsys.readouterr().err
        assert "unknown language" in printed and "\x1b" not in printed


class TestUsage:
    @pytest.mark.parametrize(
        ("args", "message"),
        [
            ([], "Usage:"),
            (["-osrt"], "no file to transcribe"),
            (["align"], "missing argument"),
            (["align", "a.wav"], "--text"),
            (["align", "a.wav", "--text", "x", "--text-file", "y"], "not both"),
            (["align", "-", "--text-file", "-"], "cannot both come from standard input"),
            (["a.wav", "--text", "x"], "--align-only"),
            (["a.wav", "b.wav", "--align-only", "--text", "x"], "one file, and there are 2"),
            (["a.wav", "b.wav", "-osrt", "-of", "x"], "-of names the outputs of one input"),
            (["a.wav", "-o", "a.docx"], "no format has the extension '.docx'"),
            (["render", "a.json", "-o", "srt"], "without an extension"),
            (["align", "a.wav", "--text", "x", "-o", "a.docx"], "no format has the extension '.docx'"),
            (["a.wav", "b.wav", "-o", "a.srt"], "-o names an output of one input"),
            (["a.wav", "a.mp3", "-osrt"], "would write this file"),
            (["a.srt", "-osrt"], "would overwrite an input"),
            (["render"], "missing argument"),
            (["models", "pull"], "missing argument"),
            (["models", "path", "x", "--family", "y"], "no family is called"),
            (["completion", "tcsh"], "tcsh"),
        ],
    )
    def test_wrong_usage_is_one_line_and_exit_code_2(
        self, args: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(args) == 2
        assert message in capsys.readouterr().err

    def test_errors_are_coloured_only_on_a_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["-osr"])
        assert "\x1b" not in capsys.readouterr().err


class TestRender:
    def test_it_prints_lines_without_a_format(self, talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["render", str(talk)]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "[00:00:00.000 --> 00:00:02.500]  ask not what",
            "[00:00:03.000 --> 00:00:06.500]  your country can do",
        ]

    def test_it_lays_out_again_as_asked(self, talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["render", str(talk), "-ml", "1", "-osrt", "-ovtt", "-otxt", "-np"]) == 0
        assert {path.suffix for path in talk.parent.iterdir()} == {".json", ".srt", ".vtt", ".txt"}
        cues = read_format(talk.with_suffix(".srt")).segments
        assert [cue.text.strip() for cue in cues] == ["ask", "not", "what", "your", "country", "can", "do"]
        assert capsys.readouterr() == ("", "")

    def test_every_format_is_written_at_once(self, talk: Path) -> None:
        names = [declared.spellings[0] for name, declared in FORMAT_FLAGS.items() if name != "json"]
        assert main(["render", str(talk), *names, "-np", "-of", str(talk.parent / "out")]) == 0
        written = {path.name.removeprefix("out") for path in talk.parent.glob("out.*")}
        assert written == {format.extension for format in FORMATS.values() if format.writer}

    def test_outputs_may_be_named_with_their_extension_together_with_others(self, talk: Path) -> None:
        names = [str(talk.parent / name) for name in ("one.srt", "two.vtt", "three.labels.txt")]
        assert main(["render", str(talk), "-o", names[0], "-o", names[1], "-o", names[2], "-oass", "-np"]) == 0
        written = {path.name for path in talk.parent.iterdir()}
        assert written == {"talk.json", "one.srt", "two.vtt", "three.labels.txt", "talk.ass"}
        assert (talk.parent / "two.vtt").read_text().startswith("WEBVTT")

    @pytest.mark.slow
    def test_a_named_output_is_a_file_where_the_input_is_a_pipe(self, talk: Path) -> None:
        done = run("render", "-", "-ovtt", "-o", str(talk.parent / "a.srt"), stdin=talk.read_bytes())
        assert done.returncode == 0 and done.stdout.startswith("WEBVTT\n")
        assert (talk.parent / "a.srt").read_text().startswith("1\n")

    def test_a_profile_lays_out_and_what_is_typed_wins(self, talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for profile in ("netflix-en", "auto"):
            assert main(["render", str(talk), "--profile", profile, "-ml", "1"]) == 0
            assert len(capsys.readouterr().out.splitlines()) == 7
            assert main(["render", str(talk), "--profile", profile]) == 0
            assert len(capsys.readouterr().out.splitlines()) < 7
        assert main(["render", str(talk), "--profile", "netflix-xx"]) == 2
        assert "no profile is called" in capsys.readouterr().err

    def test_the_layout_is_the_profile_of_the_language_unless_whisper_cpps_is_asked_for(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = "And so, my fellow Americans, ask not what your country can do for you; ask what you can do."
        words = tuple(Word(f" {text}", i / 2, (i + 1) / 2) for i, text in enumerate(line.split()))
        segment = Segment("".join(word.text for word in words), 0.0, words[-1].end, "en", words)
        path = tmp_path / "talk.json"
        path.write_text(transcript_to_json(Transcript((segment,), words[-1].end, "talk.wav")))

        def lines(*args: str) -> list[str]:
            assert main(["render", str(path), *args]) == 0
            return [row.partition("]  ")[2] for row in capsys.readouterr().out.splitlines()]

        assert lines() == lines("--profile", "netflix-en") == lines("--profile", "auto")
        assert len(lines()) == 2
        for filled in (["-ml", "0"], ["-sow"]):
            assert lines(*filled) == [line]
        assert len(lines("-ml", "0", "--max-duration", "3")) == 4, "speech is split, not cut off"
        assert max(map(len, lines("--max-lines", "1"))) <= 42  # one rule of the language's profile is changed
        assert lines("--max-duration", "3") == lines("--profile", "netflix-en", "--max-duration", "3") != lines()

    def test_a_rule_that_contradicts_a_languages_profile_is_refused_at_once(
        self, talk: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["render", str(talk), "--min-duration", "8", "-osrt"]) == 2
        assert "the longest duration of a cue is below the shortest" in capsys.readouterr().err
        assert main(["render", str(talk), "--min-duration", "8", "--max-duration", "9", "-osrt"]) == 0

    def test_speech_too_fast_for_a_profile_is_reported_in_one_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = "ask not what your country can do for you but what you can do for your country"
        words = tuple(Word(f" {text}", i / 10, (i + 1) / 10) for i, text in enumerate(line.split()))
        segment = Segment("".join(word.text for word in words), 0.0, words[-1].end, "en", words)
        path = tmp_path / "fast.json"
        path.write_text(transcript_to_json(Transcript((segment,), words[-1].end, "fast.wav")))
        for profile, count in (("netflix-en", 1), ("auto", 1), ("sentence", 0)):
            assert main(["render", str(path), "--profile", profile, "-osrt"]) == 0
            lines = capsys.readouterr().err.splitlines()
            assert [f"{path}: 1 of 1 cues is too fast to read" in line for line in lines] == [True] * count
        assert main(["render", str(path), "--profile", "auto", "-osrt", "-np"]) == 0
        assert capsys.readouterr().err == ""

    @pytest.mark.slow
    def test_it_reads_and_writes_through_pipes(self, talk: Path) -> None:
        done = run("render", "-", "-ovtt", stdin=talk.read_bytes())
        assert done.returncode == 0 and done.stdout.startswith("WEBVTT\n")
        assert "[00:" not in done.stdout

    @pytest.mark.slow
    @pytest.mark.parametrize("option", ["-osrt", "-ovtt", "-oass", "-ottml", "-olrc", "-otextgrid", "-oj", "-ojf"])
    def test_it_reads_any_format_from_a_pipe(self, talk: Path, option: str) -> None:
        made = run("render", "-", option, "-np", stdin=talk.read_bytes()).stdout
        done = run("render", "-", "-ovtt", "-np", stdin=made.encode())
        assert (done.returncode, done.stderr) == (0, "")
        assert "ask not what" in done.stdout and "your country can do" in done.stdout

    def test_the_encoding_of_what_it_reads_can_be_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.srt").write_bytes("1\n00:00:01,000 --> 00:00:03,000\n電柱\n".encode("big5"))
        assert main(["render", str(tmp_path / "a.srt"), "--encoding", "big5", "-ovtt", "-np"]) == 0
        assert "電柱" in (tmp_path / "a.vtt").read_text(encoding="utf-8")
        assert main(["render", str(tmp_path / "a.srt"), "--encoding", "utf-8", "-oass", "-np"]) == 1

    def test_both_json_forms_round_trip(self, talk: Path) -> None:
        for option in ("-oj", "-ojf"):
            assert main(["render", str(talk), option, "-of", str(talk.parent / "again")]) == 0
            assert read_format(talk.parent / "again.json") == read_format(talk)
        assert main(["render", str(talk), "-oj", "-ojf", "-of", str(talk.parent / "again")]) == 0
        assert "cues" in json.loads((talk.parent / "again.json").read_text())

    def test_one_broken_file_does_not_stop_the_others(self, talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
        broken = talk.parent / "broken.json"
        broken.write_text("{")
        assert main(["render", str(broken), str(talk), "-osrt"]) == 1
        assert talk.with_suffix(".srt").exists()
        printed = capsys.readouterr().err
        assert printed.count("broken.json") == 1 and "Traceback" not in printed

    def test_an_output_folder_is_made(self, talk: Path) -> None:
        assert main(["render", str(talk), "-osrt", "--output-dir", str(talk.parent / "a" / "b")]) == 0
        assert (talk.parent / "a" / "b" / "talk.srt").exists()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe\x00",
            b"\x00" * 100,
            b'{"format": "other"}',
            b"[" * 50_000,
            b'{"segments": [{"start": NaN}]}',
            b'{"segments": [{"start": 1e999, "end": -1}]}',
        ],
    )
    def test_json_that_is_no_transcript_is_reported(
        self, talk: Path, content: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        talk.write_bytes(content)
        assert main(["render", str(talk), "-osrt"]) == 1
        printed = capsys.readouterr().err
        assert "talk.json" in printed and printed.count("\n") == 1
        assert not talk.with_suffix(".srt").exists()

    def test_text_that_would_drive_the_terminal_is_made_harmless(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = "safe\x1b]0;title\x07\x1b[2Jtext\u202eover"
        word = Word(f" {text}", 0.0, 1.0)
        transcript = Transcript((Segment(f" {text}", 0.0, 1.0, "en", (word,)),), 1.0, "a.wav")
        (tmp_path / "a.json").write_text(transcript_to_json(transcript))
        assert main(["render", str(tmp_path / "a.json")]) == 0
        assert not set("\x1b\x07\u202e") & set(capsys.readouterr().out)


class TestModels:
    def test_the_list_says_what_is_here(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "list"]) == 0
        printed = capsys.readouterr().out
        assert "large-v3-turbo" in printed and "Qwen/Qwen3-ForcedAligner-0.6B" in printed

    def test_a_model_that_is_not_here_has_no_path(self, tmp_path: Path) -> None:
        done = run("models", "path", "medium", env={"HF_HUB_CACHE": str(tmp_path)})
        assert done.returncode == 3
        assert "crisp-align models pull medium" in done.stderr

    def test_a_damaged_model_is_found_and_exits_3(self, tmp_path: Path) -> None:
        root = tmp_path / "models--Systran--faster-whisper-small"
        (root / "snapshots" / "c").mkdir(parents=True)
        (root / "blobs").mkdir()
        for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt"):
            (root / "blobs" / f"{name:0>64}"[-64:]).write_bytes(b"{}")
            (root / "snapshots" / "c" / name).symlink_to(root / "blobs" / f"{name:0>64}"[-64:])
        done = run("models", "verify", "small", env={"HF_HUB_CACHE": str(tmp_path)})
        assert done.returncode == 3
        assert "model.bin is damaged" in done.stdout

    def test_backends_and_aligners_are_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["backends"]) == 0
        printed = capsys.readouterr().out
        assert "\n  whisper" in printed and "\n  hmm" in printed
