"""Which weights exist, where they are on this machine, and how to get and check them.

Looking (`find_local`, `best_local`) never touches the network; only `ensure` does, and only for a model that was named.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from crisp_align.errors import ModelError
from crisp_align.models.bundled import bundled_tiny_en, bundled_whisper, damaged, is_bundled
from crisp_align.models.catalogue import CATALOGUE, FAMILIES, RANKING, Family, Weights, lookup, required_files

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "Family",
    "Verdict",
    "Weights",
    "best_local",
    "better_model",
    "bundled_tiny_en",
    "bundled_whisper",
    "ensure",
    "find_local",
    "hub_cache",
    "lookup",
    "source_of",
    "verify",
]

_FETCHED = {
    "whisper": ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
    "other": ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"),
}
"""What is downloaded of a repository: never code, and no pickled weights but in a .nemo archive that was asked for."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
_BUNDLED = {"base": bundled_whisper, "tiny.en": bundled_tiny_en}


def find_local(family: Family, name: str) -> Path | None:
    """Where the weights are on this machine; None if they are not, or not whole. Never touches the network.

    Args:
        family: what kind of model it must be.
        name: a name of the catalogue, a Hub id, or the path of a folder or of a .gguf or .nemo file. A Hub id that ends
            in .nemo is the archive of that name in that repository.

    Returns:
        A folder, or a .gguf or .nemo file.

    Raises:
        ModelError: a path was given and it does not hold such a model, or bundled weights are not the published ones.
    """
    weights = lookup(name, family)
    if weights is None and (path := _given_path(name)) is not None:
        return _checked_path(family, path)
    weights = weights or _from_hub_id(family, name)
    snapshot = next((folder for folder in _snapshots(weights.repo) if not _missing(folder, weights.required)), None)
    if snapshot is not None:
        return snapshot / weights.archive if weights.archive else snapshot
    if family == "whisper" and weights.name in _BUNDLED:
        return _BUNDLED[weights.name]()
    return None


def best_local(family: Family, suits: Callable[[str], bool] = bool) -> str | None:
    """The name of the best model of a family that is already on this machine: what "auto" means; None: there is none.

    Args:
        family: what kind of model.
        suits: whether a model of that name will do.

    Raises:
        ModelError: the only one is bundled and its bytes are not the published ones.
    """
    return next((name for name in RANKING[family] if suits(name) and find_local(family, name) is not None), None)


def better_model(family: Family | None, name: str, *, translate: bool = False) -> str | None:
    """Return the model to get instead of one that is bundled for want of a larger; None: it is none of these.

    Args:
        family: that the model is of.
        name: of the model.
        translate: whether the better one must translate.
    """
    if family is None or name not in _BUNDLED:
        return None
    return next((each for each in RANKING[family] if not translate or _translates(each)), None)


def _translates(name: str) -> bool:
    weights = lookup(name)
    return weights is not None and weights.translates


def source_of(path: Path) -> str:
    """How a path of `find_local` came to this machine, for messages: "bundled", "cached", or the path itself."""
    if is_bundled(path):
        return "bundled"
    return "cached" if path.is_relative_to(hub_cache()) else str(path)


def ensure(family: Family, name: str, *, offline: bool = False, progress: bool = True) -> Path:
    """Where the weights are; downloaded first, into the ordinary Hugging Face cache, when they are not here.

    Args:
        family: what kind of model it must be.
        name: as for `find_local`.
        offline: never download; `HF_HUB_OFFLINE=1` in the environment says the same.
        progress: show a bar on stderr while downloading.

    Raises:
        ModelError: no such model, or not here and not to be had; the hint says how to get it and what is here.
    """
    from huggingface_hub import constants

    found = find_local(family, name)
    if found is not None:
        return found
    weights = lookup(name, family) or _from_hub_id(family, name)
    if offline or constants.HF_HUB_OFFLINE:
        raise ModelError(
            "is not on this machine, and downloads are switched off", subject=name, hint=_how_to_get(weights)
        )
    folder = _download(weights, progress)
    if missing := _missing(folder, weights.required):
        raise ModelError(
            f"the download of {weights.repo} lacks {', '.join(missing)}: not a model for this backend, or cut short",
            subject=name,
            hint=_how_to_get(weights),
        )
    if weights.archive:
        return folder / weights.archive
    _check_family(family, folder)
    return folder


