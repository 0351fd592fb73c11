"""The tuned lens: before the unembedding, an affine map for each layer (Belrose et al., 2023, section 3).

"Eliciting Latent Predictions from Transformers with the Tuned Lens", arXiv:2303.08112: a layer's residual
stream h becomes h + W h + b, and then goes through the final norm and the unembedding. W and b are trained so
that the words are those that the model ends with in the same row. With W = 0 and b = 0 it is the logit lens.

Axes: l layer (from 0; the last has no map), r row, d and e model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import torch
from torch import Tensor

from workbench.analyses.lens.lenses import Lens, check_identity
from workbench.analyses.lens.unembedding import ROW_CHUNK, Reading, read_residual
from workbench.engine.vocabulary import VOCAB_CHUNK
from workbench.errors import RunError
from workbench.files import write_whole
from workbench.foreign import parse_json, validated
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.models import VideoLLM

_REMEDY = "Train one with wb.tuned_lens(model, samples)."
_FORMAT = "tuned_lens"


@dataclass(frozen=True, kw_only=True, eq=False)
class TunedLens(Lens):
    """An affine map for each layer but the last, and what it was trained on. Made by `tuned_lens`."""

    score: ClassVar[str] = "p"

    weight: Float[Tensor, "l d e"]
    """What is added to a residual stream: weight[l] @ h + bias[l]. In float32, on the CPU."""
    bias: Float[Tensor, "l d"]
    loss: pd.DataFrame
    """What is lost by layer, of samples that were kept out of training: columns of `LayerLoss`."""
    trained: Mapping[str, Any]
    """The model that it is for, the samples, and how it was trained."""
    name: str = "tuned lens"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"lens": "tuned", "sha256": self.sha256}

    @cached_property
    def sha256(self) -> str:
        """Of its numbers."""
        digest = hashlib.sha256()
        for part in (self.weight, self.bias):
            digest.update(part.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def check(self, model: VideoLLM) -> None:
        """Raise ModelError where it was trained on another model."""
        check_identity(self.trained["model"], model, what=self.name, remedy=_REMEDY)

    @shaped
    def translate(self, residual: Float[Tensor, "r d"], layer: int) -> Float[Tensor, "r d"]:
        """What residual streams after `layer` would be after the last one. That of the last is itself."""
        if layer == len(self.weight):
            return residual
        weight, bias = (part[layer].to(residual.device) for part in (self.weight, self.bias))
        return residual + (residual.float() @ weight.T + bias).to(residual.dtype)

    def read(
        self,
        model: VideoLLM,
        residual: Float[Tensor, "r d"],
        layer: int,
        *,
        top_k: int = 1,
        groups: Sequence[Sequence[int]] = (),
        row_chunk: int = ROW_CHUNK,
        vocab_chunk: int = VOCAB_CHUNK,
    ) -> Reading:
        tiled: Any = {"row_chunk": row_chunk, "vocab_chunk": vocab_chunk}
        return read_residual(model, self.translate(residual, layer), top_k=top_k, groups=groups, **tiled)

    def save(self, path: Path | str) -> Path:
        """Write a safetensors file that holds what it was trained on and its loss too. Raises WriteError."""
        from safetensors.torch import save

        told = {"name": self.name, "trained": dict(self.trained), "loss": self.loss.to_dict("records")}
        tensors = {"weight": self.weight.contiguous(), "bias": self.bias.contiguous()}
        return write_whole(path, save(tensors, metadata={_FORMAT: json.dumps(told)}))

    @classmethod
    def load(cls, path: Path | str) -> TunedLens:
        """Read what `save` wrote. Raises RunError where it is no such file, or damaged."""
        from safetensors import SafetensorError, safe_open

        path = Path(path)
        if not path.is_file():
            raise RunError(f"There is no file {path}. {_REMEDY}")
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                told, names = (file.metadata() or {}).get(_FORMAT), set(file.keys())
                if told is None or names != {"weight", "bias"}:
                    raise RunError(f"{path} holds no tuned lens. {_REMEDY}")
                weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
        except (OSError, SafetensorError) as error:
            raise RunError(f"{path} cannot be read as safetensors ({error}). {_REMEDY}") from error
        square = weight.ndim == 3 and weight.shape[1] == weight.shape[2] and bias.shape == weight.shape[:2]
        if not square or {weight.dtype, bias.dtype} != {torch.float32}:
            raise RunError(f"{path}: the maps have shapes {weight.shape} and {bias.shape}. {_REMEDY}")
        said = parse_json(told, source=str(path), error=RunError)
        found = validated(dict[str, Any], said, source=str(path), error=RunError)
        trained = found.get("trained")
        if not isinstance(trained, dict) or not isinstance(trained.get("model"), dict):
            raise RunError(f"{path} does not say which model it is for. {_REMEDY}")
        loss = pd.DataFrame(found.get("loss") or [])
        name = str(found.get("name", "tuned lens"))
        return cls(weight=weight, bias=bias, loss=loss, trained=trained, name=name)

    def __repr__(self) -> str:
        layers, width = self.bias.shape
        return f"TunedLens({self.trained['model']['model']}: {layers} layers, width {width})"
