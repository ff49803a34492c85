"""JSON in the shapes of other programs, for drop-in use, and reading any of them.

Their shapes are those of whisper.cpp's `-oj` and `-ojf`, openai-whisper's `--output_format json` with word
timestamps, and WhisperX's aligned result. What we do not measure is filled in as neutral as a parser can take it:
no tokens, a temperature of 0, a probability of 1 where the aligner gives no score.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import clock, milliseconds
from crisp_align.formats.format import WriteOptions
from crisp_align.formats.json import FORMAT, shared_out, transcript_from_json, transcript_to_json
from crisp_align.formats.json_node import Node, parsed
from crisp_align.formats.json_shapes import as_segments, json_lines
from crisp_align.languages import NAMES
from crisp_align.transcript import Cue, Segment, Transcript, Word

__all__ = ["read_json", "write_full_json", "write_json"]

_MARKS = re.compile(r"[^\w\s]+(?=\s|$)")  # marks that cling to the word before them
_BYTES = re.compile("[\udc80-\udcff]+")  # what is left of bytes that are no UTF-8


def write_json(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """The transcript, compact; or in the style asked for."""
    if options.json_style == "crisp-align":
        return transcript_to_json(transcript)
    return _dumped(_styled(transcript, cues, options, full=False))


def write_full_json(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """The transcript with what follows from it and its cues; or in the style asked for, words included."""
    if options.json_style == "crisp-align":
        return transcript_to_json(transcript, cues)
    return _dumped(_styled(transcript, cues, options, full=True))


def _dumped(value: dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    return text.encode("utf-8", "replace").decode("utf-8") + "\n"


def _styled(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions, *, full: bool) -> dict[str, Any]:
    if options.json_style == "whisper.cpp":
        return _whisper_cpp(transcript, cues, full=full)
    return _openai(transcript) if options.json_style == "openai" else _whisperx(transcript)


def _whisper_cpp(transcript: Transcript, cues: Sequence[Cue], *, full: bool) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    for cue in cues:
        words = [word for line in cue.lines for word in line]
        entry = _stretch(cue.start, cue.end, "".join(word.text for word in words))
        if full:
            entry["tokens"] = [
                _stretch(word.start, word.end, word.text) | {"id": 0, "p": _probability(word), "t_dtw": -1}
                for word in words
            ]
        entries.append(entry)
    language = transcript.language or "en"
    return {
        "systeminfo": "",
        "model": {"type": transcript.model or "", "multilingual": True},
        "params": {"model": transcript.model or "", "language": language, "translate": False},
        "result": {"language": language},
        "transcription": entries,
    }


def _stretch(start: float, end: float, text: str) -> dict[str, Any]:
    return {
        "timestamps": {"from": clock(start, ","), "to": clock(end, ",")},
        "offsets": {"from": milliseconds(start), "to": milliseconds(end)},
        "text": text,
    }


def _openai(transcript: Transcript) -> dict[str, Any]:
    segments = [
        {
            "id": number,
            "seek": 0,
            "start": round(segment.start, 3),
            "end": round(segment.end, 3),
            "text": segment.text,
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": round(math.log(max(segment.score, 1e-9)), 4) if segment.score is not None else 0.0,
            "compression_ratio": _compression_ratio(segment.text),
            "no_speech_prob": 0.0,
            "words": [
                {"word": w.text, "start": round(w.start, 3), "end": round(w.end, 3), "probability": _probability(w)}
                for w in segment.words
            ],
        }
        for number, segment in enumerate(transcript.segments)
    ]
    return {"text": "".join(s.text for s in transcript.segments), "segments": segments, "language": transcript.language}


def _compression_ratio(text: str) -> float:
    data = text.encode("utf-8", "replace")
    return round(len(data) / len(zlib.compress(data)), 4)


def _probability(word: Word) -> float:
    return word.score if word.score is not None and math.isfinite(word.score) else 1.0


def _whisperx(transcript: Transcript) -> dict[str, Any]:
    segments: list[dict[str, Any]] = []
    for segment in transcript.segments:
        words = [_whisperx_word(word) for word in segment.words if word.text.strip()]
        value: dict[str, Any] = {
            "start": round(segment.start, 3),
            "end": round(segment.end, 3),
            "text": segment.text,
            "words": words,
        }
        speakers = [word.speaker for word in segment.words if word.speaker]
        if speakers:
            value["speaker"] = max(dict.fromkeys(speakers), key=speakers.count)
        segments.append(value)
    return {
        "segments": segments,
        "word_segments": [word for segment in segments for word in segment["words"]],
        "language": transcript.language,
    }


def _whisperx_word(word: Word) -> dict[str, Any]:
    value: dict[str, Any] = {"word": word.text.strip(), "start": round(word.start, 3), "end": round(word.end, 3)}
    if word.score is not None and math.isfinite(word.score):
        value["score"] = word.score
    if word.speaker:
        value["speaker"] = word.speaker
    return value


def read_json(text: str, name: str) -> Transcript:
    """The transcript in a JSON file of ours, whisper.cpp, openai-whisper or WhisperX.

    Raises:
        TranscriptError: it is not JSON, or of none of these shapes; names the line or the place.
    """
    rows = json_lines(text)
    root = parsed(text, name) if rows is None else Node(rows, "", name)
    if isinstance(root.value, dict) and root.child("format").value is not None:
        return transcript_from_json(text, name)
    if root.has("transcription"):
        return _read_whisper_cpp(root, name)
    value = as_segments(root.value)
    if value is not None:
        return _read_segments(Node(value, "", name), name)
    if not isinstance(root.value, dict):
        raise root.error("is not an object")
    raise TranscriptError(
        f"not a transcript: JSON, but neither a {FORMAT!r} nor that of whisper.cpp, openai-whisper, WhisperX or "
        "another program that is known here",
        subject=name,
    )


def _read_whisper_cpp(root: Node, name: str) -> Transcript:
    language = _language(root.child("result").optional_string("language") if root.has("result") else None)
    segments: list[Segment] = []
    for node in root.items("transcription"):
        start, end = _offsets(node)
        text = _mended(node.string("text"))
        tokens = [
            token
            for token in node.items("tokens", optional=True)
            if not (token.string("text").startswith("[_") and token.string("text").endswith("]"))
        ]
        known = [_stretch_of(token) for token in tokens]
        words: tuple[Word, ...] = ()
        if any(known) and _mended("".join(token.string("text") for token in tokens)) == text:
            spans = _completed(known, start, end)
            timed = [Word(t.string("text"), *s, t.optional_score("p")) for t, s in zip(tokens, spans, strict=True)]
            words = tuple(_joined(timed))
        segments.append(Segment(text, start, end, language, words or shared_out(text, start, end)))
    return _transcript(segments, name)


def _stretch_of(token: Node) -> tuple[float, float] | None:
    """Times of a token; None where whisper.cpp found none: it then writes none, or some that run backwards."""
    if not token.has("offsets"):
        return None
    offsets = token.child("offsets")
    if offsets.number("from") < 0 or offsets.number("to") < offsets.number("from"):
        return None
    return _offsets(token)


def _offsets(node: Node) -> tuple[float, float]:
    offsets = node.child("offsets")
    start, end = offsets.number("from") / 1000, offsets.number("to") / 1000
    if not 0 <= start <= end < 1e8:
        raise offsets.error("is not a stretch of time")
    return start, end


def _joined(tokens: Sequence[Word]) -> list[Word]:
    """Whisper's tokens as words: those without a space before them belong to the one before.

    So do those that begin inside a character, the bytes of which are lone surrogates.
    """
    words: list[Word] = []
    for token in tokens:
        ascii_tail = not token.text[:1].isspace() and token.text.isascii()
        if words and (ascii_tail or _BYTES.search(words[-1].text)):
            last = words.pop()
            words.append(Word(_mended(last.text + token.text), last.start, max(last.end, token.end), last.score))
        else:
            words.append(token)
    return words


def _mended(text: str) -> str:
    """`text` with characters where their bytes stand together, if all do."""
    try:
        return _BYTES.sub(lambda run: run.group().encode("utf-8", "surrogateescape").decode("utf-8"), text)
    except UnicodeDecodeError:
        return text


def _read_segments(root: Node, name: str) -> Transcript:
    language = _language(root.optional_string("language"))
    segments: list[Segment] = []
    for node in root.items("segments"):
        start, end = node.times()
        text = node.string("text")
        found = _spelled(text, [child.string("word") for child in node.items("words", optional=True)])
        if found is None:
            speaker = node.optional_string("speaker")
            spread = tuple(replace(word, speaker=speaker) for word in shared_out(text, start, end))
            segments.append(Segment(text, start, end, language, spread))
            continue
        words = _timed_words(found, node, start, end)
        segments.append(Segment("".join(found), start, end, language, words))
    return _transcript(segments, name)


def _spelled(text: str, words: list[str]) -> list[str] | None:
    """Words as the text has them, its white space and its marks with them; None where they do not make it up."""
    pieces: list[str] = []
    at = 0
    for word in words:
        found = text.find(word.strip(), at)
        if not word.strip() or found < 0 or any(map(str.isalnum, text[at:found])):
            return None
        if pieces and (marks := _MARKS.match(text, at, found)):
            pieces[-1] += marks.group()
            at = marks.end()
        pieces.append(text[at : found + len(word.strip())])
        at = found + len(word.strip())
    if not pieces or any(map(str.isalnum, text[at:])):
        return None
    pieces[-1] += text[at:]
    return pieces


def _timed_words(texts: Sequence[str], node: Node, start: float, end: float) -> tuple[Word, ...]:
    """WhisperX leaves out the times of words it could not align; they get what lies between their neighbours."""
    speaker = node.optional_string("speaker")
    children = node.items("words")
    known = [child.times() if child.has("start") and child.has("end") else None for child in children]
    words: list[Word] = []
    for text, child, span in zip(texts, children, _completed(known, start, end), strict=True):
        score = child.optional_score("score") if child.has("score") else child.optional_score("probability")
        words.append(
            Word(text, round(span[0], 3), round(span[1], 3), score, child.optional_string("speaker") or speaker)
        )
    return tuple(words)


def _completed(known: Sequence[tuple[float, float] | None], start: float, end: float) -> list[tuple[float, float]]:
    """Stretches of time; those that are None get what lies between their neighbours, in equal parts."""
    spans: list[tuple[float, float]] = []
    for number, span in enumerate(known):
        if span is None:
            before = spans[-1][1] if spans else start
            last = next((n for n in range(number, len(known)) if known[n]), len(known))
            following = known[last] if last < len(known) else None
            after = max(before, following[0] if following else end)
            span = (round(before, 3), round(before + (after - before) / (last - number), 3))
        spans.append(span)
    return spans


def _language(code: str | None) -> str | None:
    return code if code in NAMES else None


def _transcript(segments: Sequence[Segment], name: str) -> Transcript:
    return Transcript(tuple(segments), max((segment.end for segment in segments), default=0.0), name)
