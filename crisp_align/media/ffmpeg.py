"""The ffmpeg program: where it is, how it is started, fed, read and stopped.

It gets local files and pipes only, and only demuxers that read nothing but their input, so that a playlist or a
manifest cannot make it open anything else.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import IO

from crisp_align.errors import MissingDependencyError

if sys.platform == "linux":
    import fcntl

__all__ = ["Decoder", "fallback_notice", "find_ffmpeg", "input_options", "why_it_does_not_run"]

INSTALL_HINT = "install ffmpeg (apt install ffmpeg, brew install ffmpeg), or: pip install imageio-ffmpeg"
CHUNK_BYTES = 1 << 16  # bytes moved at once into ffmpeg
START_TIMEOUT = 20.0  # s for an ffmpeg to say its version; a network disk may be slow
PIPE_BYTES = 1 << 20  # bytes of output that may wait to be read: 16 s
KEPT_LINES = 4000  # lines kept from the start and from the end of what ffmpeg says; an audiobook may have 1000 chapters
MAX_LINE = 2000  # characters kept of one line; metadata can be of any size

# Demuxers that open other files or the network (image2 expands patterns in names; mlv and vobsub open neighbours
# of the file), and tty, which takes any text for a picture. Single pictures are known to the *_pipe demuxers.
_UNSAFE_DEMUXERS = frozenset(
    (
        "applehttp",
        "avisynth",
        "dvdvideo",
        "mlv",
        "vobsub",
        "concat",
        "dash",
        "hls",
        "image2",
        "imf",
        "lavfi",
        "rtp",
        "rtsp",
        "sap",
        "sdp",
        "tty",
        "vapoursynth",
        "webm_dash_manifest",
    )
)


@lru_cache(maxsize=1)
def _bundled_ffmpeg() -> str | None:
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def find_ffmpeg() -> str:
    """Path of the ffmpeg to run: $CRISP_ALIGN_FFMPEG, else the one on PATH if it runs, else imageio-ffmpeg's.

    Raises:
        MissingDependencyError: there is none, or the variable names something that does not run.
    """
    named = os.environ.get("CRISP_ALIGN_FFMPEG")
    path = shutil.which(named or "ffmpeg")
    if named and not path:
        raise MissingDependencyError(
            "CRISP_ALIGN_FFMPEG names no program", subject=named, hint="set it to an ffmpeg, or unset it"
        )
    broken = None if named or path is None else why_it_does_not_run(path)
    if path is None or broken is not None:
        path = _bundled_ffmpeg()
    if path is None:
        what = "ffmpeg is not installed" if broken is None else f"ffmpeg does not run ({broken})"
        raise MissingDependencyError(what, hint=INSTALL_HINT)
    return path


def fallback_notice() -> str | None:
    """What to say where the ffmpeg on PATH does not run and imageio-ffmpeg's is used; None: nothing."""
    path = None if os.environ.get("CRISP_ALIGN_FFMPEG") else shutil.which("ffmpeg")
    broken = None if path is None else why_it_does_not_run(path)
    return f"{path} does not run ({broken}): used the ffmpeg of imageio-ffmpeg" if broken is not None else None


@lru_cache(maxsize=8)
def why_it_does_not_run(program: str) -> str | None:
    """Why a program that should be an ffmpeg is of no use, in one line; None: it runs."""
    try:
        run = subprocess.run(
            [program, "-version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=START_TIMEOUT
        )
    except OSError as error:
        return error.strerror or str(error)
    except subprocess.TimeoutExpired:
        return f"no answer in {START_TIMEOUT:g} s"
    if run.returncode == 0 and run.stdout.startswith(b"ffmpeg version"):
        return None
    lines = (run.stderr or run.stdout).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else f"exit status {run.returncode}"


@lru_cache(maxsize=4)
def _demuxers(ffmpeg: str) -> str:
    """Comma-separated names of the demuxers that this ffmpeg has and that open nothing but their input."""
    try:
        run = subprocess.run([ffmpeg, "-hide_banner", "-demuxers"], stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        raise MissingDependencyError(f"does not run ({error.strerror})", subject=ffmpeg, hint=INSTALL_HINT) from error
    # A line is " D   name  description" or, for a device, " D d name  description"; devices read no file.
    rows = re.findall(r"^ D +(\S+) ", run.stdout.decode("utf-8", "replace"), re.MULTILINE)
    names = {name for row in rows for name in row.split(",")} - {"d"}
    if not names:
        raise MissingDependencyError("is not an ffmpeg that can read media", subject=ffmpeg, hint=INSTALL_HINT)
    return ",".join(sorted(names - _UNSAFE_DEMUXERS))


def input_options(ffmpeg: str, url: str) -> dict[str, str]:
    """ffmpeg's options before `-i url` that shut out the network and every file but the one named."""
    protocol = "pipe" if url.startswith("pipe:") else "file"
    return {"protocol_whitelist": protocol, "format_whitelist": _demuxers(ffmpeg), "threads": "1"}


class Decoder:
    """One running ffmpeg. Its messages are drained as they come, so it never waits for a reader of stderr.

    Args:
        command: argument list, the program first.
        feed: called for the next bytes of its standard input, b"" at the end; None: no standard input.
    """

    def __init__(self, command: Sequence[str], feed: Callable[[], bytes] | None = None) -> None:
        try:
            # A session of its own: Ctrl-C at the terminal reaches Python only, which then closes this.
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise MissingDependencyError(
                f"does not run ({error.strerror})", subject=command[0], hint=INSTALL_HINT
            ) from error
        _enlarge(self._process.stdout)
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=KEPT_LINES)
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_reader.start()
        if feed is not None:
            threading.Thread(target=self._write_stdin, args=(feed,), daemon=True).start()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of its output; fewer only at the end."""
        parts = []
        while size > 0 and (data := self._read_once(size)):
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def finish(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        status = self._process.wait()
        # A child that outlives a close of the pipes cannot exist; the join is bounded all the same.
        self._stderr_reader.join(timeout=5)
        return status

    def messages(self) -> list[str]:
        """The first and the last lines it said, each cut to a sane length."""
        return [*self._first, *self._last]

    def close(self) -> None:
        """Kill it if it still runs, reap it, and close the pipes. May be called twice."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self.finish()
        for stream in (self._process.stdout, self._process.stderr):
            _pipe(stream).close()

    def _read_once(self, size: int) -> bytes:
        stream = _pipe(self._process.stdout).fileno()
        if sys.platform != "win32":
            # A Ctrl-C that comes just before a blocking read would wait for its end; this looks up twice a second.
            ready = select.poll()
            ready.register(stream, select.POLLIN)
            while not ready.poll(500):
                pass
        return os.read(stream, size)

    def _read_stderr(self) -> None:
        stream = _pipe(self._process.stderr)
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline(CHUNK_BYTES):
                text = line[:MAX_LINE].decode("utf-8", "replace").rstrip("\r\n")
                (self._first if len(self._first) < KEPT_LINES else self._last).append(text)

    def _write_stdin(self, feed: Callable[[], bytes]) -> None:
        stream = _pipe(self._process.stdin)
        # ffmpeg may stop reading whenever it has enough.
        with contextlib.suppress(OSError, ValueError):
            while data := feed():
                stream.write(data)
                stream.flush()
        with contextlib.suppress(OSError, ValueError):
            stream.close()


def _enlarge(stream: IO[bytes] | None) -> None:
    """Let ffmpeg decode some seconds ahead, where the system allows it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(_pipe(stream).fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101  # every pipe read here was asked for
    return stream
