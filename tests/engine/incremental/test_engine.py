"""The incremental engine gives the reference engine's numbers, on every family, flow and window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.conftest import case
from tests.tiny import FAMILY_NAMES, FamilyName, tiny_model, tiny_prompt
from workbench.engine import IncrementalEngine, Outcomes, Request, get_engine
from workbench.engine.incremental import engine as incremental
from workbench.engine.incremental import memory
from workbench.engine.incremental.packed import run_packed
from workbench.errors import RunError, WorkbenchError
from workbench.interventions import (
    NAMED_FLOWS,
    Cut,
    Flow,
    Intervention,
    Knockout,
    Window,
    after,
    all_layers,
    centred,
    first_half,
    knockouts,
    layers,
    second_half,
    trailing,
)
from workbench.models.attention import AttentionKind

REFERENCE = get_engine("reference")
TOLERANCE = 1e-5
"""Relative, of the traced probability, in float32."""
WINDOWS: tuple[Window, ...] = (
    centred(1),
    centred(3),
    centred(4),
    trailing(2),
    after(0),
    after(2),
    all_layers(),
    first_half(),
    second_half(),
    layers(2, 3),
)
FLOWS = (
    *(named.text for named in NAMED_FLOWS),
    "within frames (self too)",
    "frame[0] + system -> option[B] + last",
    "cell[0,:,:] -> frame[1]",
    "video -> video",
    "text -> text",
    "video -> last @ heads 1,2",
    "frames -> later frames @ heads 3",
    "within frames @ heads 0",
    "video -> text @ heads 0,1,2",
)
NAMED = tuple(named.text for named in NAMED_FLOWS if "frame" in named.text or "last" in named.text)
SEVERAL = (
    "frames -> later frames in layers 1..2; video -> text in layers 3..4",
    "video -> last in layers 1..4; within frames in layers 2..3; nonoption -> true_option in layer 1",
    "video -> text in layers 2..4; frames -> later frames in layers 1..4; question -> last in layer 4",
    "video -> question @ heads 1 in layers 2..3; video -> question @ heads 0,2 in layers 1..2",
    "frames -> later frames @ heads 0 in layers 1..4; within frames @ heads 1 in layers 1..4",
    "video -> text in layer 4; video -> video in layers 3..4; question -> question in layer 4",
    "last -> last in layers 2..3; video -> last in layers 2..3",
    "40 random edges from row 9 (seed 1, draw 0) in layer 2",
    "40 random edges from row 9 (seed 1, draw 1) in layers 3..4; video -> question in layers 1..3",
)


def same(
    found: Outcomes,
    expected: Outcomes,
    asked: Sequence[Intervention],
    tolerance: float = TOLERANCE,
    tied: Callable[[Intervention, int], float] | None = None,
) -> None:
    """The same numbers, and the same likeliest tokens. Where rounding is coarse, two tokens may be likeliest:
    `tied` then gives the probability of the one that was found."""
    assert found.baseline.token_id == expected.baseline.token_id
    assert found.baseline.p == pytest.approx(expected.baseline.p, rel=tolerance)
    assert len(found.changed) == len(expected.changed) == len(asked)
    for knockout, one, two in zip(asked, found.changed, expected.changed, strict=True):
        assert one.p == pytest.approx(two.p, rel=tolerance), str(knockout)
        assert one.top_p == pytest.approx(two.top_p, rel=tolerance), str(knockout)
        if tied is None or one.top_id == two.top_id:
            assert one.top_id == two.top_id, str(knockout)
        else:
            assert tied(knockout, one.top_id) == pytest.approx(two.top_p, rel=tolerance), str(knockout)


def all_knockouts(
    n_layers: int, flows: Sequence[str] = FLOWS, windows: Sequence[Window] = WINDOWS
) -> list[Knockout]:
    found = knockouts([Flow.parse(flow) for flow in flows], windows, n_layers)
    return [*dict.fromkeys(found), *(Knockout.parse(text) for text in SEVERAL)]


@cache
def every_outcome(family: FamilyName, attention: AttentionKind = "sdpa") -> Outcomes:
    """Of all knockouts, by the reference engine."""
    model, prompt = case(family, attention)
    return REFERENCE.outcomes(model, prompt, all_knockouts(model.n_layers))


def compare(model: Any, prompt: Any, asked: Sequence[Knockout], **options: Any) -> None:
    same(
        IncrementalEngine(**options).outcomes(model, prompt, asked),
        REFERENCE.outcomes(model, prompt, asked),
        asked,
    )


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_family_is_run_by_it_and_not_handed_on(name: FamilyName) -> None:
    """Else a warning says so, which is an error here."""
    model = tiny_model(name)
    compare(model, tiny_prompt(model), [Knockout.of("video -> question", (2, 3))])


def test_every_flow_and_window_on_every_family(family: FamilyName, attention: AttentionKind) -> None:
    model, prompt = case(family, attention)
    asked = all_knockouts(model.n_layers)
    untouched = REFERENCE.outcomes(model, prompt, []).baseline.p
    expected = every_outcome(family, attention)
    moved = sum(abs(outcome.p / untouched - 1) > 100 * TOLERANCE for outcome in expected.changed)
    assert moved > 0.85 * len(asked), "cuts that do nothing would prove nothing"
    same(get_engine("incremental").outcomes(model, prompt, asked), expected, asked)


SPANS = """system video frame[0] frame[1:3] frame[3] cell[1,0,:] question nonoption option[A] option[B]
    true_option false_options tail last text"""
spans = st.sampled_from(SPANS.split())


@st.composite
def some_cuts(draw: st.DrawFn) -> Cut:
    heads = draw(st.none() | st.sets(st.integers(0, 3), min_size=1).map(lambda chosen: tuple(sorted(chosen))))
    special = draw(st.sampled_from(["frames -> later frames", "within frames", None, None, None, None]))
    if special is None:
        flow = Flow(
            source=draw(spans),
            target=draw(spans),
            heads=heads,
            keep_self=draw(st.booleans()) or heads is None,
        )
    else:
        flow = Flow.parse(special + ("" if heads is None else f" @ heads {','.join(map(str, heads))}"))
    first = draw(st.integers(1, 4))
    return Cut(flow=flow, first_layer=first, last_layer=draw(st.integers(first, 4)))


@settings(max_examples=60)
@given(data=st.data())
def test_random_knockouts(data: st.DataObject) -> None:
    family = data.draw(st.sampled_from(FAMILY_NAMES))
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    asked = []
    for _ in range(data.draw(st.integers(1, 6))):
        try:
            knockout = Knockout(cuts=tuple(data.draw(st.lists(some_cuts(), min_size=1, max_size=3))))
            knockout.check(prompt.layout, model.n_layers, model.n_heads)
        except WorkbenchError:
            continue
        asked.append(knockout)
    limit = data.draw(st.sampled_from([None, 40 * memory.bytes_per_row(model)]))
    compare(model, prompt, asked, limit_bytes=limit)


def test_progress_counts_every_knockout_once() -> None:
    model, prompt = case("llava_onevision")
    asked = all_knockouts(model.n_layers)
    asked.append(Knockout.of("video -> last", (model.n_layers + 1, model.n_layers)))
    done: list[int] = []
    request = Request(prompt=prompt, interventions=asked, noise=True)
    IncrementalEngine(limit_bytes=200 * memory.bytes_per_row(model)).run(model, [request], done.append)
    assert sum(done) == len(asked)
    assert len(done) > 3


def test_memory_that_runs_out_only_makes_the_steps_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    model, prompt = case("llava_onevision")
    asked = all_knockouts(model.n_layers)
    tried: list[int] = []

    def capped(packed, **options):
        tried.append(packed.plan.rows)
        if packed.plan.rows > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run_packed(packed, **options)

    monkeypatch.setattr(incremental, "run_packed", capped)
    done: list[int] = []
    found = get_engine("incremental").outcomes(model, prompt, asked, on_done=done.append)
    assert max(tried) > 600
    assert sum(done) == len(asked), "nothing that was done is done again"
    same(found, every_outcome("llava_onevision"), asked)


def test_memory_that_never_suffices_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(incremental, "run_packed", never)
    model, prompt = case("llava_onevision")
    with pytest.raises(RunError, match=r"single knockout of \d+ rows. Use fewer frames"):
        get_engine("incremental").outcomes(model, prompt, all_knockouts(model.n_layers))


def test_thin_knockouts_of_many_samples_run_together() -> None:
    model, prompt = case("llava_next_video")
    thin = Request(prompt=prompt, interventions=knockouts([Flow.parse("video -> last")], [centred(1)], 4))
    wide = Request(prompt=prompt, interventions=all_knockouts(model.n_layers))
    engine = get_engine("incremental")
    assert engine.at_once(model, thin) > 8
    assert engine.at_once(model, wide) == 1
    assert REFERENCE.at_once(model, thin) == 1
