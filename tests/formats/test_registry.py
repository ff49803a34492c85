from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crisp_align.errors import OptionError
from crisp_align.formats import FORMATS, find_format, format_of_path, format_of_text, write_format
from crisp_align.transcript import Segment, Transcript, Word

PLUGIN = """
import re
from crisp_align.formats import Format

def write(transcript, cues, options):
    return "".join(f"<<{segment.text.strip()}>>\\n" for segment in transcript.segments)

FORMAT = Format(name="chevrons", extension=".chev", description="chevrons", writer=write, begins=re.compile("<<"))
"""
SPOKEN = Transcript((Segment(" so", 0.0, 1.0, "en", (Word(" so", 0.0, 1.0),)),), 1.0, "x")


def published(folder: Path, code: str, name: str = "chevrons") -> None:
    """A package in `folder` that publishes a format."""
    (folder / "chevron_format.py").write_text(code)
    info = folder / "chevron_format-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: chevron-format\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[crisp_align.formats]\n{name} = chevron_format:FORMAT\n")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "chevron_format", raising=False)
    return tmp_path


def test_a_format_that_another_package_publishes_is_found_by_name_extension_and_content(plugin: Path) -> None:
    published(plugin, PLUGIN)
    assert find_format("chevrons").extension == ".chev"
    assert format_of_path("a.chev").name == "chevrons"
    assert format_of_text("<<so>>\n").name == "chevrons"
    assert write_format("chevrons", SPOKEN, []) == b"<<so>>\n"


def test_a_published_format_that_does_not_load_names_its_package(plugin: Path) -> None:
    published(plugin, "raise RuntimeError('no engine')")
    with pytest.raises(OptionError, match=r"chevrons.*no engine.*chevron_format:FORMAT"):
        find_format("chevrons")


def test_a_published_format_cannot_take_the_name_of_one_of_ours(plugin: Path) -> None:
    published(plugin, PLUGIN, name="srt")
    assert find_format("srt") is FORMATS["srt"]


def test_something_published_that_is_no_format_is_refused(plugin: Path) -> None:
    published(plugin, "FORMAT = 3")
    with pytest.raises(OptionError, match="is none of that name"):
        find_format("chevrons")


def test_the_table_of_formats_loads_none_of_the_code_behind_it() -> None:
    code = "import sys, crisp_align.formats; print(*(m for m in sys.modules if m.startswith('crisp_align.formats.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"crisp_align.formats.builtin", "crisp_align.formats.format"}


def test_no_two_formats_share_a_flag() -> None:
    flags = [format.flag for format in FORMATS.values() if format.flag]
    assert len(flags) == len(set(flags))
