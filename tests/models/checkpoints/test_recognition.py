"""A folder says what it is; what is nothing of ours is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.broken_folders import change_json
from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder
from workbench.errors import ModelError
from workbench.models import FAMILIES
from workbench.models.checkpoints import FORMATS, CheckpointFolder, recognise
from workbench.models.checkpoints.native import Native


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_folder_is_recognised(family: FamilyName) -> None:
    form, found = recognise(CheckpointFolder("tiny", tiny_folder(family)))
    assert form in FORMATS
    assert (type(form), found) == (Native, FAMILIES[family])


@pytest.mark.parametrize(
    ("model_type", "said"), [("abacus", "is a 'abacus' model"), (None, "does not say its model_type")]
)
def test_another_architecture_is_refused_with_what_there_is(
    tmp_path: Path, model_type: str | None, said: str
) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    change_json(tmp_path / "config.json", **({} if model_type is None else {"model_type": model_type}))
    with pytest.raises(ModelError, match=rf"{said}.*llava_next_video \("):
        recognise(CheckpointFolder("tiny", tmp_path))
