from __future__ import annotations

from workbench.interventions import NAMED_FLOWS
from workbench.pages.report.explain import flow_meanings, span_meanings, window_meaning


def test_flows_have_the_words_of_the_catalogue_or_plain_ones() -> None:
    named = NAMED_FLOWS[0]
    found = flow_meanings([named.text, "option[B] -> last", "mine"])
    assert [meaning.text for meaning in found] == [
        named.description,
        "last cannot read option[B].",
        "A flow of its own.",
    ]


def test_spans_that_are_named() -> None:
    assert [meaning.name for meaning in span_meanings(["video -> question"])] == ["video", "question"]


def test_windows_in_words() -> None:
    assert window_meaning("centred(1)") == "one layer is cut at a time"
    assert window_meaning("centred(9)").startswith("9 neighbouring layers are cut at a time, around")
    assert window_meaning("after(0)") == "all layers after a layer are cut together"
    assert window_meaning("layers(2, 3)") == "these layers are cut at once"
    assert window_meaning("of my own") == ""
