"""Fingerprints: what makes a record in the journal count no more, and what does not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, make_dataclass, replace
from typing import Any

import pytest

import crisp_align
from crisp_align.backends import DecodeOptions, LoadOptions, ModelChoice
from crisp_align.batch.fingerprint import fingerprint, layout_fingerprint, outputs_fingerprint, settings_fingerprint
from crisp_align.batch.naming import Output
from crisp_align.batch.options import OutputLayout
from crisp_align.formats import WriteOptions
from crisp_align.layout import LanguageRules, Rules
from crisp_align.pipeline.settings import Settings
from crisp_align.speech.options import VadOptions


@dataclass(frozen=True)
class Choices:
    """As one release has them."""

    size: int = 1
    name: str = "auto"


def test_a_release_that_adds_a_field_or_renames_a_class_keeps_every_record() -> None:
    later: Any = make_dataclass("Renamed", [("extra", bool, False), ("name", str, "auto"), ("size", int, 1)])
    for values in ({}, {"size": 2}, {"name": "b", "size": 3}):
        assert fingerprint(choices=Choices(**values)) == fingerprint(choices=later(**values))  # type: ignore[arg-type]
    assert fingerprint(choices=later(extra=True)) != fingerprint(choices=later())


def test_a_release_keeps_every_record_by_its_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings_fingerprint(Settings())
    monkeypatch.setattr(crisp_align, "__version__", "99.0", raising=False)
    assert settings_fingerprint(Settings()) == before


@pytest.mark.parametrize(
    "changed",
    [
        Settings(decode=DecodeOptions(language="en")),
        Settings(decode=DecodeOptions(beam_size=1)),
        Settings(vad=VadOptions(enabled=False)),
        Settings(units="char"),
        Settings(strict=True),
        Settings(ModelChoice("whisper", "tiny")),
        Settings(aligner=ModelChoice("native")),
        Settings(ModelChoice(load=LoadOptions(dtype="int8"))),
    ],
)
def test_what_changes_words_or_times_is_distinguished(changed: Settings) -> None:
    assert settings_fingerprint(changed) != settings_fingerprint(Settings())


def test_where_and_when_a_model_runs_is_not_distinguished() -> None:
    load = LoadOptions(device="cpu", threads=3, offline=True)
    moved = replace(Settings(ModelChoice(load=load), ModelChoice(load=load)), sequential=True)
    assert settings_fingerprint(moved) == settings_fingerprint(Settings())


def test_every_rule_and_every_choice_of_writing_counts() -> None:
    layouts = [
        OutputLayout(Rules(), WriteOptions()),
        OutputLayout(LanguageRules(), WriteOptions()),
        OutputLayout(LanguageRules(max_lines=1, given=frozenset({"max_lines"})), WriteOptions()),
        OutputLayout(LanguageRules(max_lines=2, given=frozenset({"max_lines"})), WriteOptions()),
        OutputLayout(Rules(), WriteOptions(bom=True)),
    ]
    assert len({layout_fingerprint(layout) for layout in layouts}) == len(layouts)


def test_the_names_of_outputs_count_however_their_folder_was_typed() -> None:
    def of(*outputs: Output) -> str:
        return outputs_fingerprint("layout", outputs)

    assert of(Output.at("srt", "./a.srt")) == of(Output.at("srt", "a.srt"))
    assert of(Output.at("srt", "a.srt")) != of(Output.at("srt", "b.srt"))
    assert of(Output.at("srt", "a.srt")) != of(Output.at("srt", "a.srt"), Output.at("vtt", "a.vtt"))


@pytest.mark.slow
def test_it_holds_any_text_and_is_the_same_in_every_process() -> None:
    assert len(fingerprint(text="\udcff")) == 32
    code = (
        "from crisp_align.batch.fingerprint import fingerprint\n"
        "from crisp_align.layout import LanguageRules\n"
        "given = frozenset(['max_lines', 'max_chars', 'max_cps', 'fps'])\n"
        "print(fingerprint(r=[LanguageRules(max_lines=1, max_chars=40, max_cps=15.0, fps=25.0, given=given)]))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE
        ).stdout
        for seed in "123"
    }
    assert len(printed) == 1 and len(printed.pop().strip()) == 32
