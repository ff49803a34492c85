"""Which engine runs a model of NVIDIA's, and which file of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from crisp_align.errors import CrispAlignError, ModelError, OptionError
from crisp_align.models import store as models
from crisp_align_backends.runtimes import _best, _named
from tests.hub import fill_cache

V3, V2 = "nvidia/parakeet-tdt-0.6b-v3", "nvidia/parakeet-tdt-0.6b-v2"
CHECKPOINT = {
    "config.json": b'{"model_type": "parakeet_tdt"}',
    "model.safetensors": b"w",
    "tokenizer.json": b"{}",
    "processor_config.json": b"{}",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, whatever this machine has."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_auto_is_the_best_that_is_here_and_that_the_engine_reads(cache: Path) -> None:
    fill_cache(cache, V3, CHECKPOINT)
    fill_cache(cache, V2, {"parakeet-tdt-0.6b-v2.nemo": b"archive"})
    assert _best("parakeet", "auto") == "parakeet-tdt-0.6b-v3"
    assert _best("parakeet", "transformers") == "parakeet-tdt-0.6b-v3"
    assert _best("parakeet", "nemo") == "parakeet-tdt-0.6b-v2.nemo"


def test_auto_passes_an_archive_over_that_transformers_cannot_read(cache: Path) -> None:
    fill_cache(cache, V3, {"parakeet-tdt-0.6b-v3.nemo": b"archive"})
    fill_cache(cache, "nvidia/parakeet-ctc-0.6b", CHECKPOINT)
    assert _best("parakeet", "auto") == "parakeet-tdt-0.6b-v3.nemo"
    assert _best("parakeet", "transformers") == "parakeet-ctc-0.6b"


@pytest.mark.parametrize("runtime", ["nemo", "transformers"])
def test_auto_never_stands_for_what_is_not_here(cache: Path, runtime: str) -> None:
    fill_cache(cache, V3, CHECKPOINT if runtime == "nemo" else {"parakeet-tdt-0.6b-v3.nemo": b"archive"})
    with pytest.raises(ModelError, match="not installed|weights for .* on this machine; .* models pull parakeet"):
        _best("parakeet", runtime)


@pytest.mark.parametrize(
    ("family", "model", "runtime", "name"),
    [
        ("parakeet", "parakeet-tdt-0.6b-v2", "auto", "parakeet-tdt-0.6b-v2.nemo"),
        ("parakeet", V2, "auto", "parakeet-tdt-0.6b-v2.nemo"),
        ("parakeet", V2, "nemo", "parakeet-tdt-0.6b-v2.nemo"),
        ("canary", "Canary-1B-Flash", "auto", "canary-1b-flash.nemo"),
        ("parakeet", "parakeet-tdt-0.6b-v3", "auto", "parakeet-tdt-0.6b-v3"),
        ("parakeet", "parakeet-tdt-0.6b-v3", "nemo", "parakeet-tdt-0.6b-v3.nemo"),
        ("parakeet", V3, "nemo", "parakeet-tdt-0.6b-v3.nemo"),
        ("parakeet", "parakeet-ctc-1.1b", "nemo", "nvidia/parakeet-ctc-1.1b.nemo"),
        ("parakeet", "someone/parakeet-xl", "nemo", "someone/parakeet-xl.nemo"),
        ("parakeet", "someone/parakeet-xl", "auto", "someone/parakeet-xl"),
        ("parakeet", "mine.nemo", "auto", "mine.nemo"),
    ],
)
def test_a_name_stands_for_its_archive_where_nemo_is_to_run_it(
    family: models.Family, model: str, runtime: str, name: str
) -> None:
    assert _named(family, model, runtime) == name


def test_the_archive_of_a_name_is_found_in_the_cache(cache: Path) -> None:
    snapshot = fill_cache(cache, V2, {"parakeet-tdt-0.6b-v2.nemo": b"archive"})
    for name in ("parakeet-tdt-0.6b-v2", "parakeet-tdt-0.6b-v2.nemo", V2):
        assert models.find_local("parakeet", name) == snapshot / "parakeet-tdt-0.6b-v2.nemo"
    other = fill_cache(cache, "nvidia/parakeet-ctc-1.1b", {"parakeet-ctc-1.1b.nemo": b"archive"})
    assert (
        models.find_local("parakeet", _named("parakeet", "parakeet-ctc-1.1b", "nemo"))
        == other / "parakeet-ctc-1.1b.nemo"
    )


def test_a_folder_is_none_that_nemo_reads(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no .nemo archive"):
        _named("parakeet", str(tmp_path), "nemo")


def test_a_name_that_is_nobodys_stays_unknown() -> None:
    with pytest.raises(CrispAlignError, match="no parakeet model has this name"):
        models.find_local("parakeet", _named("parakeet", "parakeet-tdt-0.6b-v9", "auto"))
