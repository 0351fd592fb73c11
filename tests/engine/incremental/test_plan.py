"""Which rows are computed: those that change and count, shared where cuts are the same so far."""

from __future__ import annotations

import pytest

from tests.interventions.layouts import small_layout
from workbench.engine.incremental.plan import (
    Flows,
    Job,
    chunks,
    first_row,
    idle_job,
    make_jobs,
    make_plan,
    patch_job,
)
from workbench.interventions import Knockout

LAYOUT, LAYERS = small_layout(), 4
LAST = LAYOUT.length - 1


def jobs_of(*texts: str) -> list[Job]:
    return make_jobs(0, [Knockout.parse(text) for text in texts], Flows(LAYOUT), LAYERS)


@pytest.mark.parametrize(
    ("text", "begin", "starts"),
    [
        # The last row alone loses keys, and no other row ever changes.
        ("video -> last in layers 2..3", 1, (LAST,) * 5),
        # The question changes in layer 2, and the last row reads it above; nothing does after layer 4.
        ("video -> question in layer 2", 1, (15, 15, 15, 15, LAST)),
        ("video -> question in layer 4", 3, (15, 15, 15, 15, LAST)),
        # In layer 4 the last row reads no question any more; in layer 3 row 20 does, and is read above.
        ("video -> question in layer 1; question -> last in layers 2..4", 0, (15, 15, 15, 20, LAST)),
    ],
)
def test_a_job_needs_the_rows_that_change_and_are_read(
    text: str, begin: int, starts: tuple[int, ...]
) -> None:
    (job,) = jobs_of(text)
    assert job.begin == begin
    assert job.starts[begin:] == starts[begin:]
    assert [kind > 0 for kind in job.kinds] == [layer in Knockout.parse(text).layers(4) for layer in range(4)]


def test_a_knockout_of_nothing_is_no_job_and_changes_no_row() -> None:
    nothing = Knockout.of("video -> last", (LAYERS + 1, LAYERS))
    flows = Flows(LAYOUT)
    assert make_jobs(0, [nothing], flows, LAYERS) == []
    assert first_row([nothing], flows) == LAYOUT.length
    assert first_row([nothing, Knockout.parse("video -> question in layer 1")], flows) == 15


def test_jobs_share_their_rows_as_long_as_they_cut_the_same() -> None:
    jobs = jobs_of(
        "video -> question in layer 1", "video -> question in layers 1..2", "last -> last in layer 2"
    )
    plan = make_plan(jobs, [LAYOUT.length], LAYERS)
    assert [len(nodes) for nodes in plan.layers] == [1, 3, 3, 3]
    assert len(set(plan.leaves)) == 3
    (first,) = plan.layers[0]
    assert first.parent is None
    assert sorted(node.parent is None for node in plan.layers[1]) == [False, False, True]
    for nodes in plan.layers:
        assert all(node.start <= node.stop_start for node in nodes)
    again = make_plan([jobs[0], jobs[0]], [LAYOUT.length], LAYERS)
    assert again.leaves[0] == again.leaves[1]
    assert again.rows == make_plan(jobs[:1], [LAYOUT.length], LAYERS).rows


def test_an_idle_job_computes_all_rows_and_cuts_nothing() -> None:
    job = idle_job(0, 0, 5, LAYOUT.length, LAYERS)
    assert (job.first, job.rows, set(job.kinds)) == (5, LAYOUT.length - 5, {0})


@pytest.mark.parametrize("most_rows", [1, 7, 20, 1000])
def test_chunks_hold_every_job_once_and_no_more_rows_than_fit(most_rows: int) -> None:
    jobs = jobs_of(
        *(f"{flow} in layer {n}" for flow in ("video -> question", "last -> last") for n in (1, 2, 3))
    )
    found = chunks(jobs, most_rows)
    assert sorted(job.place for part in found for job in part) == list(range(len(jobs)))
    for part in found:
        assert len(part) == 1 or sum(job.rows for job in part) <= most_rows
    if most_rows == 1000:
        assert len(found) == 1


def test_patches_keep_their_rows_apart_until_the_last_row() -> None:
    one, other = (patch_job(0, place, place + 1, 2, 15, LAYOUT.length, LAYERS) for place in (0, 1))
    plan = make_plan([one, other, one._replace(place=2)], [LAYOUT.length], LAYERS)
    assert plan.layers[:2] == ((), ())
    assert [(node.parent, node.patch, node.start) for node in plan.layers[2]] == [
        (None, 1, 15), (None, 2, 15),
    ]  # fmt: skip
    assert [(node.parent, node.patch) for node in plan.layers[3]] == [(0, 0), (1, 0)]
    assert plan.leaves == (0, 1, 0), "the same patch is computed once"
