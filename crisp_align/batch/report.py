"""What came of each file of a batch, for people and for machines: JSON, CSV, or a page."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import crisp_align
from crisp_align.batch.written_files import Ledger
from crisp_align.errors import OptionError, OutputError, printable
from crisp_align.formats import write_atomically
from crisp_align.formats.tables import no_formula
from crisp_align.text.clock import hms

__all__ = [
    "KINDS",
    "Kind",
    "Report",
    "Row",
    "check_report",
    "report_bytes",
    "row_from_json",
    "row_to_json",
    "write_report",
]

Kind: TypeAlias = Literal["done", "failed", "quarantined", "busy", "skipped"]
KINDS: tuple[Kind, ...] = ("done", "failed", "quarantined", "busy", "skipped")
"""failed: say why; quarantined: it killed its workers; busy: another run has it; skipped: it was done before."""

_COLUMNS = ("file", "outcome", "outputs", "seconds", "audio_seconds", "speed", "words", "score", "warnings", "error")
_HEADINGS = {
    "seconds": "time, s",
    "audio_seconds": "audio, s",
    "speed": "× real time",
    "score": "mean score",
    "error": "error, warnings",
}
_NUMBERS = frozenset({"seconds", "audio_seconds", "speed", "words", "score"})


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a file."""

    source: str
    outcome: Kind
    outputs: tuple[str, ...] = ()
    """Paths that are there now."""
    seconds: float | None = None
    """s that it took."""
    audio_seconds: float | None = None
    """s of audio that were worked on."""
    words: int | None = None
    score: float | None = None
    """Mean score of its words, [0, 1]."""
    warnings: tuple[str, ...] = ()
    error: str | None = None
    unspoken: tuple[tuple[float, float, str], ...] = ()
    """(start, end, text), s, of the lines of a given text that nobody says, where they are shown."""
    extra_speech: tuple[tuple[float, float, str], ...] = ()
    """(start, end, text), s, of what is said that a given text lacks."""

    @property
    def speed(self) -> float | None:
        """s of audio a second: × real time."""
        return self.audio_seconds / self.seconds if self.audio_seconds is not None and self.seconds else None


@dataclass(frozen=True, slots=True)
class Report:
    """A run."""

    rows: tuple[Row, ...]
    seconds: float | None = None
    """s from its beginning to its end."""
    left: int = 0
    """Files that it did not come to, because it was interrupted."""

    @property
    def counts(self) -> dict[Kind, int]:
        """Outcome → how many files; none left out."""
        return {kind: sum(row.outcome == kind for row in self.rows) for kind in KINDS}

    @property
    def audio_seconds(self) -> float:
        """s of audio that this run did."""
        return sum(row.audio_seconds or 0.0 for row in self.rows if row.outcome == "done")

    @property
    def speed(self) -> float | None:
        """Of the whole run, × real time."""
        return self.audio_seconds / self.seconds if self.seconds else None


def check_report(path: str, ledger: Ledger | None = None, *, made: str | None = None) -> None:
    """Refuse a path that names no kind of report, or cannot be written as far as one can see, before hours of work.

    Args:
        path: of the report.
        ledger: asked whether a file that is there may be written over.
        made: a folder that will be there when the report is written.

    Raises:
        OptionError: its extension is not .json, .csv or .html.
        OutputError: its folder is missing or not ours to write, it is a folder itself, or a file that is to be kept.
    """
    place = Path(path)
    if place.suffix.lower() not in _WRITERS:
        raise OptionError("a report ends in .json, .csv or .html", subject=path)
    if place.is_dir():
        raise OutputError("the report cannot be written: a folder has that name", subject=path)
    if not place.parent.is_dir() and (made is None or place.parent != Path(made)):
        raise OutputError("the report cannot be written: no such folder", subject=path, hint="create it")
    if place.parent.is_dir() and not os.access(place.parent, os.W_OK):
        raise OutputError("the report cannot be written: no permission to write there", subject=path)
    if ledger is not None and (refusal := ledger.refusal([path])):
        raise refusal


def write_report(path: str | os.PathLike[str], report: Report, ledger: Ledger | None = None) -> None:
    """Write a report, whole or not at all, in the form its extension stands for.

    Args:
        path: where to.
        report: what to write.
        ledger: asked whether a file that is there may be written over, and given the new one.

    Raises:
        OptionError: another extension.
        OutputError: it cannot be written.
    """
    data = report_bytes(Path(path).suffix.lower().removeprefix("."), report)
    if ledger is not None:
        ledger.claim({Path(path): data})
    write_atomically(path, data)


def report_bytes(form: str, report: Report) -> bytes:
    """The bytes of a report: UTF-8.

    Args:
        form: json, csv or html.
        report: what to write.

    Raises:
        OptionError: another form.
    """
    if (writer := _WRITERS.get(f".{form}")) is None:
        raise OptionError(f"a report is json, csv or html, not {form!r}")
    return writer(report).encode("utf-8", "backslashreplace")


def row_to_json(row: Row) -> str:
    """A row on a line, for a journal's summary."""
    return json.dumps(asdict(row))


