"""What one forward of the untouched model leaves behind, and models that cannot be run in parts."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from tests.engine.conftest import Case, case
from tests.engine.incremental.test_engine import REFERENCE, same
from tests.tiny.decoders import LENGTH, TEXT, VIDEO, bare_case
from tests.tiny.decoders import Case as Bare
from workbench.engine import Slower, get_engine
from workbench.engine.incremental.untouched import CannotReuse, rows_of, run_untouched, untouched_logits
from workbench.interventions import Flow, centred, knockouts
from workbench.models import VideoLLM
from workbench.models.families.llava_next_video import LlavaNextVideo


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


class Adds(LlavaNextVideo):
    """A family that says what its decoder adds after its second layer."""

    def __init__(self, term: torch.Tensor) -> None:
        self.term = term

    def added(self, arguments: Mapping[str, Any]) -> dict[int, torch.Tensor]:
        return {1: self.term}


@contextmanager
def adding(model: VideoLLM, term: torch.Tensor) -> Iterator[None]:
    """The decoder adds a term (s, d) between its second and third layer, which is not part of any layer."""
    decoder: Any = model.family.decoder(model.hf)
    inside: list[bool] = []

    def add(module: nn.Module, args: tuple[Any, ...]) -> Any:
        return (args[0] + term, *args[1:]) if inside else None

    handles = [
        decoder.register_forward_pre_hook(lambda module, args: inside.append(True)),
        decoder.register_forward_hook(lambda module, args, output: inside.clear()),
        decoder.layers[2].register_forward_pre_hook(add, prepend=True),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("flow", ["video -> last", "video -> question", "frames -> later frames"])
def test_what_a_family_says_is_added_between_layers_is_added_to_packed_rows(flow: str) -> None:
    model, prompt = case("llava_next_video")
    term = torch.zeros(len(prompt), model.d_model)
    term[prompt.layout["video"]] = 5 * torch.randn(
        prompt.layout["video"].size, model.d_model, generator=torch.Generator().manual_seed(1)
    )
    asked = knockouts([Flow.parse(flow)], [centred(1), centred(3)], model.n_layers)
    knows = dataclasses.replace(model, family=Adds(term))
    plain = REFERENCE.outcomes(model, prompt, asked)
    with adding(model, term):
        wanted = REFERENCE.outcomes(model, prompt, asked)
        with warnings.catch_warnings(action="error"):
            same(get_engine("incremental").outcomes(knows, prompt, asked), wanted, asked)
        wrong = dataclasses.replace(model, family=Adds(term * 1.01))
        with pytest.warns(Slower, match="its family does not know.*before layer 3"):
            same(get_engine("incremental").outcomes(wrong, prompt, asked), wanted, asked, tolerance=0)
    assert abs(wanted.baseline.p / plain.baseline.p - 1) > 1e-3, "the term counts"


def test_what_is_added_in_place_between_layers_is_noticed() -> None:
    model, prompt = case("llava_next_video")
    layer = model.hf.model.language_model.layers[2]
    handle = layer.register_forward_pre_hook(_add_in_place, prepend=True)
    try:
        with pytest.raises(CannotReuse, match="before layer 3"):
            run_untouched(model, prompt, first=0)
    finally:
        handle.remove()


def _add_in_place(module: nn.Module, args: tuple[Any, ...]) -> None:
    args[0].add_(0.1)


def test_one_forward_leaves_behind_what_hooks_see(tiny: Case) -> None:
    model, prompt = tiny
    found = run_untouched(model, prompt, first=5)
    logits, cache = model.run_with_cache(prompt, lambda name: name.endswith(("resid_pre", "rot_k", "hook_v")))
    assert (found.length, found.first) == (len(prompt), 5)
    assert len(found.resid) == len(found.keys) == len(found.values) == model.n_layers
    for layer, (resid, keys) in enumerate(zip(found.resid, found.keys.values(), strict=True)):
        torch.testing.assert_close(resid, cache[f"blocks.{layer}.hook_resid_pre"][0, 5:])
        torch.testing.assert_close(keys[0].transpose(0, 1), cache[f"blocks.{layer}.attn.hook_rot_k"][0])
    assert logits is not None
    assert logits is not None
    torch.testing.assert_close(found.logits, logits[-1])
    own, p = untouched_logits(model, found)
    torch.testing.assert_close(own, logits[-1])
    assert float(p.sum()) == pytest.approx(1, abs=1e-5)


def test_arguments_of_packed_rows_are_those_of_their_own_prompt() -> None:
    parts = [
        {"position_ids": torch.arange(3)[None], "other": 1},
        {"position_ids": torch.arange(2)[None] + 10},
    ]
    chosen = rows_of(parts, torch.tensor([4, 0, 3]))
    assert chosen["position_ids"].tolist() == [[11, 0, 10]]
    assert chosen["other"] == 1


def test_logits_that_do_not_come_from_the_residual_stream_alone_are_noticed() -> None:
    model, prompt = case("llava_next_video")
    found = run_untouched(model, prompt, first=0)
    with pytest.raises(CannotReuse, match="its logits are not"):
        untouched_logits(model, dataclasses.replace(found, logits=found.logits * 2))


def molmo2(attention: Any) -> Bare:
    """Every row of the video sees every other one, whichever comes first."""
    kinds = torch.zeros(1, LENGTH, dtype=torch.long)
    kinds[:, VIDEO] = 1
    config = transformers.Molmo2Config(
        text_config={**TEXT, "additional_vocab_size": 8},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "image_size": [28, 28],
        },
        adapter_config={
            "hidden_size": 32,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "intermediate_size": 48,
            "text_hidden_size": 64,
            "vision_feature_layer": [-1],
        },
    )
    return bare_case(
        "Molmo2ForConditionalGeneration",
        config,
        place="model.language_model",
        attention=attention,
        mm_token_type_ids=kinds,
    )


def gemma3(attention: Any) -> Bare:
    """Five layers in six see 6 rows back and no further."""
    config = transformers.Gemma3TextConfig(
        **TEXT, sliding_window=6, layer_types=["sliding_attention"] * 3 + ["full_attention"]
    )
    return bare_case("Gemma3ForCausalLM", config, attention=attention)


ROWS = torch.arange(LENGTH)
CAUSAL = ROWS[None] <= ROWS[:, None]
IN_VIDEO = (VIDEO.start <= ROWS) & (VIDEO.stop > ROWS)
OWN_MASKS = {
    molmo2: [CAUSAL | (IN_VIDEO[:, None] & IN_VIDEO[None])] * 4,
    gemma3: [CAUSAL & (ROWS[None] > ROWS[:, None] - 6)] * 3 + [CAUSAL],
}
"""What each layer of a model lets its rows see, written by hand."""


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("flow", ["video -> question", "frames -> later frames", "video -> last"])
@pytest.mark.parametrize("build", [molmo2, gemma3])
def test_models_with_masks_of_their_own_are_right(build: Any, flow: str, attention: Any) -> None:
    """The plain model of transformers with each layer's mask written by hand is what a cut must give."""
    model, plain, prompt = build(attention)
    own = OWN_MASKS[build]
    asked = knockouts([Flow.parse(flow)], [centred(1), centred(3)], model.n_layers)
    frame = torch.where(IN_VIDEO, (ROWS - VIDEO.start) // 4, -1)
    cut = {
        "video -> question": ((ROWS >= 16) & (ROWS < 21))[:, None] & IN_VIDEO[None],
        "frames -> later frames": (frame[:, None] > frame[None]) & (frame[None] >= 0),
        "video -> last": (ROWS == LENGTH - 1)[:, None] & IN_VIDEO[None],
    }[flow]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Slower)
        found = get_engine("incremental").outcomes(model, prompt, asked)
    exact = REFERENCE.outcomes(model, prompt, asked)
    untouched = _masked(plain, prompt, own).softmax(-1)
    token = found.baseline.token_id
    assert found.baseline.p == pytest.approx(float(untouched[token]), rel=1e-5)
    moved = 0.0
    for knockout, one, other in zip(asked, found.changed, exact.changed, strict=True):
        masks = [
            mask & ~cut if layer in knockout.layers(model.n_layers) else mask
            for layer, mask in enumerate(own)
        ]
        wanted = float(_masked(plain, prompt, masks).softmax(-1)[token])
        assert one.p == pytest.approx(wanted, rel=1e-5)
        assert other.p == pytest.approx(wanted, rel=1e-5)
        moved = max(moved, abs(wanted / found.baseline.p - 1))
    assert moved > 1e-3, "the cuts count"


def test_rows_that_see_later_ones_go_to_the_reference_engine() -> None:
    model, _, prompt = molmo2("sdpa")
    asked = knockouts([Flow.parse("frames -> later frames")], [centred(3)], model.n_layers)
    with pytest.warns(Slower, match="rows see later ones.* flows close edges to earlier rows alone"):
        get_engine("incremental").outcomes(model, prompt, asked)


def _masked(plain: Any, prompt: Any, masks: list[torch.Tensor]) -> torch.Tensor:
    """Logits of the plain model's last row; layers are handed these masks, bool (q, k)."""
    handles = []
    for layer, mask in zip(plain.get_decoder().layers, masks, strict=True):

        def put(module: Any, args: Any, kwargs: Any, mask: torch.Tensor = mask) -> Any:
            return args, {**kwargs, "attention_mask": mask[None, None]}

        handles.append(layer.self_attn.register_forward_pre_hook(put, with_kwargs=True))
    try:
        with torch.no_grad():
            return plain(**prompt.inputs, use_cache=False).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()
