from __future__ import annotations

import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crisp_align.errors import OutputError
from crisp_align.files.atomic import write_atomically

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".crisp-align-")]


def test_the_bytes_are_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.srt", b"1\n\xff")
    assert (tmp_path / "a.srt").read_bytes() == b"1\n\xff"
    assert leftovers(tmp_path) == []


def test_a_new_file_has_the_permissions_open_would_give(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_atomically(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.srt").write_bytes(b"old")
    link = tmp_path / "link.srt"
    link.symlink_to("real.srt")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real.srt").read_bytes() == b"new"


def test_a_dangling_link_makes_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("later")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "later").read_bytes() == b"new"


@linux_only
def test_a_name_that_is_not_utf8_is_written(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.srt")
    write_atomically(path, b"x")
    assert os.listdir(os.fsencode(tmp_path)) == [b"caf\xe9.srt"]  # noqa: PTH208


@pytest.mark.parametrize("name", ["-osrt", "a b", "it's", 'say "x"', "100%", "two\nlines", "日本語", "a" * 255])
def test_any_name_the_system_takes_is_written(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, b"x")
    assert (tmp_path / name).read_bytes() == b"x"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    with subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE) as reader:
        write_atomically(fifo, b"through")
        assert reader.communicate(timeout=10)[0] == b"through"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/a.srt", "no such folder"),
        ("file/a.srt", "is a file, not a folder"),
        ("folder", "a folder has that name"),
        ("a" * 300, "too long"),
        ("loop", "circle"),
        ("nul\0", "no file name may"),
    ],
)
def test_what_cannot_be_written_says_why(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OutputError, match=reason) as caught:
        write_atomically(tmp_path / name, b"x")
    assert str(caught.value).startswith(str(tmp_path))
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="no permission"):
        write_atomically(tmp_path / "a.srt", b"x")


def test_beyond_the_file_size_limit_the_old_file_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OutputError, match="larger than allowed"):
            write_atomically(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


@linux_only
def test_on_a_full_disk_the_old_file_stays_whole(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    try:
        (disk / "a.srt").write_bytes(b"old")
        with pytest.raises(OutputError, match="disk is full"):
            write_atomically(disk / "a.srt", b"x" * 1_000_000)
        assert (disk / "a.srt").read_bytes() == b"old"
        assert leftovers(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


WRITER = """
import sys
from crisp_align.files.atomic import write_atomically
print("ready", flush=True)
while True:
    for letter in b"abc":
        write_atomically(sys.argv[1], bytes([letter]) * 3_000_000)
"""


@pytest.mark.slow
@linux_only
def test_killed_at_any_moment_no_part_of_a_file_is_left_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    moments = random.Random(7)
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.06))
            writer.kill()
        data = path.read_bytes() if path.exists() else b""
        assert data in (b"", b"a" * 3_000_000, b"b" * 3_000_000, b"c" * 3_000_000)


def test_interrupted_while_writing_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.srt", b"x")
    assert list(tmp_path.iterdir()) == []
