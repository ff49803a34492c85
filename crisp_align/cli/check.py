"""`crisp-align check FILES`: every rule that subtitles break."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from crisp_align.cli.command import Command
from crisp_align.cli.fields import OptionGroup, argument, choice, group
from crisp_align.cli.options import EncodingGroup, LanguageGroup, LayoutGroup
from crisp_align.cli.streams import print_error, write_bytes
from crisp_align.errors import CrispAlignError, printable

if TYPE_CHECKING:
    from crisp_align.check import Violation
    from crisp_align.layout import Rules

__all__ = ["command"]


@dataclass(frozen=True, eq=False, repr=False)
class ReportGroup(OptionGroup):
    """How the findings are printed."""

    report: str = choice(
        "--report", choices=("text", "json", "github"), default="text", help="how findings are printed"
    )


@dataclass(frozen=True, eq=False, repr=False)
class CheckOptions:
    """Which subtitles to check, by which rules."""

    files: tuple[str, ...] = argument(nargs=-1, required=True, metavar="SUBTITLES...")
    layout: LayoutGroup = group(LayoutGroup, "Rules")
    language: LanguageGroup = group(LanguageGroup, "Reading")
    text: EncodingGroup = group(EncodingGroup, "Reading")
    report: ReportGroup = group(ReportGroup, "Report")


def run(options: CheckOptions) -> int:
    """Judge every file and report; 0 where no rule is broken that could have been kept."""
    failed = False
    found: dict[str, list[Violation]] = {}
    for path in options.files:
        try:
            found[path] = _judged(path, options)
        except CrispAlignError as error:
            print_error(error)
            failed = True
    report = {"text": _text, "json": _json, "github": _github}[options.report.report](found)
    write_bytes(report.encode("utf-8", "backslashreplace"))
    broken = any(violation.severity == "error" for violations in found.values() for violation in violations)
    return 1 if failed or broken else 0


def _judged(path: str, options: CheckOptions) -> list[Violation]:
    from crisp_align.check import check_file, check_text
    from crisp_align.formats.encodings import decoded
    from crisp_align.layout import LanguageRules

    rules: Rules = replace(options.layout, profile=options.layout.profile or "auto").rules()
    named = options.language.code
    if isinstance(rules, LanguageRules) and named is not None:
        rules = rules.of(named)
    if path == "-":
        text = decoded(sys.stdin.buffer.read(), "standard input", options.text.encoding)
        return check_text(text, rules, "standard input")
    return check_file(path, rules, encoding=options.text.encoding)


def _place(violation: Violation) -> str:
    from crisp_align.formats.cue_text import clock

    if violation.cue is None:
        return ""
    return f"cue {violation.cue} at {clock(violation.start or 0.0)}: "


def _text(found: dict[str, list[Violation]]) -> str:
    rows = [
        f"{printable(path)}: {_place(v)}{v.severity}: {v.rule}: {printable(v.message)}\n"
        for path, violations in found.items()
        for v in violations
    ]
    counts = [sum(v.severity == s for vs in found.values() for v in vs) for s in ("error", "warning")]
    counts_shown = [_counted(len(found), "file"), _counted(counts[0], "error"), _counted(counts[1], "warning")]
    return "".join(rows) + f"{counts_shown[0]}: {counts_shown[1]}, {counts_shown[2]}\n"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _json(found: dict[str, list[Violation]]) -> str:
    value = [
        {"file": path, "violations": [{"severity": v.severity, **asdict(v)} for v in violations]}
        for path, violations in found.items()
    ]
    return json.dumps(value, ensure_ascii=True, indent=2) + "\n"


def _github(found: dict[str, list[Violation]]) -> str:
    """Workflow commands that GitHub shows next to the file."""
    return "".join(
        f"::{v.severity} file={_escaped(path, ':,')},title={v.rule}::{_escaped(_place(v) + v.message)}\n"
        for path, violations in found.items()
        for v in violations
    )


def _escaped(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


command = Command(
    "check",
    run,
    CheckOptions,
    text="Judge subtitles by the rules they should keep; - reads them from standard input.\n\n"
    "Without --profile the rules are those for the language given with -l, else for the one that the file declares, "
    "else for English. Speech too fast to be read is a warning where no layout could help. Exit code 1 where a rule is "
    "broken that could have been kept.",
)
