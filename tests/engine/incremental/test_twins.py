"""Patches are the reference engine's, at every site, in every kind of decoder; forwards are shared."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.engine.incremental.test_engine import REFERENCE, TOLERANCE, same
from tests.tiny import tiny_clip, tiny_model, tiny_sample
from workbench.engine import IncrementalEngine, Request, Slower, get_engine
from workbench.engine.incremental import twins
from workbench.interventions import PATCH_SITES, Knockout, Patch
from workbench.interventions.patches import OF_FRAMES, WITHOUT_LAYERS
from workbench.models import Prompt, VideoLLM
from workbench.models.hooks import hook_points

FAMILIES = ("llava_next_video", "qwen2_5_vl", "internvl", "qwen3_vl", "glm4v", "qwen3_5", "lfm3_vl")
"""Plain and three-axis positions, other places, DeepStack, outer norms, delta rules, convolutions."""
SPANS = ("video", "frame[1]", "option[A] + last")


def pair_of(model: VideoLLM, question: str | None = None) -> tuple[Prompt, Prompt]:
    """The tiny question about two clips."""
    one, other = (model.encode(tiny_sample(), clip=tiny_clip(seed=seed)) for seed in (0, 1))
    return one, other


def every_patch(model: VideoLLM, source: Prompt) -> Iterator[Patch]:
    """At each site and layer that the model has and that reaches its answer, spans in turn."""
    points = hook_points(model)
    for turn, site in enumerate(PATCH_SITES):
        for layer in (0,) if site in WITHOUT_LAYERS else range(1, model.n_layers + 1):
            spans = SPANS[:2] if site in OF_FRAMES else SPANS
            span = spans[(layer + turn) % len(spans)]
            heads = (0, 2) if site == "z" and layer % 2 else None
            made = Patch(site=site, layer=layer, span=span, source=source, heads=heads)
            if made.point in points and not points[made.point].inert:
                yield made


@pytest.mark.parametrize("family", FAMILIES)
def test_every_site_gives_the_reference_engines_numbers(family: Any) -> None:
    model = tiny_model(family)
    prompt, source = pair_of(model)
    asked = [*every_patch(model, source)]
    if family in ("qwen3_vl", "qwen3_5"):  # blocks of the tower may change what DeepStack adds
        asked = [patch for patch in asked if patch.site != "vision"]
    assert len({patch.site for patch in asked}) >= (6 if family == "glm4v" else 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Slower)
        found = get_engine("incremental").outcomes(model, prompt, asked)
    expected = REFERENCE.outcomes(model, prompt, asked)
    # Running states carry rounding from row to row, as in `test_packed_recurrent`.
    same(found, expected, asked, 1e-4 if model.family.recurrent_layers(model.hf) else TOLERANCE)
    moved = [abs(one.p / expected.baseline.p - 1) > 1e-4 for one in expected.changed]
    assert sum(moved) > len(moved) / 2, "patches show"


def test_both_ways_run_together_and_each_prompt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llava_next_video")
    one, other = pair_of(model)
    forwards: list[Prompt] = []
    run = twins.run_untouched

    def counted(model: Any, prompt: Any, **options: Any) -> Any:
        forwards.append(prompt)
        return run(model, prompt, **options)

    monkeypatch.setattr(twins, "run_untouched", counted)
    asked = [
        [Patch(site=site, layer=2, span=span, source=source) for site in ("z", "mlp_out") for span in SPANS]
        for source in (other, one)
    ]
    requests = [
        Request(prompt=prompt, interventions=some, noise=True)
        for prompt, some in zip((one, other), asked, strict=True)
    ]
    done: list[int] = []
    found = IncrementalEngine(limit_bytes=200_000).run(model, requests, done.append)
    assert forwards == [one, other]
    assert sum(done) == sum(map(len, asked))
    for request, outcomes in zip(requests, found, strict=True):
        same(
            outcomes, REFERENCE.outcomes(model, request.prompt, request.interventions), request.interventions
        )
        assert outcomes.noise_percent is not None
        assert outcomes.noise_percent < 0.01


def test_what_both_prompts_hold_is_not_computed_again() -> None:
    model = tiny_model("llava_next_video")
    prompt, source = pair_of(model)
    asked = [
        Patch(site="resid_pre", layer=1, span="question", source=source),
        Patch(site="embed", span="system + tail", source=source),
        Patch(site="attn_out", layer=3, span="system", source=source),
        Patch(site="resid_post", layer=model.n_layers, span="question", source=source),
        Patch(site="mlp_out", layer=2, span="video", source=prompt),
    ]
    patched = twins.twins_of(model, [(prompt, asked)]).patched(0, prompt, asked)
    assert not patched.jobs
    assert not patched.ends
    found = get_engine("incremental").outcomes(model, prompt, asked)
    assert {outcome.p for outcome in found.changed} == {found.baseline.p}


def test_the_last_row_after_the_last_layer_is_the_other_prompts() -> None:
    model = tiny_model("llava_next_video")
    prompt, source = pair_of(model)
    asked = [Patch(site="resid_post", layer=model.n_layers, span="last", source=source)]
    found = get_engine("incremental").outcomes(model, prompt, asked)
    theirs = get_engine("incremental").outcomes(model, source, [], token_id=found.baseline.token_id)
    assert found.changed[0].p == pytest.approx(theirs.baseline.p, rel=1e-5)


def test_patches_and_knockouts_of_one_prompt_go_to_the_reference_engine() -> None:
    model = tiny_model("llava_next_video")
    prompt, source = pair_of(model)
    asked = [
        Patch(site="resid_post", layer=1, span="video", source=source),
        Knockout.parse("video -> last in layer 2"),
    ]
    with pytest.warns(Slower, match="together"):
        found = get_engine("incremental").outcomes(model, prompt, asked)
    same(found, REFERENCE.outcomes(model, prompt, asked), asked)


def test_in_half_precision_the_stream_may_stay_in_float32() -> None:
    from tests.tiny import tiny_folder
    from workbench.models import load

    model = load(tiny_folder(), device="cpu", dtype="bfloat16")
    prompt, source = pair_of(model)
    asked = [
        Patch(site=site, layer=2, span="video", source=source) for site in ("resid_post", "mlp_out", "z")
    ]
    expected = REFERENCE.outcomes(model, prompt, asked)
    for engine in ("incremental", "incremental-float32"):
        found = get_engine(engine).outcomes(model, prompt, asked, token_id=expected.baseline.token_id)
        for one, two in zip(found.changed, expected.changed, strict=True):
            assert one.p == pytest.approx(two.p, rel=0.1)
    assert torch.get_default_dtype() == torch.float32
