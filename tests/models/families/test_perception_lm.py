"""PerceptionLM: contiguous square frames, and a tower that timm builds: tests with it need that package."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.models.families.recorded import check_pixels
from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.engine import get_engine
from workbench.errors import ModelError
from workbench.interventions import Knockout
from workbench.models import load
from workbench.models.families import perception_lm


@pytest.mark.parametrize("problem", [ModuleNotFoundError("No module named 'timm'"), RuntimeError("nms")])
def test_without_timm_the_load_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder("llava_next_video"), folder)
    said = {"model_type": "perception_lm", "architectures": ["PerceptionLMForConditionalGeneration"]}
    (folder / "config.json").write_text(json.dumps(said))

    def absent(name: str) -> Any:
        raise problem

    monkeypatch.setattr(perception_lm, "import_module", absent)
    with pytest.raises(
        ModelError, match=r"^The vision tower .* built by timm, .* pip install timm torchvision\.$"
    ):
        load(folder, device="cpu")


def test_pixels_are_those_of_the_video_processor() -> None:
    one = [0.239216, -0.623529, 0.184314, 0.223529]
    check_pixels("perception_lm", 3, (1, 3, 3, 28, 28), one, 8.855, 671.235)
    one = [0.239216, 0.160784, -0.019608, 0.192157]
    check_pixels("perception_lm", 5, (1, 5, 3, 28, 28), one, 9.6, 1125.601)


def test_frames_follow_one_another_with_nothing_between() -> None:
    model = tiny_model("perception_lm")
    prompt = tiny_prompt(model)
    first = int(prompt.layout["video"][0])
    assert prompt.layout["frame[:]"].tolist() == list(range(first, first + 16))
    assert not prompt.layout["between"].size
    assert model.family.vision_blocks_used(model.config, 2) == 2


def test_both_engines_agree() -> None:
    model = tiny_model("perception_lm")
    prompt = tiny_prompt(model)
    flows = ("frames -> later frames", "video -> question", "question -> last")
    cuts = [Knockout.of(flow, window) for flow in flows for window in ((1, 2), (2, 4))]
    found = get_engine("incremental").outcomes(model, prompt, cuts)
    expected = get_engine("reference").outcomes(model, prompt, cuts)
    assert [one.p for one in found.changed] == pytest.approx([one.p for one in expected.changed], rel=1e-4)
    assert all(abs(one.p / expected.baseline.p - 1) > 1e-5 for one in expected.changed)


def test_a_class_token_of_the_tower_is_its_patch_0() -> None:
    model = tiny_model("perception_lm")
    cache = model.run_with_cache(tiny_prompt(model), ["vision.*", "projector.hook_out"]).cache
    assert cache["vision.1.hook_resid_post"].shape == (4, 17, 32)
    assert cache["projector.hook_out"].shape == (4, 4, 64)


def test_a_processor_that_pools_otherwise_is_refused() -> None:
    model = tiny_model("perception_lm")
    for other in ({"size": {"height": 56, "width": 56}}, {"further": {"patch_size": 7, "pooling_ratio": 1}}):
        with pytest.raises(ModelError, match="pools by 2"):
            tiny_prompt(model, pixels=dataclasses.replace(model.pixels, **other))
