"""A model whose forwards run where an NDIF server has its weights: nnsight's remote traces.

The key that names the model to the server is nnsight's own, and so are the address and the API key (its
config, or NDIF_HOST and NDIF_API_KEY): nothing of them passes through here.
"""

from __future__ import annotations

from typing import Any

from nnsight.modeling.transformers import TransformersModel
from torch import nn


class Hosted(TransformersModel):
    """nnsight around modules that may have no weights here, known to a server as a checkpoint of the hub."""

    def __init__(self, module: nn.Module, *, name: str, revision: str | None, attention: str) -> None:
        # "hub" until a request is made: a task is looked up on the hub, where simulations need none.
        super().__init__(module, task="hub", revision=revision)
        self.repo_id, self._kind = name, attention

    def _wrap(self, module: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
        return module  # prompts are made here: no pipeline, and no processor

    def _remoteable_class(self) -> type:
        return TransformersModel

    def _remoteable_model_key(self) -> str:
        from transformers.pipelines import get_task

        if self.task == "hub":
            self.task = get_task(self.repo_id)
        return super()._remoteable_model_key()

    def _remoteable_get_env(self) -> dict[str, Any]:
        return {"attn_implementation": self._kind}  # of transformers: ours has the same numbers

    def __reduce_ex__(self, protocol: Any) -> Any:
        # The server knows nnsight's class, and not this one.
        import copyreg

        rebuilt: Any = vars(copyreg)["_reconstructor"]
        return rebuilt, (TransformersModel, object, None), self.__getstate__()
