"""A Video-LLM whose weights are read when something asks for them, and then once.

Prompts, layouts, settings and the names of layers need none: where others measure, this process holds no
replica of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from workbench.models.video_llm import VideoLLM

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Deferred(VideoLLM):
    """As VideoLLM; `hf` and `nn` load the model when they are first asked for."""

    _structure: PreTrainedModel
    _read: Callable[[], VideoLLM]
    _device: torch.device
    _dtype: torch.dtype
    _nn: Any

    def __init__(
        self,
        structure: PreTrainedModel,
        read: Callable[[], VideoLLM],
        *,
        device: torch.device,
        dtype: torch.dtype,
        nn: Any = None,
        **fields: Any,
    ) -> None:
        """The modules of `structure` are on torch's device "meta"; `read` loads the model, on `device` and in
        `dtype`. `nn` is given where it needs no weights here. `fields` are the others of VideoLLM."""
        told = {"_structure": structure, "_read": read, "_device": device, "_dtype": dtype, "_nn": nn}
        for name, value in (fields | told).items():
            object.__setattr__(self, name, value)

    @cached_property
    def _whole(self) -> VideoLLM:
        return self._read()

    @property
    def is_read(self) -> bool:
        """Whether the weights are there."""
        return "_whole" in vars(self)

    @property
    def hf(self) -> PreTrainedModel:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._whole.hf

    @property
    def nn(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._whole.nn if self._nn is None else self._nn

    @property
    def structure(self) -> PreTrainedModel:
        return self._whole.hf if self.is_read else self._structure

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def dtype(self) -> torch.dtype:
        return self._dtype
