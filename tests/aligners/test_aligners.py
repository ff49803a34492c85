from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp_align.aligners import (
    Aligner,
    Alignment,
    AlignmentWithWarning,
    Refusal,
    Result,
    Utterance,
    aligner_class,
    aligner_names,
)
from crisp_align.aligners.attention import AttentionAligner, snapped, spoken_pieces
from crisp_align.aligners.chain import INTERPOLATED, AlignerChain, aligner_load, load_aligner
from crisp_align.aligners.native import NativeAligner, by_letters
from crisp_align.backends import LoadOptions, ModelChoice
from crisp_align.errors import AlignmentError, OptionError
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip, Span, Unit, Word
from crisp_align_backends.whisper import Whisper
from tests.command import JFK as JFK_FILE
from tests.command import run
from tests.plugin import install_plugin

PAGE = Path(__file__).parents[2] / "docs" / "aligners.md"
Sample = Callable[[str], Clip]
JFK = " And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your country."
DE = " Das erschien mir nicht sinnvoll; es war ganz gewiss nicht fair."
ZH = "广州市房地产中介协会分析"


def utterance(clip: Clip, text: str, language: str, words: Sequence[Word] | None = None) -> Utterance:
    return Utterance(clip, tuple(split_units(text, language)), language, tuple(words) if words else None)


def test_every_built_in_aligner_is_found_by_name() -> None:
    assert {"hmm", "attention", "native"} <= set(aligner_names())
    with pytest.raises(OptionError, match="installed: .*hmm"):
        aligner_class("abacus")


@pytest.mark.parametrize("name", ["hmm", "attention", "native"])
def test_every_built_in_aligner_satisfies_the_protocol(name: str, whisper: Whisper) -> None:
    assert isinstance(load_aligner(name, backend=whisper), Aligner)


def test_attention_finds_the_words_after_pauses(whisper: Whisper, sample: Sample) -> None:
    spans = AttentionAligner(whisper).align([utterance(sample("jfk.wav"), JFK, "en")])[0]
    assert not isinstance(spans, Refusal)
    assert spans[5].start == pytest.approx(3.25, abs=0.12)  # ask
    assert spans[7].start == pytest.approx(5.37, abs=0.12)  # what
    assert spans[-1].end == pytest.approx(10.46, abs=0.2)  # country.
    assert all(0 <= (span.score or 0) <= 1 for span in spans)


def test_attention_times_a_batch_of_languages_as_it_times_each_alone(whisper: Whisper, sample: Sample) -> None:
    aligner = AttentionAligner(whisper)
    batch = [
        utterance(sample("de-fleurs.wav"), DE, "de"),
        utterance(sample("zh-aishell-BAC009S0724W0121.wav"), ZH, "zh"),
        utterance(sample("jfk.wav"), JFK, "en"),
    ]
    together = aligner.align(batch)
    assert [len(result) for result in together if isinstance(result, tuple)] == [11, 12, 22]
    assert together == [aligner.align([one])[0] for one in batch]


def test_attention_refuses_a_clip_longer_than_its_window(whisper: Whisper, sample: Sample) -> None:
    import numpy as np

    clip = Clip(np.zeros(31 * 16000, np.float32), 0.0, "x")
    result = AttentionAligner(whisper).align([utterance(clip, " one", "en")])[0]
    assert result == Refusal("takes 30 s at most, not 31 s")


def test_trailing_punctuation_is_a_piece_of_its_own() -> None:
    pieces, spoken = spoken_pieces([Unit(" so,", "so"), Unit(' "no!"', "no"), Unit(" €", "€")])
    assert pieces == [" so", ",", ' "no', '!"', " €"]
    assert spoken == [0, 2, 4]
    assert spoken_pieces([Unit(" हिन्दी।", "हिन्दी")]) == ([" हिन्दी", "।"], [0]), "a vowel sign is no punctuation"


def test_attention_takes_a_long_text_in_batches(sample: Sample) -> None:
    sizes = []

    class Engine:
        max_clip, batch_size, languages = 30.0, 4, None

        def token_times(
            self, clips: Sequence[Clip], texts: Sequence[Sequence[str]], language: str, *, translated: bool = False
        ) -> list[list[Span] | None]:
            sizes.append((len(clips), language, translated))
            return [[Span(0.0, 1.0)] * len(pieces) for pieces in texts]

    german = [utterance(sample("de-fleurs.wav"), DE, "de")] * 9
    foreign = [replace(german[0], language="en", translated=True, spoken_language="ja")]
    assert all(isinstance(result, tuple) for result in AttentionAligner(Engine()).align(german + foreign))
    assert sizes == [(4, "de", False), (4, "de", False), (1, "de", False), (1, "ja", True)]


