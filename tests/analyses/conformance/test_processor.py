"""Prompts and pixels against a processor: the same, other pixels, and no processor."""

from __future__ import annotations

from typing import Any

import pytest
import transformers

from tests.models.families.stand_in import Processor
from tests.tiny import tiny_model
from workbench.analyses.conformance.asking import Broken
from workbench.analyses.conformance.processor import as_its_processor
from workbench.errors import ModelError
from workbench.models.families.transformers_own import TransformersOwn, Written

FAMILIES = pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])


@FAMILIES
def test_a_family_that_reads_as_its_processor_stands_it(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = lambda folder, **how: Processor(family, folder)  # noqa: E731
    monkeypatch.setattr(transformers.AutoProcessor, "from_pretrained", found)
    assert as_its_processor(tiny_model(family)) == ""
    real = TransformersOwn.written

    def brighter(self: Any, clip: Any) -> Written:
        inputs, text = real(self, clip)
        return Written({**inputs, "pixel_values_videos": inputs["pixel_values_videos"] + 0.01}, text)

    monkeypatch.setattr(TransformersOwn, "written", brighter)
    with pytest.raises(Broken, match=r"pixels differ by 0\.01"):
        as_its_processor(tiny_model(family))


def test_without_a_processor_that_is_the_remark() -> None:
    assert as_its_processor(tiny_model("llava_pooled")) == "transformers has no processor for it"
    with pytest.raises(ModelError, match=r"processor .*(pip install torchvision|cannot be read)"):
        as_its_processor(tiny_model("qwen2_5_vl"))
