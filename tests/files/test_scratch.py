"""Temporary folders that do not outlive the process."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from crisp_align.files.scratch import scratch_folder

BUSY = """
    import sys, time
    from crisp_align.pipeline.background import Background
    from crisp_align.cli import _guarded, _leave
    from crisp_align.files.scratch import scratch_folder

    def work():
        with scratch_folder() as folder:
            (folder / "weights").write_bytes(bytes(1000))
            print("begun", flush=True)
            time.sleep(60)
            yield folder

    def command(args):
        with Background(work()) as running:
            return list(running)

    import crisp_align.cli
    crisp_align.cli._run = command
    _leave(_guarded([]))
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def end_by(number: int) -> None:
    """Start a process whose thread uses a folder, and end it by a signal."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(BUSY)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as busy:
        assert busy.stdout is not None
        assert busy.stdout.readline() == b"begun\n"
        busy.send_signal(number)


def test_a_folder_is_gone_afterwards(temporary: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == temporary
        (folder / "file").write_text("x")
        with scratch_folder() as other:
            assert other != folder
            assert (folder / "file").exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_none_though_a_thread_is_at_work_in_it(temporary: Path, number: int) -> None:
    end_by(number)
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nothing shows there who has died")
def test_what_a_killed_process_left_is_removed_by_the_next(temporary: Path) -> None:
    end_by(signal.SIGKILL)
    assert len(list(temporary.iterdir())) == 1
    with scratch_folder() as folder:
        assert list(temporary.iterdir()) == [folder]
