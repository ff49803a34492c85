"""Whose file is it? Only what is byte for byte ours may be written again."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from crisp_align.batch.written_files import Ledger, state_folder
from crisp_align.formats import write_atomically


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state" / "written.sqlite")


@pytest.fixture
def srt(tmp_path: Path) -> Path:
    return tmp_path / "a.srt"


def wrote(ledger: Ledger, path: Path, data: bytes) -> None:
    ledger.remember({path: data})
    write_atomically(path, data)


def test_what_we_wrote_is_ours_in_this_run_and_the_next(ledger: Ledger, srt: Path, tmp_path: Path) -> None:
    wrote(ledger, srt, b"one")
    assert ledger.is_ours(srt) and ledger.refusal([srt]) is None
    ledger.close()
    os.utime(srt, (1, 1))
    assert Ledger(tmp_path / "state" / "written.sqlite").is_ours(srt)


def test_what_somebody_else_wrote_or_edited_is_not(ledger: Ledger, srt: Path) -> None:
    srt.write_bytes(b"somebody's work")
    refusal = ledger.refusal([srt])
    assert refusal is not None and "--overwrite" in str(refusal) and "--skip-existing" in str(refusal)
    wrote(ledger, srt, b"one")
    srt.write_bytes(b"One")
    assert not ledger.is_ours(srt)


def test_a_missing_file_stands_in_nobody_s_way(ledger: Ledger, srt: Path) -> None:
    assert ledger.refusal([srt]) is None
    assert not (srt.parent / "state").exists()  # and nothing was opened for it


def test_a_kill_before_or_after_the_rename_leaves_it_ours(ledger: Ledger, srt: Path) -> None:
    wrote(ledger, srt, b"one")
    ledger.remember({srt: b"two"})
    assert ledger.is_ours(srt)
    srt.write_bytes(b"two")
    assert ledger.is_ours(srt)
    wrote(ledger, srt, b"three")
    srt.write_bytes(b"one")
    assert not ledger.is_ours(srt)


def test_a_link_means_its_target(ledger: Ledger, srt: Path) -> None:
    link = srt.with_name("link.srt")
    link.symlink_to(srt)
    wrote(ledger, link, b"one")
    assert ledger.is_ours(srt) and ledger.is_ours(link)


@pytest.mark.parametrize("name", ["new\nline", "quote'\"", "100%", "-dash", "\udcff\udcfe"])
def test_hostile_names_are_kept(ledger: Ledger, tmp_path: Path, name: str) -> None:
    wrote(ledger, tmp_path / name, b"one")
    assert ledger.is_ours(tmp_path / name)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"noise" * 1000])
def test_without_a_usable_record_an_existing_file_is_not_ours(tmp_path: Path, srt: Path, content: bytes) -> None:
    (tmp_path / "record").write_bytes(content)
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "record", tmp_path / "file" / "inside", tmp_path):
        ledger = Ledger(place)
        wrote(ledger, srt, b"one")
        assert not ledger.is_ours(srt)
    assert (tmp_path / "record").read_bytes() == content


def test_a_record_that_a_power_cut_damaged_is_renamed(tmp_path: Path, srt: Path) -> None:
    place = tmp_path / "written.sqlite"
    ledger = Ledger(place)
    for number in range(400):
        ledger.remember({tmp_path / str(number): b"x"})
    ledger.close()
    data = place.read_bytes()
    place.write_bytes(data[:4096] + os.urandom(len(data) - 4096))
    wrote(ledger, srt, b"one")
    assert not ledger.is_ours(srt)
    ledger.close()
    assert place.with_name("written.sqlite.damaged").exists()
    wrote(ledger, srt, b"one")
    assert ledger.is_ours(srt)


def test_a_record_that_is_locked_for_ever_is_done_without(tmp_path: Path, srt: Path) -> None:
    ledger = Ledger(tmp_path / "written.sqlite", lock_timeout=0.05)
    wrote(ledger, srt, b"one")
    other = sqlite3.connect(tmp_path / "written.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert not ledger.is_ours(srt)
    other.close()
    assert ledger.is_ours(srt)


def test_the_record_lies_where_the_environment_says(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_folder() == state
    monkeypatch.delenv("CRISP_ALIGN_STATE")
    assert state_folder().name == "crisp-align"
