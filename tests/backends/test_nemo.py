"""Parakeet and Canary on NeMo: real .nemo archives made from NeMo's own classes, and archives that are traps."""

from __future__ import annotations

import errno
import gzip
import io
import logging
import os
import pickle
import subprocess
import sys
import tarfile
import textwrap
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
yaml = pytest.importorskip("yaml")
torch.set_num_threads(1)

from crisp_align.backends import DecodeOptions, LoadOptions  # noqa: E402
from crisp_align.errors import ModelError, OptionError  # noqa: E402
from crisp_align.transcript import Clip  # noqa: E402
from crisp_align_backends.loops import collapse_repeats  # noqa: E402
from crisp_align_backends.nemo_archive import CONFIG, WEIGHTS, opened  # noqa: E402
from crisp_align_backends.nemo_loading import quiet  # noqa: E402
from crisp_align_backends.runtimes import NEMO  # noqa: E402
from tests import tiny_nemo  # noqa: E402

pytestmark = pytest.mark.engine

needs_nemo = pytest.mark.skipif(not NEMO.is_installed, reason="NeMo is not installed here; `make test-nemo` has it")
PARAKEETS = ("parakeet_tdt", "parakeet_rnnt", "parakeet_ctc", "parakeet_hybrid")
OPTIONS = LoadOptions(device="cpu", threads=1)
SOUND = {"target": "nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel"}


def weights(value: object = None) -> bytes:
    buffer = io.BytesIO()
    torch.save({"layer": torch.zeros(2)} if value is None else value, buffer)
    return buffer.getvalue()


