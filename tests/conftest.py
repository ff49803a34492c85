"""Real speech and real weights, loaded once a test process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from crisp_align.backends import LoadOptions
from crisp_align.media.audio import read_audio
from crisp_align.speech.clips import voice_activity
from crisp_align.transcript import Clip
from crisp_align_backends.whisper import Whisper

# The same examples each time, so that a change fails for what it changes; `make fuzz` looks for new ones.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("search", derandomize=False, print_blob=True)
settings.load_profile("fixed")

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
SHARED = ROOT.parent / "shared" / "audio"
"""Recordings that may not be copied into the repository; tests that need them are skipped where it is absent."""


def pytest_configure() -> None:
    """Let commands that tests start receive an interrupt and a hang-up.

    Whoever runs the tests in the background (nohup, a shell's &) has them ignore these, and children inherit that.
    """
    for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs Whisper or a browser, so that `make test-fast` leaves it out."""
    for item in items:
        for fixture, mark in (("whisper", pytest.mark.engine), ("browser", pytest.mark.browser)):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)


@pytest.fixture(scope="session", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for what runs remember, in place of the user's own."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRISP_ALIGN_STATE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def whisper() -> Whisper:
    """Whisper base, as it comes with the extra `offline`."""
    return Whisper.load("base", LoadOptions())


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Clip]:
    """A file of `samples/` as one clip with its voice activity."""

    def load(name: str) -> Clip:
        samples = read_audio(SAMPLES / name)
        return Clip(samples, 0.0, name, voice_activity(samples))

    return load


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """The folder of shared recordings."""
    if not SHARED.is_dir():
        pytest.skip("the shared recordings are not next to this checkout")
    return SHARED
