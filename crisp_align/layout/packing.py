"""Cues of one line, filled in order: what -ml, -sow and -sp ask for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from crisp_align.languages import UNSPACED, is_spaced, script_language
from crisp_align.layout.rules import Lines, Rules, is_long_pause, line_columns, onset
from crisp_align.text.breaks import extends, unbreakable
from crisp_align.text.dialogue import line_starts
from crisp_align.text.sentences import sentence_ends
from crisp_align.text.units import needs_dictionary, split_units
from crisp_align.text.width import clip_width, columns, is_wide
from crisp_align.transcript import MIN_WORD, Segment, Word

__all__ = ["atoms", "fill_lines", "is_turn", "spoken_end", "words_of", "written_language"]

_LONG_WORD = 12  # columns that hardly any word of Thai, Lao, Khmer or Burmese takes


def fill_lines(segment: Segment, rules: Rules) -> Iterator[Lines]:
    """One-line blocks, filled in order: what -ml, -sow and -sp ask for."""
    if rules.is_cue_a_segment:
        rules = replace(rules, max_pause=0.0)
    pieces = list(_cut_atoms(segment, rules))
    begins = [False] * len(pieces)
    if rules.split_on_punctuation or rules.max_chars > 1:
        texts = ["".join(word.text for word in atom) for atom in pieces]
        ends = sentence_ends(texts, segment.language)
        if rules.max_chars > 1:
            begins = line_starts(texts, ends)[:-1]
        if rules.split_on_punctuation:
            begins = [begun or closed for begun, closed in zip(begins, [True, *ends], strict=False)]
    line: list[Word] = []
    for atom, begun in zip(pieces, begins, strict=True):
        if line and (begun or _is_full(line, atom, rules)):
            yield (tuple(line),)
            line = []
        line.extend(atom)
    if line:
        yield (tuple(line),)


def _is_full(line: Sequence[Word], atom: Sequence[Word], rules: Rules) -> bool:
    """Whether `line` cannot take `atom` in."""
    return (
        rules.max_chars == 1
        or 0 < rules.line_limit < line_columns([*line, *atom])
        or 0 < rules.max_words < len(line) + len(atom)
        or 0 < rules.longest < round(atom[-1].end * rules.rate) - round(line[0].start * rules.rate)
        or is_long_pause(spoken_end(line), onset(tuple(atom)), rules)
        or is_turn(line[-1], atom[0])
    )


def atoms(words: Sequence[Word], rules: Rules, *, spaced: bool = False) -> Iterator[tuple[Word, ...]]:
    """Runs of words that stay together: blank words and lone marks with the word before them.

    A pause longer than the rules allow parts even those, but for what is one character on the screen. Words that show
    nothing at all are left out.
    """
    run: list[Word] = []
    spoken = None  # s, where the last visible word of the run ends
    for word in words:
        if spoken is not None and (
            not unbreakable(run[-1].text, word.text, spaced=spaced)
            or (is_long_pause(spoken, word.start, rules) and word.text.strip() and not extends(run[-1].text, word.text))
        ):
            yield tuple(run)
            run, spoken = [], None
        run.append(word)
        if word.text.strip() and (spoken is None or word.end > spoken):
            spoken = word.end
    if spoken is not None:
        yield tuple(run)


def spoken_end(words: Sequence[Word]) -> float:
    """s, where the last word ends that is shown."""
    if len(words) == 1:
        return words[0].end
    return max((word.end for word in words if word.text.strip()), default=words[-1].end)


def is_turn(before: Word, after: Word) -> bool:
    """Whether somebody else is known to speak the second word."""
    return before.speaker != after.speaker and before.speaker is not None and after.speaker is not None


def words_of(segment: Segment, rules: Rules) -> tuple[Word, ...]:
    """The words of a segment; one that holds all of its text where it has none.

    What others wrote as one word is cut into words that share its time: Thai, Lao, Khmer and Burmese that take half a
    line, and whatever is wider than a line and of a script without spaces.
    """
    words = segment.words or (Word(segment.text, segment.start, segment.end),)
    limit = rules.line_limit if rules.line_limit else len(segment.text)
    if not needs_dictionary(segment.text) and all(2 * len(word.text) <= limit for word in words):
        return words
    return tuple(part for word in words for part in _parts(word, segment.language, rules))


def written_language(segment: Segment) -> str | None:
    """The language of a segment, by its script where that is one of those whose words need a dictionary."""
    if needs_dictionary(segment.text) and (language := script_language(segment.text)) in UNSPACED:
        return language
    return segment.language


def _parts(word: Word, language: str | None, rules: Rules) -> tuple[Word, ...]:
    """The words that a word without spaces in it is made of; the word itself where it is one."""
    text = word.text
    widest = rules.line_limit / 2 if rules.line_limit else _LONG_WORD if rules.max_chars == 1 else math.inf
    if needs_dictionary(text) and columns(text.strip()) > widest:
        texts = [unit.text for unit in split_units(text, script_language(text) or language)]
    elif 0 < rules.line_limit < columns(text.strip()) and is_wide(text):
        texts = [unit.text for unit in split_units(text, language, "char")]
    else:
        return (word,)
    if len(texts) < 2:
        return (word,)
    edges = [0, *accumulate(max(1, columns(part)) for part in texts)]
    bounds = [round(word.start + (word.end - word.start) * edge / edges[-1], 3) for edge in edges[:-1]]
    return tuple(
        replace(word, text=part, start=start, end=end)
        for part, start, end in zip(texts, bounds, [*bounds[1:], word.end], strict=True)
    )


def _cut_atoms(segment: Segment, rules: Rules) -> Iterator[tuple[Word, ...]]:
    spaced = rules.split_on_word and is_spaced(written_language(segment))
    for atom in atoms(words_of(segment, rules), rules, spaced=spaced):
        yield from _cut(atom, rules)


def _cut(run: tuple[Word, ...], rules: Rules) -> Iterator[tuple[Word, ...]]:
    limit = rules.line_limit
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
