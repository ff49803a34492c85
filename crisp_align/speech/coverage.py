"""Voice without words: where it lies in a clip, which stretches to transcribe again, and whether to believe the result.

Voice is what voice activity detection calls speech and what is loud enough to be it. A word covers the time that its
letters can take, no more, so that words strewn over speech that they do not hold leave it uncovered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from crisp_align.speech.energy import hop_levels
from crisp_align.speech.voice import voice_activity
from crisp_align.text.width import columns
from crisp_align.transcript import SAMPLE_RATE, Clip, Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CLOSE_LOOK_S",
    "SECOND_LOOK_S",
    "Gap",
    "Strewn",
    "as_long_as_said",
    "clip_of_core",
    "clip_of_gap",
    "clip_of_strewn",
    "gaps",
    "going_on",
    "is_fuller",
    "is_likely",
    "is_sparse",
    "is_strewn",
    "merge",
    "pieces",
    "strewn",
    "uncovered_s",
    "voice_s",
]

SECOND_LOOK_S = 0.6
"""s of voice without words that are transcribed again."""
CLOSE_LOOK_S = 0.36
"""s of the same in a clip that was found to lack words."""

_HOP = 0.01  # s
_BELOW_VOICE = 25.0  # dB below the voice of the clip; what is softer is no voice
_WORD_MARGIN = 12  # hops around a word that belong to it, for times that are not exact
_BRIDGE = 30  # hops of pause inside a stretch of voice
_EDGE = 0.12  # s of the neighbouring words that a stretch takes along
_BASE_S, _LETTER_S = 0.6, 0.17  # s that a word can take: slow speech has 8 letters a second
_SHORTEST_LETTER_S = 0.012  # s; three times as fast as the fastest speech
_ADJOINS_S = 0.3  # s between a word and the stretch that it adjoins
_STREWN_S = 2.0  # s of voice under words beyond what their letters can take; such a clip is transcribed anew
_BETWEEN_STREWN = 3  # words between two that last too long; their times are as doubtful
_LONGEST_PIECE = 12.0  # s
_CLEAR_PAUSE = 1.0  # s
_USUAL_S, _USUAL_LETTER_S = 0.2, 0.08  # s that a word takes in ordinary speech
_SPARSE_S = 3.0  # s of voice; less says too little of how fast somebody speaks
_SLOWEST = 5.0  # letters a second of voice; slow speech has 8
_FULLER = 1.5  # times the letters of sparse words
_OPEN_SHARE = 0.25  # of the voice, which fuller words may leave
_SOFT_HOPS = 5  # over which loudness is averaged where no pause is
_LIKELY = -0.8  # mean log-probability a token from which a second look is believed
_SPARSEST, _DENSEST = 4.0, 28.0  # letters a second of voice


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of voice without words, s in the source."""

    start: float
    end: float
    voice: float
    """s of voice in it."""
    earliest: float
    """End of the word before it, or the beginning of the clip's core."""
    latest: float
    """Beginning of the word after it, or the end of the clip's core."""


@dataclass(frozen=True, slots=True)
class Strewn:
    """Words that follow each other and lie over more voice than their letters can take."""

    first: int
    """Index of the first of them."""
    last: int
    """One past the index of the last."""
    start: float
    """s in the source: end of the word before them, or the beginning of the clip's core."""
    end: float
    """Beginning of the word after them, or the end of the clip's core."""


def gaps(clip: Clip, words: Sequence[Word], shortest: float = SECOND_LOOK_S) -> list[Gap]:
    """The stretches of a clip with more than `shortest` s of voice that no word covers.

    Args:
        clip: with its voice activity, which is looked for where it is None.
        words: in order, in the time of the source.
        shortest: s.
    """
    voice = _voice(clip)
    free = voice & ~_covered(clip, words, len(voice))
    found = []
    for first, last in _stretches(free):
        length = float(free[first:last].sum()) * _HOP
        if length > shortest:
            found.append(_gap(clip, words, clip.start + first * _HOP, clip.start + last * _HOP, length))
    return found


