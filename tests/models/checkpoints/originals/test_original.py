"""A format is told by architecture and names of weights together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.models.broken_folders import change_json
from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder
from tests.tiny.originals import WRITERS, write_llava, write_pllava
from workbench.errors import ModelError
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.checkpoints.originals import ORIGINALS, original_of
from workbench.models.checkpoints.originals.original import renaming


@pytest.mark.parametrize("name", WRITERS)
def test_every_folder_is_of_one_format(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    folder = CheckpointFolder("x", tmp_path)
    (format_,) = [original for original in ORIGINALS if original.recognises(folder)]
    assert original_of(folder) is format_


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_transformers_own_folders_are_of_none(family: FamilyName) -> None:
    assert original_of(CheckpointFolder("x", tiny_folder(family))) is None


def test_model_type_alone_tells_nothing(tmp_path: Path) -> None:
    """OneVision's original files and PLLaVA's both say "llava"."""
    found = []
    for name, write in (("a", lambda f: write_llava(f, "llava_onevision")), ("b", write_pllava)):
        write(tmp_path / name)
        folder = CheckpointFolder(name, tmp_path / name)
        assert folder.config["model_type"] == "llava"
        found.append(type(original_of(folder)).__name__)
    assert found == ["Llava", "Pllava"]


def test_a_telling_setting_stands_in_for_a_missing_architecture(tmp_path: Path) -> None:
    write_pllava(tmp_path)
    change_json(tmp_path / "config.json", architectures=None)
    assert type(original_of(CheckpointFolder("x", tmp_path))).__name__ == "Pllava"


@pytest.mark.parametrize("said", [None, ["LlavaForConditionalGeneration"], ["LlavaLlamaForCausalLM"]])
def test_an_ambiguous_llava_folder_is_refused(said: list[str] | None, tmp_path: Path) -> None:
    write_pllava(tmp_path, architectures=said)
    config = CheckpointFolder("x", tmp_path).config
    del config["pooling_shape"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"several formats call themselves 'llava'.*Pllava.*say so"):
        original_of(CheckpointFolder("x", tmp_path))


@pytest.mark.parametrize("said", [[], {}, [["LlavaLlamaForCausalLM"]], [None, 7]])
def test_names_that_are_no_texts_are_of_no_format(said: object, tmp_path: Path) -> None:
    write_pllava(tmp_path)
    config = {**CheckpointFolder("x", tmp_path).config, "architectures": said, "model_type": said}
    del config["pooling_shape"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert original_of(CheckpointFolder("x", tmp_path)) is None


def test_config_and_weights_of_two_formats_are_refused(tmp_path: Path) -> None:
    write_pllava(tmp_path)
    change_json(tmp_path / "config.json", architectures=["LlavaQwenForCausalLM"])
    with pytest.raises(ModelError, match=r"LlavaQwenForCausalLM.*under other names \(language_model"):
        original_of(CheckpointFolder("x", tmp_path))


def test_the_first_rule_that_matches_the_beginning_renames() -> None:
    rename = renaming([(r"a\.(b|c)\.", r"x.\1."), (r"a\.", "y.")], dropped=[r"old\."])
    weight = torch.zeros(1)
    assert [list(rename(name, weight)) for name in ("a.b.w", "a.d.w", "q.a.w", "old.w")] == [
        ["x.b.w"],
        ["y.d.w"],
        ["q.a.w"],
        [],
    ]
