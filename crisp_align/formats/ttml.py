"""TTML (.ttml): the IMSC 1.1 text profile, which streaming services take. Written with the standard library.

Times are media times in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape as _escape_html

from crisp_align.formats.cue_text import clock, visible_cues
from crisp_align.formats.document import BOTTOM, Position, SubtitleCue, SubtitleDocument, TextStyle
from crisp_align.formats.format import WriteOptions
from crisp_align.formats.ttml_styles import SAFE
from crisp_align.text.display import displayed, is_right_to_left
from crisp_align.transcript import Cue, Transcript

__all__ = ["write_ttml", "write_ttml_document"]


def escape(text: str) -> str:
    """`text` with entities for what XML acts upon."""
    return _escape_html(text, quote=False)


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
    head = _HEAD.format(language=_quoted(transcript.language or ""), agents=_agents(ids))
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


def _quoted(text: str) -> str:
    return f'"{_escape_html(text)}"'


def _speaker(cue: Cue) -> str | None:
    speakers = {word.speaker for line in cue.lines for word in line if word.text.strip()}
    return displayed(speakers.pop() or "") or None if len(speakers) == 1 else None


def write_ttml_document(document: SubtitleDocument, options: WriteOptions) -> str:
    """A paragraph a cue, with spans for styles, speakers, readings and word times, and a region for each place."""
    cues = [cue for cue in document.cues if cue.lines]
    names = sorted({name for cue in cues for name in cue.speakers})
    ids = {name: f"speaker{number}" for number, name in enumerate(names, start=1)}
    places = list(dict.fromkeys(cue.position for cue in cues if cue.position != BOTTOM))
    regions = {BOTTOM: "bottom"} | {place: f"place{number}" for number, place in enumerate(places, start=1)}
    head = _HEAD.format(language=_quoted(document.language or ""), agents=_agents(ids))
    extra = "".join(_region(place, regions[place]) for place in places)
    head = head.replace("    </layout>", f"{extra}    </layout>")
    rows: list[str] = []
    for number, cue in enumerate(cues, start=1):
        spoken = {run.speaker for line in cue.lines for run in line if run.text}
        who = next(iter(spoken)) if len(spoken) == 1 else None
        given = f' ttm:agent="{ids[who]}"' if who else ""
        given += f' region="{regions[cue.position]}"' if cue.position != BOTTOM else ""
        side = ("left", "", "right")[(cue.position.anchor - 1) % 3]
        given += f' tts:textAlign="{side}"' if side else ""  # the body's own would overrule the region's
        given += ' tts:direction="rtl"' if is_right_to_left(cue.text) else ""
        text = _spans(cue, {} if who else ids)
        begin, end = clock(cue.start), clock(cue.end)
        rows.append(f'      <p xml:id="cue{number}" begin="{begin}" end="{end}"{given}>{text}</p>\n')
    return head + "".join(rows) + _TAIL


def _agents(ids: dict[str, str]) -> str:
    rows = [
        f'      <ttm:agent xml:id="{ids[name]}" type="person">'
        f'<ttm:name type="full">{escape(displayed(name))}</ttm:name></ttm:agent>\n'
        for name in ids
    ]
    return f"    <metadata>\n{''.join(rows)}    </metadata>\n" if rows else ""


def _region(place: Position, name: str) -> str:
    """A region whose text lies around a place."""
    column, row = (place.anchor - 1) % 3, (place.anchor - 1) // 3
    x = place.x if place.x is not None else SAFE[column]
    y = place.y if place.y is not None else SAFE[2 - row]
    left, width = ((x, 100 - x), (x - min(x, 100 - x), 2 * min(x, 100 - x)), (0.0, x))[column]
    top, height = ((0.0, y), (y - min(y, 100 - y), 2 * min(y, 100 - y)), (y, 100 - y))[row]
    align = ("left", "center", "right")[column]
    display = ("after", "center", "before")[row]
    return (
        f'      <region xml:id="{name}" tts:origin="{left:.6g}% {top:.6g}%" tts:extent="{width:.6g}% {height:.6g}%"'
        f' tts:displayAlign="{display}" tts:textAlign="{align}"/>\n'
    )


def _spans(cue: SubtitleCue, ids: dict[str, str]) -> str:
    parts: list[str] = []
    runs = [run for line in cue.lines for run in line]
    timed = any(run.start is not None for run in runs)
    starts = [run.start for run in runs]
    at = 0
    for number, line in enumerate(cue.lines):
        parts.append("<br/>" if number else "")
        for run in line:
            given = _span_style(run.style)
            if run.speaker in ids:
                given += f' ttm:agent="{ids[run.speaker or ""]}"'
            if timed:
                begin = run.start if run.start is not None and number + at else cue.start
                if run.start is not None or at == 0:
                    following = next((time for time in starts[at + 1 :] if time is not None), cue.end)
                    given += f' begin="{clock(begin - cue.start)}" end="{clock(max(begin, following) - cue.start)}"'
            at += 1
            if not run.text:
                continue
            text = escape(run.text)
            if run.style.ruby:
                reading = escape(run.style.ruby)
                text = (
                    f'<span tts:ruby="container"><span tts:ruby="base">{text}</span>'
                    f'<span tts:ruby="text">{reading}</span></span>'
                )
            parts.append(f"<span{given}>{text}</span>" if given else text)
    return "".join(parts)


def _span_style(style: TextStyle) -> str:
    decoration = " ".join(name for name, on in (("underline", style.underline), ("lineThrough", style.strike)) if on)
    given = (
        ("tts:color", style.color),
        ("tts:fontWeight", "bold" if style.bold else ""),
        ("tts:fontStyle", "italic" if style.italic else ""),
        ("tts:textDecoration", decoration),
    )
    return "".join(f' {name}="{value}"' for name, value in given if value)
