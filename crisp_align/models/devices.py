"""Where a torch model runs and in which number type: one choice for every backend and aligner built on torch."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from crisp_align.errors import MissingDependencyError, ModelError, OptionError
from crisp_align.models.options import LoadOptions

__all__ = [
    "Dtype",
    "Placement",
    "free_memory",
    "has_amx",
    "is_out_of_memory",
    "loading_error",
    "place",
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
class Placement:
    """Where and in which type a model runs."""

    device: str
    """As torch names it: cpu, cuda, cuda:1, mps."""
    dtype: Dtype
    """int8: float32 with the linear layers in dynamic int8; CPU only."""

    @property
    def family(self) -> str:
        """The device without its number: cpu, cuda, mps."""
        return self.device.partition(":")[0]


def place(options: LoadOptions, *, extra: str = "all", int8: bool = True) -> Placement:
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
        return Placement(device, "bfloat16" if _has_bfloat16(torch, device, family) else "float32")
    names: dict[str, Dtype] = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}
    if int8 and family == "cpu":
        names["int8"] = "int8"
    if options.dtype not in names:
        raise OptionError(f"dtype {options.dtype!r} does not work on {device}", hint=f"use {', '.join(sorted(names))}")
    return Placement(device, names[options.dtype])


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

    On a CPU what the system calls available, within what the container (cgroup) and the process (ulimit -v) may have;
    where the system does not report it, half of what is built in.
    """
    if device.startswith("cuda"):
        torch = require_torch("all")
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + int(torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    return max(min((_available(), *_container_limits(), *_process_limits())), 0)


def _available() -> int:
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.available)
        return 4 * 10**9
    with suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    with suppress(OSError, ValueError, LookupError, subprocess.SubprocessError):  # macOS
        report = subprocess.run(["/usr/bin/vm_stat"], capture_output=True, text=True, check=True, timeout=5).stdout
        return _available_pages(report)
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return 4 * 10**9


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("others", ctypes.c_uint64 * 5),
    )


def _available_pages(report: str) -> int:
    """Bytes in the pages that macOS can give away, as its vm_stat prints them.

    Raises:
        LookupError, ValueError: it prints something else.
    """
    head, *lines = report.splitlines()
    size = int(head.partition("page size of ")[2].split()[0])
    pages = {name: int(number.strip(" .")) for name, _, number in (line.partition(":") for line in lines)}
    return size * sum(pages[f"Pages {kind}"] for kind in ("free", "inactive", "speculative"))


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
    with suppress(ImportError, OSError, ValueError, IndexError):
        import resource  # not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            yield limit - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


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
