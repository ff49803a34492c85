"""Decoys: the same text in a cipher, which a wrong text fits no worse than a right one fits better."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.aligners.hmm.acoustic_model import AcousticModel, load_acoustic_model
from crisp_align.aligners.hmm.aligner import _ENOUGH, _middle
from crisp_align.aligners.hmm.composite import CompositeModel, slots
from crisp_align.aligners.hmm.decoys import decoys
from crisp_align.aligners.hmm.lattice import PAUSE, Reading

VOWELS = re.findall(r"\w+", "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW")
CONSONANTS = re.findall(r"\w+", "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH")


@pytest.fixture(scope="module")
def acoustic() -> AcousticModel:
    return load_acoustic_model(Path(pocketsphinx.get_model_path()) / "en-us" / "en-us")


def phones_of(units: list[list[Reading]]) -> list[int]:
    return [p for unit in units for reading in unit for word in reading for phones in word for p in phones]


WORDS = st.lists(st.lists(st.sampled_from(VOWELS + CONSONANTS), min_size=1, max_size=6), min_size=1, max_size=6)


@given(words=WORDS)
def test_every_vowel_is_another_vowel_and_every_consonant_another_consonant(
    words: list[list[str]], acoustic: AcousticModel
) -> None:
    units: list[list[Reading]] = [[((tuple(map(acoustic.number, word)),),)] for word in words]
    sounds = phones_of(units)
    for decoy in decoys(acoustic, units):
        replaced = phones_of(decoy)
        assert len(replaced) == len(sounds)
        assert all(one != other for one, other in zip(sounds, replaced, strict=True))
        assert all(
            (acoustic.nearest(one) in VOWELS) == (acoustic.nearest(other) in VOWELS)
            for one, other in zip(sounds, replaced, strict=True)
        )


@given(words=WORDS)
def test_no_two_decoys_of_a_text_agree_anywhere(acoustic: AcousticModel, words: list[list[str]]) -> None:
    units: list[list[Reading]] = [[((tuple(map(acoustic.number, word)),),)] for word in words]
    assert all(len(set(sounds)) == 3 for sounds in zip(*map(phones_of, decoys(acoustic, units)), strict=True))


def test_pauses_and_unpronounceable_words_stay_what_they_are(acoustic: AcousticModel) -> None:
    units: list[list[Reading]] = [[(((acoustic.filler,),),), ()], [(((acoustic.silence,),),)]]
    assert decoys(acoustic, units) == [units] * 3


def test_sounds_that_english_lacks_are_replaced_by_their_like(acoustic: AcousticModel) -> None:
    model = CompositeModel(acoustic)
    y, u, r, x = (model.number(slots(sound)[0]) for sound in ("y", "u", "r", "x"))
    for decoy in decoys(model, [[(((r, y, x, u),),)]]):
        first, second, third, fourth = decoy[0][0][0][0]
        assert {model.nearest(second), model.nearest(fourth)} <= set(VOWELS)
        assert {model.nearest(first), model.nearest(third)} <= set(CONSONANTS)


@given(
    lengths=st.lists(st.tuples(st.integers(1, 200), st.booleans()), min_size=1, max_size=30),
    voiced=st.lists(st.booleans(), min_size=1, max_size=7),
)
def test_of_a_long_clip_the_whole_units_in_its_middle_are_judged(
    lengths: list[tuple[int, bool]], voiced: list[bool]
) -> None:
    unit_of_frame = np.repeat(
        [PAUSE if pause else unit for unit, (_, pause) in enumerate(lengths)], [n for n, _ in lengths]
    )
    voice = np.resize(np.array(voiced), len(unit_of_frame))
    judged = _middle(voice, unit_of_frame)
    assert 0 <= judged.start < judged.stop <= len(voice)
    assert np.count_nonzero(voice[judged]) >= min(_ENOUGH, np.count_nonzero(voice))
    inside, outside = set(unit_of_frame[judged].tolist()), np.delete(unit_of_frame, np.r_[judged])
    assert not (inside - {PAUSE}) & set(outside.tolist())
