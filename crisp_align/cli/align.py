"""`crisp-align align MEDIA`: time a given text."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING

import click

from crisp_align.cli import options
from crisp_align.cli.command import Command, Params
from crisp_align.cli.transcribe import check_input, planned, ready, start
from crisp_align.errors import OptionError, TranscriptError

if TYPE_CHECKING:
    from crisp_align.events import Event, Ready
    from crisp_align.pipeline.pipeline import Settings

__all__ = ["command", "run"]


def run(params: Params) -> int:
    """Time the text; the exit code."""
    media: str = params["media"]
    check_input(media)
    settings, rules = options.settings(params), options.rules(params)
    style = options.write_options(params)
    text = _text(params)

    from crisp_align.batch.plan import Input, gather
    from crisp_align.cli.crew import Tally
    from crisp_align.cli.work import carry_out

    found = list(gather([media]))
    inputs = [entry for entry in found if isinstance(entry, Input)]
    if len(inputs) != 1:
        raise OptionError("a text is timed against one file, not a folder", subject=media)
    jobs = planned(inputs, params)
    display, tally, ledger = start(params, jobs, 1), Tally(), options.ledger(params)
    if jobs := ready(jobs, params, tally, display, ledger):
        carry_out(jobs, _work(settings, media, text), display, rules, style, tally, ledger)
    return tally.exit_code


def _work(settings: Settings, media: str, text: str) -> Generator[Ready | Event]:
    from crisp_align.pipeline.pipeline import Pipeline

    pipeline = Pipeline.load(settings, transcribes=False)
    yield pipeline.ready
    yield from pipeline.align(media, text)


def _text(params: Params) -> str:
    """The text to time.

    Raises:
        OptionError: none was given, or two.
        TranscriptError: the file cannot be read or holds no text.
    """
    from crisp_align.formats.encodings import decoded, read_text

    given, file = params["text"], params["text_file"]
    if (given is None) == (file is None):
        raise OptionError("give the text with --text or --text-file" + (", not both" if file is not None else ""))
    if file == "-":
        if params["media"] == "-":
            raise OptionError("the recording and the text cannot both come from standard input")
        text = decoded(sys.stdin.buffer.read(), "standard input")
    else:
        text = str(given) if file is None else read_text(file)
    if not text.strip():
        raise TranscriptError("there is no text in it", subject="--text" if file is None else str(file))
    return text


command = Command(
    "align",
    run,
    arguments=(click.Argument(["media"], metavar="MEDIA"),),
    groups={
        "Text": options.TEXT,
        "Input": options.MEDIA,
        "Output": options.OUTPUT,
        "Layout": options.LAYOUT,
        "Style": options.STYLE,
        "Models": options.MODELS,
        "Speech": options.LANGUAGE,
        "Voice activity": options.VOICE,
        "Word times": options.TIMING,
        "Screen": options.CONSOLE,
    },
    text="Time a given text against its recording.\n\n"
    "Every word of the text comes out once, in order; the lines of the text become segments.",
)
