"""How the C library gives memory to the engines: kept between the steps of a model instead of mapped anew each time.

CTranslate2 takes and frees buffers of megabytes in every step. glibc maps and unmaps them, and the kernel clears each
page again: 1.4 million page faults in 150 s of audio, a fifth of all CPU time. The settings below keep freed memory in
one heap of huge pages. glibc reads them when a process starts, so a command that loads a model replaces itself once,
before it has imported anything, by the same command in that environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

__all__ = ["restart_tuned", "tuned_environment"]

_VARIABLE = "GLIBC_TUNABLES"
_DONE = "CRISP_ALIGN_TUNED"
_TUNABLES = {
    "glibc.malloc.hugetlb": ("1", None),
    "glibc.malloc.arena_max": ("1", "MALLOC_ARENA_MAX"),
    "glibc.malloc.mmap_threshold": (str(32 << 20), "MALLOC_MMAP_THRESHOLD_"),  # its maximum; larger is ignored
    "glibc.malloc.trim_threshold": (str(8 << 30), "MALLOC_TRIM_THRESHOLD_"),
    "glibc.malloc.top_pad": (str(64 << 20), "MALLOC_TOP_PAD_"),
}
"""Value of each tunable, and the older variable by which a user may have set the same."""


def tuned_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to add to an environment; none where the C library is not glibc, or another allocator is preloaded.

    What the user has set, by either of its names, is left as it is.
    """
    if not _has_glibc() or environment.get("LD_PRELOAD"):
        return {}
    present = environment.get(_VARIABLE, "")
    names = {setting.partition("=")[0] for setting in present.split(":")}
    added = [
        f"{name}={value}"
        for name, (value, older) in _TUNABLES.items()
        if name not in names and (older is None or older not in environment)
    ]
    return {_VARIABLE: ":".join(filter(None, (present, *added)))} if added else {}


def restart_tuned() -> None:
    """Replace this process by the same command with the allocator tuned; return where that is done or of no use."""
    if os.environ.pop(_DONE, None) is not None or not sys.orig_argv:
        return
    added = tuned_environment(os.environ)
    if added:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **added, _DONE: "1"})  # noqa: S606


def _has_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):  # not a name that this system knows
        return False
