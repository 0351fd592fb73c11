"""What a checkpoint folder says about frames and about the text around a question, and in which file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.prompts.pixels import PixelSettings, settings_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# In the order in which transformers looks.
_PROCESSOR, _VIDEO_PART = "processor_config.json", "video_processor"
_VIDEO_FILES = ("video_preprocessor_config.json", "preprocessor_config.json")
_JINJA_FILE = "chat_template.jinja"
_TEMPLATE_FILES = ("chat_template.json", _PROCESSOR)


def pixel_settings(folder: CheckpointFolder, defaults: PixelSettings) -> PixelSettings:
    """What the checkpoint does to frames; what it does not say is as in `defaults`.

    Raises ModelError where the folder has no settings, or has some that cannot be followed.
    """
    inner = (folder.json(_PROCESSOR) or {}).get(_VIDEO_PART)
    if isinstance(inner, dict):
        return settings_of(inner, defaults, source=folder.path / _PROCESSOR)
    for name in _VIDEO_FILES:
        if (found := folder.json(name)) is not None:
            return settings_of(found, defaults, source=folder.path / name)
    raise ModelError(
        f"{folder.path} says nothing about how frames become pixels. Copy {' or '.join(_VIDEO_FILES)} there "
        f"from the original checkpoint, or {_PROCESSOR} with a {_VIDEO_PART} part."
    )


def chat_template(folder: CheckpointFolder, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The checkpoint's chat template; the processor's own goes before the tokenizer's."""
    if (folder.path / _JINJA_FILE).is_file():
        return (folder.path / _JINJA_FILE).read_text(encoding="utf-8")
    for name in _TEMPLATE_FILES:
        found = (folder.json(name) or {}).get("chat_template")
        if isinstance(found, str):
            return found
    return tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else None
