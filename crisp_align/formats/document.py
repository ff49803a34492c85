"""A subtitle file as it was read: its cues with their lines, styles, places and voices, and what was repaired.

Where a `Cue` is what our layout makes of words, a `SubtitleCue` is what somebody else made, kept as it is: its times
may overlap, its lines are broken where they were, and a line is a row of runs that differ in style or in who speaks.
Every value is frozen; to change a document, replace its parts:

    document = read_document("a.ass")
    later = document.map_times(lambda seconds: seconds + 1.5)
    write_document("ass", later)  # byte for byte as it was, but for its times

A cue remembers how it stood in its file (`Origin`), and is written that way in the same format as long as its lines and
its place are what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from crisp_align.transcript import Cue, Transcript

__all__ = [
    "BOTTOM",
    "PLAIN",
    "SUBSTATION",
    "Flag",
    "Line",
    "Origin",
    "Position",
    "StyledRun",
    "SubtitleCue",
    "SubtitleDocument",
    "TextStyle",
    "cues_of_layout",
    "overlaid",
    "plain_cue",
    "with_flag",
]


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How letters look."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    color: str = ""
    """"#rrggbb" or "#rrggbbaa"; empty: whatever the player shows."""
    ruby: str = ""
    """The reading that stands above the text."""


PLAIN = TextStyle()


Flag: TypeAlias = Literal["bold", "italic", "underline", "strike"]


def with_flag(style: TextStyle, flag: Flag, on: bool = True) -> TextStyle:
    """`style` with one of its flags set or cleared."""
    changes: dict[str, Any] = {flag: on}
    return replace(style, **changes)


def overlaid(below: TextStyle, above: TextStyle) -> TextStyle:
    """How letters look that have both styles; where two colours meet, that of `above`."""
    return TextStyle(
        below.bold or above.bold,
        below.italic or above.italic,
        below.underline or above.underline,
        below.strike or above.strike,
        above.color or below.color,
        below.ruby or above.ruby,
    )


@dataclass(frozen=True, slots=True)
class StyledRun:
    """A stretch of a line in one style, said by one speaker, from one moment on."""

    text: str
    """On one line, its blanks at both ends included; empty: a pause that begins at `start`."""
    style: TextStyle = PLAIN
    speaker: str | None = None
    start: float | None = None
    """s at which it begins to be said; None: the file does not say."""


Line: TypeAlias = tuple[StyledRun, ...]
"""A line of a cue; its text has no blanks at its ends."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a cue is shown in the picture."""

    anchor: int = 2
    """As the keys of a number pad lie: 2 bottom centre, 8 top centre, 4 left, 5 middle, 6 right, …"""
    x: float | None = None
    """Where its anchor lies, in percent of the picture's width from the left; None: where `anchor` puts it."""
    y: float | None = None
    """In percent of the picture's height from the top."""


BOTTOM = Position()

SUBSTATION = ("ass", "ssa")
"""Names of the formats in which signs are drawn, in layers, and styles say how letters look."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How a cue stood in its file: `head` start `joint` end `tail`. What it says of the cue holds while that is so."""

    format: str
    head: str
    """All before its start that came after the cue before, e.g. comments."""
    joint: str
    """What stood between its start and its end."""
    tail: str
    """What followed, its text included, to the end of its last line."""
    start_text: str
    end_text: str
    """Its times as they were written."""
    start: float
    end: float
    lines: tuple[Line, ...]
    position: Position
    has_effects: bool = False
    """Whether it moves, fades or changes its typeface, or runs from top to bottom, which nothing here says."""
    has_comment: bool = False
    """Whether a comment stands before it."""


