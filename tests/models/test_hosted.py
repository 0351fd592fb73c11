"""nnsight around modules that a server has: known by nnsight's key, and shipped as a class of nnsight."""

from __future__ import annotations

import json

import pytest
from nnsight.modeling.transformers import TransformersModel

from tests.tiny import tiny_model
from workbench.models.hosted import Hosted


def test_the_key_is_nnsights(monkeypatch: pytest.MonkeyPatch) -> None:
    nn = Hosted(tiny_model().hf, name="someone/a-model", revision="abc", attention="sdpa")
    monkeypatch.setattr("transformers.pipelines.get_task", lambda name: "image-text-to-text")
    monkeypatch.setattr("nnsight.modeling.huggingface._ID_CACHE", {"someone/a-model": "Someone/A-Model"})
    kind, _, told = nn.to_model_key().partition(":")
    assert kind == "nnsight.modeling.transformers.TransformersModel"
    assert json.loads(told) == {
        "repo_id": "Someone/A-Model", "revision": "abc", "task": "image-text-to-text",
    }  # fmt: skip
    assert nn._remoteable_get_env() == {"attn_implementation": "sdpa"}


def test_what_is_shipped_needs_nothing_of_ours() -> None:
    nn = Hosted(tiny_model().hf, name="someone/a-model", revision=None, attention="sdpa")
    _, (shipped, *_), _ = nn.__reduce_ex__(4)
    assert shipped is TransformersModel
