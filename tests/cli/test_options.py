"""Options: what they fill, and that no default is written in two places."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import Any

import click
import pytest

from crisp_align.backends import DecodeOptions
from crisp_align.cli import fields as option_fields
from crisp_align.cli import options, program
from crisp_align.cli.fields import OptionGroup
from crisp_align.cli.transcribe import TranscribeOptions, command
from crisp_align.errors import OptionError
from crisp_align.media.audio import MediaOptions
from crisp_align.speech.options import VadOptions

GROUPS = [
    kind
    for kind in vars(options).values()
    if isinstance(kind, type) and issubclass(kind, OptionGroup) and kind is not OptionGroup
]
# Read by the commands themselves, or turned into several fields.
OF_THE_COMMAND = {
    "audience",
    "profile",
    "resolution",
    "report",
    "engine",
    "align_device",
    "align_dtype",
    "align_runtime",
    "align_servers",
}


def parsed(*args: str) -> TranscribeOptions:
    """What the command `transcribe` makes of its arguments."""
    return option_fields.build(TranscribeOptions, command.make_context("transcribe", list(args)).params)


@pytest.mark.parametrize("group", [group for group in GROUPS if group.targets], ids=lambda group: group.__name__)
def test_every_option_of_a_group_fills_a_field_of_what_the_group_fills(group: type[OptionGroup]) -> None:
    names = {"timeout"} if group is options.BatchGroup else set()
    for target in group.targets:
        module, _, kind = target.partition(":")
        names |= {field.name for field in fields(getattr(import_module(module), kind))}
    declared: Any = fields(group)  # type: ignore[arg-type]
    filled = {field.metadata["option"].into or field.name for field in declared}
    assert filled - names <= OF_THE_COMMAND


@pytest.mark.parametrize("group", [group for group in GROUPS if group.targets], ids=lambda group: group.__name__)
def test_what_fills_a_field_of_the_library_has_no_default_of_its_own(group: type[OptionGroup]) -> None:
    assert {field.default for field in fields(group)} <= {None, False}  # type: ignore[arg-type]


def test_nothing_typed_is_the_default_of_the_library() -> None:
    typed = parsed("a.wav")
    chosen = options.settings(typed.models, typed.sound, typed.voice, typed.timing, typed.speech)
    assert (chosen.decode, chosen.media, chosen.vad) == (DecodeOptions(), MediaOptions(), VadOptions())


def test_what_is_typed_reaches_the_field_that_it_fills() -> None:
    typed = parsed(
        "a.wav", "-ot", "1500", "-d", "0", "--no-vad", "-vt", "0.3", "-bs", "2", "--no-punctuation", "-t", "3"
    )
    chosen = options.settings(typed.models, typed.sound, typed.voice, typed.timing, typed.speech)
    assert (chosen.media.offset, chosen.media.duration) == (1.5, None)
    assert (chosen.vad.enabled, chosen.vad.threshold) == (False, 0.3)
    assert (chosen.decode.beam_size, chosen.decode.punctuation) == (2, False)


def test_the_aligner_runs_where_the_backend_does_unless_another_place_is_named() -> None:
    typed = parsed("a.wav", "--device", "cuda", "--dtype", "float16", "--align-device", "cpu", "-am", "hmm")
    chosen = options.settings(typed.models, typed.sound, typed.voice, typed.timing, typed.speech)
    assert (chosen.backend.name, chosen.backend.load.device, chosen.backend.load.dtype) == ("auto", "cuda", "float16")
    assert (chosen.aligner.name, chosen.aligner.load.device, chosen.aligner.load.dtype) == ("hmm", "cpu", "float16")


def test_the_help_shows_the_defaults_of_the_library() -> None:
    command: click.Command | None = program.get_command(click.Context(program), "transcribe")
    assert command is not None
    shown = " ".join(command.get_help(click.Context(command, info_name="transcribe", terminal_width=400)).split())
    for text in ("counts as speech (0.5)", "the search (5)", "probable than this (-1)", "is replaced (1800)"):
        assert text in shown
    assert "{default}" not in shown


def test_formats_come_in_the_order_of_the_help_and_the_full_json_holds_the_other() -> None:
    from crisp_align.batch.inputs import Input
    from crisp_align.batch.planning import Path

    output = parsed("a.wav", "-ojf", "-ovtt", "-oj", "-osrt").output
    assert output.formats == ("srt", "vtt", "json", "json-full")
    (job,) = output.plan([Input("a.wav", Path("a.wav"))])
    assert [made.format for made in job.outputs] == ["srt", "vtt", "json-full"]


def test_an_option_of_the_cluster_needs_the_cluster() -> None:
    typed = parsed("a.wav", "--asr-workers", "2")
    with pytest.raises(OptionError, match="--asr-workers is for a cluster"):
        options.batch_options(typed.output, typed.batch, typed.cluster)
