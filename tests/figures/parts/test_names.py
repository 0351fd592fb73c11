from __future__ import annotations

from workbench.figures.parts.names import SPANS, span_names, spans_in, window_words


def test_only_the_spans_that_are_named_are_told() -> None:
    assert list(spans_in(["question -> last", "frames -> later frames"])) == ["frames", "question", "last"]
    said = span_names(["question -> true_option"])
    assert said == f"Names: question, {SPANS['question']}; true_option, {SPANS['true_option']}."
    assert span_names(["token[3] -> token[4]"]) == ""


def test_a_window_in_words() -> None:
    assert window_words("centred(9)") == "Each point: the flow cut in the 9 layers around it, centred(9)"
    assert window_words("trailing(1)") == "Each point: the flow cut in that layer, trailing(1)"
    assert window_words("after(i)") == "Each point: the flow cut in all layers after it, after(i)"
    assert window_words("all_layers") == "Window: all_layers"
    assert window_words("of my own") == "Window: of my own"
