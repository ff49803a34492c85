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

_CELL = r"(?:[^\n]{0,200}[,;|\t])?\"?(?:(?:sub)?title )?"
_COLUMNS = (
    rf"(?={_CELL}(?:start|begin|onset)\w*(?: ?\(?\w+\)?)?\"? ?[,;|\t])"
    rf"(?={_CELL}(?:end|stop|dur|offset)\w*(?: ?\(?\w+\)?)?\"? ?[,;|\t\n])"
)
_ROW = r"[^\n]*\n[^\n]*\d"

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
        names_speakers=True,
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
        name="srv3",
        extension=".srv3",
        description="YouTube's timed text",
        document_reader=lazy(f"{_HOME}.youtube", "read_srv"),
        begins=re.compile(r"(?:<\?xml[^>]*>\s*)?<(?:timedtext|transcript)\b", _FLAGS),
    ),
    Format(
        name="json3",
        extension=".json3",
        description="YouTube's timed text in JSON",
        document_reader=lazy(f"{_HOME}.youtube", "read_json3"),
        begins=re.compile(r"\{\s*\"(?:wireMagic|events)\"", _FLAGS),
    ),
    Format(
        name="sami",
        flag="-osami",
        extension=".smi",
        description="SAMI",
        writer=lazy(f"{_HOME}.sami", "write_sami"),
        document_writer=lazy(f"{_HOME}.sami", "write_sami_document"),
        holds=_STYLED | {"line breaks"},
        document_reader=lazy(f"{_HOME}.sami", "read_sami"),
        begins=re.compile(r"(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)?<SAMI\b", _FLAGS),
    ),
    Format(
        name="microdvd",
        flag="-omicrodvd",
        extension=".sub",
        description="MicroDVD, 25 frames a second",
        writer=lazy(f"{_HOME}.microdvd", "write_microdvd"),
        document_writer=lazy(f"{_HOME}.microdvd", "write_microdvd_document"),
        holds=frozenset({"bold", "italic", "underline", "colour", "line breaks", "overlaps"}),
        document_reader=lazy(f"{_HOME}.microdvd", "read_microdvd"),
        begins=re.compile(r"\{\d+\} ?\{\d*\}|\[\d+\] ?\[\d+\]", _FLAGS),
        time_step=0.04,
    ),
    Format(
        name="scc",
        extension=".scc",
        description="Scenarist closed captions",
        document_reader=lazy(f"{_HOME}.broadcast", "read_scc"),
        begins=re.compile(r"Scenarist_SCC", _FLAGS),
    ),
    Format(
        name="stl",
        extension=".stl",
        description="EBU STL",
        bytes_reader=lazy(f"{_HOME}.broadcast", "read_stl"),
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
        names_speakers=True,
        document_reader=lazy(f"{_HOME}.sbv", "read_sbv"),
        begins=re.compile(r"\d{1,3}:\d\d:\d\d[.,]\d{1,6} *, *\d{1,3}:\d\d:\d\d[.,]\d{1,6} *$", _FLAGS),
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
        names_speakers=True,
        document_reader=lazy(f"{_HOME}.table_reader", "read_csv"),
        begins=re.compile(rf"{_COLUMNS}[^\n]*[,;|]{_ROW}", _FLAGS),
    ),
    Format(
        name="tsv",
        flag="-otsv",
        extension=".tsv",
        description="the same, with tabs between the columns",
        writer=lazy(f"{_HOME}.tables", "write_tsv"),
        holds=frozenset({"overlaps"}),
        names_speakers=True,
        document_reader=lazy(f"{_HOME}.table_reader", "read_tsv"),
        begins=re.compile(rf"{_COLUMNS}[^\n]*\t{_ROW}", _FLAGS),
    ),
    Format(
        name="textgrid",
        flag="-otextgrid",
        extension=".TextGrid",
        description="Praat TextGrid",
        writer=lazy(f"{_HOME}.textgrid", "write_textgrid"),
        holds=frozenset({"speakers"}),
        transcript_reader=lazy(f"{_HOME}.textgrid", "read_textgrid"),
        tier_reader=lazy(f"{_HOME}.textgrid", "read_textgrid"),
        begins=re.compile(r"(?:File type *= *)?\"ooText", _FLAGS),
    ),
    Format(
        name="ctm",
        flag="-octm",
        extension=".ctm",
        description="NIST time-marked words",
        writer=lazy(f"{_HOME}.tables", "write_ctm"),
        transcript_reader=lazy(f"{_HOME}.ctm", "read_ctm"),
        begins=re.compile(r"(?:;;[^\n]*\n)*\S+ +\S+ +\d+\.\d+ +\d+\.\d+ +\S+(?: +\S+)* *$", _FLAGS),
    ),
    Format(
        name="labels",
        flag="-olabels",
        extension=".labels.txt",
        description="Audacity labels",
        writer=lazy(f"{_HOME}.tables", "write_labels"),
        holds=frozenset({"overlaps"}),
        names_speakers=True,
        document_reader=lazy(f"{_HOME}.table_reader", "read_labels"),
        begins=re.compile(r"\d+[.,]\d+\t\d+[.,]\d+(?:\t|$)", _FLAGS),
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
