"""What is put on the device for a pass, and which models have the kernel."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.tiny import tiny_model, tiny_prompt
from workbench.engine.incremental import tiled
from workbench.engine.incremental.packed import _segments
from workbench.engine.incremental.plan import Flows, make_jobs, make_plan
from workbench.engine.incremental.tiled import Tiler, can_tile
from workbench.interventions import MTF_FLOWS, Flow, Knockout, centred, knockouts


def test_nodes_rows_and_keys_of_two_prompts_find_one_another() -> None:
    layout = tiny_prompt(tiny_model()).layout
    flows = [Flows(layout), Flows(layout)]
    asked = knockouts([Flow.parse(flow) for flow in MTF_FLOWS], [centred(1)], 4)
    jobs = [job for prompt in (0, 1) for job in make_jobs(prompt, asked, flows[prompt], 4)]
    plan = make_plan(jobs, [layout.length] * 2, 4)
    tiler = Tiler(flows, torch.device("cpu"))
    tiler.begin(plan)
    for nodes in plan.layers:
        segments = _segments(nodes, plan.lengths, keys_only=False)
        found = tiler.tiled(segments)
        assert found is not None
        assert [part.prompt for part in found.prompts] == [0, 1]
        number = 0
        for part in found.prompts:
            assert part.first_node == number
            for start, place, row_at, key_at in part.nodes.tolist():
                node = nodes[number]
                rows, keys = (
                    np.flatnonzero(which.numpy() == number) for which in (found.row_nodes, found.key_nodes)
                )
                assert (rows - row_at).tolist() == list(range(node.stop_start, layout.length))
                assert (keys - key_at).tolist() == list(range(node.start, layout.length))
                assert start == node.start
                assert keys[-1] < part.last_key
                rows_lost = found.tables[part.prompt][0][place].numpy()
                expected = np.zeros(layout.length, dtype=bool)
                for flow in flows[part.prompt].cuts[node.kind]:
                    expected[flows[part.prompt].edges(flow).rows] = True
                # The first rows of a rectangle may have no key to lose yet, and carry its bit all the same.
                assert (rows_lost[expected] != 0).all()
                number += 1
        assert number == len(nodes)


def test_cuts_of_single_heads_go_another_way() -> None:
    layout = tiny_prompt(tiny_model()).layout
    flows = Flows(layout)
    jobs = make_jobs(0, [Knockout.parse("video -> last @ heads 0 in layer 2")], flows, 4)
    plan = make_plan(jobs, [layout.length], 4)
    tiler = Tiler([flows], torch.device("cpu"))
    tiler.begin(plan)
    assert [
        tiler.tiled(_segments(nodes, plan.lengths, keys_only=False)) is not None
        for nodes in plan.layers
        if nodes
    ] == [False, True, True]


@pytest.mark.parametrize(
    ("device", "dtype", "width", "there"),
    [
        ("cuda", torch.bfloat16, 128, True),
        ("cuda", torch.float16, 64, True),
        ("cuda", torch.float32, 128, False),
        ("cuda", torch.bfloat16, 96, False),
        ("cpu", torch.bfloat16, 128, False),
    ],
)
def test_the_kernel_is_for_half_precision_on_a_gpu(monkeypatch, device, dtype, width, there) -> None:
    model = SimpleNamespace(device=torch.device(device), dtype=dtype, d_head=width)
    monkeypatch.setattr(tiled, "has_triton", lambda: True)
    assert can_tile(model) is there  # type: ignore[arg-type]
    monkeypatch.setattr(tiled, "has_triton", lambda: False)
    assert can_tile(model) is False  # type: ignore[arg-type]
