"""A tiny GLM-4.6V: seconds with a digit behind the point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import transformers
from transformers import Glm46VProcessor

from tests.tiny.glm4v import TINY as GLM4V
from tests.tiny.glm4v import config as as_glm4v
from tests.tiny.glm4v import written


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    said = as_glm4v(tokenizer, text).to_dict()
    said.pop("model_type")
    return transformers.Glm46VConfig(**{**said, "architectures": ["Glm46VForConditionalGeneration"]})


def expanded(inputs: Mapping[str, Any]) -> str:
    return written(Glm46VProcessor, inputs)


TINY = replace(GLM4V, config=config, expanded=expanded)