def row_from_json(text: str) -> Row | None:
    """The row that `row_to_json` wrote; None where it is none, or one of another version."""
    try:
        value = json.loads(text)
        lists = {name: tuple(value[name]) for name in ("outputs", "warnings")}
        stretches = {name: tuple(map(tuple, value.get(name, ()))) for name in ("unspoken", "extra_speech")}
        return Row(**{**value, **lists, **stretches})
    except (ValueError, TypeError, KeyError):
        return None


def _values(row: Row) -> dict[str, Any]:
    def short(number: float | None, digits: int) -> float | None:
        return None if number is None else round(number, digits)

    return {
        "file": row.source,
        "outcome": row.outcome,
        "outputs": list(row.outputs),
        "seconds": short(row.seconds, 3),
        "audio_seconds": short(row.audio_seconds, 3),
        "speed": short(row.speed, 2),
        "words": row.words,
        "score": short(row.score, 4),
        "warnings": list(row.warnings),
        "error": row.error,
        **_stretches(row),
    }


def _stretches(row: Row) -> dict[str, list[dict[str, object]]]:
    """Where a given text and what is said differ; nothing where they do not."""
    named = {"unspoken": row.unspoken, "extra_speech": row.extra_speech}
    return {
        name: [{"start": start, "end": end, "text": text} for start, end, text in found]
        for name, found in named.items()
        if found
    }


def _json(report: Report) -> str:
    speed = report.speed
    head: dict[str, Any] = {
        "format": "crisp-align report 1",
        "version": crisp_align.__version__,
        **{f"{kind}": count for kind, count in report.counts.items()},
        "left": report.left,
        "seconds": None if report.seconds is None else round(report.seconds, 3),
        "audio_seconds": round(report.audio_seconds, 3),
        "speed": None if speed is None else round(speed, 2),
    }
    rows = ",\n".join(f"    {json.dumps(_values(row), ensure_ascii=False)}" for row in report.rows)
    fields = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    text = f'{{\n{fields}  "files": [\n{rows}\n  ]\n}}\n' if rows else f'{{\n{fields}  "files": []\n}}\n'
    # A file name that is not UTF-8 reaches us as lone surrogates, which UTF-8 cannot hold and JSON's escapes can.
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", text)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return printable(text)


def _csv(report: Report) -> str:
    target = io.StringIO()
    table = csv.writer(target, lineterminator="\n")
    table.writerow(_COLUMNS)
    for row in report.rows:
        values = _values(row)
        table.writerow(
            [_cell(values[name]) if name in _NUMBERS else no_formula(_cell(values[name])) for name in _COLUMNS]
        )
    return target.getvalue()


def _html(report: Report) -> str:
    script = (files("crisp_align.formats") / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    columns = [name for name in _COLUMNS if name != "warnings"]  # which stand under their error
    numeric = ' class="number"'
    heads = "".join(
        f"<th{numeric if name in _NUMBERS else ''}><button>{_HEADINGS.get(name, name)}</button></th>"
        for name in columns
    )
    parts = {
        "policy": f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'",
        "tiles": "".join(f'<li class="{kind}"><b>{number}</b> {name}</li>' for kind, name, number in _tiles(report)),
        "heads": heads,
        "rows": "\n".join(_row(row, columns) for row in report.rows),
        "version": html.escape(crisp_align.__version__),
        "script": script,
    }
    page = (files("crisp_align.formats") / "report.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], page)


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    """Class, label and number of each figure at the head of the page."""
    tiles: list[tuple[str, str, str]] = [
        (kind, kind, str(count)) for kind, count in report.counts.items() if count or kind in ("done", "failed")
    ]
    if report.left:
        tiles.append(("left", "not begun: interrupted", str(report.left)))
    if report.audio_seconds:
        tiles.append(("total", "of audio", hms(round(report.audio_seconds), hours=True)))
    if report.seconds and report.speed:
        tiles += [
            ("total", "of time", hms(round(report.seconds), hours=True)),
            ("total", "real time", f"{report.speed:.1f} ×"),
        ]
    return tiles


def _clock(seconds: float) -> str:
    return hms(round(seconds), hours=True)


def _row(row: Row, columns: Sequence[str]) -> str:
    values = _values(row)
    cells = []
    for name in columns:
        text = "<br>".join(html.escape(_cell(value)) for value in values[name]) if name == "outputs" else ""
        if name == "error":
            lines = [row.error, *row.warnings] if row.error else list(row.warnings)
            lines += [f"not spoken, {_clock(start)}: {text}" for start, _, text in row.unspoken]
            lines += [f"not in the text, {_clock(a)} to {_clock(b)}: {text}" for a, b, text in row.extra_speech]
            text = "<br>".join(html.escape(printable(line)) for line in lines)
        elif name != "outputs":
            text = html.escape(_cell(values[name]))
        shown = f"<bdi>{text}</bdi>" if text and name not in _NUMBERS else text
        cells.append(f'<td class="number">{shown}</td>' if name in _NUMBERS else f"<td>{shown}</td>")
    return f'<tr class="{row.outcome}">{"".join(cells)}</tr>'


_WRITERS = {".json": _json, ".csv": _csv, ".html": _html}
