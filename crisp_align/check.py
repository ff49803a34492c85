"""The linter for subtitles: the rules of layout, judged instead of applied, and what is broken in a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Literal

from crisp_align.errors import OptionError, TranscriptError
from crisp_align.formats import find_format, format_of_path, format_of_text, parse_format
from crisp_align.formats.cue_text import clock, cue_lines, joins_without_space
from crisp_align.formats.document import plain_cue
from crisp_align.formats.encodings import read_text
from crisp_align.formats.format import CueReader, Entry, Format
from crisp_align.formats.repairs import Repairs
from crisp_align.formats.srt import srt_entries
from crisp_align.formats.vtt import vtt_entries
from crisp_align.languages import script_language
from crisp_align.layout.layout import Layout
from crisp_align.layout.packing import is_turn
from crisp_align.layout.profiles import LanguageRules
from crisp_align.layout.reading_speed import too_fast
from crisp_align.layout.rules import Rules, countable_words, gap, is_long_pause, line_columns
from crisp_align.text.breaks import extends, kinsoku_end, kinsoku_start
from crisp_align.text.dialogue import line_starts
from crisp_align.text.identify import language_of_words
from crisp_align.text.sentences import sentence_ends
from crisp_align.text.width import columns
from crisp_align.transcript import MIN_WORD, Cue, Word

__all__ = ["Violation", "check", "check_file", "check_text", "reading_speed_summary"]

_MILLISECOND = 0.0011  # times are written in whole ones
_WARNINGS = frozenset({"kinsoku", "short-gap", "frame-gap", "frames", "encoding"})
_HIGHEST_RATE = 60.0  # frames a second of any usual video
_KANA = re.compile("[\u3040-\u30ff]")
_PAIRED = re.compile(r"<(/?)(b|i|u|s|font|c|v|lang|ruby|rt)(?:[\s.][^<>]*)?>", re.IGNORECASE)
_OPTIONAL_END = frozenset({"v", "lang"})  # WebVTT lets these run to the end of a cue


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken in one place."""

    rule: str
    """line-length, kinsoku, lines, words, reading-speed, min-duration, max-duration, pause, cut-off, gap, frame-gap,
    short-gap, open-gap, frames, overlap, order, times, empty, numbering, tags, encoding or syntax."""
    message: str
    """What is wrong, with what was measured and what is allowed."""
    cue: int | None = None
    """Counted from 1; None: the file as a whole."""
    start: float | None = None
    """s, where that cue comes in."""
    measured: float | None = None
    allowed: float | None = None
    unavoidable: bool = False
    """The speech itself leaves no other way: it is too fast, or a word too long."""

    @property
    def severity(self) -> Literal["error", "warning"]:
        """Unavoidable ones and those of `_WARNINGS`, which a viewer hardly sees, are warnings."""
        return "warning" if self.unavoidable or self.rule in _WARNINGS else "error"


def check(
    cues: Sequence[Cue], rules: Rules, tolerance: float = _MILLISECOND, *, measured: bool = True
) -> list[Violation]:
    """Every rule that `cues` break, in the order of the cues.

    A reading speed is unavoidable where the cue cannot stay longer: the next one follows, it has lasted or lingered its
    most.

    Args:
        cues: as laid out, or as read from a file.
        rules: what to keep to; a number of 0 is not checked. Of `LanguageRules`, a cue has to keep those for the
            language of the whole or those for the language of its own script, as one who reads it may be at home in
            either.
        tolerance: s that a time may be off by.
        measured: whether the times of the words were measured. Where they were not, nobody knows whether a cue already
            lingers; it is held to have lingered its most where somebody could have spoken so fast.
    """
    if isinstance(rules, LanguageRules):
        return _by_language(cues, rules, None, tolerance, measured=measured)
    return _check(cues, [rules] * len(cues), [True] * len(cues), tolerance, measured=measured)


