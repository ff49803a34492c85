"""Cues of several lines, broken where they read best: dynamic programming over the places a cue may end.

The layout of a passage is the one of least total cost. What a cue costs:

    25          for being a cue
    1000        a line wider than the limit (only ever a single unbreakable word)
    1000 + 100·d   shorter than the minimum by the fraction d
    20t·(1-s/t)² where it stays s seconds, less than t: 2 s, or 0.7 s where there is no minimum
    20 + 60·s   for reading time that is missing, a second of it
    100         a change of speaker inside it
    15·(p-0.5)  for a pause of p seconds inside it, above half a second, at most 60; 100000 above the longest allowed
    8           for a sentence that ends in the middle of a line
    10000       for what begins a line by what it is (another speaker, a sound, a song), in the middle of one
    15          for a sentence that begins after the end of another and goes on in the next cue
    b           for the break after it, as crisp_align.text.breaks weighs it, less up to 20 for a pause there, less 60
                where the speaker changes; the end of a segment counts as that of a clause at least
    b/2         for each line break, where b is above 0, b/4 where below; b whole inside a phrase and where forbidden
    8·u         for lines unequal by the fraction u of the limit, and 4 where a line is longer than the one below it
    12          for each line narrower than a quarter of the limit, where there is another: an orphan

Never part of a layout: a cue of more lines or words than the rules allow, one that would go out before its last word
has been spoken (a single word that lasts longer excepted), and one that holds a longer pause than they allow. The
window of atoms that a cue can hold is bounded, so the work grows linearly with the number of words.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TypeAlias

from crisp_align.layout.passage import Passage, passage_of
from crisp_align.layout.rules import Lines, Rules, gap, needed_duration
from crisp_align.text.marks import DASHES
from crisp_align.transcript import Segment, Word

__all__ = ["Breaks", "best_breaks", "blocks_of", "optimal_lines", "total_cost"]

Breaks: TypeAlias = tuple[int, ...]
"""Of one cue: its first atom, the atoms where its further lines start, the atom after its last."""

CUE = 25.0
TOO_WIDE = 1000.0
TOO_SHORT = 1000.0
BRIEF = 20.0  # a second
LONG_ENOUGH_S = 2.0  # s
MIN_GLANCE_S = 0.7  # s
TOO_FAST = 20.0
MISSING = 60.0  # a second of reading time
SPEAKERS = 100.0
MID_LINE = 8.0
MID_LINE_START = 10_000.0
SENTENCE_RUNON = 15.0
UNEQUAL = 8.0  # times the part of the limit by which two lines differ
TOP_HEAVY = 4.0
ORPHAN = 12.0
WINDOW = 400  # atoms in a cue at most, where no rule says less
_NEVER = float("inf")


def optimal_lines(segments: Sequence[Segment], rules: Rules, next_start: float = _NEVER) -> list[Lines]:
    """`segments` as blocks of at most `rules.max_lines` lines, broken at the least cost.

    `next_start`: s, when what follows them comes in.
    """
    next_start = next_start if math.isinf(next_start) else round(next_start * rules.rate) / rules.rate
    passage = replace(passage_of(segments, rules), next_start=next_start)
    return blocks_of(passage, best_breaks(passage, rules), rules.speaker_dash)


def blocks_of(passage: Passage, breaks: Sequence[Breaks], speaker_dash: str) -> list[Lines]:
    """The lines of words between the breaks of each cue; where two people speak in it, each begins with the dash."""
    turns = passage.turns
    blocks: list[Lines] = []
    for row in breaks:
        lines = [tuple(word for atom in passage.atoms[a:b] for word in atom) for a, b in pairwise(row)]
        if turns[row[0]] < turns[row[-1] - 1]:
            for number, first in enumerate(row[:-1]):
                if number == 0 or turns[first] > turns[first - 1]:
                    lines[number] = _with_dash(lines[number], speaker_dash)
        blocks.append(tuple(lines))
    return blocks


def _with_dash(line: tuple[Word, ...], dash: str) -> tuple[Word, ...]:
    """A line that begins with a dash, unless it does already."""
    text = line[0].text.lstrip()
    return line if text[:1] in DASHES and text else (replace(line[0], text=dash + text), *line[1:])


def best_breaks(passage: Passage, rules: Rules) -> list[Breaks]:
    """The breaks of each cue in the layout that costs least."""
    count = len(passage.atoms)
    best = [0.0]
    choice: list[Breaks] = [()]
    cue_cost = _cue_costs(passage, rules)
    slack = min((0.0, *passage.line_break)) * max(0, rules.max_lines - 1)
    behind = _reading_behind(passage, rules)
    onsets = list(accumulate(reversed(passage.start), min))[::-1]  # rising, whatever the order of the words
    is_talk = count > 0 and passage.turns[-1] > 0
    line_limit, longest = rules.line_limit, rules.longest / rules.rate
    order = [MISSING * passage.start[0] - behind * passage.left[0] if behind else 0.0] if count else []
    for last in range(1, count + 1):
        bound = _NEVER
        chosen: Breaks = (last - 1, last)
        least = CUE + passage.cue_break[last] + slack
        if last < count and behind:
            least += behind * passage.right[last] - MISSING * passage.start[last]
        # From the cheapest beginning on: soon what is left cannot be better any more.
        for first in sorted(range(_earliest(passage, rules, longest, onsets, last), last), key=order.__getitem__):
            floor = order[first] if last < count else best[first]
            if floor + least >= bound:
                if last < count:
                    break
                continue
            base = best[first] + cue_cost(first, last)
            if base + slack < bound:
                limit = _limit(passage, rules, first, last) if is_talk else line_limit
                lines, row = _best_lines(passage, limit, first, last, rules.max_lines)
                if base + lines < bound:
                    bound, chosen = base + lines, row
        best.append(bound)
        choice.append(chosen)
        if last < count:
            order.append(bound + ((MISSING * passage.start[last] - behind * passage.left[last]) if behind else 0.0))
    rows: list[Breaks] = []
    while count:
        rows.append(choice[count])
        count = choice[count][0]
    return rows[::-1]


def _reading_behind(passage: Passage, rules: Rules) -> float:
    """What a column adds to the cost of reading time where the speech as a whole is too fast to read; else 0.

    Then any cue costs at least its columns' reading time less the time to the next cue, which shows early which
    beginnings of a cue are worth a look.
    """
    if not rules.max_cps or not passage.start:
        return 0.0
    a_column = MISSING / rules.char_columns / rules.max_cps
    return a_column if a_column * passage.right[-1] > MISSING * (passage.end[-1] - passage.start[0]) else 0.0


def total_cost(passage: Passage, breaks: Sequence[Breaks], rules: Rules) -> float:
    """What the layout with these breaks costs, whoever made them."""
    cue_cost = _cue_costs(passage, rules)
    return sum(
        cue_cost(row[0], row[-1]) + _lines_cost(passage, _limit(passage, rules, row[0], row[-1]), row) for row in breaks
    )


def _limit(passage: Passage, rules: Rules, first: int, last: int) -> int:
    """Columns that the words in a line of a cue may take; 0: no limit. The dash of a speaker takes its own."""
    if passage.turns[first] == passage.turns[last - 1] or not rules.line_limit:
        return rules.line_limit
    return max(1, rules.line_limit - len(rules.speaker_dash))


def _earliest(passage: Passage, rules: Rules, longest: float, onsets: Sequence[float], last: int) -> int:
    """The first atom that a cue up to `last` can begin with, which stays `longest` s at most (0: no limit).

    One atom alone always may be a cue.
    """
    earliest = max(passage.runs[last - 1], last - WINDOW)
    if rules.line_limit:  # the space at a line break is not shown
        room = rules.max_lines * (rules.line_limit + 1)
        earliest = bisect_left(passage.left, passage.right[last] - room, earliest, last)
    if rules.max_words:
        most = passage.words[last] + 1 - rules.max_words  # the first atom counts, even if it is the rest of a phrase
        earliest = bisect_left(passage.words, most, earliest + 1, last + 1) - 1
    if longest:
        earliest = bisect_left(onsets, passage.end[last - 1] - longest - 1e-6, earliest, last)
    if rules.split_on_punctuation:
        earliest = bisect_left(passage.sentences, passage.sentences[last - 1], earliest, last)
    return min(earliest, last - 1)


def _cue_costs(passage: Passage, rules: Rules) -> Callable[[int, int], float]:
    """What the cue from one atom up to but not including another costs, but for its lines."""
    starts, ends, left, right, words = passage.start, passage.end, passage.left, passage.right, passage.words
    pauses, speakers, sentences, cue_break = passage.pauses, passage.speakers, passage.sentences, passage.cue_break
    least, longest, linger = rules.min_duration, rules.max_duration, rules.linger
    a_column, a_word = needed_duration(1, 0, replace(rules, min_duration=0.0)), 60.0 / (rules.max_wpm or _NEVER)
    pause, count, next_start = gap(rules) / rules.rate, len(starts), passage.next_start
    enough = LONG_ENOUGH_S if least else MIN_GLANCE_S

    def cost_of(first: int, last: int) -> float:
        cost = CUE + cue_break[last] + pauses[last - 1] - pauses[first]
        if speakers[last - 1] != speakers[first]:
            cost += SPEAKERS
        if sentences[first] < sentences[last - 1] == sentences[last]:
            cost += SENTENCE_RUNON
        start = starts[first]
        shown = ends[last - 1] - start
        needed = a_column * (right[last] - left[first])
        if a_word:
            needed = max(needed, a_word * (words[last] - words[first + 1] + 1))
        if needed < least:
            needed = least
        if shown < needed:
            latest = shown + linger if shown + linger > least else least
            shown = needed if needed < latest else latest
        if 0 < longest < shown:
            shown = longest
        room = (starts[last] if last < count else next_start) - pause - start
        if room < shown:
            shown = room
        if shown < least - 1e-6:
            cost += TOO_SHORT + 100.0 * min(1.0, 1.0 - shown / least)
        if shown < enough:
            lacking = 1.0 - (shown if shown > 0.0 else 0.0) / enough
            cost += BRIEF * enough * lacking * lacking
        if needed > shown + 1e-6 and needed > least + 1e-6:
            cost += TOO_FAST + MISSING * (needed - shown)
        return cost

    return cost_of


def _best_lines(
    passage: Passage, limit: int, first: int, last: int, lines: int, width_above: int = -1
) -> tuple[float, Breaks]:
    """The cheapest way to break the atoms into at most `lines` lines, and the breaks.

    One line where they fit and nobody else begins to speak in it. `width_above` is that of the line above
    them; below 0: there is none.
    """
    best = _NEVER
    chosen: Breaks = (first, last)
    is_long = 0 < limit < passage.right[last] - passage.left[first]
    if lines > 1 and last - first > 1 and (is_long or passage.line_starts[first] < passage.line_starts[last - 1]):
        low, high = first + 1, last
        if limit:  # lines wider than it are left out, but for a single atom that is
            low = bisect_left(passage.left, passage.right[last] - (limit + 1) * (lines - 1) + 1, first + 1, last)
            high = bisect_right(passage.right, passage.left[first] + limit, first + 1, last + 1)
        second_starts = range(min(low, last - 1), min(max(high, first + 2), last))
        if lines == 2:
            best, second_start = _best_second_line(passage, limit, first, last, second_starts, width_above)
            chosen = (first, second_start, last)
        for second_start in second_starts if lines > 2 else ():
            cost, rest = _best_lines(
                passage, limit, second_start, last, lines - 1, passage.columns(first, second_start)
            )
            cost += _line_cost(passage, limit, first, second_start, width_above, alone=False)
            if cost < best:
                best, chosen = cost, (first, *rest)
    if best < _NEVER:
        return best, chosen
    return _line_cost(passage, limit, first, last, width_above, alone=width_above < 0), (first, last)


def _best_second_line(
    passage: Passage, limit: int, first: int, last: int, second_starts: range, width_above: int
) -> tuple[float, int]:
    """Where the second of two lines best starts: `_line_cost` unrolled, the most frequent question of all."""
    left, right, sentences, line_break = passage.left, passage.right, passage.sentences, passage.line_break
    begin, end, changes, widest = left[first], right[last], passage.line_starts, limit or _NEVER
    inside, turning = sentences[last - 1] - sentences[first], changes[last - 1] - changes[first]
    best, chosen = _NEVER, last
    for second_start in second_starts:
        above, below = right[second_start] - begin, end - left[second_start]
        cost = line_break[second_start] + MID_LINE * (inside - sentences[second_start] + sentences[second_start - 1])
        if turning:
            cost += MID_LINE_START * (turning - changes[second_start] + changes[second_start - 1])
        if above > below:
            cost += TOP_HEAVY
        cost += UNEQUAL * abs(above - below) / (limit if above <= limit >= below else max(above, below))
        if above > widest:
            cost += TOO_WIDE * (1 if second_start - first == 1 else 50)
        if below > widest:
            cost += TOO_WIDE * (1 if last - second_start == 1 else 50)
        if 4 * above < limit:
            cost += ORPHAN
        if 4 * below < limit:
            cost += ORPHAN
        if width_above >= 0:
            cost += line_break[first] + UNEQUAL * abs(width_above - above) / max(limit, width_above, above)
            if width_above > above:
                cost += TOP_HEAVY
        if cost < best:
            best, chosen = cost, second_start
    return best, chosen


def _lines_cost(passage: Passage, limit: int, row: Breaks) -> float:
    cost, width_above = 0.0, -1
    for first, last in pairwise(row):
        cost += _line_cost(passage, limit, first, last, width_above, alone=len(row) == 2)
        width_above = passage.columns(first, last)
    return cost


def _line_cost(passage: Passage, limit: int, first: int, last: int, width_above: int, *, alone: bool) -> float:
    """What a line costs below one `width_above` columns wide (below 0: none), and so the break between them."""
    width = passage.right[last] - passage.left[first]
    cost = MID_LINE * (passage.sentences[last - 1] - passage.sentences[first])
    cost += MID_LINE_START * (passage.line_starts[last - 1] - passage.line_starts[first])
    if 0 < limit < width:
        # A single word that is too wide stays whole; several must never be put together so.
        cost += TOO_WIDE * (1 if last - first == 1 else 50)
    if not alone and 4 * width < limit:
        cost += ORPHAN
    if width_above >= 0:
        cost += passage.line_break[first] + UNEQUAL * abs(width_above - width) / max(limit, width_above, width, 1)
        if width_above > width:
            cost += TOP_HEAVY
    return cost
