"""What is done stays done and what is not is found again, whoever dies when."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp_align.batch.journal import LEASE, Claim, Journal, JournalRefusal, Stamp, digest, journal_key
from crisp_align.errors import CrispAlignError, OptionError, OutputError
from crisp_align.events import ClipResult
from crisp_align.files.process_identity import current, is_alive
from crisp_align.transcript import Segment, Word

ROOT = Path(__file__).parents[2]
NEW = Stamp(1000, 5)


def clip(number: int = 0, words: int = 3) -> ClipResult:
    said = tuple(Word(f" w{i}", number * 30 + i / 3, number * 30 + (i + 1) / 3, i / 7) for i in range(words))
    segment = Segment("".join(word.text for word in said), said[0].start, said[-1].end, "en", said, "hmm")
    return ClipResult((segment,), (f"notice {number}",), (("qwen3", "hmm", "no Latin"),), "en")


def claimed(found: Claim | JournalRefusal) -> Claim:
    assert isinstance(found, Claim), found
    return found


def refused(found: Claim | JournalRefusal) -> JournalRefusal:
    assert isinstance(found, JournalRefusal), found
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "batch.journal"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "a.srt"


def finish(journal: Journal, key: str, *outputs: Path) -> None:
    claimed(journal.claim(key, NEW, "s"))
    assert journal.writing(key, {path: digest(b"text") for path in outputs}, "note")
    for path in outputs:
        path.write_bytes(b"text")
    assert journal.done(key)


def killed(code: str, *args: object) -> None:
    """Run code that prints a line when it is ready, and end it at once, as a power cut would."""
    command = [sys.executable, "-c", code, *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as run:
        assert run.stdout is not None and run.stdout.readline() == b"ready\n"
        run.send_signal(signal.SIGKILL)


PRELUDE = """
import sys, time
from pathlib import Path
from crisp_align.batch.journal import *
from tests.batch.test_journal import *
journal = Journal(sys.argv[1])
"""


class TestClaims:
    def test_a_new_file_is_to_be_done(self, place: Path) -> None:
        with Journal(place) as journal:
            assert journal.claim("/a.wav", NEW, "s") == Claim("/a.wav", 0, ())
            assert journal.counts() == {"running": 1}

    def test_a_file_is_done_once(self, place: Path, output: Path) -> None:
        with Journal(place) as journal:
            finish(journal, "/a.wav", output)
        with Journal(place) as journal:
            found = refused(journal.claim("/a.wav", NEW, "s"))
            assert (found.reason, found.outputs, found.summary) == ("done", (output,), "note")

    @pytest.mark.parametrize(
        ("stamp", "settings", "layout"),
        [(Stamp(1001, 5), "s", ""), (Stamp(1000, 6), "s", ""), (NEW, "t", ""), (NEW, "s", "l")],
    )
    def test_changed_inputs_and_settings_are_done_anew(
        self, place: Path, output: Path, stamp: Stamp, settings: str, layout: str
    ) -> None:
        with Journal(place) as journal:
            finish(journal, "/a.wav", output)
            assert claimed(journal.claim("/a.wav", stamp, settings, layout)).clips == ()

    def test_a_missing_or_edited_output_is_made_anew_and_a_touched_one_is_not(self, place: Path, output: Path) -> None:
        with Journal(place) as journal:
            finish(journal, "/a.wav", output)
            os.utime(output, (1, 1))
            assert refused(journal.claim("/a.wav", NEW, "s")).reason == "done"
            output.write_bytes(b"TEXT")
            claimed(journal.claim("/a.wav", NEW, "s"))
            finish(journal, "/b.wav", output)
            output.unlink()
            claimed(journal.claim("/b.wav", NEW, "s"))

    def test_another_living_process_is_busy_with_it(self, place: Path) -> None:
        with Journal(place) as one, Journal(place) as other:
            claimed(one.claim("/a.wav", NEW, "s"))
            found = refused(other.claim("/a.wav", NEW, "s"))
            assert found.reason == "busy" and found.by is not None and str(os.getpid()) in str(found.by)
            one.release("/a.wav")
            claimed(other.claim("/a.wav", NEW, "s"))
            assert refused(one.claim("/a.wav", NEW, "s")).reason == "busy"

    def test_closing_gives_back_what_is_claimed(self, place: Path) -> None:
        with Journal(place) as one, Journal(place) as other:
            claimed(one.claim("/a.wav", NEW, "s"))
            one.clip_done("/a.wav", 0, clip())
            one.close()
            assert claimed(other.claim("/a.wav", NEW, "s")).clips == (clip(),)

    def test_what_is_not_ours_is_not_changed(self, place: Path, output: Path) -> None:
        with Journal(place) as one, Journal(place) as other:
            claimed(one.claim("/a.wav", NEW, "s"))
            claimed(other.claim("/b.wav", NEW, "s"))
            assert not other.clip_done("/a.wav", 0, clip())
            assert not other.writing("/a.wav", {output: "x"})
            assert not other.done("/a.wav")
            assert not other.failed("/a.wav", "no")
            assert not other.release("/a.wav")
            assert other.count_crash("/a.wav") == 0
            assert one.clips("/a.wav") == ()
            assert [entry.state for entry in one.entries()] == ["running", "running"]

    @pytest.mark.slow
    def test_a_process_claims_each_file_of_many_once(self, place: Path, tmp_path: Path) -> None:
        code = f"""{PRELUDE}
