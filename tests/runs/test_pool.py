"""What a pool makes of workers that are lost, told by a Ray that is played here: no processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.errors import RunError
from workbench.runs import pool as module
from workbench.runs.pool import MOST_LOSSES, Pool

ray = pytest.importorskip("ray")

Answer = Callable[[], Any]


class Played:
    """As the module ray, with references that are functions: what they give, or raise, is the result."""

    exceptions = ray.exceptions

    def __init__(self) -> None:
        self.killed: list[Worker] = []

    def wait(
        self, asked: list[Answer], num_returns: int, timeout: float
    ) -> tuple[list[Answer], list[Answer]]:
        ready = [one for one in asked if one is not never][:num_returns]
        return ready, [one for one in asked if one not in ready]

    def get(self, reference: Answer) -> Any:
        return reference()

    def kill(self, actor: Worker) -> None:
        self.killed.append(actor)


def never() -> None:
    raise AssertionError("asked for what is not there")


def lost(**more: Any) -> Answer:
    def raises() -> None:
        error = ray.exceptions.ActorUnavailableError("its machine is gone", None)
        vars(error).update(more)
        raise error

    return raises


class Worker:
    """Measures as many groups as it is told to, and is lost, or forgets its records, at the next."""

    def __init__(
        self, groups: float = float("inf"), *, ready: Answer = lambda: None, at_end: Answer | None = None
    ):
        self.given: list[list[int]] = []
        self.ready = SimpleNamespace(remote=lambda: ready)
        self.measure = SimpleNamespace(remote=self._measure)
        self._groups, self._at_end = groups, at_end or lost()

    def _measure(self, group: list[int], following: list[int]) -> Answer:
        self.given.append(group)
        records = {position: f"record {position}" for position in group}
        return (lambda: records) if len(self.given) <= self._groups else self._at_end


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    play = Played()
    monkeypatch.setitem(sys.modules, "ray", play)
    return play


JOB: Any = SimpleNamespace(
    model=SimpleNamespace(name="a model"),
    measurement=SimpleNamespace(units=lambda model: 1),
    encoder=SimpleNamespace(samples=[SimpleNamespace(id=f"sample {number}") for number in range(12)]),
)
GROUPS = [[number, number + 1] for number in range(0, 12, 2)]


def measured(wanted: int, workers: list[Worker], room: Callable[[], int] = lambda: 9) -> list[int]:
    """Positions whose records came, in the order in which they did."""
    waiting = iter(workers)
    pool = Pool(JOB, GROUPS, wanted=wanted, make=lambda: next(waiting), room=room)
    return [position for records in pool.records(lambda count: None) for position in records]


@pytest.mark.parametrize("groups", range(4))
@pytest.mark.parametrize(
    "at_end",
    [lost(), lambda: (_ for _ in ()).throw(ray.exceptions.ObjectLostError("00", None, ""))],
    ids=["worker", "records"],
)
def test_what_a_lost_worker_had_is_measured_by_others(played: Played, groups: int, at_end: Answer) -> None:
    workers = [Worker(groups, at_end=at_end), Worker(), Worker()]
    assert sorted(measured(2, workers)) == list(range(12))
    assert workers[0] in played.killed  # one that only cannot be reached would hold its place


def test_a_replacement_without_a_machine_keeps_nothing_back(played: Played) -> None:
    workers = [Worker(1), Worker(), Worker(ready=never)]
    assert sorted(measured(2, workers)) == list(range(12))
    assert not workers[2].given


def test_no_worker_and_no_room_for_one(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10_000, 50))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(now)))
    with pytest.raises(RunError, match="no machine came that can hold one"):
        measured(1, [Worker(1), Worker(ready=never)], room=lambda: 0)


def test_a_machine_that_comes_late_is_waited_for(played: Played) -> None:
    looked = []

    def room() -> int:
        looked.append(1)
        late.ready = SimpleNamespace(remote=lambda: None)
        pool._starting = {number: (lambda: None) for number in pool._starting}
        return 1

    late = Worker(ready=never)
    workers = iter([Worker(1), late])
    pool = Pool(JOB, GROUPS, wanted=1, make=lambda: next(workers), room=room)
    found = [position for records in pool.records(lambda count: None) for position in records]
    assert sorted(found) == list(range(12))
    assert looked


def test_a_group_that_kills_every_worker_is_named(played: Played) -> None:
    with pytest.raises(
        RunError, match=f"{MOST_LOSSES} workers were lost one after another on 'sample 0', 'sample 1'"
    ):
        measured(1, [Worker(0) for _ in range(MOST_LOSSES)])


def test_a_model_that_cannot_be_loaded(played: Played) -> None:
    with pytest.raises(RunError, match=r"A worker could not load a model: .*gone"):
        measured(1, [Worker(ready=lost(_actor_init_failed=True))])


def test_workers_that_are_lost_while_they_load_are_replaced_and_not_for_ever(played: Played) -> None:
    assert sorted(measured(1, [Worker(ready=lost(_actor_init_failed=False)), Worker()])) == list(range(12))
    with pytest.raises(RunError, match=f"{MOST_LOSSES} workers in a row were lost while they loaded"):
        measured(1, [Worker(ready=lost(_actor_init_failed=False)) for _ in range(MOST_LOSSES)])


def test_an_error_of_the_measurement_passes(played: Played) -> None:
    def fails() -> None:
        raise ray.exceptions.RayTaskError(
            "measure", "where it was", ValueError("of the measurement"), proctitle="worker", ip="here"
        )

    with pytest.raises(ValueError, match="where it was"):
        measured(1, [Worker(0, at_end=fails)])
    assert len(played.killed) == 1
