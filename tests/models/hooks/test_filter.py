"""Which hook points a user means: names, patterns, lists, functions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.hooks.cases import LAYERS, case
from workbench.errors import HookError
from workbench.models.hooks import (
    hook_names,
    materialise,
    run_with_cache,
    run_with_hooks,
)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("blocks.1.hook_resid_pots", r"no hook point .*Did you mean 'blocks\.1\.hook_resid_post'"),
        ("blocks.1.attn.hook_patern", r"Did you mean 'blocks\.1\.attn\.hook_pattern'"),
        ("blocks.1.hook_q", r"Did you mean .*'blocks\.1\.attn\.hook_q'"),
        ("blocks.3.attn.hook_z", r"blocks\.0 to blocks\.2; layers in hook names count from 0"),
        ("blocks.-1.attn.hook_z", r"blocks\.0 to blocks\.2"),
        ("vision.2.hook_resid_pre", r"vision\.0 to vision\.1"),
        ("resid_post", r"blocks\.0\.hook_resid_post.*hook_names"),
        ("hook_pos_embed", "no hook point"),
        ("blocks.*.hook_resid_pots", r"matches none of the \d+ hook points"),
        ([], "names no hook point"),
        (["hook_embed", "blocks.1.nothing"], r"blocks\.1\.nothing"),
        ([3], "must be text, not int"),
        (lambda name: False, "accepts none"),
        ("", "no hook point ''"),
    ],
)
def test_unknown_names_are_refused_with_near_matches(names: Any, message: str) -> None:
    of = case("llava_next_video", "sdpa")
    with pytest.raises(HookError, match=message):
        run_with_cache(of.model, of.prompt, names)
    with pytest.raises(HookError, match=message):
        run_with_hooks(of.model, of.prompt, [(names, lambda value, hook: value)])
    with pytest.raises(HookError, match=message), materialise(of.model, names):
        pass


def test_filters() -> None:
    of = case("llava_next_video", "sdpa")

    def kept(names: Any) -> list[str]:
        return list(run_with_cache(of.model, of.prompt, names).cache)

    everything = list(hook_names(of.model))
    assert kept(None) == [name for name in everything if not name.endswith(("hook_result", "hook_mlp_in"))]
    assert kept("blocks.*.hook_resid_post") == [f"blocks.{layer}.hook_resid_post" for layer in range(LAYERS)]
    assert kept("blocks.[01].attn.hook_?") == [
        f"blocks.{layer}.attn.hook_{name}" for layer in (0, 1) for name in "qkvz"
    ]
    assert kept(["blocks.2.hook_resid_pre", "hook_embed"]) == ["hook_embed", "blocks.2.hook_resid_pre"]
    assert kept(("hook_embed", "hook_embed")) == ["hook_embed"]
    assert kept({"hook_embed"}) == ["hook_embed"]
    assert kept(lambda name: name.endswith("hook_result")) == [
        f"blocks.{layer}.attn.hook_result" for layer in range(LAYERS)
    ]
    assert kept("blocks.0.attn.hook_result") == ["blocks.0.attn.hook_result"]
