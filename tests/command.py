"""The real command in a process of its own, and recordings to feed it."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

COMMAND = (sys.executable, "-m", "crisp_align")
JFK = Path(__file__).parents[1] / "samples" / "jfk.wav"


def run(
    *args: str | bytes,
    cwd: Path | None = None,
    stdin: bytes = b"",
    before: Callable[[], None] | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; what it printed is decoded leniently."""
    done = subprocess.run(
        [*COMMAND, *args],
        cwd=cwd,
        input=stdin,
        env={**os.environ, **(env or {})},
        capture_output=True,
        timeout=300,
        preexec_fn=before,
    )
    printed = [stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr)]
    return subprocess.CompletedProcess(done.args, done.returncode, *printed)


def excerpt(path: Path, seconds: float, start: float = 0.0, repeat: int = 1) -> None:
    """Write part of samples/jfk.wav, over and over if asked, as a recording of its own."""
    with wave.open(str(JFK), "rb") as whole:
        rate = whole.getframerate()
        whole.setpos(int(start * rate))
        frames = whole.readframes(int(seconds * rate))
        with path.open("wb") as file, wave.open(file, "wb") as part:
            part.setparams(whole.getparams())
            for _ in range(repeat):
                part.writeframes(frames)
