"""The formats that come with this package. Each says all there is to know of itself; the code behind it loads late.

The order counts: it is that of --help; the first of several with one extension is the one that a path means; and what
a text looks like is asked of one after the other.
"""

from __future__ import annotations

import re

from crisp_align.formats.format import Feature, Format, lazy

__all__ = ["BUILTIN"]

_HOME = "crisp_align.formats"
_FLAGS = re.IGNORECASE | re.MULTILINE

_STYLED: frozenset[Feature] = frozenset({"bold", "italic", "underline", "strikeout", "colour"})

_read_ass = lazy(f"{_HOME}.ass_document", "read_ass")
_read_json = lazy(f"{_HOME}.json_styles", "read_json")
_read_json_cues = lazy(f"{_HOME}.json", "read_json_cues")

BUILTIN = (
    Format(
        name="srt",
        flag="-osrt",
        extension=".srt",
        description="SubRip subtitles",
        writer=lazy(f"{_HOME}.srt", "write_srt"),
        document_writer=lazy(f"{_HOME}.srt", "write_srt_document"),
        holds=_STYLED | {"place", "line breaks", "overlaps"},
        document_reader=lazy(f"{_HOME}.srt", "read_srt"),
        begins=re.compile(r"(?!WEBVTT)(?:.*\n)?.*\d:\d\d[,.]\d+ *-+>", _FLAGS),
    ),
    Format(
        name="vtt",
        flag="-ovtt",
        extension=".vtt",
        description="WebVTT subtitles",
        writer=lazy(f"{_HOME}.vtt", "write_vtt"),
        document_writer=lazy(f"{_HOME}.vtt", "write_vtt_document"),
        holds=_STYLED
        | {"transparency", "ruby", "place", "exact place", "speakers", "word times", "line breaks", "overlaps"},
        document_reader=lazy(f"{_HOME}.vtt", "read_vtt"),
        begins=re.compile(r"WEBVTT\b", _FLAGS),
    ),
    Format(
        name="ass",
        flag="-oass",
        extension=".ass",
        description="Advanced SubStation Alpha",
        writer=lazy(f"{_HOME}.ass", "write_ass"),
        document_writer=lazy(f"{_HOME}.ass_document", "write_ass_document"),
        holds=_STYLED | {"place", "exact place", "one speaker", "word times", "line breaks", "overlaps"},
        document_reader=_read_ass,
        begins=re.compile(r"\[Script Info\](?!(?s:.)*?^ScriptType: *v4\.00 *$)", _FLAGS),
        time_step=0.01,
    ),
    Format(
        name="ssa",
        flag="-ossa",
        extension=".ssa",
        description="SubStation Alpha",
        writer=lazy(f"{_HOME}.ass", "write_ssa"),
        document_writer=lazy(f"{_HOME}.ass_document", "write_ssa_document"),
        holds=_STYLED | {"place", "exact place", "one speaker", "word times", "line breaks", "overlaps"},
        document_reader=_read_ass,
        begins=re.compile(r"\[Script Info\]", _FLAGS),
        time_step=0.01,
    ),
    Format(
        name="ttml",
        flag="-ottml",
        extension=".ttml",
        description="TTML (IMSC 1.1 text profile)",
        writer=lazy(f"{_HOME}.ttml", "write_ttml"),
        document_writer=lazy(f"{_HOME}.ttml", "write_ttml_document"),
        holds=_STYLED
        | {"transparency", "ruby", "place", "exact place", "speakers", "word times", "line breaks", "overlaps"},
        document_reader=lazy(f"{_HOME}.ttml_reader", "read_ttml"),
        begins=re.compile(r"<\?xml|<(?:\w+:)?tt\b|<!--", _FLAGS),
    ),
    Format(
        name="lrc",
        flag="-olrc",
        extension=".lrc",
        description="lyrics",
        writer=lazy(f"{_HOME}.lrc", "write_lrc"),
        document_writer=lazy(f"{_HOME}.lrc", "write_lrc_document"),
        holds=frozenset({"word times", "line breaks"}),
        document_reader=lazy(f"{_HOME}.lrc", "read_lrc"),
        begins=re.compile(r"\[(?:\d+:\d\d|[a-z#]+:[^\]\n]*\] *$)", _FLAGS),
        time_step=0.01,
        has_lines=False,
        has_ends=False,
    ),
    Format(
        name="sbv",
        flag="-osbv",
        extension=".sbv",
        description="YouTube SubViewer",
        writer=lazy(f"{_HOME}.tables", "write_sbv"),
        holds=frozenset({"line breaks", "overlaps"}),
    ),
    Format(
        name="txt",
        flag="-otxt",
        extension=".txt",
        description="plain text",
        writer=lazy(f"{_HOME}.txt", "write_txt"),
        transcript_reader=lazy(f"{_HOME}.txt", "read_txt"),
        timed=False,
    ),
    Format(
        name="json",
        flag="-oj",
        extension=".json",
        description="JSON: the transcript",
        writer=lazy(f"{_HOME}.json_styles", "write_json"),
        holds=frozenset({"speakers", "overlaps"}),
        transcript_reader=_read_json,
        inner_cue_reader=_read_json_cues,
        begins=re.compile(r"\{|\[\s*[{\]]", _FLAGS),
        timed=False,
        has_bom=False,
    ),
    Format(
        name="json-full",
        flag="-ojf",
        extension=".json",
        description="JSON: the transcript and its cues",
        writer=lazy(f"{_HOME}.json_styles", "write_full_json"),
        holds=frozenset({"speakers", "line breaks", "overlaps"}),
        transcript_reader=_read_json,
        inner_cue_reader=_read_json_cues,
        has_bom=False,
    ),
    Format(
        name="csv",
        flag="-ocsv",
        extension=".csv",
        description="a table: start, end, text",
        writer=lazy(f"{_HOME}.tables", "write_csv"),
        holds=frozenset({"speakers", "overlaps"}),
    ),
    Format(
        name="tsv",
        flag="-otsv",
        extension=".tsv",
        description="the same, with tabs between the columns",
        writer=lazy(f"{_HOME}.tables", "write_tsv"),
        holds=frozenset({"overlaps"}),
    ),
    Format(
        name="textgrid",
        flag="-otextgrid",
        extension=".TextGrid",
        description="Praat TextGrid",
        writer=lazy(f"{_HOME}.textgrid", "write_textgrid"),
        holds=frozenset({"speakers"}),
        transcript_reader=lazy(f"{_HOME}.textgrid", "read_textgrid"),
        begins=re.compile(r"File type *= *\"ooText", _FLAGS),
    ),
    Format(
        name="ctm",
        flag="-octm",
        extension=".ctm",
        description="NIST time-marked words",
        writer=lazy(f"{_HOME}.tables", "write_ctm"),
    ),
    Format(
        name="labels",
        flag="-olabels",
        extension=".labels.txt",
        description="Audacity labels",
        writer=lazy(f"{_HOME}.tables", "write_labels"),
        holds=frozenset({"overlaps"}),
    ),
    Format(
        name="rttm",
        flag="-orttm",
        extension=".rttm",
        description="NIST speaker turns",
        writer=lazy(f"{_HOME}.tables", "write_rttm"),
        holds=frozenset({"speakers", "overlaps"}),
    ),
    Format(
        name="html",
        flag="-ohtml",
        extension=".html",
        description="a page to review the words on",
        writer=lazy(f"{_HOME}.html", "write_html"),
    ),
)
