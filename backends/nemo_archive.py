"""A .nemo file taken apart without trusting it.

It is a tar archive of a YAML configuration, pickled weights and tokenizer files. Here only plain files leave it, the
weights must load without running anything, and the configuration may name nothing but NeMo's own classes for speech
and files of the archive. What only training needs is left out, so that no path in it is ever followed.
"""

from __future__ import annotations

import errno
import gzip
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

from crisp_align.errors import ModelError
from crisp_align.files.scratch import scratch_folder
from crisp_align.models.devices import require_torch

__all__ = ["CONFIG", "WEIGHTS", "NemoArchive", "opened"]

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"

_MOST_MEMBERS = 1000
_MOST_HEADER = 1 << 18  # bytes before the data of a member; NeMo's have 3 blocks of 512
_MOST_GROWTH = 8  # times the size of the file: compressed weights hardly shrink
_MOST_CONFIG = 8_000_000  # bytes; a configuration with a large vocabulary written out is 1 MB
_MOST_REPLACED = 20_000  # values that references in the configuration may stand for; NeMo needs 1 ms for each
_REFERENCE = re.compile(r"\$\{(\.*)([^${}]*)\}")
_TRAINING = ("train_ds", "validation_ds", "test_ds", "optim", "trainer", "exp_manager", "init_from_nemo_model")
_CLASSES = ("nemo.collections.asr.", "nemo.collections.common.")


@dataclass(frozen=True, slots=True)
class NemoArchive:
    """An unpacked archive that is safe to hand to NeMo."""

    folder: Path
    config: dict[str, Any]
    """As it was vetted, and as it now is in the folder."""

    @property
    def target(self) -> str:
        """The model's class, without its module."""
        return str(self.config.get("target", "")).rsplit(".", 1)[-1]


@contextmanager
def opened(path: Path) -> Iterator[NemoArchive]:
    """Unpack and vet a .nemo file; the folder is gone afterwards.

    Raises:
        ModelError: it is no such archive, or holds something that a model has no need of, or there is no room for it.
        OutputError: there is no temporary folder.
    """
    with scratch_folder() as folder:
        try:
            _unpack(path, folder)
            config = _vetted_config(path, folder)
        except (OSError, tarfile.TarError, zlib.error, EOFError, ValueError, RecursionError) as error:
            raise _trouble(path, folder, error) from error
        _vet_weights(path, folder / WEIGHTS)
        yield NemoArchive(folder, config)


def _unpack(path: Path, folder: Path) -> None:
    allowed = path.stat().st_size * _MOST_GROWTH + 1_000_000
    with path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
    with gzip.open(path) if compressed else path.open("rb") as file:
        metered = _Metered(file)
        with tarfile.open(fileobj=metered, mode="r:") as archive:  # type: ignore[call-overload]  # read alone
            for count, member in enumerate(archive):
                allowed -= member.size
                if count >= _MOST_MEMBERS or allowed < 0 or member.size < 0:
                    raise _refusal(path, "unpacks to far more than a model")
                if not member.isdir():
                    metered.left = member.size
                    _write(path, archive, member, folder)
                metered.left = _MOST_HEADER
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise _refusal(path, f"is no NeMo model: it lacks {name}")


