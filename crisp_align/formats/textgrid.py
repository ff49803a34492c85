"""Praat's TextGrid (.TextGrid): a tier of segments and a tier of words. Read through praatio."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import milliseconds
from crisp_align.formats.format import WriteOptions
from crisp_align.formats.json import shared_out
from crisp_align.formats.praat_escapes import escape, unescape
from crisp_align.text.display import displayed
from crisp_align.transcript import Cue, Segment, Transcript, Word

__all__ = ["read_textgrid", "write_textgrid"]

_Interval: TypeAlias = tuple[float, float, str]
"""Start, end (s), label."""
_Tier: TypeAlias = tuple[str, list[_Interval]]
"""Its name, its intervals."""

_WORDS = {"words", "word", "ort-mau"}
_SEGMENTS = {"segments", "utterances", "utterance", "sentences", "sentence", "phrases"}
_KINDS = _WORDS | _SEGMENTS
_PHONES = {"phones", "phone", "phonemes", "phoneme", "mau", "kan-mau", "mas", "syllables", "syllable"}
_SILENCE = {
    *("<eps>", "sil", "<sil>", "{sl}", "sp", "<sp>", "<p>", "<p:>", "#", "##", "h#", "pau", "<pau>", "<silence>"),
    *("[silence]", "(silence)", "silent", "<sil/>", "<nib>"),
}
"""Labels, in small letters, that say that nobody speaks."""


def write_textgrid(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Two interval tiers, `segments` and `words`, in the long form; empty intervals fill the pauses."""
    ends = [milliseconds(word.end) for word in transcript.words]
    last = max([milliseconds(transcript.duration), *ends, len(ends), len(transcript.segments), 1])
    segments = _filled([(s.start, s.end, displayed(s.text)) for s in transcript.segments], last)
    words = _filled([(word.start, word.end, displayed(word.text)) for word in transcript.words], last)
    rows = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0 ",
        f"xmax = {last / 1000:g} " if last < 1_000_000 else f"xmax = {last / 1000} ",
        "tiers? <exists> ",
        "size = 2 ",
        "item []: ",
    ]
    for number, (name, intervals) in enumerate((("segments", segments), ("words", words)), start=1):
        rows += [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{name}" ']
        rows += ["        xmin = 0 ", f"        xmax = {last / 1000} ", f"        intervals: size = {len(intervals)} "]
        for index, (start, end, text) in enumerate(intervals, start=1):
            quoted = escape(text).replace('"', '""')
            rows += [f"        intervals [{index}]:", f"            xmin = {start / 1000} "]
            rows += [f"            xmax = {end / 1000} ", f'            text = "{quoted}" ']
    return "\n".join(rows) + "\n"


def _filled(pieces: Sequence[tuple[float, float, str]], last: int) -> list[tuple[int, int, str]]:
    """Intervals in ms that cover 0 to `last`, at least as many ms as there are pieces.

    A tier holds neither empty nor overlapping intervals: a piece ends where the next begins, and an empty one takes a
    millisecond from its neighbour.
    """
    ordered = sorted(
        ((milliseconds(start), milliseconds(end), text) for start, end, text in pieces if text), key=_first
    )
    firsts = [-1]
    for start, _, _ in ordered:
        firsts.append(max(start, firsts[-1] + 1))
    firsts = [*firsts[1:], last]
    for number in reversed(range(len(ordered))):
        firsts[number] = min(firsts[number], firsts[number + 1] - 1)
    intervals: list[tuple[int, int, str]] = []
    now = 0
    for (_, end, text), first, following in zip(ordered, firsts, firsts[1:], strict=False):
        if first > now:
            intervals.append((now, first, ""))
        now = min(max(end, first + 1), following)
        intervals.append((first, now, text))
    if now < last:
        intervals.append((now, last, ""))
    return intervals


def _first(interval: tuple[float, float, str]) -> float:
    return interval[0]


def read_textgrid(text: str, name: str, tier: str | None = None) -> Transcript:
    """Words from tiers called words, parted into segments by tiers called segments, else by pauses of half a second.

    A name before that, as in "Ann - words", is the speaker. Where no tier is called so, every tier is read but those of
    phones; where these are several, their names are those of the speakers. An interval with blanks is a segment whose
    words share its time. Labels of silence are silence, and Praat's escapes are characters.

    Args:
        text: of the file.
        name: of the file, for messages.
        tier: name of the one to read; None: as above.

    Raises:
        TranscriptError: it is not a TextGrid, or has no such tier, or no tier but those of phones.
    """
    tiers, duration = _tiers(text, name)
    if tier is not None:
        pieces = _segments_of(_asked_for(tiers, tier, name), None)
    else:
        pieces = _known(tiers) if any(_parted(title)[1] in _KINDS for title, _ in tiers) else _others(tiers, name)
    pieces.sort(key=lambda segment: segment.start)
    return Transcript(tuple(pieces), max([duration, *(segment.end for segment in pieces)]), name)


def _asked_for(tiers: Sequence[_Tier], tier: str, name: str) -> list[_Interval]:
    exact = [entries for title, entries in tiers if title == tier]
    near = [entries for title, entries in tiers if title.strip().lower() == tier.strip().lower()]
    if exact or near:
        return (exact or near)[0]
    raise TranscriptError(f"it has no tier {tier!r} of intervals", subject=name, hint=f"its tiers: {_titles(tiers)}")


def _titles(tiers: Sequence[_Tier]) -> str:
    return ", ".join(title for title, _ in tiers) or "none"


def _known(tiers: Sequence[_Tier]) -> list[Segment]:
    """What tiers of words and of segments hold, speaker by speaker."""
    pieces: list[Segment] = []
    for speaker in dict.fromkeys(_parted(title)[0] for title, _ in tiers):
        words = _tier(tiers, speaker, _WORDS)
        segments = _tier(tiers, speaker, _SEGMENTS)
        if segments:
            pieces += _grouped(words or [], segments, speaker)
        elif words:
            pieces += _segments_of(words, speaker)
    return pieces


def _others(tiers: Sequence[_Tier], name: str) -> list[Segment]:
    """What tiers hold that are called neither words nor segments."""
    spoken = [(title, entries) for title, entries in tiers if not _is_phonetic(title, entries)]
    if not spoken:
        hint = "name one with --tier" if tiers else None
        raise TranscriptError(f"no tier of words among {_titles(tiers)}", subject=name, hint=hint)
    if len(spoken) == 1:
        return _segments_of(spoken[0][1], None)
    return [piece for title, entries in spoken for piece in _segments_of(entries, displayed(title) or None)]


def _is_phonetic(title: str, entries: Sequence[_Interval]) -> bool:
    """Whether a tier is one of phones, by its name or by how short its labels are."""
    kind = _parted(title)[1]
    if kind in _PHONES or kind.startswith("phon"):
        return True
    short = [label for _, _, label in entries if len(label) <= 2 and label.isascii()]
    return len(entries) >= 8 and len(short) > 0.8 * len(entries)


def _segments_of(entries: Sequence[_Interval], speaker: str | None) -> list[Segment]:
    """Segments of a tier alone: an interval with blanks is one, words without make one up to the next pause."""
    pieces: list[Segment] = []
    words: list[_Interval] = []
    for entry in sorted(entries, key=_first):
        if len(entry[2].split()) > 1:
            pieces += [*(_segment(*run, speaker) for run in _runs(words)), _segment(entry, [], speaker)]
            words = []
        else:
            words.append(entry)
    return [*pieces, *(_segment(*run, speaker) for run in _runs(words))]


def _tiers(text: str, name: str) -> tuple[list[_Tier], float]:
    from praatio.utilities import errors
    from praatio.utilities.textgrid_io import parseTextgridStr

    if not re.match(r'\s*(?:File type = )?"ooTextFile', text):
        raise TranscriptError("not a TextGrid: line 1 does not say so", subject=name)
    try:
        parsed = parseTextgridStr(text, includeEmptyIntervals=False)
        tiers = [
            (
                str(tier["name"]),
                [
                    (float(start), float(end), unescape(label))
                    for start, end, label in tier["entries"]
                    if label.strip() and label.strip().lower() not in _SILENCE
                ],
            )
            for tier in parsed["tiers"]
            if tier["class"] == "IntervalTier"
        ]
        duration = float(parsed["xmax"])
    except (errors.PraatioException, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise TranscriptError("not a TextGrid: malformed", subject=name) from error
    times = [time for _, entries in tiers for start, end, _ in entries for time in (start, end - start)]
    if not all(0 <= time < 1e8 for time in [*times, duration]):
        raise TranscriptError("not a TextGrid: a time in it is none", subject=name)
    return tiers, duration


def _parted(tier: str) -> tuple[str | None, str]:
    """The speaker that the name of a tier begins with, and what the tier is, in small letters."""
    speaker, _, kind = tier.rpartition(" - ")
    return displayed(speaker) or None, kind.strip().lower()


def _tier(tiers: Sequence[_Tier], speaker: str | None, kinds: set[str]) -> list[_Interval] | None:
    parted = ((*_parted(name), entries) for name, entries in tiers)
    return next((entries for who, kind, entries in parted if who == speaker and kind in kinds), None)


def _grouped(words: Sequence[_Interval], segments: Sequence[_Interval], speaker: str | None) -> list[Segment]:
    """Segments with the words that lie in them, most of each; words that lie in none make segments of their own."""
    homes: list[tuple[_Interval, list[_Interval]]] = [(segment, []) for segment in sorted(segments, key=_first)]
    starts = [start for (start, _, _), _ in homes]
    stray: list[_Interval] = []
    for word in sorted(words, key=_first):
        at = bisect_right(starts, (word[0] + word[1]) / 2)
        near = homes[max(0, at - 1) : at + 1]
        home = max(near, key=lambda home: _shared(home[0], word), default=None)
        if home and _shared(home[0], word) > 0:
            home[1].append(word)
        else:
            stray.append(word)
    made = [_segment(segment, inside, speaker) for segment, inside in homes]
    return [*made, *(_segment(*run, speaker) for run in _runs(stray))]


def _shared(segment: _Interval, word: _Interval) -> float:
    """s that both take up; negative: s between them."""
    return min(segment[1], word[1]) - max(segment[0], word[0])


def _runs(words: Sequence[_Interval]) -> list[tuple[_Interval, list[_Interval]]]:
    """Words parted by pauses of half a second."""
    runs: list[list[_Interval]] = []
    for word in words:
        if runs and word[0] - runs[-1][-1][1] < 0.5:
            runs[-1].append(word)
        else:
            runs.append([word])
    return [((run[0][0], run[-1][1], " ".join(label for _, _, label in run)), run) for run in runs]


def _segment(segment: _Interval, inside: Sequence[_Interval], speaker: str | None) -> Segment:
    start, end, label = segment
    texts = _spaced(label, [displayed(text) for _, _, text in inside])
    if not inside:
        spread = shared_out(f" {displayed(label)}", round(start, 3), round(end, 3))
        words = tuple(replace(word, speaker=speaker) for word in spread)
        return Segment("".join(word.text for word in words), round(start, 3), round(end, 3), None, words)
    words = tuple(
        Word(text, round(first, 3), round(last, 3), None, speaker)
        for text, (first, last, _) in zip(texts, inside, strict=True)
    )
    first, last = min(start, words[0].start), max(end, words[-1].end)
    return Segment("".join(texts), round(first, 3), round(last, 3), None, words)


def _spaced(label: str, texts: list[str]) -> list[str]:
    """Word labels with the spaces they have in their segment's label; one space each where they are not found in it."""
    line, spaced, at = displayed(label), [], 0
    for number, text in enumerate(texts):
        found = line.find(text, at)
        if found < 0 or line[at:found].strip():
            return [f" {text}" for text in texts]
        spaced.append((" " if found > at or (number == 0 and text.isascii()) else "") + text)
        at = found + len(text)
    return spaced