@dataclass(frozen=True, slots=True)
class SubtitleCue:
    """A cue of a subtitle file."""

    start: float
    end: float
    """s; not before `start`, and maybe after the start of the next cue."""
    lines: tuple[Line, ...]
    """From top to bottom; none of them is empty."""
    position: Position = BOTTOM
    identifier: str = ""
    """Its number or name; empty where it has none."""
    style: str = ""
    """Name of the style or region that its file has for it."""
    origin: Origin | None = None

    @property
    def text(self) -> str:
        """The lines without their styles, joined by newlines."""
        return "\n".join("".join(run.text for run in line) for line in self.lines)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks in it, each once, in order."""
        return tuple(dict.fromkeys(run.speaker for line in self.lines for run in line if run.speaker))

    @property
    def is_untouched(self) -> bool:
        """Whether its lines and its place are still what its file says; its times may be others."""
        origin = self.origin
        if origin is None or origin.position != self.position:
            return False
        return origin.lines == self.lines or _timeless(origin.lines) == _timeless(self.lines)

    @property
    def has_moved_words(self) -> bool:
        """Whether a word of it begins at another time than its file says."""
        return self.origin is not None and self.origin.lines != self.lines

    def map_times(self, change: Callable[[float], float]) -> SubtitleCue:
        """The cue with every time in it changed, those of its words too."""
        timed = any(run.start is not None for line in self.lines for run in line)
        lines = self.lines
        if timed:
            lines = tuple(
                tuple(run if run.start is None else replace(run, start=change(run.start)) for run in line)
                for line in lines
            )
        return replace(self, start=change(self.start), end=change(self.end), lines=lines)


@dataclass(frozen=True, slots=True)
class SubtitleDocument:
    """A subtitle file."""

    cues: tuple[SubtitleCue, ...]
    """In the order of the file."""
    source: str = ""
    """Its path, as it was named."""
    format: str = ""
    """Name of the format that it was read from; empty: of none."""
    language: str | None = None
    """Code of the language that the file says it is in."""
    header: str = ""
    """What stood before the first cue, e.g. the styles of ASS or WebVTT, to be written again in the same format."""
    footer: str = ""
    """What followed the last cue."""
    newline: str = "\n"
    """How its lines ended."""
    bom: bool = False
    """Whether a byte-order mark stood in front of it."""
    notices: tuple[str, ...] = field(default=())
    """What was repaired, passed over or guessed, one line each."""
    transcript: Transcript | None = None
    """The words with their own times, where the file is a transcript rather than subtitles."""

    def map_times(self, change: Callable[[float], float]) -> SubtitleDocument:
        """The document with every time in it changed.

        Args:
            change: from s in this document to s in the one returned; it should not run backwards.
        """
        return replace(self, cues=tuple(cue.map_times(change) for cue in self.cues), transcript=None)

    def with_cues(self, cues: Sequence[SubtitleCue]) -> SubtitleDocument:
        """The document with other cues; what was said of the words of a transcript no longer holds."""
        return replace(self, cues=tuple(cues), transcript=None)


def _timeless(lines: Sequence[Line]) -> list[list[tuple[str, TextStyle, str | None]]]:
    return [[(run.text, run.style, run.speaker) for run in line] for line in lines]


def plain_cue(cue: SubtitleCue) -> Cue:
    """The cue as words: they begin where the file says so, and share the time in between by their width."""
    from crisp_align.formats.cue_text import Run, read_cue, read_runs

    if len(cue.lines) == 1 and len(cue.lines[0]) == 1 and cue.lines[0][0].start is None:
        run = cue.lines[0][0]
        return read_cue(cue.start, cue.end, [run.text], run.speaker)
    runs = [[Run(run.text, run.speaker, run.start) for run in line] for line in cue.lines]
    return read_runs(cue.start, cue.end, runs)


def cues_of_layout(cues: Sequence[Cue], *, word_times: bool = False) -> tuple[SubtitleCue, ...]:
    """Cues that our layout made, as those of a file.

    Args:
        cues: with the words of each line.
        word_times: whether each word says when it begins; else runs are whole lines of one speaker.
    """
    from crisp_align.formats.cue_text import visible

    made: list[SubtitleCue] = []
    for cue in cues:
        lines: list[Line] = []
        for words in cue.lines:
            runs: list[StyledRun] = []
            for word, text in visible(words):
                if runs and not word_times and runs[-1].speaker == word.speaker:
                    runs[-1] = replace(runs[-1], text=runs[-1].text + text)
                else:
                    runs.append(StyledRun(text, PLAIN, word.speaker, word.start if word_times else None))
            if runs:
                lines.append(tuple(runs))
        made.append(SubtitleCue(cue.start, cue.end, tuple(lines)))
    return tuple(made)
