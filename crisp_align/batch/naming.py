"""What output files are called: patterns such as `{stem}.{lang}.{ext}`, and paths that are known late.

Most paths follow from the input's name. The language of the speech and the model that transcribed it are known only
when a file is done; until then such a path has late fields.
"""

from __future__ import annotations

import glob
import os
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crisp_align.errors import OptionError
from crisp_align.formats import find_format
from crisp_align.languages import NAMES
from crisp_align.media.remote import file_stat, glob_urls, is_url, url
from crisp_align.transcript import Transcript

__all__ = ["EARLY", "LATE", "Output", "check_pattern", "named_by"]

EARLY = ("stem", "name", "ext", "format")
"""Fields that the input and the format fill: its name without and with extension; the output's extension and format."""
LATE = ("lang", "backend", "model", "aligner")
"""Fields that the transcript fills."""

_UNDETERMINED = "und"  # ISO 639-2
_CODES = {"jw": "jv"}  # Whisper's code → the one of ISO 639-1, by which players know it


@dataclass(frozen=True, slots=True)
class Output:
    """A file to be written."""

    format: str
    """Name of the format."""
    parts: tuple[str, ...]
    """Of its path: text, and at the odd places the names of `LATE` fields between."""

    @classmethod
    def at(cls, format: str, path: str | os.PathLike[str]) -> Output:
        """An output whose path is known."""
        return cls(format, (os.fspath(path),))

    @property
    def is_resolved(self) -> bool:
        """Whether its path has no late fields."""
        return len(self.parts) == 1

    def path(self, made: Transcript | None = None) -> Path:
        """Where it goes.

        Args:
            made: the transcript, which fills the late fields; None leaves them as `{lang}`, to show or compare only.
        """
        if self.is_resolved:
            return Path(self.parts[0])
        values = {field: f"{{{field}}}" for field in LATE} if made is None else _late(made)
        return _filled(self.parts, values)

    @property
    def folder(self) -> Path:
        """The folder it goes to, or as much of it as is known."""
        return Path(self.parts[0] + "x").parent if not self.is_resolved else Path(self.parts[0]).parent

    @property
    def address(self) -> str:
        """Where it goes, the same however its folder was typed: a URL, or an absolute path, late fields as `{lang}`."""
        path, folder = self.path(), self.folder
        if is_url(path):
            return url(path)
        return os.path.join(os.path.realpath(folder), path.relative_to(folder))  # noqa: PTH118 (it is text)

    def existing(self) -> list[Path]:
        """The files that are there under its name, whatever may fill its late fields; links are followed.

        Raises:
            CrispAlignError: its file system cannot be asked.
        """
        if self.is_resolved:
            return [path for path in [self.path()] if _is_file(path)]
        fits = re.compile(
            "".join(_FITS[part] if place % 2 else re.escape(part) for place, part in enumerate(self.parts)),
            re.DOTALL,
        )
        pattern = "".join("*" if place % 2 else glob.escape(part) for place, part in enumerate(self.parts))
        if is_url(pattern):
            return sorted(path for path in glob_urls(pattern) if fits.fullmatch(os.fspath(path)))
        found = glob.glob(pattern, include_hidden=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
        return sorted(Path(name) for name in found if fits.fullmatch(name) and _is_file(Path(name)))


_FITS = dict.fromkeys(LATE, r"[^/]+") | {
    "lang": f"(?:{'|'.join(sorted({*NAMES, *_CODES.values(), _UNDETERMINED}, reverse=True))})"
}


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that could name no output, or one outside its folder.

    Raises:
        OptionError: an unknown field, braces that do not match, no extension at its end, an absolute path, "..".
    """
    try:
        parts = _parsed(pattern)
    except ValueError as error:
        raise OptionError(
            f"--name {pattern!r} has a brace without its other half ({error})", hint="write {{ for a brace itself"
        ) from error
    for field in parts[1::2]:
        if field not in (*EARLY, *LATE):
            raise OptionError(
                f"--name knows no {{{field}}}", hint=f"fields: {', '.join(f'{{{name}}}' for name in (*EARLY, *LATE))}"
            )
    if pattern.startswith(("/", os.sep)) or {"", ".", ".."} & set(re.split(r"[/\\]", pattern)):
        raise OptionError(
            "--name stays inside the output folder", subject=pattern, hint="name another folder with --output-dir"
        )
    ending = parts[-2:] == ("ext", "") and parts[-3].endswith(".")
    if not ending and not re.search(r"[^./]\.[A-Za-z.]+$", ("x" if parts[1:] else "") + parts[-1]):
        raise OptionError("--name ends in .{ext}", subject=pattern, hint="e.g. {stem}.{lang}.{ext}")


def named_by(pattern: str, folder: str, source: str, format: str, language: str | None = None) -> Output:
    """The output of `source` that a pattern names.

    Args:
        pattern: one that `check_pattern` lets pass; a slash in it parts folders.
        folder: that it is inside of; "" is the current one.
        source: name of the input, folders and all.
        format: of the output.
        language: code of the language, where it is known already.

    Raises:
        OptionError: the pattern ends in the extension of another format.
    """
    extension = find_format(format).extension
    path = Path(source)
    values = {"stem": path.stem, "name": path.name, "ext": extension.removeprefix("."), "format": format}
    if language is not None:
        values["lang"] = _CODES.get(language, language)
    parts = [""]
    for place, part in enumerate(_parsed(pattern)):
        if place % 2 and part not in values:
            parts += [part, ""]
        else:
            parts[-1] += _slug(values[part]) if place % 2 else part
    if not parts[-1].lower().endswith(extension.lower()):
        raise OptionError(
            f"--name does not end as {format} files do, in {extension}", subject=pattern, hint="write .{ext} at its end"
        )
    if len(parts) == 1:
        return Output.at(format, Path(folder) / _without_dots(parts[0]))
    inner, slash, rest = parts[0].rpartition("/")
    parts[0] = os.path.join(folder, _without_dots(inner) + slash + rest)  # noqa: PTH118 (a Path drops a last slash)
    return Output(format, tuple(parts))


def _parsed(pattern: str) -> tuple[str, ...]:
    """Text and names of fields in turn, text first and last.

    Raises:
        ValueError: braces that do not match.
    """
    parts = [""]
    for text, field, spec, conversion in string.Formatter().parse(pattern):
        parts[-1] += text
        if field is not None:
            shown = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            parts += [shown, ""]
    return tuple(parts)


def _late(made: Transcript) -> dict[str, str]:
    language = made.language
    values = {
        "lang": _UNDETERMINED if language is None else _CODES.get(language, language),
        "backend": made.backend,
        # The model may be a Hub id or a folder: the last part of either is its name.
        "model": re.split(r"[/\\]", made.model.rstrip("/\\"))[-1] if made.model else None,
        "aligner": re.split(r"[/\\]", made.aligner.rstrip("/\\"))[-1] if made.aligner else None,
    }
    return {field: _slug(value or "unknown") for field, value in values.items()}


def _slug(value: str) -> str:
    """A field's value as a part of a file's name."""
    return re.sub(r"[/\\\0]", "_", value)


def _filled(parts: tuple[str, ...], values: Mapping[str, str]) -> Path:
    folder, slash, _ = parts[0].rpartition("/")
    path = "".join(values[part] if place % 2 else part for place, part in enumerate(parts))
    return Path(folder + slash + _without_dots(path[len(folder + slash) :]))


def _without_dots(path: str) -> str:
    """A relative path no part of which leads out of its folder, whatever its fields were filled with."""
    return "/".join(part.replace(".", "_") if part in (".", "..") else part for part in path.split("/"))


def _is_file(path: Path) -> bool:
    try:
        return file_stat(path) is not None if is_url(path) else path.is_file()
    except (OSError, ValueError):
        return False
