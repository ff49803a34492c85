"""Where a torch model runs and in which number type: one choice for every backend and aligner built on torch."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import psutil

from crisp_align.errors import MissingDependencyError, ModelError, OptionError
from crisp_align.models.options import LoadOptions

__all__ = [
    "DeviceChoice",
    "Dtype",
    "choose_device",
    "free_memory",
    "has_amx",
    "is_out_of_memory",
    "loading_error",
    "quiet",
    "release_memory",
    "require_torch",
    "require_transformers",
]

_MEMORY_WORDS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
)
_CGROUP = Path("/sys/fs/cgroup")

Dtype: TypeAlias = Literal["float32", "bfloat16", "float16", "int8"]


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Where and in which type a model runs."""

    device: str
    """As torch names it: cpu, cuda, cuda:1, mps."""
    dtype: Dtype
    """int8: float32 with the linear layers in dynamic int8; CPU only."""

    @property
    def family(self) -> str:
        """The device without its number: cpu, cuda, mps."""
        return self.device.partition(":")[0]


def choose_device(options: LoadOptions, *, extra: str = "all", int8: bool = True) -> DeviceChoice:
    """Choose device and type: CUDA, else MPS, else the CPU; bfloat16 where the hardware multiplies it, else float32.

    Without AMX a CPU computes bfloat16 two to eight times slower than float32.

    Args:
        options: device and type asked for.
        extra: the extra of this package that brings torch, for the message where it is missing.
        int8: whether the model can be quantised; where not, int8 is refused.

    Raises:
        OptionError: a device that is not there, or a type that the device cannot compute in.
        MissingDependencyError: torch is not installed.
    """
    torch = require_torch(extra)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    family, _, number = device.partition(":")
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    present = {"cpu": 1, "cuda": cuda, "mps": int(torch.backends.mps.is_available())}
    if not (number.isdecimal() or device == family) or int(number or 0) >= present.get(family, 0):
        raise OptionError(f"no device {device!r} here", hint=f"use {', '.join(k for k, v in present.items() if v)}")
    if options.dtype == "auto":
        return DeviceChoice(device, "bfloat16" if _has_bfloat16(torch, device, family) else "float32")
    names: dict[str, Dtype] = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}
    if int8 and family == "cpu":
        names["int8"] = "int8"
    if options.dtype not in names:
        raise OptionError(f"dtype {options.dtype!r} does not work on {device}", hint=f"use {', '.join(sorted(names))}")
    return DeviceChoice(device, names[options.dtype])


def has_amx() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (Intel AMX), as Linux reports it."""
    try:
        return " amx_bf16 " in Path("/proc/cpuinfo").read_text().replace("\n", " ")
    except OSError:
        return False


def _has_bfloat16(torch: Any, device: str, family: str) -> bool:
    """Whether this very device multiplies bfloat16 in hardware; torch emulates it on GPUs before Ampere, slowly."""
    if family == "cpu":
        return has_amx()
    if family == "mps":
        return True
    if torch.version.hip:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cuda.get_device_capability(device)[0] >= 8)


def free_memory(device: str) -> int:
    """Bytes that a model on `device` can still take; what torch keeps for itself counts as free.

    On a CPU what the system calls available, within what the container (cgroup) and the process (ulimit -v) may have.
    """
    if device.startswith("cuda"):
        torch = require_torch("all")
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + int(torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    return max(min((int(psutil.virtual_memory().available), *_container_limits(), *_process_limits())), 0)


def _container_limits() -> Iterator[int]:
    """What the control group of this process leaves, if it has a limit; cached files count as free."""
    for root, limit, used in (
        (_CGROUP, "memory.max", "memory.current"),
        (_CGROUP / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):  # not this version of cgroups; "max"
            most = int((root / limit).read_text())
            stat = dict(line.split() for line in (root / "memory.stat").read_text().splitlines())
            yield most - int((root / used).read_text()) + int(stat.get("inactive_file", 0))


def _process_limits() -> Iterator[int]:
    """What the limit on address space of this process leaves, if it has one."""
    with suppress(ImportError, OSError, psutil.Error):
        import resource  # not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            yield limit - psutil.Process().memory_info().vms


def release_memory() -> None:
    """Make sure that models nobody holds any more are gone, and give back what torch keeps of a GPU for them."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an engine's error says that memory ran out; torch has several such errors, some of them bare ones."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _MEMORY_WORDS)


def loading_error(error: Exception, path: Path) -> ModelError:
    """Return an engine's error while it loads weights as one of ours.

    Args:
        error: of any kind; engines raise their own.
        path: the weights.
    """
    if is_out_of_memory(error):
        return ModelError(
            "does not fit into the memory that is free",
            subject=str(path),
            hint="name a smaller model or another --device, or keep one model at a time with --sequential",
        )
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ModelError(f"does not load ({reason[:200]})", subject=str(path))


def require_torch(extra: str) -> Any:
    """The module torch.

    Raises:
        MissingDependencyError: it is not installed; the hint names the extra that brings it.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("torch is not installed", hint=f'pip install "crisp-align[{extra}]"') from error
    return torch


def require_transformers(extra: str, *, knows: str) -> Any:
    """The module transformers.

    Args:
        extra: the extra of this package that brings it.
        knows: a class it must have.

    Raises:
        MissingDependencyError: it is not installed, or too old to have that class.
    """
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            "transformers is not installed", hint=f'pip install "crisp-align[{extra}]"'
        ) from error
    if not hasattr(transformers, knows):
        raise MissingDependencyError(
            f"transformers {transformers.__version__} has no {knows}", hint='pip install -U "transformers>=5.17"'
        )
    return transformers


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Keep the advice, warnings and progress bars of transformers off the terminal; errors still come as exceptions."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(50)  # logging.CRITICAL
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