for number in range(60):
    key = f'/{{number}}.wav'
    if isinstance(journal.claim(key, NEW, 's'), Claim):
        print(key)
        journal.writing(key, {{}})
        journal.done(key)
"""
        runs = [
            subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE, cwd=ROOT)
            for _ in range(3)
        ]
        done = Counter(line for run in runs for line in run.communicate()[0].split())
        assert [run.returncode for run in runs] == [0, 0, 0]
        assert len(done) == 60 and set(done.values()) == {1}


class TestFailures:
    def test_a_failure_is_not_tried_again_unless_asked(self, place: Path) -> None:
        with Journal(place) as journal:
            claimed(journal.claim("/a.wav", NEW, "s"))
            journal.clip_done("/a.wav", 0, clip())
            assert journal.failed("/a.wav", OutputError("the disk is full", subject="a\udcff.srt"), summary="x")
            found = refused(journal.claim("/a.wav", NEW, "s"))
            assert (found.reason, found.error, found.summary) == ("failed", "a\\udcff.srt: the disk is full", "x")
            assert claimed(journal.claim("/a.wav", NEW, "s", retry_failed=True)).clips == (clip(),)

    def test_a_poisonous_file_is_counted_and_quarantined(self, place: Path) -> None:
        with Journal(place) as journal:
            claimed(journal.claim("/a.wav", NEW, "s"))
            assert [journal.count_crash("/a.wav"), journal.count_crash("/a.wav")] == [1, 2]
            journal.failed("/a.wav", "killed its worker twice", quarantine=True)
            assert refused(journal.claim("/a.wav", NEW, "s", "other layout")).reason == "quarantined"
            assert claimed(journal.claim("/a.wav", NEW, "s", retry_failed=True)).tries == 0

    def test_tries_outlive_the_run(self, place: Path) -> None:
        with Journal(place) as journal:
            claimed(journal.claim("/a.wav", NEW, "s"))
            journal.count_crash("/a.wav")
        with Journal(place) as journal:
            assert claimed(journal.claim("/a.wav", NEW, "s")).tries == 1

    def test_a_changed_file_is_tried_again(self, place: Path) -> None:
        with Journal(place) as journal:
            claimed(journal.claim("/a.wav", NEW, "s"))
            journal.failed("/a.wav", "no sound")
            assert claimed(journal.claim("/a.wav", Stamp(1, 1), "s")).tries == 0


class TestClips:
    def test_a_long_file_goes_on_after_its_last_clip(self, place: Path) -> None:
        with Journal(place) as journal:
            claimed(journal.claim("/a.wav", NEW, "s"))
            for number in (0, 1, 2, 4):
                journal.clip_done("/a.wav", number, clip(number))
            journal.release("/a.wav")
            assert claimed(journal.claim("/a.wav", NEW, "s", "other layout")).clips == (clip(0), clip(1), clip(2))

    def test_a_clip_may_be_done_again(self, place: Path) -> None:
        with Journal(place) as journal:
            claimed(journal.claim("/a.wav", NEW, "s"))
            journal.clip_done("/a.wav", 0, clip(0))
            journal.clip_done("/a.wav", 0, clip(1))
            assert journal.clips("/a.wav") == (clip(1),)

    def test_what_is_done_needs_its_clips_no_more(self, place: Path, output: Path) -> None:
        with Journal(place) as journal:
            claimed(journal.claim("/a.wav", NEW, "s"))
            journal.clip_done("/a.wav", 0, clip())
            finish_claimed = journal.writing("/a.wav", {}) and journal.done("/a.wav")
            assert finish_claimed and journal.clips("/a.wav") == ()

    def test_a_clip_of_another_version_is_done_again(self, place: Path) -> None:
        with Journal(place) as journal:
            claimed(journal.claim("/a.wav", NEW, "s"))
            for number in range(3):
                journal.clip_done("/a.wav", number, clip(number))
            with sqlite3.connect(place) as other:
                other.execute("UPDATE clips SET result = '[1, 2]' WHERE number = 1")
            assert journal.clips("/a.wav") == (clip(0),)

    times = st.floats(0, 1e6, allow_nan=False)
    texts = st.text(max_size=8) | st.just("\udcff\0\n'\"\u2028")
    words = st.builds(Word, texts, times, times, st.none() | st.floats(0, 1), st.none() | texts)
    segments = st.builds(
        Segment, texts, times, times, st.none() | texts, st.lists(words, max_size=4).map(tuple), st.none() | texts
    )
    results = st.builds(
        ClipResult,
        st.lists(segments, max_size=3).map(tuple),
        st.lists(texts, max_size=2).map(tuple),
        st.lists(st.tuples(texts, texts, texts), max_size=2).map(tuple),
        st.none() | texts,
    )

    @pytest.mark.slow
    @given(results)
    def test_a_clip_comes_back_as_it_was(self, result: ClipResult) -> None:
        shelf = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"crisp-align-clips-{os.getpid()}"
        shelf.mkdir(exist_ok=True)
        try:
            with Journal(shelf / "j") as journal:
                claimed(journal.claim("/a.wav", NEW, "s"))
                journal.clip_done("/a.wav", 0, result)
                assert journal.clips("/a.wav") == (result,)
        finally:
            shutil.rmtree(shelf)


class TestDeath:
    def test_the_claims_of_a_killed_process_are_free_at_once(self, place: Path) -> None:
        killed(
            f"{PRELUDE}\njournal.claim('/a.wav', NEW, 's'); journal.clip_done('/a.wav', 0, clip())\n"
            "print('ready', flush=True); time.sleep(60)",
            place,
        )
        with Journal(place) as journal:
            assert claimed(journal.claim("/a.wav", NEW, "s")).clips == (clip(),)

    @pytest.mark.slow
    @pytest.mark.parametrize("on_disk", [True, False])
    def test_outputs_that_are_whole_make_a_file_done_whatever_the_last_word_was(
        self, place: Path, output: Path, on_disk: bool
    ) -> None:
        killed(
            f"{PRELUDE}\njournal.claim('/a.wav', NEW, 's'); journal.clip_done('/a.wav', 0, clip())\n"
            "journal.writing('/a.wav', {Path(sys.argv[2]): digest(b'text')}, 'note')\n"
            "print('ready', flush=True); time.sleep(60)",
            place,
            output,
        )
        output.write_bytes(b"text" if on_disk else b"older")
        with Journal(place) as journal:
            found = journal.claim("/a.wav", NEW, "s")
            if on_disk:
                assert refused(found) == JournalRefusal("/a.wav", "done", outputs=(output,), summary="note")
                assert journal.counts() == {"done": 1} and journal.clips("/a.wav") == ()
            else:
                assert claimed(found).clips == (clip(),)

    @pytest.mark.slow
    def test_no_kill_makes_a_file_be_done_twice_or_never(self, place: Path, tmp_path: Path) -> None:
        # Each run writes its files with its own number in them: who finished a file, finished it for good.
        code = """
