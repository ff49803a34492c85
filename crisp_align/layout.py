"""From words with times to cues: what a viewer reads at once, and when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from crisp_align.languages import is_spaced
from crisp_align.text.breaks import is_glued
from crisp_align.text.sentences import sentence_ends
from crisp_align.text.width import clip_width, columns
from crisp_align.transcript import MIN_WORD, Cue, Segment, Word

__all__ = ["Rules", "cues"]

Lines: TypeAlias = tuple[tuple[Word, ...], ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """How words become cues. A number of 0 sets no limit."""

    max_chars: int = 0
    """0: a cue a segment; 1: a cue a word; N: at most N characters in a cue, or in a line where `max_lines` is set."""
    split_on_word: bool = False
    """A word longer than `max_chars` stays whole, and a line only breaks where the text has a space or the script
    needs none; otherwise such a word is cut between two grapheme clusters and its time shared out."""
    split_on_punctuation: bool = False
    """Every sentence begins a cue."""
    char_columns: int = 1
    """Columns that count as one character: 2 under Chinese, Japanese and Korean rules, where half-width counts half."""
    max_lines: int = 0
    """0: cues of one line, filled in order; N: cues of up to N lines, broken where they read best."""
    max_words: int = 0
    """Words in a cue."""
    max_duration: float = 0.0
    """s"""
    min_duration: float = 0.0
    """s"""
    max_cps: float = 0.0
    """Characters a second, the spaces between words included."""
    max_wpm: float = 0.0
    """Words a minute."""
    min_gap: float = 0.0
    """s between two cues."""
    min_gap_frames: int = 0
    """The same in frames; without `fps`, of 1/24 s."""
    close_gap_frames: int = 0
    """A gap shorter than this many frames is closed to the minimum gap."""
    linger: float = 0.0
    """s that a cue may stay after its last word, so as to reach `min_duration`, `max_cps` or `max_wpm`."""
    fps: float = 0.0
    """Frames a second; times fall on frames."""


_FILM = 24.0  # frames a second that frame counts mean where no rate is given


def cues(segments: Sequence[Segment], rules: Rules) -> list[Cue]:
    """Lay out `segments` as cues.

    Every word appears once, in order. Cues are in order and never overlap; their times are whole milliseconds (or
    frames), and none is empty. A blank word stays with the word before it.

    Args:
        segments: one, for printing as they come, or all of a transcript.
        rules: what to keep to.
    """
    blocks = [block for segment in segments for block in _packed(segment, rules)]
    return _timed(blocks, rules)


def line_columns(words: Sequence[Word]) -> int:
    """Columns of a line of words, the white space around it left out."""
    return columns("".join(word.text for word in words).strip())


def _packed(segment: Segment, rules: Rules) -> Iterator[Lines]:
    """One-line blocks, filled in order: what -ml, -sow and -sp ask for."""
    limit = rules.max_chars * rules.char_columns if rules.max_chars > 1 else 0
    atoms = list(_atoms(segment, rules, limit))
    ends = sentence_ends(["".join(word.text for word in atom) for atom in atoms]) if rules.split_on_punctuation else []
    line: list[Word] = []
    for number, atom in enumerate(atoms):
        full = rules.max_chars == 1 or (limit and line_columns([*line, *atom]) > limit)
        full = full or (rules.max_words and len(line) + len(atom) > rules.max_words)
        if line and (full or (ends and ends[number - 1])):
            yield (tuple(line),)
            line = []
        line.extend(atom)
    if line:
        yield (tuple(line),)


def _atoms(segment: Segment, rules: Rules, limit: int) -> Iterator[tuple[Word, ...]]:
    """Runs of words that stay together: blank words and lone marks with their neighbour, long words cut."""
    words = segment.words or (Word(segment.text, segment.start, segment.end),)
    spaced = rules.split_on_word and is_spaced(segment.language)
    run: list[Word] = []
    visible = False
    for word in words:
        if visible and not is_glued(run[-1].text, word.text, spaced=spaced):
            yield from _cut(tuple(run), rules, limit)
            run, visible = [], False
        run.append(word)
        visible = visible or bool(word.text.strip())
    if visible:
        yield from _cut(tuple(run), rules, limit)


def _cut(run: tuple[Word, ...], rules: Rules, limit: int) -> Iterator[tuple[Word, ...]]:
    if rules.split_on_word or not limit or line_columns(run) <= limit or len(run) > 1:
        yield run
        return
    word = run[0]
    pieces = clip_width(word.text.strip(), limit)
    if (word.end - word.start) / len(pieces) < MIN_WORD:  # no time to show the pieces one after the other
        yield run
        return
    pieces[0] = word.text[: len(word.text) - len(word.text.lstrip())] + pieces[0]
    pieces[-1] += word.text[len(word.text.rstrip()) :]
    bounds = [round(word.start + (word.end - word.start) * i / len(pieces), 3) for i in range(len(pieces))]
    for piece, start, end in zip(pieces, bounds, [*bounds[1:], word.end], strict=True):
        yield (replace(word, text=piece, start=start, end=end),)


def _timed(blocks: Sequence[Lines], rules: Rules) -> list[Cue]:
    """Give blocks their times, in ticks of a frame or a millisecond so that rounding can neither overlap nor empty."""
    rate = rules.fps or 1000.0
    starts: list[int] = []
    for block in blocks:
        start = round(max(0.0, block[0][0].start) * rate)
        starts.append(max(start, starts[-1] + 1) if starts else start)
    return [
        Cue(
            start=round(starts[i] / rate, 3),
            end=round(_out(block, starts[i], starts[i + 1] if i + 1 < len(blocks) else None, rules, rate) / rate, 3),
            lines=block,
        )
        for i, block in enumerate(blocks)
    ]


def needed_duration(lines: Lines, rules: Rules) -> float:
    """Seconds that a viewer needs to read `lines`, and at least the minimum."""
    needed = rules.min_duration
    if rules.max_cps:
        characters = sum(line_columns(line) for line in lines) / rules.char_columns
        needed = max(needed, characters / rules.max_cps)
    if rules.max_wpm:
        needed = max(needed, 60.0 * sum(1 for line in lines for word in line if word.text.strip()) / rules.max_wpm)
    return needed


def _out(lines: Lines, start: int, following: int | None, rules: Rules, rate: float) -> int:
    """The tick a cue goes out at."""
    spoken = round(lines[-1][-1].end * rate)
    least = start + max(1, math.ceil(rules.min_duration * rate - 1e-6))
    wanted = start + math.ceil(needed_duration(lines, rules) * rate - 1e-6)
    out = max(spoken, start + 1)
    if wanted > out:
        # The minimum duration outranks the limit on lingering: a lone short word must still be seen.
        out = max(out, min(wanted, max(spoken + round(rules.linger * rate), least)))
    longest = start + max(1, math.floor(rules.max_duration * rate + 1e-6)) if rules.max_duration else None
    if longest is not None:
        out = min(out, longest)
    if following is None:
        return out
    gap = _frames(rules.min_gap, rules.min_gap_frames, rules, rate)
    ceiling = following - gap
    if ceiling - start < max(1, round(MIN_WORD * rate)):  # words too fast for any gap
        ceiling = max(following, start + 1)
    if out > ceiling:
        return ceiling
    close = _frames(0.0, rules.close_gap_frames, rules, rate)
    if following - out >= close or ceiling <= out:
        return out
    if longest is None or ceiling <= longest:
        return ceiling
    return max(following - close, min(out, least))


def _frames(seconds: float, frames: int, rules: Rules, rate: float) -> int:
    counted = frames if rules.fps else math.ceil(frames / _FILM * rate - 1e-6)
    return max(counted, math.ceil(seconds * rate - 1e-6))