def test_edges_at_a_pause_move_to_the_voice() -> None:
    spans = [Span(0.0, 0.9), Span(0.9, 2.0), Span(2.0, 2.9)]
    moved = snapped(spans, ((0.1, 0.8), (1.2, 2.7)))
    assert (moved[0].start, moved[0].end, moved[1].start, moved[2].end) == (0.1, 0.8, 1.2, 2.7)


def test_without_voice_activity_spans_stay() -> None:
    assert snapped([Span(0.5, 1.0, 0.5)], None) == (Span(0.5, 1.0, 0.5),)


def test_the_lead_of_each_measured_model_is_taken_off(whisper: Whisper, sample: Sample) -> None:
    truth = load_aligner("hmm").align([utterance(sample("jfk.wav"), JFK, "en")])[0]
    assert not isinstance(truth, Refusal)
    for engine in (whisper, Whisper.load("tiny.en", LoadOptions())):
        spans = AttentionAligner(engine).align([utterance(sample("jfk.wav"), JFK, "en")])[0]
        assert not isinstance(spans, Refusal)
        errors = [span.start - true.start for span, true in zip(spans, truth, strict=True)]
        assert sum(errors) / len(errors) == pytest.approx(0.0, abs=0.05)


def test_native_times_are_kept_whatever_the_split() -> None:
    words = [Word("东京", 0.0, 1.0, 0.9), Word("很大。", 1.0, 2.0, 0.5)]
    spans = by_letters(split_units("东京很大。", "zh"), words)
    assert [(round(span.start, 3), round(span.end, 3), span.score) for span in spans] == [
        (0.0, 0.5, 0.9),
        (0.5, 1.0, 0.9),
        (1.0, 1.333, 0.5),
        (1.333, 2.0, 0.5),
    ]


@pytest.mark.slow
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.lists(st.integers(1, 6), min_size=1, max_size=12))
@settings(max_examples=200)
def test_native_times_never_run_backwards(word_sizes: list[int], unit_sizes: list[int]) -> None:
    words = [Word("a" * size, i, i + 0.8) for i, size in enumerate(word_sizes)]
    spans = by_letters([Unit("a" * size, "a" * size) for size in unit_sizes], words)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert all(a <= b + 1e-9 or b == edges[-1] for a, b in pairwise(edges[::2]))
    assert all(span.start <= span.end for span in spans)


def test_the_same_words_come_back_with_the_backends_own_times(sample: Sample) -> None:
    words = [Word(" ask", 1.0, 2.0), Word(" not", 2.5, 3.0)]
    result = NativeAligner().align([utterance(sample("jfk.wav"), " ask not", "en", words)])[0]
    assert result == (Span(1.0, 2.0), Span(2.5, 3.0))


def documented(fence: str) -> str:
    """The code of the page on aligners, fenced as `fence`."""
    found = re.search(rf"```{fence}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.mark.slow
def test_an_aligner_from_another_package_works_by_name(tmp_path: Path) -> None:
    """The one on the page about aligners, installed."""
    site = tmp_path / "site"
    (site / "even-1.0.dist-info").mkdir(parents=True)
    (site / "even.py").write_text(documented("python"))
    (site / "even-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: even\nVersion: 1.0\n")
    entry = re.search(r"^even = \"(.*)\"", documented("toml"), re.MULTILINE)
    assert entry
    (site / "even-1.0.dist-info" / "entry_points.txt").write_text(f"[crisp_align.aligners]\neven = {entry[1]}\n")
    asked = [
        "align",
        str(JFK_FILE),
        "--text",
        "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country.",
        "-l",
        "en",
        "-am",
        "even",
        "-osrt",
        "-ml",
        "1",
        "-of",
        str(tmp_path / "out"),
    ]
    done = run(*asked, env={"PYTHONPATH": os.fspath(site)})
    assert done.returncode == 0, done.stderr
    assert "aligner even" in done.stderr
    assert "00:00:00,495 --> 00:00:00,991\nso,\n" in (tmp_path / "out.srt").read_text()


def test_the_documented_aligner_satisfies_the_protocol() -> None:
    scope: dict[str, object] = {}
    exec(documented("python"), scope)  # the page's own code
    made = scope["Even"]
    assert isinstance(made, type)
    assert isinstance(made(), Aligner)


def test_auto_takes_the_aligner_of_another_package_that_has_the_highest_rank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = documented("python").replace("AlignerProfile()", "AlignerProfile(rank=1000)")
    monkeypatch.delitem(sys.modules, "even", raising=False)
    monkeypatch.syspath_prepend(install_plugin(tmp_path, "even", code, "Even", "aligners"))
    assert AlignerChain(ModelChoice()).names[0] == "even"


def test_without_a_rank_it_is_the_last_that_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "even", raising=False)
    monkeypatch.syspath_prepend(install_plugin(tmp_path, "even", documented("python"), "Even", "aligners"))
    assert AlignerChain(ModelChoice("hmm")).names[-2:] == ["even", "native"]
    assert AlignerChain(ModelChoice("hmm"), native_words=True).names[-1] == "even"


