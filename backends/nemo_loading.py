"""NeMo, imported late and kept quiet."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from threading import get_ident
from typing import Any

from crisp_align.backends import LoadOptions
from crisp_align.errors import MissingDependencyError, ModelError
from crisp_align.models.devices import DeviceChoice, choose_device, loading_error, require_torch

from .nemo_archive import NemoArchive, opened
from .runtimes import NEMO

__all__ = ["autocast", "quiet", "restore"]

_TALKERS = ("nemo_logger", "nemo", "lightning", "lightning.pytorch", "pytorch_lightning", "lhotse", "nv_one_logger")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing that NeMo and its neighbours log or warn of in this thread reaches the terminal.

    The streams stay as they are, since other threads print meanwhile. NeMo itself prints nothing once its bars are off.
    """
    talkers = [logging.getLogger(name) for name in _TALKERS]
    levels = [talker.level for talker in talkers]
    here = get_ident()

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    # NeMo raises its own level again while it transcribes; what others log ends in a handler of the root.
    muted = [*talkers, *logging.getLogger().handlers, *filter(None, [logging.lastResort])]
    for one in muted:
        one.addFilter(is_elsewhere)
    for talker in talkers:
        talker.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one in muted:
            one.removeFilter(is_elsewhere)
        for talker, level in zip(talkers, levels, strict=True):
            talker.setLevel(level)


def restore(path: Path, classes: tuple[str, ...], options: LoadOptions) -> tuple[Any, DeviceChoice]:
    """A model from a .nemo file, in evaluation mode.

    Args:
        path: the file.
        classes: names of NeMo's classes that it may be of.
        options: device and type; without a wish for the type a CPU computes in float32.

    Raises:
        ModelError: not such a file, or one that is not to be trusted, or another kind of model.
        MissingDependencyError: NeMo is not installed.
    """
    placement = choose_device(options, extra="nemo", int8=False)
    if placement.family == "cpu":
        require_torch("nemo").set_num_threads(options.cpu_threads)
        if options.dtype == "auto":
            placement = DeviceChoice(placement.device, "float32")
    with opened(path.resolve()) as archive:
        if archive.target not in classes:
            raise ModelError(f"holds a model of type {archive.target!r}, not {' or '.join(classes)}", subject=str(path))
        with quiet():
            model = _restored(path, archive, placement)
    return model, placement


def _restored(path: Path, archive: NemoArchive, placement: DeviceChoice) -> Any:
    try:
        from nemo.collections.asr import models
        from nemo.core.connectors.save_restore_connector import SaveRestoreConnector
    except ImportError as error:
        raise MissingDependencyError(f"NeMo does not import ({error})", hint=NEMO.install) from error
    torch = require_torch("nemo")

    class Connector(SaveRestoreConnector):  # type: ignore[misc]
        @staticmethod
        def _load_state_dict_from_disk(model_weights: str, map_location: Any = "cpu") -> Any:
            return torch.load(model_weights, map_location=map_location, weights_only=True)

    connector = Connector()
    connector.model_extracted_dir = str(archive.folder)
    try:
        model = getattr(models, archive.target).restore_from(
            str(path.resolve()), map_location=torch.device(placement.device), save_restore_connector=connector
        )
    except Exception as error:  # NeMo, Hydra, SentencePiece and torch each raise their own
        raise loading_error(error, path) from error
    return model.eval()


def autocast(placement: DeviceChoice) -> contextlib.AbstractContextManager[Any]:
    """Compute in the type of the placement; weights and audio features stay in float32."""
    if placement.dtype == "float32":
        return contextlib.nullcontext()
    torch = require_torch("nemo")
    context: contextlib.AbstractContextManager[Any] = torch.autocast(
        placement.family, dtype=getattr(torch, placement.dtype)
    )
    return context