def _check(
    cues: Sequence[Cue], rules: Sequence[Rules], kinds: Sequence[bool | None], tolerance: float, *, measured: bool
) -> list[Violation]:
    """What each of `cues` breaks of its `rules`; neighbours with the same rules and of one kind, if known, may join."""
    found: list[Violation] = []
    for number, (cue, cue_rules) in enumerate(zip(cues, rules, strict=True)):
        before = cues[number - 1] if number else None
        after = cues[number + 1] if number + 1 < len(cues) else None
        found += _of_text(number + 1, cue, cue_rules)
        found += _of_times(number + 1, before, cue, cue_rules, tolerance)
        is_brief = 0 < cue.end - cue.start < cue_rules.min_duration - tolerance
        can_join = is_brief and _can_join(number, cues, rules, kinds, measured=measured)
        found += _of_duration(number + 1, cue, after, can_join, cue_rules, tolerance)
        if measured:
            found += _of_words(number + 1, cue, after, cue_rules, tolerance)
        found += _reading_speed(number + 1, cue, after, cue_rules, tolerance, measured=measured)
    return found


def _can_join(
    number: int, cues: Sequence[Cue], rules: Sequence[Rules], kinds: Sequence[bool | None], *, measured: bool
) -> bool:
    """Whether a cue could be one with the cue before or after it, which has its rules and is of its kind."""
    for first, second in ((number - 1, number), (number, number + 1)):
        if first < 0 or second >= len(cues) or kinds[first] is not kinds[second] or kinds[first] is None:
            continue
        if rules[first] == rules[second] and _fits(cues[first], cues[second], rules[number], measured):
            return True
    return False


def _by_language(
    cues: Sequence[Cue], rules: LanguageRules, declared: str | None, tolerance: float, *, measured: bool
) -> list[Violation]:
    """What `cues` break of the rules for the language declared, and of those for what each may be in, too.

    That is the language of its own script; where many share the script, as Latin letters, the language of the cue
    before.
    """
    rules_of = cache(rules.of)
    text = "".join(cue.text for cue in cues)
    declared = declared or script_language(text)
    otherwise = None if declared in {"ja", "ko", "th", "yue", "zh"} else declared
    wide = [_has_wide_letters(cue.text) for cue in cues]
    known = [script_language(cue.text) or ("zh" if is_wide else None) for cue, is_wide in zip(cues, wide, strict=True)]
    scripts = [script or otherwise for script in known]
    carried: list[str | None] = []
    for script in known:
        carried.append(script or (carried[-1] if carried else otherwise))
    # Among wide letters, nobody knows to which stretch others belong that are laid out as one.
    narrow = None if any(wide) else False
    kinds = [is_wide or narrow for is_wide in wide]
    kanji = "ja" if _KANA.search(text) else "zh"  # a line of a Japanese file may have no kana
    judged = [
        [rules_of(declared)] * len(cues),
        [rules_of(script) for script in scripts],
        *([rules_of(kanji if script == "zh" else script) for script in reading] for reading in (scripts, carried)),
    ]
    found, *others = [
        _check(cues, reading, kinds, tolerance, measured=measured)
        for number, reading in enumerate(judged)
        if reading not in judged[:number]
    ]
    for other in others:
        avoidable = {(v.cue, v.rule): not v.unavoidable for v in other}
        common = [v for v in found if (v.cue, v.rule) in avoidable]
        found = [replace(v, unavoidable=v.unavoidable or not avoidable[v.cue, v.rule]) for v in common]
    return found


def _has_wide_letters(text: str) -> bool:
    return not text.isascii() and any(columns(char) == 2 and char.isalpha() for char in text)


def reading_speed_summary(layout: Layout) -> str | None:
    """One line about the cues that are too fast to read: how many, and the worst. None: there are none."""
    fast = layout.reading_speeds()
    if not fast:
        return None
    worst = max(fast, key=lambda speed: speed.measured / speed.allowed)
    count = len({speed.cue for speed in fast})
    summary = f"{count} of {len(layout.cues)} cues {'is' if count == 1 else 'are'} too fast to read"
    reason = ", as the speech is" if all(speed.unavoidable for speed in fast) else ""
    return f"{summary}{reason}; worst: cue {worst.cue} at {clock(worst.start)}, {worst.message}"


