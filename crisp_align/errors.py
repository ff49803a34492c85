"""One tree of exceptions: each says what happened, to which file, and what to do about it.

The command line prints `str(error)` on one line and exits with `error.exit_code`; a library user catches
`CrispAlignError` or one of its children.
"""

from __future__ import annotations

__all__ = [
    "AlignmentError",
    "CrispAlignError",
    "MediaError",
    "MissingDependencyError",
    "ModelError",
    "OptionError",
    "OutputError",
    "TranscriptError",
]


class CrispAlignError(Exception):
    """Root of every error this package raises on purpose.

    Args:
        what: what happened, a clause without a full stop.
        subject: the file, model or option it happened to, if there is one.
        hint: what to do now.
    """

    exit_code = 1

    def __init__(self, what: str, *, subject: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, subject, hint)
        self.what = what
        self.subject = subject
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Keep keyword arguments when an error crosses a process boundary."""
        return _rebuild, (type(self), self.what, self.subject, self.hint)

    def __str__(self) -> str:
        """One line, control characters made visible: subject, what, hint."""
        head = f"{self.subject}: {self.what}" if self.subject is not None else self.what
        return printable(f"{head}; {self.hint}" if self.hint else head)


class MediaError(CrispAlignError):
    """An input cannot be read as audio: missing, empty, not media, without sound, cut off at the start."""


class TranscriptError(CrispAlignError):
    """A transcript, subtitle or text file cannot be read as what it should be."""


class AlignmentError(CrispAlignError):
    """A text cannot be timed: no speech, nothing to say, an aligner that refuses under `strict` or answers wrongly."""


class OutputError(CrispAlignError):
    """An output cannot be written: no such folder, no permission, disk full."""


class WorkerDiedError(CrispAlignError):
    """A worker process crashed or hung over a file."""


class OptionError(CrispAlignError):
    """Options that contradict each other, or that the chosen backend or aligner cannot honour."""

    exit_code = 2


class ModelError(CrispAlignError):
    """Model weights are missing, damaged, of the wrong kind, or do not load."""

    exit_code = 3


class MissingDependencyError(ModelError):
    """An optional package or program is not installed; the hint holds the command that installs it."""


def _rebuild(kind: type[CrispAlignError], what: str, subject: str | None, hint: str | None) -> CrispAlignError:
    return kind(what, subject=subject, hint=hint)


def printable(text: str) -> str:
    """`text` safe for one terminal line: control and bidi-override characters and lone surrogates escaped."""
    return "".join(
        char if char.isprintable() or char == "\u3000" else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
