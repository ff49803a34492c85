"""The feed of a cluster: tasks on their way to the nodes, and which node is at which step."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from crisp_align.events import Noticed, Stage, Staged, Started
from crisp_align.pipeline.prefetch import Task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["COLUMN", "Step", "TaskTracker", "files_of"]

COLUMN = "work"
"""Name of the one column that all stages have: pickled values."""

Step: TypeAlias = tuple[Stage | Literal["loading"], str, int]
"""What is done at once to a part: the stage, the source, and the number of the part's first clip, or of the part."""

_TICK = 0.1  # s between two polls for a task


class TaskTracker:
    """The tasks on their way to the nodes, and the steps in progress; an actor on the node that owns the run.

    Each task has a number, and stays.
    """

    def __init__(self) -> None:
        self._tasks: list[bytes] = []
        self._ended = False
        self._tasks_begun: set[int] = set()
        self._in_progress: dict[Step, list[str]] = {}
        self._suspects: set[str] = set()
        self._events: list[Started | Staged | Noticed] = []

    def put(self, tasks: Sequence[Task], *, ended: bool) -> None:
        """Add tasks; `ended`: no further ones will come."""
        self._tasks.extend(pickle.dumps((len(self._tasks) + i, task)) for i, task in enumerate(tasks))
        self._ended = ended

    def take(self, number: int) -> bytes | bool:
        """A task and its number, pickled; else whether there will be one."""
        return self._tasks[number] if number < len(self._tasks) else not self._ended

    def task_begun(self, number: int) -> None:
        """Note that a task is being read."""
        self._tasks_begun.add(number)

    def publish(self, event: Started) -> None:
        """Pass an event on at the next poll."""
        self._events.append(event)

    def poll(self) -> tuple[int, set[str], list[Started | Staged | Noticed]]:
        """Return how many tasks were begun, the nodes with a step in progress, and the events since the last call."""
        events, self._events = self._events, []
        return len(self._tasks_begun), {node for nodes in self._in_progress.values() for node in nodes}, events

    def begin(self, steps: Sequence[Step], node: str) -> list[int]:
        """Note that a node begins some steps; return how many workers have died in each before.

        A worker that was lost with its node does not count against the step.
        """
        import ray

        alive = {state["NodeID"] for state in ray.nodes() if state["Alive"]} if self._known(steps) else set()
        deaths = []
        for step in steps:
            before = [name for name in self._in_progress.get(step, []) if name in alive]
            deaths.append(len(before))
            self._in_progress[step] = [*before, node]
            stage, source, _ = step
            if stage != "loading":
                self._events.append(Staged(source, stage))
            if before and len(steps) == 1 and source not in self._suspects:
                self._suspects.add(source)
                self._events.append(Noticed(source, "its worker crashed or hung; tried again, alone"))
        return deaths

    def _known(self, steps: Sequence[Step]) -> bool:
        return any(step in self._in_progress for step in steps)

    def end(self, steps: Sequence[Step], node: str, *, done: bool) -> None:
        """Note that a node is through with steps; `done` is false where it did not try them at all."""
        for step in steps:
            nodes = self._in_progress.pop(step, [])
            if node in nodes:
                nodes.remove(node)
            if nodes and not done:
                self._in_progress[step] = nodes


def files_of(tracker: Any) -> Any:
    """The tasks of a tracker as a source of Ray Data that continues until the tracker has ended."""
    import pyarrow as pa
    import ray
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    def rows() -> Iterator[pa.Table]:
        number = 0
        # A task that is asked for again, since the node that asked first is gone, is the same task.
        while (found := ray.get(tracker.take.remote(number))) is not False:
            if found is True:
                time.sleep(_TICK)
                continue
            yield pa.table({COLUMN: pa.array([found], pa.large_binary())})
            number += 1

    class Files(Datasource):  # type: ignore[misc]  # an untyped class
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: object, **__: object) -> list[ReadTask]:
            return [ReadTask(rows, BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None))]

    return Files()
