"""Many files: what becomes of each is planned, done by processes that may crash, recorded in a journal, and reported.

    from crisp_align import Settings
    from crisp_align.batch import BatchOptions, Input, RunSummary, gather, plan, run

    inputs = [found for found in gather(["talks"], recursive=True) if isinstance(found, Input)]
    options = BatchOptions(journal="talks.journal")
    summary = RunSummary()
    for event in run(plan(inputs, ["srt"]), Settings(), options=options):
        summary.take(event)
    summary.write("report.json")

Given again after a crash or a `kill -9`, the same lines do only what is missing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crisp_align.batch.driver import run
    from crisp_align.batch.events import BatchEvent, Busy, Paused, Refused, Resumed, Skipped, Written
    from crisp_align.batch.inputs import Input, gather
    from crisp_align.batch.options import BatchOptions, OutputLayout, WorkerOptions
    from crisp_align.batch.planning import Job, plan
    from crisp_align.batch.preparation import prepare
    from crisp_align.batch.summary import RunSummary

_HOMES = {
    "BatchEvent": "events",
    "BatchOptions": "options",
    "Busy": "events",
    "Input": "inputs",
    "Job": "planning",
    "OutputLayout": "options",
    "Paused": "events",
    "Refused": "events",
    "Resumed": "events",
    "RunSummary": "summary",
    "Skipped": "events",
    "WorkerOptions": "options",
    "Written": "events",
    "gather": "inputs",
    "plan": "planning",
    "prepare": "preparation",
    "run": "driver",
}

__all__ = [
    "BatchEvent",
    "BatchOptions",
    "Busy",
    "Input",
    "Job",
    "OutputLayout",
    "Paused",
    "Refused",
    "Resumed",
    "RunSummary",
    "Skipped",
    "WorkerOptions",
    "Written",
    "gather",
    "plan",
    "prepare",
    "run",
]


def __getattr__(name: str) -> object:
    # Names load on first use, so that importing one module of the wing costs no other.
    if name in _HOMES:
        return getattr(import_module(f"crisp_align.batch.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
