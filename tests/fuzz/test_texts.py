"""Whatever a person types, or passes in the place of a text: what it says, or our error."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.conftest import entry
from tests.faults.test_strings import MARKS, NUMBERS, ODD, PARSERS, SPACES, WORDS
from tests.fuzz.values import TEXT, VALUE, attempt, changed, confined, few
from workbench.data import Sample, Samples, letter_of, same_word, samples
from workbench.data.options import answer_index
from workbench.interventions import Flow, Knockout, Span, as_flows, as_windows, parse_window
from workbench.prompts.styles import build_prompt
from workbench.video import as_sampling

KINDS = {
    kind: st.lists(
        st.one_of(*(st.sampled_from(pool) for pool in (words, words, NUMBERS, MARKS, SPACES, ODD)), TEXT),
        max_size=9,
    ).map("".join)
    for kind, words in WORDS.items()
}
"""Pieces of each language, and of others."""


@pytest.mark.parametrize("name", PARSERS)
@few(20)
@given(data=st.data())
def test_any_text(name: str, data: st.DataObject) -> None:
    kind, parse = PARSERS[name]
    typed = data.draw(KINDS[kind])
    attempt(lambda: parse(typed))


ANYTHING: dict[str, Callable[[Any], Any]] = {
    "as_flows": as_flows,
    "as_windows": as_windows,
    "as_sampling": as_sampling,
    "Span.parse": Span.parse,
    "Flow.parse": Flow.parse,
    "Knockout.parse": Knockout.parse,
    "parse_window": parse_window,
    "letter_of": lambda value: letter_of("B", value),
    "answer_index": lambda value: answer_index(value, ["left", "right", "2", "A"]),
    "style": lambda value: build_prompt(SAMPLE, value or "mvbench"),
    "Sample": lambda value: [
        attempt(lambda field=field: dataclasses.replace(SAMPLE, **{field.name: value}))
        for field in dataclasses.fields(Sample)
    ],
    "samples": samples,
    "from_list": lambda value: Samples.from_list([value]),
    "samples(limit=)": lambda value: samples("mini", limit=value) if value not in (None, 1) else None,
}
SAMPLE = Sample(
    id="t/1", task="t", video=Path("a.mp4"), question="Where to?", options=("left", "right"), answer=1
)


@pytest.mark.parametrize("name", ANYTHING)
@few(12)
@given(value=VALUE)
def test_anything_in_the_place_of_a_text(name: str, value: Any) -> None:
    attempt(lambda: ANYTHING[name](value))


@few(20)
@given(text=KINDS["answer"], word=TEXT, count=st.integers(1, 26), prefix=st.booleans())
def test_any_answer(text: str, word: str, count: int, prefix: bool) -> None:
    found = letter_of(text, count)
    assert found is None or found in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:count]
    assert same_word(text, word, prefix=prefix) in (True, False)


@few(30)
@given(typed=KINDS["sampling"], frames=st.integers(1, 400), rate=st.floats(0.01, 1000))
def test_any_sampling_of_any_clip(typed: str, frames: int, rate: float) -> None:
    found = attempt(lambda: list(as_sampling(typed).indices(frames, rate)))
    assert all(0 <= index < frames for index in found or ())


ROW = entry(candidates=..., options=["left", "right"], id="a", task="t", group="g", facets={"a": "b"})


@few(25)
@given(rows=st.lists(changed(ROW), max_size=3), name=TEXT, answers=st.none() | TEXT)
def test_any_list_of_questions(rows: list[dict[str, Any]], name: str, answers: Any) -> None:
    with tempfile.TemporaryDirectory() as home:
        root, outside = Path(home, "set"), Path(home, "outside")
        root.mkdir()
        outside.mkdir()
        (root / "clip_1.mp4").write_bytes(b"x")
        with confined(root, outside):
            attempt(lambda: repr(Samples.from_list(rows, name=name, root=root, answers=answers)))
            attempt(lambda: Samples.from_list(rows, name=name, root=root).fingerprint)
