"""The feed of a cluster: tasks on their way to the nodes, and who is at what."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from crisp_align.events import Noticed, Stage, Staged, Started
from crisp_align.pipeline.prefetch import Task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["COLUMN", "Step", "TaskBoard", "files_of"]

COLUMN = "work"
"""Name of the one column that all stages have: pickled values."""

Step: TypeAlias = tuple[Stage | Literal["loading"], str, int]
"""What is done at once to a part: the stage, the source, and the number of the part's first clip, or of the part."""

_TICK = 0.1  # s between two looks for a task


class TaskBoard:
    """Tasks on their way to the nodes; an actor beside whoever owns the run. Each has a number, and stays."""

    def __init__(self) -> None:
        self._tasks: list[bytes] = []
        self._ended = False
        self._begun: set[int] = set()
        self._inside: dict[Step, list[str]] = {}
        self._suspects: set[str] = set()
        self._news: list[Started | Staged | Noticed] = []

    def put(self, tasks: Sequence[Task], *, ended: bool) -> None:
        """Add tasks; `ended`: no further ones will come."""
        self._tasks.extend(pickle.dumps((len(self._tasks) + i, task)) for i, task in enumerate(tasks))
        self._ended = ended

    def take(self, number: int) -> bytes | bool:
        """A task and its number, pickled; else whether there will be one."""
        return self._tasks[number] if number < len(self._tasks) else not self._ended

    def begin(self, number: int) -> None:
        """Note that a task is being read."""
        self._begun.add(number)

    def tell(self, event: Started) -> None:
        """Pass something on at once."""
        self._news.append(event)

    def look(self) -> tuple[int, set[str], list[Started | Staged | Noticed]]:
        """How many tasks were begun by now, the nodes where something is being done, what happened since last time."""
        news, self._news = self._news, []
        return len(self._begun), {node for nodes in self._inside.values() for node in nodes}, news

    def enter(self, steps: Sequence[Step], node: str) -> list[int]:
        """Note that a node is at some steps; how often somebody came to each before, and died over it.

        Those who went down with their node are no sign against the step.
        """
        import ray

        alive = {each["NodeID"] for each in ray.nodes() if each["Alive"]} if self._known(steps) else set()
        deaths = []
        for step in steps:
            before = [each for each in self._inside.get(step, []) if each in alive]
            deaths.append(len(before))
            self._inside[step] = [*before, node]
            stage, source, _ = step
            if stage != "loading":
                self._news.append(Staged(source, stage))
            if before and len(steps) == 1 and source not in self._suspects:
                self._suspects.add(source)
                self._news.append(Noticed(source, "its worker crashed or hung; tried again, alone"))
        return deaths

    def _known(self, steps: Sequence[Step]) -> bool:
        return any(step in self._inside for step in steps)

    def leave(self, steps: Sequence[Step], node: str, *, done: bool) -> None:
        """Note that steps are done, or not tried at all."""
        for step in steps:
            nodes = self._inside.pop(step, [])
            if node in nodes:
                nodes.remove(node)
            if nodes and not done:
                self._inside[step] = nodes


def files_of(board: Any) -> Any:
    """The tasks of a board as a source of Ray Data that goes on until the board has ended."""
    import pyarrow as pa
    import ray
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    def rows() -> Iterator[pa.Table]:
        number = 0
        # A task that is asked for again, since the node that asked first is gone, is the same task.
        while (found := ray.get(board.take.remote(number))) is not False:
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
