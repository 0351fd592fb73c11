"""Classes of transformers that no module describes: the same as by a module, proved, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from tests.models.families.stand_in import MODULES, Processor
from tests.tiny import FamilyName, tiny_clip, tiny_family, tiny_folder, tiny_model, tiny_prompt
from workbench.analyses.conformance import conformance
from workbench.engine import get_engine
from workbench.errors import ModelError, PromptError
from workbench.interventions import Knockout
from workbench.models import FAMILIES, VideoLLM, load
from workbench.models.checkpoints import CheckpointFolder, recognise
from workbench.models.checkpoints.identity import identity_of
from workbench.models.families.transformers_own import TransformersOwn
from workbench.models.trial import Undescribed


@pytest.fixture
def processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """AutoProcessor without torchvision, by the pixels of the family's module."""

    def found(folder: Path, **how: Any) -> Processor:
        family = json.loads((folder / "config.json").read_text("utf-8"))["model_type"]
        return Processor(family if family in MODULES else "qwen2_5_vl", folder)

    monkeypatch.setattr(transformers.AutoProcessor, "from_pretrained", found)


def undescribed(family: FamilyName, monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    """The tiny model of a family, loaded as if it had no module."""
    folder = tiny_folder(family)
    monkeypatch.delitem(FAMILIES, family)
    with pytest.warns(Undescribed, match=f"is a {family}, which no family here .*`workbench models check"):
        return load(folder, device="cpu")


@pytest.mark.usefixtures("processors")
@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_a_family_without_its_module_is_what_it_is_with_it(
    family: FamilyName, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, model = tiny_model(family), undescribed(family, monkeypatch)
    assert isinstance(model.family, TransformersOwn)
    for n_frames in (4, 5):
        ours, theirs = (tiny_prompt(one, n_frames=n_frames) for one in (model, told))
        assert ours.input_ids.tolist() == theirs.input_ids.tolist()
        assert set(ours.inputs) == set(theirs.inputs)
        assert all(torch.equal(ours.inputs[name], value) for name, value in theirs.inputs.items())
        assert set(ours.layout.spans) == set(theirs.layout.spans)
        assert all(np.array_equal(ours.layout[span], theirs.layout[span]) for span in theirs.layout.spans)
        assert list(map(list, ours.layout.frames)) == list(map(list, theirs.layout.frames))
        assert ours.layout.frame_times == theirs.layout.frame_times
        assert torch.equal(model.logits(ours), told.logits(theirs))
    cut = Knockout.of("video -> question", (1, 3))
    numbers = [get_engine("incremental").outcomes(one, tiny_prompt(one), [cut]) for one in (model, told)]
    assert numbers[0].changed[0].p == numbers[1].changed[0].p


@pytest.mark.usefixtures("processors")
def test_a_class_that_no_module_describes_stands_every_check() -> None:
    with pytest.warns(Undescribed):
        model = load(tiny_folder("exaone4_5"), device="cpu")
    assert model.family.model_class == "Exaone4_5_ForConditionalGeneration"
    table = conformance(model)
    assert bool(table["holds"].to_numpy(bool).all()), table.to_string()
    said = dict(zip(table["check"], table["remark"], strict=True))
    assert said["fast engine"] == ""
    assert "hook_mlp_out" in said["residual stream"]  # norms stand behind
    assert not [name for name in model.hook_names() if name.startswith(("vision", "projector"))]


@pytest.mark.usefixtures("processors")
def test_frames_that_are_elsewhere_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = TransformersOwn._processed

    def swapped(self: Any, frames: np.ndarray, timestamps: Any) -> Any:
        return real(self, frames[::-1], timestamps)

    monkeypatch.setattr(TransformersOwn, "_processed", swapped)
    folder = tiny_folder("qwen2_5_vl")
    monkeypatch.delitem(FAMILIES, "qwen2_5_vl")
    with pytest.raises(ModelError, match="a change of frame 0 reaches 4 rows, 4 of them not its own"):
        load(folder, device="cpu")


@pytest.mark.usefixtures("processors")
def test_pixels_and_their_settings_are_the_processors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = undescribed("qwen2_5_vl", monkeypatch)
    with pytest.raises(PromptError, match="by transformers' own processor"):
        model.encode(tiny_clip(), "Where?", pixels=model.pixels)
    with pytest.raises(ModelError, match="backend='pil'"):
        model.encode(tiny_clip(), "Where?", backend="pil")
    sums = []
    for fps in (2, 3):
        place = tmp_path / str(fps)
        shutil.copytree(model.folder, place)
        (place / "preprocessor_config.json").write_text(json.dumps({"fps": fps}))
        folder = CheckpointFolder("tiny", place)
        sums.append(identity_of(folder, None, model.pixels, processor=True))
        assert "processor_sha256" not in identity_of(folder, None, model.pixels)
    assert sums[0]["processor_sha256"] != sums[1]["processor_sha256"]


@pytest.mark.parametrize(
    ("model_type", "says"),
    [
        ("lfm2_vl", "Lfm2VlProcessor takes no video"),
        ("ovis2", "Ovis2Processor takes no video"),
        ("instructblipvideo", "InstructBlipVideoProcessor does not say what it writes in place of a video"),
        ("bert", "transformers has no class of that name that takes a video"),
        ("whatever", "transformers has no class of that name that takes a video"),
    ],
)
def test_what_takes_no_video_is_refused_with_the_reason(tmp_path: Path, model_type: str, says: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    with pytest.raises(ModelError, match=says) as refused:
        recognise(CheckpointFolder("tiny", tmp_path))
    assert "add a family" in str(refused.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(*args: Any, **how: Any) -> Any:
        raise ImportError("AutoVideoProcessor requires the Torchvision library")

    monkeypatch.setattr(transformers.AutoProcessor, "from_pretrained", lacks)
    folder = tiny_folder("qwen2_5_vl")
    monkeypatch.delitem(FAMILIES, "qwen2_5_vl")
    with pytest.raises(ModelError, match="pip install torchvision"):
        load(folder, device="cpu")


def test_the_processors_of_transformers_give_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("torchvision", reason="transformers' video processors need torchvision")
    said, folder = tiny_family("qwen2_5_vl").pixels, tmp_path / "tiny"
    shutil.copytree(tiny_folder("qwen2_5_vl"), folder)
    transformers.Qwen2_5_VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(patch_size=7, merge_size=2, temporal_patch_size=2),
        tokenizer=transformers.AutoTokenizer.from_pretrained(folder),
        video_processor=transformers.Qwen2VLVideoProcessor(**said),
    ).save_pretrained(folder)
    told = tiny_model("qwen2_5_vl")
    monkeypatch.delitem(FAMILIES, "qwen2_5_vl")
    with pytest.warns(Undescribed):
        model = load(folder, device="cpu")
    for n_frames in (4, 5):
        ours, theirs = (tiny_prompt(one, n_frames=n_frames) for one in (model, told))
        assert ours.input_ids.tolist() == theirs.input_ids.tolist()
        assert torch.allclose(model.logits(ours), told.logits(theirs), atol=1e-5)
