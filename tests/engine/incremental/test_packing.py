"""Chunks are planned once, and ahead where they turn out to be those that are run."""

from __future__ import annotations

from tests.engine.conftest import case
from workbench.engine.incremental import packing
from workbench.engine.incremental.packed import run_packed, run_rows
from workbench.engine.incremental.packed_attention import Start
from workbench.engine.incremental.packing import Packing
from workbench.engine.incremental.plan import Flows, make_jobs
from workbench.engine.incremental.untouched import run_untouched
from workbench.interventions import Knockout


def test_what_was_planned_ahead_is_not_planned_again(monkeypatch) -> None:
    model, prompt = case("llava_next_video")
    flows = Flows(prompt.layout)
    start = Start(run_untouched(model, prompt, first=0), flows)
    knockouts = [Knockout.of("video -> last", (layer, layer)) for layer in (1, 2)]
    jobs = make_jobs(0, knockouts, flows, model.n_layers)
    planned: list[int] = []
    make = packing.make_plan
    monkeypatch.setattr(
        packing, "make_plan", lambda jobs, *rest: planned.append(len(jobs)) or make(jobs, *rest)
    )
    ready = Packing(model, [start], None)
    ready.prepare([])
    ready.prepare(jobs)
    (chunk,) = packing.chunks(jobs, ready.most_rows)
    found = run_packed(ready.packed(chunk))
    assert planned == [2]
    assert found.shape == (2, model.vocab_size)
    ready.packed(chunk[:1])
    assert planned == [2, 1]


def test_as_many_rows_come_out_as_are_read() -> None:
    model, prompt = case("llava_next_video")
    flows = Flows(prompt.layout)
    start = Start(run_untouched(model, prompt, first=0, read=5), flows)
    assert len(start.untouched.last) == 5
    knockouts = [Knockout.of("video -> question", (2, 3)), Knockout.of("video -> last", (2, 2))]
    jobs = make_jobs(0, knockouts, flows, model.n_layers, 5)
    # Rows that do not change are not read: the last row alone, of the second knockout.
    assert [job.read for job in jobs] == [5, 1]
    assert [job.rows for job in jobs] == [len(prompt) - job.first for job in jobs]
    ready = Packing(model, [start], None)
    assert len(run_rows(ready.packed(jobs))) == 6
