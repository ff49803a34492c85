"""BLAS on one thread, so that sums come out the same in every run, whatever else this process computes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

__all__ = ["one_blas_thread"]

_PER_THREAD = ["mkl"]  # whose limit is the thread's own; OpenBLAS, which NumPy's wheels bring, has one for the process
_WHOLE_PROCESS = ["openblas", "blis"]

_lock = Lock()
_inside = 0
_limit: Any = None  # what was there before the first one inside, to be restored by the last


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread until the last of those who ask for it at the same time is done.

    Each by itself would lift the limit while another still counts on it: threadpoolctl lets the thread that came first
    decide, or, in older versions, puts back in the end what the second one found.
    """
    from threadpoolctl import ThreadpoolController

    global _inside, _limit
    libraries = ThreadpoolController()
    with libraries.select(internal_api=_PER_THREAD).limit(limits=1):
        with _lock:
            if _inside == 0:
                _free_control()
                _limit = libraries.select(internal_api=_WHOLE_PROCESS).limit(limits=1)
            _inside += 1
        try:
            yield
        finally:
            with _lock:
                _inside -= 1
                if _inside == 0:
                    _free_control()
                    _limit.restore_original_limits()
                    _free_control()


def _free_control() -> None:
    """Let whoever comes next set the limit of OpenBLAS, where threadpoolctl reserves that to a thread."""
    import threadpoolctl

    release = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
