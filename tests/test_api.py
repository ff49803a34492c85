"""The names that a Python program sees, and what can be done with a transcript."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import crisp_align
from crisp_align.errors import OptionError
from crisp_align.transcript import Segment, Transcript, Word

NAMES = {
    "Clip",
    "CrispAlignError",
    "Cue",
    "DecodeOptions",
    "Layout",
    "LoadOptions",
    "ModelChoice",
    "Pipeline",
    "Rules",
    "Segment",
    "Settings",
    "Span",
    "Transcript",
    "Unit",
    "Word",
    "WriteOptions",
    "__version__",
    "align",
    "lay_out",
    "load_aligner",
    "load_backend",
    "read",
    "transcribe",
    "write",
}


def test_these_are_the_public_names_and_each_leads_somewhere() -> None:
    assert set(crisp_align.__all__) == NAMES
    for name in NAMES:
        assert getattr(crisp_align, name) is not None


def test_dir_lists_names_that_were_not_loaded_yet() -> None:
    code = "import crisp_align, sys; print(*dir(crisp_align)); print('crisp_align.api' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, loaded = done.stdout.splitlines()
    assert set(names.split()) >= NAMES
    assert loaded == "False"


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Words in whole milliseconds, in order, without overlap, in segments of a few."""
    clock, words = 0, []
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 3000), st.integers(20, 2000)), max_size=12)):
        words.append(Word(f" w{len(words)}", (clock + gap) / 1000, (clock + gap + length) / 1000))
        clock += gap + length
    size = draw(st.integers(1, 4))
    groups = [tuple(words[at : at + size]) for at in range(0, len(words), size)]
    segments = tuple(
        Segment("".join(w.text for w in group), group[0].start, group[-1].end, "en", group) for group in groups
    )
    return Transcript(segments, clock / 1000, "a.wav")


def holds(transcript: Transcript) -> bool:
    """Whether segments spell their words, and times are in order and inside."""
    edges = [edge for word in transcript.words for edge in (word.start, word.end)]
    spelled = all("".join(w.text for w in segment.words) == segment.text for segment in transcript.segments)
    return spelled and edges == sorted(edges) and all(0 <= edge <= transcript.duration + 1e-9 for edge in edges)


@given(transcripts(), st.integers(0, 10_000))
def test_a_shift_there_and_back_changes_nothing(transcript: Transcript, milliseconds: int) -> None:
    later = transcript.shift(milliseconds / 1000)
    assert holds(later)
    assert later.shift(-milliseconds / 1000) == transcript


def test_voice_without_words_moves_with_the_words_and_is_cut_with_them() -> None:
    transcript = Transcript((), 10.0, "a.wav", uncovered=((1.0, 4.0), (6.0, 7.0)))
    assert transcript.shift(2.0).uncovered == ((3.0, 6.0), (8.0, 9.0))
    assert transcript.scale(2.0).uncovered == ((2.0, 8.0), (12.0, 14.0))
    assert transcript.slice(3.0, 6.0).uncovered == ((0.0, 1.0),)


def test_a_shift_before_the_beginning_is_refused() -> None:
    word = Word(" a", 1.0, 2.0)
    transcript = Transcript((Segment(" a", 1.0, 2.0, "en", (word,)),), 3.0, "a.wav")
    with pytest.raises(OptionError, match="a.wav: shifted by -1.5 s it would begin before 0"):
        transcript.shift(-1.5)


@given(transcripts(), st.sampled_from([0.5, 1.0, 25 / 24, 2.0]))
def test_a_scale_keeps_words_and_their_order(transcript: Transcript, factor: float) -> None:
    scaled = transcript.scale(factor)
    assert holds(scaled)
    assert scaled.text == transcript.text


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_that_is_none_is_refused(factor: float) -> None:
    with pytest.raises(OptionError, match="no factor"):
        Transcript((), 1.0, "a.wav").scale(factor)


@given(transcripts(), st.integers(0, 20_000))
def test_two_slices_hold_each_word_once(transcript: Transcript, milliseconds: int) -> None:
    cut = min(milliseconds / 1000, transcript.duration)
    before, after = transcript.slice(0.0, cut), transcript.slice(cut, transcript.duration + 1.0)
    assert holds(before)
    assert holds(after)
    assert [w.text for w in (*before.words, *after.words)] == [w.text for w in transcript.words]
    assert [w.text for w in transcript.words_between(0.0, cut)] == [w.text for w in before.words]


@given(transcripts())
def test_words_go_to_the_speaker_whose_turns_they_overlap_most(transcript: Transcript) -> None:
    middle = transcript.duration / 2
    spoken = transcript.with_speakers([(0.0, middle, "ann"), (middle, transcript.duration + 1.0, "bob")])
    assert spoken.text == transcript.text
    for word in spoken.words:
        if (word.start + word.end) / 2 != pytest.approx(middle, abs=0.001):
            assert word.speaker == ("ann" if (word.start + word.end) / 2 < middle else "bob")


def test_a_word_outside_all_turns_keeps_the_speaker_it_has() -> None:
    word = Word(" a", 1.0, 2.0, speaker="ann")
    transcript = Transcript((Segment(" a", 1.0, 2.0, "en", (word,)),), 3.0, "a.wav")
    assert transcript.with_speakers([(2.0, 3.0, "bob")]) == transcript


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    words = (Word(" One", 0.5, 1.0), Word(" two.", 1.0, 2.0))
    transcript = Transcript((Segment(" One two.", 0.5, 2.0, "en", words),), 3.0, "a.wav")
    crisp_align.write(transcript, tmp_path / "a.json")
    assert crisp_align.read(tmp_path / "a.json") == transcript
    crisp_align.write(transcript, tmp_path / "a.srt", profile="netflix")
    assert "One two." in (tmp_path / "a.srt").read_text()
    assert crisp_align.lay_out(transcript, rules=crisp_align.Rules(max_words=1)).cues[0].text == "One"


def test_an_extension_without_a_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no format has the extension"):
        crisp_align.write(Transcript((), 1.0, "a.wav"), tmp_path / "a.xyz")
    assert not list(tmp_path.iterdir())
