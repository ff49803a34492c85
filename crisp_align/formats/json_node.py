"""JSON that is not trusted: every value is asked for by its type, and a refusal names its place."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from crisp_align.errors import TranscriptError

__all__ = ["Node", "parsed"]


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value, and where it stands: "segments[3].words[0]"."""

    value: object
    place: str
    name: str
    """Of the file, for messages."""

    def error(self, what: str) -> TranscriptError:
        """An error about this value."""
        return TranscriptError(f"{self.place or 'the top level'}: {what}", subject=self.name)

    def has(self, key: str) -> bool:
        """Whether it is an object with something under `key`."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def child(self, key: str) -> Node:
        """The value under `key`, None where there is none.

        Raises:
            TranscriptError: this is not an object.
        """
        if not isinstance(self.value, dict):
            raise self.error("is not an object")
        return Node(self.value.get(key), f"{self.place}.{key}".lstrip("."), self.name)

    def elements(self) -> list[Node]:
        """The elements of this array.

        Raises:
            TranscriptError: this is not an array.
        """
        if not isinstance(self.value, list):
            raise self.error("is missing" if self.value is None else "is not an array")
        return [Node(value, f"{self.place}[{number}]", self.name) for number, value in enumerate(self.value)]

    def items(self, key: str, *, optional: bool = False) -> list[Node]:
        """The elements of the array under `key`; with `optional` none where it is missing."""
        return [] if optional and not self.has(key) else self.child(key).elements()

    def as_string(self) -> str:
        """This string.

        Raises:
            TranscriptError: it is none.
        """
        if not isinstance(self.value, str):
            raise self.error("is missing" if self.value is None else "is not a string")
        return self.value

    def string(self, key: str) -> str:
        """The string under `key`."""
        return self.child(key).as_string()

    def optional_string(self, key: str) -> str | None:
        """The string under `key`; None where it is missing."""
        return self.string(key) if self.has(key) else None

    def number(self, key: str) -> float:
        """The finite number under `key`.

        Raises:
            TranscriptError: it is none.
        """
        node = self.child(key)
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise node.error("is missing" if node.value is None else "is not a number")
        try:
            number = float(node.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise node.error("is not a finite number")
        return number

    def optional_score(self, key: str) -> float | None:
        """The number in [0, 1] under `key`; None where it is missing or NaN, which other programs write for none.

        Raises:
            TranscriptError: it is outside.
        """
        value = self.child(key).value
        if value is None or value != value:  # NaN alone is not itself
            return None
        score = self.number(key)
        if not 0 <= score <= 1:
            raise self.child(key).error("is not between 0 and 1")
        return score

    def time(self, key: str) -> float:
        """Seconds under `key`, at most a year.

        Raises:
            TranscriptError: it is negative or beyond.
        """
        seconds = self.number(key)
        if not 0 <= seconds <= 366 * 86400:
            raise self.child(key).error("is not a time in a recording")
        return seconds

    def times(self) -> tuple[float, float]:
        """`start` and `end` of this object.

        Raises:
            TranscriptError: they run backwards.
        """
        start, end = self.time("start"), self.time("end")
        if end < start:
            raise self.error("ends before it starts")
        return start, end


def parsed(text: str, name: str) -> Node:
    """The value that a JSON text holds.

    Raises:
        TranscriptError: it is not JSON; names the line.
    """
    try:
        return Node(json.loads(text), "", name)
    except json.JSONDecodeError as error:
        raise TranscriptError(f"line {error.lineno}, column {error.colno}: not JSON", subject=name) from error
    except RecursionError as error:
        raise TranscriptError("not a transcript: nested too deeply", subject=name) from error
    except ValueError as error:
        raise TranscriptError(f"not JSON: {str(error)[:80]}", subject=name) from error
