"""Advanced SubStation Alpha (.ass) and SubStation Alpha (.ssa), through pysubs2."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import (
    BLANKS,
    Run,
    clock,
    highlight_spans,
    milliseconds,
    read_runs,
    visible,
    visible_cues,
)
from crisp_align.formats.format import WriteOptions
from crisp_align.text.display import displayed, is_right_to_left
from crisp_align.transcript import Cue, Transcript, Word

if TYPE_CHECKING:
    from pysubs2 import SSAFile

__all__ = ["read_ass", "write_ass", "write_ssa"]

_JOINER = "\u2060"
_SPECIAL = re.compile(r"(?<=\\)(?=[Nnh{}]|\Z)")  # behind the last one a tag or a line break may follow
_GUARD = re.compile(rf"(?<=\\){_JOINER}+")
_HIGHLIGHT = r"{\1c&H00FFFF&}"  # blue, green, red: yellow
_DRAWING = re.compile(r"\{[^{}]{0,200}\\p[1-9]")  # pysubs2 looks in time that grows with the square of the text
_KARAOKE = re.compile(r"\\[kK][fo]?(\d{1,7})")


def write_ass(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """Styled events, resolution, and karaoke tags or a coloured word where asked for."""
    return _write(cues, options, "ass")


def write_ssa(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """As `write_ass`, in the older form."""
    return _write(cues, options, "ssa")


def _write(cues: Sequence[Cue], options: WriteOptions, form: str) -> str:
    from pysubs2 import Alignment, Color, SSAEvent, SSAFile, SSAStyle

    kept = visible_cues(cues)
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
        encoding=-1 if any(is_right_to_left(line) for _, lines in kept for line in lines) else 1,
    )
    for cue, _ in kept:
        speakers = {word.speaker for line in cue.lines for word in line}
        name = displayed(speakers.pop() or "").replace(",", ";") if len(speakers) == 1 else ""
        for start, end, text in _events(cue, options):
            file.events.append(SSAEvent(start=_hundredths(start), end=_hundredths(end), text=text, name=name))
    return _composed(file, form)


def _composed(file: SSAFile, form: str) -> str:
    from pysubs2.formats.substation import SubstationFormat

    class Unbounded(SubstationFormat):
        """Hours of two digits, too: players and pysubs2 read them, but it writes 9:59:59.99 instead."""

        @staticmethod
        def ms_to_timestamp(requested_ms: int) -> str:
            return clock(requested_ms / 1000).removeprefix("0")[:-1]

    text = io.StringIO()
    Unbounded.to_file(file, text, form, header_notice="")
    return text.getvalue()


def _hundredths(seconds: float) -> int:
    # The format holds hundredths; rounding each time alike keeps cues apart that were apart.
    return (milliseconds(seconds) + 5) // 10 * 10


def _events(cue: Cue, options: WriteOptions) -> list[tuple[float, float, str]]:
    lines = [line for cue_line in cue.lines if (line := visible(cue_line))]
    if options.highlight_words:
        return [
            (start, end, r"\N".join("".join(_coloured(text, word is spoken) for word, text in line) for line in lines))
            for start, end, spoken in highlight_spans(cue)
            if _hundredths(end) > _hundredths(start)
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
    now = _hundredths(cue.start)
    for number, line in enumerate(lines):
        parts.append(r"\N" if number else "")
        for word, text in line:
            core = text.lstrip()
            start, end = max(now, _hundredths(word.start)), max(now, _hundredths(word.end))
            parts.append(text[: len(text) - len(core)])
            if start > now:
                parts.append(f"{{{tag}{(start - now) // 10}}}")
            parts.append(f"{{{tag}{(end - start) // 10}}}{escape(core)}")
            now = end
    if (rest := _hundredths(cue.end) - now) > 0:
        parts.append(f"{{{tag}{rest // 10}}}")
    return "".join(parts)


def escape(text: str) -> str:
    """`text` with nothing in it that is an override or a line break."""
    return _SPECIAL.sub(_JOINER, text).replace("{", r"\{").replace("}", r"\}")


def read_ass(text: str, name: str) -> list[Cue]:
    """Dialogue lines in the order of the file; styles and overrides are left out, karaoke gives words their times.

    Raises:
        TranscriptError: it is not SubStation Alpha.
    """
    from pysubs2 import SSAFile
    from pysubs2.exceptions import Pysubs2Error

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # about fields that we do not read
            file: SSAFile = SSAFile.from_string(text, format_="ssa" if "[V4 Styles]" in text else "ass")
    except (Pysubs2Error, ValueError, KeyError, IndexError, OverflowError, TypeError) as error:
        raise TranscriptError(f"not SubStation Alpha: {str(error)[:80] or 'malformed'}", subject=name) from error
    events = [event for event in file.events if event.type == "Dialogue" and not _DRAWING.search(event.text)]
    if not events and not re.search(r"^\s*\[Events\]", text, re.IGNORECASE | re.MULTILINE):
        raise TranscriptError("not SubStation Alpha: no dialogue in it", subject=name)
    return [_read_event(event) for event in events]


def _read_event(event: Any) -> Cue:
    start, end = event.start / 1000, event.end / 1000
    lines: list[list[Run]] = [[]]
    now, step = event.start, 0
    said_at: float | None = None
    for part in re.split(r"(\{(?!\\?\})[^{}]*(?<!\\)\}|\\N|\\n)", event.text.replace(r"\h", " ")):
        if part in (r"\N", r"\n"):
            lines.append([])
        elif part.startswith("{") and part.endswith("}"):
            for length in _KARAOKE.findall(part):
                now += step
                if said_at is not None:
                    lines[-1].append(Run("", None, said_at))
                said_at, step = now / 1000, int(length) * 10
        elif part:
            plain = _GUARD.sub("", part.replace(r"\{", "{").replace(r"\}", "}"))
            core = displayed(plain)
            if core or plain:
                blank = " " if plain.startswith(tuple(BLANKS)) and lines[-1] else ""
                tail = " " if plain.endswith(tuple(BLANKS)) and core else ""
                lines[-1].append(Run(f"{blank}{core}{tail}", event.name or None, said_at if core else None))
                said_at = None if core else said_at
    if said_at is not None:
        lines[-1].append(Run("", None, said_at))
    return read_runs(start, end, lines)
