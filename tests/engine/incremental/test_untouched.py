"""What one forward of the untouched model leaves behind, and models that cannot be run in parts."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.engine.conftest import Case, case
from tests.engine.incremental.test_engine import REFERENCE, same
from workbench.engine import Slower, get_engine
from workbench.engine.incremental.untouched import CannotReuse, rows_of, run_untouched, untouched_logits
from workbench.interventions import Flow, centred, knockouts


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


def test_one_forward_leaves_behind_what_hooks_see(tiny: Case) -> None:
    model, prompt = tiny
    found = run_untouched(model, prompt, first=5)
    logits, cache = model.run_with_cache(prompt, lambda name: name.endswith(("resid_pre", "rot_k", "hook_v")))
    assert (found.length, found.first) == (len(prompt), 5)
    assert len(found.resid) == len(found.keys) == len(found.values) == model.n_layers
    for layer, (resid, keys) in enumerate(zip(found.resid, found.keys, strict=True)):
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
