"""Imports go one way, between modules and between folders; those inside functions count as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"crisp_align": ROOT / "crisp_align", "crisp_align_backends": ROOT / "backends"}
MOST_MODULES = 10
"""How many modules may lie directly in `crisp_align/`; everything else has a folder."""


def modules() -> dict[str, Path]:
    """Every module by its dotted name; a package by the name of its folder."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported(name: str) -> Iterator[str]:
    """The modules of ours that a module imports, wherever in it the import stands."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join((*above, node.module) if node.module else above)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield from (module for module in (inner if inner in MODULES else origin,) if module in MODULES)


def folder_of(name: str) -> str:
    """The wing a module belongs to: the first folder under its package; a module outside every folder is its own."""
    return ".".join(name.split(".")[:2])


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The names along one circle of a graph; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    # `crisp_align` itself only names its public values; they load on first use.
    graph = {name: set(imported(name)) - {name} for name in MODULES if name != "crisp_align"}
    assert circle(graph) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for name in MODULES:
        if name != "crisp_align":
            graph.setdefault(folder_of(name), set()).update(map(folder_of, imported(name)))
    assert circle({name: others - {name, "crisp_align"} for name, others in graph.items()}) == []


def test_few_modules_lie_outside_every_folder() -> None:
    assert len(list((ROOT / "crisp_align").glob("*.py"))) <= MOST_MODULES


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("crisp_align.") or name == "crisp_align"])
def test_the_core_imports_no_backend(name: str) -> None:
    assert not [other for other in imported(name) if other.startswith("crisp_align_backends")]
