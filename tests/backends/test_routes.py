"""Every backend with every aligner, through the whole command: tiny checkpoints and real weights, a cue a word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from crisp_align import cli  # noqa: E402
from crisp_align.formats import transcript_from_json  # noqa: E402
from crisp_align.media.audio import read_audio  # noqa: E402
from tests import tiny, tiny_nvidia  # noqa: E402
from tests.command import excerpt, run  # noqa: E402

pytestmark = pytest.mark.engine

WORDS = [
    ("And", 0.32, 0.64), ("so", 0.64, 0.96), ("my", 1.20, 1.52), ("fellow", 1.52, 1.92), ("Americans", 1.92, 2.88),
    ("ask", 3.36, 3.92), ("not", 4.16, 4.64), ("what", 5.44, 5.84), ("your", 5.92, 6.16), ("country", 6.16, 6.64),
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """speech.wav, 7 s long, and checkpoints: parakeet knows it by heart, canary, qwen3-asr and qwen3 know nothing."""
    folder = tmp_path_factory.mktemp("routes")
    excerpt(folder / "speech.wav", 7.0)
    tiny_nvidia.overfitted_tdt(folder / "parakeet", read_audio(folder / "speech.wav"), WORDS)
    tiny_nvidia.canary(folder / "canary")
    tiny.qwen3_asr(folder / "qwen3-asr")
    tiny.qwen3_aligner(folder / "qwen3")
    return folder


def test_words_come_out_in_their_places_through_the_whole_command(root: Path, tmp_path: Path) -> None:
    done = run(
        *(str(root / "speech.wav"), "--backend", "parakeet", "-m", str(root / "parakeet"), "-am", "native"),
        *("-l", "en", "--no-vad", "-osrt", "-ml", "1", "-of", "out", "-t", "1", "--dtype", "float32", "--strict"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r"00:00:(\S+) --> 00:00:(\S+)\n(.*)", (tmp_path / "out.srt").read_text())
    seconds = [(text, float(a.replace(",", ".")), float(b.replace(",", "."))) for a, b, text in found]
    assert [text for text, _, _ in seconds] == [text for text, _, _ in WORDS]
    for (_, start, end), (_, said, until) in zip(seconds, WORDS, strict=True):
        assert start == pytest.approx(said, abs=0.005)
        assert end == pytest.approx(until, abs=0.005)


@pytest.mark.parametrize("aligner", ["native", "hmm", "attention", "qwen3"])
@pytest.mark.parametrize("backend", ["parakeet", "canary", "qwen3-asr", "whisper"])
def test_every_backend_goes_with_every_aligner(root: Path, tmp_path: Path, backend: str, aligner: str) -> None:
    model = "tiny.en" if backend == "whisper" else str(root / backend)
    aligner_model = str(root / "qwen3") if aligner == "qwen3" else aligner
    asked = [str(root / "speech.wav"), "--backend", backend, "-m", model, "-am", aligner_model, "-l", "en"]
    code = cli._run([*asked, "-osrt", "-oj", "-ml", "1", "-of", str(tmp_path / "out"), "-t", "1", "-np", "--offline"])
    assert code == 0
    made = transcript_from_json((tmp_path / "out.json").read_text())
    cues = (tmp_path / "out.srt").read_text().split("\n\n")
    assert made.words
    assert len([cue for cue in cues if cue.strip()]) == len(made.words)
    assert made.backend == backend
    if backend == "parakeet":
        assert made.text == " ".join(text for text, _, _ in WORDS)
        assert {segment.aligner for segment in made.segments} == {aligner}


def test_a_translation_is_spread_over_the_speech_and_told(root: Path, tmp_path: Path) -> None:
    asked = [str(root / "speech.wav"), "--backend", "canary", "-m", str(root / "canary"), "-am", "hmm"]
    code = cli._run([*asked, "-l", "de", "--translate", "-oj", "-of", str(tmp_path / "out"), "-t", "1", "-np"])
    made = transcript_from_json((tmp_path / "out.json").read_text())
    assert code == 0
    assert {segment.aligner for segment in made.segments} == {"spread"}
    assert made.language == "en"
    assert any("translation" in notice for notice in made.notices)
