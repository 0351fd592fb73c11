from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.figures import flow_groups
from workbench.figures.parts.groups import MOST, choose
from workbench.interventions import FLOW_GROUPS, MTF_FLOWS, NAMED_FLOWS

OWN = [f"frame[{i}] -> last" for i in range(9)]
FLOWS = st.lists(st.sampled_from([*(flow.text for flow in NAMED_FLOWS), *OWN]), unique=True)


@given(FLOWS)
def test_every_flow_is_in_one_group_and_no_group_is_crowded(flows: list[str]) -> None:
    groups = flow_groups(flows)
    assert sorted(flow for group in groups for flow in group.flows) == sorted(flows)
    assert all(len(group.flows) <= MOST for group in groups)
    assert len({group.name for group in groups}) == len(groups)
    assert len({group.title for group in groups}) == len(groups)
    if len(flows) <= MOST:
        assert len(groups) == 1
        assert groups[0].flows == tuple(flows)


@given(FLOWS.filter(lambda flows: len(flows) > MOST))
def test_what_is_not_drawn_by_default_is_told_and_can_be_asked_for(flows: list[str]) -> None:
    default = choose(None, flows)
    drawn = set(default.flows)
    for group in flow_groups(flows)[1:]:
        assert ", ".join(group.flows) + f' (flows="{group.name}")' in default.left_out
        assert choose(group.name, flows) == (group.flows, group.title, "")
        drawn |= set(group.flows)
    assert drawn == set(flows)


def test_the_eleven_flows_are_drawn_as_in_the_paper() -> None:
    assert flow_groups(MTF_FLOWS) == list(FLOW_GROUPS)
    assert [len(group.flows) for group in FLOW_GROUPS] == [5, 3, 3]


def test_flows_outside_the_paper_follow_a_few_at_a_time() -> None:
    names = [
        (group.name, len(group.flows)) for group in flow_groups(["video -> last", "within frames", *OWN])
    ]
    assert names == [("spans", 1), ("other", 6), ("other_2", 4)]


def test_what_is_asked_for_by_flow_names_is_passed_on() -> None:
    assert choose(["video -> last"], MTF_FLOWS) == (["video -> last"], "", "")
    assert choose("video -> last", MTF_FLOWS) == ("video -> last", "", "")
    assert choose("all", MTF_FLOWS) == (None, "", "")
    assert choose("to_last", ["video -> last"]).flows == "to_last", "no such flows here: refused later"