def _write(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = PurePosixPath(member.name)
    if not member.isfile():
        raise _refusal(path, f"holds {member.name!r}, which is no plain file")
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or ":" in member.name:
        raise _refusal(path, f"holds {member.name!r}, which leads out of the archive")
    target = folder.joinpath(*name.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    if source is not None:
        with source, target.open("wb") as written:
            shutil.copyfileobj(source, written, 1 << 20)


class _Metered:
    """A file that gives no more than `left` bytes.

    tarfile reads whole whatever comes before a member's data: a long name, extended attributes, a map of holes.
    """

    def __init__(self, file: gzip.GzipFile | BufferedReader) -> None:
        self._file = file
        self.left = _MOST_HEADER
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise tarfile.ReadError(f"a header of more than {_MOST_HEADER} bytes")
        self.left -= size
        return self._file.read(size)


def _vetted_config(path: Path, folder: Path) -> dict[str, Any]:
    """The configuration, cut down to what inference needs and written back."""
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("it has aliases, which multiply, and NeMo writes none")
            return super().compose_node(parent, index)

    file = folder / CONFIG
    if file.stat().st_size > _MOST_CONFIG:
        raise _refusal(path, f"has a {CONFIG} of {file.stat().st_size} bytes")
    try:
        config = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506 (it is a safe one)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(path, f"has a {CONFIG} that cannot be read ({str(error).splitlines()[0]})") from error
    if not isinstance(config, dict):
        raise _refusal(path, f"has a {CONFIG} that describes no model")
    config = {key: value for key, value in config.items() if key not in _TRAINING}
    config["restore_timestamps_model"] = False  # a second model in the archive, which an aligner replaces
    kept = _vetted(path, folder, config, "", 0)
    _vet_references(path, kept)
    file.write_text(yaml.safe_dump(kept, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return dict(kept)


def _vetted(path: Path, folder: Path, value: Any, key: str, depth: int) -> Any:
    """`value` with no path that leads out of the archive; refuses classes that are none of NeMo's for speech."""
    if depth > 40:
        raise _refusal(path, f"has a {CONFIG} nested without end")
    if isinstance(value, dict):
        return {name: _vetted(path, folder, item, str(name), depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_vetted(path, folder, item, key, depth + 1) for item in value]
    if not isinstance(value, str):
        return value
    if key in ("_target_", "target", "cls") and not value.startswith(_CLASSES):
        raise _refusal(path, f"asks for {value[:80]!r} to be run")
    if "${" in value and ":" in value:
        raise _refusal(path, f"asks for {value[:80]!r} to be looked up")
    if value.startswith("nemo:"):
        name = value.removeprefix("nemo:")
        if "/" in name or "\\" in name or not (folder / name).is_file():
            raise _refusal(path, f"names {value[:80]!r}, which is not in it")
    elif key == "dir":
        return str(folder)  # not where it lay on the machine that trained it
    elif key.endswith(("path", "dir", "file")):
        return None
    return value


def _vet_references(path: Path, config: dict[str, Any]) -> None:
    """Refuse references to other values, `${key.key}`, that multiply what they stand for, or go round in circles."""
    sizes: dict[tuple[str, ...], int | None] = {}  # None: being counted

    def size(value: Any, where: tuple[str, ...]) -> int:
        """How many values it is once they are replaced."""
        if isinstance(value, dict):
            return 1 + sum(size(item, (*where, str(key))) for key, item in value.items())
        if isinstance(value, list):
            return 1 + sum(size(item, (*where, str(i))) for i, item in enumerate(value))
        if not isinstance(value, str):
            return 1
        if "${" in _REFERENCE.sub("", value):
            raise _refusal(path, f"asks for {value[:80]!r} to be looked up")
        return 1 + sum(target_size(_target(dots, keys, where)) for dots, keys in _REFERENCE.findall(value))

    def target_size(where: tuple[str, ...]) -> int:
        if where not in sizes:
            sizes[where] = None
            sizes[where] = size(_value_at(config, where), where)
        found = sizes[where]
        if found is None:
            raise _refusal(path, f"has a {CONFIG} that refers to itself")
        return found

    if size(config, ()) - _plain_size(config) > _MOST_REPLACED:
        raise _refusal(path, f"has a {CONFIG} whose references multiply")


def _target(dots: str, keys: str, where: tuple[str, ...]) -> tuple[str, ...]:
    """Where a reference leads that stands at `where`: from the root, or with dots from what lies that many up."""
    steps = tuple(re.findall(r"[^.\[\]]+", keys))
    return (*where[: max(len(where) - len(dots), 0)], *steps) if dots else steps


def _value_at(config: Any, where: tuple[str, ...]) -> Any:
    """None where there is nothing: NeMo will say so."""
    for key in where:
        if isinstance(config, list):
            config = config[int(key)] if key.isdecimal() and int(key) < len(config) else None
        else:
            config = config.get(key) if isinstance(config, dict) else None
    return config


def _plain_size(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_plain_size, items))


def _vet_weights(path: Path, weights: Path) -> None:
    torch = require_torch("nemo")
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # pickle's, zipfile's and torch's own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise _refusal(path, f"has weights that do not load safely ({reason[:200]})") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise _refusal(path, "has weights that are no table of tensors")


def _trouble(path: Path, folder: Path, error: Exception) -> ModelError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelError(
            f"cannot be unpacked: {folder.parent} is full",
            subject=str(path),
            hint=f"name a folder with {path.stat().st_size / 1e9:.1f} GB free in the environment variable TMPDIR",
        )
    return _refusal(path, f"cannot be unpacked ({str(error).strip() or type(error).__name__})")


def _refusal(path: Path, what: str) -> ModelError:
    return ModelError(what, subject=str(path), hint="get it again from its publisher")