def check_file(
    path: str | os.PathLike[str], rules: Rules, name: str | None = None, encoding: str | None = None
) -> list[Violation]:
    """Every rule that a subtitle file breaks, and what is broken in the file itself.

    Args:
        path: of the file.
        rules: as for `check`; `LanguageRules` become those for the language that the file declares.
        name: of its format; None: by its extension.
        encoding: of its text; None: by its byte-order mark or what fits.

    Raises:
        TranscriptError: there is no such file, or it cannot be opened.
        OptionError: the format cannot be read, or holds no cues.
    """
    format = find_format(name) if name else format_of_path(path)
    _reader(format, os.fsdecode(path))
    try:
        text = read_text(path, encoding)
    except TranscriptError as error:
        if isinstance(error.__cause__, OSError):
            raise
        return [Violation("encoding", error.what, unavoidable=False)]
    return check_text(text, rules, os.fsdecode(path), format.name)


def check_text(text: str, rules: Rules, source: str, name: str | None = None) -> list[Violation]:
    """As `check_file`, for the text of a file that goes by the name of `source`.

    Raises:
        OptionError: the format (None: what the text looks like) cannot be read, or holds no cues.
    """
    format = find_format(name) if name else format_of_text(text)
    reader = _reader(format, source)
    ours = reader is format.inner_cue_reader
    try:
        found = [*_of_file(format, text, source)]
        language: str | None = None
        if format.document_reader:
            document = format.document_reader(text, source, False)
            found += [Violation("syntax", notice) for notice in document.notices]
            cues = [plain_cue(cue) for cue in document.cues]
            language = document.language
        else:
            cues = reader(text, source)
        tolerance = format.time_step + (_MILLISECOND - 0.001)
        if isinstance(rules, LanguageRules):
            if ours:
                declared = parse_format(text, source, format.name).language
            else:
                said = " ".join(cue.text for cue in cues)
                declared = language or script_language(said) or language_of_words(said)
            if format.has_lines and format.has_ends:
                return [*found, *_by_language(cues, rules, declared, tolerance, measured=ours)]
            rules = rules.of(declared)
        if not format.has_lines:
            rules = replace(rules, max_chars=0)
        if not format.has_ends:
            rules = replace(rules, max_duration=0.0, min_gap=0.0, min_gap_frames=0, close_gap=0.0)
        return [*found, *check(cues, rules, tolerance, measured=ours)]
    except TranscriptError as error:
        return [Violation("syntax", error.what)]


def _reader(format: Format, source: str) -> CueReader:
    reader = format.inner_cue_reader or format.cue_reader
    if not reader:
        raise OptionError(f"{format.name} files hold no cues to check", subject=source, hint="render it first")
    return reader


def _of_text(number: int, cue: Cue, rules: Rules) -> Iterator[Violation]:
    shown = cue_lines(cue)
    if not shown:
        yield Violation("empty", "shows nothing", number, cue.start)
    if rules.max_lines and len(shown) > rules.max_lines:
        message = f"{len(shown)} lines, {rules.max_lines} allowed"
        yield Violation("lines", message, number, cue.start, len(shown), rules.max_lines)
    words = countable_words(cue.lines) if rules.max_words else 0
    if words > rules.max_words:
        message = f"{words} words, {rules.max_words} allowed"
        yield Violation("words", message, number, cue.start, words, rules.max_words)
    for above, below in pairwise(shown):
        if kinsoku_start(above, below):
            yield Violation("kinsoku", f"a line begins with {below.strip()[0]!r}", number, cue.start)
    for text in shown:
        if kinsoku_end(text):
            yield Violation("kinsoku", f"a line ends with {text.strip()[-1]!r}", number, cue.start)
    for line in cue.lines:
        width = line_columns(line)
        if 0 < rules.line_limit < width:
            length = width / rules.char_columns
            message = f"a line of {length:.10g} characters, {rules.max_chars} allowed"
            alone = sum(any(map(str.isalnum, word.text)) for word in line) <= 1
            yield Violation("line-length", message, number, cue.start, length, rules.max_chars, unavoidable=alone)