def uncovered_s(clip: Clip, words: Sequence[Word]) -> float:
    """s of voice in a clip that no word covers."""
    voice = _voice(clip)
    return float((voice & ~_covered(clip, words, len(voice))).sum()) * _HOP


def voice_s(clip: Clip) -> float:
    """s of voice in a clip."""
    return float(_voice(clip).sum()) * _HOP


def is_strewn(clip: Clip, words: Sequence[Word]) -> bool:
    """Whether the decoder left out part of the speech, and words lie over it or were pushed to its edge.

    They lie over more voice than their letters can take, or one is shorter than it can be said and adjoins voice
    without words.
    """
    voice = _voice(clip)
    excess = 0
    for word in words:
        if _lasts_too_long(word):
            first, last = _hops(clip, word.start + _longest(word), word.end, len(voice))
            excess += int(voice[first:last].sum())
    if excess * _HOP > _STREWN_S:
        return True
    crushed = [word for word in words if len(_letters(word)) * _SHORTEST_LETTER_S > word.end - word.start]
    return bool(crushed) and any(
        gap.start - _ADJOINS_S <= word.start and word.end <= gap.end + _ADJOINS_S
        for gap in gaps(clip, words, _STREWN_S)
        for word in crushed
    )


def strewn(clip: Clip, words: Sequence[Word]) -> list[Strewn]:
    """Return the words whose place is not known, because voice that they do not hold lies under or between them."""
    long = [i for i, word in enumerate(words) if word.end - word.start > _longest(word)]
    groups: list[tuple[int, int]] = []
    for i in long:
        if groups and i - groups[-1][1] <= _BETWEEN_STREWN:
            groups[-1] = (groups[-1][0], i + 1)
        else:
            groups.append((i, i + 1))
    groups = [(first, last) for first, last in groups if any(map(_lasts_too_long, words[first:last]))]
    core = clip.core or (0.0, clip.duration)
    found = [
        Strewn(
            first,
            last,
            words[first - 1].end if first else min(clip.start + core[0], words[0].start),
            words[last].start if last < len(words) else max(clip.start + core[1], words[-1].end),
        )
        for first, last in groups
    ]
    open_gaps = gaps(clip, words)
    return [part for part in found if any(part.start < (gap.start + gap.end) / 2 < part.end for gap in open_gaps)]


def clip_of_strewn(clip: Clip, part: Strewn) -> Clip:
    """The sound from the word before strewn words to the word after them."""
    return _slice(clip, part.start, part.end)


def clip_of_core(clip: Clip) -> Clip:
    """The sound of a clip without what its neighbours have, too, but for the edge of a word."""
    first, last = clip.core or (0.0, clip.duration)
    return _slice(clip, clip.start + first - _EDGE, clip.start + last + _EDGE)


def clip_of_gap(clip: Clip, gap: Gap) -> Clip:
    """The sound of a gap alone, with no more of the words around it than their edges."""
    return _slice(clip, max(gap.start - 2 * _EDGE, gap.earliest - _EDGE), min(gap.end + 2 * _EDGE, gap.latest + _EDGE))


def is_sparse(clip: Clip, words: Sequence[Word]) -> bool:
    """Whether words hold fewer letters than the slowest speaker says in the time of the clip's voice.

    An aligner may spread the words of a part over all of a clip, each a little longer than it is said.
    """
    voice = voice_s(clip)
    letters = sum(columns(_letters(word)) for word in words)
    return bool(words) and voice > _SPARSE_S and letters < _SLOWEST * voice


def as_long_as_said(words: Sequence[Word]) -> list[Word]:
    """Return words that last no longer than their letters take in ordinary speech."""
    return [replace(w, end=min(w.end, w.start + _USUAL_S + _USUAL_LETTER_S * columns(_letters(w)))) for w in words]


