"""What happens to files on their way through the pipeline, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from crisp_align.errors import CrispAlignError
from crisp_align.transcript import Segment, Transcript, Word

__all__ = [
    "Advanced",
    "ClipDone",
    "ClipResult",
    "Event",
    "Failed",
    "Finished",
    "Noticed",
    "Ready",
    "SegmentReady",
    "Stage",
    "Staged",
    "Started",
]


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded."""

    description: str
    """One line: which backend, model and aligner are at work."""
    advice: str | None
    """What would give better results than "auto" could find here."""
    batch_size: int
    """Clips in one call of the models."""


@dataclass(frozen=True, slots=True)
class Started:
    """A file was opened and holds audio."""

    source: str
    duration: float | None
    """s of audio to come, where the container says so."""
    resumed_at: float = 0.0
    """s of it, from where work begins, that an earlier run did."""


Stage: TypeAlias = Literal["decoding", "transcribing", "aligning", "writing"]


@dataclass(frozen=True, slots=True)
class Staged:
    """What is being done to a file from now on; the first may come before Started."""

    source: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Advanced:
    """A file is done up to `position`, s in the source."""

    source: str
    position: float


@dataclass(frozen=True, slots=True)
class SegmentReady:
    """A segment is final. Segments of one file come in order."""

    source: str
    segment: Segment


@dataclass(frozen=True, slots=True)
class ClipResult:
    """All that a clip leaves behind."""

    segments: tuple[Segment, ...]
    notices: tuple[str, ...] = ()
    """What was dropped or decoded again, and why."""
    fallbacks: tuple[tuple[str, str, str], ...] = ()
    """(aligner asked, aligner used, reason) of each that could not time the clip."""
    language: str | None = None
    """The language spoken, where the backend was sure of it: clips after it that are unsure follow it."""
    uncovered: tuple[tuple[float, float], ...] = ()
    """(start, end) in s of the source of speech that no word covers."""

    @property
    def words(self) -> list[Word]:
        """All words of its segments."""
        return [word for segment in self.segments for word in segment.words]


@dataclass(frozen=True, slots=True)
class ClipDone:
    """A clip is transcribed and timed: a run that is cut off can resume after it. Clips of a file come in order."""

    source: str
    number: int
    """Counted from 0 in its source."""
    result: ClipResult


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something a user may want to know; `detail` marks what only a curious one does."""

    source: str
    text: str
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """A file is done."""

    source: str
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Failed:
    """A file could not be done; the others go on."""

    source: str
    error: CrispAlignError
    quarantined: bool = False
    """Workers died or hung over it: it is not tried again unless asked."""


Event: TypeAlias = Started | Staged | Advanced | SegmentReady | ClipDone | Noticed | Finished | Failed
