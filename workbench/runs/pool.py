"""Groups of samples handed out to Ray actors, and what comes of it when one is lost.

A group is with one worker at a time, and counts when its records are here: nothing is lost or doubled.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from workbench.errors import RunError
from workbench.runs.executors import Job
from workbench.runs.measurement import Done
from workbench.runs.record import Record

AT_ONCE = 2
"""Groups that a worker has: one at work, and one whose clips are decoded meanwhile."""
MOST_LOSSES = 3
"""So many workers may be lost on one group before it counts as what kills them."""
LOOK = 5.0
"""Seconds after which it is looked whether the cluster still has room for a worker."""
PATIENCE = 120.0
"""Seconds without any worker, nor room for one, after which no machine is waited for any more."""


class Pool:
    """The groups of one run among its workers.

    A worker gets groups once its model is loaded, so that a replacement for which no machine has room
    keeps none back: the others do its work, and it joins them where a machine comes.
    """

    def __init__(
        self,
        job: Job,
        groups: Iterable[Sequence[int]],
        *,
        wanted: int,
        make: Callable[[], Any],
        room: Callable[[], int],
    ) -> None:
        """`wanted` workers at most are made by `make`, as actors that have `ready` and `measure`; `room` says
        how many the cluster can hold."""
        import ray

        self._ray: Any = ray
        self._job, self._waiting = job, deque(list(group) for group in groups)
        self._wanted, self._make, self._room = wanted, make, room
        self._losses: Counter[tuple[int, ...]] = Counter()
        self._never_ready = 0
        self._actors: dict[int, Any] = {}
        self._starting: dict[int, Any] = {}
        self._at_work: dict[int, deque[tuple[Any, list[int]]]] = {}
        self._count, self._alone_since = 0, time.monotonic()

    def records(self, on_done: Done) -> Iterator[Mapping[int, Record]]:
        """See Executor.run. Raises RunError where one group loses one worker after another, workers cannot
        load the model, or no machine is left."""
        units = self._job.measurement.units(self._job.model)
        try:
            while self._waiting or any(self._at_work.values()):
                self._fill()
                number = self._next()
                if number is None:
                    self._check_room()
                elif number in self._starting:
                    self._joined(number)
                elif (found := self._got(number)) is not None:
                    on_done(units * len(found))
                    yield found
        finally:
            for actor in self._actors.values():
                self._ray.kill(actor)

    def _fill(self) -> None:
        """As many workers as are wanted and of use, each that is ready with what it can do next."""
        while len(self._actors) < min(self._wanted, len(self._waiting) + len(self._actors)):
            self._count += 1
            actor = self._actors[self._count] = self._make()
            self._starting[self._count] = actor.ready.remote()
        for depth in range(1, AT_ONCE + 1):
            for number, tasks in self._at_work.items():
                if self._waiting and len(tasks) < depth:
                    group = self._waiting.popleft()
                    following = self._waiting[0] if self._waiting else []
                    tasks.append((self._actors[number].measure.remote(group, following), group))

    def _next(self) -> int | None:
        """The worker of which something came; None where nothing did for a while."""
        asked = {tasks[0][0]: number for number, tasks in self._at_work.items() if tasks}
        asked |= {reference: number for number, reference in self._starting.items()}
        done, _ = self._ray.wait(list(asked), num_returns=1, timeout=LOOK)
        return asked[done[0]] if done else None

    def _check_room(self) -> None:
        """Raise RunError where there is no worker, and has been no room for one for long."""
        if self._at_work or self._room():
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > PATIENCE:
            raise RunError(
                f"The cluster has lost its workers, and for {PATIENCE:.0f} s no machine came that can hold "
                "one. What is measured is kept: start the machines again, and the same command goes on."
            )

    def _joined(self, number: int) -> None:
        """A worker has loaded its model, or was lost before."""
        reference = self._starting.pop(number)
        try:
            self._ray.get(reference)
            self._at_work[number], self._never_ready = deque(), 0
        except self._ray.exceptions.RayActorError as error:
            self._let_go(number)
            if getattr(error, "actor_init_failed", False):
                raise RunError(
                    f"A worker could not load {self._job.model.name}: {cause(error)}. Its files must be "
                    "where the worker can read them, and its GPU must hold the model."
                ) from error
            self._never_ready += 1
            if self._never_ready >= MOST_LOSSES * self._wanted:
                raise RunError(
                    f"{self._never_ready} workers in a row were lost while they loaded "
                    f"{self._job.model.name}: {cause(error)}. If memory ran out, use fewer workers."
                ) from error

    def _got(self, number: int) -> Mapping[int, Record] | None:
        """The records of a worker's first group; None where it is lost, and its groups then wait again."""
        tasks, failures = self._at_work[number], self._ray.exceptions
        try:
            found = self._ray.get(tasks[0][0])
        except failures.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except (failures.RayActorError, failures.ObjectLostError) as error:
            # Lost objects are records that were done, and lay on a machine that is gone.
            self._lost(number, error)
            return None
        tasks.popleft()
        return found

    def _lost(self, number: int, error: Exception) -> None:
        lost = [group for _, group in self._at_work.pop(number)]
        self._let_go(number)
        self._waiting.extendleft(reversed(lost))
        self._alone_since = time.monotonic()
        self._losses[tuple(lost[0])] += 1
        if self._losses[tuple(lost[0])] >= MOST_LOSSES:
            names = ", ".join(repr(self._job.encoder.samples[position].id) for position in lost[0])
            raise RunError(
                f"{MOST_LOSSES} workers were lost one after another on {names}: {cause(error)}. If memory "
                "ran out, use fewer frames, fewer workers, or leave the samples out. What is measured is "
                "kept: the same command goes on."
            ) from error

    def _let_go(self, number: int) -> None:
        # One that only cannot be reached would go on measuring for nobody.
        self._ray.kill(self._actors.pop(number))


def cause(error: Exception) -> str:
    """The last line of what Ray says: the first ones are where."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), "")[:300]
