"""A checkpoint of the real classes that knows jfk.wav by heart: beside the makers' own code, and from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import srt

from crisp_align.aligners import Utterance
from crisp_align.aligners.qwen3.aligner import Qwen3Aligner
from crisp_align.backends import LoadOptions
from crisp_align.media.audio import read_audio
from crisp_align.text.units import split_units
from crisp_align.transcript import SAMPLE_RATE, Clip, Unit
from tests.command import run

pytestmark = pytest.mark.engine

pytest.importorskip("torch")
pytest.importorskip("transformers", minversion="5.17")

HERE = Path(__file__).parents[1]
SAMPLES = HERE.parent / "samples"
CHECKPOINT = HERE / "data" / "qwen3-aligner-jfk"
LABELS = json.loads((HERE / "goldens" / "jfk_labels.json").read_text())
TEXT = "".join(text for text, _, _ in LABELS).strip()
CASES = json.loads((HERE / "goldens" / "qwen_asr.json").read_text(encoding="utf-8"))
CLASS = 0.08  # s


@pytest.fixture(scope="module")
def upstream() -> Qwen3Aligner:
    return Qwen3Aligner.load(str(CHECKPOINT), LoadOptions(align_decode="upstream"), None)


@pytest.mark.parametrize("file", sorted({case["file"] for case in CASES}))
def test_decoded_as_upstream_times_are_those_of_qwen_asr(upstream: Qwen3Aligner, file: str) -> None:
    samples = read_audio(SAMPLES / file)
    cases = [case for case in CASES if case["file"] == file]
    assert len(cases) == 11
    for case in cases:
        cut = samples[round(case["start"] * SAMPLE_RATE) : round(case["end"] * SAMPLE_RATE)]
        units = tuple(Unit(word, word) for word in case["words"])
        (spans,) = upstream.align([Utterance(Clip(cut, 0.0, file), units, case["language"])])
        assert isinstance(spans, tuple)
        assert [[span.start, span.end] for span in spans] == case["times"], case["language"]


def assert_within_a_class(subtitles: str) -> None:
    cues = list(srt.parse(subtitles))
    assert len(cues) == len(LABELS)
    for cue, (text, start, end) in zip(cues, LABELS, strict=True):
        assert cue.content.strip(" ,;.").lower() == text.strip(" ,;.").lower()
        for ours, label in ((cue.start.total_seconds(), start), (cue.end.total_seconds(), end)):
            assert abs(round(ours / CLASS) - round(label / CLASS)) <= 1, text


def test_the_command_times_every_word_of_a_given_text_within_a_class_of_its_label(tmp_path: Path) -> None:
    jfk = str(SAMPLES / "jfk.wav")
    base = str(tmp_path / "out")
    done = run("align", jfk, "--text", TEXT, "-l", "en", "-am", str(CHECKPOINT), "-osrt", "-ml", "1", "-of", base)
    assert done.returncode == 0, done.stderr
    assert_within_a_class((tmp_path / "out.srt").read_text())


def test_the_command_times_every_word_it_hears_within_a_class_of_its_label(tmp_path: Path) -> None:
    jfk = str(SAMPLES / "jfk.wav")
    done = run(jfk, "-l", "en", "-am", str(CHECKPOINT), "-osrt", "-ml", "1", "-of", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "timed by qwen3" in done.stderr
    assert_within_a_class((tmp_path / "out.srt").read_text())


def test_words_it_knows_score_high() -> None:
    aligner = Qwen3Aligner.load(str(CHECKPOINT), LoadOptions(), None)
    clip = Clip(read_audio(SAMPLES / "jfk.wav"), 0.0, "jfk.wav")
    (spans,) = aligner.align([Utterance(clip, tuple(split_units(TEXT, "en")), "en")])
    assert isinstance(spans, tuple)
    assert min(span.score or 0.0 for span in spans) > 0.5


def test_a_recogniser_in_the_aligners_place_is_said_before_any_audio_is_read(tmp_path: Path) -> None:
    for file in CHECKPOINT.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    del config["thinker_config"]["classify_num"]
    config["thinker_config"]["model_type"] = "qwen3_asr_thinker"
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "noise.wav").write_bytes(bytes(range(256)))
    done = run(str(tmp_path / "noise.wav"), "-am", str(tmp_path), "-osrt")
    assert done.returncode == 3
    assert "qwen3-asr" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
