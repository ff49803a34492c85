"""The allocator of the C library is tuned for the engines, by the environment that a command restarts in."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from crisp_align.__main__ import loads_models
from crisp_align.cli import program
from crisp_align.models.allocator import tuned_environment

glibc_only = pytest.mark.skipif(not tuned_environment({}), reason="the C library is not glibc")


def test_every_command_either_loads_models_or_says_that_it_does_not() -> None:
    # A new command belongs to one of these; only the right one saves a start.
    with_models = {"transcribe", "align", "watch", "sync"}
    assert {name for name in program.commands if loads_models([name, "x"])} <= with_models


@pytest.mark.parametrize("words", [[], ["--help"], ["talk.mp3", "--help"], ["--version"], ["render", "talk.json"]])
def test_what_loads_no_model_is_not_restarted(words: list[str]) -> None:
    assert not loads_models(words)


@glibc_only
class TestTunedEnvironment:
    def test_keeps_freed_memory_in_one_heap_of_huge_pages(self) -> None:
        tunables = tuned_environment({})["GLIBC_TUNABLES"]
        assert "glibc.malloc.hugetlb=1" in tunables
        assert "glibc.malloc.arena_max=1" in tunables

    def test_leaves_what_the_user_has_set(self) -> None:
        theirs = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0", "MALLOC_ARENA_MAX": "4"}
        tunables = tuned_environment(theirs)["GLIBC_TUNABLES"].split(":")
        assert "glibc.malloc.hugetlb=0" in tunables
        assert not [
            setting for setting in tunables if setting in ("glibc.malloc.hugetlb=1", "glibc.malloc.arena_max=1")
        ]

    def test_adds_nothing_twice(self) -> None:
        assert tuned_environment(tuned_environment({})) == {}

    def test_leaves_another_allocator_alone(self) -> None:
        assert tuned_environment({"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}) == {}

    def test_a_command_restarts_once_with_its_arguments_and_its_process(self) -> None:
        code = (
            "import os, sys; from crisp_align.models.allocator import restart_tuned; restart_tuned(); "
            "print(os.getpid(), sys.argv[1:], 'hugetlb=1' in os.environ['GLIBC_TUNABLES'], "
            "'CRISP_ALIGN_TUNED' in os.environ)"
        )
        environment = {
            name: value for name, value in os.environ.items() if name not in ("GLIBC_TUNABLES", "LD_PRELOAD")
        }
        with subprocess.Popen(
            [sys.executable, "-c", code, "a b", "--c"], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            said, _ = process.communicate(timeout=60)
        assert said == f"{process.pid} ['a b', '--c'] True False\n"
