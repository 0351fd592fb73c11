from __future__ import annotations

from typing import Any

from tests.figures.tables import sweep_table
from workbench.figures import information_flow


def test_deep_models_get_fewer_ticks() -> None:
    shapes = {"t": {"video -> last": [-10.0] * 32}}
    fig: Any = information_flow(sweep_table(shapes, flows=("video -> last",)))
    assert list(fig.layout.xaxis.tickvals) == [1, 4, 8, 12, 16, 20, 24, 28, 32]


def test_a_narrow_figure_stacks_its_panels() -> None:
    fig: Any = information_flow(sweep_table(samples=3), columns=1)
    assert fig.layout.xaxis5.domain == fig.layout.xaxis.domain == (0, 1)
    assert fig.layout.height > 5 * 230
