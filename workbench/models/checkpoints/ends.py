"""Which tokens end an answer: all that a checkpoint may say about generation.

generation_config.json also holds penalties, beams, forbidden words and caches. They would change what "the
likeliest token again and again" means, so nothing of them is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from workbench.errors import ModelError
from workbench.foreign import validated
from workbench.models.checkpoints.folder import CheckpointFolder

if TYPE_CHECKING:
    from transformers import GenerationConfig

_GENERATION = "generation_config.json"
_Id = Annotated[int, Field(strict=True, ge=0, lt=2**31)]


def generation_settings(folder: CheckpointFolder) -> GenerationConfig:
    """The plainest generation settings: the tokens that end an answer, and the one that pads.

    They stand in generation_config.json, or else in config.json, whose text part comes last. Raises
    ModelError where they are no token ids.
    """
    from transformers import GenerationConfig

    said = folder.json(_GENERATION) or {}
    text = folder.config.get("text_config")
    parts = ((said, _GENERATION), (folder.config, "config.json"), (text, "config.json: text_config"))
    return GenerationConfig(
        eos_token_id=_first(folder, parts, "eos_token_id", _Id | list[_Id]),
        pad_token_id=_first(folder, parts, "pad_token_id", _Id),
    )


def _first(folder: CheckpointFolder, parts: tuple[tuple[Any, str], ...], key: str, kind: Any) -> Any:
    for part, name in parts:
        value = part.get(key) if isinstance(part, Mapping) else None
        if value is not None and value != -1:  # -1 is how older configs say "none"
            return validated(kind, value, source=f"{folder.path / name}: {key}", error=ModelError)
    return None
