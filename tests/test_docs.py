"""What the documents say of the code, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_imports import MODULES, imported

ROOT = Path(__file__).parents[1]


def modules() -> list[str]:
    """Names of all modules, as docs/code.md may write them: with or without their folder."""
    return [str(path.relative_to(ROOT)) for name in ("crisp_align", "backends") for path in (ROOT / name).rglob("*.py")]


def test_every_module_is_on_the_map_and_nothing_else() -> None:
    named = set(re.findall(r"`([\w/]+\.py)`", (ROOT / "docs" / "code.md").read_text(encoding="utf-8")))
    there = [path for path in modules() if not path.endswith("__init__.py")]
    assert [path for path in there if not any(f"/{path}".endswith(f"/{name}") for name in named)] == []
    elsewhere = {name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in there)}
    assert all((ROOT / name).is_file() for name in elsewhere)


def test_imports_go_from_the_lower_rows_of_the_map_to_the_upper_ones() -> None:
    row_of = {}
    for row, line in enumerate((ROOT / "docs" / "code.md").read_text(encoding="utf-8").splitlines()):
        if line.startswith("|"):
            row_of |= dict.fromkeys(re.findall(r"`([\w/]+\.py)`", line), row)
    rows = {}
    for name, path in MODULES.items():
        whole = path.relative_to(ROOT).as_posix()
        rows[name] = row_of.get(whole.removeprefix("crisp_align/"), row_of.get(whole))
    upward = [
        (name, other)
        for name, row in rows.items()
        for other in imported(name)
        if row is not None and (rows[other] or 0) > row
    ]
    assert upward == []


def test_every_document_is_linked_from_the_readme_and_links_lead_somewhere() -> None:
    documents = sorted((ROOT / "docs").glob("*.md"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in documents if f"(docs/{path.name})" not in readme] == []
    for path in (ROOT / "README.md", *documents):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        assert [link for link in links if not (path.parent / link).exists()] == [], path.name