def is_fuller(clip: Clip, words: Sequence[Word], before: Sequence[Word]) -> bool:
    """Whether words hold far more of a clip's voice than the ones `before`, which were sparse."""
    old, new = (sum(columns(_letters(word)) for word in text) for text in (before, words))
    return new >= _FULLER * old and uncovered_s(clip, words) <= max(
        _OPEN_SHARE * voice_s(clip), uncovered_s(clip, before)
    )


def pieces(clip: Clip, longest_piece: float = _LONGEST_PIECE) -> list[Clip]:
    """A clip cut anew: at its longest pauses into parts of at most 12 s, and at every pause of a second.

    Speech without a pause is cut where it is softest, near its middle.

    Args:
        clip: with its voice activity, which is looked for where it is None.
        longest_piece: s.
    """
    regions = clip.speech or voice_activity(clip.samples)
    pauses = [(after[0] - before[1], (before[1] + after[0]) / 2) for before, after in pairwise(regions)]
    longest, middle = max(pauses, default=(0.0, 0.0))
    if clip.duration <= longest_piece and longest < _CLEAR_PAUSE:
        return [clip]
    if not pauses:
        middle = _softest(clip)
    return [
        *pieces(_slice(clip, clip.start, clip.start + middle), longest_piece),
        *pieces(_slice(clip, clip.start + middle, clip.end), longest_piece),
    ]


def _softest(clip: Clip) -> float:
    """s from the start of a clip at which the middle third of it is softest."""
    levels = hop_levels(clip.samples)
    third = len(levels) // 3
    around = np.convolve(levels[third : 2 * third], np.ones(_SOFT_HOPS) / _SOFT_HOPS, "valid")
    return (third + int(around.argmin()) + _SOFT_HOPS / 2) * _HOP


def is_likely(text: str, log_prob: float | None, voice: float) -> bool:
    """Whether the text of a second look is to be believed.

    Args:
        text: what was decoded.
        log_prob: mean log-probability a token; None: the backend does not say, and the text must not be sparse, as
            what is written over noise is.
        voice: s of voice that it was decoded from.
    """
    letters = columns("".join(char for char in text if char.isalnum()))
    if log_prob is None:
        return _SPARSEST * voice <= letters <= _DENSEST * voice
    return 0 < letters <= _DENSEST * max(voice, 0.3) and log_prob >= _LIKELY


def merge(words: Sequence[Word], found: Sequence[Word], gap: Gap) -> list[Word]:
    """`words` with those of `found` that lie in a gap between them."""
    new = [w for w in found if gap.earliest - 0.05 <= (w.start + w.end) / 2 <= gap.latest + 0.05]
    before = [word for word in words if word.start < (gap.start + gap.end) / 2]
    after = [word for word in words if word.start >= (gap.start + gap.end) / 2]
    # The edge of a neighbour may have been decoded as that word once more.
    if new and before and _same(new[0], before[-1]) and new[0].start < gap.earliest + _EDGE:
        new = new[1:]
    if new and after and _same(new[-1], after[0]) and new[-1].end > gap.latest - _EDGE:
        new = new[:-1]
    if before and before[-1].end > gap.start and _lasts_too_long(before[-1]):
        word = before[-1]
        if _begins_sentence(before, len(before) - 1):  # it is said after what was left out
            start = min(max(gap.end, word.end - _longest(word) / 2), word.end - 0.02)
            before, after = before[:-1], [replace(word, start=start), *after]
        else:
            before[-1] = replace(word, end=max(gap.start, word.start + 0.02))
    low = before[-1].end if before else gap.earliest
    high = after[0].start if after else gap.latest
    placed = [replace(w, start=min(max(w.start, low), high), end=max(min(w.end, high), low)) for w in new]
    placed = [w for w in placed if w.end - w.start >= 0.02]
    return [*before, *going_on(placed, after), *after]


