"""Costs: each way by itself, beside one forward and all exact knockouts."""

from __future__ import annotations

from typing import Any

from tests.analyses.attribution.attributed import planted_attribution
from workbench.analyses.attribution.costs import costs


def test_every_way_is_timed_by_itself() -> None:
    found = planted_attribution(
        method=("local", "attention"), flows="video -> question", by=("flow", "layer")
    )
    table = costs(found, 1)
    assert list(table["method"]) == ["forward", "local", "attention", "exact"]
    assert set(table["samples"]) == {1}
    by: Any = table.set_index("method")
    assert by.loc["forward", "forwards"] == 1
    assert by.loc["exact", "share"] == 1
    assert (by["seconds"] > 0).all()