def _of_times(number: int, before: Cue | None, cue: Cue, rules: Rules, tolerance: float) -> Iterator[Violation]:
    if cue.end <= cue.start:
        yield Violation("times", f"goes out {cue.start - cue.end:.3f} s before it comes in", number, cue.start)
    if rules.fps:
        for verb, time in (("comes in", cue.start), ("goes out", cue.end)):
            off = time - round(time * rules.fps) / rules.fps
            if abs(off) > tolerance:
                message = f"{verb} {abs(off):.3f} s off a frame of {rules.fps:g} a second"
                yield Violation("frames", message, number, cue.start, round(off, 4), 0.0)
    if not before:
        return
    between = cue.start - before.end
    least = gap(rules) / rules.rate
    if cue.start < before.start:
        message = f"comes in {before.start - cue.start:.3f} s before the cue before it"
        yield Violation("order", message, number, cue.start, cue.start - before.start, 0.0)
    elif between < -0.0005:
        yield Violation("overlap", f"overlaps the cue before it by {-between:.3f} s", number, cue.start, -between, 0.0)
    elif between < least - tolerance:
        # Words closer together than a gap and the shortest word leave room for neither.
        too_close = cue.start - before.start - least < MIN_WORD + 2 * tolerance
        message = f"{between:.3f} s after the cue before it, {least:.3f} s required"
        if not rules.fps and between >= gap(replace(rules, fps=_HIGHEST_RATE)) / _HIGHEST_RATE - tolerance:
            rate = rules.min_gap_frames / between
            message = f"{message} unless the video has about {rate:.0f} frames a second; give --fps"
            yield Violation("frame-gap", message, number, cue.start, between, least)
            return
        yield Violation("gap", message, number, cue.start, between, least, unavoidable=too_close)
    else:
        closed = cue.start - least - before.start
        longest = rules.max_duration or closed
        if between <= least + tolerance or closed > longest + tolerance:
            return
        if between < rules.close_gap - tolerance:
            message = f"{between:.3f} s after the cue before it; so short a gap is closed to {least:.3f} s"
            yield Violation("short-gap", message, number, cue.start, between, least)
        elif between <= rules.fill_gaps + tolerance:
            message = f"{between:.3f} s after the cue before it; a gap of up to {rules.fill_gaps:g} s is filled"
            yield Violation("open-gap", message, number, cue.start, between, least)


def _of_duration(
    number: int, cue: Cue, after: Cue | None, can_join: bool, rules: Rules, tolerance: float
) -> Iterator[Violation]:
    """How long a cue stays; `can_join`: whether it might be one with a neighbour."""
    duration = cue.end - cue.start
    room = after.start - gap(rules) / rules.rate - cue.start if after else float("inf")
    if 0 < rules.max_duration < duration - tolerance:
        message = f"stays {duration:.3f} s, {rules.max_duration:g} s allowed"
        yield Violation("max-duration", message, number, cue.start, duration, rules.max_duration)
    if 0 < duration < rules.min_duration - tolerance:
        message = f"stays {duration:.3f} s, {rules.min_duration:g} s required"
        no_room = room < rules.min_duration + tolerance and not can_join
        yield Violation("min-duration", message, number, cue.start, duration, rules.min_duration, unavoidable=no_room)


def _reading_speed(
    number: int, cue: Cue, after: Cue | None, rules: Rules, tolerance: float, *, measured: bool
) -> Iterator[Violation]:
    for speed in too_fast(number, cue, after, rules, tolerance, measured=measured):
        message = f"{speed.message}; {speed.reason}" if speed.reason else speed.message
        value = round(speed.measured, 3)
        yield Violation("reading-speed", message, number, cue.start, value, speed.allowed, speed.unavoidable)


