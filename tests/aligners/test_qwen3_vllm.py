"""The forced aligner on vLLM: a server on this machine that gives transformers' logits in the bytes of the real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.17")

from crisp_align.aligners import Refusal  # noqa: E402
from crisp_align.aligners.chain import AlignerChain, aligner_load  # noqa: E402
from crisp_align.aligners.qwen3.aligner import Qwen3Aligner  # noqa: E402
from crisp_align.aligners.qwen3.prompt import audio_positions  # noqa: E402
from crisp_align.aligners.qwen3.vllm_engine import serve_command, template_path  # noqa: E402
from crisp_align.backends import LoadOptions, ModelChoice  # noqa: E402
from crisp_align.errors import AlignmentError, ModelError, OptionError  # noqa: E402
from crisp_align.models.server import KEY_VARIABLE, TIMEOUT_VARIABLE  # noqa: E402
from tests.aligners.test_qwen3 import SPOKEN, times, utterance  # noqa: E402
from tests.command import run  # noqa: E402
from tests.servers import Answer, FakeVllm, refusal, serving  # noqa: E402

pytestmark = pytest.mark.engine

JFK = Path(__file__).parents[1] / "data" / "qwen3-aligner-jfk"
SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def parts() -> tuple[Any, Callable[[list[int], Any], Any]]:
    """A tokenizer, and transformers' own pass over all tokens."""
    from crisp_align.models.devices import DeviceChoice
    from crisp_align.models.qwen3_checkpoint import inspect, load_weights

    model = load_weights(inspect(JFK, "aligner"), DeviceChoice("cpu", "float32"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(JFK)
    extractor = transformers.Qwen3ASRFeatureExtractor()

    def logits(ids: list[int], samples: Any) -> Any:
        features = extractor([samples], sampling_rate=16_000, return_attention_mask=True, return_tensors="pt")
        mask = features.get("input_features_mask", features.get("attention_mask"))
        start, audio, end = tokenizer.convert_tokens_to_ids(["<|audio_start|>", "<|audio_pad|>", "<|audio_end|>"])
        whole = [start, *[audio] * audio_positions(int(mask.sum())), end, *ids]
        with torch.inference_mode():
            found = model(
                input_ids=torch.tensor([whole]),
                input_features=features["input_features"],
                input_features_mask=mask,
            ).logits[0]
        return found.numpy()

    return tokenizer, logits


@pytest.fixture
def fake(parts: tuple[Any, Callable[[list[int], Any], Any]]) -> FakeVllm:
    return FakeVllm("aligner", *parts)


@pytest.fixture
def url(fake: FakeVllm) -> Iterator[str]:
    with serving(fake) as address:
        yield address


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time between attempts."""
    monkeypatch.setenv(TIMEOUT_VARIABLE, "20")
    monkeypatch.setattr("crisp_align.models.server._FIRST_PAUSE", 0.01)


def aligner(*urls: str, decode: Any = "upstream") -> Qwen3Aligner:
    return Qwen3Aligner.load("qwen3", LoadOptions(align_decode=decode, servers=urls), None)


@pytest.fixture(scope="module")
def local() -> Qwen3Aligner:
    return Qwen3Aligner.load(str(JFK), LoadOptions(align_decode="upstream", dtype="float32", device="cpu"), None)


def test_times_are_those_of_the_network_here_in_every_language(url: str, local: Qwen3Aligner) -> None:
    asked = [utterance(language) for language in SPOKEN]
    assert times(aligner(url).align(asked)) == times(local.align(asked))


def test_connections_are_kept(fake: FakeVllm, url: str) -> None:
    engine = aligner(url)
    before = fake.connections
    for _ in range(3):
        engine.align([utterance("it")])
    assert fake.connections - before <= 3
    assert len(fake.requests) >= 8


def test_several_servers_share_the_clips(parts: Any, local: Qwen3Aligner) -> None:
    fakes = [FakeVllm("aligner", *parts) for _ in range(2)]
    with serving(fakes[0]) as one, serving(fakes[1]) as two:
        both = aligner(one, two)
        for fake in fakes:
            fake.requests.clear()
        asked = [utterance(language) for language in ("it", "fr", "de", "ko", "ru", "ja")]
        assert times(both.align(asked)) == times(local.align(asked))
    assert all(any(path == "/pooling" for path, _ in fake.requests) for fake in fakes)


def test_a_key_of_the_environment_is_sent_and_nothing_else(
    fake: FakeVllm, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aligner(url)
    assert set(fake.keys) == {None}
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    fake.keys.clear()
    aligner(url)
    assert set(fake.keys) == {"Bearer secret"}


# A server that fails costs its own requests.


def test_of_two_servers_one_that_dies_is_done_without(quick: None, parts: Any, local: Qwen3Aligner) -> None:
    fakes = [FakeVllm("aligner", *parts) for _ in range(2)]
    with ExitStack() as stack:
        one, two = (stack.enter_context(serving(fake)) for fake in fakes)
        both = aligner(one, two)
        fakes[0].trouble = lambda path: (0, b"", {})
        asked = [utterance(language) for language in ("it", "fr", "de", "ko")]
        assert times(both.align(asked)) == times(local.align(asked))


def test_a_moment_of_trouble_is_waited_out(quick: None, fake: FakeVllm, url: str, local: Qwen3Aligner) -> None:
    engine = aligner(url)
    troubles: list[Answer] = [refusal(503, "busy"), (0, b"", {}), refusal(429, "slow down")]
    fake.trouble = lambda path: troubles.pop() if troubles else None
    assert times(engine.align([utterance("it")])) == times(local.align([utterance("it")]))


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ((0, b"", {}), "gets no answer from http"),
        ((-2, b"", {}), "nothing within the time-out"),
        (refusal(500, "CUDA error"), "CUDA error"),
        (refusal(400, "audio too long"), "audio too long"),
        ((200, b"{}", {}), "gets no token ids"),
        ((200, b"<html>", {}), "gets no JSON"),
        ((302, b"", {"Location": "http://example.org/"}), "status 302"),
    ],
)
def test_a_server_that_fails_leaves_the_clip_to_the_next_aligner(
    quick: None, fake: FakeVllm, url: str, trouble: Answer, said: str
) -> None:
    engine = aligner(url)
    if trouble[0] == -2:
        engine.engine._pool.timeout = 0.2  # type: ignore[attr-defined]
    fake.trouble = lambda path: trouble
    (result,) = engine.align([utterance("it")])
    assert isinstance(result, Refusal)
    assert said in result.reason
    fake.trouble = lambda path: None
    engine.engine._pool.timeout = 20.0  # type: ignore[attr-defined]
    assert not isinstance(engine.align([utterance("it")])[0], Refusal), "and the next clip is asked for again"


def metadata(answer: Answer, **changes: Any) -> Answer:
    held = json.loads(answer[2]["metadata"])
    held["data"][0] |= changes
    return answer[0], answer[1], answer[2] | {"metadata": json.dumps(held)}


LIES: dict[str, Callable[[Answer], Answer]] = {
    "no metadata": lambda answer: (answer[0], answer[1], {}),
    "metadata is no JSON": lambda answer: (answer[0], answer[1], {"metadata": "{"}),
    "a row too few": lambda answer: metadata((200, answer[1][:-20_000], answer[2]), end=len(answer[1]) - 20_000),
    "another shape": lambda answer: metadata(answer, shape=[1, 5000]),
    "classes of another model": lambda answer: metadata(answer, shape=[5000, 1]),
    "half precision": lambda answer: metadata(answer, embed_dtype="float16"),
    "big endian": lambda answer: metadata(answer, endianness="big"),
    "cut short": lambda answer: (200, answer[1][:-4], answer[2]),
    "too long": lambda answer: (200, answer[1] + bytes(4), answer[2]),
    "not numbers": lambda answer: (200, np.full(len(answer[1]) // 4, np.nan, "<f4").tobytes(), answer[2]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_is_not_believed(quick: None, fake: FakeVllm, url: str, lie: str) -> None:
    engine = aligner(url)
    fake.change = LIES[lie]
    (result,) = engine.align([utterance("it")])
    assert isinstance(result, Refusal)


def test_under_strict_it_is_an_error(quick: None, fake: FakeVllm, url: str) -> None:
    chain = AlignerChain(ModelChoice("qwen3", load=aligner_load("qwen3", LoadOptions(), servers=(url,))), strict=True)
    fake.trouble = lambda path: (0, b"", {})
    with pytest.raises(AlignmentError, match="gets no answer"):
        chain.align([utterance("it")])


# What is checked before any audio is read.


def test_nobody_there(quick: None) -> None:
    with pytest.raises(ModelError, match="is the server running"):
        aligner("http://127.0.0.1:9")


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:8911", "ftp://a", "http://", "http://u:p@a", "http://a:99999", "http://["]
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(OptionError, match="address of a server|has the address"):
        aligner(address)


def test_a_server_of_another_model(url: str) -> None:
    with pytest.raises(ModelError, match="serves aligner"):
        Qwen3Aligner.load("some/other", LoadOptions(servers=(url,)), None)


def test_a_server_started_without_the_template_is_said_with_the_command_that_starts_it(
    fake: FakeVllm, url: str
) -> None:
    fake.trouble = lambda path: (
        refusal(400, "default chat template is no longer allowed") if path == "/pooling" else None
    )
    with pytest.raises(ModelError, match="default chat template") as caught:
        aligner(url)
    assert str(caught.value.hint).startswith("vllm serve aligner ")
    assert "--chat-template " in str(caught.value.hint)


def test_the_template_is_in_the_package_and_makes_the_prompt() -> None:
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Template(Path(template_path()).read_text())
    content = [{"type": "audio"}, {"type": "text", "text": "And<timestamp><timestamp>"}]
    prompt = template.render(messages=[{"role": "user", "content": content}])
    assert prompt == "<|audio_start|><|audio_pad|><|audio_end|>And<timestamp><timestamp>"
    assert template_path() in serve_command()


def test_an_aligner_that_runs_on_no_server_is_an_error() -> None:
    with pytest.raises(OptionError, match="hmm runs on no server"):
        aligner_load("hmm", LoadOptions(), servers=("http://127.0.0.1:1",))


@pytest.mark.parametrize("spelling", [["--align-server"], ["--runtime", "vllm", "--server"], ["--server"]])
def test_the_command_times_every_word_within_a_class_of_its_label(
    tmp_path: Path, url: str, spelling: list[str]
) -> None:
    from tests.aligners.test_qwen3_run import TEXT, assert_within_a_class

    out, jfk = str(tmp_path / "out"), str(SAMPLES / "jfk.wav")
    done = run(
        "align", jfk, "--text", TEXT, "-l", "en", "-am", "qwen3", *spelling, url, "-osrt", "-ml", "1", "-of", out
    )
    assert done.returncode == 0, done.stderr
    assert_within_a_class((tmp_path / "out.srt").read_text())


def test_the_doctor_says_what_a_server_serves(url: str) -> None:
    done = run("doctor", "--server", url)
    assert f"use -am qwen3 --align-server {url}" in done.stdout
    assert f"use --backend qwen3-asr --server {url}" not in done.stdout
    assert "MISSING" not in done.stdout


def test_the_doctor_prints_the_command_that_starts_a_server_whose_template_is_in_the_package() -> None:
    done = run("doctor")
    assert serve_command() in done.stdout
    assert f"--chat-template {template_path()} " in done.stdout


def test_the_doctor_fails_on_a_server_that_is_not_there_or_serves_another_model(fake: FakeVllm, url: str) -> None:
    fake.change = lambda answer: (200, answer[1][:-4], answer[2])
    for address, said in ((url, "bytes of logits"), ("http://127.0.0.1:9", "gets no answer"), ("nonsense", "nonsense")):
        done = run("doctor", "--server", address)
        assert done.returncode == 3
        assert [line for line in done.stdout.splitlines() if "MISSING" in line and said in line], done.stdout
        assert "Traceback" not in done.stderr
