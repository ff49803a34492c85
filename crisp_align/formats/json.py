"""Our JSON: a transcript written down without loss; described in transcript.schema.json.

Times are seconds, whole milliseconds. What is None or empty is left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import words_of_line
from crisp_align.formats.json_node import Node, parsed
from crisp_align.text.width import columns
from crisp_align.transcript import MATCHES, Cue, ExtraSpeech, Match, Segment, Transcript, Word

__all__ = ["FORMAT", "read_json_cues", "shared_out", "transcript_from_json", "transcript_to_json"]

FORMAT = "crisp-align transcript 1"
"""What every file says it is; the number grows when an older reader could no longer read it."""


def transcript_to_json(transcript: Transcript, cues: Sequence[Cue] | None = None) -> str:
    """JSON text of `transcript`; with `cues` the full form, which adds what follows from the rest."""
    full = cues is not None
    value: dict[str, Any] = {
        "format": FORMAT,
        "source": transcript.source,
        "duration": _seconds(transcript.duration),
        "backend": transcript.backend,
        "model": transcript.model,
        "aligner": transcript.aligner,
        "version": transcript.version,
        "notices": list(transcript.notices),
        "extra_speech": [
            {"start": _seconds(part.start), "end": _seconds(part.end), "text": part.text}
            for part in transcript.extra_speech
        ],
        "uncovered": [{"start": _seconds(start), "end": _seconds(end)} for start, end in transcript.uncovered],
    }
    if full:
        value |= {"language": transcript.language, "text": transcript.text}
    value = {key: part for key, part in value.items() if part not in (None, [])}
    value["segments"] = [_segment(segment, full) for segment in transcript.segments]
    if cues is not None:
        value["cues"] = [_cue(cue) for cue in cues]
    text = _indented(value, "\n") if full else _one_line(value)
    # A file name that is not UTF-8 reaches us as lone surrogates, which UTF-8 cannot hold and JSON's escapes can.
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"


def _segment(segment: Segment, full: bool) -> dict[str, Any]:
    value: dict[str, Any] = {
        "start": _seconds(segment.start),
        "end": _seconds(segment.end),
        "text": segment.text,
        "language": segment.language,
        "aligner": segment.aligner,
        "match": segment.match,
        "score": _score(segment.score) if full else None,
    }
    value = {key: part for key, part in value.items() if part is not None}
    value["words"] = [_word(word) for word in segment.words]
    return value


def _word(word: Word) -> dict[str, Any]:
    value: dict[str, Any] = {"text": word.text, "start": _seconds(word.start), "end": _seconds(word.end)}
    if (score := _score(word.score)) is not None:
        value["score"] = score
    if word.speaker is not None:
        value["speaker"] = word.speaker
    return value


def _cue(cue: Cue) -> dict[str, Any]:
    return {
        "start": _seconds(cue.start),
        "end": _seconds(cue.end),
        "text": cue.text,
        "lines": [[_word(word) for word in line] for line in cue.lines],
    }


def _seconds(time: float) -> float:
    return round(float(time), 3)


def _one_line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _indented(value: object, margin: str) -> str:
    """JSON with a line for every value that holds no other, so that a word is a line."""
    inner = margin + "  "
    if isinstance(value, dict) and any(isinstance(part, dict | list) for part in value.values()):
        parts = [f"{_one_line(key)}: {_indented(part, inner)}" for key, part in value.items()]
        return "{" + inner + ("," + inner).join(parts) + margin + "}"
    if isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        return "[" + inner + ("," + inner).join(_indented(part, inner) for part in value) + margin + "]"
    return _one_line(value)


def _score(score: float | None) -> float | None:
    return score if score is not None and math.isfinite(score) else None


def transcript_from_json(text: str, name: str = "JSON") -> Transcript:
    """The transcript that `transcript_to_json` wrote.

    Args:
        text: of the file.
        name: of the file, for messages.

    Raises:
        TranscriptError: it is not JSON, or not what the schema says; names the line or the place.
    """
    root = parsed(text, name)
    if root.string("format") != FORMAT:
        raise TranscriptError(
            f"is a {root.string('format')[:60]!r}, not a {FORMAT!r}",
            subject=name,
            hint="a newer crisp-align may have written it",
        )
    return Transcript(
        segments=tuple(_read_segment(node) for node in root.items("segments")),
        duration=root.time("duration"),
        source=root.string("source"),
        backend=root.optional_string("backend"),
        model=root.optional_string("model"),
        aligner=root.optional_string("aligner"),
        version=root.optional_string("version"),
        notices=tuple(node.as_string() for node in root.items("notices", optional=True)),
        extra_speech=tuple(
            ExtraSpeech(*node.times(), node.string("text")) for node in root.items("extra_speech", optional=True)
        ),
        uncovered=tuple(node.times() for node in root.items("uncovered", optional=True)),
    )


def read_json_cues(text: str, name: str) -> list[Cue]:
    """The cues of a full file; none where it holds none.

    Raises:
        TranscriptError: as `transcript_from_json`.
    """
    return [
        Cue(*node.times(), tuple(tuple(_read_word(word) for word in line.elements()) for line in node.items("lines")))
        for node in parsed(text, name).items("cues", optional=True)
    ]


def _read_segment(node: Node) -> Segment:
    start, end = node.times()
    text = node.string("text")
    if node.has("words"):
        words = tuple(_read_word(word) for word in node.items("words"))
        if words and "".join(word.text for word in words) != text:
            raise node.error("the texts of its words do not join to its text")
    else:
        words = shared_out(text, start, end)
    return Segment(
        text, start, end, node.optional_string("language"), words, node.optional_string("aligner"), _read_match(node)
    )


def _read_match(node: Node) -> Match | None:
    found = node.optional_string("match")
    for match in MATCHES:
        if found == match:
            return match
    if found is not None:
        raise node.error(f"{found[:60]!r} is no match; known: {', '.join(MATCHES)}")
    return None


def _read_word(node: Node) -> Word:
    start, end = node.times()
    return Word(node.string("text"), start, end, node.optional_score("score"), node.optional_string("speaker"))


def shared_out(text: str, start: float, end: float) -> tuple[Word, ...]:
    """Words of a text whose words have no times of their own, the time shared by their width; lossless."""
    pieces = words_of_line(text)
    if not pieces:
        return ()
    pieces[-1] += text[sum(map(len, pieces)) :]
    weights = [max(1, columns(piece.strip())) for piece in pieces]
    total, done = sum(weights), 0
    words: list[Word] = []
    for piece, weight in zip(pieces, weights, strict=True):
        first = start + (end - start) * done / total
        done += weight
        words.append(Word(piece, round(first, 3), round(start + (end - start) * done / total, 3)))
    return tuple(words)