def going_on(words: Sequence[Word], after: Sequence[Word]) -> list[Word]:
    """Return words that others follow, without the beginning of the next one, or a full stop inside a sentence."""
    if not words or not after:
        return list(words)
    last, start = words[-1], after[0].text.strip()
    if last.text.endswith("-") and _letters(after[0]).startswith(_letters(last)):
        return list(words[:-1])
    if start[:1].islower() and last.text.endswith("."):
        return [*words[:-1], replace(last, text=last.text.rstrip("."))]
    return list(words)


def _same(one: Word, other: Word) -> bool:
    return _letters(one) == _letters(other)


def _letters(word: Word) -> str:
    return "".join(char for char in word.text.casefold() if char.isalnum())


def _longest(word: Word) -> float:
    return _BASE_S + _LETTER_S * columns(_letters(word))


def _lasts_too_long(word: Word) -> bool:
    return word.end - word.start > 2 * _longest(word)


def _begins_sentence(words: Sequence[Word], i: int) -> bool:
    """Whether a word begins a sentence, as far as its capital and the word before it show."""
    before = words[i - 1].text.rstrip("\"'”’») ")[-1:] if i else "."
    return before in ".?!…。？！" and not words[i].text.strip()[:1].islower()


def _voice(clip: Clip) -> NDArray[np.bool_]:
    """Whether each hop of 10 ms in the core of a clip holds voice."""
    levels = hop_levels(clip.samples)
    active = np.zeros(len(levels), bool)
    for start, end in voice_activity(clip.samples) if clip.speech is None else clip.speech:
        active[round(start / _HOP) : round(end / _HOP)] = True
    if not active.any():
        return active
    voice = active & (levels >= float(np.percentile(levels[active], 80)) - _BELOW_VOICE)
    first, last = clip.core or (0.0, clip.duration)
    voice[: round(first / _HOP)] = False
    voice[round(last / _HOP) :] = False
    return np.asarray(voice)


def _covered(clip: Clip, words: Sequence[Word], count: int) -> NDArray[np.bool_]:
    """Whether each hop lies under a word, or so near to one that it belongs to it."""
    covered = np.zeros(count, bool)
    for word in words:
        longest = _longest(word)
        if not _lasts_too_long(word):
            spans = [(word.start, word.end)]
        else:  # its beginning or its end is where it is said
            spans = [(word.start, word.start + longest / 2), (word.end - longest / 2, word.end)]
        for start, end in spans:
            first, last = _hops(clip, start, end, count)
            covered[max(first - _WORD_MARGIN, 0) : last + _WORD_MARGIN] = True
    return covered


def _hops(clip: Clip, start: float, end: float, count: int) -> tuple[int, int]:
    first, last = round((start - clip.start) / _HOP), round((end - clip.start) / _HOP)
    return min(max(first, 0), count), min(max(last, 0), count)


def _stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where flags are true, pauses of up to 0.3 s included: (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]))).reshape(-1, 2)
    joined: list[tuple[int, int]] = []
    for first, last in edges.tolist():
        if joined and first - joined[-1][1] <= _BRIDGE:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _gap(clip: Clip, words: Sequence[Word], start: float, end: float, voice: float) -> Gap:
    first, last = clip.core or (0.0, clip.duration)
    middle = (start + end) / 2
    earliest = max((min(word.end, start) for word in words if word.start < middle), default=clip.start + first)
    latest = min((max(word.start, end) for word in words if word.end > middle), default=clip.start + last)
    return Gap(start, end, voice, earliest, latest)


def _slice(clip: Clip, start: float, end: float) -> Clip:
    """A part of a clip, (start, end) in s of the source."""
    first = max(round((start - clip.start) * SAMPLE_RATE), 0)
    last = min(round((end - clip.start) * SAMPLE_RATE), len(clip.samples))
    offset = first / SAMPLE_RATE
    length = (last - first) / SAMPLE_RATE
    speech = None
    if clip.speech is not None:
        moved = [(max(s - offset, 0.0), min(e - offset, length)) for s, e in clip.speech]
        speech = tuple((s, e) for s, e in moved if e > s)
    return replace(clip, samples=clip.samples[first:last].copy(), start=clip.start + offset, speech=speech, core=None)
