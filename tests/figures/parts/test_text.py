from __future__ import annotations

import pytest

from workbench.figures.parts.text import arrows, flow_label, layers_text, percent, plain, task_name, wrap


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        ("<b>x</b> & y", "&lt;b&gt;x&lt;/b&gt; &amp; y"),
        ("%{customdata[0]}", "&#37;{customdata[0]}"),
        ("two\nlines", "two lines"),
        ("50%", "50%"),
    ],
)
def test_names_are_drawn_as_they_are(given: str, drawn: str) -> None:
    assert plain(given) == drawn


def test_flows_have_printed_arrows() -> None:
    assert flow_label("video -> question") == "video\u00a0→\u00a0question"
    assert arrows("a->b") == "a->b"


def test_an_arrow_stays_with_its_spans_when_text_is_wrapped() -> None:
    lines = wrap(arrows("Cutting video -> question hurts most"), 20)
    assert lines == ["Cutting", "video\u00a0→\u00a0question", "hurts most"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(-63.4, "-63%"), (4.2, "+4%"), (0.0, "0%"), (-0.04, "0%"), (-0.31, "-0.3%"), (412.0, "+412%")],
)
def test_percent(value: float, text: str) -> None:
    assert percent(value) == text


def test_layers_in_words() -> None:
    assert [layers_text(*span) for span in [(4, 6), (5, 5), (13, 12)]] == [
        "layers 4-6",
        "layer 5",
        "no layer",
    ]


def test_task_names() -> None:
    assert task_name("moving_direction") == "Moving Direction"
    assert task_name("TOMATO_rotation") == "TOMATO Rotation"
