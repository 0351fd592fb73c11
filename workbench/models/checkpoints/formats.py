"""What a format of checkpoint files must say about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.processor import chat_template, pixel_settings
from workbench.models.checkpoints.tokenizer import read_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from workbench.models.families import Family
    from workbench.prompts.pixels import PixelSettings


class Loaded(NamedTuple):
    """A model with its weights."""

    hf: PreTrainedModel
    info: dict[str, Any]
    """transformers' loading info: missing_keys, unexpected_keys, mismatched_keys."""


class Format(ABC):
    """How the files of a checkpoint become the config and the weights of transformers' own class.

    Tokenizer, frames and chat template are read from the files that transformers has for them, unless a
    format says otherwise.

    One module each; `recognition.py` lists them, and the first that recognises a folder reads it.
    """

    @abstractmethod
    def model_type(self, folder: CheckpointFolder) -> str | None:
        """The family's model_type that these files become; None where they are of another format.

        Told by the config (architectures, telling keys) and, where that does not do, by `weight_names`.
        """

    @abstractmethod
    def config(self, folder: CheckpointFolder, *, trust_remote_code: bool) -> PretrainedConfig:
        """The config of transformers' class, without its author's habits (`config.described`).

        May raise anything where the file describes no model.
        """

    @abstractmethod
    def weights(
        self,
        folder: CheckpointFolder,
        family: Family,
        config: PretrainedConfig,
        dtype: torch.dtype,
        *,
        allow_pickle: bool,
    ) -> Loaded:
        """The model on the CPU. May raise anything; keys that do not fit are for the caller to refuse."""

    def tokenizer(
        self, folder: CheckpointFolder, config: PretrainedConfig, *, trust_remote_code: bool
    ) -> PreTrainedTokenizerBase:
        """The tokenizer, the video token among its special ones. Raises ModelError."""
        return read_tokenizer(folder, config, trust_remote_code=trust_remote_code)

    def pixels(self, folder: CheckpointFolder, family: Family) -> PixelSettings:
        """What the checkpoint does to frames. Raises ModelError."""
        return pixel_settings(folder, family.default_pixels)

    def template(self, folder: CheckpointFolder, tokenizer: PreTrainedTokenizerBase) -> str | None:
        """The chat template; None where there is none, and the family's default is used."""
        return chat_template(folder, tokenizer)
