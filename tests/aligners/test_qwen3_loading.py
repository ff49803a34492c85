"""How the forced aligner is found: by what is asked for, what the Hugging Face cache holds, and in which layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from crisp_align.aligners import Utterance
from crisp_align.aligners.chain import AlignerChain
from crisp_align.aligners.qwen3.aligner import Qwen3Aligner
from crisp_align.backends import LoadOptions, ModelChoice
from crisp_align.errors import ModelError
from crisp_align.text.units import split_units
from crisp_align.transcript import Clip
from tests.command import run
from tests.hub import fill_cache, hub
from tests.tiny import qwen3_aligner

pytestmark = pytest.mark.engine

pytest.importorskip("torch")
pytest.importorskip("transformers", minversion="5.17")

SAMPLES = Path(__file__).parents[2] / "samples"
CHECKPOINT = Path(__file__).parents[1] / "data" / "qwen3-aligner-jfk"
TEXT = "And so, my fellow Americans, ask not"
ORIGINAL = "Qwen/Qwen3-ForcedAligner-0.6B"
HF = "Qwen/Qwen3-ForcedAligner-0.6B-hf"
OTHER_HF = "bezzam/Qwen3-ForcedAligner-0.6B-hf"
OFFLINE = LoadOptions(offline=True)

Cached = Callable[[str], Path]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes | Path]]:
    """The files of each repository; one layout of each name, all with the same weights."""
    root = tmp_path_factory.mktemp("weights")
    qwen3_aligner(root / "hf", "hf")
    qwen3_aligner(root / "original", "original")
    folders = {ORIGINAL: "original", HF: "hf", OTHER_HF: "hf"}
    return {repo: {file.name: file for file in (root / folder).iterdir()} for repo, folder in folders.items()}


@pytest.fixture
def cached(weights: dict[str, dict[str, bytes | Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cached:
    """Put a repository into a Hugging Face cache that is otherwise empty."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return lambda repo: fill_cache(tmp_path / "hub", repo, weights[repo])


def spans(aligner: Qwen3Aligner) -> object:
    samples = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    (result,) = aligner.align([Utterance(Clip(samples, 0.0, "noise"), tuple(split_units("And so", "en")), "en")])
    assert isinstance(result, tuple)
    return result


@pytest.mark.parametrize("repo", [ORIGINAL, HF, OTHER_HF])
@pytest.mark.parametrize("name", ["auto", "qwen3", "qwen3-forced-aligner", "Qwen3-ForcedAligner"])
def test_short_names_and_auto_take_what_the_cache_has(cached: Cached, name: str, repo: str) -> None:
    folder = cached(repo)
    found = Qwen3Aligner.load(name, OFFLINE, None)
    assert found.model in (repo, repo.split("/")[1].lower())
    assert spans(found) == spans(Qwen3Aligner.load(str(folder), OFFLINE, None))


@pytest.mark.parametrize(
    ("name", "repo"),
    [
        (ORIGINAL, ORIGINAL),
        (ORIGINAL.lower(), ORIGINAL),
        ("qwen3-forcedaligner-0.6b", ORIGINAL),
        (HF, HF),
        ("Qwen3-ForcedAligner-0.6B-HF", HF),
        (OTHER_HF, OTHER_HF),
    ],
)
def test_a_hub_id_or_a_name_of_the_catalogue_takes_that_repository(cached: Cached, name: str, repo: str) -> None:
    folders = {other: cached(other) for other in (ORIGINAL, HF, OTHER_HF)}
    for other, folder in folders.items():
        if other != repo:
            (folder / "model.safetensors").resolve().write_bytes(b"not to be read")
    assert Qwen3Aligner.load(name, OFFLINE, None).model == name


def test_both_layouts_of_a_cache_give_the_same_times(cached: Cached) -> None:
    for repo in (ORIGINAL, HF):
        cached(repo)
    assert spans(Qwen3Aligner.load(ORIGINAL, OFFLINE, None)) == spans(Qwen3Aligner.load(HF, OFFLINE, None))


def test_a_snapshot_cut_short_is_passed_over_for_a_whole_one(cached: Cached) -> None:
    (cached(HF) / "model.safetensors").unlink()
    cached(ORIGINAL)
    assert Qwen3Aligner.load("auto", OFFLINE, None).model == "qwen3-forcedaligner-0.6b"


def test_auto_asks_it_first_where_its_weights_are(cached: Cached) -> None:
    assert AlignerChain(ModelChoice("auto", load=OFFLINE)).names[0] == "hmm"
    cached(HF)
    chain = AlignerChain(ModelChoice("auto", load=OFFLINE))
    assert chain.names[0] == "qwen3"
    assert isinstance(chain.first, Qwen3Aligner)


