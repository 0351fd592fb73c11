"""The incremental engine gives the reference engine's numbers, on every family, flow and window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.engine.conftest import Case, case
from tests.tiny import FAMILY_NAMES, FamilyName, tiny_clip, tiny_folder, tiny_model, tiny_prompt, tiny_sample
from workbench.engine import IncrementalEngine, Outcomes, Request, Slower, get_engine
from workbench.engine.incremental import engine as incremental
from workbench.engine.incremental import memory
from workbench.engine.incremental.packed import run_packed
from workbench.errors import KnockoutError, RunError, SpanError, WorkbenchError
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
from workbench.models import VideoLLM, load
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


def test_every_flow_and_window_on_every_family(family: FamilyName, attention: AttentionKind) -> None:
    model, prompt = case(family, attention)
    asked = all_knockouts(model.n_layers)
    untouched = REFERENCE.outcomes(model, prompt, []).baseline.p
    expected = every_outcome(family, attention)
    moved = sum(abs(outcome.p / untouched - 1) > 100 * TOLERANCE for outcome in expected.changed)
    assert moved > 0.85 * len(asked), "cuts that do nothing would prove nothing"
    same(get_engine("incremental").outcomes(model, prompt, asked), expected, asked)


@pytest.mark.parametrize("n_kv_heads", [1, 4])
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_attention_with_and_without_grouped_keys(family: Any, n_kv_heads: int) -> None:
    model, prompt = case(family, n_kv_heads=n_kv_heads)
    compare(model, prompt, all_knockouts(model.n_layers, windows=(centred(3),)))


def test_layers_with_a_sliding_window(sliding: Case) -> None:
    model, prompt = sliding
    compare(model, prompt, all_knockouts(model.n_layers, windows=(centred(1), trailing(2), after(2))))


def test_separators_and_few_frames() -> None:
    model = tiny_model("llava_onevision")
    for prompt in (tiny_prompt(model, separators="frame"), tiny_prompt(model, n_frames=2)):
        compare(model, prompt, all_knockouts(model.n_layers, NAMED, (centred(3),)))


NAMED = tuple(named.text for named in NAMED_FLOWS if "frame" in named.text or "last" in named.text)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_prompts_of_unlike_lengths_run_together(family: Any) -> None:
    model = tiny_model(family)
    prompts = [
        model.encode(tiny_sample(n_options=n_options), clip=tiny_clip(n_frames, seed=n_frames))
        for n_options, n_frames in ((2, 4), (4, 6), (3, 8))
    ]
    assert len({len(prompt) for prompt in prompts}) == 3
    asked = [
        knockouts([Flow.parse(flow)], [centred(1)], model.n_layers)
        for flow in ("video -> last", "frames -> later frames", "question -> last")
    ]
    requests = [
        Request(prompt=prompt, interventions=some + asked[0])
        for prompt, some in zip(prompts, asked, strict=True)
    ]
    together = get_engine("incremental").run(model, requests)
    for request, found in zip(requests, together, strict=True):
        same(found, REFERENCE.outcomes(model, request.prompt, request.interventions), request.interventions)


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


def test_the_last_row_changes_by_nothing_where_nothing_is_cut(tiny: Case) -> None:
    model, prompt = tiny
    nothing = Knockout.of("video -> last", (model.n_layers + 1, model.n_layers))
    found = get_engine("incremental").outcomes(model, prompt, [nothing])
    assert found.changed[0].p == found.baseline.p


def test_knockouts_are_run_only_where_they_are_wanted() -> None:
    model, prompt = case("llava_onevision")
    asked = knockouts([Flow.parse("video -> last")], [centred(1)], model.n_layers)
    said: list[int] = []

    def never(token: int) -> bool:
        said.append(token)
        return False

    for engine in ("incremental", "reference"):
        done: list[int] = []
        request = Request(prompt=prompt, interventions=asked, wanted=never)
        (found,) = get_engine(engine).run(model, [request], done.append)
        assert found.changed == []
        assert done == []
        assert said[-1] == found.baseline.token_id


def test_progress_counts_every_knockout_once() -> None:
    model, prompt = case("llava_onevision")
    asked = all_knockouts(model.n_layers)
    asked.append(Knockout.of("video -> last", (model.n_layers + 1, model.n_layers)))
    done: list[int] = []
    request = Request(prompt=prompt, interventions=asked, noise=True)
    IncrementalEngine(limit_bytes=200 * memory.bytes_per_row(model)).run(model, [request], done.append)
    assert sum(done) == len(asked)
    assert len(done) > 3


@pytest.mark.parametrize("engine", ["incremental", "reference"])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ("video -> last in layer 99", KnockoutError, "99"),
        ("video -> last @ heads 77 in layer 1", KnockoutError, "head 77"),
        ("frame[40] -> last in layer 1", SpanError, "frame"),
        ("system + text + video -> last (self too) in layer 2", KnockoutError, "without any key"),
    ],
)
def test_what_cannot_act_is_refused_before_anything_runs(
    engine: str, bad: str, error: type[Exception], message: str
) -> None:
    model, prompt = case("llava_onevision")
    done: list[int] = []
    with pytest.raises(error, match=message):
        get_engine(engine).outcomes(
            model,
            prompt,
            [Knockout.parse("video -> last in layer 1"), Knockout.parse(bad)],
            on_done=done.append,
        )
    assert done == []


def test_a_row_that_a_sliding_window_starves_is_refused(sliding: Case) -> None:
    model, prompt = sliding
    starving = Knockout.parse("text -> last (self too) in layer 3")
    for engine in ("incremental", "reference"):
        with pytest.raises(KnockoutError, match=r"row \d+ without any key"):
            get_engine(engine).outcomes(model, prompt, [starving])


def test_memory_that_runs_out_only_makes_the_steps_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    model, prompt = case("llava_onevision")
    asked = all_knockouts(model.n_layers)
    tried: list[int] = []

    def capped(attention, plan, **options):
        tried.append(plan.rows)
        if plan.rows > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run_packed(attention, plan, **options)

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


def test_a_model_that_cannot_be_run_in_parts_is_run_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that adds to the residual stream between blocks, as Qwen3-VL does."""
    model, prompt = case("llava_next_video")
    asked = knockouts([Flow.parse("video -> last")], [centred(3)], model.n_layers)
    layer = model.hf.model.language_model.layers[2]
    handle = layer.register_forward_pre_hook(lambda module, args: (args[0] + 0.1, *args[1:]), prepend=True)
    try:
        with pytest.warns(Slower, match="reference engine.*added to the residual stream before layer 3"):
            found = get_engine("incremental").outcomes(model, prompt, asked)
        same(found, REFERENCE.outcomes(model, prompt, asked), asked, tolerance=0)
    finally:
        handle.remove()


