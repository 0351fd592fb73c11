"""What a checkpoint folder says about frames and about the text around a question, and in which file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from workbench.errors import ModelError
from workbench.foreign import validated
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.prompts.pixels import PixelSettings, settings_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# In the order in which transformers looks.
_PROCESSOR, _VIDEO_PART = "processor_config.json", "video_processor"
_VIDEO_FILES = ("video_preprocessor_config.json", "preprocessor_config.json")
_JINJA_FILE = "chat_template.jinja"
_TEMPLATE_FILES = ("chat_template.json", _PROCESSOR)
_TOKENIZER_CONFIG = "tokenizer_config.json"
_FOLDER, _DEFAULT = "additional_chat_templates", "default"


class _Named(BaseModel):
    """One of several chat templates in a list."""

    name: str
    template: str


def pixel_settings(folder: CheckpointFolder, defaults: PixelSettings) -> PixelSettings:
    """What the checkpoint does to frames; what it does not say is as in `defaults`.

    Raises ModelError where the folder has no settings, or has some that cannot be followed.
    """
    whole = folder.json(_PROCESSOR) or {}
    # What stands around the video's part is the processor's own, and of it only what the family follows.
    around = {name: whole[name] for name in defaults.further if name in whole}
    inner = whole.get(_VIDEO_PART)
    if inner is not None:
        return settings_of(_with(around, inner), defaults, source=folder.path / _PROCESSOR)
    for name in _VIDEO_FILES:
        if (found := folder.json(name)) is not None:
            return settings_of(_with(around, found), defaults, source=folder.path / name)
    raise ModelError(
        f"{folder.path} says nothing about how frames become pixels. Copy {' or '.join(_VIDEO_FILES)} there "
        f"from the original checkpoint, or {_PROCESSOR} with a {_VIDEO_PART} part."
    )


def _with(around: Mapping[str, Any], found: Any) -> Any:
    return {**around, **found} if isinstance(found, dict) else found


def chat_template(folder: CheckpointFolder, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The checkpoint's chat template; the processor's own goes before the tokenizer's.

    A checkpoint may have several by name, as an object, as a list of names and templates, or as files; the
    one called "default" is taken. Raises ModelError where there is something that is no template, or where
    there are several and none of that name.
    """
    others = _additional(folder)
    text = folder.text(_JINJA_FILE)
    if text is not None:
        return text
    for name in _TEMPLATE_FILES:
        found = (folder.json(name) or {}).get("chat_template")
        if found is not None:
            return _default(found, folder.path / name, others)
    said = tokenizer.chat_template
    if said is None and not others:
        return None
    return _default({} if said is None else said, folder.path / _TOKENIZER_CONFIG, others)


def _default(found: Any, source: Path, others: Mapping[str, str]) -> str:
    """The template to use of what a file says: a text, {name: text}, or [{"name": .., "template": ..}]."""
    kind: Any = str | dict[str, str] | list[_Named]
    read = validated(kind, found, source=f"{source}: chat_template", error=ModelError)
    if isinstance(read, str):
        return read
    if isinstance(read, list):
        read = {entry.name: entry.template for entry in read}
    named = {**others, **read}
    if _DEFAULT in named:
        return named[_DEFAULT]
    if len(named) == 1:
        return next(iter(named.values()))
    raise ModelError(
        f"{source} and {_FOLDER} have {len(named)} chat templates ({', '.join(sorted(named)[:8])}), and none "
        f"is called {_DEFAULT!r}. Put the one to use into {source.parent / _JINJA_FILE}."
    )


def _additional(folder: CheckpointFolder) -> dict[str, str]:
    """Templates by name in the folder for further ones."""
    place = folder.path / _FOLDER
    if not place.exists():
        return {}
    if not place.is_dir():
        raise ModelError(f"{place} is a file, where a folder of templates belongs. Move it away.")
    found = {path.stem: folder.text(f"{_FOLDER}/{path.name}") for path in sorted(place.glob("*.jinja"))}
    return {name: text for name, text in found.items() if text is not None}
