"""The core knows backends and aligners by their profiles: no line of it names one."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

CORE = Path(__file__).parents[1] / "crisp_align"
ENGINE = re.compile(r"whisper|qwen|parakeet|canary|hmm|pocketsphinx|nemo(?!nic)", re.IGNORECASE)
ALIGNERS = re.compile(r"""^[rbuf]*['"](attention|native)['"]$""")
# What is no engine: JSON in the shape of other programs', and the package that carries the voice activity model.
OTHERS = re.compile(r"whisper\.?_?cpp|whisper_?x|openai-whisper|faster[-_]whisper", re.IGNORECASE)
OWN = ("aligners/hmm/", "aligners/qwen3/", "aligners/attention.py", "aligners/native.py", "models/")
"""The engines' own files, and the wing of the catalogue, which knows how the weights of each family are laid out."""
GENERAL = ("models/devices.py", "models/blas.py", "models/options.py")


def named(path: Path) -> Iterator[str]:
    """The names of engines in the code of a file, docstrings and comments left out."""
    previous = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL):
            continue
        documents = token.type == tokenize.STRING and previous in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        text = OTHERS.sub("", token.string)
        if not documents and (ENGINE.search(text) or ALIGNERS.match(text)):
            yield f"{path.relative_to(CORE)}:{token.start[0]}: {token.string}"
        previous = token.type


def test_no_line_of_the_core_names_an_engine() -> None:
    names = {str(path.relative_to(CORE)): path for path in sorted(CORE.rglob("*.py"))}
    files = [path for name, path in names.items() if name in GENERAL or not name.startswith(OWN)]
    assert [line for path in files for line in named(path)] == []
