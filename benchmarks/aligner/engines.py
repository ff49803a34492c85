"""The aligner's decoder on other engines than torch: `python -m benchmarks.aligner.engines [--positions 600]`.

Needs `pip install openvino nncf`. The 28 layers of full-size random weights, where nearly all time goes on a CPU, are
given the same states; torch and OpenVINO take turns on the same threads, in float32 and with int8 weights. What counts
is each engine's fastest round.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.aligner.weights import build
from crisp_align.backends import LoadOptions
from crisp_align.models.devices import choose_device
from crisp_align.models.qwen3_checkpoint import inspect, load_weights

Forward = Callable[[torch.Tensor], np.ndarray]


class Decoder(torch.nn.Module):
    """The causal language model of the aligner, from embeddings to states, without a cache."""

    def __init__(self, model: Any, *, masked: bool = False) -> None:
        super().__init__()
        self.layers = model.model.language_model
        self.masked = masked  # OpenVINO is to see the mask; torch's kernel needs none

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Shape (1, positions, width) in and out."""
        count = states.shape[1]
        mask = torch.full((count, count), -1e9).triu(1)[None, None] if self.masked else None
        places = torch.arange(count)[None]
        masks = {"full_attention": mask}
        out = self.layers(inputs_embeds=states, attention_mask=masks, position_ids=places, use_cache=False)
        return out.last_hidden_state  # type: ignore[no-any-return]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aligner.engines", description=__doc__)
    parser.add_argument("--positions", type=int, default=600, help="about 30 s of speech")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/crisp-align-random-aligner"))
    asked = parser.parse_args()
    threads = asked.threads or LoadOptions().cpu_threads
    torch.set_num_threads(threads)
    folder = build(asked.folder)
    states = torch.randn(1, asked.positions, 1024, generator=torch.Generator().manual_seed(0)) * 0.02
    engines: dict[str, Forward] = {}
    for dtype in ("float32", "int8"):
        model = load_weights(inspect(folder, "aligner"), choose_device(LoadOptions(device="cpu", dtype=dtype)))
        engines[f"torch {dtype}"] = _torch(Decoder(model).eval())
        if dtype == "float32":
            engines |= _openvino(Decoder(model, masked=True).eval(), states, threads)
    exact = engines["torch float32"](states)
    times: dict[str, list[float]] = {name: [] for name in engines}
    apart = {name: float(np.abs(forward(states) - exact).max()) for name, forward in engines.items()}
    for _ in range(asked.rounds):
        for name, forward in engines.items():
            begun = time.perf_counter()
            forward(states)
            times[name].append(time.perf_counter() - begun)
    table = Table(title=f"{asked.positions} positions, {threads} threads, best of {asked.rounds}")
    for column in ("engine", "s", "× torch float32", "farthest state"):
        table.add_column(column, justify="right")
    for name, measured in times.items():
        ratio = min(times["torch float32"]) / min(measured)
        table.add_row(name, f"{min(measured):.2f}", f"{ratio:.2f}", f"{apart[name]:.2g}")
    Console().print(table)


def _torch(decoder: Decoder) -> Forward:
    def forward(states: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            return decoder(states).numpy()  # type: ignore[no-any-return]

    return forward


def _openvino(decoder: Decoder, states: torch.Tensor, threads: int) -> dict[str, Forward]:
    import nncf
    import openvino

    with torch.no_grad():
        converted = openvino.convert_model(decoder, example_input=states)
    exact = {"INFERENCE_NUM_THREADS": threads, "EXECUTION_MODE_HINT": "ACCURACY"}
    fast = {"INFERENCE_NUM_THREADS": threads, "DYNAMIC_QUANTIZATION_GROUP_SIZE": "32"}
    core = openvino.Core()
    made: dict[str, Forward] = {"OpenVINO float32": _compiled(core.compile_model(converted, "CPU", exact))}
    made["OpenVINO int8"] = _compiled(core.compile_model(nncf.compress_weights(converted), "CPU", fast))
    return made


def _compiled(model: Any) -> Forward:
    return lambda states: np.asarray(model(states.numpy())[0])


if __name__ == "__main__":
    main()
