"""Any audio or video in, perfectly timed subtitles out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crisp_align.aligners.chain import load_aligner
    from crisp_align.api import align, lay_out, read, transcribe, write
    from crisp_align.backends import DecodeOptions, LoadOptions, ModelChoice, load_backend
    from crisp_align.errors import CrispAlignError
    from crisp_align.formats import WriteOptions
    from crisp_align.layout import Layout, Rules
    from crisp_align.pipeline.pipeline import Pipeline
    from crisp_align.pipeline.settings import Settings
    from crisp_align.transcript import Clip, Cue, Segment, Span, Transcript, Unit, Word

    __version__: str

_HOMES = {
    "Clip": "transcript",
    "CrispAlignError": "errors",
    "Cue": "transcript",
    "DecodeOptions": "backends.options",
    "Layout": "layout",
    "LoadOptions": "backends.options",
    "ModelChoice": "backends.options",
    "Pipeline": "pipeline.pipeline",
    "Rules": "layout",
    "Segment": "transcript",
    "Settings": "pipeline.settings",
    "Span": "transcript",
    "Transcript": "transcript",
    "Unit": "transcript",
    "Word": "transcript",
    "WriteOptions": "formats",
    "align": "api",
    "lay_out": "api",
    "load_aligner": "aligners.chain",
    "load_backend": "backends",
    "read": "api",
    "transcribe": "api",
    "write": "api",
}

__all__ = [
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
]


def __getattr__(name: str) -> object:
    # Names load on first use: `import crisp_align`, and so `crisp-align --help`, stays quick and free of engines.
    if name in _HOMES:
        return getattr(import_module(f"crisp_align.{_HOMES[name]}"), name)
    if name == "__version__":
        return _version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("crisp-align")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
