from __future__ import annotations

import numpy as np

from crisp_align.transcript import SAMPLE_RATE, Clip
from crisp_align_backends.last_language import LanguageMemory


def clip(start: float, source: str = "film", earlier: str | None = None) -> Clip:
    return Clip(np.zeros(SAMPLE_RATE, np.float32), start, source, earlier_language=earlier)


def test_an_unsure_clip_follows_the_last_sure_one_of_its_source() -> None:
    last = LanguageMemory()
    assert last.resolve(clip(0.0), "de", sure=True) == "de"
    assert last.resolve(clip(1.0), "en", sure=False) == "de"
    assert last.resolve(clip(2.0), None, sure=False) == "de"
    assert last.resolve(clip(3.0, "another"), "en", sure=False) == "en"
    assert last.resolve(clip(3.0), "fr", sure=True) == "fr"
    assert last.resolve(clip(4.0), "en", sure=False) == "fr"


def test_a_source_heard_again_starts_afresh() -> None:
    last = LanguageMemory()
    last.resolve(clip(10.0), "de", sure=True)
    assert last.resolve(clip(0.0), "en", sure=False) == "en"
    assert last.resolve(clip(0.0, earlier="fr"), "en", sure=False) == "fr"


def test_what_was_heard_itself_comes_before_what_was_told() -> None:
    last = LanguageMemory()
    assert last.resolve(clip(5.0, earlier="fr"), "en", sure=False) == "fr"
    assert last.resolve(clip(6.0, earlier="fr"), "de", sure=True) == "de"
    assert last.resolve(clip(7.0, earlier="fr"), "en", sure=False) == "de"


def test_nothing_known_leaves_the_guess() -> None:
    assert LanguageMemory().resolve(clip(0.0), None, sure=False) is None