def _download(weights: Weights, progress: bool) -> Path:
    from huggingface_hub import snapshot_download

    patterns = (
        (weights.archive,) if weights.archive else _FETCHED["whisper" if weights.family == "whisper" else "other"]
    )
    try:
        with _bars(progress):
            return Path(snapshot_download(weights.repo, allow_patterns=list(patterns)))
    except Exception as error:  # the hub's client lets its own, its HTTP library's and the system's errors through
        raise ModelError(_explain(error, weights), subject=weights.name, hint=_how_to_get(weights)) from error


@contextmanager
def _bars(shown: bool) -> Iterator[None]:
    """The hub client's progress bars on stderr, or none."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if shown or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _explain(error: Exception, weights: Weights) -> str:
    """The hub client's many errors in one clause each."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return f"{weights.repo} asks you to accept its licence on huggingface.co and to log in (hf auth login)"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no model {weights.repo} on the hub"
    if isinstance(error, errors.HFValidationError):
        return "is neither a known name, nor a Hub id, nor a path that exists"
    if isinstance(error, errors.LocalEntryNotFoundError | ConnectionError):
        return f"is not on this machine, and {weights.repo} cannot be downloaded (no connection to the hub)"
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{weights.repo} cannot be downloaded ({first})"


def _how_to_get(weights: Weights) -> str:
    """How to get a model, and what is here instead."""
    here = [entry.name for entry in CATALOGUE if entry.family == weights.family and _is_here(entry)]
    have = f"on this machine: {', '.join(here)}" if here else f"no {weights.family} model is on this machine"
    pull = weights.name if lookup(weights.name) else f"--family {weights.family} {weights.name}"
    return f"run `crisp-align models pull {pull}` where there is a connection, or give a folder; {have}"


def _is_here(weights: Weights) -> bool:
    try:
        return find_local(weights.family, weights.name) is not None
    except ModelError:
        return False


def hub_cache() -> Path:
    """The Hugging Face cache, wherever HF_HUB_CACHE, HF_HOME or XDG_CACHE_HOME put it. It may not exist."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _snapshots(repo: str) -> Iterator[Path]:
    """The cached revisions of a repository: `main` first, then the others, newest first."""
    root = hub_cache() / f"models--{repo.replace('/', '--')}"
    try:
        main = (root / "refs" / "main").read_text().strip()
    except (OSError, UnicodeDecodeError):
        main = ""
    try:
        others = sorted((root / "snapshots").iterdir(), key=lambda folder: folder.stat().st_mtime_ns, reverse=True)
    except OSError:
        return
    yield from (folder for folder in others if folder.name == main)
    yield from (folder for folder in others if folder.name != main)


def _missing(folder: Path, required: tuple[str, ...]) -> list[str]:
    """Which needed files are absent or empty; the shards that a safetensors index names count as needed."""

    def present(name: str) -> bool:
        try:
            return (folder / name).stat().st_size > 0
        except OSError:
            return False

    absent = [file.replace("|", " or ") for file in required if not any(map(present, file.split("|")))]
    index = folder / "model.safetensors.index.json"
    if present(index.name) and not present("model.safetensors"):
        absent += [shard for shard in _shards(index) or (f"the shards of {index.name}",) if not present(shard)]
    return absent


def _shards(index: Path) -> list[str]:
    """File names in a safetensors index; none if it cannot be read. Names that leave the folder are not followed."""
    try:
        names = {str(shard) for shard in json.loads(index.read_bytes())["weight_map"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return sorted(name for name in names if name == Path(name).name)


def _from_hub_id(family: Family, name: str) -> Weights:
    """A model outside the catalogue.

    Raises:
        ModelError: the name has not the form of a Hub id.
    """
    if _HUB_ID.fullmatch(name):
        repo = name.removesuffix(".nemo")
        return Weights(
            name, family, repo, 0, required_files(family) if repo == name else (f"{repo.split('/')[1]}.nemo",)
        )
    names = [weights.name for weights in CATALOGUE if weights.family == family]
    near = get_close_matches(name.lower(), names, n=1)
    other = lookup(name)
    if other is not None:
        hint = f"that is a {other.family} model, and a {family} model is needed here"
    else:
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}; or a Hub id (owner/name), or a path"
    raise ModelError(f"no {family} model has this name, and no such path exists", subject=name, hint=hint)


def _given_path(name: str) -> Path | None:
    """`name` as a path if it is one that exists, or can only have been meant as one."""
    path = Path(os.path.expanduser(name))  # noqa: PTH111 (Path's own raises for an unknown user)
    try:
        exists = bool(name) and path.exists()
    except (OSError, ValueError):  # too long, or a null character inside
        exists = False
    if exists:
        return path
    if name.startswith((".", "/", "~")) or (os.sep != "/" and os.sep in name):
        raise ModelError("no such file or folder", subject=name, hint="crisp-align models list shows what there is")
    return None


def _checked_path(family: Family, path: Path) -> Path:
    """`path`, if a model of that family is in it.

    Raises:
        ModelError: saying what it lacks or holds instead.
    """
    if path.is_file():
        if family != "whisper" and path.suffix.lower() in (".gguf", ".nemo"):
            return path
        kinds = "a folder with CTranslate2 weights" if family == "whisper" else "a folder, a .gguf or a .nemo file"
        raise ModelError(f"is a file; a {family} model is {kinds}", subject=str(path))
    missing = _missing(path, required_files(family))
    if missing and family == "whisper" and (path / "model.safetensors").is_file():
        raise ModelError(
            "holds weights for transformers, and this backend reads CTranslate2 ones",
            subject=str(path),
            hint=f"ct2-transformers-converter --model {path} --output_dir {path.name}-ct2 "
            "--copy_files tokenizer.json preprocessor_config.json",
        )
    if missing:
        raise ModelError(f"is not a whole {family} model: it lacks {', '.join(missing)}", subject=str(path))
    _check_family(family, path)
    return path


def _check_family(family: Family, folder: Path) -> None:
    """Refuse a transformers folder of another family; CTranslate2's config.json names none.

    Raises:
        ModelError: saying what it is.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"its config.json cannot be read ({error})", subject=str(folder)) from error
    if not isinstance(config, dict):
        raise ModelError("its config.json is not a JSON object", subject=str(folder))
    if family == "whisper":
        return
    held = _family_of(config)
    if held != family:
        raise ModelError(f"holds a model of type {held!r}, and a {family} model is needed here", subject=str(folder))


