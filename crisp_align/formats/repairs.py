"""What a lenient reader repairs, passes over or guesses: counted, and said in one line; or refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from crisp_align.errors import TranscriptError

__all__ = ["Repairs"]


@dataclass(slots=True)
class Repairs:
    """Counts what is wrong in one file."""

    name: str
    """Of the file, for messages."""
    strict: bool = False
    """Whether the first repair is an error instead."""
    counts: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def note(
        self, what: str, line: int | None = None, *, count: int = 1, refusal: str | None = None, hint: str | None = None
    ) -> None:
        """Count something that was repaired.

        Args:
            what: a noun with what was done, e.g. "text outside of any cue left out".
            line: of the file, from 1.
            count: how many.
            refusal: what to say instead under `strict`; None: `what` and the line.
            hint: for the refusal.

        Raises:
            TranscriptError: under `strict`.
        """
        if self.strict:
            where = f"line {line}: " if line else ""
            raise TranscriptError(refusal or f"{where}{what}", subject=self.name, hint=hint)
        self.counts[what] = self.counts.get(what, 0) + count
        if line:
            self.lines.setdefault(what, line)

    @property
    def notices(self) -> tuple[str, ...]:
        """One line about all repairs; empty where there were none."""
        if not self.counts:
            return ()
        counted = [
            f"{what}: {count}" + (f" (first in line {self.lines[what]})" if what in self.lines else "")
            for what, count in self.counts.items()
        ]
        return (f"repaired: {'; '.join(counted)}",)
