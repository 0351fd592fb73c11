"""Checkpoints that load, and every way in which a folder can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.broken_folders import BROKEN
from tests.tiny import tiny_folder, tiny_prompt
from workbench.errors import ModelError
from workbench.models import load


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_folder_is_refused_with_cause_and_remedy(folder: Path, kind: str) -> None:
    breaks, says = BROKEN[kind]
    breaks(folder)
    with pytest.raises(ModelError, match=says):
        load(folder, device="cpu")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"attention": "flash"}, "'sdpa' or 'eager'"),
        ({"attention": []}, "'sdpa' or 'eager'"),
        ({"device": []}, "device=\\[\\] is unknown"),
        ({"device": "meta"}, "holds no numbers"),
        ({"device": "xpu"}, "device='xpu' cannot be used"),
        ({"dtype": "int8"}, "dtype='int8' is not offered"),
        ({"dtype": torch.int64}, "dtype='torch.int64' is not offered"),
        ({"device": "gpu"}, "device='gpu' is unknown"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load(tiny_folder(), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="sees no GPU"):
        load(tiny_folder(), device="cuda")


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16, "torch.bfloat16"])
def test_dtypes_are_given_by_name_or_as_such(dtype: str | torch.dtype) -> None:
    model = load(tiny_folder(), dtype=dtype)
    assert model.dtype == torch.bfloat16
    assert "bfloat16" in repr(model)
    prompt = tiny_prompt(model)
    assert prompt.inputs["pixel_values_videos"].dtype == torch.float32  # rounded in the model, not before
    assert torch.isfinite(model.logits(prompt)).all()
