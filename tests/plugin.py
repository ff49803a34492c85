"""Backends and aligners of other people, installed for a test."""

from __future__ import annotations

from pathlib import Path


def install_plugin(site: Path, name: str, code: str, kind: str, group: str = "backends") -> str:
    """A folder for sys.path or PYTHONPATH that holds a package which publishes a backend, or an aligner."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text(code, "utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[crisp_align.{group}]\n{name} = {name}:{kind}\n", "utf-8")
    return str(site)
