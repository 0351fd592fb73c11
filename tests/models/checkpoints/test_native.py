"""transformers' own format: the config is the one that transformers reads."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder
from workbench.mini import checkpoint
from workbench.models import FAMILIES
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.checkpoints.native import Native


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_its_config_is_transformers_own(family: FamilyName) -> None:
    folder = CheckpointFolder("tiny", tiny_folder(family))
    ours, theirs = Native().config(folder, trust_remote_code=False), AutoConfig.from_pretrained(folder.path)
    assert type(ours) is type(theirs)
    assert ours.to_dict() == theirs.to_dict()
    assert ours.name_or_path == str(theirs.name_or_path)


def test_what_was_read_is_left_as_it_was() -> None:
    folder = CheckpointFolder("mini/video-ft", checkpoint("video-ft"))
    before = repr(folder.config)
    Native().config(folder, trust_remote_code=False)
    assert repr(folder.config) == before


def test_weights_come_with_what_transformers_says_of_them() -> None:
    folder = CheckpointFolder("tiny", tiny_folder())
    config = Native().config(folder, trust_remote_code=False)
    loaded = Native().weights(folder, FAMILIES["llava_next_video"], config, torch.float32, allow_pickle=False)
    assert not loaded.info["missing_keys"]
    assert not loaded.info["unexpected_keys"]
    assert loaded.hf.dtype == torch.float32
