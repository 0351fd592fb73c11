"""Workers that measure, each with the model: Ray actors on this machine or on many.

This process hands groups of samples out and is the only one that writes to the run's folder, so that nothing
is lost or doubled, whatever happens to a worker: what it had is given to another one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import RunError
from workbench.ranks import share_of
from workbench.runs.executors import Job, measure_group, using
from workbench.runs.measurement import Done
from workbench.runs.record import Record

if TYPE_CHECKING:
    from workbench.data import Samples
    from workbench.runs.measurement import Measurement

AT_ONCE = 2
"""Groups that a worker has: one at work, and one whose clips are decoded meanwhile."""
MOST_LOSSES = 3
"""So many workers may be lost on one group before it counts as what kills them."""
ADDRESS_HINT = "ray start --head on one machine, ray start --address=HEAD:6379 on the others"


class Worker:
    """A model and the prompts of a run, in a process of its own."""

    def __init__(
        self,
        loaded_as: dict[str, Any],
        device: str,
        threads: int,
        samples: Samples,
        measurement: Measurement,
        how: Mapping[str, Any],
    ) -> None:
        import torch

        from workbench.models import load
        from workbench.runs.encoding import Encoder

        torch.set_num_threads(threads)  # sums on a CPU depend on it
        place: dict[str, Any] = {} if loaded_as.get("device_map") is not None else {"device": device}
        model = load(**loaded_as, **place)
        self._job = Job(model=model, measurement=measurement, encoder=Encoder(model, samples, **how))

    def measure(self, group: Sequence[int], following: Sequence[int]) -> dict[int, Record]:
        """The records of a group, by position; the clips of the group to come are decoded meanwhile."""
        import time

        from workbench.runs.executors import timed

        encoder, begun = self._job.encoder, time.perf_counter()
        (asked,) = encoder.groups([group])
        encoder.ahead(following)
        records = measure_group(self._job, asked, lambda count: None)
        return timed(records, time.perf_counter() - begun)


@dataclass(kw_only=True)
class RayWorkers:
    """An executor whose groups are measured by Ray actors."""

    workers: int
    address: str | None = None
    """Of a Ray cluster; None starts one on this machine."""
    gpus: int = 1
    """GPUs of each worker, where the model is on a GPU."""
    device: str | None = None
    """cuda or cpu; that of the model here if not given."""

    def __post_init__(self) -> None:
        """Raises RunError where the number of workers makes no sense, or Ray is not installed."""
        for name, least in (("workers", 1), ("gpus", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RunError(f"{name}={value!r}: give a whole number from {least}.")
        if importlib.util.find_spec("ray") is None:
            raise RunError(
                "Workers need Ray, which is not installed: pip install 'video-llm-workbench[ray]'. Without "
                "it, torchrun and srun share a run among processes too (docs/cluster.md)."
            )

    def run(self, job: Job, groups: Iterable[Sequence[int]], on_done: Done) -> Iterator[Mapping[int, Record]]:
        """See Executor. Raises RunError where the cluster cannot be reached, or one group loses one worker
        after another."""
        if (share := share_of()) is not None:
            raise RunError(f"This is {share}, and ranks share a run by themselves: leave workers= out.")
        if job.prompts is not None:
            raise RunError("Prompts cannot be kept where workers measure. Leave workers= out.")
        if job.model.loaded_as is None:
            raise RunError(
                f"{job.model.name} was not loaded by wb.load, so that workers do not know how to load it."
            )
        with self._cluster():
            yield from _Round(self, job, deque(list(group) for group in groups)).records(on_done)

    @contextlib.contextmanager
    def _cluster(self) -> Iterator[None]:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports to its makers otherwise
        mine = not ray.is_initialized()
        if not mine and self.address is not None:
            raise RunError(
                f"Ray is running in this process already, so address={self.address!r} would be ignored. "
                "Leave it out, or call ray.shutdown() first."
            )
        if mine:
            try:
                own: dict[str, Any] = {
                    "include_dashboard": False,
                    "num_cpus": max(self.workers, os.cpu_count() or 1),
                }
                there: dict[str, Any] = own if self.address is None else {"address": self.address}
                ray.init(log_to_driver=False, logging_level=logging.ERROR, **there)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise RunError(
                    f"The Ray cluster {self.address or 'of this machine'} cannot be reached "
                    f"({str(error).splitlines()[0][:200]}). Start it: {ADDRESS_HINT}."
                ) from error
        try:
            yield
        finally:
            if mine:
                ray.shutdown()

    def check_room(self, resources: Mapping[str, float], device: str) -> None:
        """Raise RunError where a cluster of these resources cannot hold the workers: they would be waited for
        without end."""
        if device != "cuda":
            if self.gpus > 1:
                raise RunError(
                    f"gpus={self.gpus} for each worker, and the model is on the {device}: load it on a GPU."
                )
            fits, of = int(resources.get("CPU", 0)), "CPUs"
        else:
            fits, of = int(resources.get("GPU", 0)) // self.gpus, "GPUs"
        if fits < self.workers:
            each = f", {self.gpus} for each worker" if self.gpus > 1 else ""
            raise RunError(
                f"{self.workers} workers are asked for, and Ray's {of}{each} are enough for {fits}. Ask for "
                "so many, or add machines to the cluster."
            )


class _Round:
    """The groups of one run among its workers."""

    def __init__(self, workers: RayWorkers, job: Job, waiting: deque[list[int]]) -> None:
        import ray
        import torch

        self._ray: Any = ray
        self._job, self._waiting = job, waiting
        self._losses: Counter[tuple[int, ...]] = Counter()
        self._at_work: dict[int, deque[tuple[Any, list[int]]]] = {}
        self._actors: dict[int, Any] = {}
        self._count, self._wanted = 0, workers.workers
        device = workers.device or job.model.device.type
        gpus = workers.gpus if device == "cuda" else 0
        workers.check_room(ray.cluster_resources(), device)
        self._actor: Any = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(Worker)
        encoder = job.encoder
        # Put once: samples and measurement are the same for all.
        self._given = [
            ray.put(part)
            for part in (
                _spread(dict(job.model.loaded_as or {}), gpus), device, torch.get_num_threads(),
                encoder.samples, job.measurement, encoder.how,
            )
        ]  # fmt: skip

    def records(self, on_done: Done) -> Iterator[Mapping[int, Record]]:
        units = self._job.measurement.units(self._job.model)
        try:
            while self._waiting or any(self._at_work.values()):
                self._fill()
                first = {tasks[0][0]: number for number, tasks in self._at_work.items() if tasks}
                (ready, *_), _ = self._ray.wait(list(first), num_returns=1)
                number = first[ready]
                found = self._got(number, ready)
                if found is not None:
                    self._at_work[number].popleft()
                    on_done(units * len(found))
                    yield found
        finally:
            for actor in self._actors.values():
                self._ray.kill(actor)

    def _fill(self) -> None:
        """As many workers as are wanted and of use, each with what it can do next."""
        while len(self._actors) < min(self._wanted, len(self._waiting) + len(self._actors)):
            self._count += 1
            self._actors[self._count] = self._actor.remote(*self._given)
            self._at_work[self._count] = deque()
        for depth in range(1, AT_ONCE + 1):
            for number, actor in self._actors.items():
                tasks = self._at_work[number]
                if self._waiting and len(tasks) < depth:
                    group = self._waiting.popleft()
                    following = self._waiting[0] if self._waiting else []
                    tasks.append((actor.measure.remote(group, following), group))

    def _got(self, number: int, ready: Any) -> Mapping[int, Record] | None:
        """The records of a task that is done; None where its worker is lost, whose groups then wait again."""
        try:
            return self._ray.get(ready)
        except self._ray.exceptions.RayActorError as error:
            if getattr(error, "actor_init_failed", False):
                raise RunError(
                    f"A worker could not load {self._job.model.name}: {_cause(error)}. Its files must be "
                    "where the worker can read them, and its GPU must hold the model."
                ) from error
            lost = [group for _, group in self._at_work.pop(number)]
            del self._actors[number]
            self._losses[tuple(lost[0])] += 1
            self._waiting.extendleft(reversed(lost))
            if self._losses[tuple(lost[0])] >= MOST_LOSSES:
                names = ", ".join(repr(self._job.encoder.samples[position].id) for position in lost[0])
                raise RunError(
                    f"{MOST_LOSSES} workers were lost one after another on {names}: "
                    f"{_cause(error)}. If memory ran out, use fewer frames, fewer "
                    "workers, or leave the samples out. What is measured is kept: the same command goes on."
                ) from error
            return None
        except self._ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None


def _cause(error: Exception) -> str:
    """The last line of what Ray says: the first ones are where."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), "")[:300]


def _spread(loaded_as: dict[str, Any], gpus: int) -> dict[str, Any]:
    """Arguments of `load` for a worker with so many GPUs."""
    return loaded_as if gpus < 2 or loaded_as["device_map"] else {**loaded_as, "device_map": "auto"}


@contextlib.contextmanager
def workers(
    count: int, *, address: str | None = None, gpus: int = 1, device: str | None = None
) -> Iterator[None]:
    """Whatever is measured while the context is open is measured by so many workers, each with the model.

    Args:
        count: how many.
        address: of a Ray cluster ("auto", "HEAD:6379", "ray://HEAD:10001"); None starts one on this machine.
        gpus: GPUs of each worker, where the model is on a GPU; it is spread over several.
        device: cuda or cpu; that of the model here if not given.

    The numbers are those of one process. Raises RunError: Ray is not installed, cannot be reached, or lost
    worker after worker on one group of samples.
    """
    with using(RayWorkers(workers=count, address=address, gpus=gpus, device=device)):
        yield