def member(name: str, data: bytes = b"", **changes: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def archive(file: Path, *extra: tuple[tarfile.TarInfo, bytes], config: Any = None, data: bytes | None = None) -> Path:
    """A .nemo file with a configuration, weights and whatever else."""
    written = config if isinstance(config, bytes) else yaml.safe_dump(SOUND if config is None else config).encode()
    with tarfile.open(file, "w") as made:
        for info, content in [member(f"./{CONFIG}", written), member(f"./{WEIGHTS}", data or weights()), *extra]:
            made.addfile(info, io.BytesIO(content))
    return file


def multiplied(first: str, levels: int) -> dict[str, list[str]]:
    """Lists of ten references each to the one before."""
    head = first[: first.rindex("a")]
    return {f"a{i}": [f"{head}a{i - 1}}}" if i else first] * 10 for i in range(levels)}


class Trap:
    """Pickled, it is a call."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_an_archive_is_unpacked_and_gone_afterwards(tmp_path: Path) -> None:
    with opened(archive(tmp_path / "a.nemo", member("sub/tokenizer.model", b"x"))) as nemo:
        assert nemo.target == "EncDecRNNTBPEModel"
        assert (nemo.folder / "sub" / "tokenizer.model").read_bytes() == b"x"
        assert (nemo.folder / WEIGHTS).is_file()
    assert not nemo.folder.exists()


@pytest.mark.parametrize(
    "trap",
    [
        member("../escaped", b"x"),
        member("/tmp/escaped", b"x"),
        member("a/../../escaped", b"x"),
        member("..\\escaped", b"x"),
        member("C:escaped", b"x"),
        member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard", type=tarfile.LNKTYPE, linkname="../../etc/passwd"),
        member("device", type=tarfile.CHRTYPE),
        member("pipe", type=tarfile.FIFOTYPE),
    ],
    ids=lambda trap: trap[0].name,
)
def test_a_member_that_leads_out_of_the_archive_is_refused(tmp_path: Path, trap: tuple[tarfile.TarInfo, bytes]) -> None:
    with (
        pytest.raises(ModelError, match="leads out|no plain file"),
        opened(archive(tmp_path / "a.nemo", trap)),
    ):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nemo"]


def test_an_archive_that_grows_without_measure_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.nemo"
    with tarfile.open(file, "w:gz") as made:
        for name, content in [(CONFIG, b"{}"), (WEIGHTS, bytes(50_000_000))]:
            made.addfile(*[member(name, content)[0], io.BytesIO(content)])
    with pytest.raises(ModelError, match="far more than a model"), opened(file):
        pass


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("packed", [True, False])
def test_a_header_without_measure_is_refused_before_it_is_read(tmp_path: Path, kind: bytes, packed: bool) -> None:
    file = tmp_path / "a.nemo"
    header, _ = member("long", type=kind)
    header.size = 30_000_000
    with gzip.open(file, "wb") if packed else file.open("wb") as written:
        written.write(header.tobuf() + bytes(header.size))
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="a header of more than"), opened(file):
            pass
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_compressed_archive_is_read_too(tmp_path: Path) -> None:
    deep = "/".join(["folder"] * 30 + ["file"])  # too long for one block
    plain = archive(tmp_path / "plain.nemo", member(deep, b"x" * 1024), member("b", b"y"))
    (tmp_path / "a.nemo").write_bytes(gzip.compress(plain.read_bytes()))
    with opened(tmp_path / "a.nemo") as nemo:
        assert (nemo.folder / deep).read_bytes() == b"x" * 1024
        assert (nemo.folder / "b").read_bytes() == b"y"


def test_a_disk_without_room_is_told_for_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(ModelError, match=r"is full; name a folder with .* in the environment variable TMPDIR"):
        opened(archive(tmp_path / "a.nemo")).__enter__()


def test_weights_that_would_run_something_are_refused_and_do_not_run(tmp_path: Path) -> None:
    file = tmp_path / "ran"
    for data in (weights({"layer": Trap(file)}), pickle.dumps({"layer": Trap(file)})):
        with (
            pytest.raises(ModelError, match="do not load safely"),
            opened(archive(tmp_path / "a.nemo", data=data)),
        ):
            pass
    assert not file.exists()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"target": "os.system"}, "to be run"),
        (SOUND | {"encoder": {"_target_": "subprocess.run", "args": ["x"]}}, "to be run"),
        (SOUND | {"tokenizer": [{"x": {"_target_": "builtins.eval"}}]}, "to be run"),
        (SOUND | {"name": "${oc.env:HOME}"}, "to be looked up"),
        (SOUND | {"tokenizer": {"model_path": "nemo:../../secret"}}, "not in it"),
        (SOUND | {"tokenizer": {"model_path": "nemo:missing.model"}}, "not in it"),
        (b"- a\n- b\n", "no model"),
        (b"a: !!python/object/apply:os.system ['true']\n", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (SOUND | {"a": ["x"] * 10} | multiplied("${a}", 5), "references multiply"),
        (SOUND | {"in": {"a": "x"} | multiplied("${..a}", 6)}, "references multiply"),
        (SOUND | {"a": {"b": "${a}"}}, "refers to itself"),
        (SOUND | {"a": "x", "b": "${${a}}"}, "to be looked up"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "it has aliases"),
        (b"a: &a {x: y}\nb: {<<: *a}\n", "it has aliases"),
    ],
)
def test_a_configuration_that_asks_for_more_than_a_model_is_refused(tmp_path: Path, config: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said), opened(archive(tmp_path / "a.nemo", config=config)):
        pass


def test_references_to_other_values_are_left_to_nemo(tmp_path: Path) -> None:
    sizes = {"width": 48, "durations": [0, 1, 2], "names": {"one": "${width}", "same": "${.one}", "up": "${..width}"}}
    config = SOUND | {"sizes": {"list": "${durations[1]}"}, "labels": ["${names}"] * 20} | sizes
    with opened(archive(tmp_path / "a.nemo", config=config)) as nemo:
        assert nemo.config["labels"] == ["${names}"] * 20


def test_no_path_of_the_machine_that_trained_it_is_followed(tmp_path: Path) -> None:
    config = SOUND | {"train_ds": {"manifest_filepath": "/a"}, "tokenizer": {"dir": "/b", "vocab_path": "/etc/passwd"}}
    with opened(archive(tmp_path / "a.nemo", config=config)) as nemo:
        assert "train_ds" not in nemo.config
        assert nemo.config["tokenizer"] == {"dir": str(nemo.folder), "vocab_path": None}
        assert yaml.safe_load((nemo.folder / CONFIG).read_text()) == nemo.config


@pytest.mark.parametrize("content", [b"", b"not a tar archive", b"PK\x03\x04" + bytes(600)])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.nemo").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be unpacked|is no NeMo model"), opened(tmp_path / "a.nemo"):
        pass


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny .nemo files."""
    root = tmp_path_factory.mktemp("nemo")
    for name in (*PARAKEETS, "canary"):
        getattr(tiny_nemo, name)(root / f"{name}.nemo")
    return root


@pytest.fixture(scope="module")
def clips(sample: Callable[[str], Clip]) -> list[Clip]:
    """Clips of unequal length from two sources."""
    jfk, german = sample("jfk.wav"), sample("de-fleurs.wav")
    cuts = [(jfk, 0, 11), (german, 0, 3), (jfk, 0, 0.05), (jfk, 3, 3.7), (german, 1, 5)]
    return [Clip(c.samples[int(a * 16_000) : int(b * 16_000)], a, c.source) for c, a, b in cuts]


@needs_nemo
@pytest.mark.parametrize("kind", PARAKEETS)
def test_parakeet_on_nemo_gives_what_nemo_gives(models: Path, clips: list[Clip], kind: str) -> None:
    from nemo.collections.asr.models import ASRModel

    from crisp_align_backends.parakeet import Parakeet

    backend = Parakeet.load(str(models / f"{kind}.nemo"), OPTIONS)
    heard = backend.transcribe(clips, DecodeOptions(language="en"))
    assert [one.text for one in heard] == [backend.transcribe([c], DecodeOptions())[0].text for c in clips]
    original = ASRModel.restore_from(str(models / f"{kind}.nemo"), map_location="cpu").eval()
    expected = original.transcribe([clips[0].samples], timestamps=True, verbose=False)[0]
    assert heard[0].text == expected.text.strip()
    assert heard[0].words is not None
    assert [(w.text.strip(), w.start, w.end) for w in heard[0].words] == [
        (w["word"], w["start"], w["end"]) for w in expected.timestamp["word"]
    ]
    assert "".join(word.text for word in heard[0].words) == heard[0].text
    assert all(word.score is not None and 0 < word.score <= 1 for word in heard[0].words)
    assert heard[2].text == ""
    assert {one.language for one in heard} == {"en"}


@needs_nemo
def test_canary_on_nemo_gives_what_nemo_gives(models: Path, clips: list[Clip]) -> None:
    from nemo.collections.asr.models import ASRModel

    from crisp_align_backends.canary import Canary

    backend = Canary.load(str(models / "canary.nemo"), OPTIONS)
    options = DecodeOptions("de", translate=True)
    backend.check(options)
    heard = backend.transcribe(clips, options)
    assert [one.text for one in heard] == [backend.transcribe([c], options)[0].text for c in clips]
    original = ASRModel.restore_from(str(models / "canary.nemo"), map_location="cpu").eval()
    expected = original.transcribe([clips[1].samples], source_lang="de", target_lang="en", pnc="yes", verbose=False)[0]
    assert heard[1].text == collapse_repeats(expected.text.strip())
    assert heard[1].text
    assert heard[1].language == "de"


@needs_nemo
def test_an_archive_of_another_kind_is_refused(models: Path) -> None:
    from crisp_align_backends.canary import Canary

    with pytest.raises(ModelError, match="EncDecRNNTBPEModel"):
        Canary.load(str(models / "parakeet_tdt.nemo"), OPTIONS)


def test_what_is_logged_and_warned_of_is_swallowed_and_what_other_threads_say_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inside, said = threading.Event(), threading.Event()

    def work() -> None:
        talker = logging.getLogger("nemo_logger")
        handler = logging.StreamHandler(sys.stderr)
        talker.addHandler(handler)
        with quiet():
            inside.set()
            assert said.wait(10)
            talker.setLevel(logging.WARNING)  # as NeMo does while it transcribes
            talker.warning("noise")
            logging.getLogger("some.library").critical("noise")
            warnings.warn("noise", stacklevel=1)
        talker.removeHandler(handler)

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(10)
    print("a line of ours")
    print("a warning of ours", file=sys.stderr)
    logging.getLogger("some.program").warning("a record of ours")
    said.set()
    worker.join()
    told = capsys.readouterr()
    assert told.out == "a line of ours\n"
    assert told.err.splitlines()[0] == "a warning of ours"
    assert "noise" not in told.err


@needs_nemo
def test_nemo_says_nothing_on_the_terminal_and_loses_nothing_of_ours(models: Path) -> None:
    script = f"""
        import time
        import numpy as np
        from crisp_align.pipeline.background import Background, is_working
        from crisp_align.backends import DecodeOptions, LoadOptions
        from crisp_align.transcript import Clip
        from crisp_align_backends.canary import Canary
        from crisp_align_backends.parakeet import Parakeet

        def work():
            noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype("float32")
            for kind, name in ((Parakeet, "parakeet_tdt"), (Canary, "canary")):
                backend = kind.load(f"{models}/{{name}}.nemo", LoadOptions(device="cpu", threads=1))
                backend.transcribe([Clip(noise, 0.0, "noise")], DecodeOptions(language="en"))
            yield "done"

        running = Background(work())
        lines = 0
        while is_working():
            print(lines)
            lines += 1
            time.sleep(0.02)
        print(*running)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    *lines, end = done.stdout.splitlines() or [""]
    assert (done.returncode, end, done.stderr) == (0, "done", "")
    assert lines == [str(i) for i in range(len(lines))]


@needs_nemo
def test_nemo_is_not_asked_for_an_image_of_a_model(models: Path, tmp_path: Path) -> None:
    from crisp_align_backends.parakeet import Parakeet

    with pytest.raises(OptionError, match="runs on NeMo"):
        Parakeet.load(str(models / "parakeet_tdt.nemo"), LoadOptions(runtime="transformers"))
