"""An intervention that is no cut: the reference engine runs it once it knows how, the others hand it over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

from tests.engine.conftest import Case, case
from tests.tiny import tiny_clip, tiny_sample
from workbench.engine import IncrementalEngine, ReferenceEngine, Request, Slower, generate, get_engine
from workbench.engine.acting import acting
from workbench.errors import InterventionError
from workbench.interventions import Intervention, Knockout, Patch
from workbench.models.hooks import run_with_cache, run_with_hooks


@dataclass(frozen=True, slots=True)
class Unknown(Intervention):
    """A kind that no engine has heard of."""

    kind: ClassVar[str] = "riddle"

    def __str__(self) -> str:
        return "a riddle"

    def layers(self, n_layers: int) -> range:
        return range(n_layers)

    def check(self, layout: Any, n_layers: int, n_heads: int) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Louder(Unknown):
    """The output of a layer, doubled."""

    layer: int = 1


@acting.register(Louder)
@contextmanager
def _louder(intervention: Louder, model: Any, prompt: Any, kept: Any) -> Iterator[dict[int, torch.Tensor]]:
    layer = list(model.family.decoder_layers(model.hf))[intervention.layer]
    handle = layer.register_forward_hook(lambda module, given, output: output * 2)
    try:
        yield {}
    finally:
        handle.remove()


def test_engines_say_what_they_run() -> None:
    assert ReferenceEngine.runs == (Intervention,)
    assert IncrementalEngine.runs == (Knockout, Patch)


def test_a_kind_acts_in_the_reference_engine_and_leaves_the_model_as_it_was(tiny: Case) -> None:
    model, prompt = tiny
    before = model.logits(prompt)
    found = get_engine("reference").outcomes(model, prompt, [Louder(), Louder(2)])
    layer = list(model.family.decoder_layers(model.hf))[1]
    handle = layer.register_forward_hook(lambda module, given, output: output * 2)
    p = model.logits(prompt)[-1].softmax(-1)
    handle.remove()
    assert found.changed[0].p == pytest.approx(float(p[found.baseline.token_id]), rel=1e-5)
    assert len({found.baseline.p, *(outcome.p for outcome in found.changed)}) == 3
    assert torch.equal(model.logits(prompt), before)


@pytest.mark.parametrize("engine", ["incremental", "incremental-float32"])
def test_what_an_engine_cannot_run_is_handed_over_by_name(engine: str) -> None:
    model, prompt = case("llava_onevision")
    asked = [Knockout.parse("video -> last in layers 2..3"), Louder()]
    request = Request(prompt=prompt, interventions=asked)
    assert get_engine(engine).at_once(model, request) == 1
    with pytest.warns(Slower, match="reference engine, one forward at a time, because 'a riddle' is no cut"):
        (found,) = get_engine(engine).run(model, [request])
    assert found == get_engine("reference").outcomes(model, prompt, asked)


def test_a_kind_that_nobody_knows_is_refused() -> None:
    model, prompt = case("llava_onevision")
    with pytest.raises(InterventionError, match="'a riddle': no engine knows how a Unknown acts"):
        get_engine("reference").outcomes(model, prompt, [Unknown()])
    with pytest.raises(InterventionError, match="'a riddle' is a Unknown, and answers cannot be written"):
        generate(model, prompt, Unknown())


def test_a_patch_is_what_hooks_by_hand_do(tiny: Case) -> None:
    model, prompt = tiny
    source = model.encode(tiny_sample(), clip=tiny_clip(seed=1))
    rows = torch.as_tensor(prompt.layout["frame[1] + last"])
    for site, heads in (("resid_mid", None), ("z", (1,)), ("resid_post", None)):
        patch = Patch(site=site, layer=2, span="frame[1] + last", source=source, heads=heads)
        theirs = run_with_cache(model, source, patch.point).cache[patch.point]

        def put(
            activation: torch.Tensor, hook: Any, theirs: Any = theirs, heads: Any = heads
        ) -> torch.Tensor:
            new = activation.clone()
            if heads is None:
                new[:, rows] = theirs[:, rows]
            else:
                new[:, rows, heads[0]] = theirs[:, rows, heads[0]]
            return new

        by_hand = run_with_hooks(model, prompt, [(patch.point, put)], return_logits="last").softmax(-1)
        found = ReferenceEngine().outcomes(model, prompt, [patch])
        assert found.changed[0].p == pytest.approx(float(by_hand[found.baseline.token_id]), rel=1e-5)


def test_a_layer_without_the_site_and_frames_without_a_counterpart_are_refused() -> None:
    model = case("llava_next_video").model
    prompt, source = (model.encode(tiny_sample(), clip=tiny_clip(count)) for count in (4, 6))
    with pytest.raises(InterventionError, match="no frame has a counterpart"):
        ReferenceEngine().outcomes(model, prompt, [Patch(site="projector", span="frame[0]", source=source)])
