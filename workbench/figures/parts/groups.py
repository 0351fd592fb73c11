"""Which flows share a figure: all of them while they are few, else the groups of Map the Flow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from workbench.interventions import FLOW_GROUPS, FlowGroup

MOST = 6
"""More curves than this in one panel cannot be told apart."""
ALL, OTHER = "all", "other"


def flow_groups(flows: Iterable[str]) -> list[FlowGroup]:
    """`flows` in groups that are drawn together; every flow is in exactly one.

    Up to 6 flows are one group, "all". More are parted as Map the Flow parts them (`FLOW_GROUPS`, paper
    order); flows that it does not have follow, 6 at a time, as "other", "other_2", ..
    """
    flows = list(dict.fromkeys(flows))
    return [FlowGroup(ALL, "", tuple(flows))] if len(flows) <= MOST else _parted(flows)


class Choice(NamedTuple):
    """Which flows a figure draws."""

    flows: Any
    """None for all."""
    title: str = ""
    """Of the group that they are; empty where they are none."""
    left_out: str = ""
    """A sentence on flows that nobody chose to leave out, and how to see them."""


def choose(asked: Any, flows: Iterable[str]) -> Choice:
    """What to draw of a table's `flows`: those asked for, those of a group asked for by name, or, where
    `asked` is None, the first group."""
    flows = list(dict.fromkeys(flows))
    if asked is None:
        first, *others = flow_groups(flows) or [None]
        return Choice(first and first.flows, left_out=_left_out(others))
    if asked == ALL:
        return Choice(None)
    for group in _parted(flows):
        if asked == group.name:
            return Choice(group.flows, group.title)
    return Choice(asked)


def _left_out(groups: Sequence[FlowGroup | None]) -> str:
    named = [f'{", ".join(group.flows)} (flows="{group.name}")' for group in groups if group]
    return f"Not in this figure: {'; '.join(named)}." if named else ""


def _parted(flows: Sequence[str]) -> list[FlowGroup]:
    groups = [
        group._replace(flows=tuple(flow for flow in flows if flow in group.flows)) for group in FLOW_GROUPS
    ]
    known = {flow for group in groups for flow in group.flows}
    rest = [flow for flow in flows if flow not in known]
    for number, start in enumerate(range(0, len(rest), MOST), start=1):
        name, title = (
            (OTHER, "Other flows") if number == 1 else (f"{OTHER}_{number}", f"Other flows, {number}")
        )
        groups.append(FlowGroup(name, title, tuple(rest[start : start + MOST])))
    return [group for group in groups if group.flows]
