"""Names of speakers in formats that have no other place for them."""

from __future__ import annotations

import pytest

from crisp_align.errors import OptionError
from crisp_align.formats import WriteOptions, parse_document, write_document, write_format
from crisp_align.transcript import Cue, Segment, Transcript, Word

ANN = (Word("- Who is", 1.0, 1.5, speaker="Ann"), Word(" there?", 1.5, 2.0, speaker="Ann"))
BOB = (Word("- Me.", 2.0, 3.0, speaker="Bob"),)
SAID = (
    Word(" Who is", 1.0, 1.5, speaker="Ann"),
    Word(" there?", 1.5, 2.0, speaker="Ann"),
    Word(" Me.", 2.0, 3.0, speaker="Bob"),
)
TRANSCRIPT = Transcript((Segment(" Who is there? Me.", 1.0, 3.0, "en", SAID),), 3.0, "x")
CUES = [Cue(1.0, 3.0, (ANN, BOB))]


@pytest.mark.parametrize(
    ("pattern", "lines"),
    [
        ("NAME:", ["Ann: Who is there?", "Bob: Me."]),
        ("[NAME]", ["[Ann] Who is there?", "[Bob] Me."]),
        ("(NAME)", ["(Ann) Who is there?", "(Bob) Me."]),
        ("", ["- Who is there?", "- Me."]),
    ],
)
def test_subrip_names_its_speakers_instead_of_their_dashes(pattern: str, lines: list[str]) -> None:
    options = WriteOptions(speaker_names=pattern)  # type: ignore[arg-type]
    assert write_format("srt", TRANSCRIPT, CUES, options).decode().split("\n")[2:4] == lines


def test_plain_text_has_a_line_for_each_turn() -> None:
    text = write_format("txt", TRANSCRIPT, CUES, WriteOptions(speaker_names="[NAME]")).decode()
    assert text == "[Ann] Who is there?\n[Bob] Me.\n"


def test_a_table_has_names_in_its_text() -> None:
    text = write_format("csv", TRANSCRIPT, CUES, WriteOptions(speaker_names="NAME:")).decode()
    assert '"Ann: Who is there? Bob: Me."' in text


def test_voices_of_a_document_are_named_when_it_becomes_subrip() -> None:
    document = parse_document("WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Come <i>in</i>.\n<v Bob>Thanks.\n", "x")
    text = write_document("srt", document, WriteOptions(speaker_names="NAME:")).decode()
    assert text.split("\n")[2:4] == ["Ann: Come <i>in</i>.", "Bob: Thanks."]


def test_formats_with_a_place_for_names_are_as_they_were() -> None:
    for name in ("vtt", "ass", "ttml", "json"):
        named = write_format(name, TRANSCRIPT, CUES, WriteOptions(speaker_names="NAME:"))
        assert named == write_format(name, TRANSCRIPT, CUES)


def test_another_way_to_write_names_is_refused() -> None:
    with pytest.raises(OptionError, match="no way to write names"):
        WriteOptions(speaker_names="<NAME>")  # type: ignore[arg-type]
