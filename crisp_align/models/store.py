"""Which weights exist, where they are on this machine, and how to get and check them.

Looking (`find_local`, `best_local`) never touches the network; only `ensure` does, and only for a model that was named.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from crisp_align.errors import ModelError
from crisp_align.models.bundled import bundled_tiny_en, bundled_whisper, is_bundled
from crisp_align.models.catalogue import CATALOGUE, FAMILIES, RANKING, Family, Weights, lookup, required_files
from crisp_align.models.gguf import is_gguf, read_gguf
from crisp_align.models.qwen3_gguf import gguf_head
from crisp_align.models.verification import Verdict, verify

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

_GGUF_FAMILIES = ("qwen3-aligner", "qwen3-asr", "ggml")

_FETCHED = {
    "whisper": ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
    "other": ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"),
}
"""What is downloaded of a repository: never code, and no pickled weights but in a .nemo archive that was asked for."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
_KIND = re.compile(r"[A-Za-z0-9_-]{1,20}", re.ASCII)
_BUNDLED = {"base": bundled_whisper, "tiny.en": bundled_tiny_en}


def find_local(family: Family, name: str) -> Path | None:
    """Where the weights are on this machine; None if they are not, or not whole. Never touches the network.

    Args:
        family: what kind of model it must be.
        name: a name of the catalogue, a Hub id, or the path of a folder or of a .gguf or .nemo file. A Hub id that ends
            in .nemo is the archive of that name in that repository; one that ends in a colon and a kind, such as
            :q4_k, the GGUF file of that kind.

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
        return _in_snapshot(snapshot, weights)
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
    """Return the model to get instead of one that is bundled for lack of a larger; None: it is none of these.

    Args:
        family: that the model is of.
        name: of the model.
        translate: whether the better one must translate.
    """
    if family is None or name not in _BUNDLED:
        return None
    return next((model for model in RANKING[family] if not translate or _translates(model)), None)


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
    found = _in_snapshot(folder, weights)
    return _checked_path(family, found) if found.is_file() else _checked_folder(family, found)


def _download(weights: Weights, progress: bool) -> Path:
    from huggingface_hub import snapshot_download

    patterns: tuple[str, ...] = _FETCHED["whisper" if weights.family == "whisper" else "other"]
    if weights.archive:
        patterns = (_any_case(weights.archive) if "*" in weights.archive else weights.archive,)
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
        if "*" in name:
            return any(present(found) for found in _matches(folder, name))
        try:
            return (folder / name).stat().st_size > 0
        except OSError:
            return False

    absent = [file.replace("|", " or ") for file in required if not any(map(present, file.split("|")))]
    index = folder / "model.safetensors.index.json"
    if present(index.name) and not present("model.safetensors"):
        absent += [shard for shard in _shards(index) or (f"the shards of {index.name}",) if not present(shard)]
    return absent


def _matches(folder: Path, pattern: str) -> list[str]:
    """Names of the files in a folder that a pattern matches, whatever their case."""
    try:
        names = [file.name for file in folder.iterdir()]
    except OSError:
        return []
    return sorted(name for name in names if fnmatchcase(name.lower(), pattern.lower()))


def _any_case(pattern: str) -> str:
    """The same pattern for a matcher that knows upper from lower case."""
    return "".join(f"[{char.lower()}{char.upper()}]" if char.isalpha() else char for char in pattern)


def _in_snapshot(snapshot: Path, weights: Weights) -> Path:
    """The folder, or the one file in it that is the model."""
    if weights.archive is None:
        return snapshot
    return snapshot / (_matches(snapshot, weights.archive)[0] if "*" in weights.archive else weights.archive)


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
    repo, _, kind = name.partition(":")
    if _HUB_ID.fullmatch(repo) and (not kind or _KIND.fullmatch(kind)):
        if kind or family == "ggml":
            return Weights(name, family, repo, 0, (f"*{kind}.gguf",))
        archived = repo.removesuffix(".nemo")
        required = required_files(family) if archived == repo else (f"{archived.split('/')[1]}.nemo",)
        return Weights(name, family, archived, 0, required)
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
        if is_gguf(path) and family in _GGUF_FAMILIES:
            _check_gguf(family, path)
            return path
        if family not in ("whisper", "ggml") and path.suffix.lower() in (".gguf", ".nemo"):
            return path
        kinds = {"whisper": "a folder with CTranslate2 weights", "ggml": "a GGUF file"}
        kind = kinds.get(family, "a folder, a .gguf or a .nemo file")
        raise ModelError(f"is a file; a {family} model is {kind}", subject=str(path))
    if family == "ggml":
        raise ModelError("is a folder; a ggml model is a GGUF file", subject=str(path))
    return _checked_folder(family, path)


def _check_gguf(family: Family, path: Path) -> None:
    """Refuse a GGUF file that is damaged, or whose model is not of the family.

    Raises:
        ModelError: saying what it is.
    """
    file = read_gguf(path)
    if family == "ggml":
        return
    held = f"qwen3-{gguf_head(file)}"
    if held != family:
        raise ModelError(f"holds a model of type {held!r}, and a {family} model is needed here", subject=str(path))


def _checked_folder(family: Family, path: Path) -> Path:
    """`path`, if it has the files of a model of that family.

    Raises:
        ModelError: saying what it lacks or holds instead.
    """
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
