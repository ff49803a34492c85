"""Files on other file systems: what fsspec knows, named as a path or as a URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crisp_align.batch.inputs import Input, gather
from crisp_align.batch.journal import Claim, Journal, JournalRefusal, Stamp, digest, journal_key
from crisp_align.batch.planning import Job, Output, missing_outputs, save
from crisp_align.batch.written_files import Ledger
from crisp_align.cli import main
from crisp_align.errors import CrispAlignError, MediaError, OutputError
from crisp_align.media import remote as storage
from tests.command import excerpt

fsspec = pytest.importorskip("fsspec", reason="the extra `ray` is not installed")


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder of a file system that is not this machine's."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    for name in ("talk.mp3", "more/film.mkv", "notes.txt", ".hidden.wav"):
        system.pipe_file(f"/bucket/{name}", b"sound")
    yield "memory://bucket"
    system.store.clear()


def test_a_url_stays_one_when_it_becomes_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert storage.is_url("s3://films/a.mkv") and storage.is_url(Path("s3://films/a.mkv"))
    assert storage.url(Path("s3://films/a.mkv")) == "s3://films/a.mkv"
    assert storage.is_url("memory:///films/a.mkv") and storage.url("memory:///films/a.mkv") == "memory:///films/a.mkv"
    assert not storage.is_url("C:/films/a.mkv") and not storage.is_url("films/a.mkv") and not storage.is_url("-")
    assert storage.from_file_url("file:///my%20films/a.mkv") == "/my films/a.mkv"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:").mkdir()
    assert not storage.is_url("s3:/films/a.mkv")


def test_folders_and_patterns_give_media(bucket: str) -> None:
    def found(*names: str, recursive: bool = False) -> list[str]:
        entries = list(gather(names, recursive=recursive, remote=True))
        return [f"{entry.source} {entry.place}" for entry in entries if isinstance(entry, Input)]

    assert found(bucket) == ["memory:///bucket/talk.mp3 talk.mp3"]
    assert found(bucket, recursive=True) == [
        "memory:///bucket/more/film.mkv more/film.mkv",
        "memory:///bucket/talk.mp3 talk.mp3",
    ]
    assert found(f"{bucket}/*/*") == ["memory:///bucket/more/film.mkv more/film.mkv"]
    (entry,) = gather([], [f"{bucket}/more/film.mkv"], remote=True)
    assert isinstance(entry, Input) and entry.place == Path("bucket/more/film.mkv")
    assert found(f"{bucket}/gone.mp3") == ["memory://bucket/gone.mp3 gone.mp3"]
    (error,) = gather([f"{bucket}/*.ogg"], remote=True)
    assert isinstance(error, MediaError)


def test_what_cannot_be_asked_is_reported_in_one_line() -> None:
    (error,) = gather(["nosuchthing://bucket/*"], remote=True)
    assert isinstance(error, CrispAlignError) and "nosuchthing" in str(error)


def test_a_source_is_fetched_for_as_long_as_it_is_needed(bucket: str) -> None:
    with storage.local_copy(f"{bucket}/talk.mp3") as path:
        assert Path(path).read_bytes() == b"sound" and path.endswith(".mp3")
    assert not os.path.lexists(path)
    with pytest.raises(MediaError, match="no such file"), storage.local_copy(f"{bucket}/gone.mp3"):
        pass
    with storage.local_copy("talk.mp3") as path:
        assert path == "talk.mp3"


def test_an_output_is_written_whole_or_not_at_all(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system = fsspec.filesystem("memory")
    target = Path(f"{bucket}/subs/talk.srt")
    storage.write_bytes(target, b"1")
    storage.write_bytes(target, b"22")
    assert storage.read_bytes(target) == b"22"
    assert system.ls("/bucket/subs", detail=False) == ["/bucket/subs/talk.srt"]

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(system), "pipe_file", full)
    with pytest.raises(OutputError, match="No space left"):
        storage.write_bytes(target, b"333")
    assert storage.read_bytes(target) == b"22"


def test_what_somebody_else_wrote_is_kept_and_what_is_there_skipped(bucket: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    job = Job(f"{bucket}/talk.mp3", (Output.at("srt", f"{bucket}/talk.srt"),))
    assert missing_outputs(job, ledger) == job
    save(job, {Path(f"{bucket}/talk.srt"): b"ours"}, ledger)
    save(job, {Path(f"{bucket}/talk.srt"): b"ours again"}, ledger)
    assert missing_outputs(job, ledger) is None
    fsspec.filesystem("memory").pipe_file("/bucket/talk.srt", b"edited by hand")
    with pytest.raises(OutputError, match="already there"):
        save(job, {Path(f"{bucket}/talk.srt"): b"ours"}, ledger)


def test_a_name_with_gaps_is_found(bucket: str) -> None:
    storage.write_bytes(f"{bucket}/talk.en.srt", b"1")
    pattern = Output("srt", ("memory:/bucket/talk.", "lang", ".srt"))
    assert [storage.url(path) for path in pattern.existing()] == ["memory://bucket/talk.en.srt"]


class Down(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A file system whose host does not answer, which its client says in an error of its own."""

    protocol = "down"

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        raise RuntimeError("no route to host")


@pytest.mark.parametrize(
    ("folder", "pattern", "message"),
    [
        ("nosuchthing://bucket", "{stem}.{lang}.{ext}", "cannot be opened (Protocol not known: nosuchthing)"),
        ("nosuchthing://bucket", "{stem}.{ext}", "cannot be opened (Protocol not known: nosuchthing)"),
        ("down://host", "{stem}.{lang}.{ext}", "cannot be listed (no route to host)"),
    ],
)
def test_a_place_that_cannot_be_asked_costs_its_files_a_line_each(
    folder: str, pattern: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fsspec.register_implementation("down", Down, clobber=True)
    excerpt(tmp_path / "a.wav", 1.0)
    args = [str(tmp_path / "a.wav"), "-osrt", "--output-dir", folder, "--name", pattern, "--skip-existing", "-np"]
    assert main(args) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and folder in said and message in said


def test_a_journal_knows_inputs_and_outputs(bucket: str, tmp_path: Path) -> None:
    source, output = f"{bucket}/talk.mp3", Path(f"{bucket}/talk.srt")
    with Journal(tmp_path / "journal") as journal:
        key = journal_key(source)
        assert isinstance(journal.claim(key, Stamp.of(source), "settings"), Claim)
        journal.writing(key, {output: digest(b"ours")})
        storage.write_bytes(output, b"ours")
        journal.done(key)
        again = journal.claim(key, Stamp.of(source), "settings")
        assert isinstance(again, JournalRefusal) and again.reason == "done"
        fsspec.filesystem("memory").rm_file("/bucket/talk.srt")
        assert isinstance(journal.claim(key, Stamp.of(source), "settings"), Claim)
