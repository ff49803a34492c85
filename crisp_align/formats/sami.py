"""Microsoft's SAMI (.smi): text from one SYNC to the next, read and written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crisp_align.errors import TranscriptError
from crisp_align.formats.cue_text import cue_lines, milliseconds
from crisp_align.formats.document import SubtitleCue, SubtitleDocument
from crisp_align.formats.file_order import in_file_order
from crisp_align.formats.format import WriteOptions
from crisp_align.formats.markup import escape_entities, parse_tagged, tagged
from crisp_align.formats.repairs import Repairs
from crisp_align.transcript import Cue, Transcript

__all__ = ["read_sami", "write_sami", "write_sami_document"]

_SYNC = re.compile(r"<sync\b([^<>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(start|end)\s*=\s*[\"']?\s*(-?\d{1,10})", re.IGNORECASE)
_PARAGRAPH = re.compile(r"<p\b([^<>]*)>", re.IGNORECASE)
_CLASS = re.compile(r"\bclass\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->|</?(?:body|sami|sync)\b[^<>]*>", re.IGNORECASE | re.DOTALL)
_LAST = 3.0
"""s that the last cue lasts where nothing clears it."""
_HEAD = """<SAMI>
<HEAD>
<STYLE TYPE="text/css">
<!--
P { font-family: sans-serif; text-align: center; }
.SUBTTL { Name: Subtitles; SAMIType: CC; }
-->
</STYLE>
</HEAD>
<BODY>
"""


def read_sami(text: str, name: str, strict: bool = False) -> SubtitleDocument:
    """Cues of the first language in the file; those of others are counted as left out.

    Raises:
        TranscriptError: it has no SYNC with a time; under `strict`, it holds more than one language.
    """
    repairs = Repairs(name, strict)
    marks = [(match, dict(_ATTRIBUTE.findall(match.group(1).lower()))) for match in _SYNC.finditer(text)]
    unread = sum("start" not in said for _, said in marks)
    if unread:
        repairs.note("SYNC without a time left out", count=unread)
    marks = [(match, said) for match, said in marks if "start" in said]
    if not marks and text.strip():
        raise TranscriptError("not SAMI: no SYNC in it has a time", subject=name)
    shown: list[tuple[float, float | None, str, str]] = []
    for number, (match, said) in enumerate(marks):
        last = marks[number + 1][0].start() if number + 1 < len(marks) else len(text)
        body = _COMMENT.sub("", text[match.end() : last])
        end = max(0, int(said["end"])) / 1000 if "end" in said else None
        shown += [(max(0, int(said["start"])) / 1000, end, *part) for part in _paragraphs(body)]
    language = next((kind for _, _, kind, body in shown if kind and parse_tagged(body)[0]), "")
    foreign = [row for row in shown if row[2] and row[2] != language]
    if count := sum(bool(parse_tagged(body)[0]) for *_, body in foreign):
        repairs.note("cue of another language left out", count=count)
    cues = _cues([row for row in shown if not row[2] or row[2] == language])
    return SubtitleDocument(in_file_order(cues, repairs), name, "sami", notices=repairs.notices)


def _paragraphs(body: str) -> list[tuple[str, str]]:
    """The class of each paragraph, in small letters, and what it holds."""
    marks = list(_PARAGRAPH.finditer(body))
    if not marks:
        return [("", body)]
    parts: list[tuple[str, str]] = []
    for number, match in enumerate(marks):
        last = marks[number + 1].start() if number + 1 < len(marks) else len(body)
        found = _CLASS.search(match.group(1))
        parts.append((found.group(1).lower() if found else "", body[match.end() : last]))
    return parts


def _cues(rows: Sequence[tuple[float, float | None, str, str]]) -> list[SubtitleCue]:
    cues: list[SubtitleCue] = []
    for number, (start, end, _, body) in enumerate(rows):
        flat = re.sub(r"\s+", " ", body)
        lines, _ = parse_tagged(re.sub(r"</?p\b[^<>]*>", "", flat, flags=re.IGNORECASE).replace("&nbsp;", " "))
        if lines:
            following = next((row[0] for row in rows[number + 1 :] if row[0] > start), start + _LAST)
            cues.append(SubtitleCue(start, following if end is None else end, lines))
    return cues


def write_sami(transcript: Transcript, cues: Sequence[Cue], options: WriteOptions) -> str:
    """A SYNC for each cue, and one that clears it where no other follows at once."""
    return _written([
        (cue.start, cue.end, "<br>".join(escape_entities(line) for line in lines))
        for cue in cues
        if (lines := cue_lines(cue))
    ])  # fmt: skip


def write_sami_document(document: SubtitleDocument, options: WriteOptions) -> str:
    """Cues as they are, in order of time."""
    cues = sorted((cue for cue in document.cues if cue.lines), key=lambda cue: cue.start)
    return _written([(c.start, c.end, tagged(c.lines, escape_entities).replace("\n", "<br>")) for c in cues])


def _written(blocks: Sequence[tuple[float, float, str]]) -> str:
    rows = [_HEAD]
    for number, (start, end, text) in enumerate(blocks):
        first, last = milliseconds(start), max(milliseconds(end), milliseconds(start) + 1)
        rows.append(f"<SYNC Start={first}><P Class=SUBTTL>{text}\n")
        if number + 1 == len(blocks) or milliseconds(blocks[number + 1][0]) > last:
            rows.append(f"<SYNC Start={last}><P Class=SUBTTL>&nbsp;\n")
    return "".join(rows) + "</BODY>\n</SAMI>\n"
