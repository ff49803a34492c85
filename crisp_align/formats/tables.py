"""One row a cue or a word: SBV, CSV, TSV, CTM, Audacity labels, RTTM. Each is a few lines of the standard library."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import PurePath

from crisp_align.formats.cue_text import as_one_line, clock, milliseconds, visible_cues
from crisp_align.formats.format import WriteOptions
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Transcript, Word

__all__ = ["no_formula", "write_csv", "write_ctm", "write_labels", "write_rttm", "write_sbv", "write_tsv"]


def write_sbv(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """YouTube's SubViewer: H:MM:SS.mmm,H:MM:SS.mmm, the lines, an empty line."""
    blocks = [
        f"{clock(cue.start, hour_digits=1)},{clock(cue.end, hour_digits=1)}\n" + "\n".join(lines) + "\n"
        for cue, lines in visible_cues(cues)
    ]
    return "\n".join(blocks)


def write_csv(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """start,end,text in milliseconds, as whisper.cpp writes it; and speaker where there are any."""
    speakers = any(word.speaker for word in transcript.words)
    target = io.StringIO()
    table = csv.writer(target, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    target.write("start,end,text,speaker\n" if speakers else "start,end,text\n")
    for cue, _ in visible_cues(cues):
        row: list[int | str] = [milliseconds(cue.start), milliseconds(cue.end), no_formula(as_one_line(cue))]
        table.writerow([*row, no_formula(_speakers(cue))] if speakers else row)
    return target.getvalue()


def no_formula(text: str) -> str:
    """`text` that a spreadsheet shows and does not compute."""
    return f"'{text}" if text[:1] in "=+-@＝＋－＠" and text else text


def _speakers(cue: Cue) -> str:
    names = dict.fromkeys(word.speaker for line in cue.lines for word in line if word.speaker)
    return " ".join(displayed(name) for name in names)


def write_tsv(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """start, end, text in milliseconds, as openai-whisper writes it."""
    rows = [
        f"{milliseconds(c.start)}\t{milliseconds(c.end)}\t{no_formula(as_one_line(c))}\n" for c, _ in visible_cues(cues)
    ]
    return "start\tend\ttext\n" + "".join(rows)


def write_ctm(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """NIST's time-marked words: recording, channel, start, length, word, score."""
    name = _token(PurePath(transcript.source).stem)
    rows: list[str] = []
    for word, text in _shown_words(transcript):
        score = f" {word.score:.3f}" if word.score is not None and 0 <= word.score <= 1 else ""
        length = max(1, milliseconds(word.end) - milliseconds(word.start))
        rows.append(f"{name} 1 {milliseconds(word.start) / 1000:.3f} {length / 1000:.3f} {_token(text)}{score}\n")
    return "".join(rows)


def write_labels(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Audacity's labels: start, end in seconds and text, parted by tabs; a label a cue."""
    return "".join(f"{cue.start:.6f}\t{cue.end:.6f}\t{as_one_line(cue)}\n" for cue, _ in visible_cues(cues))


def write_rttm(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """NIST's speaker turns; empty where nobody is named."""
    name = _token(PurePath(transcript.source).stem)
    turns: list[tuple[str, float, float]] = []
    for word, _ in _shown_words(transcript):
        if word.speaker and turns and turns[-1][0] == word.speaker and word.start - turns[-1][2] < 0.5:
            turns[-1] = (word.speaker, turns[-1][1], max(turns[-1][2], word.end))
        elif word.speaker:
            turns.append((word.speaker, word.start, word.end))
    return "".join(
        f"SPEAKER {name} 1 {start:.3f} {end - start:.3f} <NA> <NA> {_token(speaker)} <NA> <NA>\n"
        for speaker, start, end in turns
    )


def _shown_words(transcript: Transcript) -> list[tuple[Word, str]]:
    return [(word, text) for word in transcript.words if (text := displayed(word.text))]


def _token(text: str) -> str:
    """`text` as one field of a table parted by white space; never a comment."""
    token = re.sub(r"\s+", "_", displayed(text)) or "-"
    return f"_{token}" if token.startswith(";;") else token
