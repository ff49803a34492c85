"""Qwen3-ForcedAligner on torch: clips of like length share a call, in the memory that is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar, Self

from crisp_align.aligners.qwen3.engine import EngineFailure, MarkerLogits, SpokenClip
from crisp_align.aligners.qwen3.prompt import estimate_tokens
from crisp_align.models.batching import in_halves, plan_batches
from crisp_align.models.devices import free_memory, is_out_of_memory
from crisp_align.transcript import SAMPLE_RATE

if TYPE_CHECKING:
    import torch

    from crisp_align.aligners.qwen3.network import Encoded, Network
    from crisp_align.models.devices import DeviceChoice
    from crisp_align.models.qwen3_checkpoint import Checkpoint

__all__ = ["TorchEngine"]

_MAX_BATCH_TOKENS = 65_536  # on a GPU
_BYTES_PER_TOKEN = 65_536  # activations of a token in the widest layer, rounded up


class TorchEngine:
    """transformers' layers, run by our own forward pass."""

    name: ClassVar[str] = "torch"

    def __init__(self, network: Network) -> None:
        self.network = network
        self.token_budget = _token_budget(str(network.device))

    @classmethod
    def load(cls, checkpoint: Checkpoint, placement: DeviceChoice, *, threads: int = 0, compiled: bool = False) -> Self:
        """Load weights of any layout that is read.

        Args:
            checkpoint: what `inspect` found.
            placement: device and type.
            threads: CPU threads; 0: as many as torch takes by itself.
            compiled: compile the decoder first, where the device is a CUDA one.

        Raises:
            ModelError: weights damaged or incomplete, or more than memory holds.
            MissingDependencyError: torch or transformers is not installed.
        """
        import torch

        from crisp_align.aligners.qwen3.network import Network
        from crisp_align.models.qwen3_checkpoint import load_weights

        if threads > 0:
            torch.set_num_threads(threads)
        weights = load_weights(checkpoint, placement)
        if not (compiled and placement.family == "cuda"):
            return cls(Network(checkpoint, weights))
        network = Network(checkpoint, weights, compiler="inductor")
        show_warm_up(network)
        return cls(network)

    def marker_logits(self, clips: Sequence[SpokenClip]) -> Iterator[tuple[int, MarkerLogits | EngineFailure]]:
        """Run the network; see `MarkerEngine.marker_logits`."""
        for batch, encoded in self._encoded(self._batches(clips), clips):
            for i, logits in zip(batch, self._forward(encoded), strict=True):
                if logits is None:
                    duration = len(clips[i].samples) / SAMPLE_RATE
                    yield i, EngineFailure(f"runs out of memory on {duration:.0f} s of audio", splittable=True)
                else:
                    yield i, logits[:, : clips[i].classes].cpu().numpy()

    def _forward(self, batch: list[Encoded]) -> list[torch.Tensor | None]:
        """One call of the model; where memory runs out, two of half the size; None for a clip too large alone."""
        return in_halves(batch, self._logits, too_large=lambda: None)

    def _logits(self, batch: Sequence[Encoded]) -> Sequence[torch.Tensor | None]:
        try:
            return list(self.network.logits(batch))
        except RuntimeError as error:
            if len(batch) > 1 and is_out_of_memory(error):
                self.token_budget = max(self.token_budget // 2, 1)
            raise

    def _batches(self, clips: Sequence[SpokenClip]) -> Iterator[list[int]]:
        """Indices of what runs together: like lengths under the token budget; on a CPU one by one.

        A CPU gains nothing from a batch of unequal clips and pays for its padding.
        """
        sizes = [estimate_tokens(len(clip.samples) / SAMPLE_RATE, len(clip.words)) for clip in clips]
        return plan_batches(sizes, lambda: self.token_budget)

    def _encoded(
        self, batches: Iterator[list[int]], clips: Sequence[SpokenClip]
    ) -> Iterator[tuple[list[int], list[Encoded]]]:
        """Batches with their inputs; while a GPU runs one, the next one is prepared."""

        def encode(batch: list[int]) -> list[Encoded]:
            return [self.network.encode(clips[i].samples, clips[i].words) for i in batch]

        if self.network.device.type == "cpu":
            for batch in batches:
                yield batch, encode(batch)
            return
        with ThreadPoolExecutor(1, "qwen3-inputs") as pool:
            pending: tuple[list[int], Future[list[Encoded]]] | None = None
            for batch in batches:
                following = (batch, pool.submit(encode, batch))
                if pending is not None:
                    yield pending[0], pending[1].result()
                pending = following
            if pending is not None:
                yield pending[0], pending[1].result()


def show_warm_up(network: Network) -> None:
    """Compile the model, and say on stderr how far that is and how long it took, as downloads do."""
    from huggingface_hub.utils.tqdm import tqdm

    from crisp_align.aligners.qwen3.network import WARM_UPS

    what = f"compiling qwen3 for {network.device}"
    shape = "{desc}: {n_fmt} of {total_fmt}, {elapsed}"
    with tqdm(total=len(WARM_UPS), desc=what, bar_format=shape) as progress:  # type: ignore[no-untyped-call]
        for _ in network.warm_up():
            progress.update()


def _token_budget(device: str) -> int:
    """Tokens in one call: what the memory that is free takes; on a CPU 1, so that each clip runs alone."""
    if device == "cpu":
        return 1
    return max(min(free_memory(device) // 2 // _BYTES_PER_TOKEN, _MAX_BATCH_TOKENS), 1)