class TestOptionsOfTheAligner:
    load = LoadOptions(device="cuda:1", dtype="int8", runtime="nemo", threads=3)

    def test_follow_the_backends_where_none_are_given(self) -> None:
        assert aligner_load("hmm", LoadOptions(device="cuda", dtype="int8")) == LoadOptions(device="cuda", dtype="int8")

    def test_take_what_is_given_instead(self) -> None:
        own = aligner_load("qwen3", self.load, device="cpu", dtype="float32", runtime="torch")
        assert own == LoadOptions(device="cpu", dtype="float32", runtime="torch", threads=3)

    def test_do_not_follow_to_an_engine_that_the_aligner_has_not(self) -> None:
        assert aligner_load("qwen3", self.load).runtime == "auto"
        assert aligner_load("qwen3", replace(self.load, runtime="torch")).runtime == "torch"

    def test_of_one_that_shares_the_backends_model_follow_in_the_device_alone(self) -> None:
        assert aligner_load("attention", self.load) == LoadOptions(device="cuda:1", threads=3)
        assert aligner_load("attention", LoadOptions(device="mps")).device == "auto"

    def test_are_refused_where_the_aligner_does_not_know_them(self) -> None:
        with pytest.raises(OptionError, match="hmm has no runtime 'nemo'; use pocketsphinx, auto"):
            AlignerChain(ModelChoice("hmm", load=LoadOptions(runtime="nemo")))


class TestChain:
    def test_what_the_first_refuses_the_next_one_times(self, whisper: Whisper, sample: Sample) -> None:
        chain = AlignerChain(ModelChoice("hmm"), whisper)
        english, finnish = chain.align(
            [utterance(sample("jfk.wav"), JFK, "en"), utterance(sample("de-fleurs.wav"), DE, "fi")]
        )
        assert english.aligner == "hmm"
        assert english.refusals == ()
        assert finnish.aligner == "attention"
        assert [name for name, _ in finnish.refusals] == ["hmm"]
        assert "Finnish" in finnish.refusals[0][1]

    def test_strict_makes_a_refusal_an_error(self, whisper: Whisper, sample: Sample) -> None:
        chain = AlignerChain(ModelChoice("hmm"), whisper, strict=True)
        with pytest.raises(AlignmentError, match="Finnish"):
            chain.align([utterance(sample("de-fleurs.wav"), DE, "fi")])

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ([], "native gave 0 results, not 1"),
            ([(Span(0.0, 1.0),)], "at 0.0 s native gave 1 times for 2 words"),
            ([AlignmentWithWarning((), "is not sure")], "at 0.0 s native gave 0 times for 2 words"),
        ],
    )
    def test_an_answer_of_the_wrong_size_is_an_error(self, sample: Sample, answer: list[Result], said: str) -> None:
        class Muddled(NativeAligner):
            def align(self, utterances: Sequence[Utterance]) -> list[Result]:  # type: ignore[override]
                return answer

        chain = AlignerChain(ModelChoice("native"))
        chain._loaded["native"] = Muddled()
        with pytest.raises(AlignmentError, match=said):
            chain.align([utterance(sample("jfk.wav"), " And so", "en")])

    def test_what_nobody_can_time_shares_the_voice(self, whisper: Whisper, sample: Sample) -> None:
        chain = AlignerChain(ModelChoice("native"), whisper)
        result: Alignment = chain.align([utterance(sample("jfk.wav"), " magandang umaga", "fil")])[0].alignment
        timed = chain.align([utterance(sample("jfk.wav"), " magandang umaga", "fil")])[0]
        assert timed.aligner == INTERPOLATED
        assert len(result) == 2
        assert [name for name, _ in timed.refusals] == ["native", "hmm", "attention"]
