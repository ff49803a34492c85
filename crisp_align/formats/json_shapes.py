"""JSON of speech programs, brought into the one shape that is read: segments with a text, times and maybe words.

Known are the objects of openai-whisper, stable-ts, WhisperX and OpenAI's API (whose words may stand outside of the
segments), lists of segments as faster-whisper's users dump them, NeMo's time stamps and manifests (an object a line),
the chunks of Transformers' pipelines, and Vosk's results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from crisp_align.languages import NAMES

__all__ = ["as_segments", "json_lines"]

_PAUSE = 0.8
"""s without a word that part two segments."""


def json_lines(text: str) -> list[Any] | None:
    """The objects of a text that has one a line; None: it has not."""
    rows = [line for line in text.split("\n") if line.strip()]
    if len(rows) < 2 or not all(row.lstrip().startswith("{") for row in rows):
        return None
    try:
        return [json.loads(row) for row in rows]
    except (ValueError, RecursionError):
        return None


def as_segments(value: object) -> dict[str, Any] | None:
    """An object with `segments`, and `language` where it names one; None: `value` is of no known shape."""
    if isinstance(value, list):
        return _of_list(value)
    if not isinstance(value, dict):
        return None
    found = _segments(value)
    if found is None:
        return None
    language = value.get("language")
    codes = {title.lower(): code for code, title in NAMES.items()}
    if isinstance(language, str):
        language = codes.get(language.lower(), language.lower().split("-")[0])
    return {"segments": found, "language": language if isinstance(language, str) else None}


def _of_list(rows: Sequence[Any]) -> dict[str, Any] | None:
    if not rows or not all(isinstance(row, dict) for row in rows):
        return None
    if all("text" in row and ("start" in row or "timestamp" in row) for row in rows):
        return {"segments": _with_ends([_segment(row) for row in rows])}
    if all(("word" in row or "text" in row) and "start" in row for row in rows):
        return {"segments": _grouped(rows)}
    inner = [as_segments(row) for row in rows]
    if any(part is None for part in inner):
        return None
    return {"segments": [segment for part in inner if part for segment in part["segments"]]}


def _segments(value: Mapping[str, Any]) -> list[Any] | None:
    stamps = value.get("timestamp") or value.get("timestamps")
    stamps = stamps if isinstance(stamps, dict) else value
    words = _rows(stamps, "words", "word", "word_timestamps", "result", "word_segments")
    rows = _rows(stamps, "segments", "segment", "segment_timestamps", "chunks", "utterances")
    if rows:
        segments = _with_ends([_segment(row) for row in rows])
        if words and not any(isinstance(row, dict) and row.get("words") for row in segments):
            _share_words(segments, words)
        return segments
    if words:
        return _grouped(words)
    return rows


def _rows(value: Mapping[str, Any], *keys: str) -> list[Any] | None:
    """What the first of `keys` holds that holds a list; a list that is empty counts where no other is."""
    lists = [value[key] for key in keys if isinstance(value.get(key), list)]
    return next((rows for rows in lists if rows), lists[0] if lists else None)


def _segment(row: Any) -> Any:
    """A segment under the names that are read; what is none stays, to be refused by its place."""
    if not isinstance(row, dict):
        return row
    made = dict(row)
    if "text" not in made:
        made["text"] = next((row[key] for key in ("segment", "transcript", "sentence") if key in row), None)
    stamp = row.get("timestamp")
    if isinstance(stamp, list) and len(stamp) == 2:
        made["start"], made["end"] = stamp
    words = (
        [word for word in row.get("words") or () if isinstance(word, dict)]
        if isinstance(row.get("words"), list)
        else []
    )
    if words:
        made["words"] = [_word(word) for word in words]
        if made["text"] is None:
            made["text"] = _joined([str(word.get("word", "")) for word in made["words"]])
        times = [word[key] for word in made["words"] for key in ("start", "end") if _is_time(word.get(key))]
        if times:
            made["start"] = min(times) if made.get("start") is None else made["start"]
            made["end"] = max(times) if made.get("end") is None else made["end"]
    if isinstance(made.get("speaker"), int):
        made["speaker"] = str(made["speaker"])
    return made


def _word(row: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(row)
    made["word"] = next((row[key] for key in ("word", "punctuated_word", "text") if key in row), None)
    stamp = row.get("timestamp")
    if isinstance(stamp, list) and len(stamp) == 2:
        made["start"], made["end"] = stamp
    if "score" not in made and "probability" not in made:
        score = next((row[key] for key in ("conf", "confidence") if key in row), None)
        if isinstance(score, int | float) and 0 <= score <= 1:
            made["score"] = score
    if isinstance(made.get("speaker"), int):
        made["speaker"] = str(made["speaker"])
    return made


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # NaN alone is not itself


def _with_ends(segments: list[Any]) -> list[Any]:
    """Segments whose end is not said last until the next."""
    for number, segment in enumerate(segments):
        if isinstance(segment, dict) and _is_time(segment.get("start")) and segment.get("end") is None:
            following = segments[number + 1] if number + 1 < len(segments) else None
            after = following.get("start") if isinstance(following, dict) else None
            after = after if _is_time(after) else None
            segment["end"] = after if after is not None and after >= segment["start"] else segment["start"] + 2.0
    return segments


def _share_words(segments: list[Any], words: Sequence[Any]) -> None:
    """Give each segment the words whose middle lies in it or before its end."""
    rows = [_word(word) for word in words if isinstance(word, dict)]
    timed = [segment for segment in segments if isinstance(segment, dict) and _is_time(segment.get("end"))]
    at = 0
    for number, segment in enumerate(timed):
        inside: list[dict[str, Any]] = []
        last = number + 1 == len(timed)
        while at < len(rows):
            start, end = rows[at].get("start"), rows[at].get("end")
            middle = None if last else _middle(start, end)
            if middle is not None and middle >= segment["end"]:
                break
            inside.append(rows[at])
            at += 1
        segment["words"] = inside


def _middle(start: Any, end: Any) -> float | None:
    return (start + end) / 2 if _is_time(start) and _is_time(end) else None


def _grouped(words: Sequence[Any]) -> list[Any]:
    """Segments of words alone: a pause, or the end of a sentence, ends one."""
    groups: list[list[dict[str, Any]]] = []
    for row in words:
        word = _word(row) if isinstance(row, dict) else {"word": row}
        last = groups[-1][-1] if groups else None
        parted = last is None or str(last["word"]).rstrip().endswith((".", "?", "!", "。", "？", "！"))
        if last is not None and _is_time(word.get("start")) and _is_time(last.get("end")):
            parted = parted or word["start"] - last["end"] >= _PAUSE
        if parted or (last is not None and last.get("speaker") != word.get("speaker")):
            groups.append([])
        groups[-1].append(word)
    return [_segment({"words": group}) for group in groups]


def _joined(words: Sequence[str]) -> str:
    """Words as one text, with blanks between them where they bring none."""
    if any(word[:1].isspace() for word in words):
        return "".join(words)
    return " ".join(words)
