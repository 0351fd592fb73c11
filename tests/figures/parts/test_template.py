from __future__ import annotations

from typing import Any

import plotly.io as pio
import pytest

from workbench.figures.parts.template import (
    FLOW_STYLES,
    INK,
    TEMPLATE,
    ink_on,
    line_styles,
    translucent,
)
from workbench.interventions import FLOW_GROUPS, NAMED_FLOWS

OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"}


def test_every_named_flow_has_a_style_of_its_own() -> None:
    assert {flow.text for flow in NAMED_FLOWS} == set(FLOW_STYLES)
    assert {style.color for style in FLOW_STYLES.values()} <= OKABE_ITO
    without_color = {(style.dash, style.symbol) for style in FLOW_STYLES.values()}
    assert len(without_color) == len(FLOW_STYLES), "flows must differ on grey paper too"


def test_the_flows_of_a_group_differ_in_colour() -> None:
    for group in FLOW_GROUPS:
        assert len({FLOW_STYLES[flow].color for flow in group.flows}) == len(group.flows) > 2


def test_no_button_sends_a_figure_away() -> None:
    template: Any = pio.templates[TEMPLATE]
    assert "sendChartToCloud" in template.layout.modebar.remove


def test_a_named_flow_keeps_its_style_whatever_else_is_drawn() -> None:
    alone = line_styles(["video -> question"])
    among = line_styles(["frame[0] -> last", "frame[1] -> last", "video -> question"])
    assert alone["video -> question"] == among["video -> question"] == FLOW_STYLES["video -> question"]


def test_other_flows_get_styles_that_differ_from_one_another_and_from_named_ones() -> None:
    names = [f"frame[{i}] -> last" for i in range(7)]
    styles = line_styles(names)
    assert styles == line_styles(names)
    assert len({*styles.values(), *FLOW_STYLES.values()}) == 7 + len(FLOW_STYLES)
    many = line_styles(f"frame[{i}] -> last" for i in range(40))
    assert len(set(many.values())) == len(many) == 40


def test_the_template_is_registered_and_does_not_become_plotlys_default() -> None:
    assert TEMPLATE in pio.templates
    assert pio.templates.default != TEMPLATE


@pytest.mark.parametrize(("color", "alpha", "ink"), [("#000000", 1, "#ffffff"), ("#000000", 0.1, INK)])
def test_text_on_a_cell_is_readable(color: str, alpha: float, ink: str) -> None:
    assert ink_on(color, alpha) == ink


def test_translucent() -> None:
    assert translucent("#0072B2", 0.16) == "rgba(0,114,178,0.16)"
