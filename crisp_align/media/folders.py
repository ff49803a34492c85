"""The media files of a folder, identified by their names and, where a name says too little, by their first bytes."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path

from crisp_align.errors import MediaError

__all__ = ["begins_like_media", "fixed_head", "is_media", "media_files"]

EXTENSIONS = frozenset(
    re.findall(
        r"\S+",
        """
    .3g2 .3ga .3gp .aac .ac3 .aif .aifc .aiff .alac .amr .ape .asf .au .avi .awb .caf .divx .dts .dv .eac3
    .f4a .f4b .f4v .flac .flv .gsm .ivf .m1v .m2v .m4a .m4b .m4r .m4v .mka .mkv .mov .mp1 .mp2 .mp3 .mp4 .mpc
    .mpe .mpeg .mpg .mpga .mxf .nut .oga .ogg .ogm .ogv .ogx .opus .qt .ra .ram .rf64 .rm .rmvb .snd .spx .tta
    .vob .w64 .wav .wave .weba .webm .wma .wmv .wtv .wv
""",
    )
)
# Names that mean several things (.ts is also TypeScript, .mts a module): the first bytes decide.
AMBIGUOUS = frozenset(
    ("", ".bin", ".bik", ".dat", ".m2t", ".m2ts", ".mod", ".mts", ".rec", ".tod", ".trp", ".ts", ".tp")
)

_MAGIC = re.compile(
    rb"RIFF.{4}(WAVE|AVI )|RF64.{4}WAVE|FORM.{4}AIF[FC]|ID3|fLaC|OggS|\x1aE\xdf\xa3|caff|\.snd|FLV\x01|#!AMR|wvpk|MAC |"
    rb"TTA[12]|MPCK|MP\+|\.RMF|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\x00\x00\x01[\xba\xb3]|"
    rb".{4}(ftyp|moov|mdat|wide)|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd][\x10-\xeb]|"
    rb"G.{187}G.{187}G|.{4}G.{191}G.{191}G",
    re.DOTALL,
)


def begins_like_media(head: bytes) -> bool:
    """Whether the first bytes of a file, 600 or more, are those of a sound or film format."""
    return bool(_MAGIC.match(head))


def is_media(path: str | os.PathLike[str]) -> bool:
    """Whether a file is worth opening: by its extension, or its first bytes where the extension may mean anything.

    A broken file with a media extension counts, so that its failure is reported, not silent.
    A hidden file, a folder, and anything that cannot be read do not.
    """
    path = Path(path)
    try:
        if path.name.startswith(".") or not stat.S_ISREG(path.stat().st_mode):
            return False
        suffix = path.suffix.lower()
        if suffix not in AMBIGUOUS:
            return suffix in EXTENSIONS
        with path.open("rb") as file:
            return begins_like_media(file.read(600))
    except (OSError, ValueError):
        return False


def media_files(
    folder: str | os.PathLike[str],
    recursive: bool = True,
    *,
    on_error: Callable[[MediaError], None] | None = None,
) -> list[Path]:
    """The media files of `folder`, sorted by path; hidden files and folders, links to folders and the rest skipped.

    Args:
        folder: where to look.
        recursive: look into its folders too.
        on_error: called with an error for every folder inside that cannot be listed; None: the first one is raised.

    Raises:
        MediaError: `folder` is missing, no folder, or cannot be listed.
    """
    top = Path(folder)
    if not top.is_dir():
        raise MediaError("is not a folder" if top.exists() else "no such folder", subject=os.fspath(folder))
    return sorted(path for path in _walk(top, recursive, on_error) if is_media(path))


def fixed_head(pattern: str) -> str:
    """The folders that a pattern begins with before anything in it may mean several names; "" for none."""
    parts = re.split(r"[/\\]" if os.sep == "\\" else "/", pattern)
    head = "/".join(takewhile(lambda part: not glob.has_magic(part), parts[:-1]))
    return "/" if not head and pattern.startswith("/") else head


def _walk(top: Path, recursive: bool, on_error: Callable[[MediaError], None] | None) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        failure = MediaError(f"folder cannot be listed ({error.strerror})", subject=str(error.filename))
        if on_error is None or error.filename == str(top):
            raise failure from error
        on_error(failure)

    for here, folders, files in os.walk(top, onerror=refuse):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in files:
            yield Path(here, name)
