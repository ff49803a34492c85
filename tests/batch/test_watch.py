"""Which files have arrived, with a listing and a clock of our own; and the real listing on a real folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.batch.watch import Arrival, Returned, Seen, Vanished, Watch, is_partial, listed, open_for_writing
from tests.command import excerpt


class World:
    """A folder and a clock."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, int]] = {}
        self.now = 50.0
        self.gone = False
        self.busy: set[str] = set()

    def list(self, folder: str, recursive: bool) -> Iterator[Seen]:
        assert folder == "in"
        if self.gone:
            raise FileNotFoundError(2, "No such file or directory", folder)
        for path, (size, mtime) in self.files.items():
            yield Seen(path, size, mtime)

    def open(self, paths: Collection[str]) -> set[str]:
        return self.busy & set(paths)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watch(world: World) -> Watch:
    return Watch(
        "in",
        stable_after=5,
        listing=world.list,
        clock=lambda: world.now,
        wanted=lambda path: path.endswith(".wav"),
        busy=world.open,
    )


def names(events: list[Arrival | Vanished | Returned]) -> list[str]:
    return [os.fspath(arrival.path) for arrival in events if isinstance(arrival, Arrival)]


class TestArrival:
    def test_a_file_comes_once_when_it_has_rested(self, world: World, watch: Watch) -> None:
        world.files["a.wav"] = 10, 1
        assert watch.poll() == []
        world.now += 4.9
        assert watch.poll() == []
        world.now += 0.1
        assert watch.poll() == [Arrival(Path("a.wav"), 10, 1)]
        for _ in range(5):
            world.now += 100
            assert watch.poll() == []

    @pytest.mark.parametrize("change", [(11, 1), (10, 2)])
    def test_while_size_or_time_change_it_has_not_arrived(
        self, world: World, watch: Watch, change: tuple[int, int]
    ) -> None:
        world.files["a.wav"] = 10, 1
        watch.poll()
        world.now += 4
        world.files["a.wav"] = change
        assert watch.poll() == []
        world.now += 4
        assert watch.poll() == []
        world.now += 1
        assert watch.poll() == [Arrival(Path("a.wav"), *change)]

    def test_a_file_written_again_comes_again(self, world: World, watch: Watch) -> None:
        world.files["a.wav"] = 10, 1
        watch.poll()
        world.now += 5
        assert names(watch.poll()) == ["a.wav"]
        world.files["a.wav"] = 10, 2
        assert watch.poll() == []
        world.now += 5
        assert watch.poll() == [Arrival(Path("a.wav"), 10, 2, again=True)]

    def test_an_empty_file_waits_for_its_content(self, world: World, watch: Watch) -> None:
        world.files["a.wav"] = 0, 1
        watch.poll()
        world.now += 500
        assert watch.poll() == []
        world.files["a.wav"] = 10, 1
        watch.poll()
        world.now += 5
        assert names(watch.poll()) == ["a.wav"]

    def test_a_file_that_is_open_for_writing_has_not_arrived(self, world: World, watch: Watch) -> None:
        world.files["a.wav"] = 10, 1
        world.busy.add("a.wav")
        for _ in range(5):
            assert watch.poll() == []
            world.now += 60
        world.busy.clear()
        assert names(watch.poll()) == ["a.wav"]

    def test_what_is_not_wanted_is_asked_about_once(self, world: World) -> None:
        asked: list[str] = []
        watch = Watch(
            "in",
            stable_after=0,
            listing=world.list,
            clock=lambda: world.now,
            wanted=lambda path: bool(asked.append(path)),
            busy=world.open,
        )
        world.files["a.txt"] = 10, 1
        for _ in range(4):
            watch.poll()
        assert asked == ["a.txt"]
        world.files["a.txt"] = 11, 2
        watch.poll()
        assert asked == ["a.txt", "a.txt"]

    def test_the_oldest_comes_first(self, world: World, watch: Watch) -> None:
        world.files = {"b.wav": (1, 30), "a.wav": (1, 20), "d.wav": (1, 10), "c.wav": (1, 10)}
        watch.poll()
        world.now += 5
        assert names(watch.poll()) == ["c.wav", "d.wav", "a.wav", "b.wav"]

    def test_a_file_that_leaves_before_it_is_stable_begins_anew(self, world: World, watch: Watch) -> None:
        world.files["a.wav"] = 10, 1
        watch.poll()
        del world.files["a.wav"]
        world.now += 5
        assert watch.poll() == []
        world.files["a.wav"] = 10, 1
        assert watch.poll() == []


class TestFolder:
    def test_that_it_vanished_and_returned_is_reported_once(self, world: World, watch: Watch) -> None:
        world.files["a.wav"] = 10, 1
        watch.poll()
        world.now += 5
        watch.poll()
        world.gone = True
        assert watch.poll() == [Vanished("No such file or directory")]
        assert watch.poll() == []
        world.gone = False
        world.now += 100
        assert watch.poll() == [Returned()]
        world.now += 100
        assert watch.poll() == []

    @pytest.mark.slow
    def test_a_share_that_is_empty_while_unmounted_forgets_nothing(self, world: World, watch: Watch) -> None:
        world.files = {f"{n}.wav": (10, 1) for n in range(30_000)}
        watch.poll()
        world.now += 5
        assert len(watch.poll()) == 30_000
        files, world.files = world.files, {}
        world.now += 5
        watch.poll()
        world.files = files
        for _ in range(3):
            world.now += 5
            assert watch.poll() == []

    @pytest.mark.slow
    def test_files_that_leave_are_forgotten_in_the_end(self, world: World, watch: Watch) -> None:
        for round in range(60):
            world.files = {f"{round}-{n}.wav": (10, 1) for n in range(1000)}
            watch.poll()
            world.now += 5
            assert len(watch.poll()) == 1000
        assert len(watch._known) < 15_000