def _family_of(config: dict[str, object]) -> str:
    """The family that a transformers config.json describes; its model_type where that is none of ours.

    The aligner and the recogniser of Qwen3 share a model_type in both of their layouts and differ in the head.
    """
    kind = str(config.get("model_type"))
    thinker = config.get("thinker_config")
    head = f"{config.get('architectures')} {thinker if isinstance(thinker, dict) else ''}"
    if kind.startswith("qwen3_asr") or kind == "qwen3_forced_aligner":
        marks = ("TokenClassification", "forced_aligner", "ForcedAligner", "classify_num")
        return "qwen3-aligner" if kind == "qwen3_forced_aligner" or any(m in head for m in marks) else "qwen3-asr"
    return kind.split("_", 1)[0] if kind.startswith(("parakeet", "canary")) else kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found."""

    hashed: int
    """Files whose bytes were compared with a published hash."""
    problems: tuple[str, ...]
    """A clause for each damaged file; empty: none found."""


def verify(path: Path) -> Verdict:
    """Read a model's files whole and compare them with the hashes their publisher gave.

    A file in the Hugging Face cache lies under its own hash (SHA-256 of large files, git's SHA-1 of small ones);
    bundled weights have theirs in `crisp_align.bundled`. Other files have none: of those, safetensors are checked
    for being as long as their header says.
    """
    if is_bundled(path):
        broken = damaged(path)
        return Verdict(4, tuple(f"{name} is damaged" for name in broken))
    hashed, problems = 0, []
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        expected = file.resolve().name if file.is_symlink() else ""
        hashed += len(expected) in (40, 64)
        if not file.exists():
            problems.append(f"{file.name} is missing from the cache")
        elif len(expected) in (40, 64) and _digest(file, len(expected)) != expected:
            problems.append(f"{file.name} is damaged")
        elif file.suffix == ".safetensors" and not _is_whole(file):
            problems.append(f"{file.name} is cut short or damaged")
    return Verdict(hashed, tuple(problems))


def _digest(file: Path, digits: int) -> str:
    """Hex SHA-256 (64 digits), or git's SHA-1 of a blob (40 digits)."""
    with file.open("rb") as opened:
        if digits == 64:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        data = opened.read()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _is_whole(file: Path) -> bool:
    """Whether a safetensors file is as long as its header (u64 length, JSON with data_offsets) says."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 2 <= length <= size - 8:
            return False
        try:
            header = json.loads(opened.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return False
    return 8 + length + max(ends, default=0) == size
