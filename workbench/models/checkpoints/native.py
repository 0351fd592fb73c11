"""transformers' own format: config.json and safetensors under the names of its own modules."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.formats import Format, Loaded
from workbench.models.families import FAMILIES, Family

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig


class Native(Format):
    """Read by transformers as it is."""

    def model_type(self, folder: CheckpointFolder) -> str | None:
        said = folder.config.get("model_type")
        return said if said in FAMILIES else None

    def config(self, folder: CheckpointFolder, *, trust_remote_code: bool) -> PretrainedConfig:
        from transformers import CONFIG_MAPPING, AutoConfig

        if trust_remote_code and "auto_map" in folder.config:
            return AutoConfig.from_pretrained(folder.path, trust_remote_code=True)
        said = deepcopy(folder.config)  # transformers takes it apart
        return CONFIG_MAPPING[said["model_type"]].from_dict(said, name_or_path=str(folder.path))

    def weights(
        self,
        folder: CheckpointFolder,
        family: Family,
        config: PretrainedConfig,
        dtype: torch.dtype,
        *,
        allow_pickle: bool,
    ) -> Loaded:
        model_class: Any = family.load_class()
        return Loaded(
            *model_class.from_pretrained(
                folder.path,
                config=config,
                dtype=dtype,
                use_safetensors=None if allow_pickle else True,
                ignore_mismatched_sizes=True,  # refused by the caller, by name
                output_loading_info=True,
                local_files_only=True,
            )
        )
