"""A deferred model says all that needs no weights, and reads them when something asks for them."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.deferred import Deferred
from workbench.runs.settings import model_settings


def test_prompts_and_settings_need_no_weights() -> None:
    now, later = tiny_model(), load(tiny_folder(), device="cpu", weights="later")
    assert isinstance(later, Deferred)
    ours, theirs = tiny_prompt(later), tiny_prompt(now)
    assert ours.text == theirs.text
    for name, given in theirs.inputs.items():
        assert torch.equal(ours.inputs[name], given)
    assert model_settings(later, writes_text=True) == model_settings(now, writes_text=True)
    assert dict(later.loaded_as or {}) == dict(now.loaded_as or {})
    for name in ("name", "n_layers", "n_heads", "n_kv_heads", "d_head", "max_length", "device"):
        assert getattr(later, name) == getattr(now, name), name
    assert later.arguments == now.arguments - {"self"}
    assert repr(later) == repr(now)
    assert not later.is_read
    assert all(weight.is_meta for weight in later.structure.parameters())


def test_weights_are_read_once_when_something_computes() -> None:
    now, later = tiny_model(), load(tiny_folder(), device="cpu", weights="later")
    assert isinstance(later, Deferred)
    prompt = tiny_prompt(now)
    assert torch.equal(later.logits(prompt), now.logits(prompt))
    assert later.is_read
    assert later.hf is later.hf


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_5"])
def test_structure_of_families(family: str) -> None:
    now, later = tiny_model(family), load(tiny_folder(family), device="cpu", weights="later")
    assert later.d_head == now.d_head
    layers = [set(one.family.recurrent_layers(one.structure)) for one in (now, later)]
    assert layers[0] == layers[1]
    assert isinstance(later, Deferred)
    assert not later.is_read


def test_what_is_neither_now_nor_later() -> None:
    with pytest.raises(ModelError, match="write 'now' or 'later'"):
        load(tiny_folder(), device="cpu", weights="soon")  # type: ignore[arg-type]
