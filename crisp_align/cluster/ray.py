"""What is asked of Ray: a silent connection, one probe of the models, and a dataset that streams through the stages."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from queue import Queue
from typing import TYPE_CHECKING, Any

import crisp_align
from crisp_align.cluster.sizes import ResourcePlan
from crisp_align.errors import CrispAlignError, MissingDependencyError, ModelError, OptionError

if TYPE_CHECKING:
    from crisp_align.cluster.stages import Models
    from crisp_align.pipeline.pipeline import Settings

__all__ = ["build_dataset", "connected", "drain", "import_ray", "last_line", "living_nodes", "probe_models"]

_ROWS = 8  # parts that are transcribed or aligned in one call
_ANSWER = 10.0  # s that a cluster has to answer at all


def _divided(settings: Settings, cpus: float) -> Settings:
    """The settings of a worker with so many CPUs; of GPUs it sees none but its own."""
    return settings.placed(max(int(cpus), 1), lambda device: device.partition(":")[0])


def probe_models(ray: Any, settings: Settings, sizes: ResourcePlan) -> Models:
    """Load the models once, on some node, and return what they are.

    Raises:
        CrispAlignError: they do not load.
    """
    from crisp_align.cluster import stages as cluster_stages

    remote = ray.remote(num_cpus=sizes.asr_cpus, num_gpus=sizes.asr_gpus, max_calls=1, max_retries=1)(
        cluster_stages.probe_models
    )
    try:
        found = ray.get(remote.remote(_divided(settings, sizes.asr_cpus), crisp_align.__version__))
    except ray.exceptions.RayError as error:
        what = last_line(error)
        hint = f'on every node: pip install "crisp-align[ray]=={crisp_align.__version__}"'
        raise ModelError(f"the node that loads the models failed ({what})", hint=hint) from error
    if isinstance(found, CrispAlignError):
        raise found
    models: Models = found
    return models


def build_dataset(ray: Any, config: Any, sizes: ResourcePlan) -> Any:
    """Build the dataset: files → parts of clips → transcribed → aligned."""
    from ray.data import ActorPoolStrategy, TaskPoolStrategy

    from crisp_align.cluster.stages import AlignStage, TranscribeStage, read_parts
    from crisp_align.cluster.tracker import files_of

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # every row travels by itself, as soon as it is there
    context.max_errored_blocks = -1  # what is lost for good is done again in the next round
    transcribing = replace(config, settings=_divided(config.settings, sizes.asr_cpus))
    aligning = replace(config, settings=_divided(config.settings, sizes.align_cpus))
    rows = min(config.models.ready.batch_size, _ROWS)

    def pool(size: int) -> Any:
        return ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=2)

    return (
        ray.data.read_datasource(files_of(config.tracker), override_num_blocks=1, num_cpus=0, concurrency=1)
        .map_batches(
            read_parts,
            fn_kwargs={"config": config},
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=sizes.decode_cpus,
            compute=TaskPoolStrategy(size=sizes.decode_workers),
        )
        .map_batches(
            TranscribeStage,
            fn_constructor_args=(transcribing,),
            batch_size=rows,
            batch_format="pyarrow",
            num_cpus=sizes.asr_cpus,
            num_gpus=sizes.asr_gpus,
            compute=pool(sizes.asr_workers),
        )
        .map_batches(
            AlignStage,
            fn_constructor_args=(aligning,),
            batch_size=rows,
            batch_format="pyarrow",
            num_cpus=sizes.align_cpus,
            num_gpus=sizes.align_gpus,
            compute=pool(sizes.align_workers),
        )
    )


def drain(dataset: Any, arrived: Queue[Any]) -> None:
    """Put what comes out of a dataset into a queue, and at its end None, or the error that ended it."""
    from crisp_align.cluster.stages import unpacked

    try:
        for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            arrived.put(unpacked(table))
        arrived.put(None)
    except Exception as error:  # what is missing is found out by whoever takes this
        arrived.put(error)


def living_nodes(ray: Any) -> set[str]:
    """Nodes that live."""
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def last_line(error: BaseException) -> str:
    """What an error says in the end; Ray puts whole tracebacks in front of it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def import_ray() -> Any:
    """Import the package and silence it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # A thread that is left over from a round would else connect us anew, to whatever cluster there is.
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
    try:
        import ray
        import ray.data
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise MissingDependencyError("Ray is not installed", hint='pip install "crisp-align[ray]"') from error
    warnings.filterwarnings("ignore", module=r"ray\b")  # advice to people who write pipelines
    for name in ("ray", "ray.data"):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.CRITICAL + 1)
    return ray


@contextmanager
def connected(ray: Any, address: str | None) -> Iterator[None]:
    """A connection to a cluster; closing it ends all that was started through it.

    Raises:
        OptionError: none answers.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if address is not None and (port := re.search(r"([^/]+):(\d+)$", address)):
            # Ray itself would try for minutes.
            socket.create_connection((port[1].strip("[]"), int(port[2])), timeout=_ANSWER).close()
        with _hushed():
            if address is None:
                ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL + 1)
            else:
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL + 1)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        hint = "start one with `ray start --head`, and name its host:port"
        raise OptionError(f"no Ray cluster answers ({last_line(error)})", subject=address, hint=hint) from error
    finally:
        with suppress(ValueError):  # not the main thread: nobody's handlers were changed
            for number, handler in handlers.items():
                signal.signal(number, handler)
    try:
        yield
    finally:
        with suppress(Exception):
            ray.shutdown()


@contextmanager
def _hushed() -> Iterator[None]:
    """Nothing that native code prints on standard error is seen: Ray greets on it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