Step = st.tuples(
    st.sampled_from(["write", "remove", "wait", "vanish", "return"]), st.sampled_from("abc"), st.integers(0, 3)
)


@given(st.lists(Step, max_size=60))
def test_whatever_happens_each_state_comes_at_most_once_and_rested(steps: list[tuple[str, str, int]]) -> None:
    world = World()
    watch = Watch(
        "in", stable_after=2, listing=world.list, clock=lambda: world.now, wanted=lambda _: True, busy=world.open
    )
    came: list[Arrival] = []
    written = {"a": 0.0, "b": 0.0, "c": 0.0}
    for number, (what, name, amount) in enumerate(steps):
        match what:
            case "write":
                world.files[name] = (amount, number)
                written[name] = world.now
            case "remove":
                world.files.pop(name, None)
            case "wait":
                world.now += amount
            case _:
                world.gone = what == "vanish"
        for event in watch.poll():
            if isinstance(event, Arrival):
                assert event.size > 0 and world.now - written[os.fspath(event.path)] >= 2
                came.append(event)
    assert len(set(came)) == len(came)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            *("film.mp4.part", "film.mp4.crdownload", "film.tmp", "film.mp4~", "~film.mp4", "~$talk.wav", ".film.mp4"),
            *("film.temp.mp4", "film.TMP.mp4", "film.f137.mp4.ytdl", "a.wav.!qB", "a.wav.filepart", ".#a.wav"),
        ],
    )
    def test_partial_files_and_hidden_ones_are_known_by_name(self, name: str) -> None:
        assert is_partial(name)

    @pytest.mark.parametrize(
        "name", ["film.mp4", "part.mp4", "tmp", "my.part.two.mp4", "v1.2.wav", "a~b.wav", "映画.mkv"]
    )
    def test_others_are_whole(self, name: str) -> None:
        assert not is_partial(name)


class TestListed:
    def test_files_and_what_links_to_files(self, tmp_path: Path) -> None:
        (tmp_path / "a.wav").write_bytes(b"12345")
        (tmp_path / "link.wav").symlink_to("a.wav")
        (tmp_path / "nowhere.wav").symlink_to("missing.wav")
        (tmp_path / "loop.wav").symlink_to("loop.wav")
        os.mkfifo(tmp_path / "pipe.wav")
        found = {Path(seen.path).name: seen for seen in listed(os.fspath(tmp_path), True)}
        assert set(found) == {"a.wav", "link.wav"}
        status = (tmp_path / "a.wav").stat()
        assert (found["link.wav"].size, found["link.wav"].mtime_ns) == (5, status.st_mtime_ns)

    def test_folders_below_only_if_asked_and_loops_of_links_end(self, tmp_path: Path) -> None:
        (tmp_path / "deep" / "deeper").mkdir(parents=True)
        (tmp_path / ".hidden").mkdir()
        for place in (".", "deep", "deep/deeper", ".hidden"):
            (tmp_path / place / "a.wav").write_bytes(b"1")
        (tmp_path / "deep" / "up").symlink_to(tmp_path, target_is_directory=True)
        assert len(list(listed(os.fspath(tmp_path), False))) == 1
        assert len(list(listed(os.fspath(tmp_path), True))) == 3

    def test_a_file_next_to_which_a_downloader_keeps_its_notes_is_partial(self, tmp_path: Path) -> None:
        for name in ("a.mp4", "a.mp4.aria2", "b.mp4", "b.mp4.part", "c.mp4"):
            (tmp_path / name).write_bytes(b"1")
        assert [Path(seen.path).name for seen in listed(os.fspath(tmp_path), False)] == ["c.mp4"]

    def test_a_folder_that_is_missing_is_an_error_one_below_is_not(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            list(listed(os.fspath(tmp_path / "nowhere"), True))
        with pytest.raises(NotADirectoryError):
            (tmp_path / "file").write_bytes(b"1")
            list(listed(os.fspath(tmp_path / "file"), True))


class TestOpenForWriting:
    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux shows what is open")
    def test_a_writer_is_seen_a_reader_is_not(self, tmp_path: Path) -> None:
        paths = [os.fspath(tmp_path / name) for name in ("read.wav", "written.wav", "closed.wav")]
        for path in paths:
            Path(path).write_bytes(b"1")
        (tmp_path / "link.wav").symlink_to("written.wav")
        link = os.fspath(tmp_path / "link.wav")
        with open(paths[0], "rb"), open(paths[1], "ab"):  # noqa: PTH123
            assert open_for_writing(paths) == {paths[1]}
            assert open_for_writing([*paths, link]) == {paths[1], link}
        assert open_for_writing(paths) == set()


def test_a_real_recording_comes_and_a_text_does_not(tmp_path: Path) -> None:
    excerpt(tmp_path / "talk.wav", 0.5)
    (tmp_path / "notes.txt").write_text("not media")
    watch = Watch(tmp_path, stable_after=0)
    assert names(watch.poll()) == [os.fspath(tmp_path / "talk.wav")]
    assert watch.poll() == []
