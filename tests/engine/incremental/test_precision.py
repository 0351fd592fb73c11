"""A residual stream in float32 around layers in half precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.conftest import Case, case
from tests.engine.incremental.test_engine import NAMED, REFERENCE, all_knockouts, every_outcome, same
from tests.tiny import tiny_clip, tiny_folder, tiny_prompt, tiny_sample
from workbench.engine import IncrementalEngine, Request, get_engine
from workbench.interventions import Intervention, Knockout, centred
from workbench.models import VideoLLM, load


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
