"""NIST's time-marked words (.ctm), read: recording, channel, start, length, word, and maybe a score."""

from __future__ import annotations

import re

from crisp_align.errors import TranscriptError
from crisp_align.text.display import displayed
from crisp_align.transcript import Segment, Transcript, Word

__all__ = ["read_ctm"]

_ROW = re.compile(r"(\S+)\s+(\S+)\s+(\d{1,8}(?:\.\d+)?)\s+(\d{1,8}(?:\.\d+)?)\s+(\S+)(?:\s+(\S+))?(?:\s.*)?")
_PAUSE = 0.5
"""s without a word that part two segments."""
_SILENT = {"<eps>", "<s>", "</s>", "sil", "<sil>", "@", "-", "<alt_begin>", "<alt>", "<alt_end>"}


def read_ctm(text: str, name: str) -> Transcript:
    """Words, parted into segments by pauses and ends of sentences; the channel is the speaker where there are several.

    Of several recordings the first is read, and a notice says how many are left out.

    Raises:
        TranscriptError: no line of it is a word with its times.
    """
    rows: list[tuple[str, str, Word]] = []
    passed = 0
    for line in text.split("\n"):
        match = _ROW.fullmatch(line.strip())
        if match is None or line.lstrip().startswith(";;"):
            passed += bool(line.strip()) and not line.lstrip().startswith((";;", "#"))
            continue
        recording, channel, start, length, label, score = match.groups()
        if (shown := displayed(label)) and label.lower() not in _SILENT:
            first = round(float(start), 3)
            word = Word(f" {shown}", first, round(first + float(length), 3), _score(score))
            rows.append((recording, channel, word))
    if not rows and passed:
        raise TranscriptError("not CTM: no line is a recording, a channel, a start, a length and a word", subject=name)
    recordings = list(dict.fromkeys(recording for recording, _, _ in rows))
    rows = [row for row in rows if row[0] == recordings[0]]
    channels = {channel for _, channel, _ in rows}
    words = [
        Word(word.text, word.start, word.end, word.score, channel if len(channels) > 1 else None)
        for _, channel, word in sorted(rows, key=lambda row: row[2].start)
    ]
    notices = [f"repaired: line without a word and its times left out: {passed}"] if passed else []
    if len(recordings) > 1:
        notices.append(f"{len(recordings)} recordings are in it; read is the first, {recordings[0]}")
    duration = max((word.end for word in words), default=0.0)
    return Transcript(_segments(words), duration, name, notices=tuple(notices))


def _score(text: str | None) -> float | None:
    try:
        score = float(text or "")
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None


def _segments(words: list[Word]) -> tuple[Segment, ...]:
    groups: list[list[Word]] = []
    for word in words:
        last = groups[-1][-1] if groups else None
        over = last is None or word.start - last.end >= _PAUSE or last.speaker != word.speaker
        if over or (last is not None and last.text.endswith((".", "?", "!", "。"))):
            groups.append([])
        groups[-1].append(word)
    return tuple(
        Segment(
            "".join(word.text for word in group), group[0].start, max(word.end for word in group), None, tuple(group)
        )
        for group in groups
    )
