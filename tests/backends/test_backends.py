"""Backends as the command sees them: listed without being imported, refused with a command that helps, replaceable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from crisp_align import cli
from crisp_align.aligners import aligner_names
from crisp_align.backends import (
    Backend,
    BackendProfile,
    DecodeOptions,
    Engine,
    LoadOptions,
    ModelChoice,
    backend_class,
    backend_names,
    load_backend,
)
from crisp_align.errors import CrispAlignError, MissingDependencyError, ModelError, OptionError
from crisp_align.languages import NAMES
from crisp_align.pipeline.settings import Settings
from tests.command import JFK, run
from tests.plugin import install_plugin

ROOT = Path(__file__).parents[2]
ENGINES = {"torch", "transformers", "ctranslate2", "onnxruntime", "nemo", "faster_whisper"}


@pytest.mark.parametrize("name", backend_names())
def test_every_backend_says_what_it_can_do(name: str) -> None:
    backend = backend_class(name)
    assert isinstance(backend, type)
    assert backend.name == name
    profile = backend.profile
    assert isinstance(profile, BackendProfile)
    assert profile.capabilities.languages is None or profile.capabilities.languages <= set(NAMES)
    assert all(engine.install.startswith("pip install") for engine in profile.engines)


def test_backends_import_no_engine_until_they_load() -> None:
    names = ", ".join(f"crisp_align_backends.{name}" for name in ("whisper", "qwen3_asr", "parakeet", "canary"))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {names}"], capture_output=True, text=True, check=True
    )
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "crisp_align_backends" in imported
    assert not imported & ENGINES


@pytest.mark.slow
def test_the_list_tells_engines_and_models() -> None:
    done = run("backends")
    assert done.returncode == 0
    for name in ("canary", "parakeet", "qwen3-asr", "whisper"):
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)
    assert "25 languages, to be named with -l" in done.stdout
    assert re.search(r"nemo: (installed|pip install \"crisp-align\[nemo\]\")", done.stdout)
    assert "models here: " in done.stdout


def test_an_engine_that_is_missing_is_not_installed() -> None:
    assert Engine("here", ("json",), "").is_installed
    assert not Engine("gone", ("json", "no_such_engine"), "").is_installed
    assert not Engine("gone", ("no_such_engine.part",), "").is_installed


@pytest.mark.slow
@pytest.mark.parametrize("model", ["owner/model", "auto"])
@pytest.mark.parametrize(
    ("asked", "command"),
    [
        (["qwen3-asr"], 'pip install "crisp-align[qwen]"'),
        (["parakeet"], 'pip install "crisp-align[nvidia]"'),
        (["canary"], 'pip install "crisp-align[nvidia]"'),
        (["parakeet", "--runtime", "nemo"], 'pip install "crisp-align[nemo]"'),
        (["canary", "--runtime", "nemo"], 'pip install "crisp-align[nemo]"'),
    ],
    ids=" ".join,
)
def test_a_missing_engine_is_named_with_the_command_that_installs_it(
    tmp_path: Path, asked: list[str], command: str, model: str
) -> None:
    """Whether or not there are weights: without an engine they are of no use."""
    hidden = (
        "import sys, importlib.abc\n"
        "class Hide(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'transformers', 'nemo'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    (tmp_path / "sitecustomize.py").write_text(hidden)
    done = run(str(JFK), "--backend", *asked, "-m", model, "-l", "en", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 3
    assert command in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize("device", ["banana", "cuda:x"])
def test_a_device_that_does_not_exist_is_wrong_usage(tmp_path: Path, backend: str, device: str) -> None:
    code = cli._run(
        [str(JFK), "--backend", backend, "-osrt", "-of", str(tmp_path / "out"), "-l", "en", "--device", device]
    )
    assert code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("aligner", aligner_names())
def test_so_it_is_with_every_aligner(tmp_path: Path, aligner: str) -> None:
    asked = ["align", str(JFK), "--text", "And so", "-am", aligner, "-osrt", "-of", str(tmp_path / "out")]
    assert cli._run([*asked, "--device", "banana"]) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["parakeet", "--translate"], "Parakeet does not translate"),
        (["parakeet", "-l", "ja"], "Parakeet does not know Japanese"),
        (["canary"], "Canary cannot detect which language is spoken"),
        (["canary", "-l", "de", "--translate", "--target-language", "fr"], "from or into English"),
        (["canary", "-l", "en", "--translate"], "cannot translate from English into English"),
        (["qwen3-asr", "-l", "en", "--translate"], "Qwen3-ASR does not translate"),
        (["qwen3-asr", "-bs", "3"], "Qwen3-ASR takes no --beam-size"),
        (["whisper", "-l", "fil"], "Whisper does not know Filipino"),
        (["whisper", "--translate", "--target-language", "de"], "Whisper does not translate into German"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_no_model_can_do_is_refused_before_weights_are_looked_for(
    tmp_path: Path, asked: list[str], said: str
) -> None:
    done = run(str(JFK), "--backend", *asked, "-m", "no/such-model", "-osrt", "-of", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "no/such-model" not in done.stderr


def documented(fence: str) -> str:
    """The code of the page on backends, fenced as `fence`."""
    page = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
    found = re.search(rf"```{fence}\n(.*?)```", page, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.slow
def test_a_backend_from_another_package_works_by_name(tmp_path: Path) -> None:
    """The one on the page about backends, as a wheel that pip installs."""
    wheel = tmp_path / "beeps-1.0-py3-none-any.whl"
    entry = re.search(r"^beeps = \"(.*)\"", documented("toml"), re.MULTILINE)
    assert entry
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("beeps.py", documented("python"))
        packed.writestr("beeps-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: beeps\nVersion: 1.0\n")
        packed.writestr("beeps-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr("beeps-1.0.dist-info/entry_points.txt", f"[crisp_align.backends]\nbeeps = {entry[1]}\n")
        packed.writestr("beeps-1.0.dist-info/RECORD", "")
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(site), str(wheel)],
        check=True,
    )
    env = {"PYTHONPATH": os.fspath(site)}
    done = run(str(JFK), "--backend", "beeps", "-am", "native", "-osrt", "-of", "out", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert "beep" in (tmp_path / "out.srt").read_text()
    assert 'beeps      Writes "beep" for every clip.' in run("backends", env=env).stdout
    refused = run(str(JFK), "--backend", "beeps", "--translate", env=env)
    assert (refused.returncode, "does not translate" in refused.stderr) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def (", "does not import (SyntaxError: invalid syntax"),
        ("raise OSError('libfoo.so.1 is not there')", "does not import (OSError: libfoo.so.1 is not there)"),
        ("", "does not import (AttributeError: module 'broken' has no attribute 'Broken')"),
    ],
)
def test_a_broken_package_is_told_and_the_list_goes_on(tmp_path: Path, code: str, said: str) -> None:
    env = {"PYTHONPATH": install_plugin(tmp_path, "broken", code, "Broken")}
    listed = run("backends", env=env)
    assert listed.returncode == 0, listed.stderr
    assert said in listed.stdout
    assert "Whisper" in listed.stdout
    asked = run(str(JFK), "--backend", "broken", "-osrt", "--output-dir", str(tmp_path / "out"), env=env)
    assert (asked.returncode, said in asked.stderr, len(asked.stderr.splitlines())) == (3, True, 1)


@pytest.mark.parametrize(
    ("trouble", "kind", "said"),
    [
        ("ValueError('odd weights')", ModelError, "backend 'grumpy' does not load (ValueError: odd weights)"),
        ("ImportError('no engine')", MissingDependencyError, "does not load (no engine)"),
        ("OptionError('no such device')", OptionError, "no such device"),
    ],
)
def test_whatever_goes_wrong_while_loading_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str, kind: type[CrispAlignError], said: str
) -> None:
    code = (
        "from crisp_align.backends import BackendProfile, Capabilities\nfrom crisp_align.errors import *\n"
        "class Grumpy:\n    profile = BackendProfile(capabilities=Capabilities('Grumpy'), max_clip=1.0)\n"
        f"    def load(*_): raise {trouble}\n"
    )
    monkeypatch.syspath_prepend(install_plugin(tmp_path, "grumpy", code, "Grumpy"))
    monkeypatch.delitem(sys.modules, "grumpy", raising=False)
    with pytest.raises(kind) as told:
        load_backend("grumpy")
    assert said in str(told.value)


def test_the_documented_backend_satisfies_the_protocol() -> None:
    scope: dict[str, object] = {}
    exec(documented("python"), scope)  # the page's own code
    made = scope["Beeps"]
    assert isinstance(made, type)
    assert isinstance(made(), Backend)


@pytest.mark.parametrize(("named", "code"), [("English", "en"), ("zh-Hant", "zh"), ("auto", None), (None, None)])
def test_languages_are_kept_by_their_codes(named: str | None, code: str | None) -> None:
    assert DecodeOptions(language=named, target_language="German") == DecodeOptions(language=code, target_language="de")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(OptionError, match="unknown language 'Klingon'"):
        DecodeOptions(language="Klingon")


@pytest.mark.parametrize(
    "load", [LoadOptions(runtime="banana"), LoadOptions(dtype="int3"), LoadOptions(extra=(("a", "b"),))]
)
def test_what_no_backend_and_no_aligner_knows_is_refused_wherever_it_stands(load: LoadOptions) -> None:
    for choices in ({"backend": ModelChoice(load=load)}, {"aligner": ModelChoice(load=load)}):
        with pytest.raises(OptionError, match="nothing here knows the .*; use "):
            Settings(**choices)


@pytest.mark.slow
def test_a_runtime_of_another_backend_is_refused_on_every_command(tmp_path: Path) -> None:
    aligned = ["align", str(JFK), "--text", "And so"]
    for asked in ([str(JFK)], aligned):
        done = run(*asked, "--runtime", "nemo", "-osrt", "-of", str(tmp_path / "out"))
        assert (done.returncode, "Whisper has no runtime 'nemo'" in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_a_plug_in_without_a_profile_is_an_error_of_one_line(tmp_path: Path) -> None:
    env = {"PYTHONPATH": install_plugin(tmp_path, "mute", "class Mute: ...\n", "Mute")}
    done = run(str(JFK), "--backend", "mute", "-otxt", "--output-dir", str(tmp_path / "out"), env=env)
    assert (done.returncode, "backend 'mute' has no profile" in done.stderr) == (3, True)
