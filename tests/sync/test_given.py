from __future__ import annotations

from pathlib import Path

import pytest

from crisp_align.errors import TranscriptError
from crisp_align.formats.document import SubtitleDocument
from crisp_align.sync.given import GivenText

SRT = "1\n00:00:01,500 --> 00:00:03,000\nAnd so,\n"


def test_subtitles_are_known_by_their_content_whatever_their_name(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(SRT, "utf-8")
    read = GivenText(str(path)).read()
    assert isinstance(read, SubtitleDocument)
    assert [cue.text for cue in read.cues] == ["And so,"]


@pytest.mark.parametrize("text", ["And so,\nmy friends", "[Narrator: softly]\nAnd", "{ what", "<!-- note\nAnd"])
def test_a_plain_text_is_a_plain_text_however_it_begins(text: str) -> None:
    assert GivenText("--text", text.encode()).read() == text


def test_a_file_without_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "empty.srt"
    path.write_text(" \n", "utf-8")
    with pytest.raises(TranscriptError, match="empty.srt"):
        GivenText(str(path)).read()
