"""When cues come in and go out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from crisp_align.layout.rules import Lines, Rules, countable_words, gap, line_columns, needed_duration, onset
from crisp_align.transcript import MIN_WORD, Cue

__all__ = ["assign_times"]


def assign_times(blocks: Sequence[Lines], rules: Sequence[Rules]) -> list[Cue]:
    """Give blocks of lines their times, each by its own rules; their frame rate is one.

    A cue comes in on its first word. It goes out after its last, or up to `linger` later where it takes that long to
    read; a cue below the minimum duration stays for it. It never runs into the next, keeps the gap where the words
    leave 20 ms before it, and closes a short gap, or one that is to be filled, unless it would stay too long. All is
    counted in ticks of a frame or a millisecond, so that rounding can neither overlap nor empty a cue.
    """
    rate = rules[0].rate if rules else 1000.0
    starts: list[int] = []
    for block in blocks:
        start = round(max(0.0, onset(block[0])) * rate)
        starts.append(max(start, starts[-1] + 1) if starts else start)
    return [
        Cue(
            start=round(starts[i] / rate, 3),
            end=round(_out(block, starts[i], starts[i + 1] if i + 1 < len(blocks) else None, rules[i]) / rate, 3),
            lines=block,
        )
        for i, block in enumerate(blocks)
    ]


def _out(lines: Lines, start: int, following: int | None, rules: Rules) -> int:
    """The tick a cue goes out at; `following` is the tick the next comes in."""
    out = _wanted(lines, start, rules)
    longest = start + rules.longest if rules.longest else None
    out = out if longest is None else min(out, longest)
    if following is None:
        return out
    ceiling = following - gap(rules)
    if ceiling - start < max(1, round(MIN_WORD * rules.rate)):  # words too fast for any gap
        return min(out, max(following, start + 1))
    if out >= ceiling:
        return ceiling
    between = (following - out) / rules.rate
    closes = between < rules.close_gap - 1e-6 or between < rules.fill_gaps + 1e-6
    return ceiling if closes and (longest is None or ceiling <= longest) else out


def _wanted(lines: Lines, start: int, rules: Rules) -> int:
    width = sum(line_columns(line) for line in lines)
    words = countable_words(lines) if rules.max_wpm else 0
    spoken = max(*(round(line[-1].end * rules.rate) for line in lines), start + 1)
    wanted = start + math.ceil(needed_duration(width, words, rules) * rules.rate - 1e-6)
    least = start + math.ceil(rules.min_duration * rules.rate - 1e-6)
    # The minimum duration outranks the limit on lingering: a lone short word must still be seen.
    return max(spoken, min(wanted, max(spoken + round(rules.linger * rules.rate), least)))
