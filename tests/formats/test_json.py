from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from crisp_align.errors import TranscriptError
from crisp_align.formats import read_format, transcript_from_json, transcript_to_json
from crisp_align.formats.json import FORMAT, read_json_cues
from crisp_align.layout import Rules, cues
from crisp_align.transcript import Segment, Transcript, Word
from tests.transcripts import transcripts

SCHEMA = json.loads(files("crisp_align.formats").joinpath("transcript.schema.json").read_text(encoding="utf-8"))
WORD = {"text": " a", "start": 0.0, "end": 1.0}
SEGMENT = {"start": 0.0, "end": 1.0, "text": " a", "words": [WORD]}


def written(**changes: object) -> str:
    return json.dumps({"format": FORMAT, "source": "a.wav", "duration": 1.0, "segments": [SEGMENT]} | changes)


@pytest.mark.slow
@given(transcripts())
@settings(max_examples=60, deadline=None)
def test_a_transcript_comes_back_without_loss(transcript: Transcript) -> None:
    assert transcript_from_json(transcript_to_json(transcript)) == transcript


@pytest.mark.slow
@given(transcripts())
@settings(max_examples=40, deadline=None)
def test_the_full_form_gives_the_transcript_and_the_cues_back(transcript: Transcript) -> None:
    laid = cues(transcript.segments, Rules(max_chars=20))
    text = transcript_to_json(transcript, laid)
    assert transcript_from_json(text) == transcript
    assert read_json_cues(text, "x") == laid


@pytest.mark.slow
@given(transcripts())
@settings(max_examples=40, deadline=None)
def test_both_forms_keep_to_the_schema(transcript: Transcript) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for text in (transcript_to_json(transcript), transcript_to_json(transcript, cues(transcript.segments, Rules()))):
        jsonschema.validate(json.loads(text), SCHEMA)


def test_written_again_it_is_the_same() -> None:
    text = transcript_to_json(transcript_from_json(written()))
    assert transcript_to_json(transcript_from_json(text)) == text


def test_a_source_whose_name_is_not_utf8_comes_back() -> None:
    transcript = Transcript((), 0.0, "caf\udce9.wav")
    assert transcript_from_json(transcript_to_json(transcript).encode("utf-8").decode("utf-8")) == transcript


def test_a_score_that_is_no_number_is_left_out() -> None:
    word = Word(" a", 0.0, 1.0, float("nan"))
    text = transcript_to_json(Transcript((Segment(" a", 0.0, 1.0, "en", (word,)),), 1.0, "a"))
    assert transcript_from_json(text).words[0].score is None


def test_a_segment_without_words_shares_its_time_out() -> None:
    transcript = transcript_from_json(written(segments=[{"start": 0, "end": 2, "text": " so be", "language": "en"}]))
    assert transcript.words == (Word(" so", 0.0, 1.0), Word(" be", 1.0, 2.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: not JSON"),
        ('{\n"a": }', "line 2, column 6: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "is not an object"),
        ("null", "is not an object"),
        ('{"format": "other"}', "'other'"),
        ("1" * 5000, "not JSON"),
        (written(duration="x"), "duration: is not a number"),
        (written(duration=True), "duration: is not a number"),
        (written(duration=-1), "duration: is not a time"),
        (written(duration=float("nan")), "duration: is not a finite number"),
        (written().replace('"duration": 1.0', '"duration": 1e999'), "duration: is not a finite number"),
        (written(duration=10**400), "duration: is not a finite number"),
        (written(segments={}), "segments: is not an array"),
        (written(segments=None), "segments: is missing"),
        (written(segments=[1]), r"segments\[0\]: is not an object"),
        (written(segments=[SEGMENT | {"start": 2}]), r"segments\[0\]: ends before it starts"),
        (written(segments=[SEGMENT | {"text": 5}]), r"segments\[0\].text: is not a string"),
        (written(segments=[SEGMENT | {"text": " b"}]), r"segments\[0\]: the texts of its words do not join"),
        (written(segments=[SEGMENT | {"words": [WORD | {"score": 7}]}]), "score: is not between 0 and 1"),
        (written(notices=[{}]), r"notices\[0\]: is not a string"),
    ],
)
def test_what_is_no_transcript_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TranscriptError, match=message) as caught:
        read_format(path)
    assert str(caught.value).startswith(f"{path}: ")
