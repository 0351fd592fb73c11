from __future__ import annotations

from workbench.analyses.sweep.cells import make_cells
from workbench.interventions import Flow, RandomKeys, as_windows


def test_flow_by_flow_window_by_window_layer_by_layer() -> None:
    flow = Flow.parse("frame[0] -> last")
    control = RandomKeys(flow=flow, seed=0)
    cells = make_cells((flow, control), as_windows(("all_layers()", "centred(1)")), 3)
    assert [(cell.flow, cell.span.layer) for cell in cells] == [
        (removal, layer) for removal in (flow, control) for layer in (0, 1, 2, 3)
    ]
    assert str(cells[1].knockout) == "frame[0] -> last in layer 1"
