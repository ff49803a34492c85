"""Advanced SubStation Alpha (.ass) and SubStation Alpha (.ssa), through pysubs2."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crisp_align.formats.cue_text import (
    clock,
    highlight_spans,
    milliseconds,
    visible,
    visible_cues,
)
from crisp_align.formats.format import WriteOptions
from crisp_align.text.display import displayed, is_right_to_left
from crisp_align.transcript import Cue, Transcript, Word

if TYPE_CHECKING:
    from pysubs2 import SSAFile

__all__ = ["ass_clock", "ass_header", "escape", "hundredths", "unescape", "write_ass", "write_ssa"]

_JOINER = "\u2060"
_SPECIAL = re.compile(r"(?<=\\)(?=[Nnh{}]|\Z)")  # behind the last one a tag or a line break may follow
_GUARD = re.compile(rf"(?<=\\){_JOINER}+")
_HIGHLIGHT = r"{\1c&H00FFFF&}"  # blue, green, red: yellow


def write_ass(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Styled events, resolution, and karaoke tags or a coloured word where asked for."""
    return _write(cues, options, "ass")


def write_ssa(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """As `write_ass`, in the older form."""
    return _write(cues, options, "ssa")


def _write(cues: Sequence[Cue], options: WriteOptions, form: str) -> str:
    from pysubs2 import SSAEvent

    kept = visible_cues(cues)
    file = _styled_file(options, form, right_to_left=any(is_right_to_left(line) for _, lines in kept for line in lines))
    for cue, _ in kept:
        speakers = {word.speaker for line in cue.lines for word in line}
        name = displayed(speakers.pop() or "").replace(",", ";") if len(speakers) == 1 else ""
        for start, end, text in _events(cue, options):
            file.events.append(SSAEvent(start=hundredths(start), end=hundredths(end), text=text, name=name))
    return _composed(file, form)


def ass_header(options: WriteOptions, form: str, *, right_to_left: bool) -> str:
    """All of a file but its events: resolution, our style, the format of events; ends with a line feed."""
    return _composed(_styled_file(options, form, right_to_left=right_to_left), form)


def _styled_file(options: WriteOptions, form: str, *, right_to_left: bool) -> SSAFile:
    from pysubs2 import Alignment, Color, SSAFile, SSAStyle

    file = SSAFile()
    file.info = {
        "ScriptType": "v4.00+" if form == "ass" else "v4.00",
        "WrapStyle": "0",  # lines too long for the picture are broken, into like lengths
        "ScaledBorderAndShadow": "yes",
        "PlayResX": str(options.width),
        "PlayResY": str(options.height),
        "YCbCr Matrix": "None",
    }
    unit = min(options.width, options.height)
    file.styles["Default"] = SSAStyle(
        fontname=options.font,
        fontsize=round(unit * 0.055),
        primarycolor=Color(255, 255, 255),
        secondarycolor=Color(160, 160, 160),
        outlinecolor=Color(0, 0, 0),
        backcolor=Color(0, 0, 0, 128),
        outline=round(unit * 0.0028, 1),
        shadow=round(unit * 0.0014, 1),
        alignment=Alignment.BOTTOM_CENTER,
        marginl=round(options.width * 0.05),
        marginr=round(options.width * 0.05),
        marginv=round(options.height * 0.05),
        # -1 lets libass find the direction of each line; else all run from left to right, with the full stop in front.
        encoding=-1 if right_to_left else 1,
    )
    return file


def _composed(file: SSAFile, form: str) -> str:
    from pysubs2.formats.substation import SubstationFormat

    class Unbounded(SubstationFormat):
        """Hours of two digits, too: players and pysubs2 read them, but it writes 9:59:59.99 instead."""

        @staticmethod
        def ms_to_timestamp(requested_ms: int) -> str:
            return ass_clock(requested_ms / 1000)

    text = io.StringIO()
    Unbounded.to_file(file, text, form, header_notice="")
    return text.getvalue()


def ass_clock(seconds: float) -> str:
    """H:MM:SS.cc; hours grow where needed."""
    return clock(hundredths(seconds) / 1000).removeprefix("0")[:-1]


def hundredths(seconds: float) -> int:
    """Whole hundredths of a second, in ms."""
    # The format holds hundredths; rounding each time alike keeps cues apart that were apart.
    return (milliseconds(seconds) + 5) // 10 * 10


def _events(cue: Cue, options: WriteOptions) -> list[tuple[float, float, str]]:
    lines = [line for cue_line in cue.lines if (line := visible(cue_line))]
    if options.highlight_words:
        return [
            (start, end, r"\N".join("".join(_coloured(text, word is spoken) for word, text in line) for line in lines))
            for start, end, spoken in highlight_spans(cue)
            if hundredths(end) > hundredths(start)
        ]
    if options.karaoke == "none":
        text = r"\N".join(escape("".join(text for _, text in line)) for line in lines)
    else:
        text = _karaoke(cue, lines, r"\kf" if options.karaoke == "fill" else r"\k")
    return [(cue.start, max(cue.end, cue.start + 0.01), text)]


def _coloured(text: str, spoken: bool) -> str:
    core = text.lstrip()
    blank = text[: len(text) - len(core)]
    return f"{blank}{_HIGHLIGHT}{escape(core)}{{\\1c}}" if spoken else blank + escape(core)


def _karaoke(cue: Cue, lines: list[list[tuple[Word, str]]], tag: str) -> str:
    """Each word with its length in hundredths; an empty syllable stands for a pause."""
    parts: list[str] = []
    now = hundredths(cue.start)
    for number, line in enumerate(lines):
        parts.append(r"\N" if number else "")
        for word, text in line:
            core = text.lstrip()
            start, end = max(now, hundredths(word.start)), max(now, hundredths(word.end))
            parts.append(text[: len(text) - len(core)])
            if start > now:
                parts.append(f"{{{tag}{(start - now) // 10}}}")
            parts.append(f"{{{tag}{(end - start) // 10}}}{escape(core)}")
            now = end
    if (rest := hundredths(cue.end) - now) > 0:
        parts.append(f"{{{tag}{rest // 10}}}")
    return "".join(parts)


def escape(text: str) -> str:
    """`text` with nothing in it that is an override or a line break."""
    return _SPECIAL.sub(_JOINER, text).replace("{", r"\{").replace("}", r"\}")


def unescape(text: str) -> str:
    """`text` as it was before `escape`."""
    if "\\" in text:
        text = text.replace(r"\{", "{").replace(r"\}", "}")
    return _GUARD.sub("", text) if _JOINER in text else text
