"""transformers' own format: config.json and safetensors under the names of its own modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from workbench.models.checkpoints.config import described
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
        return said if isinstance(said, str) and said in FAMILIES else None

    def config(self, folder: CheckpointFolder, *, trust_remote_code: bool) -> PretrainedConfig:
        from transformers import CONFIG_MAPPING, AutoConfig

        if trust_remote_code and "auto_map" in folder.config:
            return AutoConfig.from_pretrained(folder.path, trust_remote_code=True)
        said = described(folder.config)  # a copy: transformers takes it apart
        known = FAMILIES.get(said["model_type"])
        kind = CONFIG_MAPPING[said["model_type"]] if known is None else known.config_class()
        return kind.from_dict(said, name_or_path=str(folder.path))

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
        # Handed the weights instead of the folder, transformers reads no other file there: what is loaded is
        # what the hash covers.
        with opened(folder) as weights:
            return Loaded(
                *model_class.from_pretrained(
                    None,
                    config=config,
                    state_dict=weights,
                    dtype=dtype,
                    ignore_mismatched_sizes=True,  # refused by the caller, by name
                    output_loading_info=True,
                    local_files_only=True,
                )
            )


@contextmanager
def opened(folder: CheckpointFolder) -> Iterator[dict[str, Any]]:
    """The weights of a folder by name, each read when it is used; pickled ones are read at once.

    Pickles are opened by torch's reader of weights alone, which runs no code.
    """
    import torch
    from safetensors import safe_open

    with ExitStack() as files:
        weights: dict[str, Any] = {}
        for path in folder.weight_files:
            file = files.enter_context(safe_open(path, framework="pt"))
            weights |= {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        for path in () if weights else folder.pickle_files:
            weights |= torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        yield weights
