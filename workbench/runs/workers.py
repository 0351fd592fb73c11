"""Workers that measure, each with the model: Ray actors on this machine or on many.

This process hands groups of samples out and is the only one that writes to the run's folder, so that nothing
is lost or doubled, whatever happens to a worker: what it had is given to another one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import RunError
from workbench.ranks import share_of
from workbench.runs.executors import Job, measure_group, using
from workbench.runs.measurement import Done
from workbench.runs.pool import Pool
from workbench.runs.record import Record

if TYPE_CHECKING:
    from workbench.data import Samples
    from workbench.models import VideoLLM
    from workbench.runs.measurement import Measurement

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

    def ready(self) -> None:
        """Answered once the model is loaded."""

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
    gpus: int | None = None
    """GPUs of each worker; one if not given, where the model here is on a GPU."""
    device: str | None = None
    """cuda or cpu; cuda where `gpus` is given, else that of the model here."""

    def __post_init__(self) -> None:
        """Raises RunError where the number of workers makes no sense, or Ray is not installed."""
        for name, value in (("workers", self.workers), ("gpus", 1 if self.gpus is None else self.gpus)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise RunError(f"{name}={value!r}: give a whole number from 1.")
        if self.device not in (None, "cuda", "cpu"):
            raise RunError(f"device={self.device!r} of workers: write 'cuda' or 'cpu'.")
        if self.device == "cpu" and self.gpus is not None:
            raise RunError(f"gpus={self.gpus} for each worker, and device='cpu': leave one of them out.")
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
            yield from self._pool(job, groups).records(on_done)

    def device_of(self, model: VideoLLM) -> str:
        """See Executor."""
        return self.device or ("cuda" if self.gpus is not None else str(model.device).split(":")[0])

    def _pool(self, job: Job, groups: Iterable[Sequence[int]]) -> Pool:
        import ray
        import torch

        device, encoder = self.device_of(job.model), job.encoder
        gpus = (self.gpus or 1) if device == "cuda" else 0
        if self.room(ray.cluster_resources(), gpus) < self.workers:
            raise self._no_room(ray.cluster_resources(), gpus)
        actor: Any = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(Worker)
        # Put once: samples and measurement are the same for all.
        given = [
            ray.put(part)
            for part in (
                _spread(dict(job.model.loaded_as or {}), gpus), device, torch.get_num_threads(),
                encoder.samples, job.measurement, encoder.how,
            )
        ]  # fmt: skip
        return Pool(
            job,
            groups,
            wanted=self.workers,
            make=lambda: actor.remote(*given),
            room=lambda: self.room(ray.cluster_resources(), gpus),
        )

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
                    "address": "local",  # or it joins whatever cluster it finds on this machine
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

    def room(self, resources: Mapping[str, float], gpus: int) -> int:
        """How many workers with so many GPUs a cluster of these resources can hold."""
        cpus = int(resources.get("CPU", 0))
        return min(cpus, int(resources.get("GPU", 0)) // gpus) if gpus else cpus

    def _no_room(self, resources: Mapping[str, float], gpus: int) -> RunError:
        """They would be waited for without end."""
        each = f", {gpus} for each worker" if gpus > 1 else ""
        of = "CPUs" if self.room(resources, 0) < self.workers else "GPUs"
        return RunError(
            f"{self.workers} workers are asked for, and Ray's {of}{each if of == 'GPUs' else ''} are enough "
            f"for {self.room(resources, gpus)}. Ask for so many, or add machines to the cluster."
        )


def _spread(loaded_as: dict[str, Any], gpus: int) -> dict[str, Any]:
    """Arguments of `load` for a worker with so many GPUs."""
    return loaded_as if gpus < 2 or loaded_as["device_map"] else {**loaded_as, "device_map": "auto"}


@contextlib.contextmanager
def workers(
    count: int, *, address: str | None = None, gpus: int | None = None, device: str | None = None
) -> Iterator[None]:
    """Whatever is measured while the context is open is measured by so many workers, each with the model.

    Args:
        count: how many.
        address: of a Ray cluster ("auto", "HEAD:6379", "ray://HEAD:10001"); None starts one on this machine.
        gpus: GPUs of each worker; the model is spread over several. One if not given, where the model here
            is on a GPU. Given, workers are on GPUs wherever the model here is.
        device: cuda or cpu of the workers; cuda where `gpus` is given, else that of the model here.

    The numbers are those of one process. Raises RunError: Ray is not installed, cannot be reached, or lost
    worker after worker on one group of samples.
    """
    with using(RayWorkers(workers=count, address=address, gpus=gpus, device=device)):
        yield
