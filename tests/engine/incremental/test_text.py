"""A text is followed as the reference engine follows it: every token, every knockout, by whatever steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.conftest import Case, case
from tests.tiny import DECODER_NAMES, tiny_folder, tiny_model, tiny_prompt
from workbench.engine import Followed, IncrementalEngine, TextRequest, get_engine, with_text
from workbench.engine.incremental import memory
from workbench.engine.incremental import text as incremental_text
from workbench.errors import KnockoutError
from workbench.interventions import MTF_FLOWS, Knockout
from workbench.models import Prompt, VideoLLM, load

TOLERANCE = 1e-5
TEXT = tuple(int(token) for token in np.random.default_rng(0).integers(10, 100, 5))
FLOWS = (
    *MTF_FLOWS,
    "generated -> last",
    "video -> text",
    "within frames",
    "video -> last @ heads 1,2",
    "video + last -> last",
)
SEVERAL = (
    "video -> last in layers 1..2; question -> last in layers 2..3",
    "video -> question in layers 1..2; question -> last in layers 2..4",
    "generated -> generated in layers 2..3; frames -> later frames in layer 1",
)


def cuts(n_layers: int, flows: Sequence[str] = FLOWS) -> list[Knockout]:
    spans = ((1, n_layers), (2, 3), (n_layers, n_layers))
    return [*(Knockout.of(flow, span) for flow in flows for span in spans), *map(Knockout.parse, SEVERAL)]


def few(n_layers: int) -> list[Knockout]:
    """Each flow in one of the ranges: each step of each is a trace where they are cut one by one."""
    return [cut for place, cut in enumerate(cuts(n_layers)) if place % 3 == place // 3 % 3 or place >= 48]


def request(
    model: VideoLLM, prompt: Prompt, asked: Sequence[Knockout], *, own_step: bool = False
) -> TextRequest:
    behind = with_text(model, prompt, TEXT)
    return TextRequest(prompt=behind, token_ids=TEXT, knockouts=asked, own_step=own_step)


def compare(
    model: VideoLLM,
    asked: TextRequest,
    *,
    moved: float = 0.5,
    tolerance: float = TOLERANCE,
    **options: Any,
) -> Followed:
    """Equal to the reference engine, with some share of numbers that moved: else it would prove nothing."""
    found, expected = (
        engine.follow(model, asked) for engine in (IncrementalEngine(**options), get_engine("reference"))
    )
    assert found.base == pytest.approx(expected.base, rel=tolerance)
    for knockout, one, two in zip(asked.knockouts, found.changed, expected.changed, strict=True):
        assert one == pytest.approx(two, rel=tolerance), str(knockout)
    assert np.mean(np.abs(expected.changed / expected.base - 1) > 100 * TOLERANCE) >= moved
    return found


@pytest.mark.parametrize("own_step", [False, True])
@pytest.mark.parametrize("name", DECODER_NAMES)
def test_every_flow_on_three_families(name: str, own_step: bool) -> None:
    model, prompt = case(name)
    asked = few(model.n_layers) if own_step else cuts(model.n_layers)[::2]
    compare(model, request(model, prompt, asked, own_step=own_step))


@pytest.mark.parametrize("own_step", [False, True])
def test_layers_with_a_window_of_their_own(sliding: Case, own_step: bool) -> None:
    model, prompt = sliding
    compare(model, request(model, prompt, few(model.n_layers)[::2], own_step=own_step), moved=0.2)


@pytest.mark.parametrize("own_step", [False, True])
@pytest.mark.parametrize("name", ["qwen3_5", "lfm3_vl"])
def test_layers_with_a_running_state(name: str, own_step: bool) -> None:
    model = tiny_model(name)
    asked = cuts(model.n_layers, ("frames -> later frames", "question -> last", "generated -> last"))[:9:2]
    compare(model, request(model, tiny_prompt(model), asked, own_step=own_step), moved=0.2, tolerance=2e-4)


def test_cuts_at_chosen_steps_change_nothing_before_them() -> None:
    model, prompt = case("llava_next_video")
    texts = [f"{flow} at steps {steps} in layers 1..3" for flow in FLOWS[2:5] for steps in ("2", "3,5")]
    found = compare(model, request(model, prompt, list(map(Knockout.parse, texts))))
    for place, text in enumerate(texts):
        first = int(text.split("steps ")[1][0])
        assert np.array_equal(found.changed[place, : first - 1], found.base[: first - 1]), text
        assert not np.isclose(found.changed[place, first - 1], found.base[first - 1], rtol=1e-4), text


@pytest.mark.parametrize("engine", ["incremental", "reference"])
def test_what_no_cut_reaches_is_exactly_as_it_was(engine: str) -> None:
    model, prompt = case("llava_next_video")
    nowhere = Knockout.of("video -> last", (3, 2))
    for own_step in (False, True):
        asked = request(model, prompt, [Knockout.of("generated -> last", (1, 4)), nowhere], own_step=own_step)
        found = get_engine(engine).follow(model, asked)
        # The first row that is written has none before it, and what the prompt's last row sees is no text.
        assert np.array_equal(found.changed[0, :2], found.base[:2])
        assert not np.isclose(found.changed[0, 2:], found.base[2:], rtol=1e-4).any()
        assert np.array_equal(found.changed[1], found.base)


def test_a_cut_at_its_own_step_leaves_the_other_steps_alone() -> None:
    """Each number is that of a forward in which this one row loses the edge."""
    model, prompt = case("llava_onevision")
    flow = "video -> last"
    each = IncrementalEngine().follow(
        model, request(model, prompt, [Knockout.of(flow, (1, 4))], own_step=True)
    )
    for step in range(1, len(TEXT) + 1):
        one = Knockout.parse(f"{flow} at step {step} in layers 1..4")
        found = get_engine("reference").follow(model, request(model, prompt, [one]))
        assert each.changed[0, step - 1] == pytest.approx(found.changed[0, step - 1], rel=TOLERANCE)


@pytest.mark.parametrize("own_step", [False, True])
def test_small_chunks_count_every_knockout_once(own_step: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental_text, "_ROWS_OF_LOGITS", 7)
    model, prompt = case("llava_next_video")
    asked = request(model, prompt, [*few(4)[::2], Knockout.of("video -> last", (3, 2))], own_step=own_step)
    limit = 60 * memory.bytes_per_row(model)
    compare(model, asked, limit_bytes=limit)
    done: list[int] = []
    IncrementalEngine(limit_bytes=limit).follow(model, asked, done.append)
    assert sum(done) == len(asked.knockouts)
    assert len(done) > 3


def test_random_edges_have_no_step_of_their_own() -> None:
    model, prompt = case("llava_next_video")
    random = Knockout.parse("9 random edges from row 9 (seed 1, draw 0) in layers 1..2")
    compare(model, request(model, prompt, [random]), moved=0.1)
    with pytest.raises(KnockoutError, match="flows alone can be cut"):
        IncrementalEngine().follow(model, request(model, prompt, [random], own_step=True))


@pytest.mark.parametrize("own_step", [False, True])
def test_half_precision_is_near_and_nearer_with_a_stream_in_float32(own_step: bool) -> None:
    half = load(tiny_folder("llava_next_video"), device="cpu", dtype="bfloat16")
    asked = request(half, tiny_prompt(half), few(half.n_layers)[::4], own_step=own_step)
    found = [get_engine(name).follow(half, asked).changed for name in ("incremental", "incremental-float32")]
    half.hf.to(torch.float32)  # pyright: ignore[reportArgumentType] - the same weights, which truth is about
    inputs = {
        name: value.float() if value.is_floating_point() else value
        for name, value in asked.prompt.inputs.items()
    }
    wide = replace(asked, prompt=replace(asked.prompt, inputs=inputs))
    truth = get_engine("reference").follow(half, wide).changed
    narrow, wider = (float(np.mean(np.abs(one / truth - 1))) for one in found)
    assert wider < narrow < 0.1
