"""The code speaks in the words of the field; docs/glossary.md lists the retired ones, and what to say instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RETIRED = re.compile(
    r"(?<![a-zA-Z])(?:told|tells?|telling"
    r"|heard|hears?|hearing|beside|aside|patiently|patience|stand[-_ ]?ins?|stands? in"
    r"|settled?|settles|g(?:o|oes|one|oing)[-_ ]on[-_ ]with|babble|farewell|excuse|hurry|astray|piled|placed[-_]anew"
    r"|underway|sound[-_ ]out)(?![a-zA-Z])",
    re.IGNORECASE,
)
PUBLISHED = re.compile(
    r'"heard"|counts as (?:partly )?heard'  # how sure a line of a text is, in JSON
    r"|--patience|--settle|\bsettle: float = number\(|options\.watch\.settle"  # options of the command line
    r"|hard of hearing"
    r"|\b(?:file|raw|self)\.tell\b"  # where a file is read
)
"""What stays, for others rely on it or the field says so."""


def modules() -> list[Path]:
    return [path for name in ("crisp_align", "backends") for path in sorted((ROOT / name).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_retired_word_stands_in_a_name_a_comment_or_a_message(path: Path) -> None:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    assert [(number, line) for number, line in lines if RETIRED.search(PUBLISHED.sub("", line))] == []