@contextmanager
def embeddings(model: VideoLLM, given: Tensor) -> Iterator[None]:
    """The first decoder layer takes these, (1, s, d), instead of the model's own."""

    def put(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (given.to(model.dtype), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": given.to(model.dtype)}

    handle = model.family.decoder_layers(model.hf)[0].register_forward_pre_hook(put, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


class TestHalfPrecision:
    """bfloat16 weights, whose every product rounds to three digits."""

    @pytest.fixture
    def half(self) -> Case:
        model = load(tiny_folder("qwen2_5_vl"), device="cpu", dtype="bfloat16")
        return Case(model, tiny_prompt(model))

    def test_the_noise_floor_bounds_what_rounding_does(self, half: Case) -> None:
        model, prompt = half
        asked = all_knockouts(model.n_layers, NAMED, (centred(3),))
        request = Request(prompt=prompt, interventions=asked, noise=True)
        (found,) = get_engine("incremental").run(model, [request])
        assert found.noise_percent is not None
        assert 0 < found.noise_percent < 30

        def p(knockout: Intervention, token_id: int) -> float:
            return REFERENCE.outcomes(model, prompt, [knockout], token_id=token_id).changed[0].p

        same(found, REFERENCE.outcomes(model, prompt, asked), asked, tolerance=0.3, tied=p)

    @pytest.mark.parametrize("family", ["llava_next_video", "qwen2_5_vl"])
    def test_a_float32_residual_stream_is_nearer_to_the_truth(self, family: Any) -> None:
        """Where layers add little to a large stream, nearly all rounding is that of the sums and the logits.

        The truth is the same weights in float64, from the same embeddings. Measured: a third of the error or
        less. In layers that add as much as there is, their own rounding is as large, and which engine is
        nearer depends on the prompt and on the machine's kernels.
        """
        n_layers = 8
        half, exact = (
            load(tiny_folder(family, n_layers=n_layers), device="cpu", dtype=dtype)
            for dtype in ("bfloat16", "float64")
        )
        for layer in half.family.decoder_layers(half.hf):
            layer.self_attn.o_proj.weight.mul_(0.03)
            layer.mlp.down_proj.weight.mul_(0.03)
        exact.hf.load_state_dict(half.hf.state_dict())
        asked = all_knockouts(n_layers, NAMED, (centred(3),))[::n_layers]
        errors: dict[str, list[float]] = {"incremental": [], "incremental-float32": []}
        for seed in range(8):
            prompt, in_float64 = (
                model.encode(tiny_sample(), clip=tiny_clip(seed=seed)) for model in (half, exact)
            )
            first = "blocks.0.hook_resid_pre"
            with embeddings(exact, half.run_with_cache(prompt, first).cache[first]):
                truth = REFERENCE.outcomes(exact, in_float64, asked)
            for engine, found in errors.items():
                outcomes = get_engine(engine).outcomes(half, prompt, asked, token_id=truth.baseline.token_id)
                for one, true in zip(outcomes.changed, truth.changed, strict=True):
                    found.append(abs(one.p / true.p - 1))
        assert np.mean(errors["incremental-float32"]) < 0.5 * np.mean(errors["incremental"])

    def test_the_model_is_left_as_it_was(self, half: Case) -> None:
        model, prompt = half
        before = model.logits(prompt)
        get_engine("incremental-float32").outcomes(model, prompt, [Knockout.parse("VT-K in layer 2")])
        assert torch.equal(model.logits(prompt), before)


def test_in_float32_the_float32_engine_is_the_same() -> None:
    model, prompt = case("llava_next_video")
    asked = all_knockouts(model.n_layers)
    found = IncrementalEngine(float32=True).outcomes(model, prompt, asked)
    same(found, every_outcome("llava_next_video"), asked)


def test_thin_knockouts_of_many_samples_run_together() -> None:
    model, prompt = case("llava_next_video")
    thin = Request(prompt=prompt, interventions=knockouts([Flow.parse("video -> last")], [centred(1)], 4))
    wide = Request(prompt=prompt, interventions=all_knockouts(model.n_layers))
    engine = get_engine("incremental")
    assert engine.at_once(model, thin) > 8
    assert engine.at_once(model, wide) == 1
    assert REFERENCE.at_once(model, thin) == 1
