"""`python -m crisp_align` is `crisp-align`."""

from __future__ import annotations

import sys

__all__ = ["main"]

_WITHOUT_MODELS = frozenset({"backends", "check", "completion", "convert", "doctor", "edit", "models", "render"})
"""Commands that load no model; for them a restart would cost more than it gives."""
_AT_ONCE = frozenset({"--help", "-h", "--version"})


def loads_models(words: list[str]) -> bool:
    """Whether a command line, without the program's name, is one that may load a model."""
    return bool(words) and words[0] not in _WITHOUT_MODELS and _AT_ONCE.isdisjoint(words)


def main() -> int:
    """Run the command line, with the allocator tuned where a model may be loaded; the exit code."""
    if loads_models(sys.argv[1:]):
        from crisp_align.models.allocator import restart_tuned

        restart_tuned()
    from crisp_align.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
