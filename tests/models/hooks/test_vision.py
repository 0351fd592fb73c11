"""Edits in the vision tower and the projector, and those that could not act."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.hooks.cases import FAMILY_NAMES, KINDS, Case, FamilyName, case, plain_logits
from tests.models.hooks.test_edit import editable, run
from tests.tiny import N_FRAMES, tiny_family
from workbench.errors import HookError
from workbench.models.hooks import HookPoint, run_with_cache

ALL = pytest.mark.parametrize("family", FAMILY_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)


@ALL
@BOTH
def test_edits_twice_in_a_row_give_the_same(family: FamilyName, kind: Any) -> None:
    """transformers installs hooks of its own in the vision tower during the first run."""
    of = case(family, kind)
    for name in [name for name in editable(of) if name.startswith(("vision", "projector"))]:
        fresh = Case(copy.deepcopy(of.model), of.plain, of.prompt, of.kv_heads)
        edit = (name, lambda value, hook: value * 0)
        first, second = run(fresh, edit), run(fresh, edit)
        assert torch.equal(first, second), name
        assert torch.equal(run(fresh), plain_logits(of))


@ALL
def test_vision_edits_by_frame(family: FamilyName) -> None:
    """Zeroing one frame's patches after the tower zeroes that frame's rows of the prompt, and no others."""
    of = case(family, "sdpa")
    used = f"vision.{tiny_family(family).blocks_used - 1}.hook_resid_post"
    seen: dict[str, Tensor] = {}

    def change_frame(value: Tensor, hook: HookPoint) -> None:
        value[1] = -value[1]

    def keep(value: Tensor, hook: HookPoint) -> None:
        seen["embed"] = value.clone()

    run(of, (used, change_frame), ("hook_embed", keep))
    before = run_with_cache(of.model, of.prompt, "hook_embed").cache["embed"]
    changed = (seen["embed"] != before).any(-1)[0].nonzero().flatten().tolist()
    layout = of.prompt.layout
    assert changed == np.setdiff1d(layout["frame[1]"], layout["between"]).tolist()
    assert of.prompt.layout.n_frames == N_FRAMES // tiny_family(family).group


def test_one_patch_of_qwen_moves_its_own_cell() -> None:
    """Raster order holds for writing: row 3, column 5 of 4 x 12 patches is cell (1, 2) of 2 x 6."""
    of = case("qwen2_5_vl", "sdpa")
    seen: dict[str, Tensor] = {}

    def change(value: Tensor, hook: HookPoint) -> None:
        value[1, 3 * 12 + 5] += 1

    def keep(value: Tensor, hook: HookPoint) -> None:
        seen["embed"] = value.clone()

    run(of, ("vision.1.hook_resid_post", change), ("hook_embed", keep))
    before = run_with_cache(of.model, of.prompt, "hook_embed").cache["embed"]
    changed = (seen["embed"] != before).any(-1)[0].nonzero().flatten().tolist()
    assert changed == [int(of.prompt.layout["cell[1,1,2]"][0])]
    cells = ("projector.hook_out", lambda value, hook: value.index_fill(1, torch.tensor([6 + 2]), 0.0))
    run(of, cells, ("hook_embed", keep))
    changed = (seen["embed"] != before).any(-1)[0].nonzero().flatten().tolist()
    assert changed == [int(of.prompt.layout[f"cell[{unit},1,2]"][0]) for unit in (0, 1)]


def test_edits_that_cannot_act_are_refused() -> None:
    of = case("llava_next_video", "sdpa")  # its projector takes the last layer but one
    ran: list[int] = []
    of.model.hf.register_forward_pre_hook(lambda module, args: ran.append(1))
    for name in ("vision.1.hook_resid_pre", "vision.1.hook_resid_post", "vision.*.hook_resid_post"):
        with pytest.raises(
            HookError, match=r"vision\.1\.hook_resid_\w+ cannot act.*vision\.0\.hook_resid_post"
        ):
            run(of, (name, lambda value, hook: value * 0))
    assert not ran  # refused at registration
    # and it is true that they could not: torch alone, after the model's own hooks
    run(of)
    expected = plain_logits(of)
    block = of.model.hf.model.vision_tower.encoder.layers[1]
    block.register_forward_hook(lambda module, args, output: output * 0)
    assert torch.equal(run(of), expected)
    # they can be read
    assert "vision.1.hook_resid_post" in run_with_cache(of.model, of.prompt, "vision.*").cache


@ALL
def test_edits_without_a_video_to_act_on_are_refused(family: FamilyName) -> None:
    of = case(family, "sdpa")
    ids = of.prompt.inputs["input_ids"].clone()
    ids[ids == of.model.video_token_id] = 7
    of.prompt.inputs.clear()
    of.prompt.inputs["input_ids"] = ids
    with pytest.raises(HookError, match=r"vision\.0\.hook_resid_post was not reached.*no video"):
        run(of, ("vision.0.hook_resid_post", lambda value, hook: value * 0))
    with pytest.raises(HookError, match="projector"):
        run_with_cache(of.model, of.prompt, "projector.hook_out")
    with pytest.raises(HookError, match="None of these"):
        run_with_cache(of.model, of.prompt, "vision.*")
    assert "vision.0.hook_resid_pre" not in run_with_cache(of.model, of.prompt).cache