def _of_words(number: int, cue: Cue, after: Cue | None, rules: Rules, tolerance: float) -> Iterator[Violation]:
    """How a cue stands to its words, whose times were measured."""
    words = _visible(cue)
    for before, word in pairwise(words):
        pause = word.start - before.end
        if is_long_pause(before.end, word.start, rules) and not extends(before.text, word.text):
            message = f"holds a pause of {pause:.3f} s, {rules.max_pause:g} s allowed"
            yield Violation("pause", message, number, cue.start, round(pause, 3), rules.max_pause)
    if not words:
        return
    limit = after.start - gap(rules) / rules.rate if after else float("inf")
    missing = min(words[-1].end, limit) - cue.end
    slack = tolerance + (1 / rules.fps if rules.fps else 0.0)
    if missing > slack:
        message = f"goes out {missing:.3f} s before its last word has been spoken"
        yield Violation("cut-off", message, number, cue.start, round(missing, 3), 0.0, unavoidable=len(words) == 1)


def _fits(first: Cue, second: Cue, rules: Rules, measured: bool) -> bool:
    """Whether two cues could be one."""
    spoken = (_visible(first), _visible(second))
    end = spoken[1][-1].end if measured and spoken[1] else second.end
    tick = 1 / rules.rate
    if 0 < rules.max_duration < end - first.start:
        return False
    if not measured and 0 < rules.max_duration <= second.end - second.start + tick:  # its last word may last longer
        return False
    if 0 < rules.max_words < countable_words((*first.lines, *second.lines)):
        return False
    if not (spoken[0] and spoken[1]):
        return True
    # A cue whose words were not measured may have lingered before the pause.
    before = spoken[0][-1].end if measured else first.end - max(rules.linger, rules.min_duration)
    if is_long_pause(before, spoken[1][0].start if measured else second.start, rules):
        return False
    texts: list[str] = []
    for line in (*first.lines, *second.lines):
        shown = [word.text for word in line if word.text.strip()]
        if texts and shown and not shown[0][0].isspace() and not joins_without_space(texts[-1], shown[0]):
            shown[0] = f" {shown[0]}"
        texts += shown
    begins = line_starts(texts, sentence_ends(texts))
    begins[len(spoken[0])] |= is_turn(spoken[0][-1], spoken[1][0]) or second.start < first.end - tick
    limit = rules.line_limit and max(1, rules.line_limit - (len(rules.speaker_dash) if _is_dialogue(spoken) else 0))
    lines, width = 1, 0
    for text, begun in zip(texts, begins, strict=False):
        own_width = columns(text.strip())
        wider = width + own_width + (1 if text[0].isspace() and width else 0)
        if width and (begun or 0 < limit < wider):
            lines, wider = lines + 1, own_width
        if 0 < limit < own_width:
            return False
        width = wider
    return lines <= max(1, rules.max_lines)


def _is_dialogue(spoken: Sequence[Sequence[Word]]) -> bool:
    return any(is_turn(before, after) for before, after in pairwise(word for words in spoken for word in words))


def _visible(cue: Cue) -> list[Word]:
    return [word for line in cue.lines for word in line if word.text.strip()]


def _of_file(format: Format, text: str, source: str) -> Iterator[Violation]:
    if "\ufffd" in text:
        yield Violation("encoding", "holds replacement characters: it was once read in the wrong encoding")
    entries: Sequence[Entry] = ()
    if format.name == "srt":
        entries = srt_entries(text, source, Repairs(source))
        due = "1"
        for number, entry in enumerate(entries, start=1):
            if entry.identifier != due:
                message = f"is numbered {entry.identifier or 'not at all'}, and should be {due}"
                yield Violation("numbering", message, number, entry.start)
            due = str(int(entry.identifier or due) + 1)  # one that is missing is reported once
    elif format.name == "vtt":
        entries = vtt_entries(text, source, Repairs(source))
    for number, entry in enumerate(entries, start=1):
        if tag := _unbalanced(entry.text):
            yield Violation("tags", f"the tag {tag} is not balanced", number, entry.start)


def _unbalanced(text: str) -> str | None:
    stack: list[str] = []
    for match in _PAIRED.finditer(text):
        closing, tag = match.group(1), match.group(2).lower()
        if not closing:
            stack.append(tag)
        elif tag in stack:
            while (top := stack.pop()) != tag:
                if top not in _OPTIONAL_END:
                    return f"<{top}>"
        else:
            return f"</{tag}>"
    left = [tag for tag in stack if tag not in _OPTIONAL_END]
    return f"<{left[-1]}>" if left else None
