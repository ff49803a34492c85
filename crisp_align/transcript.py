"""The values that pass between the rooms: clips, words, segments, transcripts, cues.

All times are seconds as float. In a `Clip`, `Utterance`, `Transcription` or `Span` they count from the start of
the clip; in a `Word`, `Segment`, `Transcript` or `Cue` that left the pipeline they count from the start of the
source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float32]

Match: TypeAlias = Literal["heard", "partly", "unspoken", "sound"]
"""Of a line of a reference text: transcribed as given, in part, not at all; or the label of a sound, not said."""

MATCHES: tuple[Match, ...] = get_args(Match)
SAMPLE_RATE = 16_000  # Hz, the rate of every Clip
MIN_WORD = 0.020  # s, the shortest word that is ever written


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A stretch of audio that a model sees at once."""

    samples: Samples
    """float32, shape (n,), 16 kHz mono, in [-1, 1]."""
    start: float
    """s, where the clip begins in its source."""
    source: str
    """The input it was cut from, as the user named it."""
    speech: tuple[tuple[float, float], ...] | None = None
    """Voice activity inside the clip: ordered, disjoint (start, end), s from the clip's start; None: not looked for."""
    earlier_language: str | None = None
    """Language of the last clip of its source whose language was certain, where the backend has not heard that clip
    itself: a file that is gone on with in the middle."""

    @property
    def duration(self) -> float:
        """s."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def end(self) -> float:
        """s, where the clip ends in its source."""
        return self.start + self.duration


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest piece of text that gets a time of its own, with what an aligner should hear.

    `text` is display text, lossless: `"".join(u.text for u in units)` is the text the units were split from, so a
    unit carries its leading space and attached punctuation.
    """

    text: str
    spoken: str
    """The unit as the forced aligner's tokenizer sees it: no punctuation, no space; never empty."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where one unit was heard in its clip."""

    start: float
    end: float
    score: float | None = None
    """Confidence in [0, 1]; None where the aligner has none."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its time. `text` keeps its leading space and its punctuation."""

    text: str
    start: float
    end: float
    score: float | None = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence or line: `"".join(w.text for w in words) == text`.

    In a language written with spaces `text` begins with one (Whisper's convention), so that segments join with "".
    """

    text: str
    start: float
    end: float
    language: str | None
    """Code as in `crisp_align.languages`, e.g. "en"."""
    words: tuple[Word, ...]
    aligner: str | None = None
    """Which aligner timed the words; "spread" means that none could and they share the speech evenly."""
    match: Match | None = None
    """How sure it is that a line of a reference text is said here; None: it was transcribed, or not compared."""

    @property
    def score(self) -> float | None:
        """Mean score of the words that have one."""
        scores = [word.score for word in self.words if word.score is not None]
        return sum(scores) / len(scores) if scores else None


@dataclass(frozen=True, slots=True)
class ExtraSpeech:
    """Speech that a reference text lacks."""

    start: float
    end: float
    text: str
    """As it was transcribed."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in one source, when, and how we know."""

    segments: tuple[Segment, ...]
    duration: float
    """s of audio from the start of the source to the last sample read."""
    source: str
    backend: str | None = None
    model: str | None = None
    aligner: str | None = None
    """The aligner asked for; each segment says which one timed it."""
    version: str | None = None
    """Version of crisp-align that made it."""
    notices: tuple[str, ...] = field(default=())
    """What a careful reader should know: audio cut off, speech dropped, aligners that gave way to others."""
    extra_speech: tuple[ExtraSpeech, ...] = field(default=())
    """What is said that the reference text lacks, in order."""

    @property
    def text(self) -> str:
        """The whole text, without its leading space."""
        return "".join(segment.text for segment in self.segments).strip()

    @property
    def words(self) -> tuple[Word, ...]:
        """Every word of every segment, in order."""
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def language(self) -> str | None:
        """The language that most of the text is in."""
        weights: dict[str, int] = {}
        for segment in self.segments:
            if segment.language:
                weights[segment.language] = weights.get(segment.language, 0) + len(segment.text)
        return max(weights, key=lambda code: weights[code]) if weights else None


@dataclass(frozen=True, slots=True)
class Cue:
    """What a viewer sees at once."""

    start: float
    end: float
    lines: tuple[tuple[Word, ...], ...]

    @property
    def text(self) -> str:
        """The lines as shown, joined by newlines."""
        return "\n".join("".join(word.text for word in line).strip() for line in self.lines)
