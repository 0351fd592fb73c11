"""The flows of the papers: canonical, in the order of the figures, and each does something."""

from __future__ import annotations

import pytest

from tests.interventions.layouts import small_layout
from workbench.interventions import FLOW_GROUPS, MTF_FLOWS, NAMED_FLOWS, Flow

SMALL = small_layout()


def test_the_groups_hold_the_flows_of_map_the_flow_in_paper_order() -> None:
    assert [flow.text for flow in NAMED_FLOWS if "MTF" in flow.paper] == list(MTF_FLOWS)
    assert len(MTF_FLOWS) == 11
    for group, figures in zip(FLOW_GROUPS, ("23", "6", "7"), strict=True):
        papers = {flow.paper for flow in NAMED_FLOWS if flow.group == group.name}
        assert {paper.partition("MTF Fig. ")[2][0] for paper in papers} == set(figures)


@pytest.mark.parametrize("named", NAMED_FLOWS, ids=lambda named: named.text)
def test_named_flows_are_canonical_and_act(named) -> None:
    flow = Flow.parse(named.text)
    assert str(flow) == named.text
    assert all(Flow.parse(alias) == flow for alias in named.aliases)
    assert flow.edges(SMALL).count() > 0
