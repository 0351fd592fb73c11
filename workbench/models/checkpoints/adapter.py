"""A LoRA adapter as peft saves it, merged into a model's weights: W + scale * B A (Hu et al. 2021).

Everything of an adapter is used or it is refused: a name that finds no place would otherwise leave the model
as it was, silently.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from workbench.checksums import sum_of_file
from workbench.errors import ModelError
from workbench.foreign import validated
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.headers import read_header
from workbench.models.checkpoints.opening import weights_of

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_CONFIG, _WEIGHTS, _PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
_NAME = re.compile(r"base_model\.model\.(?P<module>.+?)\.(?P<part>lora_A|lora_B|weight|bias)(\.weight)?")
_PLACES = (
    # As older versions of transformers and the authors' own code call modules.
    (r"language_model\.model\.", "model.language_model."),
    (r"language_model\.lm_head$", "lm_head"),
    (r"model\.(layers|embed_tokens|norm)\b", r"model.language_model.\1"),
    (r"vision_tower\.vision_model\.", "model.vision_tower."),
    (r"model\.vision_tower\.vision_tower\.vision_model\.", "model.vision_tower."),
    (r"multi_modal_projector\.", "model.multi_modal_projector."),
    (r"model\.mm_projector\.0$", "model.multi_modal_projector.linear_1"),
    (r"model\.mm_projector\.2$", "model.multi_modal_projector.linear_2"),
)


class _Said(BaseModel):
    """What adapter_config.json may say; whatever else would change the sum above is refused by its value."""

    model_config = ConfigDict(extra="ignore")
    peft_type: Literal["LORA"]
    r: int = Field(gt=0)
    lora_alpha: float = Field(gt=0, allow_inf_nan=False)
    use_rslora: bool = False
    use_dora: Literal[False] = False
    fan_in_fan_out: Literal[False] = False
    bias: Literal["none"] = "none"
    rank_pattern: dict[str, int] = Field(default={}, max_length=0)
    alpha_pattern: dict[str, float] = Field(default={}, max_length=0)


@dataclass(frozen=True, eq=False)
class Adapter:
    """An adapter's folder, read and checked; its weights stay in their file."""

    path: Path
    scale: float
    rank: int
    sha256: str
    """Of its weights and of what decides the sum, for the identity of a run."""

    def merge(self, hf: PreTrainedModel) -> None:
        """Add it to the weights of a model on the CPU, in float32, rounded once.

        Raises ModelError, the model untouched, where a weight of it has no place, or another shape.
        """
        weights = weights_of(self.path / _WEIGHTS)
        low = {name: _taken_apart(self.path, name) for name in weights}
        sums: dict[str, dict[str, str]] = {}
        replaced: dict[str, str] = {}
        for name, (module, part) in low.items():
            place = _place(self.path, name, module, hf)
            if part in ("lora_A", "lora_B"):
                sums.setdefault(place, {})[part] = name
            else:
                replaced[f"{place}.{part}"] = name
        parameters = dict(hf.named_parameters())
        changes: list[tuple[Tensor, list[str]]] = []
        for place, parts in sums.items():
            if parts.keys() != {"lora_A", "lora_B"}:
                raise ModelError(
                    f"{self.path}: {next(iter(parts.values()))} has no other half. Download it again."
                )
            changes.append((parameters[f"{place}.weight"], [parts["lora_A"], parts["lora_B"]]))
        changes += [(parameters[place], [name]) for place, name in replaced.items() if place in parameters]
        self._check_shapes(changes, replaced.keys() - parameters.keys())
        with torch.no_grad():
            for weight, names in changes:
                read = [weights[name]().to(torch.float32) for name in names]
                new = read[0] if len(read) == 1 else weight.float() + self.scale * (read[1] @ read[0])
                weight.copy_(new)

    def _check_shapes(self, changes: list[tuple[Tensor, list[str]]], lost: set[str]) -> None:
        stored = read_header(self.path / _WEIGHTS)
        for weight, names in changes:
            shapes = [stored[name].shape for name in names]
            wanted = (
                [tuple(weight.shape)]
                if len(names) == 1
                else [(self.rank, *weight.shape[1:]), (weight.shape[0], self.rank)]
            )
            if shapes != wanted or weight.ndim > 2:
                raise ModelError(
                    f"{self.path}: {names[0]} is of {' and '.join(map(str, shapes))}, and the model takes "
                    f"{' and '.join(map(str, wanted))}. The adapter belongs to another model."
                )
        if lost:
            raise ModelError(f"{self.path}: {min(lost)} is no weight of this model.")


def read_adapter(folder: CheckpointFolder) -> Adapter:
    """The adapter in a folder. Raises ModelError where there is none, or none that is merged exactly."""
    said = folder.json(_CONFIG)
    if said is None:
        raise ModelError(f"{folder.path} has no {_CONFIG}, so it holds no adapter of peft. Give its folder.")
    path = folder.path / _WEIGHTS
    if not path.exists():
        pickled = (folder.path / _PICKLE).exists()
        how = f"as a pickle only ({_PICKLE})" if pickled else "nowhere"
        raise ModelError(
            f"{folder.path} has its weights {how}. Save the adapter as safetensors (peft: "
            "save_pretrained(FOLDER, safe_serialization=True))."
        )
    settings = validated(_Said, said, source=str(folder.path / _CONFIG), error=ModelError)
    read_header(path)  # whether it is whole
    digest = hashlib.sha256(json.dumps(settings.model_dump(), sort_keys=True).encode())
    digest.update(bytes.fromhex(sum_of_file(path)))
    divisor = settings.r**0.5 if settings.use_rslora else settings.r
    return Adapter(folder.path, settings.lora_alpha / divisor, settings.r, digest.hexdigest())


def _taken_apart(path: Path, name: str) -> tuple[str, str]:
    """The module that a weight belongs to, and which part it is."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ModelError(
            f"{path}: {name} is no part of a plain LoRA of linear layers, and is not merged here. Merge the "
            "adapter with peft (merge_and_unload), save the model, and load that."
        )
    return found["module"], found["part"]


def _place(path: Path, name: str, module: str, hf: PreTrainedModel) -> str:
    """The module's name in this model."""
    modules: dict[str, Any] = dict(hf.named_modules())
    candidates = [module, *(re.sub(f"^{old}", new, module) for old, new in _PLACES)]
    found = next((one for one in candidates if one in modules), None)
    if found is None:
        raise ModelError(
            f"{path}: {name} belongs to {module}, which this model does not have, under that name or "
            "another that is known. The adapter belongs to another model, or to its authors' own code: "
            "merge it there, save the model, and convert that."
        )
    if found == "lm_head" and hf.config.get_text_config().tie_word_embeddings:
        raise ModelError(f"{path}: {name} is tied to the embedding in this model, which would change too.")
    return found