@pytest.mark.parametrize("name", ["qwen3", "qwen3-forced-aligner", HF])
def test_a_chain_takes_it_by_short_name_and_hub_id(cached: Cached, name: str) -> None:
    cached(HF)
    assert isinstance(AlignerChain(ModelChoice(name, load=OFFLINE)).first, Qwen3Aligner)


@pytest.mark.parametrize("name", ["auto", "qwen3", "qwen3-forced-aligner"])
def test_without_weights_it_says_how_to_get_them(cached: Cached, name: str) -> None:
    with pytest.raises(ModelError, match="is not on this machine") as caught:
        Qwen3Aligner.load(name, OFFLINE, None)
    assert "crisp-align models pull qwen3-forcedaligner-0.6b" in str(caught.value.hint)
    assert "no qwen3-aligner model is on this machine" in str(caught.value.hint)


def test_a_name_that_is_nobodys_is_an_error_that_lists_the_known_ones(cached: Cached) -> None:
    with pytest.raises(ModelError, match="no qwen3-aligner model has this name") as caught:
        Qwen3Aligner.load("qwen3-foreced-aligner-0.6b", OFFLINE, None)
    assert caught.value.hint == "did you mean qwen3-forcedaligner-0.6b?"


def test_what_is_left_out_keeps_nothing_of_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, bytes | Path] = {file.name: file for file in CHECKPOINT.iterdir()}
    fill_cache(tmp_path / "hub", ORIGINAL, {**files, "model.safetensors": b"not weights"})
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    chain = AlignerChain(ModelChoice("auto", load=OFFLINE))
    assert chain.unavailable is not None
    name, error = chain.unavailable
    assert name == "qwen3"
    assert isinstance(error, ModelError)
    assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)


# Through the command, in a process of its own.


def align(tmp_path: Path, *args: str, **env: str) -> tuple[int, list[str]]:
    out = str(tmp_path / "out")
    done = run("align", str(SAMPLES / "jfk.wav"), "--text", TEXT, "-l", "en", "-osrt", "-of", out, *args, env=env)
    return done.returncode, done.stderr.strip().splitlines()


def test_the_command_takes_the_weights_of_the_cache(tmp_path: Path) -> None:
    fill_cache(tmp_path / "hub", ORIGINAL, {file.name: file for file in CHECKPOINT.iterdir()})
    code, said = align(tmp_path, "--offline", HF_HUB_CACHE=str(tmp_path / "hub"))
    assert code == 0, said
    assert said[0] == "crisp-align: aligner qwen3"


@pytest.mark.parametrize("trouble", ["damaged", "no such type"])
def test_weights_that_cannot_be_used_are_left_out_unless_they_were_asked_for(tmp_path: Path, trouble: str) -> None:
    files: dict[str, bytes | Path] = {file.name: file for file in CHECKPOINT.iterdir()}
    if trouble == "damaged":
        files["model.safetensors"] = b"not weights"
    fill_cache(tmp_path / "hub", ORIGINAL, files)
    asked = ["--offline", *(["--dtype", "int8_float32"] if trouble != "damaged" else [])]
    code, said = align(tmp_path, *asked, HF_HUB_CACHE=str(tmp_path / "hub"))
    assert code == 0, said
    assert said[0].startswith("crisp-align: aligner hmm (qwen3 is left out: ")
    for strictly in (["-am", "qwen3"], ["--strict"]):
        code, said = align(tmp_path, *asked, *strictly, HF_HUB_CACHE=str(tmp_path / "hub"))
        assert (code, len(said)) == (2 if "--dtype" in asked else 3, 1)


def test_naming_it_downloads_it_into_the_cache(tmp_path: Path) -> None:
    cache = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "0"}
    with hub({ORIGINAL: {file.name: file.read_bytes() for file in CHECKPOINT.iterdir()}}) as endpoint:
        code, said = align(tmp_path, "-am", "qwen3-forced-aligner", HF_ENDPOINT=endpoint, **cache)
    assert code == 0, said
    assert (tmp_path / "out.srt").is_file()
    code, said = align(tmp_path, "-am", "qwen3", "--offline", **cache)
    assert code == 0, said


def test_the_command_says_in_one_line_that_the_weights_are_not_there(tmp_path: Path) -> None:
    code, said = align(tmp_path, "-am", "qwen3", "--offline", HF_HUB_CACHE=str(tmp_path / "hub"))
    assert code == 3
    assert len(said) == 1
    assert "crisp-align models pull qwen3-forcedaligner-0.6b" in said[0]
    assert not (tmp_path / "out.srt").exists()
