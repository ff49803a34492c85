"""The values that pass between the rooms: clips, words, segments, transcripts, cues.

All times are seconds as float. In a `Clip`, `Utterance`, `Transcription` or `Span` they count from the start of
the clip; in a `Word`, `Segment`, `Transcript` or `Cue` that left the pipeline they count from the start of the
source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from crisp_align.errors import OptionError

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
    """Language of the last clip of its source whose language was certain, where the backend has not transcribed that
    clip itself: a file that is resumed in the middle."""

    core: tuple[float, float] | None = None
    """(start, end) in s from the clip's start of the part whose words are this clip's; what lies outside is in a
    neighbouring clip, too, because speech had to be cut without a pause. None: all of it."""

    speaker: str | None = None
    """Who speaks in it, where each channel is a speaker."""

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
    """The smallest piece of text that gets a time of its own, with what an aligner should find in the audio.

    `text` is display text, lossless: `"".join(u.text for u in units)` is the text the units were split from, so a
    unit carries its leading space and attached punctuation.
    """

    text: str
    spoken: str
    """The unit as the forced aligner's tokenizer sees it: no punctuation, no space; never empty."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where one unit is said in its clip."""

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
    uncovered: tuple[tuple[float, float], ...] = field(default=())
    """(start, end), s: voice that no word covers, in order; words may be missing there."""

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

    def shift(self, seconds: float) -> Transcript:
        """Return the transcript with everything `seconds` later, or earlier where that is negative.

        Raises:
            OptionError: something would begin before 0; `slice` cuts off a beginning.
        """
        first = min((segment.start for segment in self.segments), default=self.duration)
        if round(min(first, self.duration) + seconds, 3) < 0:
            raise OptionError(f"shifted by {seconds:g} s it would begin before 0", subject=self.source)
        return self._retimed(lambda time: time + seconds)

    def scale(self, factor: float) -> Transcript:
        """Return the transcript with every time multiplied by `factor`, as for another frame rate.

        Raises:
            OptionError: the factor is not a positive number.
        """
        if not 0 < factor < float("inf"):
            raise OptionError(f"{factor:g} is no factor to multiply times by", subject=self.source)
        return self._retimed(lambda time: time * factor)

    def slice(self, start: float, end: float) -> Transcript:
        """Return what is said from `start` to `end`, s, as a transcript of its own that begins at 0.

        A word belongs to the part that its middle lies in, so that the parts of a recording hold each word once; its
        times end where the part does. A segment that is cut keeps the words inside.
        """

        def inside(time: float) -> float:
            return round(min(max(time, start), end) - start, 3)

        segments = []
        for segment in self.segments:
            words = tuple(
                replace(word, start=inside(word.start), end=inside(word.end))
                for word in segment.words
                if start <= (word.start + word.end) / 2 < end
            )
            if words:
                text = "".join(word.text for word in words)
                segments.append(replace(segment, text=text, start=words[0].start, end=words[-1].end, words=words))
        extra = tuple(
            replace(part, start=inside(part.start), end=inside(part.end))
            for part in self.extra_speech
            if part.start < end and part.end > start
        )
        uncovered = tuple((inside(a), inside(b)) for a, b in self.uncovered if a < end and b > start)
        duration = max(inside(self.duration), 0.0)
        return replace(self, segments=tuple(segments), duration=duration, extra_speech=extra, uncovered=uncovered)

    def words_between(self, start: float, end: float) -> tuple[Word, ...]:
        """Return the words whose middle lies from `start` to `end`, s, in the time of the source."""
        return tuple(word for word in self.words if start <= (word.start + word.end) / 2 < end)

    def with_speakers(self, turns: Iterable[tuple[float, float, str]]) -> Transcript:
        """Return the transcript with each word given to the speaker whose turns it overlaps most.

        Args:
            turns: (start, end, speaker), s; they may overlap. A word outside all of them keeps the speaker it has.
        """
        known = sorted(turns)

        def spoken(word: Word) -> Word:
            shares: dict[str, float] = {}
            for start, end, speaker in known:
                if (overlap := min(end, word.end) - max(start, word.start)) > 0:
                    shares[speaker] = shares.get(speaker, 0.0) + overlap
            return replace(word, speaker=max(shares, key=lambda name: shares[name])) if shares else word

        return self._with_words(spoken)

    def _retimed(self, moved: Callable[[float], float]) -> Transcript:
        def at(time: float) -> float:
            return round(moved(time), 3)

        transcript = self._with_words(lambda word: replace(word, start=at(word.start), end=at(word.end)))
        segments = (replace(s, start=at(s.start), end=at(s.end)) for s in transcript.segments)
        extra = tuple(replace(part, start=at(part.start), end=at(part.end)) for part in self.extra_speech)
        uncovered = tuple((at(start), at(end)) for start, end in self.uncovered)
        duration = at(self.duration)
        return replace(transcript, segments=tuple(segments), duration=duration, extra_speech=extra, uncovered=uncovered)

    def _with_words(self, changed: Callable[[Word], Word]) -> Transcript:
        segments = (replace(s, words=tuple(changed(word) for word in s.words)) for s in self.segments)
        return replace(self, segments=tuple(segments))


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
