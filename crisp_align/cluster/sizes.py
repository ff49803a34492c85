"""Which cluster, and how it is divided among the stages of the work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from crisp_align.errors import OptionError

__all__ = ["ClusterOptions", "ResourcePlan", "plan_resources"]


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Which cluster, and how it is divided among the stages. 0, None: as suits it."""

    address: str | None = None
    """Of a running cluster: host:port, ray://host:port or "auto"; None: one on this machine, for this run."""
    asr_workers: int = 0
    asr_cpus: float | None = None
    asr_gpus: float | None = None
    align_workers: int = 0
    align_cpus: float | None = None
    align_gpus: float | None = None
    decode_workers: int = 0
    decode_cpus: float | None = None
    timeout: float = 1800.0
    """s after which a worker that is still at the same clips is taken for hung."""


@dataclass(frozen=True, slots=True)
class ResourcePlan:
    """How a cluster is divided."""

    asr_workers: int
    asr_cpus: float
    asr_gpus: float
    align_workers: int
    align_cpus: float
    align_gpus: float
    decode_workers: int
    decode_cpus: float


def plan_resources(options: ClusterOptions, node_cpus: Sequence[float], node_gpus: Sequence[float]) -> ResourcePlan:
    """Divide a cluster; what is asked for stays, as long as all stages find a place.

    With GPUs there is an ASR and an alignment worker for each, which share it. Without, an ASR worker takes up to four
    CPUs, and there is an alignment worker and a file being read, of half a CPU, for every two of them.

    Args:
        options: what is asked for.
        node_cpus: of each node.
        node_gpus: of each node.

    Raises:
        OptionError: one worker of each stage is more than the cluster has, or one worker more than any node.
    """
    cpus, gpus = sum(node_cpus), sum(node_gpus)
    smallest = min((count for count in node_cpus if count), default=1.0)
    share = 0.5 if gpus else 0.0
    asr_gpus = share if options.asr_gpus is None else options.asr_gpus
    align_gpus = share if options.align_gpus is None else options.align_gpus
    asr_cpus = (
        (1.0 if asr_gpus else min(4.0, max(1.0, smallest // 2))) if options.asr_cpus is None else options.asr_cpus
    )
    align_cpus = 0.5 if options.align_cpus is None else options.align_cpus
    decode_cpus = 0.5 if options.decode_cpus is None else options.decode_cpus
    for what, counts, needed in (
        ("CPUs", node_cpus, max(asr_cpus, align_cpus, decode_cpus)),
        ("GPUs", node_gpus, max(asr_gpus, align_gpus)),
    ):
        if needed > (largest := max(counts, default=0.0)):
            raise OptionError(
                f"no node of the cluster has more than {largest:g} {what}, and a worker needs {needed:g}",
                hint=f"lower --asr-{what.lower()}, --align-{what.lower()}"
                + (" or --decode-cpus" if what == "CPUs" else ""),
            )
    if asr_gpus:
        asr = int(gpus / (asr_gpus + align_gpus)) if options.asr_gpus is None else int(gpus / asr_gpus)
    else:
        asr = int(cpus / (asr_cpus + (align_cpus + decode_cpus) / 2))
    asr = max(options.asr_workers or asr, 1)
    align = options.align_workers or (asr if align_gpus else math.ceil(asr / 2))

    def cpus_left(asr: int, align: int) -> float:
        return cpus - asr * asr_cpus - align * align_cpus

    def fits(asr: int, align: int) -> bool:
        return cpus_left(asr, align) >= decode_cpus and asr * asr_gpus + align * align_gpus <= gpus

    while not fits(asr, align) and max(asr, align) > 1:  # the larger pool gives way
        asr, align = (asr - 1, align) if asr >= align else (asr, align - 1)
    if not fits(asr, align):
        raise OptionError(
            f"the cluster has {cpus:g} CPUs and {gpus:g} GPUs, and one worker of each stage needs "
            f"{asr_cpus + align_cpus + decode_cpus:g} and {asr_gpus + align_gpus:g}",
            hint="lower --asr-cpus, --align-cpus, --decode-cpus, --asr-gpus or --align-gpus, or add nodes",
        )
    room = int(cpus_left(asr, align) / decode_cpus) if decode_cpus else asr
    decode = min(options.decode_workers or max(math.ceil(asr / 2), 1), max(room, 1))
    return ResourcePlan(asr, asr_cpus, asr_gpus, align, align_cpus, align_gpus, decode, decode_cpus)
