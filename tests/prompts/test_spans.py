from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from tests.interventions.layouts import small_layout
from workbench.errors import SpanError, shown
from workbench.interventions import PLAIN_SPANS, Span


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("video", "video"),
        ("  Video ", "video"),
        ("true option", "true_option"),
        ("False-Options", "false_options"),
        ("frame[ 03 ]", "frame[3]"),
        ("frame [0 : 4]", "frame[0:4]"),
        ("frame[:4]", "frame[0:4]"),
        ("frame[2:]", "frame[2:]"),
        ("cell[ 1,0 ,2]", "cell[1,0,2]"),
        ("cell[:,0,1:2]", "cell[:,0,1:2]"),
        ("option[b]", "option[B]"),
        ("video+question", "video + question"),
        ("frame[0] + tail +last", "frame[0] + tail + last"),
    ],
)
def test_spans_print_canonically_and_read_back(typed: str, printed: str) -> None:
    span = Span.parse(typed)
    assert str(span) == printed
    assert Span.parse(printed) == span


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in PLAIN_SPANS if "sinks" not in name),
        "frame[1]",
        "frame[0:2]",
        "frame[1:]",
        "cell[1,0,1]",
        "option[A]",
    ],
)
def test_rows_are_the_layouts(name: str) -> None:
    layout = small_layout()
    rows = Span.parse(name).rows(layout)
    assert rows.dtype == np.int64
    np.testing.assert_array_equal(rows, layout[name])


def test_union_is_sorted_without_repeats() -> None:
    rows = Span.parse("question + frame[1] + video + option[A]").rows(small_layout())
    np.testing.assert_array_equal(rows, [*range(2, 14), *range(15, 20)])


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("vidoe", "'vidoe' is not a span. Did you mean 'video'"),
        ("fram[2]", r"Did you mean 'frame\[t\]'"),
        ("frames", "'frames' is not a span by itself.*frames -> later frames"),
        ("frame", r"'frame' is not complete.*frame\[3\]"),
        ("frame[4:2]", r"'frame\[4:2\]' is not complete or not readable.*a < b"),
        ("frame[2:2]", "a < b"),
        ("frame[-1]", "counted from 0"),
        ("frame[1,2]", r"Write frame\[t\]"),
        ("frame[]", r"Write frame\[t\]"),
        ("cell[1,2]", r"Write cell\[t,i,j\]"),
        ("option[AB]", "one letter"),
        ("question[2]", "'question' takes no index"),
        ("", "A span name is missing here"),
        ("video + ", r"A span name is missing in 'video \+ '"),
        ("video + video", "names 'video' twice"),
        ("frame[:4] + frame[0:4]", r"names 'frame\[0:4\]' twice"),
        ("video ++ last", "missing"),
        ("video, last", "'video, last' is not a span"),
    ],
)
def test_unreadable_spans_are_refused_before_any_prompt(typed: str, message: str) -> None:
    with pytest.raises(SpanError, match=message):
        Span.parse(typed)


@pytest.mark.parametrize("name", ["frame[3]", "frame[1:9]", "cell[0,2,0]", "option[F]"])
def test_spans_absent_from_the_prompt_are_refused(name: str) -> None:
    with pytest.raises(SpanError):
        Span.parse(name).rows(small_layout())


@pytest.mark.parametrize(
    "value", [None, 5, " " * 20_000, "frame[" + "9" * 4300 + "]", "video" + " -" * 4000], ids=shown
)
def test_what_is_no_span_is_refused_at_once(value: Any) -> None:
    begin = time.process_time()
    with pytest.raises(SpanError) as said:
        Span.parse(value)
    assert time.process_time() - begin < 0.5
    assert len(str(said.value)) < 500


def test_terms_are_texts() -> None:
    for terms in (5, None, ("video", 5), ("video", None)):
        with pytest.raises(SpanError, match="Write for example 'question'"):
            Span(terms)  # type: ignore[arg-type]


def test_a_union_of_hundreds_of_cells_is_read() -> None:
    text = " + ".join(f"cell[{t},{i},{j}]" for t in range(8) for i in range(8) for j in range(8))
    assert str(Span.parse(text)) == text
