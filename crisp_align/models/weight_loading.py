"""A network of transformers filled tensor by tensor, so that the most memory is near the size of the loaded network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisp_align.errors import ModelError
from crisp_align.models.devices import DeviceChoice, require_torch
from crisp_align.models.tensors import StoredTensor

if TYPE_CHECKING:
    import torch

__all__ = ["empty_network", "fill_network", "in_int8"]


def empty_network(build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """A network whose parameters take no memory yet; its buffers are computed as ever.

    Args:
        build: makes the network.
    """
    with _parameters_on_meta():
        return build()


@contextmanager
def _parameters_on_meta() -> Iterator[None]:
    torch = require_torch("qwen")
    module = torch.nn.Module
    register = module.register_parameter

    def register_empty(self: Any, name: str, parameter: Any) -> None:
        if parameter is not None and parameter.device.type != "meta":
            parameter = torch.nn.Parameter(parameter.to("meta"), requires_grad=False)
        register(self, name, parameter)

    module.register_parameter = register_empty
    try:
        yield
    finally:
        module.register_parameter = register


def fill_network(
    network: torch.nn.Module,
    tensors: Mapping[str, StoredTensor],
    placement: DeviceChoice,
    path: Path,
    *,
    tied: Mapping[str, str] | None = None,
) -> torch.nn.Module:
    """Read each tensor, bring it to its device and type, and put it into its place.

    Args:
        network: of `empty_network`.
        tensors: by the names of the network's parameters.
        placement: device and type; in int8 each linear layer is quantised as soon as it is read.
        path: the checkpoint, for messages.
        tied: parameters that are the same as others, by name; they need not be in the file.

    Returns:
        The network, in evaluation mode.

    Raises:
        ModelError: tensors are missing, left over or of another shape; nothing was read then. Or one cannot be read.
    """
    torch = require_torch("qwen")
    tied = tied or {}
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items() if name not in tied}
    _check_names(tensors, shapes, path)
    dtype = torch.float32 if placement.dtype == "int8" else getattr(torch, placement.dtype)
    for name in shapes:
        values = torch.from_numpy(tensors[name].load()).to(placement.device, dtype)
        _set_parameter(network, name, values)
        if placement.dtype == "int8":
            _quantize_when_complete(network, name.rpartition(".")[0])
    for name, source in tied.items():
        owner, _, leaf = source.rpartition(".")
        _set_parameter(network, name, network.get_submodule(owner)._parameters[leaf])
        if placement.dtype == "int8":
            _quantize_when_complete(network, name.rpartition(".")[0])
    for owner, buffer in list(network.named_buffers()):
        parent, _, leaf = owner.rpartition(".")
        moved = buffer.to(placement.device)
        network.get_submodule(parent)._buffers[leaf] = moved
    return network.eval()


def _check_names(tensors: Mapping[str, StoredTensor], shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    misfits = [name for name, shape in shapes.items() if name in tensors and tensors[name].shape != shape]
    for names, verb in (
        (shapes.keys() - tensors.keys(), "lacks"),
        (tensors.keys() - shapes.keys(), "has left over"),
        (misfits, "misfits"),
    ):
        if names:
            raise ModelError(
                f"is not a whole Qwen3 model: it {verb} {len(names)} tensors, such as {min(names)[:80]}",
                subject=str(path),
                hint="download it again",
            )


def _set_parameter(network: Any, name: str, values: Any) -> None:
    torch = require_torch("qwen")
    owner, _, leaf = name.rpartition(".")
    network.get_submodule(owner)._parameters[leaf] = torch.nn.Parameter(values, requires_grad=False)


def _quantize_when_complete(network: Any, name: str) -> None:
    """Replace a linear layer by one in int8, once all its parameters are here."""
    torch = require_torch("qwen")
    layer = network.get_submodule(name)
    if not isinstance(layer, torch.nn.Linear) or any(value.device.type == "meta" for value in layer.parameters()):
        return
    owner, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(owner), leaf, in_int8(torch.nn.Sequential(layer))[0])


def in_int8(network: Any) -> Any:
    """Linear layers in int8: weights a channel, activations a call."""
    torch = require_torch("qwen")
    quantize: Any = torch.ao.quantization.quantize_dynamic
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torchao, which is slower here, will take over from it
        return quantize(network, {torch.nn.Linear}, dtype=torch.qint8)
