"""TTML (.ttml): the IMSC 1.1 text profile, which streaming services take. Written and read with the standard library.

Times are media times in milliseconds. Of foreign files paragraphs, spans and line breaks are read, in any of the
clock, frame, tick and offset forms; styling and regions are passed over. The times of spans become those of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import Run, blank_edges, clock, read_cue, read_runs, visible_cues
from crisp_align.formats.format import WriteOptions
from crisp_align.languages import NAMES
from crisp_align.text.display import displayed, is_right_to_left
from crisp_align.transcript import Cue, Transcript

__all__ = ["read_ttml", "ttml_language", "write_ttml"]

_TT = "{http://www.w3.org/ns/ttml}"
_PARAMETER = "{http://www.w3.org/ns/ttml#parameter}"
_METADATA = "{http://www.w3.org/ns/ttml#metadata}"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_CLOCK = re.compile(r"(\d{2,6}):([0-5]\d):([0-5]\d|60)(?:\.(\d{1,9})|:(\d{1,4})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"\
 xmlns:tts="http://www.w3.org/ns/ttml#styling" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"\
 ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text" ttp:timeBase="media" xml:lang={language}>
  <head>
{agents}    <styling>
      <style xml:id="text" tts:color="white" tts:fontFamily="proportionalSansSerif" tts:fontSize="100%"\
 tts:textAlign="center" tts:backgroundColor="transparent"/>
    </styling>
    <layout>
      <region xml:id="bottom" tts:origin="10% 10%" tts:extent="80% 80%" tts:displayAlign="after"/>
    </layout>
  </head>
  <body style="text" region="bottom">
    <div>
"""
_TAIL = """    </div>
  </body>
</tt>
"""


