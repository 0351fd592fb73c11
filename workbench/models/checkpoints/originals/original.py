"""What an authors' own format of checkpoint must say about itself, so that it can be converted."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.headers import Stored

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

Rename = Callable[[str, "Tensor"], Mapping[str, "Tensor"]]
"""A weight under its name in the file -> the weights that it becomes, by their names in the model; none where
the model has no use for it. A name that it does not know comes back as it is, and is refused by the caller.
It reads shapes at most where it is given meta tensors."""
Shapes = Mapping[str, Stored]
"""The weights of a checkpoint by name, none of them read."""


class Becomes(NamedTuple):
    """What a checkpoint becomes."""

    config: dict[str, Any]
    """config.json: its model_type is that of a family."""
    rename: Rename
    pixels: dict[str, Any]
    """video_preprocessor_config.json."""
    template: str
    """chat_template.jinja."""
    zeros: Mapping[str, tuple[int, ...]] = {}
    """Weights that the model has and never uses, and the checkpoint need not have."""


class Original(ABC):
    """A format in which authors published their weights, for code of their own.

    One module each; `originals/__init__.py` lists them. Such a folder is converted once, and then loaded.
    """

    name: str
    """For messages."""
    models: str
    """Well-known checkpoints in this format."""
    architectures: frozenset[str]
    """Of config.json; all are of this format alone."""
    telling: str
    """A setting of config.json that says the same where `architectures` is missing."""
    weight: str
    """Pattern of a weight's name that every checkpoint of this format has."""

    def recognises(self, folder: CheckpointFolder) -> bool:
        """Whether this is a folder of this format, told by its architecture and its weights' names.

        Raises ModelError where the two contradict each other.
        """
        said = folder.config.get("architectures")
        listed = said if isinstance(said, list) else []
        named = {name for name in listed if isinstance(name, str)} & self.architectures
        if not named and (said or self.telling not in folder.config):
            return False
        names = folder.weight_names
        if names and not any(re.match(self.weight, name) for name in names):
            told = f"architectures = {sorted(named)}" if named else self.telling
            raise ModelError(
                f"{folder.path}: config.json says {told}, which is the {self.name} format, and the weights "
                f"are under other names ({', '.join(sorted(names)[:3])}). Copy config.json and weights from "
                "the same checkpoint."
            )
        return True

    def placeholder(self, folder: CheckpointFolder) -> str:
        """The special token that stands where the video's features go; added where the tokenizer lacks it."""
        return "<video>"

    @abstractmethod
    def becomes(
        self, folder: CheckpointFolder, shapes: Shapes, tokenizer: PreTrainedTokenizerBase
    ) -> Becomes:
        """What the checkpoint becomes. Raises ModelError for one that would compute something else."""


def renaming(rules: Sequence[tuple[str, str]], *, dropped: Sequence[str] = ()) -> Rename:
    """The first rule (pattern, replacement) that matches the beginning of a name; names that match one of
    `dropped` become nothing."""
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]
    left_out = [re.compile(pattern) for pattern in dropped]

    def rename(name: str, weight: Tensor) -> dict[str, Tensor]:
        if any(pattern.match(name) for pattern in left_out):
            return {}
        for pattern, replacement in compiled:
            if pattern.match(name):
                return {pattern.sub(replacement, name, count=1): weight}
        return {name: weight}

    return rename


def settings_for(config_class: Any, said: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The settings of `said` that a config of transformers knows, as config.json has them; `changes` go
    first."""
    known = {*config_class().to_dict(), "rope_theta", "rope_scaling", "rope_parameters"}
    chosen = {key: value for key, value in said.items() if key in known and key != "model_type"}
    return config_class(**{**chosen, **changes}).to_dict()


def refuse(folder: CheckpointFolder, reason: str) -> ModelError:
    """The error for a checkpoint of a known format that would compute something else."""
    return ModelError(f"{folder.path / 'config.json'}: {reason}")
