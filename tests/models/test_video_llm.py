"""A loaded model says what it is, and runs, traces, generates."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_model, tiny_prompt
from workbench.errors import PromptError


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize(("kv_heads", "layers"), [(2, 4), (4, 2), (1, 1)])
def test_a_model_says_what_it_is(family: FamilyName, kv_heads: int, layers: int) -> None:
    model = tiny_model(family, n_kv_heads=kv_heads, n_layers=layers)
    assert (model.n_layers, model.n_heads, model.n_kv_heads) == (layers, 4, kv_heads)
    assert (model.d_model, model.d_head) == (64, 16)
    assert model.vocab_size == model.logits(tiny_prompt(model)).shape[1]
    assert model.dtype == torch.float32
    assert model.device == torch.device("cpu")
    assert f"{layers} layers" in repr(model)
    assert len(repr(model)) < 150
    assert not any(weight.requires_grad for weight in model.hf.parameters())
    assert not model.hf.training


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_attention_of_either_kind_gives_the_same_logits(family: FamilyName) -> None:
    fused, eager = tiny_model(family), tiny_model(family, attention="eager")
    assert (fused.attention, eager.attention) == ("sdpa", "eager")
    prompt = tiny_prompt(fused)
    assert torch.allclose(fused.logits(prompt), eager.logits(prompt), atol=1e-4)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_greedy_text_is_the_likeliest_token_again_and_again(family: FamilyName) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    best = int(model.logits(prompt)[-1].argmax())
    ends = model.hf.generation_config.eos_token_id  # type: ignore[union-attr]
    if best != ends:
        said = model.tokenizer.decode([best], skip_special_tokens=True)
        assert model.generate(prompt, 1) == str(said).strip()
    assert model.generate(prompt, 6) == model.generate(prompt, 6)
    # What was generated before changes nothing.
    assert torch.equal(model.logits(prompt), model.logits(tiny_prompt(model)))
    with pytest.raises(PromptError, match="max_new_tokens=0"):
        model.generate(prompt, 0)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_trace_is_plain_nnsight(family: FamilyName) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    with model.trace(prompt):
        layer = model.family.decoder_layers(model.nn)[2]
        layer.output[:, -1] = 0
        after = layer.output.save()
        logits = model.nn.output.logits.save()
    assert not after[0, -1].any()
    assert not torch.equal(logits[0, -1], model.logits(prompt)[-1])
    assert torch.equal(logits[0, :-1], model.logits(prompt)[:-1])


def test_hook_points_are_at_hand() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    assert "blocks.3.hook_resid_post" in model.hook_names()
    logits, cache = model.run_with_cache(prompt, names_filter="blocks.3.hook_resid_post")
    assert logits is not None
    assert torch.equal(logits, model.logits(prompt))
    assert cache["blocks.3.hook_resid_post"].shape == (1, len(prompt), 64)
    edited = model.run_with_hooks(prompt, fwd_hooks=[("blocks.3.hook_resid_post", lambda x, hook: x * 2)])
    assert edited.shape == logits.shape
    assert torch.allclose(edited, logits, atol=1e-3)  # the final norm takes out the scale
    with model.materialise("blocks.1.attn.hook_pattern"), model.trace(prompt):
        pattern = model.family.decoder_layers(model.nn)[1].self_attn.hook_pattern.output.save()
    assert torch.allclose(pattern.sum(-1), torch.ones(1, 4, len(prompt)))