import sys
from pathlib import Path
from crisp_align.events import ClipResult
from crisp_align.files.atomic import write_atomically
from crisp_align.batch.journal import Claim, Journal, Stamp, digest
journal = Journal(sys.argv[1])
folder, turn = Path(sys.argv[2]), sys.argv[3]
print('ready', flush=True)
for number in range(30):
    key, path = f'/{number}.wav', folder / f'{number}.srt'
    if isinstance(journal.claim(key, Stamp(1000, 5), 's'), Claim):
        journal.clip_done(key, 0, ClipResult(()))
        data = turn.encode()
        journal.writing(key, {path: digest(data)})
        write_atomically(path, data)
        journal.done(key)
"""
        chance, seen = random.Random(6), dict[str, bytes]()
        for turn in range(20):
            command = [sys.executable, "-c", code, str(place), str(tmp_path), str(turn)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as run:
                assert run.stdout is not None and run.stdout.readline() == b"ready\n"
                if turn < 19:  # the last one is left in peace
                    time.sleep(chance.uniform(0, 0.04))
                    run.send_signal(signal.SIGKILL)
            now = {path.name: path.read_bytes() for path in tmp_path.glob("*.srt")}
            assert {name: now.get(name) for name in seen} == seen
            seen = now
        assert run.returncode == 0 and len(seen) == 30
        with Journal(place) as journal:
            assert journal.counts() == {"done": 30}

    def test_a_number_that_another_process_has_now_is_not_the_one_that_died(self) -> None:
        me = current()
        assert is_alive(me) is True
        assert is_alive(replace(me, started=me.started + "1")) is False
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        assert is_alive(replace(me, pid=gone.pid)) is False

    def test_a_process_that_nobody_buried_is_dead(self) -> None:
        with subprocess.Popen(["sleep", "60"]) as child:
            process = psutil.Process(child.pid)
            boot, space, _ = current().started.split()
            started = process.create_time() - (psutil.boot_time() if psutil.LINUX else 0)
            owner = replace(current(), pid=child.pid, started=f"{boot} {space} {started:.2f}")
            assert is_alive(owner) is True
            child.kill()
            while process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
            assert is_alive(owner) is False

    def test_another_machine_is_believed_while_its_heart_beats(self, place: Path) -> None:
        with Journal(place) as here, Journal(place) as there:
            claimed(there.claim("/a.wav", NEW, "s"))
            with sqlite3.connect(place) as other:
                other.execute("UPDATE owners SET host = 'elsewhere', beat = beat - ?", (LEASE + 1,))
            there.beat()
            found = refused(here.claim("/a.wav", NEW, "s"))
            assert found.reason == "busy" and "elsewhere" in str(found.by)
            with sqlite3.connect(place) as other:
                other.execute("UPDATE owners SET beat = beat - ?", (LEASE + 1,))
            claimed(here.claim("/a.wav", NEW, "s"))
            assert not there.writing("/a.wav", {})


class TestFile:
    def test_hostile_names_are_kept(self, place: Path, tmp_path: Path) -> None:
        names = ["new\nline", "quote'\"", "100%", "-dash", "\udcff\udcfe", "映画", "a'; DROP TABLE jobs; --", " "]
        with Journal(place) as journal:
            for name in names:
                finish(journal, journal_key(str(tmp_path / name)), tmp_path / f"{name}.srt")
            found = {entry.key: entry for entry in journal.entries()}
            assert set(found) == {str(tmp_path / name) for name in names}
            assert all(found[str(tmp_path / name)].outputs == (tmp_path / f"{name}.srt",) for name in names)
            assert {refused(journal.claim(key, NEW, "s")).reason for key in found} == {"done"}

    def test_more_entries_than_a_page_come_once_each(self, place: Path) -> None:
        with Journal(place) as journal:
            for number in range(1203):
                journal.claim(f"/{number}", NEW, "s")
            assert sorted(int(entry.key[1:]) for entry in journal.entries()) == list(range(1203))

    def test_a_key_is_a_real_path_or_an_address(self, tmp_path: Path) -> None:
        (tmp_path / "a.wav").write_bytes(b"")
        (tmp_path / "b.wav").symlink_to("a.wav")
        assert journal_key(str(tmp_path / "b.wav")) == str(tmp_path / "a.wav")
        assert journal_key("s3://bucket/a.wav") == "s3://bucket/a.wav"
        with pytest.raises(OptionError, match="standard input"):
            journal_key("-")

    @pytest.mark.parametrize("content", [b"just a text\n", b"RIFF" + bytes(100), b"SQLite format 3\0" + b"noise" * 400])
    def test_a_file_that_is_no_journal_is_refused_and_left(self, place: Path, content: bytes) -> None:
        place.write_bytes(content)
        with pytest.raises(OptionError, match="is no journal of crisp-align; name another file") as caught:
            Journal(place)
        assert caught.value.exit_code == 2
        assert place.read_bytes() == content

    def test_another_program_s_database_is_refused(self, place: Path) -> None:
        with sqlite3.connect(place) as other:
            other.execute("CREATE TABLE t (x)")
        with pytest.raises(OptionError, match="is no journal"):
            Journal(place)

    def test_a_newer_journal_is_refused(self, place: Path) -> None:
        Journal(place).close()
        with sqlite3.connect(place) as other:
            other.execute("PRAGMA user_version = 9")
        with pytest.raises(OptionError, match="of a newer crisp-align"):
            Journal(place)

    def test_a_damaged_journal_is_reported(self, place: Path) -> None:
        with Journal(place) as journal:
            for number in range(400):
                journal.claim(f"/{number}", NEW, "s")
        data = place.read_bytes()
        place.write_bytes(data[:4096] + os.urandom(len(data) - 4096))
        with pytest.raises(CrispAlignError, match="damaged") as caught, Journal(place) as journal:
            list(journal.entries())
        assert "\n" not in str(caught.value)

    def test_what_cannot_be_made_is_reported(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="no such folder"):
            Journal(tmp_path / "nowhere" / "j")
        with pytest.raises(OutputError, match="directory"):
            Journal(tmp_path)
        with pytest.raises(OptionError, match="is no journal"):
            Journal("/dev/null")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_what_may_not_be_written_is_reported(self, place: Path, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(OutputError, match="no permission"):
                Journal(place)
        finally:
            tmp_path.chmod(0o700)

    def test_a_lock_that_is_never_given_up_is_reported(self, place: Path) -> None:
        Journal(place).close()
        other = sqlite3.connect(place, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            with Journal(place, lock_timeout=0.05) as journal, pytest.raises(OutputError, match="keeps it locked"):
                journal.claim("/a.wav", NEW, "s")
        finally:
            other.close()

    @pytest.mark.slow
    def test_many_processes_may_make_it_at_once(self, place: Path) -> None:
        command = [
            sys.executable,
            "-c",
            f"{PRELUDE}\njournal.claim(sys.argv[2], NEW, 's'); journal.close()",
            str(place),
        ]
        runs = [subprocess.Popen([*command, f"/{number}"], cwd=ROOT) for number in range(4)]
        assert [run.wait() for run in runs] == [0] * 4
        with Journal(place) as journal:
            assert journal.counts() == {"waiting": 4}