def write_ttml(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """A paragraph a cue, with its direction where that is right to left; speakers are agents."""
    kept = visible_cues(cues)
    names = sorted({name for cue, _ in kept if (name := _speaker(cue))})
    ids = {name: f"speaker{number}" for number, name in enumerate(names, start=1)}
    agents = "".join(
        f'      <ttm:agent xml:id="{ids[name]}" type="person"><ttm:name type="full">{escape(name)}</ttm:name>'
        "</ttm:agent>\n"
        for name in names
    )
    head = _HEAD.format(
        language=quoteattr(transcript.language or ""),
        agents=f"    <metadata>\n{agents}    </metadata>\n" if agents else "",
    )
    rows: list[str] = []
    for number, (cue, lines) in enumerate(kept, start=1):
        who = _speaker(cue)
        style = f' ttm:agent="{ids[who]}"' if who else ""
        style += ' tts:direction="rtl"' if is_right_to_left("".join(lines)) else ""
        text = "<br/>".join(escape(line) for line in lines)
        rows.append(
            f'      <p xml:id="cue{number}" begin="{clock(cue.start)}" end="{clock(cue.end)}"{style}>{text}</p>\n'
        )
    return head + "".join(rows) + _TAIL


def _speaker(cue: Cue) -> str | None:
    speakers = {word.speaker for line in cue.lines for word in line if word.text.strip()}
    return displayed(speakers.pop() or "") or None if len(speakers) == 1 else None


_Interval: TypeAlias = tuple[float, float | None]
"""From when to when something is shown, s; None: nobody says."""
_Piece: TypeAlias = tuple[str, _Interval | None]
"""A stretch of text, or a line break, and when its span says that it is shown."""


@dataclass(frozen=True, slots=True)
class _Rates:
    frame: float
    """Frames a second."""
    tick: float
    counted: float = 0.0
    """Frames that a second of SMPTE time code counts; 0: clock times are times, not codes of frames."""
    drop: str = "nonDrop"

    def clock(self, seconds: int, frames: int) -> float:
        """s that a clock time of whole seconds and frames stands for."""
        if not self.counted:
            return seconds + frames / self.frame
        minutes = seconds // 60
        skipped = {
            "dropNTSC": 2 * (minutes - minutes // 10),  # codes 00 and 01 of each minute but every tenth
            "dropPAL": 4 * (minutes // 2 - minutes // 20),  # codes 00 to 03 of each second minute but every twentieth
        }
        return (seconds * self.counted + frames - skipped.get(self.drop, 0)) / self.frame


def read_ttml(text: str, name: str) -> list[Cue]:
    """Paragraphs that show something, in the order of the file.

    Raises:
        TranscriptError: it is not XML or not TTML, declares entities, or holds a time that is none; names the line.
    """
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text):
        raise TranscriptError("not TTML: declares a document type, which none needs", subject=name)
    try:
        root = ElementTree.fromstring(text.encode("utf-8", "replace"))  # noqa: S314 (no entities: see above)
    except (ElementTree.ParseError, ValueError, RecursionError, LookupError) as error:
        line = f"line {error.position[0]}: " if isinstance(error, ElementTree.ParseError) else ""
        raise TranscriptError(f"{line}not XML", subject=name) from error
    if root.tag != f"{_TT}tt":
        raise TranscriptError("not TTML: its root is not tt", subject=name)
    agents = {
        agent.get(f"{_XML}id", ""): displayed("".join(agent.itertext())) for agent in root.iter(f"{_METADATA}agent")
    }
    rates = _rates(root, name)
    body = root.find(f"{_TT}body")
    try:
        cues = list(_cues(body, 0.0, None, rates, agents, name)) if body is not None else []
    except RecursionError as error:
        raise TranscriptError("not TTML: nested too deeply", subject=name) from error
    if not cues and any(displayed("".join(paragraph.itertext())) for paragraph in root.iter(f"{_TT}p")):
        raise TranscriptError("no paragraph in it has a time", subject=name)
    return cues


def ttml_language(text: str) -> str | None:
    """The language of the root, where it is one we know."""
    match = re.search(r"<tt(?::tt)?\b[^>]*?\sxml:lang=[\"']([A-Za-z]{2,3})\b", text[:10_000])
    return match.group(1).lower() if match and match.group(1).lower() in NAMES else None


def _rates(root: ElementTree.Element, name: str) -> _Rates:
    try:
        frame = float(root.get(f"{_PARAMETER}frameRate", "30"))
        above, below = (float(n) for n in re.split("[ :]+", root.get(f"{_PARAMETER}frameRateMultiplier", "1 1")))
        rates = _Rates(
            frame=frame * above / below,
            tick=float(root.get(f"{_PARAMETER}tickRate", "1")),
            counted=frame if root.get(f"{_PARAMETER}timeBase") == "smpte" else 0.0,
            drop=root.get(f"{_PARAMETER}dropMode", "nonDrop"),
        )
    except (ValueError, ZeroDivisionError) as error:
        raise TranscriptError("its frame or tick rate is not a number", subject=name) from error
    if not (rates.frame > 0 and rates.tick > 0):
        raise TranscriptError("its frame or tick rate is not a number", subject=name)
    return rates


def _cues(
    element: ElementTree.Element, offset: float, end: float | None, rates: _Rates, agents: dict[str, str], name: str
) -> Iterator[Cue]:
    """Cues of an element whose times count from `offset` and run to `end` at most."""
    pending = [(element, offset, end)]
    while pending:
        element, offset, end = pending.pop()
        begin, until = _interval(element, (offset, end), rates, name)
        if element.tag == f"{_TT}p":
            speaker = agents.get(element.get(f"{_METADATA}agent", ""))
            if cue := _paragraph(list(_pieces(element, (begin, until), None, rates, name)), begin, until, speaker):
                yield cue
        else:
            pending += [(child, begin, until) for child in reversed(element)]


def _interval(element: ElementTree.Element, within: _Interval, rates: _Rates, name: str) -> _Interval:
    """When an element is shown that lies in one shown `within`."""
    offset, end = within
    begin = offset + (_time(element.get("begin"), rates, name) or 0.0)
    own_end, length = _time(element.get("end"), rates, name), _time(element.get("dur"), rates, name)
    ends = [t for t in (end, own_end and offset + own_end, length and begin + length) if t is not None]
    return begin, min(ends) if ends else None


def _pieces(
    element: ElementTree.Element, within: _Interval, said: _Interval | None, rates: _Rates, name: str
) -> Iterator[_Piece]:
    yield _folded(element.text), said
    for child in element:
        if child.tag == f"{_TT}br":
            yield "\n", None
        elif child.tag == f"{_TT}span":
            timed = any(child.get(key) for key in ("begin", "end", "dur"))
            own = _interval(child, within, rates, name)
            yield from _pieces(child, own, own if timed else said, rates, name)
        yield _folded(child.tail), said


def _folded(text: str | None) -> str:
    return re.sub("[ \t\r\n]+", " ", text or "")


def _paragraph(pieces: Sequence[_Piece], begin: float, until: float | None, speaker: str | None) -> Cue | None:
    """A cue from when anything is shown to when nothing is, words where their spans begin; None: it shows nothing."""
    seen = [said for text, said in pieces if displayed(text)]
    timed = [said for said in seen if said]
    if timed and len(timed) == len(seen):
        begin = min(first for first, _ in timed)
        ends = [last for _, last in timed if last is not None]
        until = max(ends) if len(ends) == len(timed) else until
    if until is None or not seen:
        return None
    begin, until = round(begin, 3), round(until, 3)
    lines: list[list[Run]] = [[]]
    now, over = begin, None
    for text, said in pieces:
        if text == "\n":
            lines.append([])
            continue
        start: float | None = None
        if said and displayed(text):
            if round(said[0], 3) > now:
                start = round(said[0], 3)
                if over is not None and now < over < start:  # a pause
                    lines[-1].append(Run("", None, over))
                now = start
            over = said[1]
        if text:
            lines[-1].append(Run(blank_edges(text), speaker, start))
    if over is not None and now < over < until:
        lines[-1].append(Run("", None, over))
    if any(run.start is not None for line in lines for run in line):
        return read_runs(begin, until, lines)
    return read_cue(begin, until, "".join(text for text, _ in pieces).split("\n"), speaker)


def _time(text: str | None, rates: _Rates, name: str) -> float | None:
    if text is None:
        return None
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds, fraction, frame = match.groups()
        whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        return rates.clock(whole, int(frame or 0)) + float(f"0.{fraction or 0}")
    if match := _OFFSET.fullmatch(text):
        units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / rates.frame, "t": 1 / rates.tick}
        return float(match.group(1)) * units[match.group(2)]
    raise TranscriptError(f"{text[:40]!r} is not a TTML time", subject=name)
