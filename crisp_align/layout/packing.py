"""Cues of one line, filled in order: what -ml, -sow and -sp ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from crisp_align.languages import is_spaced
from crisp_align.layout.rules import Lines, Rules, line_columns
from crisp_align.text.breaks import unbreakable
from crisp_align.text.sentences import sentence_ends
from crisp_align.text.width import clip_width
from crisp_align.transcript import MIN_WORD, Segment, Word

__all__ = ["atoms", "fill_lines", "words_of"]


def fill_lines(segment: Segment, rules: Rules) -> Iterator[Lines]:
    """One-line blocks, filled in order: what -ml, -sow and -sp ask for."""
    pieces = list(_cut_atoms(segment, rules))
    ends = []
    if rules.split_on_punctuation:
        ends = sentence_ends(["".join(word.text for word in atom) for atom in pieces], segment.language)
    line: list[Word] = []
    for number, atom in enumerate(pieces):
        if line and (_is_full(line, atom, rules) or (ends and ends[number - 1])):
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
        or 0 < rules.max_duration < atom[-1].end - line[0].start
    )


def atoms(words: Sequence[Word], *, spaced: bool = False) -> Iterator[tuple[Word, ...]]:
    """Runs of words that stay together: blank words and lone marks with the word before them.

    Words that show nothing at all are left out.
    """
    run: list[Word] = []
    visible = False
    for word in words:
        if visible and not unbreakable(run[-1].text, word.text, spaced=spaced):
            yield tuple(run)
            run, visible = [], False
        run.append(word)
        visible = visible or bool(word.text.strip())
    if visible:
        yield tuple(run)


def words_of(segment: Segment) -> tuple[Word, ...]:
    """The words of a segment; one that holds all of its text where it has none."""
    return segment.words or (Word(segment.text, segment.start, segment.end),)


def _cut_atoms(segment: Segment, rules: Rules) -> Iterator[tuple[Word, ...]]:
    spaced = rules.split_on_word and is_spaced(segment.language)
    for atom in atoms(words_of(segment), spaced=spaced):
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
