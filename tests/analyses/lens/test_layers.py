"""What rows say after a layer: that layer's residual stream through norm and head, and no layer more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import workbench as wb
from tests.tiny import FAMILY_NAMES, tiny_model, tiny_prompt


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_the_last_layer_gives_the_models_own_logits(family) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    own = model.logits(prompt).float().softmax(-1)
    top = own.topk(3)
    lens: Any = wb.logit_lens(model, prompt, rows=None, top_k=3, words=["left"], progress=False)
    last = lens.table[lens.table["layer"] == model.n_layers]
    assert last["token_id"].to_numpy().reshape(-1, 3).tolist() == top.indices.tolist()
    assert last["p"].to_numpy().reshape(-1, 3) == pytest.approx(top.values.numpy(), rel=1e-4)
    # Normed twice, as when Hugging Face's last hidden state is taken for a residual stream:
    _, cache = model.run_with_cache(prompt, f"blocks.{model.n_layers - 1}.hook_resid_post")
    norm, head = model.family.final_norm(model.hf), model.family.lm_head(model.hf)
    with torch.no_grad():
        twice = head(norm(norm(cache["resid_post", -1][0]))).float().softmax(-1)
    assert (twice - own).abs().max() > 1e-3


def test_every_layer_is_its_own_residual_stream_through_norm_and_head() -> None:
    model = tiny_model("qwen2_5_vl")
    prompt = tiny_prompt(model)
    lens: Any = wb.logit_lens(model, prompt, rows="question", layers=[3, 1], top_k=1, progress=False)
    assert sorted(set(lens.table["layer"])) == [1, 3]
    _, cache = model.run_with_cache(prompt, "blocks.*.hook_resid_post")
    rows = prompt.layout["question"]
    for layer, part in lens.table.groupby("layer"):
        hidden = cache["resid_post", int(str(layer)) - 1][0, rows]
        with torch.no_grad():
            p = model.hf.lm_head(model.family.final_norm(model.hf)(hidden)).softmax(-1)
        assert part["row"].tolist() == rows.tolist()
        assert part["p"].to_numpy() == pytest.approx(p.amax(-1).numpy(), rel=1e-4)
        assert part["token_id"].tolist() == p.argmax(-1).tolist()


def test_without_the_norm_the_last_layer_keeps_it() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    with_norm, without = (
        wb.logit_lens(model, prompt, rows="last", top_k=1, final_norm=norm, progress=False).table
        for norm in (True, False)
    )
    same = np.isclose(with_norm["p"], without["p"], rtol=1e-6)
    assert same.tolist() == [False, False, False, True]


def test_the_model_runs_no_further_than_the_last_layer_asked_for() -> None:
    model = tiny_model()
    blocks = list(model.family.decoder_layers(model.hf))
    ran: list[int] = []
    hooks = [
        block.register_forward_hook(lambda *_, n=number: ran.append(n)) for number, block in enumerate(blocks)
    ]
    try:
        wb.logit_lens(model, tiny_prompt(model), rows="last", layers=2, progress=False)
    finally:
        for hook in hooks:
            hook.remove()
    assert ran == [0, 1]
