"""A backend of a few lines, with which batches cost what they cost besides the models."""

from __future__ import annotations

from pathlib import Path

from tests.plugin import install_plugin

__all__ = ["CODE", "MODEL", "environment"]

CODE = """
import os
import time
from crisp_align.backends import BackendProfile, Capabilities, Transcription
from crisp_align.transcript import Word

class Bare:
    name = "bare"
    translates = False
    native_words = True
    profile = BackendProfile(capabilities=Capabilities("Bare"), max_clip=30.0)
    max_clip = 30.0
    languages = None
    batch_size = 4

    def __init__(self, model):
        self.model = model

    @classmethod
    def load(cls, model, options):
        return cls(model)

    def check(self, options):
        pass

    def transcribe(self, clips, options):
        time.sleep(float(os.environ.get("BARE_SECONDS", "0.03")) * len(clips))
        return [said(clip) for clip in clips]

def said(clip):
    text = f"level {round(10000 * float(abs(clip.samples).mean()))}"
    first = Word("level", 0.1, 0.4, 0.5)
    return Transcription(text, "en", (first, Word(text[5:], 0.5, clip.duration, 0.25)))
"""
"""Takes BARE_SECONDS (0.03) over a clip, and says how loud it is."""
MODEL = ("--backend", "bare", "-am", "native", "-l", "en", "--log-json", "-np")


def environment(folder: Path, seconds: float) -> dict[str, str]:
    """Variables with which the command has the backend; it takes so many seconds over a clip."""
    return {"PYTHONPATH": install_plugin(folder / "site", "bare", CODE, "Bare"), "BARE_SECONDS": str(seconds)}
